//! E-mail addresses: what stands before the `@` (RFC 5321), and a name that can be one of a host behind it.

use super::Class;
use super::bytes::{Bytes, is_word};
use super::pass::Pass;

/// The longest local part and the longest domain (RFC 5321, 4.5.3.1).
const LOCAL: usize = 64;
const DOMAIN: usize = 253;

/// Names behind a point that are no top-level domains but ends of file names: `icon@2x.png`.
static FILES: [&str; 36] = [
    "png", "jpg", "jpeg", "gif", "svg", "webp", "bmp", "ico", "js", "jsx", "ts", "tsx", "css", "scss",
    "html", "htm", "json", "xml", "yaml", "yml", "toml", "txt", "log", "csv", "pdf", "sql", "tar", "gz",
    "bz", "xz", "jar", "class", "exe", "dll", "service", "socket",
];

/// Top-level domains of two letters: ISO 3166-1 and those that are reserved beside it (IANA).
static COUNTRIES: &[u8] =
    b"ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt \
    bv bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg \
    er es et eu fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn \
    hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li \
    lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne \
    nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb \
    sc sd se sg sh si sj sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr \
    tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw ";

/// At an `@`.
pub(super) fn email(pass: &mut Pass<'_, '_>, at: usize) -> usize {
    let text = pass.text;
    if !pass.wants(Class::Email) || !is_local(text.before(at)) && !is_letter(text.before(at)) {
        return at + 1;
    }
    let Some(end) = domain(text, at + 1) else {
        return at + 1;
    };
    let Some(start) = local(text, at) else {
        return at + 1;
    };
    // `git@host:path` is how repositories are reached.
    if text.range(start, at) == b"git" && text.at(end) == b':' {
        return end;
    }
    pass.keep(Class::Email, start, end)
}

/// Part of a local part as people write it. What else the standard allows (`=`, `/`, `?`) separates in other
/// texts.
fn is_local(byte: u8) -> bool {
    is_word(byte) || matches!(byte, b'.' | b'+' | b'-' | b'%' | b'\'' | b'&' | b'~')
}

/// Part of a letter of two bytes: Latin with marks, Greek, Cyrillic, Hebrew, Arabic. Scripts without blanks
/// between words are not among them.
fn is_letter(byte: u8) -> bool {
    matches!(byte, 0x80..=0xbf | 0xc3..=0xdf)
}

fn local(text: Bytes<'_>, at: usize) -> Option<usize> {
    let first = at.saturating_sub(LOCAL);
    let mut start = at;
    while start > first {
        let byte = text.at(start - 1);
        if byte >= 0x80 {
            // Only the second byte of two, with the first before it.
            if start < 2 || !matches!(text.second_before(start), 0xc3..=0xdf) || !matches!(byte, 0x80..=0xbf)
            {
                break;
            }
            start -= 2;
            continue;
        }
        let is_double = byte == b'.' && text.at(start) == b'.';
        // A quote is part of a name only between letters: o'neil.
        let is_quote = matches!(byte, b'\'' | b'&')
            && !(start >= 2
                && text.second_before(start).is_ascii_alphabetic()
                && text.at(start).is_ascii_alphabetic());
        if !is_local(byte) || is_double || is_quote {
            break;
        }
        start -= 1;
    }
    // A longer one is not one.
    if start <= first && first > 0 && is_local(text.before(start)) {
        return None;
    }
    while start < at && matches!(text.at(start), b'.' | b'-' | b'\'' | b'&' | b'~' | b'+' | b'%') {
        start += 1;
    }
    (start < at && text.before(at) != b'.').then_some(start)
}

fn domain(text: Bytes<'_>, start: usize) -> Option<usize> {
    let end = text.run(start, DOMAIN + 1, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-') || b >= 0x80
    });
    if end - start > DOMAIN {
        return None;
    }
    let mut end = end;
    while end > start {
        let name = text.range(start, end);
        let label = name.rsplit(|b| *b == b'.').next().unwrap_or_default();
        let label_start = end - label.len();
        if label_start == start {
            return None;
        }
        let top = top_level(label);
        if top > 0 && is_host(text.range(start, label_start - 1)) {
            return Some(label_start + top);
        }
        // The rest may have been a full stop, or the next sentence.
        if !label.is_empty() && !label.iter().all(|b| *b == b'-') && !label.iter().any(|b| *b >= 0x80) {
            return None;
        }
        end = label_start - 1;
    }
    None
}

/// Labels of letters, digits and minus signs, none empty.
fn is_host(name: &[u8]) -> bool {
    name.split(|b| *b == b'.').all(|label| {
        let is_edge = label.first() == Some(&b'-') || label.last() == Some(&b'-');
        !label.is_empty() && label.len() <= 63 && !is_edge
    })
}

/// How many bytes of the label can be a top-level domain.
fn top_level(label: &[u8]) -> usize {
    let ascii = label
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || **b == b'-')
        .count();
    let is_international = |label: &[u8]| label.len() <= 63 && label.iter().all(|b| *b >= 0x80);
    if ascii == 0 {
        return if is_international(label) { label.len() } else { 0 };
    }
    let label = label.get(..ascii).unwrap_or_default();
    let lower = label.to_ascii_lowercase();
    if lower.starts_with(b"xn--") {
        return if (6..=63).contains(&ascii) && !lower.ends_with(b"-") {
            ascii
        } else {
            0
        };
    }
    let letters = lower.iter().take_while(|b| b.is_ascii_lowercase()).count();
    // `name@example.com-` and what else follows a minus sign is not part of it; a digit would be.
    if lower.get(letters).is_some_and(u8::is_ascii_digit) {
        return 0;
    }
    let name = lower.get(..letters).unwrap_or_default();
    let is_one = match letters {
        2 => COUNTRIES.chunks(3).any(|country| country.starts_with(name)),
        3..=24 => !FILES.iter().any(|file| file.as_bytes() == name),
        _ => false,
    };
    if is_one { letters } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_ends_with_what_can_be_a_top_level_domain() {
        let end = |text: &str| domain(Bytes(text.as_bytes()), 0);
        assert_eq!(end("example.com"), Some(11));
        assert_eq!(end("example.co.uk. And"), Some(13));
        assert_eq!(end("example.xn--p1ai"), Some(16));
        for none in [
            "example",
            "example.",
            "2x.png",
            "4.17.1",
            "example.zz",
            "-a.com",
            "a..com",
            "a.b-",
        ] {
            assert_eq!(end(none), None, "{none}");
        }
    }
}
