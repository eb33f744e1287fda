//! `transport: stdio`: a program and what it is started with.

use std::collections::BTreeMap;

use super::super::expand::{Expanded, Piece, expand, is_name, pieces};
use super::super::fields::{Fields, Spanned, text, word, wrong_type};
use crate::code::Code;
use crate::environment::Environment;
use crate::node::{Entry, Node, Value};
use crate::notes::Notes;
use crate::render::quoted;
use crate::server::{Sessions, StdioServer};

/// Below what Linux takes for one argument or variable (MAX_ARG_STRLEN, 128 KiB).
const LONGEST: usize = 100_000;
const MOST_ARGUMENTS: usize = 1000;

/// The program, without the limits that every transport has; nothing where a part is refused.
pub(super) fn read(
    fields: &Fields<'_>,
    environment: &Environment,
    notes: &mut Notes<'_>,
) -> Option<StdioServer> {
    let command = fields
        .require("command", notes)
        .and_then(|node| text(node, notes));
    let args = fields
        .get("args")
        .map_or_else(Vec::new, |node| arguments(node, notes));
    let env = fields
        .get("env")
        .map_or_else(BTreeMap::new, |node| variables(node, environment, notes));
    let cwd = fields.text("cwd", notes);
    if let Some(command) = &command {
        literal(command, notes);
    }
    if let Some(cwd) = &cwd {
        literal(cwd, notes);
    }
    let words = [Sessions::PerClient, Sessions::Shared].map(|word| (word.name(), word));
    let sessions = fields
        .get("sessions")
        .and_then(|node| word(node, "kind of sessions", &words, notes));
    Some(StdioServer {
        name: String::new(),
        command: command?.value.to_owned(),
        args,
        env,
        cwd: cwd.map(|text| text.value.to_owned()),
        sessions: sessions.unwrap_or_default(),
        max_request_bytes: 0,
        max_response_bytes: 0,
    })
}

fn arguments(node: &Node, notes: &mut Notes<'_>) -> Vec<String> {
    let items = match &node.value {
        Value::List(items) if items.len() <= MOST_ARGUMENTS => items,
        Value::List(_) => {
            let message = format!("more than {MOST_ARGUMENTS} arguments");
            notes.error(&node.span, Code::OutOfRange, message);
            return Vec::new();
        }
        _ => {
            wrong_type(node, "a list of texts", notes);
            return Vec::new();
        }
    };
    let mut read = Vec::with_capacity(items.len());
    for item in items {
        if let Some(text) = passed(item, notes) {
            literal(&text, notes);
            read.push(text.value.to_owned());
        }
    }
    read
}

fn variables(
    node: &Node,
    environment: &Environment,
    notes: &mut Notes<'_>,
) -> BTreeMap<String, String> {
    let Value::Map(entries) = &node.value else {
        wrong_type(node, "a mapping of variables to texts", notes);
        return BTreeMap::new();
    };
    let read = entries
        .iter()
        .filter_map(|entry| variable(entry, environment, notes));
    read.collect()
}

fn variable(
    entry: &Entry,
    environment: &Environment,
    notes: &mut Notes<'_>,
) -> Option<(String, String)> {
    if !is_name(&entry.key) {
        let message = format!("{} is no name of a variable", quoted(&entry.key));
        let help = "letters, digits and `_`, not beginning with a digit";
        notes.advise(&entry.key_span, Code::UnsuitableText, message, help);
        return None;
    }
    let written = passed(&entry.node, notes)?;
    match expand(&written, environment, notes)? {
        Expanded::Whole(value) if value.len() <= LONGEST && !value.contains('\0') => {
            Some((entry.key.clone(), value))
        }
        Expanded::Whole(_) => {
            let message = format!(
                "the value of {} is too long with its variables",
                quoted(&entry.key)
            );
            notes.error(&written.span, Code::VariableValue, message);
            None
        }
        Expanded::Unset => None,
    }
}

/// Warns of what looks like a variable where none is put in: the program gets the text itself.
fn literal(text: &Spanned<&str>, notes: &mut Notes<'_>) {
    let is_variable = |piece: &Piece<'_>| matches!(piece, Piece::Variable { .. });
    if pieces(text.value).is_ok_and(|pieces| pieces.iter().any(is_variable)) {
        let message = "a variable has no place here: the program gets this text as it stands";
        let help = "`${VAR}` stands in `env`; most programs read secrets from there";
        notes.warn(&text.span, Code::Variable, message, help);
    }
}

/// A text for another program: any that the system can pass on, an empty one too.
fn passed<'n>(node: &'n Node, notes: &mut Notes<'_>) -> Option<Spanned<&'n str>> {
    let Value::Text(text) = &node.value else {
        wrong_type(node, "text", notes);
        return None;
    };
    if text.contains('\0') || text.len() > LONGEST {
        let message = format!("a NUL character, or more than {LONGEST} bytes");
        notes.error(&node.span, Code::UnsuitableText, message);
        return None;
    }
    Some(Spanned {
        value: text,
        span: node.span.clone(),
    })
}
