//! Strings: escapes, and the way back from decoded bytes to written ones.

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range;

/// Reads one escape at the start of `text`: the character and the escape's length in bytes.
pub(super) fn escape(text: &str) -> Option<(char, usize)> {
    let bytes = text.as_bytes();
    let simple = |c| Some((c, 2));
    match bytes.get(1)? {
        b'"' => simple('"'),
        b'\\' => simple('\\'),
        b'/' => simple('/'),
        b'b' => simple('\u{8}'),
        b'f' => simple('\u{c}'),
        b'n' => simple('\n'),
        b'r' => simple('\r'),
        b't' => simple('\t'),
        b'u' => {
            let high = hex(bytes.get(2..6)?)?;
            if !(0xd800..0xe000).contains(&high) {
                return Some((char::from_u32(high)?, 6));
            }
            if high >= 0xdc00 || bytes.get(6..8)? != b"\\u" {
                return None;
            }
            let low = hex(bytes.get(8..12)?)?;
            if !(0xdc00..0xe000).contains(&low) {
                return None;
            }
            let point = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            Some((char::from_u32(point)?, 12))
        }
        _ => None,
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| {
        Some((value << 4) | char::from(*digit).to_digit(16)?)
    })
}

/// Decodes the inside of a validated string.
pub(super) fn decode(inside: &str) -> String {
    let mut decoded = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(at) = rest.find('\\') {
        let (before, from) = rest.split_at(at);
        decoded.push_str(before);
        let Some((character, length)) = escape(from) else {
            break;
        };
        decoded.push(character);
        rest = from.get(length..).unwrap_or_default();
    }
    decoded.push_str(rest);
    decoded
}

/// A decoded string and the place of each of its bytes in the document.
#[derive(Debug, Clone)]
pub struct Decoded<'d> {
    text: Cow<'d, str>,
    /// Offset of the first byte inside the quotes.
    start: usize,
    /// For each escape: where its decoded form ends, and by how much written bytes run ahead from there.
    shifts: Vec<(usize, usize)>,
    /// Decoded ranges of escapes.
    escapes: Vec<Range<usize>>,
}

impl<'d> Decoded<'d> {
    pub(super) fn new(inside: &'d str, start: usize, escaped: bool) -> Self {
        if !escaped {
            return Self {
                text: Cow::Borrowed(inside),
                start,
                shifts: Vec::new(),
                escapes: Vec::new(),
            };
        }
        let mut text = String::with_capacity(inside.len());
        let (mut shifts, mut escapes) = (Vec::new(), Vec::new());
        let (mut rest, mut ahead) = (inside, 0);
        while let Some(at) = rest.find('\\') {
            let (before, from) = rest.split_at(at);
            text.push_str(before);
            let Some((character, length)) = escape(from) else {
                break;
            };
            let begin = text.len();
            text.push(character);
            ahead += length - (text.len() - begin);
            shifts.push((text.len(), ahead));
            escapes.push(begin..text.len());
            rest = from.get(length..).unwrap_or_default();
        }
        text.push_str(rest);
        Self {
            text: Cow::Owned(text),
            start,
            shifts,
            escapes,
        }
    }

    /// The decoded text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The written bytes of a decoded range; a range that cuts an escape takes the whole of it.
    pub fn written(&self, range: Range<usize>) -> Range<usize> {
        let begin = self
            .escapes
            .iter()
            .find(|e| e.contains(&range.start))
            .map_or(range.start, |e| e.start);
        let end = self
            .escapes
            .iter()
            .find(|e| e.start < range.end && range.end < e.end)
            .map_or(range.end, |e| e.end);
        self.place(begin)..self.place(end)
    }

    fn place(&self, decoded: usize) -> usize {
        let index = self.shifts.partition_point(|(end, _)| *end <= decoded);
        let ahead = index
            .checked_sub(1)
            .and_then(|i| self.shifts.get(i))
            .map_or(0, |(_, a)| *a);
        self.start + decoded + ahead
    }
}

/// A JSON string literal of the text, with quotes.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    push_inside(&mut quoted, text);
    quoted.push('"');
    quoted
}

fn push_inside(quoted: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // Line separators end a line for some readers of newline-framed messages.
            c if c < ' ' || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}') => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
}
