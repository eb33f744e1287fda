//! The tape that a scan leaves, and cursors over it.

use super::scan::{self, Limits, ScanError};
use super::text::{self, Decoded};
use std::borrow::Cow;
use std::ops::Range;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number, kept as it was spelled.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// One value (or member name) of the tape, in document order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Index of the node after this value and all it holds.
    pub(super) next: u32,
    /// Items of an array, members of an object.
    pub(super) len: u32,
    pub(super) kind: Kind,
    /// A string that holds an escape.
    pub(super) escaped: bool,
}

/// A validated JSON text.
#[derive(Debug)]
pub struct Doc<'a> {
    src: &'a [u8],
    nodes: Vec<Node>,
    line_breaks: Vec<u32>,
}

impl<'a> Doc<'a> {
    /// Reads a whole text. Linear in its length but for objects, whose names are compared
    /// in O(n log n).
    ///
    /// # Errors
    /// [`ScanError`] with the offset of the first fault.
    pub fn scan(src: &'a [u8], limits: &Limits) -> Result<Self, ScanError> {
        let (nodes, line_breaks) = scan::scan(src, limits)?;
        Ok(Self {
            src,
            nodes,
            line_breaks,
        })
    }

    /// The text.
    pub fn src(&self) -> &'a [u8] {
        self.src
    }

    /// The document's value.
    pub fn root(&self) -> Value<'_> {
        Value { doc: self, at: 0 }
    }

    /// Offsets of every CR and LF between tokens.
    pub fn line_breaks(&self) -> &[u32] {
        &self.line_breaks
    }
}

/// A value of a [`Doc`].
#[derive(Debug, Clone, Copy)]
pub struct Value<'d> {
    doc: &'d Doc<'d>,
    at: u32,
}

/// Stands in where an index would lie outside the tape, which no cursor can reach.
const NOTHING: Node = Node {
    start: 0,
    end: 0,
    next: u32::MAX,
    len: 0,
    kind: Kind::Null,
    escaped: false,
};

impl<'d> Value<'d> {
    fn node(self) -> &'d Node {
        self.doc.nodes.get(self.at as usize).unwrap_or(&NOTHING)
    }

    fn sibling(self, at: u32) -> Self {
        Self { doc: self.doc, at }
    }

    /// What the value is.
    pub fn kind(self) -> Kind {
        self.node().kind
    }

    /// Its bytes in the text; a string's quotes are part of it.
    pub fn span(self) -> Range<usize> {
        let node = self.node();
        node.start as usize..node.end as usize
    }

    /// The bytes as written.
    pub fn raw(self) -> &'d [u8] {
        self.doc.src.get(self.span()).unwrap_or_default()
    }

    /// The bytes as written, as text; a scanned document is valid UTF-8.
    pub fn raw_str(self) -> &'d str {
        std::str::from_utf8(self.raw()).unwrap_or_default()
    }

    /// True for an object.
    pub fn is_object(self) -> bool {
        self.kind() == Kind::Object
    }

    /// True for `null`.
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// The value of a boolean.
    pub fn as_bool(self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.raw() == b"true")
    }

    /// A decoded string.
    pub fn text(self) -> Option<Cow<'d, str>> {
        let node = self.node();
        if node.kind != Kind::String {
            return None;
        }
        let inside = self.raw_str();
        let inside = inside
            .get(1..inside.len().saturating_sub(1))
            .unwrap_or_default();
        Some(if node.escaped {
            Cow::Owned(text::decode(inside))
        } else {
            Cow::Borrowed(inside)
        })
    }

    /// A decoded string that knows where each of its bytes came from.
    pub fn decoded(self) -> Option<Decoded<'d>> {
        let node = self.node();
        (node.kind == Kind::String).then(|| {
            let raw = self.raw_str();
            let inside = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
            Decoded::new(inside, node.start as usize + 1, node.escaped)
        })
    }

    /// Items of an array or members of an object; 0 for anything else.
    pub fn len(self) -> usize {
        self.node().len as usize
    }

    /// True when [`Value::len`] is 0.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The items of an array; nothing for another kind.
    pub fn items(self) -> impl Iterator<Item = Value<'d>> {
        let count = if self.kind() == Kind::Array {
            self.len()
        } else {
            0
        };
        let mut at = self.at.saturating_add(1);
        (0..count).map(move |_| {
            let item = self.sibling(at);
            at = item.node().next;
            item
        })
    }

    /// The members of an object with the value that holds each name; nothing for another kind.
    pub fn named(self) -> impl Iterator<Item = (Value<'d>, Value<'d>)> {
        let count = if self.is_object() { self.len() } else { 0 };
        let mut at = self.at.saturating_add(1);
        (0..count).map(move |_| {
            let name = self.sibling(at);
            let value = self.sibling(name.node().next);
            at = value.node().next;
            (name, value)
        })
    }

    /// The members of an object with decoded names.
    pub fn members(self) -> impl Iterator<Item = (Cow<'d, str>, Value<'d>)> {
        self.named()
            .map(|(name, value)| (name.text().unwrap_or_default(), value))
    }

    /// The member of that (decoded) name.
    pub fn get(self, name: &str) -> Option<Value<'d>> {
        self.members().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// The string member of that name.
    pub fn get_text(self, name: &str) -> Option<Cow<'d, str>> {
        self.get(name)?.text()
    }
}
