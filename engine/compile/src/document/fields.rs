//! Reading mappings and scalars of a closed schema.

use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};

use crate::code::Code;
use crate::node::{Entry, Node, Value};
use crate::notes::Notes;
use crate::render::{quoted, steers};
use crate::suggest;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Range<usize>,
}

/// What a section knows about one key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Key {
    /// It is enforced.
    Built(&'static str),
    /// It is part of the language, but not of this build.
    Later(&'static str),
    /// It is known and told of elsewhere, but recommended to nobody.
    Known(&'static str),
}

impl Key {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Built(name) | Self::Known(name) | Self::Later(name) => name,
        }
    }
}

/// One mapping whose keys are known.
#[derive(Debug)]
pub(crate) struct Fields<'n> {
    /// What the mapping is, for messages: `servers[]`.
    what: &'static str,
    span: Range<usize>,
    entries: &'n [Entry],
}

impl<'n> Fields<'n> {
    /// Opens a mapping; unknown keys and keys of later builds are reported.
    pub(crate) fn open(
        node: &'n Node,
        what: &'static str,
        keys: &[Key],
        notes: &mut Notes<'_>,
    ) -> Option<Self> {
        let fields = Self::unchecked(node, what, notes)?;
        #[cfg(test)]
        super::seen::note(what, keys, fields.entries);
        for entry in fields.entries {
            match keys.iter().find(|key| key.name() == entry.key) {
                Some(Key::Built(_) | Key::Known(_)) => {}
                Some(Key::Later(_)) => not_supported(
                    &entry.key_span,
                    &format!("{} in {what}", quoted(&entry.key)),
                    "take it away: nothing would enforce it",
                    notes,
                ),
                None => unknown_key(entry, what, keys, notes),
            }
        }
        Some(fields)
    }

    fn unchecked(node: &'n Node, what: &'static str, notes: &mut Notes<'_>) -> Option<Self> {
        match &node.value {
            Value::Map(entries) => Some(Self {
                what,
                span: node.span.clone(),
                entries,
            }),
            _ => {
                wrong_type(node, "a mapping", notes);
                None
            }
        }
    }

    /// The place of the whole mapping.
    pub(crate) fn span(&self) -> &Range<usize> {
        &self.span
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The value of a key that must be there.
    pub(crate) fn require(&self, key: &str, notes: &mut Notes<'_>) -> Option<&'n Node> {
        let found = self.get(key);
        if found.is_none() {
            let message = format!("`{key}` is missing in {}", self.what);
            notes.error(&self.span, Code::MissingKey, message);
        }
        found
    }

    /// A whole number, or its default.
    pub(crate) fn number(
        &self,
        key: &str,
        default: u32,
        range: RangeInclusive<u32>,
        notes: &mut Notes<'_>,
    ) -> u32 {
        let found = self.get(key).and_then(|node| whole(node, range, notes));
        found.unwrap_or(default)
    }

    pub(crate) fn flag(&self, key: &str, default: bool, notes: &mut Notes<'_>) -> bool {
        match self.get(key) {
            None => default,
            Some(node) => flag(node, notes).unwrap_or(default),
        }
    }

    /// A text that is not empty, where there is one.
    pub(crate) fn text(&self, key: &str, notes: &mut Notes<'_>) -> Option<Spanned<&'n str>> {
        self.get(key).and_then(|node| text(node, notes))
    }
}

fn unknown_key(entry: &Entry, what: &str, keys: &[Key], notes: &mut Notes<'_>) {
    if entry.key == "<<" {
        return; // reported while reading
    }
    let names = keys.iter().map(|key| key.name());
    let built = keys.iter().filter(|key| matches!(key, Key::Built(_)));
    let help = match (
        elsewhere(what, &entry.key),
        notes.nearest(&entry.key, names),
    ) {
        (Some(place), _) => format!("it belongs in {place}"),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) => {
            let names: Vec<&str> = built.map(|key| key.name()).collect();
            format!("known here: {}", suggest::list(&names))
        }
    };
    let message = format!("unknown key {} in {what}", quoted(&entry.key));
    notes.advise(&entry.key_span, Code::UnknownKey, message, help);
}

/// Where a key that is often misplaced belongs.
fn elsewhere(what: &str, key: &str) -> Option<&'static str> {
    match (what, key) {
        ("policies[]", "groups" | "users" | "issuers") => Some("`subjects`"),
        ("policies[]", "tools" | "resources" | "prompts" | "client_requests") => {
            Some("an entry of `mcp_servers`")
        }
        ("plugins[]", "entities" | "score_threshold") => Some("`config`"),
        ("the policy", "mcp_servers" | "subjects" | "effect") => Some("an entry of `policies`"),
        ("the policy", "issuer" | "audience") => Some("`identity`"),
        _ => None,
    }
}

/// Refuses what a later build may have.
pub(crate) fn not_supported(span: &Range<usize>, subject: &str, help: &str, notes: &mut Notes<'_>) {
    let message = format!("{subject} is not supported yet");
    notes.advise(span, Code::NotSupported, message, help);
}

/// Refuses a value of another type.
pub(crate) fn wrong_type(node: &Node, wanted: &str, notes: &mut Notes<'_>) {
    let found = &node.value;
    match found {
        Value::Refused => {}
        Value::Null => notes.error(
            &node.span,
            Code::Empty,
            format!("a value is missing: {wanted} is wanted"),
        ),
        Value::Text(text) if matches!(text.as_str(), "yes" | "no" | "on" | "off") => notes.advise(
            &node.span,
            Code::WrongType,
            format!("{wanted} is wanted, not text"),
            "in YAML 1.2 only `true` and `false` are flags",
        ),
        Value::Bool(_) | Value::Integer(_) | Value::Decimal(_) if wanted.starts_with("text") => {
            notes.advise(
                &node.span,
                Code::WrongType,
                format!("{wanted} is wanted, not {}", found.kind()),
                "put it in quotes to make it text",
            );
        }
        Value::Bool(_)
        | Value::Integer(_)
        | Value::Decimal(_)
        | Value::Text(_)
        | Value::List(_)
        | Value::Map(_) => notes.error(
            &node.span,
            Code::WrongType,
            format!("{wanted} is wanted, not {}", found.kind()),
        ),
    }
}

/// A text that is neither empty nor able to steer a terminal.
pub(crate) fn text<'n>(node: &'n Node, notes: &mut Notes<'_>) -> Option<Spanned<&'n str>> {
    let Value::Text(text) = &node.value else {
        wrong_type(node, "text", notes);
        return None;
    };
    if text.trim().is_empty() {
        notes.error(&node.span, Code::Empty, "an empty text");
        return None;
    }
    if text.len() > 4096 {
        let message = "a text of more than 4096 bytes";
        notes.error(&node.span, Code::UnsuitableText, message);
        return None;
    }
    if let Some(c) = text.chars().find(|c| steers(*c) && *c != '\n') {
        let message = format!("a text may not have the character {}", c.escape_unicode());
        notes.error(&node.span, Code::UnsuitableText, message);
        return None;
    }
    Some(Spanned {
        value: text,
        span: node.span.clone(),
    })
}

/// A whole number of a range.
pub(crate) fn whole(node: &Node, range: RangeInclusive<u32>, notes: &mut Notes<'_>) -> Option<u32> {
    let (least, most) = (range.start(), range.end());
    let number = match node.value {
        Value::Integer(number) => u32::try_from(number).ok(),
        Value::Decimal(number) if number.abs() >= 9e15 => None,
        _ => {
            wrong_type(node, "a whole number", notes);
            return None;
        }
    };
    let found = number.filter(|number| range.contains(number));
    if found.is_none() {
        let message = format!("the number must be from {least} to {most}");
        notes.error(&node.span, Code::OutOfRange, message);
    }
    found
}

/// True or false.
pub(crate) fn flag(node: &Node, notes: &mut Notes<'_>) -> Option<bool> {
    match node.value {
        Value::Bool(flag) => Some(flag),
        _ => {
            wrong_type(node, "true or false", notes);
            None
        }
    }
}

/// A list that has something in it.
pub(crate) fn list<'n>(node: &'n Node, of: &str, notes: &mut Notes<'_>) -> Option<&'n [Node]> {
    match &node.value {
        Value::List(items) if items.is_empty() => {
            let message = format!("an empty list of {of}");
            let help = "name at least one, or take the key away";
            notes.advise(&node.span, Code::Empty, message, help);
            None
        }
        Value::List(items) => Some(items),
        _ => {
            wrong_type(node, &format!("a list of {of}"), notes);
            None
        }
    }
}

/// A list of different texts; nothing where any item is refused.
pub(crate) fn texts<'n>(
    node: &'n Node,
    of: &str,
    notes: &mut Notes<'_>,
) -> Option<Vec<Spanned<&'n str>>> {
    if let Value::Text(text) = &node.value {
        notes.advise(
            &node.span,
            Code::WrongType,
            format!("a list of {of} is wanted, not text"),
            format!(
                "write it as a list: [\"{}\"]",
                quoted(text).trim_matches('`')
            ),
        );
        return None;
    }
    let items = list(node, of, notes)?;
    let read: Vec<_> = items.iter().map(|item| text(item, notes)).collect();
    let mut seen = BTreeSet::new();
    for item in read.iter().flatten() {
        if !seen.insert(item.value) {
            let message = format!("{} stands twice in the list", quoted(item.value));
            notes.warn(&item.span, Code::NotUnique, message, "once is enough");
        }
    }
    read.into_iter().collect()
}

/// One of a closed set of words.
pub(crate) fn word<T: Copy>(
    node: &Node,
    what: &str,
    words: &[(&str, T)],
    notes: &mut Notes<'_>,
) -> Option<T> {
    let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    if matches!(
        node.value,
        Value::Bool(_) | Value::Integer(_) | Value::Decimal(_)
    ) {
        let message = format!("{what}: text is wanted, not {}", node.value.kind());
        let help = format!("one of {}", suggest::list(&names));
        notes.advise(&node.span, Code::WrongType, message, help);
        return None;
    }
    let text = text(node, notes)?;
    let found = words.iter().find(|(word, _)| *word == text.value);
    if found.is_none() {
        let help = match notes.nearest(text.value, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of {}", suggest::list(&names)),
        };
        let message = format!("{} is no {what}", quoted(text.value));
        notes.advise(&text.span, Code::UnknownValue, message, help);
    }
    found.map(|(_, value)| *value)
}

/// Scope tokens (RFC 6749 §3.3).
pub(crate) fn scopes(node: &Node, notes: &mut Notes<'_>) -> Vec<String> {
    let found = texts(node, "scopes", notes).unwrap_or_default();
    for scope in &found {
        let fits = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if !scope.value.bytes().all(fits) {
            let message = format!("{} is no scope", quoted(scope.value));
            let help = "one scope an item, without spaces, quotes and backslashes";
            notes.advise(&scope.span, Code::UnsuitableText, message, help);
        }
    }
    found.iter().map(|scope| scope.value.to_owned()).collect()
}
