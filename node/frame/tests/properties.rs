//! Properties of ticks and of the way of a frame to bytes and back.
#![allow(missing_docs)]
#![allow(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it must be"
)]

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use ringwatch_frame::{
    Books, Cell, ColumnType, Columns, DropReason, Epoch, Frame, FrameId, FrameMeta, Resource, Schedule,
    StreamId, TargetId, Tick, Value, ipc,
};

#[derive(Clone, Debug)]
enum Owned {
    Null,
    Int(i64),
    Double(f64),
    Text(String),
    Bool(bool),
    Time(i64),
}

impl Owned {
    fn cell(&self) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Int(v) => Cell::Int(*v),
            Self::Double(v) => Cell::Double(*v),
            Self::Text(v) => Cell::Text(v),
            Self::Bool(v) => Cell::Bool(*v),
            Self::Time(v) => Cell::Time(*v),
        }
    }
}

fn value(column: ColumnType) -> BoxedStrategy<Owned> {
    let some = match column {
        ColumnType::Int => any::<i64>().prop_map(Owned::Int).boxed(),
        ColumnType::Double => any::<f64>().prop_map(Owned::Double).boxed(),
        ColumnType::Text => ".{0,12}".prop_map(Owned::Text).boxed(),
        ColumnType::Bool => any::<bool>().prop_map(Owned::Bool).boxed(),
        ColumnType::Time => any::<i64>().prop_map(Owned::Time).boxed(),
    };
    prop_oneof![1 => Just(Owned::Null), 4 => some].boxed()
}

fn table() -> impl Strategy<Value = (Vec<ColumnType>, Vec<Vec<Owned>>)> {
    let column = prop::sample::select(vec![
        ColumnType::Int,
        ColumnType::Double,
        ColumnType::Text,
        ColumnType::Bool,
        ColumnType::Time,
    ]);
    prop::collection::vec(column, 1..6).prop_flat_map(|types| {
        let row: Vec<_> = types.iter().map(|t| value(*t)).collect();
        (Just(types), prop::collection::vec(row, 0..20))
    })
}

fn resource() -> impl Strategy<Value = Resource> {
    let value = prop_oneof![
        ".{0,8}".prop_map(Value::from),
        any::<i64>().prop_map(Value::Int),
        any::<f64>()
            .prop_filter("NaN is not equal to itself", |v| !v.is_nan())
            .prop_map(Value::Double),
        any::<bool>().prop_map(Value::Bool),
    ];
    prop::collection::vec(("[a-z.]{1,8}", value), 0..5)
        .prop_map(|entries| entries.into_iter().map(|(k, v)| (Arc::from(k), v)).collect())
}

/// The bytes that end a stream; without them a frame is still whole.
const END_MARKER: usize = 8;

proptest! {
    #[test]
    fn ticks_are_the_same_wherever_they_are_computed(
        target in "[a-z]{1,12}:[0-9]{1,5}", millis in 100_u64..86_400_000, now in 0_i64..4_000_000_000_000_000_000,
    ) {
        let (target, stream) = (TargetId::new("postgresql", &target), StreamId::of_server("postgresql.activity"));
        let interval = Duration::from_millis(millis);
        let schedule = Schedule::new(&target, &stream, interval).unwrap();
        let other = Schedule::new(&TargetId::from_name(target.as_str()), &StreamId::of_server("postgresql.activity"), interval).unwrap();
        let now = Tick::from_unix_nanos(now);
        let (last, next) = (schedule.at_or_before(now), schedule.after(now));
        prop_assert_eq!(other.after(now), next);
        prop_assert!(last <= now && now < next);
        prop_assert_eq!(next.unix_nanos() - last.unix_nanos(), i64::try_from(interval.as_nanos()).unwrap());
        prop_assert!(schedule.contains(last) && schedule.contains(next));
        prop_assert_eq!(schedule.next(last), next);
        prop_assert_eq!(schedule.between(last, next), 1);
        prop_assert!(schedule.phase() < interval);
    }

    #[test]
    fn a_frame_survives_the_way_to_bytes_and_back(
        (types, rows) in table(), resource in resource(), tick in any::<i64>(), epoch in any::<u64>(),
        database in prop::option::of(".{1,8}"), cuts in prop::collection::vec(any::<prop::sample::Index>(), 16),
    ) {
        let names: Vec<String> = (0..types.len()).map(|i| format!("c{i}")).collect();
        let mut columns = Columns::new(names.iter().map(String::as_str).zip(types));
        for row in &rows {
            columns.push(&row.iter().map(Owned::cell).collect::<Vec<_>>()).unwrap();
        }
        let batch = columns.finish().unwrap();
        let stream = match database {
            Some(database) => StreamId::of_database("postgresql.tables", &database),
            None => StreamId::of_server("postgresql.databases"),
        };
        let target = TargetId::new("postgresql", "db:5432");
        let id = FrameId { target, stream, tick: Tick::from_unix_nanos(tick), epoch: Epoch(epoch) };
        let meta = FrameMeta { id, source: "postgresql/fleet".into(), resource: Arc::new(resource) };
        let bytes = ipc::encode(&meta, &batch).unwrap();
        let (meta_back, batch_back) = ipc::decode(&bytes).unwrap();
        prop_assert_eq!(meta_back, meta);
        prop_assert_eq!(batch_back, batch);
        for cut in cuts {
            let left = cut.index(bytes.len() - END_MARKER);
            prop_assert!(ipc::decode(&bytes[..left]).is_err(), "{} of {} bytes", left, bytes.len());
        }
    }

    #[test]
    fn the_books_balance_whatever_becomes_of_a_frame(rows in 0_usize..200, ends in prop::collection::vec(0_u8..6, 1..30)) {
        let books = Arc::new(Books::default());
        for end in ends {
            let frame = frame(&books, rows);
            match end {
                0 => frame.deliver(),
                1 => frame.discard(DropReason::QueueFull),
                2 => drop(frame),
                3 => {
                    frame.copy().deliver();
                    frame.discard(DropReason::Permanent);
                }
                4 => {
                    let (first, rest) = frame.split(rows / 3 + 1);
                    first.deliver();
                    if let Some(rest) = rest {
                        rest.deliver_except(7);
                    }
                }
                _ => {
                    let mut frame = frame;
                    let mask = (0..rows).map(|i| Some(i % 3 == 0)).collect();
                    frame.retain(&mask, DropReason::Invalid).unwrap();
                    frame.deliver();
                }
            }
            prop_assert!(books.snapshot().balanced());
        }
        let end = books.snapshot();
        prop_assert_eq!((end.in_flight_rows, end.in_flight_bytes), (0, 0));
    }
}

fn frame(books: &Arc<Books>, rows: usize) -> Frame {
    let mut columns = Columns::new([("n", ColumnType::Int), ("text", ColumnType::Text)]);
    for n in 0..rows {
        columns
            .push(&[Cell::Int(n as i64), Cell::Text("select ?")])
            .unwrap();
    }
    let id = FrameId {
        target: TargetId::new("postgresql", "db:5432"),
        stream: StreamId::of_server("postgresql.statements"),
        tick: Tick::from_unix_nanos(0),
        epoch: Epoch(1),
    };
    let meta = FrameMeta {
        id,
        source: "postgresql".into(),
        resource: Arc::default(),
    };
    Frame::collected(books, meta, columns.finish().unwrap())
}

#[test]
fn bytes_that_are_cut_anywhere_are_no_frame() {
    let books = Arc::new(Books::default());
    for rows in [0, 1, 7] {
        let frame = frame(&books, rows);
        let bytes = ipc::encode(frame.meta(), frame.batch()).unwrap();
        assert_eq!(ipc::decode(&bytes).unwrap().1.num_rows(), rows);
        for left in 0..bytes.len() - END_MARKER {
            assert!(ipc::decode(&bytes[..left]).is_err(), "{rows} rows, {left} bytes");
        }
        frame.deliver();
    }
}

#[test]
fn parts_share_the_bytes_of_the_whole() {
    let books = Arc::new(Books::default());
    let whole = frame(&books, 90);
    let bytes = whole.bytes();
    let (first, rest) = whole.split(30);
    let (second, third) = rest.unwrap().split(1);
    let (third, copy) = (third.unwrap(), first.copy());
    assert_eq!(first.bytes() + second.bytes() + third.bytes(), bytes);
    assert_eq!((first.bytes(), copy.bytes()), (bytes / 3, bytes / 3));
    assert_eq!(books.in_flight_bytes(), bytes, "it is charged once");
    for part in [first, second, third, copy] {
        assert_eq!(books.in_flight_bytes(), bytes, "as long as one part is there");
        part.deliver();
    }
    assert_eq!(books.in_flight_bytes(), 0);
}
