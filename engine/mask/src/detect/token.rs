//! Tokens that providers issue, known by their prefix, alphabet and length.

/// Signs of which the rest of a token consists.
#[derive(Clone, Copy)]
enum Signs {
    /// `0-9 a-f A-F`
    Hex,
    /// `A-Z 0-9`
    Upper,
    /// `A-Z a-z 0-9`
    Alnum,
    /// Those and `_`.
    Name,
    /// Those and `-`.
    Word,
    /// Those and `.`, `=` and `~`.
    Dotted,
    /// Base64: `A-Z a-z 0-9 + / =`, with `-` and `_`.
    Base64,
}

/// One kind of token: what it begins with, what it goes on with, and how much of that.
pub(super) struct Shape(&'static str, Signs, usize, usize);

/// No length ends a token but that of its run.
const OPEN: usize = usize::MAX;
/// Bytes of a token that are looked at to tell it from words.
const SAMPLE: usize = 256;

use Signs::{Alnum, Base64, Dotted, Hex, Name, Upper, Word};

/// Case matters. Several rows may begin alike.
pub(super) static SHAPES: [Shape; 93] = [
    // Models and generic keys.
    Shape("sk-", Word, 20, OPEN),
    Shape("gsk_", Alnum, 30, OPEN),
    Shape("r8_", Alnum, 30, OPEN),
    Shape("hf_", Alnum, 30, OPEN),
    Shape("api_org_", Alnum, 30, OPEN),
    Shape("pplx-", Word, 20, OPEN),
    Shape("tvly-", Word, 20, OPEN),
    Shape("xai-", Alnum, 40, OPEN),
    Shape("lsv2_pt_", Name, 32, OPEN),
    Shape("fw_", Alnum, 22, 40),
    // Clouds.
    Shape("AKIA", Upper, 16, 16),
    Shape("ASIA", Upper, 16, 16),
    Shape("ABIA", Upper, 16, 16),
    Shape("ACCA", Upper, 16, 16),
    Shape("A3T", Upper, 17, 17),
    Shape("ABSK", Base64, 100, OPEN),
    Shape("AIza", Word, 35, 35),
    Shape("ya29.", Word, 20, OPEN),
    Shape("GOCSPX-", Word, 20, OPEN),
    Shape("LTAI", Alnum, 20, 20),
    Shape("dop_v1_", Hex, 64, 64),
    Shape("doo_v1_", Hex, 64, 64),
    Shape("dor_v1_", Hex, 64, 64),
    Shape("v1.0-", Dotted, 100, OPEN),
    Shape("dapi", Hex, 32, 32),
    Shape("dose", Hex, 32, 32),
    Shape("fo1_", Word, 43, 43),
    Shape("fm1", Base64, 100, OPEN),
    Shape("fm2_", Base64, 100, OPEN),
    Shape("HRKU-", Word, 36, OPEN),
    Shape("pscale_tkn_", Dotted, 32, OPEN),
    Shape("pscale_oauth_", Dotted, 32, OPEN),
    Shape("pscale_pw_", Dotted, 32, OPEN),
    Shape("dp.pt.", Alnum, 40, OPEN),
    Shape("dp.st.", Dotted, 40, OPEN),
    Shape("hvs.", Word, 24, OPEN),
    Shape("hvb.", Word, 24, OPEN),
    Shape("hvr.", Word, 24, OPEN),
    Shape("pul-", Hex, 40, 40),
    Shape("pnu_", Alnum, 36, OPEN),
    Shape("sha256~", Word, 43, 43),
    Shape("dt0c01.", Dotted, 80, OPEN),
    Shape("ico-", Alnum, 32, 32),
    Shape("AGE-SECRET-KEY-1", Upper, 58, 58),
    Shape("A3-", Word, 33, 34),
    Shape("ops_eyJ", Base64, 100, OPEN),
    // Payment.
    Shape("sk_live_", Alnum, 10, OPEN),
    Shape("sk_test_", Alnum, 10, OPEN),
    Shape("sk_prod_", Alnum, 10, OPEN),
    Shape("rk_live_", Alnum, 10, OPEN),
    Shape("rk_test_", Alnum, 10, OPEN),
    Shape("rk_prod_", Alnum, 10, OPEN),
    Shape("whsec_", Base64, 24, OPEN),
    Shape("sq0atp-", Word, 22, OPEN),
    Shape("sq0csp-", Word, 40, OPEN),
    Shape("EAAA", Word, 56, OPEN),
    Shape("EAA", Alnum, 100, OPEN),
    Shape("FLWSECK_TEST-", Word, 12, OPEN),
    Shape("FLWPUBK_TEST-", Word, 12, OPEN),
    Shape("EZAK", Alnum, 54, 54),
    Shape("EZTK", Alnum, 54, 54),
    Shape("shippo_", Name, 44, OPEN),
    Shape("duffel_", Dotted, 40, OPEN),
    // Source hosting and registries.
    Shape("ghp_", Alnum, 36, OPEN),
    Shape("gho_", Alnum, 36, OPEN),
    Shape("ghu_", Alnum, 36, OPEN),
    Shape("ghs_", Alnum, 36, OPEN),
    Shape("ghr_", Alnum, 36, OPEN),
    Shape("github_pat_", Name, 22, OPEN),
    Shape("gl", Dotted, 0, OPEN),
    Shape("GR1348941", Word, 20, OPEN),
    Shape("npm_", Alnum, 36, 36),
    Shape("pypi-AgEI", Word, 50, OPEN),
    Shape("rubygems_", Hex, 48, 48),
    Shape("dckr_pat_", Word, 27, OPEN),
    Shape("ATATT3", Dotted, 50, OPEN),
    Shape("AKCp", Alnum, 69, 69),
    Shape("cmVmd", Alnum, 59, 59),
    Shape("CLOJARS_", Alnum, 60, 60),
    Shape("sgp_", Name, 40, OPEN),
    // Messages and services.
    Shape("xox", Word, 0, OPEN),
    Shape("xapp-", Word, 20, OPEN),
    Shape("hooks.slack.com/", Base64, 40, OPEN),
    Shape("SG.", Dotted, 32, OPEN),
    Shape("SK", Hex, 32, 32),
    Shape("xkeysib-", Word, 64, OPEN),
    Shape("shp", Name, 0, 38),
    Shape("lin_api_", Alnum, 40, OPEN),
    Shape("figd_", Word, 20, OPEN),
    Shape("ntn_", Alnum, 40, OPEN),
    Shape("PMAK-", Word, 50, OPEN),
    Shape("sntrys_", Base64, 60, OPEN),
    Shape("sntryu_", Hex, 64, 64),
];

/// Prefixes that are families: what follows them must begin with one of these.
const FAMILIES: [(&str, usize, &[&str]); 3] = [
    (
        "gl",
        20,
        &[
            "pat-", "dt-", "rt-", "ft-", "ptt-", "cbt-", "imt-", "soat-", "agent-", "oas-",
            "ffct-", "sa_", "c_",
        ],
    ),
    ("xox", 10, &["a-", "b-", "e-", "e.", "o-", "p-", "r-", "s-"]),
    ("shp", 32, &["at_", "ca_", "pa_", "ss_"]),
];

/// Where a token ends that begins at `at`, the first letter or digit of its run.
pub(super) fn find(text: &[u8], at: usize, run: &mut usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let [first, second, ..] = rest else {
        return None;
    };
    if (*first, *second) == (b'e', b'y') {
        return web_token(text, at, run);
    }
    let mut row = HEADS.get(usize::from(*first)).copied()?;
    while let Some(shape) = SHAPES.get(usize::from(row)) {
        if let Some(length) = shape.matches(rest) {
            return Some(at + length);
        }
        row = NEXT.get(usize::from(row)).copied()?;
    }
    None
}

/// No row.
const END: u8 = u8::MAX;

/// The first row by the first byte of its prefix.
static HEADS: [u8; 256] = {
    let mut heads = [END; 256];
    let mut row = SHAPES.len();
    while row > 0 {
        row -= 1;
        let first = SHAPES[row].prefix()[0];
        // Runs of digits are read for cards only.
        assert!(first.is_ascii_alphabetic());
        heads[first as usize] = row as u8;
    }
    heads
};

/// The next row that begins with the same byte.
static NEXT: [u8; SHAPES.len()] = {
    let mut next = [END; SHAPES.len()];
    let mut later = [END; 256];
    let mut row = SHAPES.len();
    while row > 0 {
        row -= 1;
        let first = SHAPES[row].prefix()[0] as usize;
        next[row] = later[first];
        later[first] = row as u8;
    }
    next
};

impl Shape {
    /// What it begins with: two bytes at least.
    pub(super) const fn prefix(&self) -> &'static [u8] {
        self.0.as_bytes()
    }

    fn matches(&self, rest: &[u8]) -> Option<usize> {
        let Self(prefix, signs, least, most) = self;
        let body = rest.strip_prefix(prefix.as_bytes())?;
        let family = FAMILIES.iter().find(|(name, ..)| name == prefix);
        let (least, skip) = match family {
            Some((_, least, members)) => {
                let member = members.iter().find(|m| body.starts_with(m.as_bytes()))?;
                (*least + member.len(), member.len())
            }
            None => (*least, 0),
        };
        let limit = if *most == OPEN { SAMPLE } else { most + 1 };
        let length = skip + signs.run(body.get(skip..)?, limit);
        if length < least || length > *most {
            return None;
        }
        let sample = body.get(skip..length)?;
        // Words with dashes between them are no tokens.
        if !sample.iter().any(u8::is_ascii_digit) && !mixed(sample) {
            return None;
        }
        let whole = if *most == OPEN {
            skip + signs.run(body.get(skip..)?, usize::MAX)
        } else {
            length
        };
        let written = body.get(..whole)?;
        let stops = written
            .iter()
            .rev()
            .take_while(|b| matches!(b, b'.' | b'-'))
            .count();
        Some(prefix.len() + whole - stops)
    }
}

/// Letters of both cases without a sign between them.
fn mixed(sample: &[u8]) -> bool {
    sample.iter().all(u8::is_ascii_alphanumeric)
        && sample.iter().any(u8::is_ascii_lowercase)
        && sample.iter().filter(|b| b.is_ascii_uppercase()).count() >= 3
}

impl Signs {
    fn has(self, b: u8) -> bool {
        match self {
            Hex => b.is_ascii_hexdigit(),
            Upper => b.is_ascii_uppercase() || b.is_ascii_digit(),
            Alnum => b.is_ascii_alphanumeric(),
            Name => b.is_ascii_alphanumeric() || b == b'_',
            Word => b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'),
            Dotted => b.is_ascii_alphanumeric() || b"_-.=~".contains(&b),
            Base64 => b.is_ascii_alphanumeric() || b"_-+/=".contains(&b),
        }
    }

    /// Length of the run at the start of a text; exact ones end with letters and digits.
    fn run(self, text: &[u8], limit: usize) -> usize {
        let length = text
            .iter()
            .take(limit)
            .take_while(|b| self.has(**b))
            .count();
        let more = text.get(length).is_some_and(u8::is_ascii_alphanumeric);
        let bounded = limit != SAMPLE && limit != usize::MAX;
        // Inside of a longer word.
        if bounded && length < limit && more {
            limit
        } else {
            length
        }
    }
}

/// A JSON Web Token (RFC 7519) or another in the same form.
fn web_token(text: &[u8], at: usize, known: &mut usize) -> Option<usize> {
    let part = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        rest.iter().take_while(|b| Word.has(**b)).count()
    };
    // Every later start in the run would end where it ends.
    if at < *known || text.get(at + 2) != Some(&b'J') {
        return None;
    }
    let head = at + part(at);
    *known = head;
    let dotted = |end: usize| text.get(end) == Some(&b'.');
    if !dotted(head) || head - at < 12 {
        let opaque = text.get(at..).is_some_and(|t| t.starts_with(b"eyJrIjoi"));
        return (opaque && head - at >= 70).then_some(head);
    }
    let body = head + 1 + part(head + 1);
    if body - head < 12 {
        return None;
    }
    let mut end = body;
    // A signature, or the five parts of an encrypted one; all may be empty.
    for _ in 0..3 {
        if !dotted(end) {
            break;
        }
        end += 1 + part(end + 1);
    }
    Some(end)
}
