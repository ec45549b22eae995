use super::*;

const ONE: [u8; LENGTH] = [1; LENGTH];

fn parse(text: &str) -> Result<Keyring, KeyError> {
    Keyring::parse(text, Path::new("gossip.key"))
}

fn line(key: u8) -> String {
    STANDARD.encode([key; LENGTH])
}

#[test]
fn a_file_holds_keys_comments_and_blank_lines() {
    let text = format!(
        "# the new one first\n\n  {}  \r\n{}\n",
        line(1),
        line(2).trim_end_matches('=')
    );
    let ring = parse(&text).unwrap();
    assert_eq!(ring.0.len(), 2);
    assert_eq!(*ring.0[0], ONE);
}

#[test]
fn what_is_no_key_is_said_with_its_line_and_never_shown() {
    let short = STANDARD.encode([7; 31]);
    for bad in ["not base64!", &short, &line(1)[1..]] {
        let fault = parse(&format!("{}\n{bad}\n", line(1))).unwrap_err();
        assert!(matches!(fault, KeyError::Line { line: 2, .. }), "{fault}");
        assert!(!fault.to_string().contains(bad));
    }
    assert!(matches!(parse("# nothing\n"), Err(KeyError::Empty { .. })));
    let many = |count: u8| (0..count).map(line).collect::<Vec<_>>().join("\n");
    assert_eq!(parse(&many(16)).unwrap().0.len(), 16);
    assert!(matches!(parse(&many(17)), Err(KeyError::TooMany { .. })));
}

#[test]
fn files_are_read_and_faults_name_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gossip.key");
    let missing = Keyring::read(&path).unwrap_err();
    assert!(matches!(missing, KeyError::Read { .. }) && missing.to_string().contains("gossip.key"));
    std::fs::write(&path, line(1)).unwrap();
    assert_eq!(*Keyring::read(&path).unwrap().0[0], ONE);
    std::fs::write(&path, "#".repeat(70_000)).unwrap();
    assert!(Keyring::read(&path).is_err());
}

#[test]
fn a_token_is_of_one_key_and_one_cluster() {
    let (old, both, new) = (
        parse(&line(1)).unwrap(),
        parse(&format!("{}\n{}", line(2), line(1))).unwrap(),
        parse(&line(2)).unwrap(),
    );
    assert!(both.accepts_token("prod", &old.peer_token("prod")));
    assert!(both.accepts_token("prod", &new.peer_token("prod")));
    assert_eq!(both.peer_token("prod"), new.peer_token("prod"));
    assert!(!old.accepts_token("prod", &new.peer_token("prod")));
    assert!(!old.accepts_token("prod", &old.peer_token("test")));
    for word in ["", "x", &old.peer_token("prod")[1..]] {
        assert!(!old.accepts_token("prod", word));
    }
}

#[test]
fn what_is_derived_for_one_use_is_nothing_for_another() {
    let ring = Keyring::of_name("prod");
    let gossip = ring.gossip_keys().next().unwrap();
    assert_ne!(STANDARD_NO_PAD.encode(*gossip), ring.peer_token("prod"));
    assert_ne!(*gossip, *ring.0[0]);
    assert_ne!(*gossip, *Keyring::of_name("test").gossip_keys().next().unwrap());
}

#[test]
fn keys_are_not_printed() {
    let shown = format!("{:?}", parse(&line(1)).unwrap());
    assert_eq!(shown, "Keyring(1 keys, [REDACTED])");
}
