//! Messages to our own types and back, and what must not come through.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use prometheus::Registry;
use proptest::prelude::*;
use ringwatch_frame::{Cell, ColumnType, Columns, Epoch, FrameId, FrameMeta, Resource, Value};

use super::*;

mod said;

const FIRST: i64 = 1_700_000_000_000_000_000;

fn metrics() -> PeerMetrics {
    PeerMetrics::register(&Registry::new()).unwrap()
}

fn db() -> TargetId {
    TargetId::new("postgresql", "db1:5432")
}

fn rows(values: &[(Option<i64>, String)]) -> RecordBatch {
    let mut columns = Columns::new([("n", ColumnType::Int), ("text", ColumnType::Text)]);
    for (number, text) in values {
        let number = number.map_or(Cell::Null, Cell::Int);
        columns.push(&[number, Cell::Text(text)]).unwrap();
    }
    columns.finish().unwrap()
}

fn frame(target: &TargetId, stream: &StreamId, tick: Tick, rows: RecordBatch) -> PendingFrame {
    let resource: Resource = [
        (Arc::from("db"), Value::from("one")),
        (Arc::from("port"), Value::Int(5432)),
    ]
    .into_iter()
    .collect();
    PendingFrame {
        meta: FrameMeta {
            id: FrameId {
                target: target.clone(),
                stream: stream.clone(),
                tick,
                epoch: Epoch(1 << 47),
            },
            source: "postgresql/fleet".into(),
            resource: Arc::new(resource),
        },
        rows,
    }
}

fn stream_id() -> impl Strategy<Value = StreamId> {
    let name = "[a-z.]{1,12}";
    prop_oneof![
        name.prop_map(|name| StreamId::of_server(&name)),
        (name, ".{1,12}").prop_map(|(name, database)| StreamId::of_database(&name, &database)),
    ]
}

fn batch() -> impl Strategy<Value = RecordBatch> {
    prop::collection::vec((any::<Option<i64>>(), ".{0,8}"), 0..6).prop_map(|values| rows(&values))
}

/// A batch whose schema says something of its own, as baselines do.
fn baseline() -> impl Strategy<Value = RecordBatch> {
    (batch(), prop::collection::btree_map(".{0,8}", ".{0,8}", 0..4)).prop_map(|(mut rows, said)| {
        rows.schema_metadata_mut().extend(said);
        rows
    })
}

type Parts = Vec<(StreamId, i64, Option<RecordBatch>, Vec<(i64, RecordBatch)>)>;

fn memory_of(target: &TargetId, parts: Parts) -> TargetMemory {
    let stream = |(id, last, baseline, frames): (StreamId, i64, _, Vec<(i64, RecordBatch)>)| {
        let mut before: Vec<(i64, RecordBatch)> = frames;
        before.sort_by_key(|(age, _)| Reverse(*age));
        before.dedup_by_key(|(age, _)| *age);
        let at = |age: i64| Tick::from_unix_nanos(FIRST + last - age);
        let pending = before
            .into_iter()
            .map(|(age, rows)| frame(target, &id, at(age), rows))
            .collect();
        let memory = StreamMemory {
            last: Some(at(0)),
            baseline,
            pending,
        };
        (id, memory)
    };
    parts.into_iter().map(stream).collect()
}

fn memory() -> impl Strategy<Value = TargetMemory> {
    let frames = prop::collection::vec((0..1000_i64, batch()), 0..4);
    let part = (
        stream_id(),
        1..1_000_000_i64,
        prop::option::of(baseline()),
        frames,
    );
    prop::collection::vec(part, 0..4).prop_map(|parts| memory_of(&db(), parts))
}

fn any_change() -> impl Strategy<Value = Change> {
    let ended = (
        stream_id(),
        0..1_000_000_i64,
        prop::option::of(baseline()),
        prop::option::of(batch()),
    );
    let ended = ended.prop_map(|(stream, at, baseline, rows)| {
        let tick = Tick::from_unix_nanos(FIRST + at);
        let ended = EndedTick {
            tick,
            baseline,
            frame: rows.map(|rows| frame(&db(), &stream, tick, rows)),
            based: (at % 3 == 0).then(|| Tick::from_unix_nanos(FIRST)),
            unreachable: at % 2 == 0,
            anew: at % 5 == 0,
            stream,
        };
        Change::Ended { target: db(), ended }
    });
    prop_oneof![
        (memory(), any::<u64>(), any::<u64>()).prop_map(|(memory, serial, view)| Change::Snapshot {
            covers: memory
                .keys()
                .step_by(2)
                .map(|id| (id.clone(), Tick::from_unix_nanos(7)))
                .collect(),
            target: db(),
            memory,
            serial,
            view,
        }),
        ended,
        (stream_id(), 1..FIRST).prop_map(|(stream, tick)| Change::Settled {
            target: db(),
            stream,
            tick: Tick::from_unix_nanos(tick),
        }),
        Just(Change::Release(db())),
        stream_id().prop_map(|stream| Change::Forget { target: db(), stream }),
    ]
}

/// As it comes out of a connection.
fn over_the_wire(request: &wire::ReplicateRequest) -> wire::ReplicateRequest {
    wire::ReplicateRequest::decode(request.encode_to_vec().as_slice()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_change_survives_the_way_to_a_message_and_back(sent in any_change()) {
        let message = over_the_wire(&request(sent.clone(), &metrics()));
        prop_assert_eq!(change(message).unwrap(), sent);
    }

    #[test]
    fn what_is_known_of_targets_survives_too(
        memories in prop::collection::vec(prop::option::of(memory()), 0..3),
    ) {
        let known = |(n, memory): (usize, Option<TargetMemory>)| Recalled {
            delivers: n % 2 == 1,
            doubtful: memory.clone().filter(|_| n % 3 == 0).unwrap_or_default(),
            target: db(),
            owned: n % 2 == 0,
            memory,
            moves: (0..n).map(|n| Duration::from_millis(n as u64)).collect(),
        };
        let known: Vec<Recalled> = memories.into_iter().enumerate().map(known).collect();
        prop_assert_eq!(recalled_in(recalled_out(known.clone(), &metrics())).unwrap(), known);
    }

    #[test]
    fn damaged_messages_are_refused_or_understood_but_never_fatal(
        sent in any_change(), at in any::<prop::sample::Index>(),
        put in prop::collection::vec(any::<u8>(), 1..9),
    ) {
        let mut bytes = request(sent, &metrics()).encode_to_vec();
        let at = at.index(bytes.len());
        let end = (at + put.len()).min(bytes.len());
        bytes.splice(at..end, put);
        if let Ok(message) = wire::ReplicateRequest::decode(bytes.as_slice()) {
            let _either = change(message);
        }
    }

    #[test]
    fn bytes_that_are_no_frame_are_refused(
        bytes in prop::collection::vec(any::<u8>(), 1..400), marked in any::<bool>(),
    ) {
        let mut frame = if marked { vec![0xff, 0xff, 0xff, 0xff] } else { Vec::new() };
        frame.extend(bytes);
        let message = ended(|ended| ended.frame = frame.into());
        let refused = matches!(change(message), Err(Malformed::Frame { .. }));
        prop_assert!(refused);
    }
}

/// A well-formed message of a tick, with one thing changed.
fn ended(spoil: impl FnOnce(&mut wire::TickEnded)) -> wire::ReplicateRequest {
    let (stream, tick) = (
        StreamId::of_server("postgresql.databases"),
        Tick::from_unix_nanos(FIRST),
    );
    let ended = EndedTick {
        stream: stream.clone(),
        tick,
        baseline: Some(rows(&[(Some(1), "a".into())])),
        frame: Some(frame(&db(), &stream, tick, rows(&[(Some(2), "b".into())]))),
        based: None,
        unreachable: false,
        anew: false,
    };
    let sent = Change::Ended { target: db(), ended };
    let mut request = request(sent, &metrics());
    let Some(What::Ended(ended)) = &mut request.what else {
        panic!("it is another message");
    };
    spoil(ended);
    request
}

#[test]
fn identities_and_times_must_fit() {
    assert!(change(ended(|_| {})).is_ok());
    type Spoil = fn(&mut wire::TickEnded);
    let spoilt: [(&str, Spoil); 12] = [
        ("another target", |e| e.target_id = "postgresql://db2:5432".into()),
        ("another stream", |e| e.stream.as_mut().unwrap().name.push('x')),
        ("another database", |e| {
            e.stream.as_mut().unwrap().database = "billing".into();
        }),
        ("another tick", |e| e.tick += 1),
        ("no target", |e| e.target_id.clear()),
        ("no stream", |e| e.stream = None),
        ("no stream's name", |e| e.stream.as_mut().unwrap().name.clear()),
        ("a long name", |e| e.target_id = "x".repeat(MAX_NAME + 1)),
        ("a name that writes on terminals", |e| {
            e.target_id = "db\u{1b}[31m".into();
        }),
        ("no tick", |e| e.tick = 0),
        ("a tick before time", |e| e.tick = -1),
        ("a tick after time", |e| e.tick = END_OF_TIME),
    ];
    for (what, spoil) in spoilt {
        assert!(change(ended(spoil)).is_err(), "{what}");
    }
    let other = frame(
        &db(),
        &StreamId::of_server("postgresql.databases"),
        Tick::from_unix_nanos(FIRST + 1),
        rows(&[]),
    );
    let other = frames::encode_frame(&other).unwrap();
    for spoilt in [
        ended(|e| e.frame = other.clone().into()),
        ended(|e| e.baseline = other.into()),
        wire::ReplicateRequest::default(),
    ] {
        assert!(change(spoilt).is_err());
    }
}

fn snapshot(spoil: impl FnOnce(&mut wire::TargetMemory)) -> Result<(TargetId, TargetMemory), Malformed> {
    let parts = vec![
        (
            StreamId::of_server("a"),
            50,
            Some(rows(&[])),
            vec![(3, rows(&[])), (1, rows(&[]))],
        ),
        (StreamId::of_server("b"), 60, None, vec![]),
    ];
    let memory = memory_of(&db(), parts);
    let mut message = memory_out(&db(), &memory, &mut { MAX_MEMORY }, &metrics());
    spoil(&mut message);
    memory_in(message)
}

#[test]
fn a_memory_must_be_in_order() {
    assert!(snapshot(|_| {}).is_ok());
    assert!(matches!(
        snapshot(|m| m.streams[0].pending.reverse()),
        Err(Malformed::Twice(_))
    ));
    assert!(matches!(
        snapshot(|m| m.streams[1] = m.streams[0].clone()),
        Err(Malformed::Twice(_))
    ));
    assert!(matches!(
        snapshot(|m| m.streams[0].pending = vec![m.streams[0].pending[0].clone(); 2]),
        Err(Malformed::Twice(_))
    ));
    assert!(matches!(
        snapshot(|m| m.streams[0].last_tick = 0),
        Err(Malformed::WithoutTick(_))
    ));
    assert!(matches!(
        snapshot(|m| {
            m.streams[0].baseline = Bytes::new();
            m.streams[0].last_tick -= 10;
        }),
        Err(Malformed::WithoutTick(_))
    ));
    assert!(matches!(
        snapshot(|m| m.streams = vec![wire::StreamMemory::default(); MAX_STREAMS + 1]),
        Err(Malformed::TooMany { .. })
    ));
    assert!(matches!(
        snapshot(|m| m.streams[1].pending = vec![Bytes::new(); MAX_FRAMES + 1]),
        Err(Malformed::TooMany { .. })
    ));
    assert!(matches!(
        targets(&vec!["x".to_owned(); MAX_TARGETS + 1]),
        Err(Malformed::TooMany { .. })
    ));
}

#[test]
fn a_batch_of_rows_without_columns_is_refused() {
    let none = RecordBatch::try_new_with_options(
        rows(&[]).project(&[]).unwrap().schema(),
        Vec::new(),
        &arrow_array::RecordBatchOptions::new().with_row_count(Some(usize::MAX / 2)),
    );
    let stream = StreamId::of_server("postgresql.databases");
    let frame = frame(&db(), &stream, Tick::from_unix_nanos(FIRST), none.unwrap());
    let bytes = frames::encode_frame(&frame).unwrap();
    assert!(bytes.len() < 10_000);
    let fault = change(ended(|ended| ended.frame = bytes.into())).unwrap_err();
    assert!(
        matches!(
            fault,
            Malformed::Frame {
                source: FrameFault::Rows(..),
                ..
            }
        ),
        "{fault}"
    );
}

#[test]
fn what_is_too_large_loses_its_oldest_frames_first_then_its_baselines() {
    let text = |size: usize| rows(&[(None, "x".repeat(size))]);
    let quarter = MAX_MEMORY / 4;
    let parts = vec![
        (
            StreamId::of_server("a"),
            50,
            Some(text(quarter)),
            vec![(2, text(quarter)), (1, text(quarter)), (0, text(9))],
        ),
        (
            StreamId::of_server("b"),
            49,
            Some(text(10)),
            vec![(0, text(quarter))],
        ),
    ];
    let memory = memory_of(&db(), parts);
    let registry = Registry::new();
    let metrics = PeerMetrics::register(&registry).unwrap();
    let trip = |memory: &TargetMemory| {
        let message = memory_out(&db(), memory, &mut { MAX_MEMORY }, &metrics);
        assert!(message.encoded_len() <= MAX_MEMORY);
        memory_in(message).unwrap().1
    };
    let mut expected = memory.clone();
    expected
        .get_mut(&StreamId::of_server("a"))
        .unwrap()
        .pending
        .pop_front();
    assert_eq!(trip(&memory), expected, "the oldest frame did not fit");

    let mut large = memory;
    large.get_mut(&StreamId::of_server("a")).unwrap().baseline = Some(text(MAX_MEMORY));
    large.values_mut().for_each(|stream| stream.pending.clear());
    let mut expected = large.clone();
    expected.get_mut(&StreamId::of_server("a")).unwrap().baseline = None;
    assert_eq!(trip(&large), expected, "where to go on is still known");

    let trimmed = registry.gather();
    let trimmed = trimmed
        .iter()
        .find(|family| family.name() == "ringwatch_replication_trimmed_total")
        .unwrap();
    let counts: Vec<f64> = trimmed
        .get_metric()
        .iter()
        .map(|metric| metric.get_counter().get_value())
        .collect();
    assert_eq!(counts, [1.0, 1.0]);
}

#[test]
fn a_tick_whose_baseline_does_not_fit_makes_the_standby_forget_the_stream() {
    let stream = StreamId::of_server("postgresql.databases");
    let tick = Tick::from_unix_nanos(FIRST);
    let large = rows(&[(None, "x".repeat(MAX_MEMORY))]);
    let small = rows(&[(None, "x".into())]);
    let sent = |baseline: &RecordBatch, read: &RecordBatch| {
        let ended = EndedTick {
            stream: stream.clone(),
            tick,
            baseline: Some(baseline.clone()),
            frame: Some(frame(&db(), &stream, tick, read.clone())),
            based: None,
            unreachable: false,
            anew: false,
        };
        let sent = Change::Ended { target: db(), ended };
        let Change::Ended { ended, .. } = change(request(sent, &metrics())).unwrap() else {
            panic!("a tick stays one");
        };
        (ended.baseline.is_some(), ended.frame.is_some(), ended.anew)
    };
    assert_eq!(sent(&large, &small), (false, true, true));
    assert_eq!(sent(&small, &large), (true, false, false));
    assert_eq!(sent(&small, &small), (true, true, false));
}

#[test]
fn every_byte_of_a_frame_may_be_wrong() {
    let stream = StreamId::of_server("postgresql.databases");
    let tick = Tick::from_unix_nanos(FIRST);
    let good = frame(
        &db(),
        &stream,
        tick,
        rows(&[(Some(1), "a".into()), (None, "b".into())]),
    );
    let good = frames::encode_frame(&good).unwrap();
    let mut torn = 0;
    for at in 0..good.len() {
        for wrong in [0x7f, 0xff] {
            let mut bytes = good.clone();
            bytes[at] = wrong;
            let change = change(ended(|ended| ended.frame = bytes.into()));
            let lost = |fault: &Malformed| {
                matches!(
                    fault,
                    Malformed::Frame {
                        source: FrameFault::Torn,
                        ..
                    }
                )
            };
            torn += usize::from(change.err().as_ref().is_some_and(lost));
        }
    }
    assert!(torn > 0, "arrow does not panic any more: the guard can go");
}
