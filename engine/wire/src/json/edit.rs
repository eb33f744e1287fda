//! Changes of a document by byte span: what is not named stays as it came.

use super::doc::{Doc, Value};
use std::ops::Range;

/// Replacements of byte spans, in any order; they may not overlap.
#[derive(Debug, Default, Clone)]
pub struct Edits {
    spans: Vec<(Range<usize>, Vec<u8>)>,
    /// Offsets of bytes that become spaces, where no replacement takes them anyway.
    blanks: Vec<usize>,
}

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
        self.spans.is_empty() && self.blanks.is_empty()
    }

    /// Replaces a span.
    pub fn replace(&mut self, span: Range<usize>, by: impl Into<Vec<u8>>) {
        self.spans.push((span, by.into()));
    }

    /// Overwrites every CR and LF between tokens by a space, so that the message is one line.
    pub fn blank_line_breaks(&mut self, doc: &Doc<'_>) {
        self.blanks
            .extend(doc.line_breaks().iter().map(|at| *at as usize));
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

    /// Takes elements that are marked as not kept out of an array or object, where each span
    /// covers an item, or a member with its name; returns how many.
    ///
    /// Each removed element takes the bytes from the end of the one before it; a removed
    /// run at the front takes those up to the first kept one instead.
    pub fn remove_elements(&mut self, elements: &[(bool, Range<usize>)]) -> usize {
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

    /// The text with every edit applied.
    ///
    /// # Errors
    /// [`EditError`] when edits overlap or reach beyond the text.
    pub fn apply(mut self, src: &[u8]) -> Result<Vec<u8>, EditError> {
        self.spans.sort_by_key(|(span, _)| (span.start, span.end));
        self.blanks.sort_unstable();
        let added: usize = self.spans.iter().map(|(_, by)| by.len()).sum();
        let mut out = Vec::with_capacity(src.len() + added);
        let mut at = 0;
        for (span, by) in &self.spans {
            if span.start < at {
                return Err(EditError::Overlap(span.start));
            }
            self.keep(src, at..span.start, &mut out)?;
            out.extend_from_slice(by);
            at = span.end.max(span.start);
        }
        self.keep(src, at..src.len().max(at), &mut out)?;
        Ok(out)
    }

    /// Copies a part that no span replaces, with its blanks.
    fn keep(&self, src: &[u8], part: Range<usize>, out: &mut Vec<u8>) -> Result<(), EditError> {
        let kept = src.get(part.clone()).ok_or(EditError::Beyond(part.start))?;
        let begin = out.len();
        out.extend_from_slice(kept);
        let first = self.blanks.partition_point(|blank| *blank < part.start);
        for blank in self.blanks.iter().skip(first) {
            if *blank >= part.end {
                break;
            }
            if let Some(byte) = out.get_mut(begin + blank - part.start) {
                *byte = b' ';
            }
        }
        Ok(())
    }
}
