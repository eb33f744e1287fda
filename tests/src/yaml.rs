//! The shipped YAML files, as JSON values.

use serde_json::Value;
use std::path::PathBuf;

/// A file of the repository.
///
/// # Panics
/// When it is not there.
pub fn shipped(path: &str) -> String {
    let file = repository().join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

/// The folder of the repository.
pub fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The documents of a text.
///
/// # Panics
/// When it is not YAML.
pub fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap_or_else(|e| panic!("{e}"))
}

/// Replaces `${NAME}` everywhere.
///
/// # Panics
/// When the text does not have one of the names.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| {
        let name = format!("${{{name}}}");
        assert!(text.contains(&name), "no {name}");
        text.replace(&name, value)
    })
}
