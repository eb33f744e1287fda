//! One message of the server: whom it answers, what of it the caller may see, and its text.

use super::Exchange;
use super::task::Untold;
use crate::judge::object;
use crate::world::Live;
use mcp_zero_mask::{Report, relax_output_schemas};
use mcp_zero_policy::Object;
use mcp_zero_wire::json::{Doc, Edits, Kind, Limits, Value};
use mcp_zero_wire::listing;
use mcp_zero_wire::method::{self, Governed, ListKind, Sender, Spec};
use mcp_zero_wire::rpc::{Id, IdBuf, Message};
use mcp_zero_wire::target::{Target, targets};

/// What becomes of a message.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It passes, edited or as it came.
    Pass(Option<Vec<u8>>),
    /// It is taken out.
    Remove,
    /// A request of the server that is taken out and answered with an error.
    Deny(IdBuf),
}

#[derive(Debug)]
pub(super) struct Inspected {
    pub(super) verdict: Verdict,
    /// It answers this exchange's own request.
    pub(super) answers: bool,
    /// It is a request of the server.
    pub(super) request: bool,
}

impl Exchange {
    /// Judges and masks one message under a snapshot.
    ///
    /// `Err` where it cannot be inspected: it may not pass in any form.
    pub(super) fn inspect(&mut self, live: &Live, text: &[u8]) -> Result<Inspected, ()> {
        let doc = Doc::scan(text, &Limits::default()).map_err(|_| ())?;
        let message = Message::from_server(&doc).map_err(|_| ())?;
        let own = |id: Id<'_>| self.ask.as_ref().filter(|ask| ask.id.is(id));
        let mut edits = Edits::default();
        let mut inspected = Inspected {
            verdict: Verdict::Remove,
            answers: false,
            request: false,
        };
        match &message {
            Message::Result { id, result } => {
                let spec = own(*id).map(|ask| ask.spec);
                inspected.answers = spec.is_some();
                self.requests_inside(live, *result)?;
                if spec.is_some_and(|spec| spec.governed == Governed::Task) {
                    self.task_inside(live, *result)?;
                }
                self.lists(live, spec, *result, &mut edits)?;
                inspected.verdict = self.pass(live, spec, &doc, &message, edits)?;
                if inspected.answers {
                    let failed = result.get("isError").and_then(Value::as_bool);
                    self.record.is_error |= failed == Some(true);
                }
            }
            Message::Error { id, error } => {
                let spec = id.and_then(own).map(|ask| ask.spec);
                inspected.answers = spec.is_some();
                self.elicitations_inside(live, *error)?;
                self.record.is_error |= inspected.answers;
                inspected.verdict = self.pass(live, spec, &doc, &message, edits)?;
            }
            Message::Request { id, method, params } => {
                inspected.request = true;
                let allowed = self.client_request(live, method, *params);
                inspected.verdict = if allowed {
                    self.pass(live, None, &doc, &message, edits)?
                } else {
                    Verdict::Deny((*id).to_owned())
                };
            }
            Message::Notification { method, params } => {
                if self.notification(live, method, *params) {
                    inspected.verdict = self.pass(live, None, &doc, &message, edits)?;
                }
            }
        }
        Ok(inspected)
    }

    /// Whether a request of the server may reach the client.
    fn client_request(&mut self, live: &Live, method: &str, params: Option<Value<'_>>) -> bool {
        let spec = method::lookup(method, Sender::Server);
        // A task that a client keeps would be asked for by requests that are denied.
        let as_task = params.and_then(|p| p.get("task")).is_some();
        match spec.map(|s| (s.name, s.governed)) {
            Some((name, _)) if as_task => {
                self.record.message(name, effect(false), None);
                false
            }
            Some((_, Governed::Open)) => true,
            Some((name, Governed::ClientRequest)) => {
                let decision = self.judge(live).plain(Object::ClientRequest(name));
                let allowed = decision.is_allowed();
                self.record.shadowed(&decision);
                self.record.message(name, effect(allowed), decision.rule);
                allowed
            }
            Some((name, _)) => {
                self.record.message(name, effect(false), None);
                false
            }
            None => {
                self.record.message("unknown", effect(false), None);
                false
            }
        }
    }

    fn notification(&mut self, live: &Live, method: &str, params: Option<Value<'_>>) -> bool {
        let Some(spec) = method::lookup(method, Sender::Server) else {
            self.record.message("unknown", effect(false), None);
            return false;
        };
        let Ok(targets) = targets(spec, params) else {
            self.record.message(spec.name, effect(false), None);
            return false;
        };
        let judge = self.judge(live);
        for target in &targets {
            let object = match target {
                Target::Task(id) => self.tool_of_task(id).map(Object::Tool),
                other => object(other),
            };
            let denied = match object.map(|object| judge.could(object)) {
                Some(decision) if decision.is_allowed() => continue,
                Some(decision) => decision.rule,
                // A task that this exchange knows nothing of.
                None => None,
            };
            self.record.message(spec.name, effect(false), denied);
            return false;
        }
        if spec.governed != Governed::Task {
            return true;
        }
        let inside = params.map_or(Ok(()), |task| {
            self.requests_inside(live, task)?;
            self.task_inside(live, task)
        });
        inside.is_ok()
    }

    /// 2026-07-28 puts requests to the client into results (`inputRequests`); a result with
    /// one that is denied does not pass at all.
    fn requests_inside(&mut self, live: &Live, result: Value<'_>) -> Result<(), ()> {
        let Some(inside) = result.get("inputRequests") else {
            return Ok(());
        };
        if inside.kind() != Kind::Object {
            return Err(());
        }
        for (_, request) in inside.members() {
            let method = request.get_text("method").ok_or(())?;
            if !self.client_request(live, &method, request.get("params")) {
                return Err(());
            }
        }
        Ok(())
    }

    /// An error may ask the client to go somewhere first (URL elicitation required).
    fn elicitations_inside(&mut self, live: &Live, error: Value<'_>) -> Result<(), ()> {
        let asks = error.get("data").and_then(|d| d.get("elicitations"));
        match asks.is_none() || self.client_request(live, "elicitation/create", None) {
            true => Ok(()),
            false => Err(()),
        }
    }

    /// The state of a task holds what the call has come to.
    fn task_inside(&mut self, live: &Live, task: Value<'_>) -> Result<(), ()> {
        if let Some(result) = task.get("result") {
            self.requests_inside(live, result)?;
        }
        match task.get("error") {
            Some(error) => self.elicitations_inside(live, error),
            None => Ok(()),
        }
    }

    /// Takes out of lists what the caller may not have, wherever they appear: the list that
    /// was asked for must be there, and whatever has the shape of another is one.
    fn lists(
        &mut self,
        live: &Live,
        spec: Option<&Spec>,
        result: Value<'_>,
        edits: &mut Edits,
    ) -> Result<(), ()> {
        let mut kinds: Vec<ListKind> = listing::kinds(result).collect();
        if let Some(Governed::List(kind)) = spec.map(|s| s.governed)
            && !kinds.contains(&kind)
        {
            kinds.push(kind);
        }
        let mut removed = 0;
        let judge = self.judge(live);
        for kind in &kinds {
            let keep = |name: &str| {
                let object = match kind {
                    ListKind::Tools => Object::Tool(name),
                    ListKind::Prompts => Object::Prompt(name),
                    ListKind::Resources | ListKind::ResourceTemplates => Object::Resource(name),
                };
                judge.could(object).is_allowed()
            };
            removed += listing::filter(result, *kind, keep, edits)
                .map_err(|_| ())?
                .removed;
        }
        if !kinds.is_empty() {
            listing::make_private(result, edits);
        }
        let removed = u32::try_from(removed).unwrap_or(u32::MAX);
        self.record.list_items_removed = self.record.list_items_removed.saturating_add(removed);
        Ok(())
    }

    /// What of a message passes: with ids that the client may know, edited as was said so far,
    /// then masked. A notification of what the client cannot know is taken out.
    fn pass(
        &mut self,
        live: &Live,
        spec: Option<&Spec>,
        doc: &Doc<'_>,
        message: &Message<'_>,
        mut edits: Edits,
    ) -> Result<Verdict, ()> {
        if let Err(Untold) = self.seal_tasks(live, spec, message, &mut edits) {
            return match message {
                Message::Notification { method, .. } => {
                    let name = method::lookup(method, Sender::Server).map_or("unknown", |s| s.name);
                    self.record.message(name, effect(false), None);
                    Ok(Verdict::Remove)
                }
                _ => Err(()),
            };
        }
        if edits.is_empty() {
            return Ok(Verdict::Pass(self.mask(live, spec, doc, message)?));
        }
        // An edited message goes on one line of a stream.
        edits.blank_line_breaks(doc);
        let edited = edits.apply(doc.src()).map_err(|_| ())?;
        let masked = self.mask_anew(live, spec, &edited)?;
        Ok(Verdict::Pass(Some(masked.unwrap_or(edited))))
    }

    /// Masks a message that was edited before: edits do not add up.
    fn mask_anew(
        &mut self,
        live: &Live,
        spec: Option<&Spec>,
        text: &[u8],
    ) -> Result<Option<Vec<u8>>, ()> {
        if live.masker.is_empty() {
            return Ok(None);
        }
        let doc = Doc::scan(text, &Limits::default()).map_err(|_| ())?;
        let message = Message::from_server(&doc).map_err(|_| ())?;
        self.mask(live, spec, &doc, &message)
    }

    fn mask(
        &mut self,
        live: &Live,
        spec: Option<&Spec>,
        doc: &Doc<'_>,
        message: &Message<'_>,
    ) -> Result<Option<Vec<u8>>, ()> {
        if live.masker.is_empty() {
            return Ok(None);
        }
        let mut edits = Edits::default();
        let mut report = Report::default();
        live.masker
            .server(message, spec, &mut edits, &mut report)
            .map_err(|_| ())?;
        live.masker
            .unknown_members(doc.root(), &mut edits, &mut report)
            .map_err(|_| ())?;
        if let Message::Result { result, .. } = message {
            // Masked output no longer fits what the schema promises of its text.
            match spec.map(|s| s.governed) {
                None | Some(Governed::List(ListKind::Tools)) => {
                    relax_output_schemas(*result, &mut edits);
                }
                Some(_) => {}
            }
        }
        self.record.masked("response", &report);
        if edits.is_empty() {
            return Ok(None);
        }
        // An edited message goes on one line of a stream.
        edits.blank_line_breaks(doc);
        edits.apply(doc.src()).map(Some).map_err(|_| ())
    }
}

fn effect(allowed: bool) -> &'static str {
    if allowed { "allow" } else { "deny" }
}
