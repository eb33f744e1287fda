//! The password inside a URL.

use std::ops::Range;

/// More is no user name and password.
const MOST: usize = 512;

/// The password of `scheme://user:password@host`, whose colon after the scheme is at `at`.
/// It ends at the `@`.
pub(super) fn login(text: &[u8], at: usize) -> Option<Range<usize>> {
    let begin = at + 3;
    let before = at.checked_sub(1).and_then(|i| text.get(i))?;
    if text.get(at..begin)? != b"://" || !before.is_ascii_alphanumeric() {
        return None;
    }
    let rest = text.get(begin..)?;
    let length = rest
        .iter()
        .take(MOST)
        .position(|b| b.is_ascii_whitespace() || b"/?#\"'<>`\\".contains(b))
        .unwrap_or(rest.len().min(MOST));
    let authority = rest.get(..length)?;
    let sign = authority.iter().rposition(|b| *b == b'@')?;
    let colon = authority.get(..sign)?.iter().position(|b| *b == b':')?;
    let span = begin + colon + 1..begin + sign;
    let written = std::str::from_utf8(text.get(span.clone())?).ok()?;
    (!super::value::is_template(written)).then_some(span)
}
