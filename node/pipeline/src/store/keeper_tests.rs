use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use prometheus::IntCounter;

use super::*;
use crate::store::MemoryStore;

const EVERY: Duration = Duration::from_secs(5);

/// A store that remembers each write and can be broken.
#[derive(Default)]
struct Recording {
    saved: Mutex<Vec<String>>,
    is_broken: AtomicBool,
}

impl StateStore for Recording {
    fn load(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }

    fn save(&self, state: &[u8]) -> Result<(), StoreError> {
        if self.is_broken.load(Relaxed) {
            return Err(StoreError::Cut);
        }
        self.saved
            .lock()
            .unwrap()
            .push(String::from_utf8(state.to_vec()).unwrap());
        Ok(())
    }

    fn place(&self) -> String {
        "here".into()
    }
}

impl Recording {
    fn saved(&self) -> Vec<String> {
        self.saved.lock().unwrap().clone()
    }
}

fn start() -> (Arc<Recording>, Keeper, KeeperHandle, IntCounter) {
    let store = Arc::new(Recording::default());
    let failures = IntCounter::new("failures", "failures").unwrap();
    let (keeper, handle) = start_keeper("c", Arc::clone(&store) as _, EVERY, failures.clone());
    (store, keeper, handle, failures)
}

async fn until(keeper: &Keeper, condition: impl Fn(&KeeperStatus) -> bool) {
    while !condition(&keeper.status()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_newest_state_is_written_and_not_too_often() {
    let (store, keeper, _handle, _) = start();
    keeper.put(1);
    until(&keeper, |status| status.saves == 1).await;
    let first = Instant::now();
    for n in 2..=9 {
        keeper.put(n);
    }
    until(&keeper, |status| status.saves == 2).await;
    assert!(first.elapsed() >= EVERY - Duration::from_millis(20));
    assert_eq!(store.saved(), ["1", "9"]);
    tokio::time::sleep(10 * EVERY).await;
    assert_eq!(store.saved(), ["1", "9"], "what is written is not written again");
}

#[tokio::test(start_paused = true)]
async fn the_last_state_is_written_at_the_end() {
    let (store, keeper, handle, _) = start();
    keeper.put("first");
    until(&keeper, |status| status.saves == 1).await;
    keeper.put("last");
    assert!(handle.stop(Instant::now() + EVERY).await);
    assert_eq!(store.saved(), [r#""first""#, r#""last""#]);

    let (store, keeper, handle, _) = start();
    keeper.put("only");
    drop(keeper);
    assert!(timeout_at(Instant::now() + 2 * EVERY, handle.task).await.is_ok());
    assert_eq!(
        store.saved(),
        [r#""only""#],
        "the end of its last keeper ends the task"
    );
}

#[tokio::test(start_paused = true)]
async fn a_broken_store_is_tried_again_and_heals() {
    let (store, keeper, handle, failures) = start();
    store.is_broken.store(true, Relaxed);
    keeper.put(1);
    until(&keeper, |status| status.failures >= 3).await;
    assert_eq!(keeper.status().fault.as_deref(), Some("the write did not end"));
    assert_eq!(failures.get(), keeper.status().failures);
    store.is_broken.store(false, Relaxed);
    until(&keeper, |status| status.saves == 1).await;
    assert_eq!(
        (keeper.status().fault, store.saved()),
        (None, vec!["1".to_owned()])
    );
    assert!(handle.stop(Instant::now() + EVERY).await);
    assert_eq!(store.saved().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_read_is_nothing() {
    let memory: Arc<dyn StateStore> = Arc::new(MemoryStore::default());
    assert_eq!(recall::<Vec<u32>>("c", &memory).await, None);
    memory.save(b"[1,2]").unwrap();
    assert_eq!(recall::<Vec<u32>>("c", &memory).await, Some(vec![1, 2]));
    assert_eq!(recall::<String>("c", &memory).await, None);
    assert_eq!(memory.load().unwrap(), None, "it was taken out of the way");
}
