//! The client's own deadline for a round trip.

use std::time::Duration;

use crate::fault::{Fault, FaultKind};

/// What comes of `work`, unless it takes longer than `deadline`.
pub(crate) async fn within<T, E: From<Fault>>(
    deadline: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match tokio::time::timeout(deadline, work).await {
        Ok(done) => done,
        Err(_) => Err(Fault::new(FaultKind::Deadline, &format!("no answer within {deadline:?}")).into()),
    }
}
