use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn read(keys: &BTreeMap<String, String>) -> Result<Said, Fault> {
    decode(|key| keys.get(key).map(String::as_str))
}

fn keys_of(said: &Said) -> BTreeMap<String, String> {
    encode(said).unwrap().into_iter().collect()
}

/// Makes keys fit their hash again, as a member that lies would.
fn rehash(keys: &mut BTreeMap<String, String>) {
    let mut reader = Reader {
        get: |key: &str| keys.get(key).map(String::as_str),
        hash: Xxh3::new(),
    };
    for key in [STAGE, GRPC, VERSION, POINTS, VIEW, TARGETS] {
        reader.take(key).unwrap();
    }
    reader.take_parts(OWNED, 100).unwrap();
    reader.take_parts(EXCLUDED, 10).unwrap();
    let hash = reader.hash.digest().to_string();
    keys.insert(WORDS.to_owned(), hash);
}

fn words() -> impl Strategy<Value = Said> {
    let life = ("[a-z][a-z0-9 -]{0,20}", any::<u64>()).prop_map(|(node, generation)| Incarnation {
        node: NodeId::new(&node),
        generation,
    });
    let owned = proptest::collection::btree_set(any::<u64>(), 0..2_500);
    let excluded = proptest::collection::vec(life, 0..250);
    let rest = (
        0..4_usize,
        "[ -~]{0,256}",
        "[ -~]{0,20}",
        1..=MOST_POINTS,
        any::<u64>(),
        any::<u64>(),
    );
    let raft = (1..u64::MAX, any::<u64>(), 0..4_usize, any::<u64>(), any::<u64>());
    let raft = raft.prop_map(|(id, group, role, checkpoint, digest)| SaidRaft {
        id,
        group,
        role: ROLES[role].0,
        checkpoint,
        digest,
    });
    let group = (proptest::option::of(raft), any::<(u64, u64)>(), any::<u32>());
    (rest, owned, excluded, group).prop_map(
        |((stage, grpc, version, points, view, targets), owned, excluded, (raft, dataset, protocol))| Said {
            stage: STAGES[stage].0,
            grpc_address: grpc,
            version,
            points,
            view,
            targets,
            owned: owned.into_iter().map(TargetKey).collect(),
            excluded: excluded.into(),
            raft,
            dataset,
            protocol,
        },
    )
}

fn some() -> Said {
    Said {
        stage: Stage::Ready,
        grpc_address: "10.0.0.1:7947".to_owned(),
        version: "0.1.0".to_owned(),
        points: 256,
        view: 7,
        targets: 9,
        owned: (1..=2_500).map(TargetKey).collect(),
        excluded: [Incarnation {
            node: NodeId::new("b"),
            generation: 3,
        }]
        .into(),
        raft: Some(SaidRaft {
            id: 5,
            group: 6,
            role: SaidRole::Learner,
            checkpoint: 64,
            digest: 7,
        }),
        dataset: (3, 8),
        protocol: 2,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_said_is_understood(said in words()) {
        let keys = encode(&said).unwrap();
        prop_assert!(keys.iter().all(|(_, value)| value.len() <= LONGEST_VALUE));
        prop_assert_eq!(keys.last().map(|(key, _)| key.as_str()), Some(WORDS));
        let keys = keys.into_iter().collect();
        prop_assert_eq!(read(&keys), Ok(said));
    }

    #[test]
    fn old_words_among_new_ones_are_not_understood(
        old in words(), new in words(), arrived in 0.0..1.0_f64,
    ) {
        let mut keys = keys_of(&old);
        let coming = encode(&new).unwrap();
        let arrived = (coming.len() as f64 * arrived) as usize;
        for (key, value) in coming.into_iter().take(arrived) {
            keys.insert(key, value);
        }
        let read = read(&keys);
        prop_assert!(read == Err(Fault::Partial) || read == Ok(old), "{:?}", read);
    }

    #[test]
    fn no_values_panic(
        values in proptest::collection::btree_map(
            prop_oneof![
                "(stage|grpc|version|points|view|targets|owned|excluded|raft|dataset)",
                "(owned|excluded)\\.[0-3]",
            ],
            prop_oneof!["[0-9]{1,3}", "\\PC{0,40}", "[A-Za-z0-9+/]{0,40}", Just("x".repeat(40_000))],
            0..12,
        ),
        fit: bool,
    ) {
        let mut keys = keys_of(&some());
        keys.extend(values);
        let lengths_fit = keys.values().all(|value| value.len() <= LONGEST_VALUE);
        let counts_fit = [(OWNED, 3), (EXCLUDED, 1)].iter().all(|(key, most)| {
            keys[*key].parse::<usize>().is_ok_and(|count| count <= *most)
        });
        if fit && lengths_fit && counts_fit {
            rehash(&mut keys);
        }
        if let Ok(said) = read(&keys) {
            prop_assert!(said.owned.len() <= MOST_OWNED && said.excluded.len() <= MOST_EXCLUDED);
        }
    }
}

#[test]
fn words_that_cannot_be_are_malformed() {
    let unsorted = owned_part(&[TargetKey(2), TargetKey(1)]);
    let cases = [
        (STAGE, "dancing"),
        (GRPC, "a\nb"),
        (VERSION, &"v".repeat(257)),
        (POINTS, "0"),
        (POINTS, "4294967295"),
        (VIEW, "-1"),
        (TARGETS, ""),
        ("owned.0", "AAAA"),
        ("owned.0", "not base64!"),
        ("owned.0", &unsorted),
        ("excluded.0", "3"),
        ("excluded.0", "x b"),
        ("excluded.0", "3 "),
        ("excluded.0", "3 a\tb"),
    ];
    for (key, value) in cases {
        let mut keys = keys_of(&some());
        keys.insert(key.to_owned(), value.to_owned());
        assert_eq!(read(&keys), Err(Fault::Partial), "{key}: the hash does not fit");
        rehash(&mut keys);
        assert!(matches!(read(&keys), Err(Fault::Malformed(_))), "{key}: {value}");
    }
}

#[test]
fn of_a_node_that_says_nothing_of_the_group_the_rest_is_understood() {
    let mut keys = keys_of(&some());
    for without in [RAFT, DATASET] {
        keys.remove(without);
    }
    let bare = Said {
        raft: None,
        dataset: (0, 0),
        ..some()
    };
    assert_eq!(read(&keys), Ok(bare.clone()));
    // Emptied keys stay; and a node that does not know these two finds that the hash fits without them.
    keys.insert(RAFT.to_owned(), String::new());
    assert_eq!(read(&keys), Ok(bare));
    let before = keys_of(&some());
    rehash(&mut keys);
    assert_eq!(keys[WORDS], before[WORDS]);
}

#[test]
fn words_of_the_group_that_cannot_be_are_malformed() {
    for (key, value) in [
        (RAFT, "5 6 learner 64"),
        (RAFT, "0 6 learner 64 7"),
        (RAFT, "5 6 king 64 7"),
        (RAFT, "x 6 learner 64 7"),
        (DATASET, "3"),
        (DATASET, "3 -8"),
    ] {
        let mut keys = keys_of(&some());
        keys.insert(key.to_owned(), value.to_owned());
        assert!(matches!(read(&keys), Err(Fault::Malformed(_))), "{key}: {value}");
    }
    let mut keys = keys_of(&some());
    keys.insert(RAFT.to_owned(), "5 6 learner 64 7 and more".to_owned());
    assert_eq!(read(&keys), Ok(some()), "a newer node may say more");
}

#[test]
fn lists_without_end_are_refused_before_they_are_read() {
    for (key, value) in [
        (OWNED, "101"),
        (EXCLUDED, "11"),
        (OWNED, "18446744073709551615"),
        (OWNED, "x"),
    ] {
        let mut keys = keys_of(&some());
        keys.insert(key.to_owned(), value.to_owned());
        assert!(matches!(read(&keys), Err(Fault::Malformed(_))), "{key}: {value}");
    }
}

#[test]
fn what_is_too_long_is_not_said() {
    let long = Said {
        grpc_address: "a".repeat(257),
        ..some()
    };
    assert!(matches!(
        encode(&long),
        Err(Unspeakable::TooLong { key: GRPC, .. })
    ));
    let many = Said {
        owned: (0..100_001).map(TargetKey).collect(),
        ..some()
    };
    assert!(matches!(
        encode(&many),
        Err(Unspeakable::TooMany { key: OWNED, .. })
    ));
    let most = Said {
        owned: (0..100_000).map(TargetKey).collect(),
        ..some()
    };
    assert_eq!(read(&keys_of(&most)), Ok(most));
    let nameless = Incarnation {
        node: NodeId::new(""),
        generation: 1,
    };
    let nameless = Said {
        excluded: [nameless].into(),
        ..some()
    };
    assert_eq!(encode(&nameless), Err(Unspeakable::Name));
}
