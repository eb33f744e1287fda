//! One message of the server: whom it answers, what of it the caller may see, and its text.

use super::Exchange;
use crate::judge::object;
use crate::world::Live;
use mcp_zero_mask::{Report, relax_output_schemas};
use mcp_zero_policy::Object;
use mcp_zero_wire::json::{Doc, Edits, Kind, Limits, Value};
use mcp_zero_wire::listing;
use mcp_zero_wire::method::{self, Governed, ListKind, Sender, Spec};
use mcp_zero_wire::rpc::{Id, IdBuf, Message};
use mcp_zero_wire::target::targets;

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
                let listed = self.lists(live, spec, text, *result)?;
                let edited = match &listed {
                    Some(listed) => self.mask_anew(live, spec, listed)?,
                    None => self.mask(live, spec, &doc, &message)?,
                };
                if inspected.answers {
                    let failed = result.get("isError").and_then(Value::as_bool);
                    self.record.is_error |= failed == Some(true);
                }
                inspected.verdict = Verdict::Pass(edited.or(listed));
            }
            Message::Error { id, error } => {
                let spec = id.and_then(own).map(|ask| ask.spec);
                inspected.answers = spec.is_some();
                self.elicitations_inside(live, *error)?;
                self.record.is_error |= inspected.answers;
                inspected.verdict = Verdict::Pass(self.mask(live, spec, &doc, &message)?);
            }
            Message::Request { id, method, .. } => {
                inspected.request = true;
                let allowed = self.client_request(live, method);
                inspected.verdict = if allowed {
                    Verdict::Pass(self.mask(live, None, &doc, &message)?)
                } else {
                    Verdict::Deny((*id).to_owned())
                };
            }
            Message::Notification { method, params } => {
                if self.notification(live, method, *params) {
                    inspected.verdict = Verdict::Pass(self.mask(live, None, &doc, &message)?);
                }
            }
        }
        Ok(inspected)
    }

    /// Whether a request of the server may reach the client.
    fn client_request(&mut self, live: &Live, method: &str) -> bool {
        let spec = method::lookup(method, Sender::Server);
        match spec.map(|s| (s.name, s.governed)) {
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
        let denied = targets
            .iter()
            .map(|t| judge.could(object(t)))
            .find(|d| !d.is_allowed());
        if let Some(denied) = denied {
            self.record.message(spec.name, effect(false), denied.rule);
            return false;
        }
        true
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
            if !self.client_request(live, &method) {
                return Err(());
            }
        }
        Ok(())
    }

    /// An error may ask the client to go somewhere first (URL elicitation required).
    fn elicitations_inside(&mut self, live: &Live, error: Value<'_>) -> Result<(), ()> {
        let asks = error.get("data").and_then(|d| d.get("elicitations"));
        match asks.is_none() || self.client_request(live, "elicitation/create") {
            true => Ok(()),
            false => Err(()),
        }
    }

    /// Takes out of lists what the caller may not have, wherever they appear: the list that
    /// was asked for must be there, and whatever has the shape of another is one.
    fn lists(
        &mut self,
        live: &Live,
        spec: Option<&Spec>,
        text: &[u8],
        result: Value<'_>,
    ) -> Result<Option<Vec<u8>>, ()> {
        let mut kinds: Vec<ListKind> = listing::kinds(result).collect();
        if let Some(Governed::List(kind)) = spec.map(|s| s.governed)
            && !kinds.contains(&kind)
        {
            kinds.push(kind);
        }
        let mut edits = Edits::default();
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
            removed += listing::filter(result, *kind, keep, &mut edits)
                .map_err(|_| ())?
                .removed;
        }
        if !kinds.is_empty() {
            listing::make_private(result, &mut edits);
        }
        let removed = u32::try_from(removed).unwrap_or(u32::MAX);
        self.record.list_items_removed = self.record.list_items_removed.saturating_add(removed);
        if edits.is_empty() {
            return Ok(None);
        }
        edits.apply(text).map(Some).map_err(|_| ())
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
