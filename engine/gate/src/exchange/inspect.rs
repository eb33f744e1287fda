//! One message of the server: whom it answers, what of it the caller may see, and its text.

use super::Exchange;
use super::request::short;
use super::task::Untold;
use crate::block::Block;
use crate::judge::object;
use crate::world::Live;
use mcp_zero_mask::{Report, relax_output_schemas};
use mcp_zero_policy::Object;
use mcp_zero_wire::json::{Doc, Edits, Kind, Limits, Value};
use mcp_zero_wire::listing;
use mcp_zero_wire::method::{self, Governed, ListKind, Sender, Spec};
use mcp_zero_wire::rpc::{Id, IdBuf, Message, has_other};
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

/// What the policy says of a notification.
struct Ruling<'l> {
    allowed: bool,
    /// Whether it was asked.
    governed: bool,
    rule: Option<&'l str>,
}

impl Exchange {
    /// Judges and masks one message under a snapshot.
    ///
    /// # Errors
    /// [`Block`]: an answer, or what may be one, that cannot be inspected and may not pass in any
    /// form. What answers nothing is taken out instead.
    pub(super) fn inspect(&mut self, live: &Live, text: &[u8]) -> Result<Inspected, Block> {
        let doc = Doc::scan(text, &Limits::default()).map_err(|_| Block::Json)?;
        let mut inspected = Inspected {
            verdict: Verdict::Remove,
            answers: false,
            request: false,
        };
        let message = match Message::from_server(&doc) {
            Ok(message) => message,
            Err(error) => {
                let has = |member| doc.root().get(member).is_some();
                if has("method") && !has("result") && !has("error") {
                    self.record.message("unreadable", false, None);
                    return Ok(inspected);
                }
                return Err(error.fault.into());
            }
        };
        let own = |id: Id<'_>| self.ask.as_ref().filter(|ask| ask.id.is(id));
        match &message {
            Message::Result { id, result } => {
                let spec = own(*id).map(|ask| ask.spec);
                inspected.answers = spec.is_some();
                self.requests_inside(live, *result)?;
                if spec.is_some_and(|spec| spec.governed == Governed::Task) {
                    self.task_inside(live, *result)?;
                }
                self.flag_links(live, *result);
                let mut edits = Edits::default();
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
                inspected.verdict = self.pass(live, spec, &doc, &message, Edits::default())?;
            }
            Message::Request { id, method, params } => {
                inspected.request = true;
                let allowed = self.client_request(live, method, *params);
                let passed = allowed.then(|| self.unasked(live, &doc, &message, method));
                let deny = || Verdict::Deny((*id).to_owned());
                inspected.verdict = passed.flatten().unwrap_or_else(deny);
            }
            Message::Notification { method, params } => {
                let ruling = self.notification(live, method, *params);
                let passed = match ruling.allowed {
                    true => self.unasked(live, &doc, &message, method),
                    false => {
                        let name = short(live, method);
                        self.record.message(&name, false, ruling.rule);
                        None
                    }
                };
                if let Some(verdict) = passed {
                    inspected.verdict = verdict;
                    if ruling.governed {
                        self.record.message(method, true, ruling.rule);
                    }
                }
            }
        }
        Ok(inspected)
    }

    /// What passes of a message that answers nothing; none where it cannot be inspected.
    fn unasked(
        &mut self,
        live: &Live,
        doc: &Doc<'_>,
        message: &Message<'_>,
        method: &str,
    ) -> Option<Verdict> {
        let passed = self.pass(live, None, doc, message, Edits::default());
        if passed.is_err() {
            self.record.message(method, false, None);
        }
        passed.ok()
    }

    /// Whether a request of the server may reach the client.
    fn client_request(&mut self, live: &Live, method: &str, params: Option<Value<'_>>) -> bool {
        let spec = method::lookup(method, Sender::Server);
        // A task that a client keeps would be asked for by requests that are denied.
        let as_task = params.is_some_and(|p| p.get("task").is_some() || has_other(p, &["task"]));
        let (allowed, rule) = match spec.map(|s| (s.name, s.governed)) {
            Some(_) if as_task => (false, None),
            Some((_, Governed::Open)) => return true,
            Some((name, Governed::ClientRequest)) => {
                let decision = self.judge(live).plain(Object::ClientRequest(name));
                self.record.shadowed(&decision);
                (decision.is_allowed(), decision.rule)
            }
            Some(_) | None => (false, None),
        };
        self.record.message(&short(live, method), allowed, rule);
        allowed
    }

    fn notification<'l>(
        &mut self,
        live: &'l Live,
        method: &str,
        params: Option<Value<'_>>,
    ) -> Ruling<'l> {
        let mut ruling = Ruling {
            allowed: false,
            governed: false,
            rule: None,
        };
        let Some(spec) = method::lookup(method, Sender::Server) else {
            return ruling;
        };
        let Ok(targets) = targets(spec, params) else {
            return ruling;
        };
        ruling.governed = !targets.is_empty();
        let judge = self.judge(live);
        for target in &targets {
            let object = match target {
                Target::Task(id) => self.tool_of_task(id).map(Object::Tool),
                other => object(other),
            };
            // Without one it is a task that this exchange knows nothing of.
            let Some(decision) = object.map(|object| judge.could(object)) else {
                ruling.rule = None;
                return ruling;
            };
            self.record.shadowed(&decision);
            ruling.rule = decision.rule;
            if !decision.is_allowed() {
                return ruling;
            }
        }
        ruling.allowed = match params {
            Some(task) if spec.governed == Governed::Task => {
                let asks = self.requests_inside(live, task);
                asks.and_then(|()| self.task_inside(live, task)).is_ok()
            }
            Some(_) | None => true,
        };
        if !ruling.allowed {
            // No rule about the tool is to blame for what is inside.
            ruling.rule = None;
        }
        ruling
    }

    /// 2026-07-28 puts requests to the client into results (`inputRequests`); a result with
    /// one that is denied does not pass at all.
    fn requests_inside(&mut self, live: &Live, result: Value<'_>) -> Result<(), Block> {
        if listing::is_ambiguous(result) {
            return Err(Block::Member);
        }
        let Some(inside) = result.get("inputRequests") else {
            return Ok(());
        };
        if inside.kind() != Kind::Object {
            return Err(Block::Member);
        }
        for (_, request) in inside.members() {
            if has_other(request, &["method", "params"]) {
                return Err(Block::Member);
            }
            let method = request.get_text("method").ok_or(Block::Member)?;
            if !self.client_request(live, &method, request.get("params")) {
                return Err(Block::Asks);
            }
        }
        Ok(())
    }

    /// An error may ask the client to go somewhere first (URL elicitation required).
    fn elicitations_inside(&mut self, live: &Live, error: Value<'_>) -> Result<(), Block> {
        let data = error.get("data");
        if has_other(error, &["data"]) || data.is_some_and(|d| has_other(d, &["elicitations"])) {
            return Err(Block::Member);
        }
        let asks = data.and_then(|d| d.get("elicitations"));
        match asks.is_none() || self.client_request(live, "elicitation/create", None) {
            true => Ok(()),
            false => Err(Block::Asks),
        }
    }

    /// The state of a task holds what the call has come to.
    fn task_inside(&mut self, live: &Live, task: Value<'_>) -> Result<(), Block> {
        if has_other(task, &["result", "error"]) {
            return Err(Block::Member);
        }
        if let Some(result) = task.get("result") {
            self.requests_inside(live, result)?;
        }
        match task.get("error") {
            Some(error) => self.elicitations_inside(live, error),
            None => Ok(()),
        }
    }

    /// Counts links in the content of a result to resources that the caller may not read.
    fn flag_links(&mut self, live: &Live, result: Value<'_>) {
        let content = result.get("content").into_iter().flat_map(Value::items);
        let is_link = |item: &Value<'_>| {
            let kind = item.get_text("type");
            kind.is_some_and(|kind| kind == "resource_link")
        };
        let mut links = content.filter(is_link).peekable();
        if links.peek().is_none() {
            return;
        }
        let judge = self.judge(live);
        let denied = links.filter(|link| {
            let uri = link.get_text("uri");
            !uri.is_some_and(|uri| judge.shows(Object::Resource(&uri)))
        });
        let denied = u32::try_from(denied.count()).unwrap_or(u32::MAX);
        self.record.links_denied = self.record.links_denied.saturating_add(denied);
    }

    /// Takes out of lists what the caller may not have, wherever they appear: the list that
    /// was asked for must be there, and whatever has the shape of another is one.
    fn lists(
        &mut self,
        live: &Live,
        spec: Option<&Spec>,
        result: Value<'_>,
        edits: &mut Edits,
    ) -> Result<(), Block> {
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
                judge.shows(object)
            };
            removed += listing::filter(result, *kind, keep, edits)
                .map_err(|_| Block::List)?
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
    /// then masked.
    fn pass(
        &mut self,
        live: &Live,
        spec: Option<&Spec>,
        doc: &Doc<'_>,
        message: &Message<'_>,
        mut edits: Edits,
    ) -> Result<Verdict, Block> {
        self.seal_tasks(live, spec, message, &mut edits)
            .map_err(|Untold| Block::Task)?;
        if edits.is_empty() {
            return Ok(Verdict::Pass(self.mask(live, spec, doc, message)?));
        }
        // An edited message goes on one line of a stream.
        edits.blank_line_breaks(doc);
        let edited = edits.apply(doc.src()).map_err(|_| Block::Mask)?;
        let masked = self.mask_anew(live, spec, &edited)?;
        Ok(Verdict::Pass(Some(masked.unwrap_or(edited))))
    }

    /// Masks a message that was edited before: edits do not add up.
    fn mask_anew(
        &mut self,
        live: &Live,
        spec: Option<&Spec>,
        text: &[u8],
    ) -> Result<Option<Vec<u8>>, Block> {
        if live.masker.is_empty() {
            return Ok(None);
        }
        let doc = Doc::scan(text, &Limits::default()).map_err(|_| Block::Mask)?;
        let message = Message::from_server(&doc).map_err(|_| Block::Mask)?;
        self.mask(live, spec, &doc, &message)
    }

    fn mask(
        &mut self,
        live: &Live,
        spec: Option<&Spec>,
        doc: &Doc<'_>,
        message: &Message<'_>,
    ) -> Result<Option<Vec<u8>>, Block> {
        if live.masker.is_empty() {
            return Ok(None);
        }
        let mut edits = Edits::default();
        let mut report = Report::default();
        live.masker
            .server(message, spec, &mut edits, &mut report)
            .map_err(|_| Block::Mask)?;
        live.masker
            .unknown_members(doc.root(), &mut edits, &mut report)
            .map_err(|_| Block::Mask)?;
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
        edits.apply(doc.src()).map(Some).map_err(|_| Block::Mask)
    }
}
