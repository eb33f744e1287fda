//! Writing events.

use super::decode::{Class, Frame, class, odd_at};

/// The event with another message: its other lines stay as in [`Frame::forward`], the data
/// becomes one line where the first data line stood. `data` is a JSON text: U+0085, U+2028,
/// U+2029 and U+FEFF are escaped, since they can only stand inside its strings.
pub fn with_data(frame: &Frame, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + 64);
    let mut written = false;
    for line in &frame.lines {
        match class(line) {
            Class::Event | Class::Aside => push_line(&mut out, line),
            Class::Data => {
                if !std::mem::replace(&mut written, true) {
                    push_data(&mut out, data);
                }
            }
            Class::Stray => {}
        }
    }
    out.push(b'\n');
    out
}

/// The event without its message: what is left keeps ids and retry times, so that a client
/// can resume. Nothing where nothing but the message and its type was there.
pub fn without_data(frame: &Frame) -> Vec<u8> {
    let mut out = Vec::new();
    for line in &frame.lines {
        if class(line) == Class::Aside {
            push_line(&mut out, line);
        }
    }
    if !out.is_empty() {
        out.push(b'\n');
    }
    out
}

/// An event of our own; some clients drop events without a type.
pub fn message(data: &[u8]) -> Vec<u8> {
    let mut out = b"event: message\n".to_vec();
    push_data(&mut out, data);
    out.push(b'\n');
    out
}

/// Line breaks inside the data (between JSON tokens only) become spaces, and what other
/// readers take for one (inside strings only) becomes an escape.
fn push_data(out: &mut Vec<u8>, data: &[u8]) {
    out.extend_from_slice(b"data: ");
    let mut rest = data;
    while let Some((at, length, escape)) = odd_at(rest) {
        push_spaced(out, rest.get(..at).unwrap_or_default());
        out.extend_from_slice(escape);
        rest = rest.get(at + length..).unwrap_or_default();
    }
    push_spaced(out, rest);
    out.push(b'\n');
}

fn push_spaced(out: &mut Vec<u8>, data: &[u8]) {
    out.extend(
        data.iter()
            .map(|b| if matches!(b, b'\r' | b'\n') { b' ' } else { *b }),
    );
}

fn push_line(out: &mut Vec<u8>, line: &[u8]) {
    out.extend_from_slice(line);
    out.push(b'\n');
}
