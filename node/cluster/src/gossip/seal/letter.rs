//! What stands inside a sealed datagram.

use crate::gossip::meters::Reason;

/// 128 random bits: one process from its start to its end.
pub(super) type Session = [u8; 16];
/// 128 bits that only their sender could know.
pub(super) type Challenge = [u8; 16];

/// The receiver's session in a hello, whose sender does not know it yet.
pub(super) const NOBODY: Session = [0; 16];
/// The challenge in an ack that asks nothing.
pub(super) const NOTHING: Challenge = [0; 16];
/// Length of everything before the body, in bytes.
pub(super) const HEADER: usize = 16 + 16 + 1 + 8;

/// What a letter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Carries a challenge, for whoever is there.
    Hello,
    /// Answers a challenge, and may carry one.
    Ack,
    /// Carries a datagram of chitchat's.
    Whole,
    /// Carries the first part of one that does not fit.
    Head,
    /// Carries the rest. Its number follows the head's.
    Tail,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Hello, Self::Ack, Self::Whole, Self::Head, Self::Tail];
}

/// An opened letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Letter<'a> {
    pub(super) from: Session,
    pub(super) to: Session,
    pub(super) kind: Kind,
    /// Counts all letters of the sender's session.
    pub(super) number: u64,
    pub(super) body: &'a [u8],
}

impl<'a> Letter<'a> {
    /// Reads what was sealed.
    pub(super) fn read(sealed: &'a [u8]) -> Result<Self, Reason> {
        let read = || {
            let (from, rest) = sealed.split_first_chunk()?;
            let (to, rest) = rest.split_first_chunk()?;
            let (kind, rest) = rest.split_first()?;
            let (number, body) = rest.split_first_chunk()?;
            Some(Self {
                from: *from,
                to: *to,
                kind: *Kind::ALL.get(usize::from(*kind))?,
                number: u64::from_be_bytes(*number),
                body,
            })
        };
        read().ok_or(Reason::Malformed)
    }

    /// Everything before the body, to be sealed with it.
    pub(super) fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..16].copy_from_slice(&self.from);
        header[16..32].copy_from_slice(&self.to);
        header[32] = self.kind as u8;
        header[33..].copy_from_slice(&self.number.to_be_bytes());
        header
    }

    /// The two challenges of a hello or an ack: the one that is answered, and the one that is put.
    pub(super) fn challenges(&self) -> Result<(Challenge, Challenge), Reason> {
        let read = || {
            let (answered, rest) = self.body.split_first_chunk()?;
            let (put, rest) = rest.split_first_chunk()?;
            rest.is_empty().then_some((*answered, *put))
        };
        read().ok_or(Reason::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            from: Session, to: Session, kind in 0..5_usize, number: u64, body: Vec<u8>,
        ) {
            let letter = Letter { from, to, kind: Kind::ALL[kind], number, body: &body };
            let sealed = [&letter.header()[..], &body].concat();
            prop_assert_eq!(Letter::read(&sealed), Ok(letter));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(letter) = Letter::read(&bytes) {
                let _ = letter.challenges();
            }
        }
    }
}
