//! Private keys between BEGIN and END lines (RFC 7468).

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
/// Characters of a label.
const LABEL: usize = 48;

/// Where a private key ends whose first dash is at `at`.
pub(super) fn find(text: &[u8], at: usize, unended: &mut bool) -> Option<usize> {
    let rest = text.get(at..)?;
    if !rest.starts_with(BEGIN) {
        return None;
    }
    let body = header(rest.get(BEGIN.len()..)?)? + BEGIN.len();
    let inside = rest.get(body..)?;
    if !*unended {
        if let Some(end) = position(inside, END) {
            let closing = inside.get(end + END.len()..)?;
            // The label and its dashes, where they are there.
            let label = header(closing).unwrap_or(0);
            return Some(at + body + end + END.len() + label);
        }
        *unended = true;
    }
    // Cut off: whatever can still be of it, up to another line of dashes.
    let other = |b: u8| !(b.is_ascii_alphanumeric() || b"+/=\r\n\t \\:,-".contains(&b));
    let length = inside
        .iter()
        .enumerate()
        .position(|(i, b)| {
            other(*b)
                || (*b == b'-'
                    && inside
                        .get(i..)
                        .is_some_and(|rest| rest.starts_with(b"-----")))
        })
        .unwrap_or(inside.len());
    let taken = inside.get(..length)?;
    let letters = taken.iter().filter(|b| b.is_ascii_alphanumeric()).count();
    let spaces = taken.iter().filter(|b| **b == b' ').count();
    (letters >= 24 && spaces * 16 < length).then_some(at + body + length)
}

/// Length of a private key's label and the dashes after it.
fn header(text: &[u8]) -> Option<usize> {
    let window = text.get(..LABEL.min(text.len()))?;
    let dashes = position(window, b"-----")?;
    position(window.get(..dashes)?, b"PRIVATE KEY")?;
    Some(dashes + 5)
}

fn position(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|w| w == wanted)
}
