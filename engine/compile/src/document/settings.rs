//! `logging` and `audit`

use super::fields::{Fields, Key, not_supported, text, word};
use crate::code::Code;
use crate::compiled::{LogFormat, LogLevel, Logging};
use crate::node::Node;
use crate::notes::Notes;
use crate::render::quoted;

/// The section `audit`.
#[derive(Debug, Clone, Default)]
pub(super) struct Audit {
    pub(super) file: Option<String>,
    pub(super) include_email: bool,
}

pub(super) fn logging(node: Option<&Node>, notes: &mut Notes<'_>) -> Option<Logging> {
    let keys = [
        Key::Built("level"),
        Key::Built("format"),
        Key::Later("include"),
    ];
    let fields = Fields::open(node?, "logging", &keys, notes)?;
    let formats = [("json", LogFormat::Json), ("text", LogFormat::Text)];
    Some(Logging {
        level: fields.get("level").and_then(|node| level(node, notes)),
        format: fields
            .get("format")
            .and_then(|node| word(node, "log format", &formats, notes)),
    })
}

fn level(node: &Node, notes: &mut Notes<'_>) -> Option<LogLevel> {
    let text = text(node, notes)?;
    match text.value.to_ascii_uppercase().as_str() {
        "DEBUG" => Some(LogLevel::Debug),
        "INFO" => Some(LogLevel::Info),
        "WARNING" => Some(LogLevel::Warning),
        "ERROR" => Some(LogLevel::Error),
        "CRITICAL" => Some(LogLevel::Critical),
        _ => {
            let message = format!("{} is no log level", quoted(text.value));
            let help = "one of DEBUG, INFO, WARNING, ERROR, CRITICAL";
            notes.advise(&text.span, Code::UnknownValue, message, help);
            None
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    BestEffort,
    Required,
}

pub(super) fn audit(node: Option<&Node>, notes: &mut Notes<'_>) -> Option<Audit> {
    let keys = [
        Key::Built("mode"),
        Key::Built("file"),
        Key::Built("include_email"),
    ];
    let fields = Fields::open(node?, "audit", &keys, notes)?;
    let modes = [
        ("best_effort", Mode::BestEffort),
        ("required", Mode::Required),
    ];
    if let Some(node) = fields.get("mode")
        && let Some(Mode::Required) = word(node, "audit mode", &modes, notes)
    {
        let help = "this build records by best effort: `mode: best_effort`";
        not_supported(&node.span, "the audit mode `required`", help, notes);
    }
    Some(Audit {
        file: fields.text("file", notes).map(|text| text.value.to_owned()),
        include_email: fields.flag("include_email", false, notes),
    })
}
