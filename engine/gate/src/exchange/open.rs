//! The head of a request: host, origin, path, token, method, type, size, session.

use super::caller::{CALLER, pseudonym};
use super::session::SESSION;
use super::task::Tasks;
use super::{Exchange, Facts, Phase, Verb};
use crate::action::{Action, Flow, HeaderEdit, Reply};
use crate::cors::{self, Page};
use crate::event::{Direction, RequestHead};
use crate::head::Headers;
use crate::record::{Record, User, timestamp};
use crate::refusal::{Refusal, scopes};
use crate::surface::{self, Route};
use crate::world::{Cx, Live};
use mcp_zero_identity::{Caller, Credential, CredentialError, TokenError};
use mcp_zero_policy::Snapshot;
use mcp_zero_wire::header::{self, Media};
use mcp_zero_wire::revision::{Era, Revision};
use sha2::{Digest as _, Sha256};
use std::rc::Rc;

/// What may reach the server. Everything else is the caller's own business, its credential
/// first of all. `mcp-param-*` passes too: intermediaries must not take it off.
const TO_SERVER: &[&str] = &[
    ":method",
    ":path",
    ":authority",
    ":scheme",
    "host",
    "content-type",
    "content-length",
    "transfer-encoding",
    "last-event-id",
    "mcp-session-id",
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "traceparent",
    "tracestate",
    "user-agent",
    "x-request-id",
    "x-forwarded-for",
    "x-forwarded-proto",
];

/// Every answer may be either; the server always hears so.
const ACCEPT: &[u8] = b"application/json, text/event-stream";
const JSON: &[u8] = b"application/json";
/// What is encoded cannot be read here.
const CODING: &str = "accept-encoding";
const PLAIN: &[u8] = b"identity";
const LAST_EVENT_ID: &str = "last-event-id";

impl Exchange {
    /// Begins an exchange and judges its headers.
    pub fn open(head: &RequestHead<'_>, cx: &mut Cx<'_>) -> (Self, Flow) {
        let mut exchange = Self::new(head, cx);
        let flow = match exchange.admit(head, cx) {
            Ok(facts) => exchange.proceed(facts, head, cx),
            Err(Stop::Refused(refusal)) => exchange.refuse(&refusal, cx),
            Err(Stop::UnknownKey(live, token)) => exchange.ask_for_key(&live, &token, cx),
            Err(Stop::Served(mut reply)) => {
                exchange.tell_page(&mut reply);
                exchange.record.decision = "allow";
                exchange.phase = Phase::Done;
                cx.out.push(Action::Reply(reply));
                Flow::Done
            }
        };
        (exchange, flow)
    }

    fn new(head: &RequestHead<'_>, cx: &Cx<'_>) -> Self {
        let live = cx.world.live.clone();
        let mut record = Record::new();
        record.timestamp = timestamp(cx.now_ms);
        record.correlation_id = head.request_id.to_owned();
        record.client = head.client.to_owned();
        record.http_method = printable(head.headers.one(":method").ok().flatten(), 16);
        record.trace_id = trace_id(head.headers);
        if let Some(live) = &live {
            record.policy_version = Some(live.snapshot.version().to_owned());
            record.gateway_id = live.snapshot.audit().gateway_id.to_string();
        }
        Self {
            live,
            follows: None,
            caller: None,
            token: None,
            credential: None,
            server: String::new(),
            page: None,
            opened_ms: cx.now_ms,
            modern: false,
            accepts_stream: true,
            session: None,
            version: None,
            ask: None,
            tasks: Tasks::default(),
            answered: false,
            calls: 0,
            phase: Phase::Sent,
            record,
        }
    }

    fn admit(&mut self, head: &RequestHead<'_>, cx: &mut Cx<'_>) -> Result<Facts, Stop> {
        let live = self.live.clone().ok_or(Refusal::Unavailable)?;
        let snapshot = &live.snapshot;
        let headers = head.headers;
        if !surface::host_is_ours(snapshot.surface(), headers) {
            let reason = "host is none of ours: name it in MCP_PUBLIC_URL or MCP_ALLOWED_HOSTS";
            self.record.reason = Some(reason.to_owned());
            return Err(Refusal::Foreign.into());
        }
        if !surface::origin_is_ours(snapshot.surface(), headers) {
            let reason = "origin is neither that of MCP_PUBLIC_URL nor a loopback one";
            self.record.reason = Some(reason.to_owned());
            return Err(Refusal::Foreign.into());
        }
        self.page = Page::of(snapshot.surface().cors.as_ref(), headers);
        let path = headers.one(":path").ok().flatten().unwrap_or_default();
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let verb = headers.one(":method").ok().flatten().unwrap_or_default();
        let server = match surface::route(path).ok_or(Refusal::NotFound)? {
            Route::Server(name) => snapshot.server(name).ok_or(Refusal::NotFound)?,
            Route::Metadata(resource) => {
                return Err(self.metadata(&live, resource, verb, headers));
            }
        };
        self.server = server.name.to_string();
        self.record.server_name = Some(self.server.clone());
        if cors::is_preflight(headers) {
            return Err(self.preflight(snapshot, headers, "GET, POST, DELETE"));
        }
        self.identify(&live, head, cx)?;
        let verb = match verb {
            "POST" => Verb::Post,
            "GET" => Verb::Get,
            "DELETE" => Verb::Delete,
            _ => return Err(Refusal::HttpMethod("GET, POST, DELETE").into()),
        };
        media_type(verb, headers)?;
        let length = headers
            .one("content-length")
            .map_err(|_| Refusal::Unreadable(-32600))?;
        if length
            .and_then(|l| l.parse::<u64>().ok())
            .is_some_and(|l| l > u64::from(server.max_request_bytes))
        {
            return Err(Refusal::TooLarge.into());
        }
        let facts = facts(verb, headers)?;
        // 2026-07-28 has no sessions: a header that says otherwise means nothing.
        if facts.era == Era::Legacy {
            self.present_session(&live, headers)?;
        }
        let resumes = facts.resumes && headers.all(LAST_EVENT_ID).next().is_some();
        if resumes && self.session.is_none() {
            // The stream could be another caller's.
            self.record.reason = Some("a stream without a session".to_owned());
            return Err(Refusal::NoSession.into());
        }
        Ok(facts)
    }

    /// RFC 9728: what a client reads before it has a token.
    fn metadata(&mut self, live: &Live, resource: &str, verb: &str, headers: &Headers) -> Stop {
        let snapshot = &live.snapshot;
        let known = match resource.strip_prefix("/mcp/") {
            Some(name) => snapshot.server(name).is_some(),
            None => resource.is_empty(),
        };
        if !known || snapshot.issuers().is_empty() {
            return Refusal::NotFound.into();
        }
        if cors::is_preflight(headers) {
            return self.preflight(snapshot, headers, "GET");
        }
        if verb != "GET" {
            return Refusal::HttpMethod("GET").into();
        }
        let servers: Vec<&str> = snapshot
            .issuers()
            .iter()
            .flat_map(|i| i.authorization_servers.iter().map(|s| &**s))
            .collect();
        let mut body = serde_json::json!({
            "resource": format!("{}{resource}", snapshot.surface().public_url),
            "authorization_servers": servers,
            "bearer_methods_supported": ["header"],
        });
        let scopes = scopes(snapshot);
        if !scopes.is_empty() {
            body["scopes_supported"] = scopes.into();
        }
        Stop::Served(Reply {
            status: 200,
            headers: vec![
                ("content-type".to_owned(), "application/json".to_owned()),
                (
                    "x-correlation-id".to_owned(),
                    self.record.correlation_id.clone(),
                ),
            ],
            body: body.to_string().into_bytes(),
        })
    }

    /// The question of a browser, which never has a token.
    fn preflight(&self, snapshot: &Snapshot, headers: &Headers, allow: &'static str) -> Stop {
        let (Some(cors), Some(_)) = (&snapshot.surface().cors, &self.page) else {
            return Refusal::HttpMethod(allow).into();
        };
        let id = self.record.correlation_id.clone();
        let mut told = vec![("x-correlation-id".to_owned(), id)];
        let answers = Page::preflight(cors, headers).into_iter();
        told.extend(answers.map(|(name, value)| (name.to_owned(), value)));
        Stop::Served(Reply {
            status: 204,
            headers: told,
            body: Vec::new(),
        })
    }

    fn identify(
        &mut self,
        live: &Rc<Live>,
        head: &RequestHead<'_>,
        cx: &mut Cx<'_>,
    ) -> Result<(), Stop> {
        if live.snapshot.issuers().is_empty() {
            return Ok(());
        }
        let token = Credential::from_headers(head.headers.all("authorization")).map_err(|e| {
            self.record.reason = Some(e.reason().to_owned());
            match e {
                CredentialError::Missing => Refusal::NoToken,
                _ => Refusal::BadToken,
            }
        })?;
        let now = cx.seconds();
        let caller = match head.verified {
            // Envoy has verified nothing: a forged token costs no signature check here.
            None => Err(live.verifier.refute(token, now)),
            Some(_) => {
                let world = &mut *cx.world;
                let host = world.signatures.as_deref();
                live.verifier.verify_by(host, token, now, &mut world.tokens)
            }
        };
        let caller = caller.map_err(|e| {
            self.record.reason = Some(e.reason().to_owned());
            match e {
                TokenError::StaleKeys => Refusal::Unavailable.into(),
                TokenError::UnknownKey => Stop::UnknownKey(Rc::clone(live), token.into()),
                _ => Refusal::BadToken.into(),
            }
        })?;
        if let Some(verified) = head.verified
            && (verified.issuer != &*caller.issuer || verified.subject != &*caller.subject)
        {
            self.record.reason = Some("another token was verified before".to_owned());
            return Err(Refusal::BadToken.into());
        }
        self.record.user = Some(user(&caller, live.snapshot.audit().include_email));
        self.caller = Some(Rc::clone(&caller));
        let server = live.snapshot.server(&self.server);
        if server.is_some_and(|server| server.exchange.is_some()) {
            self.token = Some(token.into());
        }
        caller
            .in_scope
            .then_some(())
            .ok_or_else(|| Refusal::Scope.into())
    }

    /// The head is good; what the server must not see comes off.
    fn proceed(&mut self, facts: Facts, head: &RequestHead<'_>, cx: &mut Cx<'_>) -> Flow {
        self.accepts_stream = facts.accepts_stream;
        self.version.clone_from(&facts.version);
        self.modern = facts.era == Era::Modern;
        let mirrors = facts.era == Era::Modern && facts.verb == Verb::Post;
        let mut seen: Vec<&[u8]> = Vec::new();
        // What is right already stays: each edit is a call of the host.
        let accepts = head.headers.says("accept", ACCEPT);
        let is_plain = head.headers.says(CODING, PLAIN);
        for (name, _) in head.headers.iter() {
            let mirror = name.starts_with(b"mcp-param-");
            let known = std::str::from_utf8(name).is_ok_and(|n| TO_SERVER.contains(&n))
                || mirror
                || (accepts && name == b"accept")
                || (is_plain && name == CODING.as_bytes());
            // Without a body of 2026-07-28 there is nothing that they mirror.
            let mirror = mirror || name == b"mcp-method" || name == b"mcp-name";
            let of_no_era = (facts.era == Era::Modern && name == SESSION.as_bytes())
                || (!facts.resumes && name == LAST_EVENT_ID.as_bytes());
            if (!known || (!mirrors && mirror) || of_no_era) && !seen.contains(&name) {
                seen.push(name);
                let name = String::from_utf8_lossy(name).into_owned();
                cx.out
                    .push(Action::Header(Direction::Request, HeaderEdit::Remove(name)));
            }
        }
        let mut set = |name: &str, value: &[u8]| {
            let edit = HeaderEdit::Set(name.to_owned(), value.to_vec());
            cx.out.push(Action::Header(Direction::Request, edit));
        };
        if !accepts {
            set("accept", ACCEPT);
        }
        if !is_plain {
            set(CODING, PLAIN);
        }
        if let Some(session) = &self.session {
            set(SESSION, session.as_bytes());
        }
        // The type that is read here, without parameters that a server could read otherwise.
        if facts.verb == Verb::Post && !head.headers.says("content-type", JSON) {
            set("content-type", JSON);
        }
        let live = self.live.as_ref();
        let server = live.and_then(|l| l.snapshot.server(&self.server));
        if server.is_some_and(|server| server.bridged) {
            set(CALLER, pseudonym(self.caller.as_deref()).as_bytes());
        }
        if let Ok(Some(path)) = head.headers.one(":path")
            && let Some((path, _)) = path.split_once(['?', '#'])
        {
            // A query may hold a token.
            set(":path", path.as_bytes());
        }
        if !head.ends {
            cx.out.push(Action::Collect {
                direction: Direction::Request,
                limit: server.map_or(0, |s| s.max_request_bytes),
            });
            self.phase = Phase::Request(facts);
            return Flow::Hold;
        }
        if facts.verb == Verb::Post {
            return self.refuse(&Refusal::Unreadable(-32700), cx);
        }
        self.admit_upstream(cx)
    }

    /// Where the request may go.
    pub(super) fn cluster(&self) -> Option<String> {
        let server = self.live.as_ref()?.snapshot.server(&self.server)?;
        Some(server.cluster.to_string())
    }

    /// A body may be long in coming: what is judged is judged by what is live when it is
    /// whole, and its token is still good then.
    pub(super) fn renew(&mut self, cx: &Cx<'_>) -> Result<Rc<Live>, Refusal> {
        let before = self.live.clone().ok_or(Refusal::Unavailable)?;
        let live = cx.world.live.clone().ok_or(Refusal::Unavailable)?;
        if let Some(caller) = &self.caller {
            let issuers = live.snapshot.issuers();
            let issuer = issuers.iter().find(|i| i.issuer == caller.issuer);
            let leeway = issuer.map_or(0, |i| u64::from(i.leeway_seconds));
            if cx.seconds() >= caller.expires_at.saturating_add(leeway) {
                self.record.reason = Some("expired before the body was whole".to_owned());
                return Err(Refusal::BadToken);
            }
        }
        // Who calls was found out under the issuers of then.
        if before.snapshot.issuers() != live.snapshot.issuers() {
            return Err(Refusal::Unavailable);
        }
        self.record.policy_version = Some(live.snapshot.version().to_owned());
        self.live = Some(Rc::clone(&live));
        Ok(live)
    }
}

/// Why there is no exchange with the server.
enum Stop {
    Refused(Refusal),
    /// A token that may be good, signed with a key that is not known.
    UnknownKey(Rc<Live>, Box<str>),
    Served(Reply),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

fn media_type(verb: Verb, headers: &Headers) -> Result<(), Refusal> {
    let coding = headers
        .one("content-encoding")
        .map_err(|_| Refusal::MediaType)?;
    if coding.is_some_and(|c| !c.eq_ignore_ascii_case("identity")) {
        return Err(Refusal::MediaType);
    }
    if verb != Verb::Post {
        return Ok(());
    }
    match headers.one("content-type") {
        Ok(Some(text)) if header::media(text) == Media::Json => Ok(()),
        Ok(_) | Err(_) => Err(Refusal::MediaType),
    }
}

fn facts(verb: Verb, headers: &Headers) -> Result<Facts, Refusal> {
    let version = headers
        .one("mcp-protocol-version")
        .map_err(|_| Refusal::Disagreement)?
        .map(str::to_owned);
    let revision = version.as_deref().and_then(Revision::parse);
    if let Some(version) = &version
        && revision.is_none()
        && verb != Verb::Post
    {
        return Err(Refusal::Version(version.clone()));
    }
    let era = revision.map_or(Era::Legacy, Revision::era);
    let accept: Vec<_> = headers.all("accept").map(String::from_utf8_lossy).collect();
    let accept = accept.join(",");
    let one = |name| match headers.one(name) {
        Ok(Some(value)) => header::decode(value)
            .map(|v| Some(v.into_owned()))
            .map_err(|_| ()),
        Ok(None) => Ok(None),
        Err(_) => Err(()),
    };
    Ok(Facts {
        verb,
        era,
        resumes: verb == Verb::Get && era == Era::Legacy,
        accepts_stream: accept.is_empty() || header::accepts(&accept, Media::EventStream),
        version,
        mcp_method: one("mcp-method"),
        mcp_name: one("mcp-name"),
        params: params(headers),
    })
}

/// Arguments that the client mirrors in headers.
fn params(headers: &Headers) -> Result<Vec<(String, String)>, ()> {
    let mut found: Vec<(String, String)> = Vec::new();
    for (name, value) in headers.iter() {
        if !name.starts_with(b"mcp-param-") {
            continue;
        }
        let name = std::str::from_utf8(name).map_err(|_| ())?;
        let value = std::str::from_utf8(value).map_err(|_| ())?;
        let value = header::decode(value).map_err(|_| ())?;
        if found.iter().any(|(n, _)| n == name) {
            return Err(());
        }
        found.push((name.to_owned(), value.into_owned()));
    }
    Ok(found)
}

fn user(caller: &Caller, include_email: bool) -> User {
    User {
        id: caller.user_id.to_string(),
        issuer: caller.issuer_name.to_string(),
        groups: caller.groups.iter().map(ToString::to_string).collect(),
        email: caller
            .email
            .as_ref()
            .filter(|_| include_email)
            .map(ToString::to_string),
    }
}

/// Enough of a hash to tell sessions apart in records, and nothing to present as one.
pub(super) fn digest(session: &str) -> String {
    let digest = Sha256::digest(session.as_bytes());
    digest.iter().take(16).map(|b| format!("{b:02x}")).collect()
}

/// The trace id of a well-formed `traceparent` (W3C Trace Context §3.2.2).
fn trace_id(headers: &Headers) -> Option<String> {
    let parent = headers.one("traceparent").ok().flatten()?;
    let id = parent.split('-').nth(1)?;
    let fits = id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    fits.then(|| id.to_owned())
}

fn printable(text: Option<&str>, limit: usize) -> String {
    text.unwrap_or_default()
        .chars()
        .filter(|c| !c.is_control())
        .take(limit)
        .collect()
}
