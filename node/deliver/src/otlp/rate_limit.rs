//! What an answer says of the backend as a whole, besides what becomes of the batch: pure.

use std::error::Error;
use std::time::Duration;

use tonic::{Code, Status};

use super::circuit::Outcome;
use super::verdict::{LONGEST_PAUSE, Verdict, retry_info};

/// What an attempt that ended with `status`, about which `verdict` was given, says of the backend. The protocol has
/// codes for a limit; `texts` says whether messages count, too.
pub(super) fn outcome(status: &Status, verdict: Verdict, texts: bool) -> Outcome {
    // A status that has a source was made on this side.
    if status.source().is_some() {
        return Outcome::Failed;
    }
    let info = retry_info(status.details());
    match (verdict, status.code()) {
        (Verdict::TooLarge, _) => Outcome::Alive,
        (_, Code::ResourceExhausted) => Outcome::Rest(info.flatten().or_else(|| retry_after(status))),
        (_, Code::Unavailable) if info.is_some() => Outcome::Rest(info.flatten()),
        (_, code) if texts && may_be_a_limit(code) && is_about_a_limit(status.message()) => {
            Outcome::Rest(retry_after(status))
        }
        (Verdict::Retry(_), _) => Outcome::Failed,
        (Verdict::Permanent, _) => Outcome::Alive,
    }
}

/// Codes that are about the request itself speak of a limit of something else.
fn may_be_a_limit(code: Code) -> bool {
    !matches!(
        code,
        Code::InvalidArgument | Code::NotFound | Code::AlreadyExists | Code::OutOfRange | Code::Unimplemented
    )
}

/// Whether a message tells of too many requests, as backends do that stand behind a gateway of HTTP.
fn is_about_a_limit(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let words = [
        "rate limit",
        "rate-limit",
        "ratelimit",
        "too many requests",
        "throttl",
    ];
    words.iter().any(|words| message.contains(words)) || has_number(&message, "429")
}

/// Whether `number` stands in `text`, and not as a part of a longer one.
fn has_number(text: &str, number: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| word == number)
}

/// The seconds of the header `retry-after`.
fn retry_after(status: &Status) -> Option<Duration> {
    let seconds = status.metadata().get("retry-after")?.to_str().ok()?;
    let pause = Duration::from_secs(seconds.trim().parse().ok()?);
    (!pause.is_zero()).then_some(pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::verdict::judge;

    const REST: Outcome = Outcome::Rest(None);

    #[test]
    fn codes_and_words_tell_of_a_limit() {
        // Code, message, and what it says when texts count and when they do not.
        let table = [
            (Code::ResourceExhausted, "quota", REST, REST),
            (
                Code::ResourceExhausted,
                "message too large",
                Outcome::Alive,
                Outcome::Alive,
            ),
            (Code::Unavailable, "", Outcome::Failed, Outcome::Failed),
            (Code::Unavailable, "HTTP status 429", REST, Outcome::Failed),
            (
                Code::Unavailable,
                "took 1429 ms",
                Outcome::Failed,
                Outcome::Failed,
            ),
            (Code::Unknown, "Rate Limit reached", REST, Outcome::Alive),
            (Code::PermissionDenied, "TOO MANY REQUESTS", REST, Outcome::Alive),
            (Code::Internal, "request was Throttled", REST, Outcome::Alive),
            (Code::Internal, "throttling, slow down", REST, Outcome::Alive),
            (Code::Internal, "null pointer", Outcome::Alive, Outcome::Alive),
            (
                Code::InvalidArgument,
                "name `rate limit` is taken",
                Outcome::Alive,
                Outcome::Alive,
            ),
            (Code::DeadlineExceeded, "", Outcome::Failed, Outcome::Failed),
            (Code::Unauthenticated, "", Outcome::Alive, Outcome::Alive),
        ];
        for (code, message, with_texts, without) in table {
            let status = Status::new(code, message);
            let got = [true, false].map(|texts| outcome(&status, judge(&status), texts));
            assert_eq!(got, [with_texts, without], "{code:?} {message}");
        }
    }

    #[test]
    fn the_time_that_the_backend_tells_is_kept_within_bounds() {
        for (text, wanted) in [
            ("30", Some(Duration::from_secs(30))),
            ("999999999", Some(LONGEST_PAUSE)),
            ("0", None),
            ("-1", None),
            ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ] {
            let mut status = Status::new(Code::Unavailable, "429 Too Many Requests");
            status.metadata_mut().insert("retry-after", text.parse().unwrap());
            assert_eq!(
                outcome(&status, judge(&status), true),
                Outcome::Rest(wanted),
                "{text}"
            );
        }
    }

    #[test]
    fn what_was_made_on_this_side_is_no_word_of_the_backend() {
        let broken = Status::from_error(Box::new(std::io::Error::other("429 rate limit")));
        assert_eq!(outcome(&broken, judge(&broken), true), Outcome::Failed);
    }
}
