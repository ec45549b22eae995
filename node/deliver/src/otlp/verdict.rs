//! What an answer means: the rules of the OTLP specification, pure.

use std::error::Error;
use std::time::Duration;

use prost::Message;
use tonic::{Code, Status};

/// A backend that asks for a longer pause is asked again after this one: it may be well long before. `max_age` of the
/// queue shortens any pause, too.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// What to do after an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Try again; the backend may have said when.
    Retry(Option<Duration>),
    /// The request is larger than the backend takes: send less at once.
    TooLarge,
    /// It will never be taken.
    Permanent,
}

/// The verdict about an attempt that ended with `status`.
pub(super) fn judge(status: &Status) -> Verdict {
    // A status that has a source was made on this side: the connection could not be made, or broke.
    if status.source().is_some() {
        return Verdict::Retry(None);
    }
    let pause = retry_info(status.details());
    match status.code() {
        Code::ResourceExhausted if pause.is_some() => Verdict::Retry(pause.flatten()),
        Code::ResourceExhausted | Code::OutOfRange if is_about_size(status.message()) => Verdict::TooLarge,
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Verdict::Retry(pause.flatten()),
        _ => Verdict::Permanent,
    }
}

/// Whether a message tells of the size of the request. The code alone does not: `RESOURCE_EXHAUSTED` is a quota, too.
fn is_about_size(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    [
        "larger than max",
        "too large",
        "exceeds maximum size",
        "message size exceed",
        "too big",
    ]
    .iter()
    .any(|words| message.contains(words))
}

/// The pause that `google.rpc.RetryInfo` in the details asks for: `None` without one, `Some(None)` when it names no
/// time.
pub(super) fn retry_info(details: &[u8]) -> Option<Option<Duration>> {
    let status = RpcStatus::decode(details).ok()?;
    let any = status
        .details
        .iter()
        .find(|any| any.type_url.ends_with("google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(any.value.as_slice()).ok()?.retry_delay;
    let pause = delay.and_then(|delay| {
        let seconds = u64::try_from(delay.seconds).ok()?;
        let nanos = u32::try_from(delay.nanos)
            .ok()
            .filter(|nanos| *nanos < 1_000_000_000)?;
        Some(Duration::new(seconds, nanos).min(LONGEST_PAUSE)).filter(|pause| !pause.is_zero())
    });
    Some(pause)
}

/// `google.rpc.Status`, as far as it is needed.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    details: Vec<RpcAny>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct RpcAny {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<RpcDuration>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, Copy, PartialEq, Message)]
struct RpcDuration {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(seconds: i64, nanos: i32) -> bytes::Bytes {
        let info = RetryInfo {
            retry_delay: Some(RpcDuration { seconds, nanos }),
        };
        let any = |type_url: &str, value| RpcAny {
            type_url: type_url.into(),
            value,
        };
        let details = vec![
            any("type.googleapis.com/google.rpc.Help", vec![1, 2, 3]),
            any("type.googleapis.com/google.rpc.RetryInfo", info.encode_to_vec()),
        ];
        RpcStatus { details }.encode_to_vec().into()
    }

    #[test]
    fn the_specification_decides() {
        let retry = Verdict::Retry(None);
        let table = [
            (Code::Cancelled, "", retry),
            (Code::DeadlineExceeded, "", retry),
            (Code::Aborted, "", retry),
            (Code::OutOfRange, "", retry),
            (Code::Unavailable, "too large a load", retry),
            (Code::DataLoss, "", retry),
            (Code::ResourceExhausted, "quota exceeded", Verdict::Permanent),
            (
                Code::ResourceExhausted,
                "grpc: received message larger than max (5 vs. 4)",
                Verdict::TooLarge,
            ),
            (
                Code::ResourceExhausted,
                "gRPC message exceeds maximum size 4: 5",
                Verdict::TooLarge,
            ),
            (
                Code::OutOfRange,
                "Error, decoded message length too large: found 5 bytes",
                Verdict::TooLarge,
            ),
            (Code::Unknown, "", Verdict::Permanent),
            (Code::InvalidArgument, "", Verdict::Permanent),
            (Code::NotFound, "", Verdict::Permanent),
            (Code::AlreadyExists, "", Verdict::Permanent),
            (Code::PermissionDenied, "", Verdict::Permanent),
            (Code::FailedPrecondition, "", Verdict::Permanent),
            (Code::Unimplemented, "", Verdict::Permanent),
            (Code::Internal, "", Verdict::Permanent),
            (Code::Unauthenticated, "", Verdict::Permanent),
        ];
        for (code, message, wanted) in table {
            assert_eq!(judge(&Status::new(code, message)), wanted, "{code:?} {message}");
        }
    }

    #[test]
    fn a_pause_that_the_backend_asks_for_is_obeyed() {
        let pause =
            |seconds, nanos| Status::with_details(Code::ResourceExhausted, "", details(seconds, nanos));
        let millis = |millis| Verdict::Retry(Some(Duration::from_millis(millis)));
        assert_eq!(judge(&pause(2, 500_000_000)), millis(2500));
        assert_eq!(
            judge(&Status::with_details(Code::Unavailable, "", details(1, 0))),
            millis(1000)
        );
        assert_eq!(judge(&pause(i64::MAX, 0)), Verdict::Retry(Some(LONGEST_PAUSE)));
        for (seconds, nanos) in [(0, 0), (-1, 0), (1, -1), (1, i32::MAX)] {
            assert_eq!(
                judge(&pause(seconds, nanos)),
                Verdict::Retry(None),
                "{seconds} {nanos}"
            );
        }
        assert_eq!(
            judge(&Status::with_details(Code::InvalidArgument, "", details(1, 0))),
            Verdict::Permanent
        );
        let rubbish = Status::with_details(
            Code::ResourceExhausted,
            "",
            bytes::Bytes::from_static(b"\xff\xff"),
        );
        assert_eq!(judge(&rubbish), Verdict::Permanent);
    }

    #[test]
    fn a_broken_connection_is_no_answer() {
        let broken = Status::from_error(Box::new(std::io::Error::other("connection reset")));
        assert_eq!(
            (broken.code(), judge(&broken)),
            (Code::Unknown, Verdict::Retry(None))
        );
    }
}
