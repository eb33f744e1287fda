//! One running child and every request that is open at it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use mcp_zero_wire::reply as wire_reply;
use tokio::sync::{oneshot, watch};

use crate::bounds::Bounds;
use crate::caller::Caller;
use crate::id::Key;
use crate::outbox::Outbox;
use crate::rate::Rate;
use crate::reply::{CANCELLED, INTERNAL, Refusal};
use crate::session::Session;
use crate::stream::{Events, LastUse, Stream};

/// Whom a child serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// One session: whatever it says is for that client.
    Session,
    /// Sessions of several clients: only answers and progress can be told apart.
    Shared,
    /// Requests without sessions (2026-07-28), of one caller.
    Modern,
    /// The same, of several callers.
    ModernShared,
}

/// A child that runs, or has run.
#[derive(Debug)]
pub(crate) struct Link {
    /// The server's name in the policy.
    pub(crate) server: Arc<str>,
    pub(crate) role: Role,
    pub(crate) outbox: Outbox,
    pub(crate) bounds: Arc<Bounds>,
    pub(crate) used: Arc<LastUse>,
    pub(crate) born: Instant,
    session: OnceLock<Weak<Session>>,
    state: Mutex<State>,
    complaints: Mutex<Rate>,
    over: watch::Sender<Option<End>>,
}

/// How a child came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As it should: the bridge wants it, or it was asked only what some servers end at.
    Expected,
    /// By itself, while nobody needed it.
    Unneeded,
    /// By itself, while it had a session or a request.
    Missed,
}

#[derive(Debug, Default)]
pub(super) struct State {
    last: u64,
    /// By the ids that the child sees, the oldest first.
    pub(super) open: BTreeMap<u64, Open>,
    /// The ids that clients gave, by session.
    by_key: HashMap<(u64, Key), u64>,
    /// The server's own requests that the client was asked, as they were spelled.
    pub(super) asked: HashMap<Key, Box<str>>,
}

/// A request on its way.
#[derive(Debug)]
pub(super) struct Open {
    owner: u64,
    caller: Caller,
    key: Option<Key>,
    /// The client's id as it was spelled.
    pub(super) id: Box<str>,
    /// The client's progress token as it was spelled.
    pub(super) token: Option<Box<str>>,
    pub(super) session: Option<Weak<Session>>,
    pub(super) kind: Kind,
    sink: Sink,
}

/// What may be sent before the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Whatever belongs to it, and what belongs to nothing else.
    Call,
    /// Only what names this subscription.
    Listen,
    /// Nothing.
    Quiet,
}

/// Where the answer goes.
#[derive(Debug)]
enum Sink {
    /// Nothing was sent yet.
    First(oneshot::Sender<First>),
    Stream(Arc<Stream>),
    /// The client went before anything was sent.
    Gone,
}

/// The first thing that a request brings.
#[derive(Debug)]
pub(crate) enum First {
    /// Its answer.
    Answer(Answer),
    /// Something else, so that a stream was opened.
    Events(Events),
}

/// An answer, with the client's own id.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The message.
    pub(crate) body: Bytes,
    /// The code of an error; nothing for a result.
    pub(crate) code: Option<i64>,
}

/// A request of a client.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    /// Ids must differ within an owner.
    pub(crate) owner: u64,
    /// Who asks.
    pub(crate) caller: Caller,
    /// Absent where equal ids may be open at a time (2026-07-28).
    pub(crate) key: Option<Key>,
    pub(crate) id: &'a str,
    pub(crate) token: Option<&'a str>,
    pub(crate) session: Option<&'a Arc<Session>>,
    pub(crate) kind: Kind,
}

impl Link {
    pub(crate) fn new(server: Arc<str>, role: Role, outbox: Outbox, bounds: Arc<Bounds>) -> Self {
        Self {
            server,
            role,
            outbox,
            bounds,
            used: Arc::new(LastUse::new()),
            born: Instant::now(),
            session: OnceLock::new(),
            state: Mutex::default(),
            complaints: Mutex::new(Rate::new()),
            over: watch::Sender::new(None),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more line of the log may tell what is wrong with this child.
    pub(super) fn may_complain(&self) -> bool {
        let rate = self.complaints.lock();
        rate.unwrap_or_else(PoisonError::into_inner).allows()
    }

    /// Says whose everything is that belongs to no request.
    pub(crate) fn belongs_to(&self, session: &Arc<Session>) {
        // A child of one session has one all its life.
        let _ = self.session.set(Arc::downgrade(session));
    }

    pub(super) fn session(&self) -> Option<Arc<Session>> {
        self.session.get().and_then(Weak::upgrade)
    }

    /// Enters a request; gives the id that the child is to see.
    ///
    /// # Errors
    /// The id is in use, too much is open, or the child has ended.
    pub(crate) fn begin(&self, ask: Ask<'_>) -> Result<(u64, oneshot::Receiver<First>), Refusal> {
        let mut state = self.lock();
        if self.is_over() {
            return Err(Refusal::Ended);
        }
        if state.open.len() >= self.bounds.open {
            return Err(Refusal::CallerFull);
        }
        // What one caller never sees answered must not keep the others out.
        let shared = matches!(self.role, Role::Shared | Role::ModernShared);
        let own = || state.open.values().filter(|open| open.caller == ask.caller);
        if shared && own().count() >= self.bounds.open_per_caller {
            return Err(Refusal::CallerFull);
        }
        let number = state.last + 1;
        if let Some(key) = &ask.key {
            let entry = (ask.owner, key.clone());
            if state.by_key.contains_key(&entry) {
                return Err(Refusal::Duplicate);
            }
            state.by_key.insert(entry, number);
        }
        state.last = number;
        let (sender, receiver) = oneshot::channel();
        let open = Open {
            owner: ask.owner,
            caller: ask.caller,
            key: ask.key,
            id: ask.id.into(),
            token: ask.token.map(Into::into),
            session: ask.session.map(Arc::downgrade),
            kind: ask.kind,
            sink: Sink::First(sender),
        };
        state.open.insert(number, open);
        self.used.touch();
        Ok((number, receiver))
    }

    /// Sends a line; waits while too much is queued before it.
    ///
    /// # Errors
    /// The child takes nothing any more.
    pub(crate) async fn send(&self, line: Bytes) -> Result<(), Refusal> {
        self.outbox.send(line).await.map_err(|_| {
            self.gone();
            Refusal::Ended
        })
    }

    /// The child's id of a request that a client names.
    pub(crate) fn find(&self, owner: u64, key: Key) -> Option<u64> {
        self.lock().by_key.get(&(owner, key)).copied()
    }

    /// Answers a request that its client took back; a late answer of the child is dropped.
    pub(crate) fn cancelled(&self, number: u64) {
        self.fail(number, CANCELLED, "The request was cancelled");
    }

    /// Answers a request with an error of the bridge's own.
    pub(crate) fn fail(&self, number: u64, code: i64, message: &str) {
        let open = self.lock().take(number);
        if let Some(open) = open {
            open.fail(code, message);
        }
    }

    /// Forgets a request that nobody waits for any more, and tells the child.
    pub(crate) fn abandon(&self, number: u64) {
        if self.lock().take(number).is_some() {
            let line = format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{number},"reason":"the client is gone"}}}}"#
            );
            // A child that is gone needs no notice.
            let _ = self.outbox.push((line + "\n").into());
        }
    }

    /// Abandons every request of a session of a shared child.
    pub(crate) fn abandon_all(&self, owner: u64) {
        let numbers: Vec<u64> = self
            .lock()
            .open
            .iter()
            .filter(|(_, open)| open.owner == owner)
            .map(|(number, _)| *number)
            .collect();
        for number in numbers {
            let open = self.lock().take(number);
            if let Some(open) = open {
                open.fail(INTERNAL, "The session has ended");
                let line = format!(
                    r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{number}}}}}"#
                );
                // As above.
                let _ = self.outbox.push((line + "\n").into());
            }
        }
    }

    /// Takes a request of the server off the list of those that wait for the client; gives its
    /// id as the server spelled it.
    pub(crate) fn take_asked(&self, key: &Key) -> Option<Box<str>> {
        self.lock().asked.remove(key)
    }

    /// True when somebody waits for an answer.
    pub(crate) fn is_awaited(&self, owner: Option<u64>) -> bool {
        let state = self.lock();
        let of_owner = |open: &&Open| owner.is_none_or(|owner| open.owner == owner);
        state.open.values().filter(of_owner).any(Open::is_awaited)
    }

    /// True once the child has ended or is told to.
    pub(crate) fn is_over(&self) -> bool {
        self.how_ended().is_some()
    }

    /// How the child came to its end, once it has.
    pub(crate) fn how_ended(&self) -> Option<End> {
        *self.over.borrow()
    }

    /// Waits until the child has ended or is told to.
    pub(crate) async fn over(&self) {
        let mut over = self.over.subscribe();
        // The sender lives as long as `self`.
        let _ = over.wait_for(Option::is_some).await;
    }

    /// As [`Link::over`], for a while.
    pub(crate) async fn over_within(&self, limit: Duration) {
        // Late or not, the caller goes on.
        let _ = tokio::time::timeout(limit, self.over()).await;
    }

    /// Ends the child: nothing is sent to it any more, and whoever waits is told so.
    pub(crate) fn end(&self) {
        self.end_as(End::Expected);
    }

    /// As [`Link::end`], where the child says or takes nothing any more.
    pub(crate) fn gone(&self) {
        let end = {
            let state = self.lock();
            let has = |kind| state.open.values().any(|open| open.kind == kind);
            let served = has(Kind::Call) || has(Kind::Listen);
            match self.role {
                Role::Session => End::Missed,
                Role::Shared if served || has(Kind::Quiet) => End::Missed,
                Role::Modern | Role::ModernShared if served => End::Missed,
                // The question for its era.
                Role::Modern | Role::ModernShared if has(Kind::Quiet) => End::Expected,
                Role::Shared | Role::Modern | Role::ModernShared => End::Unneeded,
            }
        };
        self.end_as(end);
    }

    fn end_as(&self, end: End) {
        let first = self.over.send_if_modified(|over| {
            let first = over.is_none();
            if first {
                *over = Some(end);
            }
            first
        });
        if !first {
            return;
        }
        self.outbox.close();
        let complaints = self.complaints.lock();
        let lines = complaints
            .unwrap_or_else(PoisonError::into_inner)
            .passed_over;
        if lines > 0 {
            tracing::warn!(server = %self.server, lines, "more was wrong than is logged");
        }
        let open = {
            let mut state = self.lock();
            state.by_key.clear();
            state.asked.clear();
            std::mem::take(&mut state.open)
        };
        for open in open.into_values() {
            open.fail(INTERNAL, "The server has ended");
        }
        if let Some(session) = self.session() {
            session.standalone.finish();
        }
    }
}

impl State {
    /// Takes a request out.
    pub(super) fn take(&mut self, number: u64) -> Option<Open> {
        let mut open = self.open.remove(&number)?;
        if let Some(key) = open.key.take() {
            self.by_key.remove(&(open.owner, key));
        }
        Some(open)
    }
}

impl Open {
    /// True while the client is there.
    pub(super) fn is_awaited(&self) -> bool {
        match &self.sink {
            Sink::First(sender) => !sender.is_closed(),
            Sink::Stream(stream) => stream.is_read(),
            Sink::Gone => false,
        }
    }

    fn session(&self) -> Option<Arc<Session>> {
        self.session.as_ref().and_then(Weak::upgrade)
    }

    /// Sends the answer, as a plain response where nothing was sent before.
    pub(super) fn answer(self, answer: Answer) {
        let session = self.session();
        match self.sink {
            Sink::First(sender) => {
                if sender.send(First::Answer(answer)).is_err() {
                    tracing::debug!("an answer came for a client that is gone");
                }
            }
            Sink::Stream(stream) => emit(session.as_deref(), &stream, &answer.body, true),
            Sink::Gone => {}
        }
    }

    fn fail(self, code: i64, message: &str) {
        let body = wire_reply::error(Some(&self.id), code, message).into();
        let code = Some(code);
        self.answer(Answer { body, code });
    }

    /// Sends something before the answer; gives the stream that it went to.
    pub(super) fn tell(&mut self, data: &[u8], limit: usize) -> Option<Arc<Stream>> {
        let session = self.session();
        let stream = match std::mem::replace(&mut self.sink, Sink::Gone) {
            Sink::Stream(stream) => stream,
            Sink::Gone => return None,
            Sink::First(sender) => {
                let (stream, events) = match &session {
                    Some(session) => session.open_stream(),
                    None => {
                        let stream = Arc::new(Stream::new(1, false, limit));
                        let events = stream.attach(None);
                        (stream, events)
                    }
                };
                if sender.send(First::Events(events)).is_err() {
                    stream.finish();
                    return None;
                }
                stream
            }
        };
        emit(session.as_deref(), &stream, data, false);
        self.sink = Sink::Stream(Arc::clone(&stream));
        Some(stream)
    }
}

/// Streams of a session can be resumed, others not.
fn emit(session: Option<&Session>, stream: &Stream, data: &[u8], last: bool) {
    match session {
        Some(session) => session.emit(stream, data, last),
        None => stream.push(mcp_zero_wire::sse::encode::message(data).into(), last),
    }
}
