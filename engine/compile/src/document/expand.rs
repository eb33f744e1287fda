//! `${VAR}` and `${VAR:-default}`. Only `${` is special, and nothing is expanded twice.

use super::fields::Spanned;
use crate::code::Code;
use crate::environment::{Environment, Unset};
use crate::notes::Notes;
use crate::render::quoted;

/// A part of a text with variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// As it stands.
    Literal(&'t str),
    /// `${name}` or `${name:-default}`.
    Variable {
        name: &'t str,
        default: Option<&'t str>,
    },
}

/// What a text has become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expanded {
    /// Every variable in it had a value.
    Whole(String),
    /// One had none, and [`Unset::Warn`] lets that pass.
    Unset,
}

/// Cuts a text at its variables; the error says what is wrong with one of them.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, &'static str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("${") {
        if !before.is_empty() {
            pieces.push(Piece::Literal(before));
        }
        let (inside, after) = from.split_once('}').ok_or("`${` without its `}`")?;
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if name.is_empty() {
            return Err("`${}` names no variable");
        }
        if !is_name(name) {
            return Err("a variable's name has letters, digits and `_`, and begins with no digit");
        }
        if default.is_some_and(|default| default.contains("${")) {
            return Err("a default may not hold another variable");
        }
        pieces.push(Piece::Variable { name, default });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest));
    }
    Ok(pieces)
}

/// `[A-Za-z_][A-Za-z0-9_]*`
pub(super) fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.bytes().all(plain) && text.bytes().next().is_some_and(|b| !b.is_ascii_digit())
}

/// Reports a text whose variables cannot be read.
pub(super) fn malformed(text: &Spanned<&str>, message: &str, notes: &mut Notes<'_>) {
    let help = "write `${VAR}` or `${VAR:-default}`";
    notes.advise(&text.span, Code::Variable, message, help);
}

/// Puts values in place of variables; nothing where an error was reported.
pub(super) fn expand(
    text: &Spanned<&str>,
    environment: &Environment,
    notes: &mut Notes<'_>,
) -> Option<Expanded> {
    let pieces = match pieces(text.value) {
        Ok(pieces) => pieces,
        Err(message) => {
            malformed(text, message, notes);
            return None;
        }
    };
    let mut whole = Some(String::with_capacity(text.value.len()));
    let mut refused = false;
    for piece in pieces {
        let value = match piece {
            Piece::Literal(literal) => Some(literal),
            Piece::Variable { name, default } => {
                // As in a shell: a default also stands in for an empty value.
                let set = environment.variables.get(name);
                let value = match default {
                    Some(default) => set.filter(|v| !v.is_empty()).or(Some(default)),
                    None => set,
                };
                if value.is_none() {
                    refused |= !unset(name, text, environment, notes);
                }
                value
            }
        };
        match (&mut whole, value) {
            (Some(whole), Some(value)) => whole.push_str(value),
            (_, None) => whole = None,
            (None, Some(_)) => {}
        }
    }
    match whole {
        Some(whole) => Some(Expanded::Whole(whole)),
        None if refused => None,
        None => Some(Expanded::Unset),
    }
}

/// Reports a variable without a value; whether it is let pass.
pub(super) fn unset(
    name: &str,
    text: &Spanned<&str>,
    environment: &Environment,
    notes: &mut Notes<'_>,
) -> bool {
    let message = format!("the variable {} is not set", quoted(name));
    match environment.unset {
        Unset::Refuse => {
            let help = "set it for the gateway's process (a change needs a new start)";
            notes.advise(&text.span, Code::UnsetVariable, message, help);
            false
        }
        Unset::Warn => {
            let help = "`run` and `serve` will refuse the policy without it";
            notes.warn(&text.span, Code::UnsetVariable, message, help);
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<Piece<'_>> {
        pieces(text).unwrap()
    }

    #[test]
    fn only_a_dollar_with_a_brace_is_special() {
        for text in ["", "$", "$$", "$HOME", "a}b", "$ {A}", "%{A}", "{A}"] {
            let literal: Vec<_> = (!text.is_empty())
                .then_some(Piece::Literal(text))
                .into_iter()
                .collect();
            assert_eq!(cut(text), literal, "{text}");
        }
    }

    #[test]
    fn variables_are_cut_out() {
        let variable = |name, default| Piece::Variable { name, default };
        assert_eq!(
            cut("a${B}c${_D1:-e:-f}$${G:-}"),
            [
                Piece::Literal("a"),
                variable("B", None),
                Piece::Literal("c"),
                variable("_D1", Some("e:-f")),
                Piece::Literal("$"),
                variable("G", Some("")),
            ]
        );
    }

    #[test]
    fn what_cannot_be_read() {
        for text in [
            "${",
            "a${B",
            "${}",
            "${:-x}",
            "${1X}",
            "${A-b}",
            "${A:b}",
            "${A }",
            "${é}",
            "${A:-${B}}",
            "${A:?x}",
        ] {
            assert!(pieces(text).is_err(), "{text}");
        }
    }
}
