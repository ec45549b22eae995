//! What waits, and in which order it goes.

use super::*;

fn command(name: &str) -> v1::StateCommand {
    let flag = v1::FlagSet {
        name: name.into(),
        value: Some(true),
        ..v1::FlagSet::default()
    };
    v1::StateCommand {
        kind: Some(v1::state_command::Kind::FlagSet(flag)),
    }
}

fn names(batch: &BTreeMap<u64, Item>) -> Vec<&str> {
    let name = |item: &'_ Item| item.key.len();
    assert!(batch.values().all(|item| name(item) > 0));
    batch.values().map(|item| item.key.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn of_each_key_the_newest_goes() {
    let outbox = Outbox::default();
    for name in ["a", "b"] {
        assert!(outbox.add(name.into(), command("old"), false));
    }
    assert!(outbox.add("a".into(), command("new"), false));
    let batch = outbox.lock().take();
    assert_eq!(names(&batch), ["a", "b"]);
    assert_eq!(batch[&0].command, command("new"));
}

#[tokio::test(start_paused = true)]
async fn what_failed_goes_again_unless_there_is_newer() {
    let outbox = Outbox::default();
    outbox.add("a".into(), command("old"), false);
    outbox.add("b".into(), command("old"), false);
    let batch = outbox.lock().take();
    outbox.add("a".into(), command("new"), false);
    outbox.settle(batch);
    let batch = outbox.lock().take();
    assert_eq!(names(&batch), ["b", "a"]);
    assert_eq!(batch[&2].command, command("new"));
    assert_eq!(outbox.lock().bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn the_urgent_go_first_when_not_all_fit() {
    let outbox = Outbox::default();
    for number in 0..COMMANDS {
        outbox.add(format!("slow-{number}"), command("x"), false);
    }
    outbox.add("urgent".into(), command("x"), true);
    let batch = outbox.lock().take();
    assert_eq!(batch.len(), COMMANDS);
    assert!(names(&batch).contains(&"urgent"));
}

#[tokio::test(start_paused = true)]
async fn an_entry_is_not_too_large_but_never_empty() {
    let outbox = Outbox::default();
    for key in ["a", "b", "c"] {
        outbox.add(key.into(), command(&"x".repeat(BYTES / 2)), false);
    }
    outbox.add("d".into(), command(&"x".repeat(BYTES * 2)), false);
    let batches: Vec<usize> = std::iter::from_fn(|| Some(outbox.lock().take().len()))
        .take(5)
        .collect();
    assert_eq!(batches, [1, 1, 1, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn there_is_a_limit_for_what_waits() {
    let outbox = Outbox::default();
    for number in 0..MOST {
        assert!(outbox.add(number.to_string(), command("x"), false));
    }
    assert!(!outbox.add("one too many".into(), command("x"), true));
    assert!(
        outbox.add("0".into(), command("newer"), false),
        "a known key has its place"
    );
    assert_eq!(outbox.len(), MOST);
}

#[tokio::test(start_paused = true)]
async fn flush_waits_for_what_was_there() {
    let outbox = Outbox::default();
    assert!(outbox.flush(Duration::ZERO).await, "there is nothing");
    outbox.add("a".into(), command("x"), false);
    assert!(!outbox.flush(Duration::from_secs(1)).await);
    let batch = outbox.lock().take();
    let flushed = outbox.flush(Duration::from_secs(1));
    let settle = async {
        outbox.add("b".into(), command("x"), false);
        drop(batch);
        outbox.settle(BTreeMap::new());
    };
    let (flushed, ()) = tokio::join!(flushed, settle);
    assert!(flushed, "what came later is not waited for");
}

#[tokio::test(start_paused = true)]
async fn the_urgent_does_not_wait_for_more() {
    let outbox = Outbox::default();
    let start = Instant::now();
    outbox.add("a".into(), command("x"), false);
    outbox.ready().await;
    assert!(start.elapsed() >= GATHER);
    outbox.lock().take();
    let start = Instant::now();
    outbox.add("b".into(), command("x"), true);
    outbox.ready().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
}
