//! Exchanges without a host: what a step asks for, and what the record says.

mod answers;
mod conditions;
mod cors;
mod framings;
mod heads;
mod modern;
mod plane;
mod records;
mod requests;
mod sessions;
mod streams;
mod tasks;

use super::*;
use crate::action::{HeaderEdit, Reply};
use crate::event::{Last, Origin, RequestHead, ResponseHead, Verified};
use crate::head::Headers;
use crate::world::World;
use mcp_zero_identity::{GatewayKey, Owner, Purpose, Sealer};
use mcp_zero_proto as proto;
use serde_json::{Value, json};

const MARK: Mark<'_> = Mark {
    worker: "w",
    sequence: 7,
    open: 0,
};

pub(super) const NOW: u64 = 1_800_000_000_000;

fn patterns(globs: &[&str]) -> Option<proto::Patterns> {
    Some(proto::Patterns {
        globs: globs.iter().map(|g| (*g).to_owned()).collect(),
    })
}

fn rule(id: &str, effect: proto::Effect, scope: proto::ServerScope) -> proto::Rule {
    proto::Rule {
        id: id.to_owned(),
        description: format!("about {id}"),
        effect: effect.into(),
        subjects: None,
        servers: vec![scope],
        ..Default::default()
    }
}

/// `get_*` and `send` are allowed, `get_secret` is not; every entity is masked.
pub(super) fn policy() -> proto::Policy {
    let scope = proto::ServerScope {
        server: "s".to_owned(),
        ..Default::default()
    };
    proto::Policy {
        default_effect: proto::Effect::Deny.into(),
        governance: true,
        servers: vec![proto::Server {
            name: "s".to_owned(),
            cluster: "s-1".to_owned(),
            authority: "up.example".to_owned(),
            path: "/mcp".to_owned(),
            max_request_bytes: 2000,
            max_response_bytes: 4000,
            callout_timeout_ms: 1000,
            bridged: false,
            exchange: None,
        }],
        rules: vec![
            rule(
                "some",
                proto::Effect::Allow,
                proto::ServerScope {
                    tools: patterns(&["get_*", "send"]),
                    resources: patterns(&["file:///ok/*"]),
                    prompts: patterns(&["hello"]),
                    client_requests: patterns(&["roots/list"]),
                    ..scope.clone()
                },
            ),
            rule(
                "secret",
                proto::Effect::Deny,
                proto::ServerScope {
                    tools: patterns(&["get_secret"]),
                    ..scope
                },
            ),
        ],
        issuers: vec![],
        surface: Some(proto::Surface {
            public_url: "https://gw.example".to_owned(),
            allowed_hosts: vec![],
            cors: None,
        }),
        masking: vec![proto::Masking {
            entities: ["EMAIL_ADDRESS", "CREDIT_CARD", "API_KEY", "PASSWORD"]
                .map(str::to_owned)
                .to_vec(),
            threshold_milli: 500,
        }],
        audit: Some(proto::Audit {
            include_email: false,
            gateway_id: "g".to_owned(),
        }),
    }
}

pub(super) fn sealed(policy: proto::Policy) -> Vec<u8> {
    use proto::Message as _;
    let keys = proto::Keys {
        seals: vec!["00000001".to_owned()],
        ..Default::default()
    };
    proto::Snapshot::seal(policy, keys).encode_to_vec()
}

pub(super) fn key() -> GatewayKey {
    GatewayKey::from_bytes([1; 32])
}

/// A session of the server as the anonymous caller carries it.
pub(super) fn session(id: &str) -> String {
    let sealer = Sealer::new(&key(), &["00000001"]).unwrap();
    let sealed = sealer.seal(Purpose::Session, Owner::Anonymous, &["s", id]);
    sealed.unwrap()
}

/// One exchange and everything that it asked for.
pub(super) struct Run {
    world: World,
    exchange: Option<Exchange>,
    pub(super) now: u64,
    pub(super) flow: Flow,
    pub(super) out: Vec<Action>,
}

pub(super) const POST: &[(&str, &str)] = &[
    (":method", "POST"),
    (":authority", "gw.example"),
    (":path", "/mcp/s"),
    ("content-type", "application/json"),
    ("accept", "application/json, text/event-stream"),
];

pub(super) fn headers(pairs: &[(&str, &str)]) -> Headers {
    Headers::new(
        pairs
            .iter()
            .map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()))
            .collect(),
    )
}

/// `base` with other or further headers; an empty value takes one off.
pub(super) fn with<'a>(
    base: &[(&'a str, &'a str)],
    extra: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut all: Vec<_> = base
        .iter()
        .filter(|(n, _)| !extra.iter().any(|(e, _)| e == n))
        .copied()
        .collect();
    all.extend(extra.iter().filter(|(_, v)| !v.is_empty()));
    all
}

impl Run {
    pub(super) fn open_in(world: World, pairs: &[(&str, &str)], ends: bool) -> Self {
        Self::open_as(None, world, pairs, ends)
    }

    /// As whom Envoy has verified.
    pub(super) fn open_as(
        verified: Option<Verified<'_>>,
        mut world: World,
        pairs: &[(&str, &str)],
        ends: bool,
    ) -> Self {
        let headers = headers(pairs);
        let head = RequestHead {
            headers: &headers,
            ends,
            request_id: "rid",
            client: "10.0.0.1",
            verified,
        };
        let mut out = Vec::new();
        let mut cx = Cx {
            now_ms: NOW,
            world: &mut world,
            out: &mut out,
        };
        let (exchange, flow) = Exchange::open(&head, &mut cx);
        Self {
            world,
            exchange: Some(exchange),
            now: NOW,
            flow,
            out,
        }
    }

    pub(super) fn open(pairs: &[(&str, &str)], ends: bool) -> Self {
        let mut world = World::default();
        world.load(&sealed(policy()), Some(&key())).unwrap();
        Self::open_in(world, pairs, ends)
    }

    /// A POST with a body.
    pub(super) fn post(body: &str) -> Self {
        let mut run = Self::open(POST, false);
        assert_eq!(run.flow, Flow::Hold);
        run.on(Event::Request(body.as_bytes()));
        run
    }

    pub(super) fn on(&mut self, event: Event<'_>) -> &mut Self {
        let mut out = Vec::new();
        let mut cx = Cx {
            now_ms: self.now,
            world: &mut self.world,
            out: &mut out,
        };
        self.flow = self.exchange.as_mut().unwrap().on(event, &mut cx);
        self.out = out;
        self
    }

    pub(super) fn respond(&mut self, pairs: &[(&str, &str)]) -> &mut Self {
        let headers = headers(pairs);
        self.on(Event::Response(
            ResponseHead {
                headers: &headers,
                ends: false,
            },
            Origin::Server,
        ))
    }

    /// A JSON answer; the body that the client gets.
    pub(super) fn json(&mut self, body: &str) -> String {
        self.respond(&[(":status", "200"), ("content-type", "application/json")]);
        assert_eq!(self.flow, Flow::Hold);
        self.on(Event::Whole(body.as_bytes()));
        self.body().unwrap_or_else(|| body.to_owned())
    }

    /// The answer as events, in pieces of a size; what the client gets.
    pub(super) fn events(&mut self, text: &str, size: usize) -> String {
        self.respond(&[(":status", "200"), ("content-type", "text/event-stream")]);
        assert_eq!(self.flow, Flow::Go);
        let mut sent = Vec::new();
        for piece in text.as_bytes().chunks(size) {
            self.on(Event::Chunk(piece, Last::More));
            for action in &self.out {
                if let Action::Emit(bytes) = action {
                    sent.extend_from_slice(bytes);
                }
            }
        }
        String::from_utf8(sent).unwrap()
    }

    pub(super) fn reply(&self) -> &Reply {
        match self.out.as_slice() {
            [Action::Reply(reply)] => reply,
            other => panic!("no reply: {other:?}"),
        }
    }

    pub(super) fn status_and_code(&self) -> (u16, i64) {
        let reply = self.reply();
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        (reply.status, body["error"]["code"].as_i64().unwrap_or(0))
    }

    pub(super) fn body(&self) -> Option<String> {
        self.out.iter().find_map(|a| match a {
            Action::Body(_, bytes) => Some(String::from_utf8(bytes.clone()).unwrap()),
            Action::Reply(reply) => Some(String::from_utf8(reply.body.clone()).unwrap()),
            _ => None,
        })
    }

    pub(super) fn header(&self, name: &str) -> Option<String> {
        self.out.iter().rev().find_map(|a| match a {
            Action::Header(_, HeaderEdit::Set(n, v)) if n == name => {
                Some(String::from_utf8(v.clone()).unwrap())
            }
            Action::Header(_, HeaderEdit::Remove(n)) if n == name => Some("(removed)".to_owned()),
            _ => None,
        })
    }

    pub(super) fn record(&mut self) -> Value {
        let exchange = self.exchange.take().unwrap();
        serde_json::from_str(&exchange.close(End::Complete, MARK).to_json()).unwrap()
    }
}

/// A POST of a client that has a session.
pub(super) fn posted(body: &str) -> Run {
    let session = session("sess-1");
    let mut run = Run::open(&with(POST, &[("mcp-session-id", &session)]), false);
    run.on(Event::Request(body.as_bytes()));
    run
}

pub(super) fn call(tool: &str, arguments: Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
           "params": {"name": tool, "arguments": arguments}})
    .to_string()
}
