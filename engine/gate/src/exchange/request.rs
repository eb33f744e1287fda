//! The body of a request: one message, its method, its objects, its text.

use super::task::Untold;
use super::{Ask, Exchange, Facts, Phase, Verb};
use crate::action::{Action, Flow, HeaderEdit};
use crate::event::Direction;
use crate::judge::{Argument, object};
use crate::refusal::Refusal;
use crate::world::{Cx, Live};
use mcp_zero_mask::Report;
use mcp_zero_policy::{Arguments, Object};
use mcp_zero_wire::json::{Doc, Edits, Kind, Limits, Value};
use mcp_zero_wire::method::{self, Governed, Sender, Shape, Spec};
use mcp_zero_wire::revision::{Era, META_CAPABILITIES, META_VERSION, Revision};
use mcp_zero_wire::rpc::{Fault, Message};
use mcp_zero_wire::target::{Target, TargetError, targets};
use mcp_zero_wire::{header, rpc};
use std::rc::Rc;

/// What is changed in a message, and what was found in it.
struct Made {
    edits: Edits,
    report: Report,
}

impl Exchange {
    pub(super) fn request(&mut self, body: &[u8], cx: &mut Cx<'_>) -> Flow {
        let Phase::Request(facts) = std::mem::replace(&mut self.phase, Phase::Sent) else {
            return self.give_up(cx);
        };
        let admitted = self
            .renew(cx)
            .and_then(|live| self.admit_body(&facts, &live, body, cx));
        match admitted {
            Ok(()) => self.admit_upstream(cx),
            Err(refusal) => self.refuse(&refusal, cx),
        }
    }

    fn admit_body(
        &mut self,
        facts: &Facts,
        live: &Rc<Live>,
        body: &[u8],
        cx: &mut Cx<'_>,
    ) -> Result<(), Refusal> {
        let server = live
            .snapshot
            .server(&self.server)
            .ok_or(Refusal::Unavailable)?;
        if body.len() > server.max_request_bytes as usize {
            return Err(Refusal::TooLarge);
        }
        if facts.verb != Verb::Post {
            // Neither GET nor DELETE says anything in a body.
            return body
                .is_empty()
                .then_some(())
                .ok_or(Refusal::Unreadable(rpc::INVALID_REQUEST));
        }
        let doc = Doc::scan(body, &Limits::default())
            .map_err(|_| Refusal::Unreadable(rpc::PARSE_ERROR))?;
        let message = Message::from_client(&doc).map_err(|e| self.unreadable(e.fault))?;
        let mut edits = Edits::default();
        // A line break between tokens means nothing in JSON and much to a server behind a pipe.
        edits.blank_line_breaks(&doc);
        let mut made = Made {
            edits,
            report: Report::default(),
        };
        match &message {
            Message::Request { .. } => self.admit_request(facts, live, &message, &mut made, cx),
            Message::Notification { .. } => {
                self.admit_notification(facts, live, &message, &mut made)
            }
            Message::Result { .. } | Message::Error { .. } => {
                self.admit_answer(facts, live, &message, &mut made)
            }
        }?;
        let Made { edits, mut report } = made;
        let edited = match edits.is_empty() {
            true => None,
            false => Some(edits.apply(body).map_err(|_| Refusal::Unavailable)?),
        };
        if let Some(edited) = &edited {
            self.govern_again(live, edited)?;
        }
        if facts.era == Era::Modern {
            let changed = match &edited {
                Some(edited) => changes(doc.root(), edited)?,
                None => Vec::new(),
            };
            self.mirrors(facts, live, &changed, &mut report, cx)?;
        }
        self.record.masked("request", &report);
        if let Some(edited) = edited {
            cx.out.push(Action::Body(Direction::Request, edited));
        }
        Ok(())
    }

    fn admit_request(
        &mut self,
        facts: &Facts,
        live: &Rc<Live>,
        message: &Message<'_>,
        made: &mut Made,
        cx: &mut Cx<'_>,
    ) -> Result<(), Refusal> {
        let Message::Request { id, method, params } = message else {
            return Err(Refusal::Unavailable);
        };
        self.record.jsonrpc_id = Some(unmarked(live, id.raw()));
        let spec = method::lookup(method, Sender::Client);
        self.ask = spec.map(|spec| Ask {
            id: (*id).to_owned(),
            spec,
        });
        self.era(facts, method, *params)?;
        let known = |s: &&Spec| s.shape == Shape::Request && in_era(s, facts.era);
        let Some(spec) = spec.filter(known) else {
            self.record.reason = Some(format!("no method {}", short(live, method)));
            self.ask.get_or_insert(Ask {
                id: (*id).to_owned(),
                spec: NOTHING,
            });
            return Err(Refusal::UnknownMethod);
        };
        self.admit_known(live, spec, *params, message, made)?;
        self.mirror_task(facts, spec, cx);
        Ok(())
    }

    /// What is allowed of a method that the protocol has, with the server's ids and without what
    /// is masked.
    fn admit_known(
        &mut self,
        live: &Rc<Live>,
        spec: &'static Spec,
        params: Option<Value<'_>>,
        message: &Message<'_>,
        made: &mut Made,
    ) -> Result<(), Refusal> {
        self.record.method = Some(spec.name);
        self.govern(live, spec, params)?;
        self.unseal_tasks(live, Some(spec), message, &mut made.edits)
            .map_err(|Untold| denied(spec))?;
        live.masker
            .request(message, spec, &mut made.edits, &mut made.report)
            .map_err(|_| Refusal::Unavailable)
    }

    fn admit_notification(
        &mut self,
        facts: &Facts,
        live: &Rc<Live>,
        message: &Message<'_>,
        made: &mut Made,
    ) -> Result<(), Refusal> {
        let Message::Notification { method, params } = message else {
            return Err(Refusal::Unavailable);
        };
        self.era(facts, method, *params)?;
        let spec = method::lookup(method, Sender::Client);
        let Some(spec) = spec.filter(|s| in_era(s, facts.era)) else {
            self.record.reason = Some(format!("no method {}", short(live, method)));
            return Err(Refusal::Dropped);
        };
        if spec.shape == Shape::Request {
            return Err(Refusal::Unreadable(rpc::INVALID_REQUEST));
        }
        let admitted = self.admit_known(live, spec, *params, message, made);
        // Nobody waits for an answer to it.
        admitted.map_err(|refusal| match refusal {
            Refusal::Unavailable => refusal,
            _ => Refusal::Dropped,
        })
    }

    /// What a client says to a request of the server.
    fn admit_answer(
        &mut self,
        facts: &Facts,
        live: &Rc<Live>,
        message: &Message<'_>,
        made: &mut Made,
    ) -> Result<(), Refusal> {
        // 2026-07-28 has no requests of servers, so nothing to answer.
        if facts.era == Era::Modern {
            return Err(Refusal::Unreadable(rpc::INVALID_REQUEST));
        }
        self.known_version(facts)?;
        // It could be the answer to what was asked of another caller.
        if self.session.is_none() {
            self.record.reason = Some("an answer without a session".to_owned());
            return Err(Refusal::NoSession);
        }
        self.unseal_tasks(live, None, message, &mut made.edits)
            .map_err(|Untold| Refusal::Unreadable(rpc::INVALID_REQUEST))?;
        live.masker
            .posted(message, &mut made.edits, &mut made.report)
            .map_err(|_| Refusal::Unavailable)
    }

    fn unreadable(&mut self, fault: Fault) -> Refusal {
        self.record.reason = Some(fault.to_string());
        Refusal::Unreadable(rpc::INVALID_REQUEST)
    }

    fn known_version(&mut self, facts: &Facts) -> Result<Option<Revision>, Refusal> {
        let Some(version) = &facts.version else {
            return Ok(None);
        };
        let revision = Revision::parse(version).ok_or_else(|| Refusal::Version(version.clone()))?;
        self.record.protocol_version = Some(revision.name());
        Ok(Some(revision))
    }

    /// What 2026-07-28 says twice must be the same twice.
    fn era(
        &mut self,
        facts: &Facts,
        method: &str,
        params: Option<Value<'_>>,
    ) -> Result<(), Refusal> {
        let meta = params.and_then(|p| p.get("_meta"));
        let stated = meta.and_then(|m| m.get(META_VERSION));
        let stated = match stated {
            None => None,
            Some(value) => Some(value.text().ok_or(Refusal::NoMeta)?),
        };
        if let Some(stated) = &stated
            && Revision::parse(stated).is_none()
        {
            self.modern = true;
            return Err(if facts.version.as_deref() == Some(stated) {
                Refusal::Version(stated.to_string())
            } else {
                Refusal::Disagreement
            });
        }
        self.known_version(facts)?;
        if facts.era == Era::Legacy {
            // A body of 2026-07-28 under another version, or under none.
            return match stated.as_deref().and_then(Revision::parse) {
                Some(revision) if revision.era() == Era::Modern => {
                    self.modern = true;
                    Err(Refusal::Disagreement)
                }
                Some(_) | None => Ok(()),
            };
        }
        let is_request = self.record.jsonrpc_id.is_some();
        let has_capabilities = meta
            .and_then(|m| m.get(META_CAPABILITIES))
            .is_some_and(Value::is_object);
        if is_request && (stated.is_none() || !has_capabilities) {
            return Err(Refusal::NoMeta);
        }
        if stated.is_some() && stated.as_deref() != facts.version.as_deref() {
            return Err(Refusal::Disagreement);
        }
        let name = match method {
            "tools/call" | "prompts/get" => params.and_then(|p| p.get_text("name")),
            "resources/read" => params.and_then(|p| p.get_text("uri")),
            "tasks/get" | "tasks/update" | "tasks/cancel" => {
                params.and_then(|p| p.get_text("taskId"))
            }
            _ => None,
        };
        let agree = |header: &Result<Option<String>, ()>, body: Option<&str>| match header {
            Ok(Some(header)) => body == Some(header),
            Ok(None) => !is_request || body.is_none(),
            Err(()) => false,
        };
        if !agree(&facts.mcp_method, Some(method)) || !agree(&facts.mcp_name, name.as_deref()) {
            return Err(Refusal::Disagreement);
        }
        Ok(())
    }

    fn govern(
        &mut self,
        live: &Rc<Live>,
        spec: &Spec,
        params: Option<Value<'_>>,
    ) -> Result<(), Refusal> {
        let targets = targets(spec, params).map_err(|e| match e {
            TargetError::Malformed => {
                let reason = "params that do not say what is asked for, or not to every reader";
                self.record.reason = Some(reason.to_owned());
                Refusal::Unreadable(rpc::INVALID_REQUEST)
            }
            TargetError::Refused => denied(spec),
        })?;
        let asks = params.and_then(|p| p.get("task")).is_some();
        if self.modern && asks && spec.governed == Governed::Tool {
            // There it is the server that chooses.
            self.record.reason = Some("`task` is no param of 2026-07-28".to_owned());
            return Err(denied(spec));
        }
        if let (Governed::Tool, Some(Target::Tool(name))) = (spec.governed, targets.first()) {
            self.may_begin_task(name, asks);
        }
        let judge = self.judge(live);
        let arguments = arguments(spec, params);
        let mut allowed = true;
        for (place, target) in targets.iter().enumerate() {
            let mut tool = None;
            let decision = match (target, object(target)) {
                (_, Some(object)) => judge.decide(object, arguments),
                // The arguments of a task's call have been judged.
                (Target::Task(presented), None) => {
                    let task = self.present_task(live, presented);
                    let task = task.ok_or_else(|| denied(spec))?;
                    let named = tool.insert(task.tool.clone());
                    judge.could(Object::Tool(named))
                }
                (_, None) => return Err(denied(spec)),
            };
            self.record.shadowed(&decision);
            allowed = decision.is_allowed();
            // Of several the first is named, or the one that is denied.
            if place == 0 || !allowed {
                self.name(live, target, tool.as_deref());
                self.record.rule_id = decision.rule.map(str::to_owned);
                self.record.reason = Some(decision.reason.to_owned());
            }
            if !allowed {
                break;
            }
        }
        allowed.then_some(()).ok_or_else(|| denied(spec))
    }

    /// What was masked is judged as the server will read it: another argument may be another
    /// decision.
    fn govern_again(&mut self, live: &Rc<Live>, edited: &[u8]) -> Result<(), Refusal> {
        if !live.snapshot.has_conditions() {
            return Ok(());
        }
        let doc = Doc::scan(edited, &Limits::default()).map_err(|_| Refusal::Unavailable)?;
        match Message::from_client(&doc).map_err(|_| Refusal::Unavailable)? {
            Message::Request { method, params, .. } => {
                let spec = method::lookup(&method, Sender::Client).ok_or(Refusal::Unavailable)?;
                match spec.governed {
                    Governed::Tool | Governed::Prompt => self.govern(live, spec, params),
                    // It has no arguments, and its ids may be the server's by now.
                    _ => Ok(()),
                }
            }
            Message::Notification { .. } | Message::Result { .. } | Message::Error { .. } => Ok(()),
        }
    }

    /// What is asked for; `task` is the tool of a task that is named.
    fn name(&mut self, live: &Live, target: &Target<'_>, task: Option<&str>) {
        let short = |text: &str| short(live, text);
        self.record.tool_name = None;
        self.record.prompt_name = None;
        self.record.resource_name = None;
        match target {
            Target::Tool(name) => self.record.tool_name = Some(short(name)),
            Target::Task(_) => self.record.tool_name = task.map(short),
            Target::Prompt(name) => self.record.prompt_name = Some(short(name)),
            Target::Resource(uri) => self.record.resource_name = Some(short(uri)),
            Target::ClientRequest(_) => {}
        }
    }

    /// A header that names the task of the body names it as the server knows it.
    fn mirror_task(&self, facts: &Facts, spec: &Spec, cx: &mut Cx<'_>) {
        if let (Era::Modern, Governed::Task, Ok(Some(_)), Some(id)) =
            (facts.era, spec.governed, &facts.mcp_name, self.task_asked())
        {
            let edit = HeaderEdit::Set("mcp-name".to_owned(), header::encode(id).into_bytes());
            cx.out.push(Action::Header(Direction::Request, edit));
        }
    }

    /// What is masked in the body is masked in its mirror too, by whatever name it goes there.
    fn mirrors(
        &mut self,
        facts: &Facts,
        live: &Live,
        changed: &[(String, String)],
        report: &mut Report,
        cx: &mut Cx<'_>,
    ) -> Result<(), Refusal> {
        let params = facts.params.as_ref().map_err(|()| Refusal::Disagreement)?;
        for (name, value) in params {
            let as_in_body = changed.iter().find(|(before, _)| before == value);
            let masked = match as_in_body {
                Some((_, after)) => Some(after.clone()),
                None => live
                    .masker
                    .text(value, name.strip_prefix("mcp-param-"), report),
            };
            if let Some(masked) = masked {
                let edit = HeaderEdit::Set(name.clone(), header::encode(&masked).into_bytes());
                cx.out.push(Action::Header(Direction::Request, edit));
            }
        }
        Ok(())
    }
}

fn denied(spec: &Spec) -> Refusal {
    match spec.governed {
        Governed::Tool => Refusal::DeniedCall,
        _ => Refusal::Denied,
    }
}

/// What conditions see of a message: the arguments of a call. A completion is asked for before
/// there are all of them.
fn arguments<'p>(spec: &Spec, params: Option<Value<'p>>) -> Arguments<Argument<'p>> {
    match spec.governed {
        Governed::Tool | Governed::Prompt => {
            let found = params.and_then(|p| p.get("arguments"));
            Arguments::Of(found.filter(|a| !a.is_null()).map(Argument))
        }
        Governed::Resource | Governed::Subscriptions | Governed::ClientRequest => {
            Arguments::Of(None)
        }
        Governed::Open
        | Governed::Reference
        | Governed::List(_)
        | Governed::Task
        | Governed::Refused => Arguments::Open,
    }
}

/// Every string or number of a document that an edit has changed, before and after.
fn changes(before: Value<'_>, edited: &[u8]) -> Result<Vec<(String, String)>, Refusal> {
    let doc = Doc::scan(edited, &Limits::default()).map_err(|_| Refusal::Unavailable)?;
    let mut found = Vec::new();
    compare(before, doc.root(), &mut found);
    Ok(found)
}

/// Recursion ends where the reader's limit of depth does.
fn compare(before: Value<'_>, after: Value<'_>, found: &mut Vec<(String, String)>) {
    match before.kind() {
        Kind::Object => {
            for ((_, a), (_, b)) in before.named().zip(after.named()) {
                compare(a, b, found);
            }
        }
        Kind::Array => {
            for (a, b) in before.items().zip(after.items()) {
                compare(a, b, found);
            }
        }
        Kind::String | Kind::Number if before.raw() != after.raw() => {
            let text = |value: Value<'_>| match value.text() {
                Some(text) => text.into_owned(),
                None => value.raw_str().to_owned(),
            };
            found.push((text(before), text(after)));
        }
        Kind::String | Kind::Number | Kind::Null | Kind::Bool => {}
    }
}

/// A name for the record, which stays small and clean whatever others write.
pub(super) fn short(live: &Live, text: &str) -> String {
    // Cut before as well: masking it all would cost what the text costs.
    let some: String = text.chars().take(4096).collect();
    unmarked(live, &some).chars().take(256).collect()
}

/// A text of the client's for the record: what masking would take out does not go there.
fn unmarked(live: &Live, text: &str) -> String {
    let masked = live.masker.text(text, None, &mut Report::default());
    masked.unwrap_or_else(|| text.to_owned())
}

fn in_era(spec: &Spec, era: Era) -> bool {
    match era {
        Era::Legacy => spec.legacy,
        Era::Modern => spec.modern,
    }
}

/// Stands for a method that is not in the table, so that its refusal carries the id.
static NOTHING: &Spec = &Spec {
    name: "",
    sender: Sender::Client,
    shape: Shape::Request,
    legacy: false,
    modern: false,
    governed: Governed::Refused,
};
