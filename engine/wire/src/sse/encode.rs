//! Writing events.

use super::decode::{Frame, field};

/// The event with another message: its other lines stay, the data becomes one line where
/// the first data line stood.
pub fn with_data(frame: &Frame, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + 64);
    let mut written = false;
    for line in &frame.lines {
        if field(line).0 != b"data" {
            push_line(&mut out, line);
        } else if !std::mem::replace(&mut written, true) {
            push_data(&mut out, data);
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
        if !matches!(field(line).0, b"data" | b"event") {
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

/// Line breaks inside the data (between JSON tokens only) become spaces.
fn push_data(out: &mut Vec<u8>, data: &[u8]) {
    out.extend_from_slice(b"data: ");
    out.extend(
        data.iter()
            .map(|b| if matches!(b, b'\r' | b'\n') { b' ' } else { *b }),
    );
    out.push(b'\n');
}

fn push_line(out: &mut Vec<u8>, line: &[u8]) {
    out.extend_from_slice(line);
    out.push(b'\n');
}
