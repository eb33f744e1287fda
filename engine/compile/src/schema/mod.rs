//! The language of policies as data: for editors (JSON Schema) and for people (a reference).
//!
//! What is enforced is said once, by the readers of `document`. A test holds this table to them:
//! every key that a section reads stands here, and no other.

mod json;
mod markdown;
mod table;

pub use json::json_schema;
pub use markdown::reference;

/// What may stand behind a key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Type {
    /// `true` or `false`.
    Flag,
    /// A whole number of a range.
    Whole(u32, u32),
    /// A number of a range.
    Number(u32, u32),
    /// A number without bounds.
    AnyNumber,
    /// Text that is not empty.
    Text,
    /// Text of a form: an ECMA-262 pattern, and what it says in words.
    Form(&'static str, &'static str),
    /// One of some words.
    Word(&'static [&'static str]),
    /// An entity that masking finds.
    Entity,
    /// Whatever JSON has.
    Any,
    /// Any number of them.
    Items(&'static Type),
    /// At least one of them.
    List(&'static Type),
    /// One, or a list of them.
    OneOrMore(&'static Type),
    /// Names that the author chooses, each with a value.
    Map(&'static Type),
    /// A mapping with the keys of that section.
    Section(&'static str),
}

/// One key.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) key: &'static str,
    pub(crate) kind: Type,
    pub(crate) required: bool,
    /// What holds where it is left out; empty where that goes without saying.
    pub(crate) default: &'static str,
    pub(crate) about: &'static str,
}

/// One mapping.
#[derive(Debug)]
pub(crate) struct Section {
    /// What messages call it.
    pub(crate) what: &'static str,
    pub(crate) about: &'static str,
    pub(crate) rows: &'static [Row],
    /// Keys of which exactly one must be there.
    pub(crate) one_of: &'static [&'static str],
}

impl Section {
    /// A name for links and definitions.
    fn anchor(&self) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let text = self.what.replace([' ', '.', '_'], "-");
        text.chars().filter(|c| plain(*c)).collect()
    }
}

fn section(what: &str) -> Option<&'static Section> {
    table::SECTIONS.iter().find(|section| section.what == what)
}

#[cfg(test)]
pub(crate) fn keys() -> Vec<(&'static str, &'static str)> {
    let sections = table::SECTIONS.iter();
    sections
        .flat_map(|section| section.rows.iter().map(|row| (section.what, row.key)))
        .collect()
}
