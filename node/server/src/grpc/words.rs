//! What calls carry in their headers beside the message.

use tonic::metadata::AsciiMetadataValue;
use tonic::{Code, Request, Status};

use crate::runtime::Change;

/// Who asks for a change, as the client's system calls the user. It is kept with what was done, and proves
/// nothing.
pub(crate) const WHO: &str = "ringwatch-who";
/// Marks an answer that says no although the node was reached, so that a client does not take
/// `UNAVAILABLE` for a node that is away.
pub(crate) const REFUSED: &str = "ringwatch-refused";
/// Marks a call that another node has handed on; it is not handed on again.
pub(super) const FORWARDED: &str = "ringwatch-forwarded";
/// Where a call that was handed on came from at first.
pub(super) const FROM: &str = "ringwatch-from";
/// The longest name or address that is kept.
const LONGEST: usize = 128;

/// A no of the cluster, not of the way to it.
pub(crate) fn refusal(code: Code, text: &str) -> Status {
    let mut status = Status::new(code, text);
    let mark = AsciiMetadataValue::from_static("1");
    status.metadata_mut().insert(REFUSED, mark);
    status
}

/// Who asks for a change, and from where. What a client says of itself is kept short and printable.
pub(super) fn asked<T>(request: &Request<T>, expected: u64) -> Change {
    let text = |key: &str| {
        let value = request.metadata().get(key).and_then(|value| value.to_str().ok());
        value.map(|value| value.chars().take(LONGEST).collect::<String>())
    };
    let address = || request.remote_addr().map(|address| address.to_string());
    Change {
        who: text(WHO).unwrap_or_default(),
        from: text(FROM).or_else(address).unwrap_or_default(),
        expected,
    }
}

/// A call that is handed on as another one asked for it.
pub(super) fn handed_on<T>(message: T, change: &Change) -> Request<T> {
    let mut request = super::forward::marked(message);
    for (key, value) in [(WHO, &change.who), (FROM, &change.from)] {
        if let Ok(value) = value.parse() {
            request.metadata_mut().insert(key, value);
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_is_handed_on_says_who_asked_at_first() {
        let mut request = Request::new(());
        request
            .metadata_mut()
            .insert(WHO, "x".repeat(500).parse().unwrap());
        let change = asked(&request, 7);
        assert_eq!(
            (change.who.len(), change.from.as_str(), change.expected),
            (LONGEST, "", 7)
        );
        let first = Change {
            who: "ada".into(),
            from: "10.0.0.1:5".into(),
            expected: 0,
        };
        let again = asked(&handed_on((), &first), 0);
        assert_eq!((again.who, again.from), (first.who, first.from));
    }
}
