//! Tells clients of the gRPC health service whether the node serves: while it is a member of its cluster.

use tokio_util::task::AbortOnDropHandle;

use super::member::Membership;
use crate::grpc::GrpcHealth;

/// Follows the membership, until it is stopped.
pub(super) struct Serving {
    health: GrpcHealth,
    follow: AbortOnDropHandle<()>,
}

impl Serving {
    /// Tells `health` what `membership` says.
    pub(super) fn follow(health: GrpcHealth, mut membership: Membership) -> Self {
        let told = health.clone();
        let follow = tokio::spawn(async move {
            let mut before = None;
            loop {
                let now = membership.is_joined();
                if before.replace(now) != Some(now) {
                    told.set_serving(now).await;
                }
                if !membership.changed().await {
                    return;
                }
            }
        });
        Self {
            health,
            follow: AbortOnDropHandle::new(follow),
        }
    }

    /// From now on the node does not serve.
    pub(super) async fn stop(self) {
        self.follow.abort();
        // It ends at its next wait, and tells nothing after.
        let _ = self.follow.await;
        self.health.set_serving(false).await;
    }
}
