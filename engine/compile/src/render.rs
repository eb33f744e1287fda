//! Diagnostics drawn beside the lines that they speak of.

use std::fmt;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity as Level, SourceCode,
};

use crate::diagnostic::{Diagnostic, Look, Severity};

/// Draws diagnostics of one text, one after the other.
pub fn graphical(name: &str, text: &str, items: &[Diagnostic], look: Look) -> String {
    let theme = if look.colour {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(look.width)
        .with_links(false);
    let source = NamedSource::new(printable(name), printable(text));
    let mut drawn = String::new();
    for item in items {
        let view = View {
            item,
            source: &source,
        };
        // A failure to draw never hides the diagnostic itself.
        let before = drawn.len();
        if handler.render_report(&mut drawn, &view).is_err() {
            drawn.truncate(before);
            drawn.push_str(&item.to_string());
        }
        while drawn.ends_with('\n') {
            drawn.pop();
        }
        drawn.push_str("\n\n");
    }
    drawn
}

/// The text with whatever could steer a terminal replaced, byte positions kept.
fn printable(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => plain.push(c),
            '\r' => plain.push(' '),
            c if steers(c) => plain.extend(std::iter::repeat_n('?', c.len_utf8())),
            c => plain.push(c),
        }
    }
    plain
}

/// Control characters, and those that reorder or hide text.
pub(crate) fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// What a user wrote, as it stands in messages: short, and unable to steer a terminal.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("`");
    for (i, c) in text.chars().enumerate() {
        if i == 60 {
            quoted.push('…');
            break;
        }
        if steers(c) {
            quoted.extend(c.escape_unicode());
        } else {
            quoted.push(c);
        }
    }
    quoted.push('`');
    quoted
}

struct View<'a> {
    item: &'a Diagnostic,
    source: &'a NamedSource<String>,
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.item, f)
    }
}

impl fmt::Display for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.item.message)
    }
}

impl std::error::Error for View<'_> {}

impl miette::Diagnostic for View<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let code = format!("{}[{}]", self.item.severity.name(), self.item.code);
        Some(Box::new(code))
    }

    fn severity(&self) -> Option<Level> {
        Some(match self.item.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.item.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.item.place.as_ref()?;
        Some(self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.item.place.as_ref()?.span.clone();
        let label = LabeledSpan::new_with_span(None, (span.start, span.len()));
        Some(Box::new(std::iter::once(label)))
    }
}
