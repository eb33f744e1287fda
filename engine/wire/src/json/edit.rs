//! Changes of a document by byte span: what is not named stays as it came.

use super::doc::{Doc, Kind, Value};
use super::text::quote;
use std::ops::Range;

/// Replacements of byte spans, in any order; they may not overlap.
#[derive(Debug, Default, Clone)]
pub struct Edits(Vec<(Range<usize>, Vec<u8>)>);

/// Why edits do not fit a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// Two edits touch the same bytes.
    #[error("two edits overlap at byte {0}")]
    Overlap(usize),
    /// An edit reaches beyond the text.
    #[error("an edit ends beyond the text at byte {0}")]
    Beyond(usize),
}

impl Edits {
    /// True when nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Replaces a span.
    pub fn replace(&mut self, span: Range<usize>, by: impl Into<Vec<u8>>) {
        self.0.push((span, by.into()));
    }

    /// Overwrites every CR and LF between tokens by a space, so that the message is one line.
    pub fn blank_line_breaks(&mut self, doc: &Doc<'_>) {
        for offset in doc.line_breaks() {
            let at = *offset as usize;
            self.replace(at..at + 1, *b" ");
        }
    }

    /// Takes items out of an array with the commas that belong to them; returns how many.
    pub fn remove_items(
        &mut self,
        array: Value<'_>,
        mut keep: impl FnMut(usize, Value<'_>) -> bool,
    ) -> usize {
        let kept: Vec<(bool, Range<usize>)> = array
            .items()
            .enumerate()
            .map(|(i, v)| (keep(i, v), v.span()))
            .collect();
        self.remove_elements(&kept)
    }

    /// Takes a member off an object; nothing where it has none of that name.
    pub fn remove_member(&mut self, object: Value<'_>, name: &str) {
        let kept: Vec<(bool, Range<usize>)> = object
            .named()
            .map(|(key, value)| {
                (
                    key.text().is_none_or(|k| k != name),
                    key.span().start..value.span().end,
                )
            })
            .collect();
        self.remove_elements(&kept);
    }

    /// Each removed element takes the bytes from the end of the one before it; a removed
    /// run at the front takes those up to the first kept one instead.
    fn remove_elements(&mut self, elements: &[(bool, Range<usize>)]) -> usize {
        let removed = elements.iter().filter(|(kept, _)| !kept).count();
        let first_kept = elements
            .iter()
            .position(|(kept, _)| *kept)
            .unwrap_or(elements.len());
        if let (Some((_, first)), true) = (elements.first(), first_kept > 0) {
            let end = match elements.get(first_kept) {
                Some((_, kept)) => kept.start,
                None => elements.last().map_or(first.end, |(_, last)| last.end),
            };
            self.replace(first.start..end, []);
        }
        for pair in elements.windows(2).skip(first_kept) {
            if let [(_, before), (false, element)] = pair {
                self.replace(before.end..element.end, []);
            }
        }
        removed
    }

    /// Sets a member of an object to a raw JSON value, in place or as its first member.
    pub fn set_member(&mut self, object: Value<'_>, name: &str, raw: &str) {
        if let Some(value) = object.get(name) {
            self.replace(value.span(), raw);
        } else if object.kind() == Kind::Object {
            let at = object.span().start + 1;
            let comma = if object.is_empty() { "" } else { "," };
            self.replace(at..at, format!("{}:{raw}{comma}", quote(name)));
        }
    }

    /// The text with every edit applied.
    ///
    /// # Errors
    /// [`EditError`] when edits overlap or reach beyond the text.
    pub fn apply(mut self, src: &[u8]) -> Result<Vec<u8>, EditError> {
        self.0.sort_by_key(|(span, _)| (span.start, span.end));
        let added: usize = self.0.iter().map(|(_, by)| by.len()).sum();
        let mut out = Vec::with_capacity(src.len() + added);
        let mut at = 0;
        for (span, by) in &self.0 {
            if span.start < at {
                return Err(EditError::Overlap(span.start));
            }
            let kept = src
                .get(at..span.start)
                .ok_or(EditError::Beyond(span.start))?;
            out.extend_from_slice(kept);
            out.extend_from_slice(by);
            at = span.end.max(span.start);
        }
        out.extend_from_slice(src.get(at..).ok_or(EditError::Beyond(at))?);
        Ok(out)
    }
}
