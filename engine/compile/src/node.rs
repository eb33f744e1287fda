//! A document as a tree with places, before anything is known of its meaning.

use std::ops::Range;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) span: Range<usize>,
    pub(crate) value: Value,
}

/// What a document can hold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Decimal(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Something that was refused already.
    Refused,
}

/// One key of a mapping with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Range<usize>,
    pub(crate) node: Node,
}

impl Value {
    /// How messages call it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Integer(_) => "a whole number",
            Self::Decimal(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
            Self::Refused => "something refused",
        }
    }
}

/// Limits that no honest policy reaches.
pub(crate) mod limits {
    /// Bytes of a document.
    pub(crate) const BYTES: usize = 8 << 20;
    /// Levels of lists and mappings.
    pub(crate) const DEPTH: usize = 64;
    /// Values in all.
    pub(crate) const NODES: usize = 500_000;
}

/// Refuses a key that stands twice in its mapping.
pub(crate) fn refuse_duplicates(entries: &[Entry], notes: &mut crate::notes::Notes<'_>) {
    let mut seen = std::collections::BTreeSet::new();
    for entry in entries {
        if !seen.insert(entry.key.as_str()) {
            let key = crate::render::quoted(&entry.key);
            notes.advise(
                &entry.key_span,
                crate::code::Code::DuplicateKey,
                format!("{key} stands twice here"),
                "keep one of them",
            );
        }
    }
}
