//! What is wrong with a policy, and where.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::code::Code;
use crate::render;

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The policy is refused.
    Error,
    /// The policy is accepted.
    Warning,
}

impl Severity {
    /// The name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A place in a policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file's name.
    pub file: Arc<str>,
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1, in characters.
    pub column: u32,
    /// Bytes of the file.
    pub span: Range<usize>,
}

/// One error or warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The kind of fault.
    pub code: Code,
    /// Whether the policy is refused for it.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// How it is put right.
    pub help: Option<String>,
    /// Where; absent when the environment is at fault.
    pub place: Option<Place>,
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, message)
    }

    /// A warning without a place.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, message)
    }

    fn new(code: Code, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            message: message.into(),
            help: None,
            place: None,
        }
    }

    /// With a way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The one-line form: `policy.yaml:3:5: error[MZ0010]: unknown key `grups` (did you mean `groups`?)`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{}:{}:{}: ", place.file, place.line, place.column)?;
        }
        let (severity, code) = (self.severity.name(), self.code);
        write!(f, "{severity}[{code}]: {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a policy, with its text for showing it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", self.lines().collect::<Vec<_>>().join("\n"))]
pub struct Diagnostics {
    name: Arc<str>,
    text: Arc<str>,
    items: Vec<Diagnostic>,
    omitted: usize,
}

impl Diagnostics {
    /// Joins diagnostics with the text that they speak of.
    pub fn of(name: &str, text: &str, items: Vec<Diagnostic>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
            items,
            omitted: 0,
        }
    }

    pub(crate) fn with_omitted(mut self, omitted: usize) -> Self {
        self.omitted = omitted;
        self
    }

    /// The diagnostics, those without a place first, then by place.
    pub fn items(&self) -> &[Diagnostic] {
        &self.items
    }

    /// How many more there were than are kept.
    pub fn omitted(&self) -> usize {
        self.omitted
    }

    /// Name of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One line each, for logs and machines.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        let more = (self.omitted > 0).then(|| format!("and {} more", self.omitted));
        self.items.iter().map(Diagnostic::to_string).chain(more)
    }

    /// With the lines of the file, for people.
    pub fn render(&self, look: Look) -> String {
        let mut text = render::graphical(&self.name, &self.text, &self.items, look);
        if self.omitted > 0 {
            text.push_str(&format!("and {} more\n", self.omitted));
        }
        text
    }
}

/// How diagnostics look on a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether terminal colours are used.
    pub colour: bool,
    /// Columns.
    pub width: usize,
}

impl Default for Look {
    /// No colour, 100 columns: the same everywhere.
    fn default() -> Self {
        Self {
            colour: false,
            width: 100,
        }
    }
}
