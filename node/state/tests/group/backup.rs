//! Back-ups.

use ringwatch_state::ImportFailed;

use crate::flags::{sees, set};
use crate::nodes::Nodes;

#[tokio::test(flavor = "multi_thread")]
async fn a_back_up_is_restored_into_an_empty_group_only() {
    let old = Nodes::founded("a b c").await;
    set(old.node("a"), "restored", true).await;
    old.equal().await;
    let backup = old.node("b").handle.export().await;
    let refused = old.node("b").handle.import(backup.clone()).await;
    assert!(matches!(refused, Err(ImportFailed::NotEmpty)), "{refused:?}");
    let new = Nodes::founded("d e f").await;
    let commands = new.node("e").handle.import(backup).await.unwrap();
    assert!(commands > 0);
    for node in new.running.values() {
        sees(node, "restored", true).await;
    }
    new.equal().await;
}
