//! The one child that all sessions share.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::Response;
use bytes::Bytes;
use mcp_zero_wire::json::{Doc, Limits, quote};
use mcp_zero_wire::revision::{Era, Revision};

use super::{EndOnDrop, Sent, Server, revision_of, welcome};
use crate::bounds::Bounds;
use crate::caller::Caller;
use crate::link::{Answer, Ask, First, Kind, Link, Role};
use crate::reply::{self, Refusal};
use crate::server::modern::Patience;
use crate::splice;

/// The child, where there is one.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Held while a child is started, so that there is one.
    starting: tokio::sync::Mutex<Patience>,
    child: Mutex<Option<Child>>,
}

#[derive(Debug, Clone)]
struct Child {
    link: Arc<Link>,
    /// Its answer to the bridge's own `initialize`.
    welcome: Bytes,
}

impl Shared {
    fn child(&self) -> Option<Child> {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child.clone().filter(|child| !child.link.is_over())
    }

    fn replace(&self, child: Option<Child>) -> Option<Child> {
        let mut place = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut place, child)
    }

    /// Ends a child that no session uses, or that has lived too long.
    pub(super) fn sweep(&self, bounds: &Bounds, sessions: usize) {
        let Some(child) = self.child() else { return };
        let unused = sessions == 0 && child.link.used.ago() > bounds.idle;
        if unused || child.link.born.elapsed() > bounds.life {
            self.end();
        }
    }

    pub(super) fn end(&self) {
        if let Some(child) = self.replace(None) {
            child.link.end();
        }
    }
}

impl Server {
    /// A session of the shared child: the client gets what the child answered the bridge.
    pub(super) async fn initialize_shared(
        &self,
        caller: Caller,
        sent: Sent<'_>,
    ) -> Result<Response<Body>, Refusal> {
        let seat = self.seat(caller).await?;
        let child = match self.shared_child().await? {
            Ok(child) => child,
            Err(refused) => {
                let doc = Doc::scan(&refused, &Limits::default()).map_err(|_| Refusal::Ended)?;
                return answered(&doc, sent, None)
                    .map(|body| reply::json(axum::http::StatusCode::OK, body));
            }
        };
        let session = self.session(caller, &child.link, Some(seat))?;
        let doc = Doc::scan(&child.welcome, &Limits::default()).map_err(|_| Refusal::Ended)?;
        let theirs = revision_of(&doc).unwrap_or(Revision::V20251125);
        // Towards a client that speaks an older revision, the child's answers are of that one.
        let asked = sent.doc.root().get("params");
        let asked = asked
            .and_then(|params| params.get_text("protocolVersion"))
            .and_then(|name| Revision::parse(&name))
            .filter(|revision| revision.era() == Era::Legacy);
        let agreed = asked.map_or(theirs, |asked| asked.min(theirs));
        session.agreed(agreed);
        let body = answered(&doc, sent, Some(agreed))?;
        self.enter(&session)?;
        Ok(welcome(&session, body))
    }

    /// The child that runs, or a new one; inside, the child's refusal.
    async fn shared_child(&self) -> Result<Result<Child, Bytes>, Refusal> {
        if let Some(child) = self.shared.child() {
            return Ok(Ok(child));
        }
        let mut patience = self.shared.starting.lock().await;
        if let Some(child) = self.shared.child() {
            return Ok(Ok(child));
        }
        if let Some(old) = self.shared.replace(None) {
            patience.ended(old.link.born.elapsed());
        }
        patience.wait().await?;
        let seat = self.seats.take(Caller::EVERYBODY, &self.bounds)?;
        let link = self.start(Role::Shared, seat)?;
        let mut guard = EndOnDrop(Some(Arc::clone(&link)));
        let born = link.born;
        let outcome = introduce(&link).await;
        match outcome {
            Ok(Answer { body, code: None }) => {
                let child = Child {
                    link,
                    welcome: body,
                };
                self.shared.replace(Some(child.clone()));
                guard.0 = None;
                Ok(Ok(child))
            }
            Ok(Answer { body, .. }) => {
                patience.ended(born.elapsed());
                Ok(Err(body))
            }
            Err(refusal) => {
                patience.ended(born.elapsed());
                Err(refusal)
            }
        }
    }
}

/// The bridge's own `initialize`: it offers nothing, for it could keep no promise of a client.
async fn introduce(link: &Link) -> Result<Answer, Refusal> {
    let (number, first) = link.begin(Ask {
        owner: 0,
        caller: Caller::EVERYBODY,
        key: None,
        id: "0",
        token: None,
        session: None,
        kind: Kind::Quiet,
    })?;
    let revision = Revision::V20251125.name();
    let version = env!("CARGO_PKG_VERSION");
    let line = format!(
        r#"{{"jsonrpc":"2.0","id":{number},"method":"initialize","params":{{"protocolVersion":"{revision}","capabilities":{{}},"clientInfo":{{"name":"mcp-zero","version":"{version}"}}}}}}"#
    );
    link.send((line + "\n").into()).await?;
    let First::Answer(answer) = first.await.map_err(|_| Refusal::Ended)? else {
        return Err(Refusal::Ended);
    };
    if answer.code.is_none() {
        let done =
            Bytes::from_static(b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n");
        link.send(done).await?;
    }
    Ok(answer)
}

/// The child's answer with a client's id, and the revision that is agreed with that client.
fn answered(doc: &Doc<'_>, sent: Sent<'_>, agreed: Option<Revision>) -> Result<Bytes, Refusal> {
    let root = doc.root();
    let version = agreed.map(|revision| quote(revision.name()));
    let place = root
        .get("result")
        .and_then(|result| result.get("protocolVersion"));
    let mut spans = Vec::new();
    spans.extend(splice::id_span(root).map(|span| (span, sent.id.raw())));
    if let (Some(version), Some(place)) = (&version, place) {
        spans.push((place.span(), version.as_str()));
    }
    splice::restored(doc, &spans).map_err(|_| Refusal::Ended)
}
