//! The entry points.

use crate::detect::Detector;
use crate::known::Known;
use crate::lift::Change;
use crate::place::Place;
use crate::walk::Walk;
use crate::{Entity, Report};
use mcp_zero_wire::json::{Edits, Value};
use mcp_zero_wire::method::Spec;
use mcp_zero_wire::rpc::Message;
use std::collections::BTreeMap;

/// Finds and replaces a set of entities.
#[derive(Debug, Clone, Copy)]
pub struct Masker {
    detector: Detector,
}

/// What a text becomes that holds too much to be masked.
const HIDDEN: &str = "<MASKED>";

/// Why a message cannot be masked, so that it may not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MaskError {
    /// A value that says it is text holds bytes that are not.
    #[error("encoded text cannot be read")]
    Encoded,
    /// It holds more findings than are kept at once.
    #[error("too many findings")]
    TooMany,
}

impl Masker {
    /// A masker of some entities; findings that score below the threshold (in thousandths)
    /// are left alone. A threshold above 1000 is 1000: the surest findings always count.
    pub fn new(entities: &[Entity], threshold_milli: u32) -> Self {
        Self {
            detector: Detector::new(entities, threshold_milli),
        }
    }

    /// True when nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.detector.is_empty()
    }

    /// Masks the params of a client's request or notification.
    ///
    /// # Errors
    /// [`MaskError`]: the message may not pass.
    pub fn request(
        &self,
        message: &Message<'_>,
        spec: &Spec,
        edits: &mut Edits,
        report: &mut Report,
    ) -> Result<(), MaskError> {
        match message {
            Message::Request { params, .. } | Message::Notification { params, .. } => params
                .map_or(Ok(()), |params| {
                    self.walk(params, Place::client(spec), edits, report)
                }),
            Message::Result { .. } | Message::Error { .. } => self.posted(message, edits, report),
        }
    }

    /// Masks what a client posts in answer to a server's request.
    ///
    /// # Errors
    /// [`MaskError`]: the message may not pass.
    pub fn posted(
        &self,
        message: &Message<'_>,
        edits: &mut Edits,
        report: &mut Report,
    ) -> Result<(), MaskError> {
        match message {
            Message::Result { result, .. } => self.walk(*result, Place::Posted, edits, report),
            Message::Error { error, .. } => self.walk(*error, Place::Error, edits, report),
            // Not an answer: nothing in it is known, so all of it is looked at.
            Message::Request { params, .. } | Message::Notification { params, .. } => params
                .map_or(Ok(()), |params| {
                    self.walk(params, Place::Data, edits, report)
                }),
        }
    }

    /// Masks anything that a server sends; `answers` is the method of the client's request
    /// that a result belongs to, where it is known.
    ///
    /// Constraints inside a tool's `outputSchema` are left to [`crate::relax_output_schemas`],
    /// which takes them out: a list that is masked must be relaxed too. Both fit together,
    /// but neither fits edits that take items out of a list: filter first, then mask.
    ///
    /// # Errors
    /// [`MaskError`]: the message may not pass.
    pub fn server(
        &self,
        message: &Message<'_>,
        answers: Option<&Spec>,
        edits: &mut Edits,
        report: &mut Report,
    ) -> Result<(), MaskError> {
        match message {
            Message::Result { result, .. } => {
                self.agreeing(*result, Place::answer(answers), edits, report)
            }
            Message::Error { error, .. } => self.walk(*error, Place::Error, edits, report),
            Message::Request { method, params, .. } | Message::Notification { method, params } => {
                params.map_or(Ok(()), |params| {
                    self.agreeing(params, Place::server(method), edits, report)
                })
            }
        }
    }

    /// Masks what a server's message holds beside the members of JSON-RPC; `root` is the
    /// whole message.
    ///
    /// # Errors
    /// [`MaskError`]: the message may not pass.
    pub fn unknown_members(
        &self,
        root: Value<'_>,
        edits: &mut Edits,
        report: &mut Report,
    ) -> Result<(), MaskError> {
        let envelope = ["jsonrpc", "id", "method", "params", "result", "error"];
        if self.is_empty() {
            return Ok(());
        }
        let known = Known::default();
        let mut walk = Walk::new(&self.detector, report, &known);
        let mut changes = Vec::new();
        root.members()
            .filter(|(name, _)| !envelope.contains(&&**name))
            .try_for_each(|(_, value)| walk.value(value, Place::Data, &mut changes))?;
        enter(changes, edits);
        Ok(())
    }

    /// Masks a text that stands alone, such as a decoded `Mcp-Param-*` header; `key` is the
    /// name of the argument. Nothing where nothing is found. Agrees with what
    /// [`Masker::request`] makes of an argument of that name.
    pub fn text(&self, text: &str, key: Option<&str>, report: &mut Report) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        let known = Known::default();
        Walk::new(&self.detector, report, &known)
            .alone(text, key)
            // No header is that long; nothing of it may pass.
            .unwrap_or_else(|_| Some(HIDDEN.to_owned()))
    }

    fn walk(
        &self,
        value: Value<'_>,
        place: Place,
        edits: &mut Edits,
        report: &mut Report,
    ) -> Result<(), MaskError> {
        if self.is_empty() {
            return Ok(());
        }
        let mut changes = Vec::new();
        let known = Known::default();
        Walk::new(&self.detector, report, &known).value(value, place, &mut changes)?;
        enter(changes, edits);
        Ok(())
    }

    /// A message may carry one value twice, as text and as structure. What only its context
    /// gives away in one of them is replaced in the other too, by a second pass.
    fn agreeing(
        &self,
        value: Value<'_>,
        place: Place,
        edits: &mut Edits,
        report: &mut Report,
    ) -> Result<(), MaskError> {
        if self.is_empty() {
            return Ok(());
        }
        let pass = |known: &Known| -> Result<_, MaskError> {
            let (mut changes, mut counts) = (Vec::new(), Report::default());
            let mut walk = Walk::new(&self.detector, &mut counts, known);
            walk.value(value, place, &mut changes)?;
            let secrets: BTreeMap<_, _> = walk.into_secrets();
            Ok((changes, counts, secrets))
        };
        let (mut changes, mut counts, secrets) = pass(&Known::default())?;
        let known = Known::new(secrets);
        if !known.is_empty() {
            // Both passes at once would be kept twice.
            drop(std::mem::take(&mut changes));
            (changes, counts, _) = pass(&known)?;
        }
        report.merge(&counts);
        enter(changes, edits);
        Ok(())
    }
}

fn enter(changes: Vec<Change>, edits: &mut Edits) {
    for change in changes {
        edits.replace(change.span, change.by);
    }
}
