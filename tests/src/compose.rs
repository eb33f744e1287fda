//! `docker-compose.yml` and the Dockerfile as a container engine would read them.

use crate::{documents, shipped};
use serde_json::Value;
use std::collections::BTreeMap;

/// The variables of `.env`.
pub type Variables = BTreeMap<String, String>;

/// The variables of an env file; lines that are commented out give nothing.
pub fn variables(text: &str) -> Variables {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The shipped Compose file, as it is written.
///
/// # Panics
/// When it is not one YAML document.
pub fn compose() -> Value {
    let mut found = documents(&shipped("docker-compose.yml"));
    assert_eq!(found.len(), 1, "one document");
    found.remove(0)
}

/// Fills variables in, in values only, as the Compose Specification has it:
/// `${NAME}`, `${NAME:-default}`, `${NAME:?message}`, and `$$` for a dollar sign.
///
/// # Errors
/// A variable that is required is unset or empty, or the text uses another form.
pub fn interpolate(value: &Value, variables: &Variables) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(filled(text, variables)?),
        Value::Array(items) => {
            let filled = items.iter().map(|item| interpolate(item, variables));
            Value::Array(filled.collect::<Result<_, _>>()?)
        }
        Value::Object(members) => {
            let filled = members
                .iter()
                .map(|(name, item)| Ok((name.clone(), interpolate(item, variables)?)));
            Value::Object(filled.collect::<Result<_, String>>()?)
        }
        other => other.clone(),
    })
}

fn filled(text: &str, variables: &Variables) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(tail) = after.strip_prefix('$') {
            out.push('$');
            rest = tail;
            continue;
        }
        let inside = after.strip_prefix('{').and_then(|a| a.split_once('}'));
        let (inside, tail) = inside.ok_or_else(|| format!("`{text}`: a lonely `$`"))?;
        rest = tail;
        let given = |name: &str| variables.get(name).filter(|v| !v.is_empty());
        if let Some((name, default)) = inside.split_once(":-") {
            out.push_str(given(name).map_or(default, String::as_str));
        } else if let Some((name, message)) = inside.split_once(":?") {
            let value = given(name)
                .ok_or_else(|| format!("required variable {name} is missing a value: {message}"))?;
            out.push_str(value);
        } else {
            return Err(format!("`{text}`: neither default nor message"));
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Names of the variables that a value uses.
pub fn used(value: &Value) -> Vec<String> {
    let text = value.to_string();
    let pieces = text.split("${").skip(1);
    pieces
        .filter_map(|piece| piece.split([':', '}']).next())
        .map(str::to_owned)
        .collect()
}

/// One stage of a Dockerfile.
#[derive(Debug, Clone, Default)]
pub struct Stage {
    /// The image it begins with.
    pub image: String,
    /// Its name.
    pub name: String,
    /// Its other instructions, each on one line.
    pub instructions: Vec<String>,
}

impl Stage {
    /// What follows the keyword in its instructions.
    pub fn all<'a>(&'a self, keyword: &'a str) -> impl Iterator<Item = &'a str> {
        self.instructions
            .iter()
            .filter_map(move |i| i.strip_prefix(keyword)?.strip_prefix(' '))
    }
}

/// The stages of a Dockerfile.
///
/// # Panics
/// When a line belongs to none.
pub fn stages(dockerfile: &str) -> Vec<Stage> {
    let mut lines = Vec::new();
    let mut open = String::new();
    for line in dockerfile
        .lines()
        .filter(|l| !l.trim_start().starts_with('#'))
    {
        if let Some(begun) = line.trim().strip_suffix('\\') {
            open.push_str(begun);
        } else {
            lines.push(std::mem::take(&mut open) + line.trim());
        }
    }
    let mut stages: Vec<Stage> = Vec::new();
    for line in lines.into_iter().filter(|l| !l.is_empty()) {
        if let Some(from) = line.strip_prefix("FROM ") {
            let (image, name) = from.split_once(" AS ").expect("FROM image AS name");
            stages.push(Stage {
                image: image.to_owned(),
                name: name.to_owned(),
                instructions: Vec::new(),
            });
        } else {
            let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
            stages
                .last_mut()
                .expect("FROM comes first")
                .instructions
                .push(words);
        }
    }
    stages
}
