//! Whether what follows the name of a secret can be one.

use super::key::Key;
use crate::Entity;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A whole JSON value.
    Whole,
    /// All that follows on a line.
    Line,
    /// Between quotes.
    Quoted,
    /// One of several words.
    Bare,
}

/// Words that stand where a secret would, and are none.
const NO_SECRETS: [&str; 34] = [
    "null",
    "none",
    "nil",
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "string",
    "str",
    "text",
    "required",
    "optional",
    "undefined",
    "redacted",
    "masked",
    "hidden",
    "filtered",
    "removed",
    "encrypted",
    "missing",
    "empty",
    "unset",
    "bool",
    "boolean",
    "int",
    "integer",
    "number",
    "object",
    "passed",
    "fail",
    "failed",
    "ok",
];

/// What a whole value is by its name.
pub(super) fn keyed(text: &str, key: Key) -> Option<(Entity, u32)> {
    let text = text.trim();
    let text = match key {
        Key::Authorization => credentials(text)?,
        Key::Password | Key::Pass | Key::Pwd | Key::Api | Key::Token => text,
    };
    judge(text, key, Form::Whole)
}

/// What follows the name of a scheme; schemes that are found by themselves have none.
pub(super) fn credentials(text: &str) -> Option<&str> {
    let Some((scheme, rest)) = text.split_once(' ') else {
        return Some(text);
    };
    let known = ["bearer", "basic"];
    (!known.iter().any(|s| scheme.eq_ignore_ascii_case(s))).then(|| rest.trim_start())
}

/// What a value can be under its name.
pub(super) fn judge(text: &str, key: Key, form: Form) -> Option<(Entity, u32)> {
    if is_template(text) {
        return None;
    }
    match key {
        Key::Password => password(text, form).map(|score| (Entity::Password, score)),
        Key::Pass => {
            let counted = text
                .bytes()
                .all(|b| b.is_ascii_digit() || b"./%".contains(&b));
            if counted {
                return None;
            }
            password(text, form).map(|score| (Entity::Password, score))
        }
        Key::Pwd => {
            let directory = text.starts_with(['/', '~', '.']) || text.get(1..3) == Some(":\\");
            if directory {
                return None;
            }
            password(text, form).map(|score| (Entity::Password, score))
        }
        Key::Api => api_key(text, form, 8).map(|score| (Entity::ApiKey, score)),
        Key::Token | Key::Authorization => {
            api_key(text, form, 16).map(|score| (Entity::ApiKey, score))
        }
    }
}

/// What stands for a value: a placeholder, a variable, a row of stars, a word of a schema.
pub(super) fn is_template(text: &str) -> bool {
    let Some(first) = text.chars().next() else {
        return true;
    };
    let enclosed = [
        ("<", ">"),
        ("${", "}"),
        ("$(", ")"),
        ("{{", "}}"),
        ("{", "}"),
        ("%", "%"),
        ("[", "]"),
        ("%(", ")s"),
    ]
    .iter()
    .any(|(open, close)| {
        // What is filled in has a name, and a name has no digits.
        text.len() > 2
            && text.starts_with(open)
            && text.ends_with(close)
            && !text.bytes().any(|b| b.is_ascii_digit())
    });
    let variable = text.strip_prefix('$').is_some_and(|name| {
        name.len() > 1 && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
    });
    let filler = text.chars().all(|c| c == first) && !first.is_ascii_digit() && text.len() > 1;
    Entity::is_placeholder(text) || enclosed || variable || filler || is_word(text)
}

fn is_word(text: &str) -> bool {
    NO_SECRETS
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
}

fn password(text: &str, form: Form) -> Option<u32> {
    let count = text.chars().count();
    let digits = text.bytes().any(|b| b.is_ascii_digit());
    let symbols = text
        .bytes()
        .any(|b| b.is_ascii_punctuation() && !b"_.:-*&".contains(&b));
    match form {
        Form::Whole => {
            let number = text.bytes().all(|b| b.is_ascii_digit());
            (!number || count >= 4).then_some(900)
        }
        Form::Quoted => {
            let sentence = text.bytes().filter(|b| *b == b' ').count() >= 3 && !digits;
            (count >= 3 && !sentence).then_some(900)
        }
        Form::Line => (count >= 3 && !is_code(text)).then_some(800),
        Form::Bare => {
            if count < 4 || is_code(text) {
                return None;
            }
            let number = text.bytes().all(|b| b.is_ascii_digit());
            match (digits, symbols) {
                (true, _) if number => (count >= 6).then_some(500),
                (true, _) | (_, true) => Some(800),
                // A word in a sentence.
                (false, false) => None,
            }
        }
    }
}

fn api_key(text: &str, form: Form, least: usize) -> Option<u32> {
    let shaped = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"._~+/=:-".contains(&b));
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    let explicit = form == Form::Whole && least < 16;
    if !shaped || text.contains("://") || is_code(text) || text.len() < 6 {
        return None;
    }
    let mixed = digits > 0 && letters > 0;
    let long = text.len() >= 32 && letters + digits == text.len();
    (explicit || long || (mixed && text.len() >= least)).then_some(800)
}

/// A call, an index, or a name that is itself one of a secret.
fn is_code(text: &str) -> bool {
    let name = text
        .bytes()
        .position(|b| !(b.is_ascii_alphanumeric() || b"._:>-".contains(&b)));
    let opened = name
        .and_then(|at| text.as_bytes().get(at))
        .is_some_and(|b| matches!(b, b'(' | b'['));
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_alphabetic() || b"._-".contains(&b));
    // Types and constants.
    let path = text.contains("::") || text.starts_with(['*', '&']);
    let numeric = ["i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"]
        .iter()
        .any(|kind| {
            text.strip_suffix(kind)
                .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'_'))
        });
    let constant = text.contains('_')
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    opened || path || numeric || constant || (plain && super::key::classify(text).is_some())
}
