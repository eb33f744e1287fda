//! Tasks: a client knows the id of one sealed to itself and to the tool whose call began it.
//!
//! Nothing is stored, so an id is shown only where the exchange knows its tool: in what answers
//! that call, and in what answers a message that names the task.

use super::Exchange;
use super::open::digest;
use super::session::owner;
use crate::world::Live;
use mcp_zero_identity::Purpose;
use mcp_zero_wire::json::{Edits, Kind, Value, quote};
use mcp_zero_wire::method::{Governed, Spec};
use mcp_zero_wire::rpc::Message;
use std::borrow::Cow;

/// In `_meta`: the task that a message belongs to (2025-11-25, tasks).
const RELATED: &str = "io.modelcontextprotocol/related-task";

/// A task that the client has named.
#[derive(Debug)]
pub(super) struct Task {
    /// As the client knows it.
    presented: Box<str>,
    /// As the server knows it.
    id: Box<str>,
    /// The tool whose call began it.
    pub(super) tool: Box<str>,
}

/// The tasks of one exchange.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    /// The tool of a call that may begin a task: a task that begins is its own.
    calls: Option<Box<str>>,
    /// The one task that the answer to that call has begun, as the server knows it. Whatever
    /// else the server tells of on the way may be the task of another caller.
    begun: Option<Box<str>>,
    named: Vec<Task>,
}

impl Tasks {
    /// By the id of the server.
    fn of_server(&self, id: &str) -> Option<&Task> {
        self.named.iter().find(|task| *task.id == *id)
    }

    /// The tool of the call that has begun a task, by the id of the server.
    fn tool_of_begun(&self, id: &str) -> Option<&str> {
        let is_begun = self.begun.as_deref() == Some(id);
        self.calls.as_deref().filter(|_| is_begun)
    }

    /// Whether this is the task that the call has begun, or may be: a call begins one.
    fn begins(&mut self, id: &str) -> bool {
        self.calls.is_some() && **self.begun.get_or_insert_with(|| id.into()) == *id
    }
}

/// A message that must not pass as it is.
#[derive(Debug)]
pub(super) struct Untold;

impl Exchange {
    /// A call may begin a task where it asks for one (2025-11-25), or where the server may
    /// choose to (2026-07-28).
    pub(super) fn may_begin_task(&mut self, tool: &str, asks: bool) {
        self.tasks.calls = (self.modern || asks).then(|| tool.into());
    }

    /// The task that the client means; none unless it is this caller's at this server.
    pub(super) fn present_task(&mut self, live: &Live, presented: &str) -> Option<&Task> {
        let named = &self.tasks.named;
        let at = match named.iter().position(|task| *task.presented == *presented) {
            Some(at) => at,
            None => {
                let parts = live
                    .sealer
                    .open(Purpose::Task, owner(self.caller.as_deref()), presented)
                    .and_then(|parts| <[String; 3]>::try_from(parts).ok())
                    .filter(|[server, ..]| *server == self.server);
                let Some([_, id, tool]) = parts else {
                    self.record.reason = Some("no task of this caller at this server".to_owned());
                    return None;
                };
                self.record.task.get_or_insert_with(|| digest(&id));
                self.tasks.named.push(Task {
                    presented: presented.into(),
                    id: id.into(),
                    tool: tool.into(),
                });
                self.tasks.named.len() - 1
            }
        };
        self.tasks.named.get(at)
    }

    /// The server gets its own ids, wherever a message of the client names one.
    ///
    /// # Errors
    /// [`Untold`]: one is no task of this caller at this server, or cannot be read.
    pub(super) fn unseal_tasks(
        &mut self,
        live: &Live,
        spec: Option<&Spec>,
        message: &Message<'_>,
        edits: &mut Edits,
    ) -> Result<(), Untold> {
        let Some(holder) = holder(message) else {
            return Ok(());
        };
        match spec.map(|spec| spec.governed) {
            Some(Governed::Task) => self.unseal(live, holder.get("taskId"), edits)?,
            Some(Governed::Subscriptions) => {
                for id in followed(holder) {
                    self.unseal(live, Some(id), edits)?;
                }
            }
            Some(_) | None => {}
        }
        match holder.get("_meta").and_then(|meta| meta.get(RELATED)) {
            Some(related) => self.unseal(live, related.get("taskId"), edits),
            None => Ok(()),
        }
    }

    fn unseal(
        &mut self,
        live: &Live,
        value: Option<Value<'_>>,
        edits: &mut Edits,
    ) -> Result<(), Untold> {
        let value = value.ok_or(Untold)?;
        let presented = value.text().ok_or(Untold)?;
        let task = self.present_task(live, &presented).ok_or(Untold)?;
        edits.replace(value.span(), quote(&task.id));
        Ok(())
    }

    /// The server's id of the one task that a message asks about.
    pub(super) fn task_asked(&self) -> Option<&str> {
        self.tasks.named.first().map(|task| &*task.id)
    }

    /// The tool of a task that a message of the server names.
    pub(super) fn tool_of_task(&self, id: &str) -> Option<&str> {
        let named = self.tasks.of_server(id).map(|task| &*task.tool);
        named.or_else(|| self.tasks.tool_of_begun(id))
    }

    /// The client gets ids that it may know, wherever a message of the server names one. What
    /// only tells of another task loses its name.
    ///
    /// # Errors
    /// [`Untold`]: it is about a task that this exchange cannot know.
    pub(super) fn seal_tasks(
        &mut self,
        live: &Live,
        answers: Option<&Spec>,
        message: &Message<'_>,
        edits: &mut Edits,
    ) -> Result<(), Untold> {
        let Some(holder) = holder(message) else {
            return Ok(());
        };
        match (message, answers.map(|spec| (spec.governed, spec.name))) {
            (Message::Notification { method, .. }, _) => match &**method {
                "notifications/tasks" | "notifications/tasks/status" => {
                    self.seal(live, holder, edits)?;
                    self.seal_related(live, holder.get("result"), edits);
                }
                "notifications/subscriptions/acknowledged" => {
                    for id in followed(holder) {
                        self.seal_id(live, Some(id), edits)?;
                    }
                }
                _ => {}
            },
            (Message::Result { .. }, Some((Governed::Tool, _))) => {
                // Each era has its own way to say so; the other's is none that clients read.
                let (task, strange) = match (begun(holder), says_task(holder)) {
                    (task, strange) if !self.modern => (task, strange),
                    (strange, says) => (says.then_some(holder), strange.is_some()),
                };
                if strange {
                    return Err(Untold);
                }
                if let Some(task) = task {
                    let id = task.get_text("taskId").ok_or(Untold)?;
                    if self.tasks.of_server(&id).is_none() && !self.tasks.begins(&id) {
                        return Err(Untold);
                    }
                    self.seal(live, task, edits)?;
                }
            }
            (Message::Result { .. }, Some((Governed::Task, name))) if name != "tasks/result" => {
                if holder.get("taskId").is_some() {
                    self.seal(live, holder, edits)?;
                }
                if let Some(task) = begun(holder) {
                    self.seal(live, task, edits)?;
                }
                // What the call has come to.
                self.seal_related(live, holder.get("result"), edits);
            }
            // Of no call that is known: its tool is not known either.
            (Message::Result { .. }, asked) => {
                let bare = holder.get("taskId").is_some() && holder.get("status").is_some();
                let is_task = begun(holder).is_some() || says_task(holder);
                if is_task || (asked.is_none() && bare) {
                    return Err(Untold);
                }
            }
            _ => {}
        }
        self.seal_related(live, Some(holder), edits);
        let inside = holder.get("inputRequests");
        for (_, request) in inside.iter().flat_map(|requests| requests.members()) {
            self.seal_related(live, request.get("params"), edits);
        }
        Ok(())
    }

    /// Seals the `taskId` of an object.
    fn seal(&mut self, live: &Live, task: Value<'_>, edits: &mut Edits) -> Result<(), Untold> {
        self.seal_id(live, task.get("taskId"), edits)
    }

    fn seal_id(
        &mut self,
        live: &Live,
        value: Option<Value<'_>>,
        edits: &mut Edits,
    ) -> Result<(), Untold> {
        let value = value.ok_or(Untold)?;
        let id = value.text().ok_or(Untold)?;
        let shown = self.shown(live, &id).ok_or(Untold)?;
        edits.replace(value.span(), quote(&shown));
        self.record.task.get_or_insert_with(|| digest(&id));
        Ok(())
    }

    /// The id as the client knows it, or is to know it.
    fn shown(&self, live: &Live, id: &str) -> Option<Cow<'_, str>> {
        if let Some(task) = self.tasks.of_server(id) {
            // What the client has is what it compares with.
            return Some(Cow::Borrowed(&task.presented));
        }
        let tool = self.tasks.tool_of_begun(id)?;
        let owner = owner(self.caller.as_deref());
        let sealed = live
            .sealer
            .seal(Purpose::Task, owner, &[&self.server, id, tool]);
        sealed.map(Cow::Owned)
    }

    fn seal_related(&mut self, live: &Live, holder: Option<Value<'_>>, edits: &mut Edits) {
        if let Some(meta) = holder.and_then(|holder| holder.get("_meta"))
            && let Some(related) = meta.get(RELATED)
            && self.seal(live, related, edits).is_err()
        {
            edits.remove_member(meta, RELATED);
        }
    }
}

/// The object that has `_meta`.
fn holder<'d>(message: &Message<'d>) -> Option<Value<'d>> {
    match message {
        Message::Request { params, .. } | Message::Notification { params, .. } => *params,
        Message::Result { result, .. } => Some(*result),
        Message::Error { .. } => None,
    }
}

/// Ids of tasks that a client wants to hear of, or is told that it will.
fn followed(holder: Value<'_>) -> impl Iterator<Item = Value<'_>> {
    let ids = holder.get("notifications").and_then(|n| n.get("taskIds"));
    ids.into_iter().flat_map(Value::items)
}

/// A task that a result says has begun (2025-11-25, `CreateTaskResult`).
fn begun(result: Value<'_>) -> Option<Value<'_>> {
    let task = result.get("task")?;
    (task.kind() == Kind::Object && task.get("taskId").is_some()).then_some(task)
}

/// A result that is a task (2026-07-28, SEP-2663).
fn says_task(result: Value<'_>) -> bool {
    result
        .get_text("resultType")
        .is_some_and(|kind| kind == "task")
}
