//! Keys and tokens that begin as their issuers let them begin.

use super::super::Class;
use super::super::bytes::is_word;
use super::super::pass::Pass;
use super::random::is_random;

/// What a key is made of behind its beginning.
#[derive(Clone, Copy)]
enum Of {
    /// Letters and digits.
    Letters,
    /// Letters, digits, `_` and `-`: base64 as it is in URLs.
    Base64,
    /// The same, and it has to look random, as its beginning is short.
    Random,
    /// Hexadecimal digits.
    Hex,
    /// Capital letters and the digits 2 to 7: base32.
    Base32,
}

/// Its beginning, and how many of which characters are behind that.
type Form = (&'static [u8], Of, usize, usize);

/// By the issuers' documentation: AWS, GitHub, GitLab, Slack, Stripe, Google, npm, PyPI, Twilio, OpenAI and
/// Anthropic, Hugging Face, DigitalOcean, Shopify, New Relic, Docker, Grafana, Databricks.
const FORMS: [Form; 49] = [
    (b"AKIA", Of::Base32, 16, 16),
    (b"ASIA", Of::Base32, 16, 16),
    (b"ABIA", Of::Base32, 16, 16),
    (b"ACCA", Of::Base32, 16, 16),
    (b"ghp_", Of::Letters, 36, 255),
    (b"gho_", Of::Letters, 36, 255),
    (b"ghu_", Of::Letters, 36, 255),
    (b"ghs_", Of::Letters, 36, 255),
    (b"ghr_", Of::Letters, 36, 255),
    (b"github_pat_", Of::Base64, 60, 255),
    (b"glpat-", Of::Base64, 20, 300),
    (b"gldt-", Of::Base64, 20, 300),
    (b"glrt-", Of::Base64, 20, 300),
    (b"xoxb-", Of::Base64, 10, 255),
    (b"xoxa-", Of::Base64, 10, 255),
    (b"xoxp-", Of::Base64, 10, 255),
    (b"xoxr-", Of::Base64, 10, 255),
    (b"xoxs-", Of::Base64, 10, 255),
    (b"xoxe-", Of::Base64, 10, 255),
    (b"xapp-", Of::Base64, 10, 255),
    (b"sk_live_", Of::Letters, 10, 247),
    (b"sk_test_", Of::Letters, 10, 247),
    (b"rk_live_", Of::Letters, 10, 247),
    (b"rk_test_", Of::Letters, 10, 247),
    (b"whsec_", Of::Letters, 24, 100),
    (b"AIza", Of::Base64, 35, 35),
    (b"GOCSPX-", Of::Base64, 28, 28),
    (b"ya29.", Of::Base64, 20, 400),
    (b"npm_", Of::Letters, 36, 36),
    (b"pypi-", Of::Base64, 50, 400),
    (b"SK", Of::Hex, 32, 32),
    (b"AC", Of::Hex, 32, 32),
    (b"sk-ant-", Of::Base64, 20, 300),
    (b"sk-proj-", Of::Base64, 20, 300),
    (b"sk-", Of::Random, 20, 300),
    (b"hf_", Of::Letters, 34, 40),
    (b"dop_v1_", Of::Hex, 64, 64),
    (b"doo_v1_", Of::Hex, 64, 64),
    (b"shpat_", Of::Hex, 32, 32),
    (b"shpss_", Of::Hex, 32, 32),
    (b"shpca_", Of::Hex, 32, 32),
    (b"NRAK-", Of::Letters, 27, 27),
    (b"NRJS-", Of::Letters, 19, 19),
    (b"NRII-", Of::Base64, 32, 32),
    (b"dckr_pat_", Of::Base64, 27, 36),
    (b"glsa_", Of::Base64, 41, 41),
    (b"glc_", Of::Base64, 32, 300),
    (b"dapi", Of::Hex, 32, 32),
    (b"SG.", Of::Base64, 22, 22),
];

static TABLE: [Form; 49] = FORMS;

/// For each first byte, by its lowest five bits, the second bytes of what begins with it: few words are
/// looked at.
static BEGINS: [u32; 32] = begins();

const fn begins() -> [u32; 32] {
    let mut begins = [0; 32];
    let mut at = 0;
    while at < FORMS.len() {
        let begin = FORMS[at].0;
        begins[(begin[0] & 31) as usize] |= 1 << (begin[1] & 31);
        at += 1;
    }
    begins
}

/// The length of a New Relic licence key, and its end.
const LICENSE: usize = 40;

/// A key of a known issuer that begins with this word.
#[inline]
pub(in super::super) fn known(pass: &mut Pass<'_, '_>, start: usize, end: usize) -> Option<usize> {
    let text = pass.text;
    let (first, second) = (text.at(start), text.at(start + 1));
    let seconds = BEGINS.get(usize::from(first & 31)).copied().unwrap_or_default();
    if seconds & (1 << (second & 31)) == 0 && end - start != LICENSE {
        return None;
    }
    if !pass.wants(Class::ApiKey) || text.before(start) == b'-' {
        return None;
    }
    formed(pass, start).or_else(|| licensed(pass, start, end))
}

fn formed(pass: &mut Pass<'_, '_>, start: usize) -> Option<usize> {
    let text = pass.text;
    let first = text.at(start);
    for &(begin, of, least, most) in &TABLE {
        if begin.first() != Some(&first) || text.range(start, start + begin.len()) != begin {
            continue;
        }
        let from = start + begin.len();
        let mut end = text.run(from, most + 1, |b| belongs(of, b));
        let length = end - from;
        if length < least || length > most || is_word(text.at(end)) {
            continue;
        }
        if matches!(of, Of::Random) && !is_random(text.range(from, end), least) {
            continue;
        }
        if begin == b"SG." {
            let second = text.run(end + 1, 44, |b| belongs(of, b));
            if text.at(end) != b'.' || second - end - 1 != 43 {
                continue;
            }
            end = second;
        }
        return Some(pass.keep(Class::ApiKey, start, end));
    }
    None
}

/// A licence key of New Relic.
fn licensed(pass: &mut Pass<'_, '_>, start: usize, end: usize) -> Option<usize> {
    let key = pass.text.range(start, end);
    let is_one = key.len() == LICENSE && key.ends_with(b"NRAL") && key.iter().all(u8::is_ascii_alphanumeric);
    is_one.then(|| pass.keep(Class::ApiKey, start, end))
}

fn belongs(of: Of, byte: u8) -> bool {
    match of {
        Of::Letters => byte.is_ascii_alphanumeric(),
        Of::Base64 | Of::Random => is_word(byte) || byte == b'-',
        Of::Hex => byte.is_ascii_hexdigit(),
        Of::Base32 => matches!(byte, b'A'..=b'Z' | b'2'..=b'7'),
    }
}
