//! Collects what is wrong with one document.

use std::ops::Range;
use std::sync::Arc;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics, Place, Severity};
use crate::source::Source;
use crate::suggest;

/// More errors or warnings than anyone reads, and few enough to draw at once. Each has its own
/// bound: warnings do not keep errors from being told.
const MOST: usize = 100;

/// The diagnostics of one document so far.
#[derive(Debug)]
pub(crate) struct Notes<'a> {
    name: &'a str,
    text: &'a str,
    file: Arc<str>,
    /// Where each line begins.
    lines: Vec<usize>,
    items: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

impl<'a> Notes<'a> {
    pub(crate) fn new(source: Source<'a>) -> Self {
        Self::of(source.name, source.text)
    }

    /// For diagnostics without a document.
    pub(crate) fn of(name: &'a str, text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self {
            name,
            text,
            file: name.into(),
            lines: std::iter::once(0)
                .chain(breaks.map(|(at, _)| at + 1))
                .collect(),
            items: Vec::new(),
            errors: 0,
            warnings: 0,
        }
    }

    /// The bytes of the document at a place.
    pub(crate) fn written(&self, span: &Range<usize>) -> &'a str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    /// Adds a diagnostic that has no place.
    pub(crate) fn add(&mut self, diagnostic: Diagnostic) {
        let count = self.count(&diagnostic);
        *count += 1;
        if *count <= MOST {
            self.items.push(diagnostic);
        }
    }

    /// Adds a diagnostic about some bytes of the document.
    pub(crate) fn add_at(&mut self, span: &Range<usize>, mut diagnostic: Diagnostic) {
        if !self.is_full(&diagnostic) {
            diagnostic.place = Some(self.place(span));
        }
        self.add(diagnostic);
    }

    /// Further diagnostics are only counted, so nothing dear is done for them.
    fn is_full(&mut self, diagnostic: &Diagnostic) -> bool {
        *self.count(diagnostic) >= MOST
    }

    fn count(&mut self, diagnostic: &Diagnostic) -> &mut usize {
        match diagnostic.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        }
    }

    /// The candidate that was most likely meant.
    pub(crate) fn nearest<'c>(
        &self,
        written: &str,
        candidates: impl IntoIterator<Item = &'c str>,
    ) -> Option<&'c str> {
        if self.errors >= MOST {
            None
        } else {
            suggest::nearest(written, candidates)
        }
    }

    /// A help text from the nearest candidate, or else the list of all.
    pub(crate) fn suggestion(&self, written: &str, candidates: &[&str]) -> String {
        match self.nearest(written, candidates.iter().copied()) {
            Some(candidate) => format!("did you mean `{candidate}`?"),
            None => format!("known here: {}", suggest::list(candidates)),
        }
    }

    pub(crate) fn error(&mut self, span: &Range<usize>, code: Code, message: impl Into<String>) {
        self.add_at(span, Diagnostic::error(code, message));
    }

    /// An error with a way out.
    pub(crate) fn advise(
        &mut self,
        span: &Range<usize>,
        code: Code,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add_at(span, Diagnostic::error(code, message).help(help));
    }

    /// A warning with a way out.
    pub(crate) fn warn(
        &mut self,
        span: &Range<usize>,
        code: Code,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add_at(span, Diagnostic::warning(code, message).help(help));
    }

    pub(crate) fn source(&self) -> (&'a str, &'a str) {
        (self.name, self.text)
    }

    /// How many errors there are; a section that adds none is whole.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// The warnings, or everything where there is an error.
    pub(crate) fn finish(mut self) -> Result<Vec<Diagnostic>, Diagnostics> {
        self.items
            .sort_by_key(|item| item.place.as_ref().map(|place| place.span.start));
        let beyond = |told: usize| told.saturating_sub(MOST);
        if self.errors > 0 {
            let omitted = beyond(self.errors) + beyond(self.warnings);
            return Err(Diagnostics::of(self.name, self.text, self.items).with_omitted(omitted));
        }
        if let (more @ 1.., Some(last)) = (beyond(self.warnings), self.items.last()) {
            let told = Diagnostic::warning(last.code, format!("and {more} more warnings"));
            self.items.push(told);
        }
        Ok(self.items)
    }

    /// Passes on everything as about a variable, which has no place in a file.
    pub(crate) fn hand_over(self, variable: &str, to: &mut Notes<'_>) {
        for mut item in self.items {
            item.place = None;
            item.message = format!("{variable}: {}", item.message);
            to.add(item);
        }
    }

    /// The line that a span begins on, counted from one.
    pub(crate) fn line(&self, span: &Range<usize>) -> u32 {
        self.place(span).line
    }

    fn place(&self, span: &Range<usize>) -> Place {
        let span = self.trimmed(span);
        let line = self.lines.partition_point(|start| *start <= span.start);
        let start = line.checked_sub(1).and_then(|i| self.lines.get(i));
        let before = self.text.get(*start.unwrap_or(&0)..span.start);
        let column = before.map_or(0, |text| text.chars().count());
        Place {
            file: Arc::clone(&self.file),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
            span,
        }
    }

    /// The first line of a span, which is enough to find it.
    fn trimmed(&self, span: &Range<usize>) -> Range<usize> {
        let mut start = span.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let end = span.end.clamp(start, self.text.len());
        let covered = self.text.get(start..end).unwrap_or_default();
        let first = covered.lines().next().unwrap_or_default().trim_end();
        start..start + first.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(warnings: usize, errors: usize) -> Notes<'static> {
        let mut notes = Notes::of("p.yaml", "version: 1");
        for _ in 0..warnings {
            notes.warn(&(0..7), Code::Ignored, "ignored", "no help");
        }
        for number in 0..errors {
            notes.error(&(9..10), Code::WrongType, format!("error {number}"));
        }
        notes
    }

    #[test]
    fn warnings_do_not_hide_errors() {
        let found = notes(150, 2).finish().unwrap_err();
        let told: Vec<String> = found.lines().collect();
        assert_eq!(found.items().len(), 102);
        assert!(told[101].contains("error 1"), "{}", told[101]);
        assert_eq!(told[102], "and 50 more");
        let found = notes(0, 130).finish().unwrap_err();
        assert_eq!((found.items().len(), found.omitted()), (100, 30));
    }

    #[test]
    fn warnings_that_are_not_shown_are_counted() {
        let told = notes(100, 0).finish().unwrap();
        assert_eq!(told.len(), 100);
        let told = notes(150, 0).finish().unwrap();
        assert_eq!(told.len(), 101);
        assert_eq!(told[100].message, "and 50 more warnings");
    }
}
