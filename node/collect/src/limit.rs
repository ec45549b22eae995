//! A limit of time that a question may have besides its deadline.

use std::time::Duration;

/// How a question ended.
pub(crate) enum Ended<T, E> {
    /// The server answered.
    InTime(Result<T, E>),
    /// It did not within this time, and the question was broken off.
    Late(Duration),
}

/// What comes of `work` within `limit`.
pub(crate) async fn within<T, E>(
    limit: Option<Duration>,
    work: impl Future<Output = Result<T, E>>,
) -> Ended<T, E> {
    let Some(limit) = limit else {
        return Ended::InTime(work.await);
    };
    tokio::time::timeout(limit, work)
        .await
        .map_or(Ended::Late(limit), Ended::InTime)
}
