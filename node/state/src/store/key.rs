//! The keys of the one tree: a table's byte, then big-endian numbers or escaped bytes, so that keys sort as
//! what they mean, and no key is the beginning of another one.

const META: u8 = 1;
const LOG: u8 = 2;
const MACHINE: u8 = 3;

/// What there is one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Meta {
    /// Format, Raft id, time of creation.
    Identity = 1,
    /// The last vote.
    Vote = 2,
    /// What the log contains.
    Log = 3,
    /// What the machine contains.
    Machine = 4,
    /// The membership that was applied last.
    Membership = 5,
    /// The group that this store belongs to.
    Group = 6,
    /// What was promised when a group was to be founded.
    Promise = 7,
}

/// All of them: each is in every store from its creation on, so that a lost one is noticed.
pub(crate) const METAS: [Meta; 7] = [
    Meta::Identity,
    Meta::Vote,
    Meta::Log,
    Meta::Machine,
    Meta::Membership,
    Meta::Group,
    Meta::Promise,
];

/// A key, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// A single record.
    Meta(Meta),
    /// An entry of the log, by index.
    Log(u64),
    /// A record of the machine: generation and key.
    Machine(u32, Vec<u8>),
}

impl Key {
    /// The key of such bytes, if they are one.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (table, rest) = bytes.split_first()?;
        match *table {
            META => {
                let [kind] = rest else { return None };
                METAS
                    .into_iter()
                    .find(|meta| *meta as u8 == *kind)
                    .map(Self::Meta)
            }
            LOG => Some(Self::Log(u64::from_be_bytes(rest.try_into().ok()?))),
            MACHINE => {
                let (generation, escaped) = rest.split_first_chunk::<4>()?;
                Some(Self::Machine(u32::from_be_bytes(*generation), unescape(escaped)?))
            }
            _ => None,
        }
    }
}

pub(crate) fn meta_key(meta: Meta) -> Vec<u8> {
    vec![META, meta as u8]
}

pub(crate) fn log_key(index: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(11);
    key.push(LOG);
    key.extend_from_slice(&index.to_be_bytes());
    key
}

pub(crate) fn machine_key(generation: u32, record: &[u8]) -> Vec<u8> {
    let mut key = generation_key(generation);
    for byte in record {
        key.push(*byte);
        if *byte == 0 {
            key.push(0xff);
        }
    }
    key.extend_from_slice(&[0, 0]);
    key
}

/// From where to before where the records of one generation of the machine are.
pub(crate) fn generation_range(generation: u32) -> (Vec<u8>, Vec<u8>) {
    let end = match generation.checked_add(1) {
        Some(next) => generation_key(next),
        None => vec![MACHINE + 1],
    };
    (generation_key(generation), end)
}

/// From where to before where everything is.
pub(crate) fn everything() -> (Vec<u8>, Vec<u8>) {
    (vec![META], vec![MACHINE + 1])
}

fn generation_key(generation: u32) -> Vec<u8> {
    let mut key = vec![MACHINE];
    key.extend_from_slice(&generation.to_be_bytes());
    key
}

fn unescape(escaped: &[u8]) -> Option<Vec<u8>> {
    let mut record = Vec::with_capacity(escaped.len());
    let mut bytes = escaped.iter();
    while let Some(byte) = bytes.next() {
        if *byte != 0 {
            record.push(*byte);
            continue;
        }
        match bytes.next()? {
            0xff => record.push(0),
            0 => return bytes.next().is_none().then_some(record),
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_sort_as_what_they_mean_and_none_begins_another(
            a in prop::collection::vec(0u8..4, 0..6),
            b in prop::collection::vec(0u8..4, 0..6),
            generation: u32,
        ) {
            let (first, second) = (machine_key(generation, &a), machine_key(generation, &b));
            prop_assert_eq!(first.cmp(&second), a.cmp(&b));
            prop_assert!(a == b || !second.starts_with(&first));
            prop_assert_eq!(Key::decode(&first), Some(Key::Machine(generation, a)));
            let (from, to) = generation_range(generation);
            prop_assert!(from <= first && first < to);
        }

        #[test]
        fn bytes_that_are_no_key_are_none(bytes in prop::collection::vec(0u8..9, 0..12)) {
            let again = Key::decode(&bytes).map(|key| match key {
                Key::Meta(meta) => meta_key(meta),
                Key::Log(index) => log_key(index),
                Key::Machine(generation, record) => machine_key(generation, &record),
            });
            prop_assert!(again.is_none_or(|again| again == bytes));
        }

        #[test]
        fn entries_sort_by_index(a: u64, b: u64) {
            prop_assert_eq!(log_key(a).cmp(&log_key(b)), a.cmp(&b));
            prop_assert_eq!(Key::decode(&log_key(a)), Some(Key::Log(a)));
        }
    }
}
