//! Seals and opens datagrams.

use chacha20poly1305::aead::rand_core::RngCore as _;
use chacha20poly1305::aead::{AeadInPlace as _, OsRng};
use chacha20poly1305::{KeyInit as _, Tag, XChaCha20Poly1305, XNonce};

use super::letter::HEADER;
use super::{LONGEST, NONCE, START, TAG, VERSION};
use crate::gossip::Keyring;
use crate::gossip::meters::Reason;

/// Nothing shorter is worth opening: a header and one byte.
const SHORTEST: usize = START + HEADER + 1 + TAG;

/// The keys of a cluster, made for its datagrams. The first seals, all open.
pub(in crate::gossip) struct Cipher {
    first: XChaCha20Poly1305,
    others: Vec<XChaCha20Poly1305>,
    associated: Vec<u8>,
}

impl Cipher {
    /// The cipher of the cluster of this name; `None` without a key.
    pub(in crate::gossip) fn new(keys: &Keyring, cluster: &str) -> Option<Self> {
        let mut keys = keys
            .gossip_keys()
            .map(|key| XChaCha20Poly1305::new((&*key).into()));
        let mut associated = vec![VERSION];
        associated.extend_from_slice(cluster.as_bytes());
        Some(Self {
            first: keys.next()?,
            others: keys.collect(),
            associated,
        })
    }

    /// Makes a datagram of `parts`; `None` when the system gives no randomness.
    pub(super) fn seal(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        let length = START + parts.iter().map(|part| part.len()).sum::<usize>() + TAG;
        let mut datagram = Vec::with_capacity(length);
        let mut nonce = [0; NONCE];
        OsRng.try_fill_bytes(&mut nonce).ok()?;
        datagram.push(VERSION);
        datagram.extend_from_slice(&nonce);
        for part in parts {
            datagram.extend_from_slice(part);
        }
        let sealed = datagram.get_mut(START..)?;
        let nonce = XNonce::from_slice(&nonce);
        let tag = self
            .first
            .encrypt_in_place_detached(nonce, &self.associated, sealed)
            .ok()?;
        datagram.extend_from_slice(&tag);
        Some(datagram)
    }

    /// Opens a datagram where it lies.
    pub(super) fn open<'a>(&self, datagram: &'a mut [u8]) -> Result<&'a [u8], Reason> {
        if !(SHORTEST..=LONGEST).contains(&datagram.len()) {
            return Err(Reason::Length);
        }
        let (version, rest) = datagram.split_first_mut().ok_or(Reason::Length)?;
        if *version != VERSION {
            return Err(Reason::Version);
        }
        let (nonce, rest) = rest.split_at_mut_checked(NONCE).ok_or(Reason::Length)?;
        let sealed = rest.len().checked_sub(TAG).ok_or(Reason::Length)?;
        let (sealed, tag) = rest.split_at_mut_checked(sealed).ok_or(Reason::Length)?;
        let (nonce, tag) = (XNonce::from_slice(nonce), Tag::from_slice(tag));
        for key in std::iter::once(&self.first).chain(&self.others) {
            // The tag is checked first: a wrong key leaves the datagram as it is.
            if key
                .decrypt_in_place_detached(nonce, &self.associated, sealed, tag)
                .is_ok()
            {
                return Ok(sealed);
            }
        }
        Err(Reason::Key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cipher(cluster: &str) -> Cipher {
        Cipher::new(&Keyring::of_name("a"), cluster).unwrap()
    }

    #[test]
    fn what_was_sealed_is_opened_by_the_same_cluster_only() {
        let text = [7; HEADER + 9];
        let mut sealed = cipher("prod").seal(&[&text[..3], &text[3..]]).unwrap();
        assert_eq!(sealed.len(), START + text.len() + TAG);
        assert_eq!(cipher("test").open(&mut sealed), Err(Reason::Key));
        assert_eq!(cipher("prod").open(&mut sealed), Ok(&text[..]));
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let sealed = cipher("prod").seal(&[&[7; HEADER + 1]]).unwrap();
        for at in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            let why = cipher("prod").open(&mut flipped).unwrap_err();
            assert_eq!(why, if at < 8 { Reason::Version } else { Reason::Key });
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_opened_or_panic(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..400), first: bool,
        ) {
            if first && let Some(version) = bytes.first_mut() {
                *version = VERSION;
            }
            prop_assert!(cipher("prod").open(&mut bytes).is_err());
        }
    }
}
