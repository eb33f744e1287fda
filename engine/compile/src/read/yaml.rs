//! YAML. The only file that knows which crate parses it.
//!
//! A policy has no anchors, aliases, merge keys, tags or directives: it means what it shows.

use std::ops::Range;

use serde_saphyr::granit_parser::{self, Event, Parser, ScalarStyle, Span};

use super::{empty_file, scalar};
use crate::code::Code;
use crate::node::{Entry, Node, Value, limits, refuse_duplicates};
use crate::notes::Notes;
use crate::render::quoted;

/// An open list or mapping.
enum Frame {
    List(Range<usize>, Vec<Node>),
    Map(Range<usize>, Vec<Entry>, Option<(String, Range<usize>)>),
}

/// Reading cannot go on; the reason is among the notes.
struct Stop;

struct Reader<'n, 'a> {
    notes: &'n mut Notes<'a>,
    open: Vec<Frame>,
    root: Option<Node>,
    nodes: usize,
}

/// Reads one document.
pub(super) fn read(text: &str, notes: &mut Notes<'_>) -> Option<Node> {
    let options = granit_parser::options! {
        disallow_directives: true,
        emit_unresolved_aliases: true,
        emit_comments: false,
        flow_nesting_limit: limits::DEPTH,
    };
    let mut reader = Reader {
        notes,
        open: Vec::new(),
        root: None,
        nodes: 0,
    };
    let mut documents = 0;
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = match next {
            Ok(next) => next,
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(text.len());
                syntax(text, at, &error.kind().to_string(), reader.notes);
                return None;
            }
        };
        if let Event::DocumentStart(..) = event {
            documents += 1;
            if documents > 1 {
                let message = "a policy is one document";
                let span = range(&span, text);
                reader.notes.error(&span, Code::SeveralDocuments, message);
                return None;
            }
        }
        if reader.event(event, range(&span, text)).is_err() {
            return None;
        }
    }
    let empty = match &reader.root {
        None => true,
        Some(root) => root.value == Value::Null && root.span.is_empty(),
    };
    if empty {
        empty_file(notes);
        return None;
    }
    reader.root
}

fn syntax(text: &str, at: usize, message: &str, notes: &mut Notes<'_>) {
    let at = at.min(text.len());
    let end = text
        .get(at..)
        .and_then(|rest| rest.chars().next())
        .map_or(at, |c| at + c.len_utf8());
    let line = text.get(..at).and_then(|t| t.rsplit('\n').next());
    let star = line.is_some_and(|line| line.contains('*')) || text.get(at..end) == Some("*");
    let message = format!("not well-formed YAML: {message}");
    if star {
        let help = "a pattern that begins with `*` must be quoted: \"*\"";
        notes.advise(&(at..end), Code::Syntax, message, help);
    } else if text.get(at..end) == Some("\t") {
        let help = "indent with spaces, never with tabs";
        notes.advise(&(at..end), Code::Syntax, message, help);
    } else {
        notes.error(&(at..end), Code::Syntax, message);
    }
}

fn range(span: &Span, text: &str) -> Range<usize> {
    let start = span.start.byte_offset().unwrap_or(0).min(text.len());
    let end = span.end.byte_offset().unwrap_or(start);
    start..end.clamp(start, text.len())
}

impl Reader<'_, '_> {
    fn event(&mut self, event: Event<'_>, span: Range<usize>) -> Result<(), Stop> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.properties(anchor, tag.is_some(), &span);
                if self.wants_key() {
                    return self.key(text.into_owned(), span);
                }
                let value = match style {
                    ScalarStyle::Plain => scalar::plain(&text),
                    _ => Value::Text(text.into_owned()),
                };
                self.put(Node { span, value })
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.properties(anchor, tag.is_some(), &span);
                self.enter(Frame::List(span.clone(), Vec::new()), &span)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.properties(anchor, tag.is_some(), &span);
                self.enter(Frame::Map(span.clone(), Vec::new(), None), &span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.leave(&span),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.notes.advise(
                    &span,
                    Code::Alias,
                    "aliases have no place in a policy",
                    "write the value out; a pattern that begins with `*` must be quoted",
                );
                if self.wants_key() {
                    return Err(Stop);
                }
                self.put(Node {
                    span,
                    value: Value::Refused,
                })
            }
            _ => Ok(()),
        }
    }

    fn properties(&mut self, anchor: usize, tagged: bool, span: &Range<usize>) {
        if anchor != 0 {
            self.notes.advise(
                span,
                Code::Alias,
                "anchors have no place in a policy",
                "write the value out where it is needed",
            );
        }
        if tagged {
            let message = "tags have no place in a policy";
            let help = "take the tag that begins with `!` away; quote the value to make it text";
            self.notes.advise(span, Code::Tag, message, help);
        }
    }

    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Frame::Map(_, _, None)))
    }

    fn key(&mut self, key: String, span: Range<usize>) -> Result<(), Stop> {
        if key == "<<" {
            let message = format!("the merge key {} has no place in a policy", quoted(&key));
            self.notes
                .advise(&span, Code::Alias, message, "write the keys out");
        }
        if let Some(Frame::Map(_, _, pending)) = self.open.last_mut() {
            *pending = Some((key, span));
        }
        self.count()
    }

    fn enter(&mut self, frame: Frame, span: &Range<usize>) -> Result<(), Stop> {
        if self.wants_key() {
            self.notes
                .error(span, Code::KeyNotText, "a key must be text");
            return Err(Stop);
        }
        if self.open.len() >= limits::DEPTH {
            let message = format!("more than {} levels", limits::DEPTH);
            self.notes.error(span, Code::TooLarge, message);
            return Err(Stop);
        }
        self.open.push(frame);
        Ok(())
    }

    fn leave(&mut self, span: &Range<usize>) -> Result<(), Stop> {
        let node = match self.open.pop() {
            Some(Frame::List(start, items)) => Node {
                span: start.start..span.end,
                value: Value::List(items),
            },
            Some(Frame::Map(start, entries, _)) => {
                refuse_duplicates(&entries, self.notes);
                Node {
                    span: start.start..span.end,
                    value: Value::Map(entries),
                }
            }
            None => return Ok(()),
        };
        self.put(node)
    }

    fn put(&mut self, node: Node) -> Result<(), Stop> {
        match self.open.last_mut() {
            Some(Frame::List(_, items)) => items.push(node),
            Some(Frame::Map(_, entries, pending)) => {
                if let Some((key, key_span)) = pending.take() {
                    entries.push(Entry {
                        key,
                        key_span,
                        node,
                    });
                }
            }
            None => self.root = Some(node),
        }
        self.count()
    }

    fn count(&mut self) -> Result<(), Stop> {
        self.nodes += 1;
        if self.nodes <= limits::NODES {
            return Ok(());
        }
        let message = format!("more than {} values", limits::NODES);
        self.notes.add(crate::diagnostic::Diagnostic::error(
            Code::TooLarge,
            message,
        ));
        Err(Stop)
    }
}
