//! Where each line of a child goes.

use std::sync::Arc;

use bytes::Bytes;
use mcp_zero_wire::json::{Doc, Limits, Value};
use mcp_zero_wire::reply as wire_reply;
use mcp_zero_wire::rpc::{Id, Message};

use crate::framing::{Line, spot_id};
use crate::id::{self, Key};
use crate::link::{Answer, Kind, Link, Open, Role, State};
use crate::reply::{INTERNAL, NO_METHOD};
use crate::splice;
use crate::stream::Stream;

/// Requests of a server that wait for a client.
const ASKED: usize = 256;
/// Where the name of a request stands, if it is one.
const HEAD: usize = 96;

impl Link {
    /// Takes a line; gives the stream that must be read before more is taken, if any is behind.
    pub(crate) fn route(&self, line: Line) -> Option<Arc<Stream>> {
        self.used.touch();
        let line = match line {
            Line::Whole(line) => line,
            Line::TooLong { id } => {
                if self.may_complain() {
                    tracing::warn!(server = %self.server, "a line of the server is over the limit");
                }
                if let Some(number) = id {
                    self.fail(number, INTERNAL, "The answer of the server is too large");
                }
                return None;
            }
        };
        if line.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        let Ok(doc) = Doc::scan(&line, &Limits::default()) else {
            self.broken(&line, spot_id(&line));
            return None;
        };
        let root = doc.root();
        let target = match Message::from_server(&doc) {
            Ok(Message::Result { id, .. }) => {
                self.answered(&doc, id, None);
                None
            }
            Ok(Message::Error {
                id: Some(id),
                error,
            }) => {
                let code = error.get("code").and_then(|c| c.raw_str().parse().ok());
                self.answered(&doc, id, Some(code.unwrap_or(INTERNAL)));
                None
            }
            Ok(Message::Error { id: None, .. }) => {
                if self.may_complain() {
                    tracing::warn!(server = %self.server, "the server could not read a message");
                }
                None
            }
            Ok(Message::Request { id, method, .. }) => self.asked(&line, root, id, &method),
            Ok(Message::Notification { method, params }) => self.told(&doc, &method, params),
            Err(error) => {
                let number = error.id.and_then(|id| id.raw().parse().ok());
                self.broken(&line, number);
                None
            }
        };
        target.filter(|stream| stream.is_full())
    }

    /// What is no message goes to nobody. Where it was to be an answer, whoever waits is told
    /// at once instead of waiting for ever.
    fn broken(&self, line: &[u8], number: Option<u64>) {
        let head = line.get(..HEAD.min(line.len())).unwrap_or_default();
        let names_method = memchr::memmem::find(head, b"\"method\"").is_some();
        let meant = memchr::memmem::find(line, b"\"jsonrpc\"").is_some() && !names_method;
        if self.may_complain() {
            tracing::warn!(
                server = %self.server,
                bytes = line.len(),
                "a line of the server is no message and was dropped"
            );
        }
        if let Some(number) = number.filter(|_| meant) {
            self.fail(number, INTERNAL, "The answer of the server cannot be read");
        }
    }

    fn answered(&self, doc: &Doc<'_>, id: Id<'_>, code: Option<i64>) {
        let open = id::number(id).and_then(|number| self.lock().take(number));
        let Some(open) = open else {
            tracing::debug!(server = %self.server, "an answer that nobody waits for was dropped");
            return;
        };
        let root = doc.root();
        let mut spans = Vec::new();
        spans.extend(splice::id_span(root).map(|span| (span, &*open.id)));
        let tagged = splice::subscription(root.get("result"));
        let tag = tagged.and_then(|tag| {
            let spelled = splice::subscription_spelling(tag, &open.id);
            (splice::given_number(tag) == id::number(id)).then_some((tag.span(), spelled))
        });
        spans.extend(tag.as_ref().map(|(span, by)| (span.clone(), by.as_str())));
        match splice::restored(doc, &spans) {
            Ok(body) => open.answer(Answer { body, code }),
            // Spans of different members do not overlap.
            Err(error) => tracing::error!(%error, "an answer could not be given its id"),
        }
    }

    fn asked(
        &self,
        line: &Bytes,
        root: Value<'_>,
        id: Id<'_>,
        method: &str,
    ) -> Option<Arc<Stream>> {
        if self.role != Role::Session {
            // Nobody can be asked on behalf of everybody; `ping` asks for no client.
            let line = if method == "ping" {
                format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{}}}}"#, id.raw()).into()
            } else {
                wire_reply::error(Some(id.raw()), NO_METHOD, "Method not found")
            };
            self.back(line);
            return None;
        }
        let key = Key::of_message(root)?;
        let mut state = self.lock();
        if state.asked.len() >= ASKED {
            drop(state);
            let message = "Too many requests wait for the client";
            self.back(wire_reply::error(Some(id.raw()), INTERNAL, message));
            return None;
        }
        state.asked.insert(key, id.raw().into());
        self.tell(&mut state, line)
    }

    /// Sends a line of the bridge's own to the child.
    fn back(&self, mut line: Vec<u8>) {
        line.push(b'\n');
        // A child that has ended waits for nothing.
        let _ = self.outbox.push(line.into());
    }

    fn told(&self, doc: &Doc<'_>, method: &str, params: Option<Value<'_>>) -> Option<Arc<Stream>> {
        let mut state = self.lock();
        if method == "notifications/progress" {
            let token = params.and_then(|p| p.get("progressToken"))?;
            let open = state.open.get_mut(&splice::given_number(token)?)?;
            let spelled = open.token.clone()?;
            let data = splice::restored(doc, &[(token.span(), &*spelled)]).ok()?;
            return open.tell(&data, self.bounds.stream);
        }
        if let Some(tag) = splice::subscription(params) {
            let open = state.open.get_mut(&splice::given_number(tag)?)?;
            let spelled = splice::subscription_spelling(tag, &open.id);
            let data = splice::restored(doc, &[(tag.span(), spelled.as_str())]).ok()?;
            return open.tell(&data, self.bounds.stream);
        }
        match self.role {
            Role::Shared | Role::ModernShared => None,
            Role::Modern if method == "notifications/cancelled" => None,
            Role::Session | Role::Modern => {
                if method == "notifications/cancelled" {
                    let id = params.and_then(|p| p.get("requestId"))?;
                    state.asked.remove(&Key::of(id)?);
                }
                self.tell(&mut state, doc.src())
            }
        }
    }

    /// Sends what belongs to no request: to the request that is open where there is just one,
    /// else to whoever listens, else to the oldest, else it is kept for who listens next.
    fn tell(&self, state: &mut State, data: &[u8]) -> Option<Arc<Stream>> {
        let limit = self.bounds.stream;
        let session = self.session();
        let listened = session.as_ref().filter(|s| s.standalone.is_read());
        let mut calls = state.open.values_mut().filter(|open| is_call(open));
        let oldest = calls.next();
        let one = calls.next().is_none();
        match (oldest, listened) {
            (Some(open), None) => open.tell(data, limit),
            (Some(open), Some(_)) if one => open.tell(data, limit),
            (_, Some(session)) => {
                session.emit(&session.standalone, data, false);
                Some(Arc::clone(&session.standalone))
            }
            (None, None) => {
                let session = session?;
                session.emit(&session.standalone, data, false);
                None
            }
        }
    }
}

fn is_call(open: &Open) -> bool {
    open.kind == Kind::Call && open.is_awaited()
}
