//! JSON, exactly as RFC 8259 has it.

use std::ops::Range;

use super::{empty_file, scalar};
use crate::code::Code;
use crate::node::{Entry, Node, Value, limits, refuse_duplicates};
use crate::notes::Notes;

/// Reading cannot go on.
struct Stop;

struct Reader<'t, 'n, 'a> {
    text: &'t str,
    at: usize,
    nodes: usize,
    notes: &'n mut Notes<'a>,
}

/// Reads one document.
pub(super) fn read(text: &str, notes: &mut Notes<'_>) -> Option<Node> {
    let mut reader = Reader {
        text,
        at: 0,
        nodes: 0,
        notes,
    };
    reader.space();
    if reader.peek().is_none() {
        empty_file(notes);
        return None;
    }
    let root = reader.node(0).ok()?;
    reader.space();
    if reader.peek().is_some() {
        let _ = reader.fail("the document has ended before this");
        return None;
    }
    Some(root)
}

impl Reader<'_, '_, '_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn fail(&mut self, message: &str) -> Stop {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = self.at + rest.chars().next().map_or(0, char::len_utf8);
        let message = format!("not well-formed JSON: {message}");
        self.notes.error(&(self.at..end), Code::Syntax, message);
        Stop
    }

    fn large(&mut self, message: String) -> Stop {
        self.notes
            .error(&(self.at..self.at), Code::TooLarge, message);
        Stop
    }

    fn node(&mut self, depth: usize) -> Result<Node, Stop> {
        self.nodes += 1;
        if self.nodes > limits::NODES {
            return Err(self.large(format!("more than {} values", limits::NODES)));
        }
        self.space();
        let start = self.at;
        let value = match self.peek() {
            Some(b'{' | b'[') if depth >= limits::DEPTH => {
                return Err(self.large(format!("more than {} levels", limits::DEPTH)));
            }
            Some(b'{') => Value::Map(self.map(depth)?),
            Some(b'[') => Value::List(self.list(depth)?),
            Some(b'"') => Value::Text(self.string()?),
            Some(_) => self.word()?,
            None => return Err(self.fail("a value is missing")),
        };
        Ok(Node {
            span: start..self.at,
            value,
        })
    }

    fn word(&mut self) -> Result<Value, Stop> {
        let start = self.at;
        let inside = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        while self.peek().is_some_and(inside) {
            self.at += 1;
        }
        let word = self.text.get(start..self.at).unwrap_or_default();
        let value = match word {
            "null" => Some(Value::Null),
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => is_number(word).then(|| scalar::number(word)).flatten(),
        };
        value.ok_or_else(|| {
            self.at = start;
            self.fail("not a value")
        })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Stop> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(items);
        }
        loop {
            items.push(self.node(depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(items);
                }
                Some(_) | None => return Err(self.fail("`,` or `]` is missing")),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<Entry>, Stop> {
        self.at += 1;
        let mut entries = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(entries);
        }
        loop {
            entries.push(self.entry(depth)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    refuse_duplicates(&entries, self.notes);
                    return Ok(entries);
                }
                Some(_) | None => return Err(self.fail("`,` or `}` is missing")),
            }
        }
    }

    fn entry(&mut self, depth: usize) -> Result<Entry, Stop> {
        self.space();
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.fail("a key in quotes is missing"));
        }
        let key = self.string()?;
        let key_span: Range<usize> = start..self.at;
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.fail("`:` is missing"));
        }
        self.at += 1;
        let node = self.node(depth + 1)?;
        Ok(Entry {
            key,
            key_span,
            node,
        })
    }

    fn string(&mut self) -> Result<String, Stop> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(c) = rest.chars().next() else {
                return Err(self.fail("a text without its closing quote"));
            };
            match c {
                '"' => {
                    self.at += 1;
                    return Ok(text);
                }
                '\\' => text.push(self.escape()?),
                '\0'..='\x1f' => return Err(self.fail("a control character in a text")),
                c => {
                    text.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, Stop> {
        let letter = self.text.as_bytes().get(self.at + 1).copied();
        let plain = match letter {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            Some(_) | None => return Err(self.fail("an unknown escape")),
        };
        self.at += 2;
        Ok(plain)
    }

    fn unicode(&mut self) -> Result<char, Stop> {
        let unit = |at: usize| {
            let escape = self.text.get(at..at + 6)?;
            let digits = escape.strip_prefix("\\u")?;
            let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
            hex.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
        };
        let first = unit(self.at);
        let single = first.and_then(|u| char::from_u32(u32::from(u)));
        if let Some(c) = single {
            self.at += 6;
            return Ok(c);
        }
        let pair = first.zip(unit(self.at + 6));
        let decoded = pair.and_then(|(a, b)| char::decode_utf16([a, b]).next()?.ok());
        match decoded {
            Some(c) => {
                self.at += 12;
                Ok(c)
            }
            None => Err(self.fail("an escape that stands for no character")),
        }
    }
}

/// JSON's numbers are fewer than YAML's.
fn is_number(word: &str) -> bool {
    let unsigned = word.strip_prefix('-').unwrap_or(word);
    let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits == 1 || (digits > 1 && !unsigned.starts_with('0'));
    let rest = unsigned.get(digits..).unwrap_or_default();
    let fraction = rest
        .strip_prefix('.')
        .is_none_or(|f| f.starts_with(|c: char| c.is_ascii_digit()));
    whole
        && fraction
        && rest
            .chars()
            .all(|c| !c.is_ascii_alphabetic() || matches!(c, 'e' | 'E'))
}
