//! The scanner.

use super::doc::{Kind, Node};
use super::text;
use std::borrow::Cow;

/// Bounds of one document.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Nesting of arrays and objects.
    pub max_depth: u32,
    /// Values and member names together. A node takes 20 bytes on the tape, and half as much
    /// again while the tape grows; an object's names take 32 bytes
    /// each at most (and their text, where it is escaped) while they are compared.
    pub max_nodes: usize,
}

impl Limits {
    /// Line breaks between tokens, of any document; 4 bytes are kept for each.
    pub const MAX_LINE_BREAKS: usize = 100_000;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_depth: 64,
            // 20 MB of tape, 30 MB while it grows.
            max_nodes: 1_000_000,
        }
    }
}

/// Where and why a text is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {offset}")]
pub struct ScanError {
    /// Offset in bytes.
    pub offset: usize,
    /// What is wrong there.
    pub reason: Reason,
}

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Neither a value nor what must follow one.
    #[error("unexpected byte")]
    Unexpected,
    /// The text ends inside a value, or is empty.
    #[error("unexpected end")]
    End,
    /// Bytes follow the document.
    #[error("bytes after the document")]
    Trailing,
    /// Not UTF-8 (RFC 8259 §8.1).
    #[error("invalid UTF-8")]
    Utf8,
    /// U+FEFF in front.
    #[error("byte order mark")]
    ByteOrderMark,
    /// An escape that JSON does not have, or half a surrogate pair.
    #[error("bad escape")]
    Escape,
    /// A control character inside a string.
    #[error("control character in a string")]
    Control,
    /// Two members of one object have the same decoded name.
    #[error("duplicate name")]
    Duplicate,
    /// Nested deeper than the limit.
    #[error("nested too deeply")]
    Depth,
    /// More values than the limit, or a text of 4 GiB.
    #[error("too many values")]
    Size,
    /// More line breaks between tokens than [`Limits::MAX_LINE_BREAKS`].
    #[error("too many line breaks")]
    LineBreaks,
}

pub(super) fn scan(src: &[u8], limits: &Limits) -> Result<(Vec<Node>, Vec<u32>), ScanError> {
    let fail = |offset, reason| ScanError { offset, reason };
    if u32::try_from(src.len()).is_err() {
        return Err(fail(0, Reason::Size));
    }
    if src.starts_with(b"\xef\xbb\xbf") {
        return Err(fail(0, Reason::ByteOrderMark));
    }
    let text = std::str::from_utf8(src).map_err(|e| fail(e.valid_up_to(), Reason::Utf8))?;
    let mut scanner = Scanner {
        src: text.as_bytes(),
        text,
        at: 0,
        nodes: Vec::with_capacity(64.min(src.len() / 4 + 1)),
        breaks: Vec::new(),
        open: Vec::new(),
        limits,
    };
    scanner.document()?;
    Ok((scanner.nodes, scanner.breaks))
}

struct Scanner<'a> {
    src: &'a [u8],
    text: &'a str,
    at: usize,
    nodes: Vec<Node>,
    breaks: Vec<u32>,
    /// Indices of the containers that are open.
    open: Vec<u32>,
    limits: &'a Limits,
}

type Step = Result<(), ScanError>;

impl Scanner<'_> {
    fn fail<T>(&self, reason: Reason) -> Result<T, ScanError> {
        Err(ScanError {
            offset: self.at,
            reason,
        })
    }

    fn peek(&self) -> Option<u8> {
        self.src.get(self.at).copied()
    }

    /// What is wrong where one of some bytes was wanted.
    fn wanted<T>(&self) -> Result<T, ScanError> {
        self.fail(if self.at < self.src.len() {
            Reason::Unexpected
        } else {
            Reason::End
        })
    }

    fn space(&mut self) -> Step {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' => {}
                b'\r' | b'\n' if self.breaks.len() >= Limits::MAX_LINE_BREAKS => {
                    return self.fail(Reason::LineBreaks);
                }
                b'\r' | b'\n' => self.breaks.push(narrow(self.at)),
                _ => return Ok(()),
            }
            self.at += 1;
        }
        Ok(())
    }

    fn document(&mut self) -> Step {
        self.space()?;
        self.value()?;
        // An explicit stack of open containers: depth costs no call stack.
        while let Some(container) = self.open.last().copied() {
            self.space()?;
            self.inside(container)?;
        }
        self.space()?;
        if self.at < self.src.len() {
            self.fail(Reason::Trailing)
        } else {
            Ok(())
        }
    }

    /// Reads the next item or member of a container, or its end.
    fn inside(&mut self, container: u32) -> Step {
        let Some(node) = self.nodes.get(container as usize).copied() else {
            return self.fail(Reason::Unexpected);
        };
        let close = if node.kind == Kind::Object {
            b'}'
        } else {
            b']'
        };
        if self.peek() == Some(close) {
            self.at += 1;
            return self.close(container);
        }
        if node.len > 0 {
            if self.peek() != Some(b',') {
                return self.wanted();
            }
            self.at += 1;
            self.space()?;
        }
        if node.kind == Kind::Object {
            if self.peek() != Some(b'"') {
                return self.wanted();
            }
            self.string()?;
            self.space()?;
            if self.peek() != Some(b':') {
                return self.wanted();
            }
            self.at += 1;
            self.space()?;
        }
        if let Some(node) = self.nodes.get_mut(container as usize) {
            node.len += 1;
        }
        self.value()
    }

    fn value(&mut self) -> Step {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{') => self.container(Kind::Object),
            Some(b'[') => self.container(Kind::Array),
            Some(b't') => self.word(b"true", Kind::Bool),
            Some(b'f') => self.word(b"false", Kind::Bool),
            Some(b'n') => self.word(b"null", Kind::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) | None => self.wanted(),
        }
    }

    fn container(&mut self, kind: Kind) -> Step {
        if self.open.len() >= self.limits.max_depth as usize {
            return self.fail(Reason::Depth);
        }
        let index = narrow(self.nodes.len());
        self.push(self.at, self.at, kind, false)?;
        self.open.push(index);
        self.at += 1;
        Ok(())
    }

    fn close(&mut self, container: u32) -> Step {
        let (end, next) = (narrow(self.at), narrow(self.nodes.len()));
        self.open.pop();
        let Some(node) = self.nodes.get_mut(container as usize) else {
            return self.fail(Reason::Unexpected);
        };
        node.end = end;
        node.next = next;
        let (kind, len) = (node.kind, node.len);
        if kind == Kind::Object && len > 1 {
            self.unique(container)
        } else {
            Ok(())
        }
    }

    fn push(&mut self, start: usize, end: usize, kind: Kind, escaped: bool) -> Step {
        if self.nodes.len() >= self.limits.max_nodes {
            return self.fail(Reason::Size);
        }
        let next = narrow(self.nodes.len()).saturating_add(1);
        self.nodes.push(Node {
            start: narrow(start),
            end: narrow(end),
            next,
            len: 0,
            kind,
            escaped,
        });
        Ok(())
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Step {
        let end = self.at + word.len();
        if self.src.get(self.at..end) != Some(word) {
            return self.fail(Reason::Unexpected);
        }
        self.push(self.at, end, kind, false)?;
        self.at = end;
        Ok(())
    }

    fn digits(&mut self) -> Step {
        let begin = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == begin {
            self.wanted()
        } else {
            Ok(())
        }
    }

    fn number(&mut self) -> Step {
        let begin = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        self.push(begin, self.at, Kind::Number, false)
    }

    fn string(&mut self) -> Step {
        let begin = self.at;
        self.at += 1;
        let mut escaped = false;
        loop {
            self.at += plain(self.src.get(self.at..).unwrap_or_default());
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    let rest = self.text.get(self.at..).unwrap_or_default();
                    match text::escape(rest) {
                        Some((_, length)) => self.at += length,
                        None => return self.fail(Reason::Escape),
                    }
                }
                Some(_) => return self.fail(Reason::Control),
                None => return self.fail(Reason::End),
            }
        }
        self.at += 1;
        self.push(begin, self.at, Kind::String, escaped)
    }

    /// Refuses an object whose decoded names are not all different.
    fn unique(&self, container: u32) -> Step {
        let mut names: Vec<(Cow<'_, str>, u32)> = Vec::new();
        let mut at = container + 1;
        let end = self.nodes.get(container as usize).map_or(0, |n| n.next);
        while at < end {
            let Some(node) = self.nodes.get(at as usize) else {
                break;
            };
            names.push((self.name(node), node.start));
            at = self
                .nodes
                .get(at as usize + 1)
                .map_or(end, |value| value.next);
        }
        let duplicate = if names.len() <= 12 {
            names.iter().enumerate().find_map(|(i, (name, _))| {
                let later = names.iter().skip(i + 1);
                later
                    .clone()
                    .find(|(other, _)| other == name)
                    .map(|(_, offset)| *offset)
            })
        } else {
            names.sort_unstable();
            names.windows(2).find_map(|pair| match pair {
                [(a, _), (b, offset)] if a == b => Some(*offset),
                _ => None,
            })
        };
        match duplicate {
            Some(offset) => Err(ScanError {
                offset: offset as usize,
                reason: Reason::Duplicate,
            }),
            None => Ok(()),
        }
    }

    fn name(&self, node: &Node) -> Cow<'_, str> {
        let inside = node.start as usize + 1..(node.end as usize).saturating_sub(1);
        let inside = self.text.get(inside).unwrap_or_default();
        if node.escaped {
            Cow::Owned(text::decode(inside))
        } else {
            Cow::Borrowed(inside)
        }
    }
}

/// Length of the run that is neither a quote, a backslash nor a control character.
fn plain(bytes: &[u8]) -> usize {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const ONES: u64 = 0x0101_0101_0101_0101;
    let has_zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let mut length = 0;
    for chunk in bytes.chunks_exact(8) {
        let word = chunk
            .iter()
            .rev()
            .fold(0_u64, |w, b| (w << 8) | u64::from(*b));
        let quote = has_zero(word ^ (ONES * u64::from(b'"')));
        let slash = has_zero(word ^ (ONES * u64::from(b'\\')));
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        if quote | slash | control != 0 {
            break;
        }
        length += 8;
    }
    let rest = bytes.get(length..).unwrap_or_default();
    length
        + rest
            .iter()
            .position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f))
            .unwrap_or(rest.len())
}

/// Offsets fit: the length of the text was checked.
fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
