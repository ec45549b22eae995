//! The W3C `traceparent`.

/// Trace id, span id and flags of a valid `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceParent {
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
    pub(crate) flags: u8,
}

impl TraceParent {
    /// Reads `version-traceid-spanid-flags`; `None` for anything that the standard calls invalid. A later version
    /// may have more behind it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let shaped = bytes.len() >= 55 && bytes[2] == b'-' && bytes[35] == b'-' && bytes[52] == b'-';
        if !shaped {
            return None;
        }
        let [version] = hex::<1>(&bytes[..2])?;
        let ends = bytes.len() == 55 || (version != 0 && bytes[55] == b'-');
        let parent = Self {
            trace_id: hex(&bytes[3..35])?,
            span_id: hex(&bytes[36..52])?,
            flags: hex::<1>(&bytes[53..55])?[0],
        };
        let valid = ends && version != 0xff && parent.trace_id != [0; 16] && parent.span_id != [0; 8];
        valid.then_some(parent)
    }
}

/// Lower-case hexadecimal digits, two for each byte.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

fn digit(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn only_what_the_standard_allows_is_a_trace_parent() {
        let parent = TraceParent::parse(GOOD).unwrap();
        assert_eq!(
            (
                parent.trace_id[0],
                parent.trace_id[15],
                parent.span_id[7],
                parent.flags
            ),
            (0x0a, 0x9c, 0x31, 1)
        );
        assert!(TraceParent::parse(&format!("01{}-more", &GOOD[2..])).is_some());
        let bad = [
            String::new(),
            "psql".into(),
            format!("{GOOD}-more"),
            format!("{GOOD}0"),
            GOOD.to_uppercase(),
            format!("ff{}", &GOOD[2..]),
            GOOD.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            GOOD.replace("b7ad6b7169203331", &"0".repeat(16)),
            GOOD.replace('-', "_"),
            GOOD.replace("0af", "0äf"),
            GOOD[..54].into(),
        ];
        for text in bad {
            assert_eq!(TraceParent::parse(&text), None, "{text}");
        }
    }
}
