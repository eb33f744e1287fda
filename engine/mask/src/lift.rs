//! From changes of a decoded text to changes of the string literal that holds it.

use mcp_zero_wire::json::quote;
use std::ops::Range;

/// Replacement of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) span: Range<usize>,
    pub(crate) by: String,
}

/// Carries changes, ordered by place, over to the inside of a literal that starts at
/// `start`: one walk over the literal, whatever their number.
pub(crate) fn lift(changes: Vec<Change>, inside: &str, start: usize, out: &mut Vec<Change>) {
    let mut place = Place {
        inside: inside.as_bytes(),
        written: 0,
        decoded: 0,
    };
    for Change { span, by } in changes {
        let from = start + place.advance(span.start);
        let to = start + place.advance(span.end);
        out.push(Change {
            span: from..to,
            by: escaped(&by),
        });
    }
}

fn escaped(text: &str) -> String {
    let quoted = quote(text);
    let inside = quoted.get(1..quoted.len().saturating_sub(1));
    inside.unwrap_or_default().to_owned()
}

struct Place<'a> {
    inside: &'a [u8],
    written: usize,
    decoded: usize,
}

impl Place<'_> {
    /// The written offset of a decoded one that is not before the last.
    fn advance(&mut self, target: usize) -> usize {
        while self.decoded < target {
            let rest = self.inside.get(self.written..).unwrap_or_default();
            let wanted = rest.get(..target - self.decoded).unwrap_or(rest);
            let plain = wanted
                .iter()
                .position(|b| *b == b'\\')
                .unwrap_or(wanted.len());
            self.written += plain;
            self.decoded += plain;
            if self.decoded < target {
                let rest = self.inside.get(self.written..).unwrap_or_default();
                if rest.is_empty() {
                    break;
                }
                let (written, decoded) = escape(rest);
                self.written += written;
                self.decoded += decoded;
            }
        }
        self.written
    }
}

/// Lengths of a valid escape, written and decoded.
fn escape(text: &[u8]) -> (usize, usize) {
    if text.get(1) != Some(&b'u') {
        return (2, 1);
    }
    let digits = text.get(2..6).unwrap_or_default();
    let unit = digits.iter().fold(0_u32, |value, digit| {
        (value << 4) | char::from(*digit).to_digit(16).unwrap_or(0)
    });
    match unit {
        0..0x80 => (6, 1),
        0x80..0x800 => (6, 2),
        0xd800..0xdc00 => (12, 4),
        _ => (6, 3),
    }
}
