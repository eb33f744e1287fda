//! Output schemas that masked results still satisfy.

use crate::place::is_applicator;
use mcp_zero_wire::json::{Edits, Kind, Value};
use std::ops::Range;

/// Keywords that a placeholder may not satisfy.
fn is_constraint(keyword: &str) -> bool {
    matches!(
        keyword,
        "format" | "pattern" | "enum" | "const" | "minLength" | "maxLength" | "uniqueItems"
    )
}

/// Whether a keyword leaves the output schema that holds it: a constraint, or what would be
/// stricter without one.
pub(crate) fn leaves(schema: Value<'_>, keyword: &str) -> bool {
    let holds = |name: &str| schema.get(name).is_some_and(constrains);
    match keyword {
        "not" => holds("not"),
        "if" | "then" | "else" => holds("if"),
        "oneOf" => schema.get("anyOf").is_some() && holds("oneOf"),
        _ => is_constraint(keyword),
    }
}

/// Takes `format`, `pattern`, `enum`, `const` and bounds of length out of the `outputSchema`
/// of every tool of a list: clients throw a whole result away that does not fit.
///
/// What would become stricter for it goes as well: `oneOf` becomes `anyOf`, since branches
/// that only a constant told apart all fit now; `not` and `if` with such a keyword go.
pub fn relax_output_schemas(result: Value<'_>, edits: &mut Edits) {
    let Some(tools) = result.get("tools") else {
        return;
    };
    for tool in tools.items() {
        if let Some(schema) = tool.get("outputSchema") {
            relax(schema, edits);
        }
    }
}

fn relax(schema: Value<'_>, edits: &mut Edits) {
    match schema.kind() {
        Kind::Array => schema.items().for_each(|item| relax(item, edits)),
        Kind::Object => relax_object(schema, edits),
        Kind::Null | Kind::Bool | Kind::Number | Kind::String => {}
    }
}

fn relax_object(schema: Value<'_>, edits: &mut Edits) {
    let mut members: Vec<(bool, Range<usize>)> = Vec::with_capacity(schema.len());
    for (label, value) in schema.named() {
        let name = label.text().unwrap_or_default();
        let gone = leaves(schema, &name);
        members.push((!gone, label.span().start..value.span().end));
        if gone {
            continue;
        }
        if name == "oneOf" && constrains(value) {
            edits.replace(label.span(), *b"\"anyOf\"");
        }
        if holds_schemas(&name) {
            value.members().for_each(|(_, value)| relax(value, edits));
        } else if is_applicator(&name) {
            relax(value, edits);
        }
    }
    edits.remove_elements(&members);
}

fn holds_schemas(keyword: &str) -> bool {
    matches!(
        keyword,
        "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas"
    )
}

/// Whether a schema, or one inside of it, loses a keyword or may through a reference.
fn constrains(schema: Value<'_>) -> bool {
    match schema.kind() {
        Kind::Array => schema.items().any(constrains),
        Kind::Object => schema.members().any(|(name, value)| {
            is_constraint(&name)
                || &*name == "$ref"
                || (holds_schemas(&name) && value.members().any(|(_, v)| constrains(v)))
                || (is_applicator(&name) && constrains(value))
        }),
        Kind::Null | Kind::Bool | Kind::Number | Kind::String => false,
    }
}
