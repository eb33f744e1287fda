//! The reference for people.

use mcp_zero_mask::Entity;

use super::table::SECTIONS;
use super::{Row, Section, Type, section};
use crate::code::Code;

const HEAD: &str = "\
# Policy reference

Written by `mcp-zero schema --format markdown` from the tables of the compiler; a test keeps both the
same. A file that shows every key in its place is [policies/reference.yaml](../policies/reference.yaml).
For editors there is a JSON Schema, [policy.schema.json](policy.schema.json):

```yaml
# yaml-language-server: $schema=https://example.com/policy.schema.json
```

A policy is one YAML (`.yaml`, `.yml`) or JSON (`.json`) document in UTF-8. Unknown keys, keys that
stand twice and values of another type are errors, and so is whatever this build does not enforce
(`MZ0900`). All errors are told at once, each with a code, its place and what to do.
`*` is the only special character of patterns: any run of characters, `/` among them.
";

/// The reference, in Markdown.
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    for section in SECTIONS {
        text.push_str(&format!("\n## {}\n\n{}\n\n", title(section), section.about));
        if !section.one_of.is_empty() {
            let keys: Vec<String> = section
                .one_of
                .iter()
                .map(|key| format!("`{key}`"))
                .collect();
            text.push_str(&format!("Exactly one of {}.\n\n", keys.join(", ")));
        }
        text.push_str("| key | value | left out | meaning |\n|---|---|---|---|\n");
        for row in section.rows {
            text.push_str(&line(row));
        }
    }
    text.push_str("\n## Codes\n\nA code keeps its meaning for good; ");
    text.push_str(
        "[troubleshooting](troubleshooting.md) says what to do.\n\n| code | meaning |\n|---|---|\n",
    );
    for code in Code::ALL {
        text.push_str(&format!("| {} | {} |\n", code.id(), code.meaning()));
    }
    text
}

fn title(section: &Section) -> String {
    match section.what {
        "the policy" => "The file".to_owned(),
        what => format!("`{what}`"),
    }
}

fn line(row: &Row) -> String {
    let default = match (row.required, row.default) {
        (true, _) => "required",
        (false, "") => "–",
        (false, default) => default,
    };
    format!(
        "| `{}` | {} | {default} | {} |\n",
        row.key,
        kind(&row.kind),
        row.about
    )
}

fn kind(of: &Type) -> String {
    let words = |words: &[&str]| {
        let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        quoted.join(", ")
    };
    match of {
        Type::Flag => "`true` or `false`".to_owned(),
        Type::Whole(least, most) => format!("whole number, {least} to {most}"),
        Type::Number(least, most) => format!("number, {least} to {most}"),
        Type::AnyNumber => "number".to_owned(),
        Type::Text => "text".to_owned(),
        Type::Form(_, what) => (*what).to_owned(),
        Type::Word(of) => words(of),
        Type::Entity => words(&Entity::ALL.map(Entity::name)),
        Type::Any => "any value".to_owned(),
        Type::Items(item) | Type::List(item) => format!("list of: {}", kind(item)),
        Type::OneOrMore(item) => format!("{}, or a list of them", kind(item)),
        Type::Map(item) => format!("mapping of names to: {}", kind(item)),
        Type::Section(what) => {
            let anchor = section(what).map_or_else(String::new, |section| {
                let plain = |c: char| c.is_ascii_alphanumeric() || "-_ ".contains(c);
                let title = title(section).to_lowercase();
                title
                    .chars()
                    .filter(|c| plain(*c))
                    .collect::<String>()
                    .replace(' ', "-")
            });
            format!("[{what}](#{anchor})")
        }
    }
}
