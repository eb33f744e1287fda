//! One server of the policy: its sessions and its children.

mod modern;
mod shared;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use mcp_zero_compile::{Sessions, StdioServer};
use mcp_zero_wire::json::{Doc, Limits};
use mcp_zero_wire::revision::Revision;
use mcp_zero_wire::rpc::Id;
use tokio::sync::oneshot;

use crate::bounds::Bounds;
use crate::budget::Hold;
use crate::caller::Caller;
use crate::guard::{Abandon, Unsent};
use crate::id::Key;
use crate::launch::Launcher;
use crate::link::{Answer, Ask, First, Kind, Link, Role};
use crate::reply::{self, Refusal};
use crate::seats::{Seat, Seats};
use crate::session::Session;
use crate::splice;

/// The header of a session's id.
pub(crate) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// A server as one version of the policy defines it.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) spec: StdioServer,
    bounds: Arc<Bounds>,
    launcher: Arc<Launcher>,
    seats: Arc<Seats>,
    sessions: Mutex<HashMap<Box<str>, Arc<Session>>>,
    numbers: AtomicU64,
    shared: shared::Shared,
    modern: modern::Modern,
    retired: AtomicBool,
}

/// A request as a client sent it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent<'a> {
    /// The message.
    pub(crate) doc: &'a Doc<'a>,
    /// Its id.
    pub(crate) id: Id<'a>,
    /// Its method.
    pub(crate) method: &'a str,
}

/// Ends a child unless it is kept.
struct EndOnDrop(Option<Arc<Link>>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        if let Some(link) = self.0.take() {
            link.end();
        }
    }
}

impl Server {
    pub(crate) fn new(
        spec: StdioServer,
        bounds: Arc<Bounds>,
        launcher: Arc<Launcher>,
        seats: Arc<Seats>,
    ) -> Self {
        Self {
            spec,
            bounds,
            launcher,
            seats,
            sessions: Mutex::default(),
            numbers: AtomicU64::new(1),
            shared: shared::Shared::default(),
            modern: modern::Modern::default(),
            retired: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Session>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, role: Role, seat: Seat) -> Result<Arc<Link>, Refusal> {
        if self.retired.load(Ordering::Acquire) {
            return Err(Refusal::NoServer);
        }
        self.launcher
            .start(&self.spec, role, seat)
            .map_err(|error| {
                tracing::error!(server = %self.spec.name, %error, "the server cannot be started");
                Refusal::Ended
            })
    }

    /// Opens a session; the answer to `initialize` carries its id.
    ///
    /// # Errors
    /// There are too many, or the server cannot be started.
    pub(crate) async fn initialize(
        &self,
        caller: Caller,
        sent: Sent<'_>,
    ) -> Result<Response<Body>, Refusal> {
        match self.spec.sessions {
            Sessions::PerClient => self.initialize_own(caller, sent).await,
            Sessions::Shared => self.initialize_shared(caller, sent).await,
        }
    }

    async fn initialize_own(
        &self,
        caller: Caller,
        sent: Sent<'_>,
    ) -> Result<Response<Body>, Refusal> {
        let seat = self.seat(caller).await?;
        let link = self.start(Role::Session, seat)?;
        let mut guard = EndOnDrop(Some(Arc::clone(&link)));
        let session = self.session(caller, &link, None)?;
        link.belongs_to(&session);
        let pending = begin(&link, caller, Some(&session), Kind::Quiet, sent)?;
        let answer = pending.first().await?;
        let First::Answer(Answer { body, code: None }) = answer else {
            // Refused by the server: there is no session.
            return Ok(match answer {
                First::Answer(answer) => reply::json(StatusCode::OK, answer.body),
                First::Events(events) => events.response(),
            });
        };
        if let Ok(doc) = Doc::scan(&body, &Limits::default())
            && let Some(revision) = revision_of(&doc)
        {
            session.agreed(revision);
        }
        guard.0 = None;
        self.enter(&session)?;
        Ok(welcome(&session, body))
    }

    /// A seat for another session. Many clients go without a word, so that a caller who has as
    /// many as there may be loses the one that was not used for the longest time, where nothing is
    /// open at it: its client, should it come back, finds no session and opens one.
    ///
    /// # Errors
    /// There are too many, all of them in use.
    async fn seat(&self, caller: Caller) -> Result<Seat, Refusal> {
        let refusal = match self.seats.take(caller, &self.bounds) {
            Ok(seat) => return Ok(seat),
            Err(refusal) => refusal,
        };
        let unused = {
            let mut sessions = self.lock();
            let id = sessions
                .values()
                .filter(|session| session.caller == caller && session.is_unused())
                .max_by_key(|session| session.used.ago())
                .map(|session| session.id.clone());
            id.and_then(|id| sessions.remove(&id))
        };
        let Some(unused) = unused else {
            return Err(refusal);
        };
        self.leave(&unused);
        drop(unused);
        self.seats.take_soon(caller, &self.bounds).await
    }

    fn session(
        &self,
        caller: Caller,
        link: &Arc<Link>,
        seat: Option<Seat>,
    ) -> Result<Arc<Session>, Refusal> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        Session::new(number, caller, Arc::clone(link), seat, &self.bounds).map_err(|error| {
            tracing::error!(%error, "no random numbers for the id of a session");
            Refusal::Full
        })
    }

    /// Lets requests find a session.
    fn enter(&self, session: &Arc<Session>) -> Result<(), Refusal> {
        let mut sessions = self.lock();
        if self.retired.load(Ordering::Acquire) {
            drop(sessions);
            self.leave(session);
            return Err(Refusal::NoServer);
        }
        tracing::info!(
            server = %self.spec.name,
            caller = ?session.caller,
            sessions = sessions.len() + 1,
            "a session begins"
        );
        sessions.insert(session.id.clone(), Arc::clone(session));
        Ok(())
    }

    /// Ends what a session had at its child, and the child where it is its own.
    fn leave(&self, session: &Session) {
        if session.link.role == Role::Session {
            session.link.end();
        } else {
            session.link.abandon_all(session.number);
        }
        session.standalone.finish();
        tracing::info!(server = %self.spec.name, caller = ?session.caller, "a session ends");
    }

    /// The session of this id, if it is this caller's and lives.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn find(&self, id: &str, caller: Caller) -> Result<Arc<Session>, Refusal> {
        let mut sessions = self.lock();
        let session = sessions
            .get(id)
            .filter(|session| session.caller == caller)
            .map(Arc::clone)
            .ok_or(Refusal::NoSession)?;
        if session.link.is_over() {
            sessions.remove(id);
            drop(sessions);
            self.leave(&session);
            return Err(Refusal::NoSession);
        }
        drop(sessions);
        session.used.touch();
        Ok(session)
    }

    /// Ends a session at its client's wish.
    pub(crate) fn close(&self, session: &Session) {
        self.lock().remove(&session.id);
        self.leave(session);
    }

    /// Enters a request of a session.
    ///
    /// # Errors
    /// The child has ended, too much is open, or the request's id is in use.
    pub(crate) fn call(&self, session: &Arc<Session>, sent: Sent<'_>) -> Result<Pending, Refusal> {
        begin(
            &session.link,
            session.caller,
            Some(session),
            Kind::Call,
            sent,
        )
    }

    /// Ends what is unused or has lived too long.
    pub(crate) fn sweep(&self) {
        let ended: Vec<Arc<Session>> = {
            let mut sessions = self.lock();
            let over = |session: &Session| {
                let idle = session.used.ago() > self.bounds.idle
                    && !session.link.is_awaited(Some(session.number));
                idle || session.born.elapsed() > self.bounds.life || session.link.is_over()
            };
            sessions
                .extract_if(|_, session| over(session))
                .map(|(_, session)| session)
                .collect()
        };
        for session in &ended {
            self.leave(session);
        }
        self.shared.sweep(&self.bounds, self.lock().len());
        self.modern.sweep(&self.bounds);
    }

    /// Ends everything: the policy has this server no more, or another of its name.
    pub(crate) fn retire(&self) {
        let sessions: Vec<_> = {
            let mut sessions = self.lock();
            self.retired.store(true, Ordering::Release);
            sessions.drain().map(|(_, session)| session).collect()
        };
        for session in &sessions {
            self.leave(session);
        }
        self.shared.end();
        self.modern.end();
    }
}

/// The revision that an answer to `initialize` names.
fn revision_of(answer: &Doc<'_>) -> Option<Revision> {
    let named = answer.root().get("result")?.get_text("protocolVersion")?;
    Revision::parse(&named)
}

fn welcome(session: &Session, body: Bytes) -> Response<Body> {
    let mut response = reply::json(StatusCode::OK, body);
    // Hexadecimal digits are a header value.
    if let Ok(id) = HeaderValue::from_str(&session.id) {
        response.headers_mut().insert(SESSION, id);
    }
    response
}

/// A request that is entered at a child, on its own: what it was read from can go before the
/// answer comes.
#[derive(Debug)]
pub(crate) struct Pending {
    link: Arc<Link>,
    number: u64,
    kind: Kind,
    line: Bytes,
    first: oneshot::Receiver<First>,
    unsent: Unsent,
    hold: Option<Hold>,
}

impl Pending {
    /// Counts the request until the child has it.
    pub(crate) fn holding(mut self, hold: Hold) -> Self {
        self.hold = Some(hold);
        self
    }

    /// Sends the request; gives what it brings, and what gives it up.
    async fn send(self) -> Result<(oneshot::Receiver<First>, Arc<Link>, u64), Refusal> {
        self.link.send(self.line).await?;
        self.unsent.sent();
        Ok((self.first, self.link, self.number))
    }

    /// Sends the request and waits for the first thing that it brings.
    async fn first(self) -> Result<First, Refusal> {
        let (first, _link, _) = self.send().await?;
        first.await.map_err(|_| Refusal::Ended)
    }

    /// What the request brings, as a response.
    ///
    /// # Errors
    /// The child has ended.
    pub(crate) async fn response(self) -> Result<Response<Body>, Refusal> {
        if matches!(self.link.role, Role::Modern | Role::ModernShared) {
            return self.abandonable().await;
        }
        Ok(match self.first().await? {
            First::Answer(answer) => reply::json(StatusCode::OK, answer.body),
            First::Events(events) => events.response(),
        })
    }

    /// The same for a request that its client gives up by going (2026-07-28).
    async fn abandonable(self) -> Result<Response<Body>, Refusal> {
        let kind = self.kind;
        let (first, link, number) = self.send().await?;
        let keepalive = link.bounds.keepalive;
        let abandon = Abandon::new(link, number);
        Ok(match first.await.map_err(|_| Refusal::Ended)? {
            First::Answer(answer) => reply::json(modern::status(answer.code), answer.body),
            First::Events(events) => {
                let events = events.with_abandon(abandon);
                match kind {
                    Kind::Listen => events.with_beat(keepalive, None),
                    Kind::Call | Kind::Quiet => events,
                }
                .response()
            }
        })
    }
}

/// Enters a request at a child, and writes the line for it.
fn begin(
    link: &Arc<Link>,
    caller: Caller,
    session: Option<&Arc<Session>>,
    kind: Kind,
    sent: Sent<'_>,
) -> Result<Pending, Refusal> {
    let root = sent.doc.root();
    let token = splice::progress_token(root.get("params"));
    let (number, first) = link.begin(Ask {
        owner: session.map_or(0, |session| session.number),
        caller,
        key: session.and_then(|_| Key::of_message(root)),
        id: sent.id.raw(),
        token: token.map(|token| token.raw_str()),
        session,
        kind,
    })?;
    let unsent = Unsent::new(Arc::clone(link), number);
    let mine = number.to_string();
    let mut spans = Vec::with_capacity(2);
    spans.extend(splice::id_span(root).map(|span| (span, mine.as_str())));
    spans.extend(token.map(|token| (token.span(), mine.as_str())));
    let line =
        splice::line(sent.doc, &spans).map_err(|_| Refusal::Invalid("Unreadable message"))?;
    Ok(Pending {
        link: Arc::clone(link),
        number,
        kind,
        line,
        first,
        unsent,
        hold: None,
    })
}
