//! JSON Schema (draft 2020-12) of a policy file.

use mcp_zero_mask::Entity;
use serde_json::{Map, Value, json};

use super::table::SECTIONS;
use super::{Section, Type, section};

/// The schema that editors complete and check a policy by. It accepts whatever the compiler
/// accepts; names that have to exist and times that have to fit are for the compiler alone.
pub fn json_schema() -> Value {
    let mut definitions = Map::new();
    for section in SECTIONS.iter().skip(1) {
        definitions.insert(section.anchor(), mapping(section));
    }
    let mut whole = SECTIONS.first().map_or(Value::Null, mapping);
    whole["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    whole["title"] = "mcp-zero policy".into();
    whole["$defs"] = Value::Object(definitions);
    whole
}

fn mapping(section: &Section) -> Value {
    let rows = section.rows.iter();
    let properties: Map<String, Value> = rows
        .clone()
        .map(|row| {
            let mut value = kind(&row.kind);
            let mut about = row.about.to_owned();
            if !row.default.is_empty() {
                about.push_str(&format!(" Default: {}.", row.default));
            }
            value["description"] = about.into();
            (row.key.to_owned(), value)
        })
        .collect();
    let required: Vec<&str> = rows.filter(|row| row.required).map(|row| row.key).collect();
    let mut value = json!({
        "type": "object",
        "description": section.about,
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        value["required"] = required.into();
    }
    if !section.one_of.is_empty() {
        let one = |key: &&str| json!({ "required": [key] });
        value["oneOf"] = section.one_of.iter().map(one).collect();
    }
    if section.what == "servers[]" {
        let needs = |transport: &str, key: &str| {
            json!({"if": {"properties": {"transport": {"const": transport}}},
                   "then": {"required": [key]}})
        };
        value["allOf"] = json!([
            needs("http", "url"),
            needs("stdio", "command"),
            {"if": {"properties": {"token_exchange": {"const": true}}, "required": ["token_exchange"]},
             "then": {"required": ["target_audience"]}},
        ]);
    }
    value
}

fn kind(of: &Type) -> Value {
    match of {
        Type::Flag => json!({"type": "boolean"}),
        Type::Whole(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
        Type::Number(least, most) => json!({"type": "number", "minimum": least, "maximum": most}),
        Type::AnyNumber => json!({"type": "number"}),
        Type::Text => json!({"type": "string", "minLength": 1, "maxLength": 4096}),
        Type::Form(pattern, _) => json!({"type": "string", "pattern": pattern}),
        Type::Word(words) => json!({ "enum": words }),
        Type::Entity => json!({ "enum": Entity::ALL.map(Entity::name) }),
        Type::Any => json!({}),
        Type::Items(item) => json!({"type": "array", "items": kind(item)}),
        Type::List(item) => json!({"type": "array", "minItems": 1, "items": kind(item)}),
        Type::OneOrMore(item) => {
            let list = json!({"type": "array", "minItems": 1, "items": kind(item)});
            json!({"anyOf": [kind(item), list]})
        }
        Type::Map(item) => json!({"type": "object", "additionalProperties": kind(item)}),
        Type::Section(what) => {
            let anchor = section(what).map_or_else(String::new, Section::anchor);
            json!({ "$ref": format!("#/$defs/{anchor}") })
        }
    }
}
