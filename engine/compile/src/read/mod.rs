//! From text to the tree.

mod json;
mod scalar;
mod yaml;

use crate::code::Code;
use crate::environment::SECRET_VARIABLES;
use crate::node::{Node, Value, limits};
use crate::notes::Notes;
use crate::render::quoted;
use crate::source::{Format, Source};

/// Reads a document; nothing when it has no tree at all.
pub(crate) fn document(source: Source<'_>, notes: &mut Notes<'_>) -> Option<Node> {
    if source.text.len() > limits::BYTES {
        let message = format!("the file has more than {} bytes", limits::BYTES);
        notes.error(&(0..0), Code::TooLarge, message);
        return None;
    }
    let root = match source.format {
        Format::Yaml => yaml::read(source.text, notes),
        Format::Json => json::read(source.text, notes),
    }?;
    refuse_secrets(&root, notes);
    Some(root)
}

fn empty_file(notes: &mut Notes<'_>) {
    let help = "a policy has at least `version: 1`";
    notes.advise(&(0..0), Code::EmptyFile, "the file is empty", help);
}

fn refuse_secrets(node: &Node, notes: &mut Notes<'_>) {
    let mut refuse = |text: &str, span| {
        for name in SECRET_VARIABLES.iter().filter(|name| text.contains(**name)) {
            notes.advise(
                span,
                Code::SecretNamed,
                format!("{} may not be named in a policy", quoted(name)),
                "its value belongs to the gateway alone; use a variable of your own",
            );
        }
    };
    match &node.value {
        Value::Text(text) => refuse(text, &node.span),
        Value::List(items) => items.iter().for_each(|item| refuse_secrets(item, notes)),
        Value::Map(entries) => {
            for entry in entries {
                refuse(&entry.key, &entry.key_span);
            }
            for entry in entries {
                refuse_secrets(&entry.node, notes);
            }
        }
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Decimal(_) | Value::Refused => {}
    }
}

#[cfg(test)]
mod tests;
