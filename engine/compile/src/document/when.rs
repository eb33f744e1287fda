//! `policies[].when`

use mcp_zero_policy::{Decimal, condition};

use super::fields::{Fields, Key, flag, list, text, wrong_type};
use crate::automaton::{AutomatonError, automaton};
use crate::code::Code;
use crate::node::{Node, Value};
use crate::notes::Notes;
use crate::render::quoted;

const WHAT: &str = "when[]";

/// The tests; exactly one stands in an entry.
const TESTS: [&str; 6] = ["equals", "in", "glob", "regex", "range", "present"];

const KEYS: [Key; 7] = [
    Key::Built("argument"),
    Key::Built("equals"),
    Key::Built("in"),
    Key::Built("glob"),
    Key::Built("regex"),
    Key::Built("range"),
    Key::Built("present"),
];

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    pub(crate) pointer: Vec<String>,
    pub(crate) test: Test,
}

/// What is asked of the argument.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    Equals(Literal),
    In(Vec<Literal>),
    Glob(String),
    /// With its automaton.
    Regex(String, Vec<u8>),
    /// Numbers as they are written.
    Range(Option<String>, Option<String>),
    Present(bool),
}

/// A value that arguments are compared with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Boolean(bool),
    /// As it is written.
    Number(String),
    Text(String),
    List(Vec<Literal>),
    Members(Vec<(String, Literal)>),
}

/// The conditions of a rule; nothing where any of them is refused.
pub(super) fn read(node: &Node, notes: &mut Notes<'_>) -> Option<Vec<Condition>> {
    let items = list(node, "conditions", notes)?;
    let read: Vec<_> = items.iter().map(|item| condition(item, notes)).collect();
    read.into_iter().collect()
}

fn condition(node: &Node, notes: &mut Notes<'_>) -> Option<Condition> {
    let fields = Fields::open(node, WHAT, &KEYS, notes)?;
    let pointer = fields
        .require("argument", notes)
        .and_then(|node| pointer(node, notes));
    let mut tests = TESTS.iter().filter_map(|key| fields.entry(key));
    let Some(entry) = tests.next() else {
        let message = "a condition without a test";
        let help = "one of `equals`, `in`, `glob`, `regex`, `range` and `present`";
        notes.advise(fields.span(), Code::MissingKey, message, help);
        return None;
    };
    if let Some(other) = tests.next() {
        let (one, two) = (quoted(&entry.key), quoted(&other.key));
        let message = format!("{one} and {two} in one condition");
        let help = "make two conditions of them: all must hold";
        notes.advise(&other.key_span, Code::Conflict, message, help);
        return None;
    }
    let test = test(&entry.key, &entry.node, notes);
    Some(Condition {
        pointer: pointer?,
        test: test?,
    })
}

fn pointer(node: &Node, notes: &mut Notes<'_>) -> Option<Vec<String>> {
    let Value::Text(written) = &node.value else {
        wrong_type(node, "text", notes);
        return None;
    };
    let Some(tokens) = condition::pointer(written) else {
        let help = match written.starts_with(['/', '~']) {
            false => format!("did you mean `/{}`?", written.trim_start_matches("$.")),
            true => "`~` stands only in `~0` (for `~`) and `~1` (for `/`)".to_owned(),
        };
        let message = format!("{} is no JSON Pointer", quoted(written));
        notes.advise(&node.span, Code::Pointer, message, help);
        return None;
    };
    Some(tokens.iter().map(ToString::to_string).collect())
}

fn test(key: &str, node: &Node, notes: &mut Notes<'_>) -> Option<Test> {
    Some(match key {
        "equals" => Test::Equals(literal(node, notes)?),
        "in" => {
            let items = list(node, "values", notes)?;
            let read: Vec<_> = items.iter().map(|item| literal(item, notes)).collect();
            Test::In(read.into_iter().collect::<Option<_>>()?)
        }
        "glob" => Test::Glob(text(node, notes)?.value.to_owned()),
        "regex" => {
            let pattern = text(node, notes)?;
            match automaton(pattern.value) {
                Ok(bytes) => Test::Regex(pattern.value.to_owned(), bytes),
                Err(error) => {
                    let help = match error {
                        AutomatonError::Syntax(_) => {
                            "the syntax of Rust's `regex` crate, for the whole text: no look-around, \
                             no back references, no Unicode `\\b`"
                        }
                        AutomatonError::TooLarge => {
                            "use fewer and smaller counted repetitions, or `(?-u:…)` in place of \
                             classes of all of Unicode"
                        }
                    };
                    notes.advise(&pattern.span, Code::Regex, error.to_string(), help);
                    return None;
                }
            }
        }
        "range" => range(node, notes)?,
        _ => Test::Present(flag(node, notes)?),
    })
}

fn range(node: &Node, notes: &mut Notes<'_>) -> Option<Test> {
    let keys = [Key::Built("min"), Key::Built("max")];
    let fields = Fields::open(node, "range", &keys, notes)?;
    if fields.is_empty() {
        let help = "give `min`, `max` or both";
        notes.advise(fields.span(), Code::Empty, "a range without bounds", help);
        return None;
    }
    let before = notes.errors();
    let mut bound = |key| {
        let node = fields.get(key)?;
        match literal(node, notes)? {
            Literal::Number(written) => Some(written),
            _ => {
                wrong_type(node, "a number", notes);
                None
            }
        }
    };
    let (min, max) = (bound("min"), bound("max"));
    let read = |bound: &Option<String>| bound.as_deref().and_then(Decimal::parse);
    if let (Some(least), Some(most)) = (read(&min), read(&max))
        && least > most
    {
        let message = "`min` is greater than `max`: no number lies between them";
        notes.error(fields.span(), Code::Conflict, message);
    }
    (notes.errors() == before).then_some(Test::Range(min, max))
}

pub(super) fn literal(node: &Node, notes: &mut Notes<'_>) -> Option<Literal> {
    Some(match &node.value {
        Value::Null => Literal::Null,
        Value::Bool(value) => Literal::Boolean(*value),
        Value::Integer(_) | Value::Decimal(_) => Literal::Number(number(node, notes)?),
        Value::Text(text) => Literal::Text(text.clone()),
        Value::List(items) => {
            let read: Vec<_> = items.iter().map(|item| literal(item, notes)).collect();
            Literal::List(read.into_iter().collect::<Option<_>>()?)
        }
        Value::Map(entries) => {
            let member = |entry: &crate::node::Entry, notes: &mut Notes<'_>| {
                Some((entry.key.clone(), literal(&entry.node, notes)?))
            };
            let read: Vec<_> = entries.iter().map(|entry| member(entry, notes)).collect();
            Literal::Members(read.into_iter().collect::<Option<_>>()?)
        }
        Value::Refused => return None,
    })
}

/// A number exactly as it stands in the file: the tree has rounded it.
fn number(node: &Node, notes: &mut Notes<'_>) -> Option<String> {
    let written = notes.written(&node.span).trim().to_owned();
    let exact = match node.value {
        _ if Decimal::parse(&written).is_some() => Some(written),
        // 0x10, 1_000: whole numbers that YAML spells otherwise.
        Value::Integer(whole) => Some(whole.to_string()),
        _ => None,
    };
    if exact.is_none() {
        let help = "write it as JSON does: 0.5, not .5";
        notes.advise(&node.span, Code::WrongType, "no number of JSON", help);
    }
    exact
}
