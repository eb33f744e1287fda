//! E-mail addresses, grown both ways from the sign between their parts.

use std::ops::Range;

/// Characters of a local part (RFC 5321 §4.5.3.1.1); one more would be another text.
const LOCAL: usize = 64;
/// Bytes of a domain (RFC 5321 §4.5.3.1.2), and a little for alphabets beyond ASCII.
const DOMAIN: usize = 512;

/// The sign as JSON escapes it.
const ESCAPED: &str = "\\u0040";

/// An address around the sign at `at`, plain or as URLs and JSON escape it.
pub(super) fn find(text: &str, at: usize) -> Option<(Range<usize>, u32)> {
    let rest = text.get(at..)?;
    let sign = ["@", "%40", ESCAPED]
        .into_iter()
        .find(|sign| rest.starts_with(sign))?;
    let after = at + sign.len();
    let mut before = text.get(..at)?;
    if sign == ESCAPED {
        // One more each time that JSON is written inside of JSON.
        before = before.trim_end_matches('\\');
    }
    let at = before.len();
    let start = local(before)?;
    let tail = text.get(after..)?;
    if let Some(length) = literal(tail) {
        return Some((start..after + length, 600));
    }
    let length = domain(tail)?;
    let end = after + length;
    // A shell's login at a source host names nobody.
    let shared = text.get(start..at) == Some("git")
        && text
            .get(end..)
            .is_some_and(|rest| rest.starts_with([':', '/']));
    (!shared).then_some((start..end, 1000))
}

/// Where the local part at the end of a text begins.
fn local(before: &str) -> Option<usize> {
    if let Some(quoted) = before.strip_suffix('"') {
        return quoted
            .char_indices()
            .rev()
            .take(LOCAL)
            .take_while(|(_, c)| !c.is_control())
            .find(|(_, c)| *c == '"')
            .filter(|(open, _)| open + 1 < quoted.len())
            .map(|(open, _)| open);
    }
    let start = before
        .char_indices()
        .rev()
        .take(LOCAL)
        .take_while(|(_, c)| is_local(*c))
        .last()
        .map(|(start, _)| start)?;
    let run = before.get(start..)?;
    let word = |c: char| c.is_alphanumeric() || c == '_';
    Some(start + run.find(word)?)
}

/// Letters of alphabets that are written with spaces, digits, and the signs of local parts
/// that do not stand between other things.
fn is_local(c: char) -> bool {
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || "._%+-'~!#$*^".contains(c)
    } else {
        c.is_alphanumeric() && c < '\u{590}'
    }
}

/// Length of the longest domain at the start of a text that ends in a top-level one.
fn domain(text: &str) -> Option<usize> {
    let mut end = None;
    let (mut label, mut labels) = (0, 0);
    let bounded = |i: usize| i <= DOMAIN;
    for (i, c) in text
        .char_indices()
        .chain(std::iter::once((text.len(), '\0')))
        .take_while(|(i, _)| bounded(*i))
    {
        let part = c.is_alphanumeric() || c == '-' || c == '_';
        if part {
            continue;
        }
        let written = text.get(label..i)?;
        if written.is_empty() || written.starts_with('-') {
            break;
        }
        // Dashes in a label that ends an address belong to what follows it.
        let plain = written.split(['-', '_']).next().unwrap_or_default();
        // So do letters of a script that needs no spaces.
        let latin = written
            .find(|c: char| c >= '\u{2e80}')
            .and_then(|end| written.get(..end));
        let last = [Some(written), Some(plain), latin]
            .into_iter()
            .flatten()
            .find(|part| top_level(part));
        if let (Some(last), true) = (last, labels > 0) {
            end = Some(label + last.len());
        }
        labels += 1;
        label = i + 1;
        if c != '.' {
            break;
        }
    }
    end
}

/// Endings of file names that no registry has: `icon@2x.png` is a file.
const FILES: [&str; 24] = [
    "png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "bmp", "js", "mjs", "cjs", "jsx", "ts",
    "tsx", "json", "css", "scss", "html", "txt", "yaml", "yml", "toml", "lock", "exe",
];

fn top_level(label: &str) -> bool {
    let ascii = label.bytes().all(|b| b.is_ascii_alphabetic());
    let encoded = label
        .get(..4)
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case("xn--"))
        && (5..=63).contains(&label.len());
    // Of one kind of letters: Latin ones beside others belong to different words.
    let unicode = !label.is_ascii()
        && label.chars().all(char::is_alphabetic)
        && label.chars().any(|c| c >= '\u{2e80}') != label.bytes().any(|b| b.is_ascii());
    let listed = FILES.iter().any(|file| label.eq_ignore_ascii_case(file));
    encoded || (ascii && (2..=24).contains(&label.len()) && !listed) || unicode
}

/// Length of an address literal (RFC 5321 §4.1.3).
fn literal(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('[')?;
    let end = inside.bytes().take(64).position(|b| b == b']')?;
    let inside = inside.get(..end)?;
    let inside = match inside.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("ipv6:") => inside.get(5..)?,
        _ => inside,
    };
    inside.parse::<std::net::IpAddr>().ok()?;
    Some(end + 2)
}
