//! The driver on a host that keeps Envoy's rules, with real exchanges and scripted ones.

mod calls;
mod failures;
mod fake;
mod requests;
mod responses;
mod scripted;

use super::*;
use fake::{Fake, Wire};
use mcp_zero_proto as proto;
use scripted::Scripted;
use serde_json::{Value, json};

/// Bytes of one request body.
const LIMIT: u32 = 2000;
const REQUEST: Direction = Direction::Request;
const RESPONSE: Direction = Direction::Response;

const ID: &str = "0a1b2c3d-aaaa";

const POST: &[(&str, &str)] = &[
    (":method", "POST"),
    (":authority", "localhost:8080"),
    (":path", "/mcp/s"),
    ("content-type", "application/json"),
    ("x-request-id", ID),
    ("authorization", "Bearer secret"),
];

const JSON: &[(&str, &str)] = &[(":status", "200"), ("content-type", "application/json")];

const EVENTS: &[(&str, &str)] = &[(":status", "200"), ("content-type", "text/event-stream")];

fn call(tool: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
           "params": {"name": tool, "arguments": {"to": "amy@example.com"}}})
    .to_string()
}

fn result(text: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": text}]}})
        .to_string()
}

/// Every tool but `secret` is allowed on server `s`; addresses are masked.
fn world() -> World {
    use proto::Message as _;
    let policy = proto::Policy {
        default_effect: proto::Effect::Allow.into(),
        governance: true,
        servers: vec![proto::Server {
            name: "s".to_owned(),
            cluster: "s-1".to_owned(),
            authority: "up.example".to_owned(),
            path: "/mcp".to_owned(),
            max_request_bytes: LIMIT,
            max_response_bytes: 400,
            callout_timeout_ms: 1000,
            bridged: false,
            exchange: None,
        }],
        rules: vec![proto::Rule {
            when: Vec::new(),
            shadow: false,
            id: "secret".to_owned(),
            description: "no secrets".to_owned(),
            effect: proto::Effect::Deny.into(),
            subjects: None,
            servers: vec![proto::ServerScope {
                server: "s".to_owned(),
                tools: Some(proto::Patterns {
                    globs: vec!["secret".to_owned()],
                }),
                client_requests: Some(proto::Patterns {
                    globs: vec!["*".to_owned()],
                }),
                ..Default::default()
            }],
        }],
        surface: Some(proto::Surface {
            public_url: "https://gw.example".to_owned(),
            allowed_hosts: vec![],
            cors: None,
        }),
        masking: vec![proto::Masking {
            entities: vec!["EMAIL_ADDRESS".to_owned()],
            threshold_milli: 500,
        }],
        audit: Some(proto::Audit {
            include_email: false,
            gateway_id: "g".to_owned(),
        }),
        ..Default::default()
    };
    let mut world = World::default();
    let keys = proto::Keys {
        seals: vec!["00000001".to_owned()],
        ..Default::default()
    };
    let snapshot = proto::Snapshot::seal(policy, keys);
    let key = mcp_zero_gate::GatewayKey::from_bytes([1; 32]);
    world.load(&snapshot.encode_to_vec(), Some(&key)).unwrap();
    world
}

/// One stream on the fake host.
struct Rig<M> {
    driver: Driver<M>,
    host: Fake,
    world: World,
}

impl Rig<Exchange> {
    /// With a policy.
    fn new() -> Self {
        Self::with(world())
    }

    /// A request that has passed.
    fn sent() -> Self {
        let mut rig = Self::new();
        rig.headers(REQUEST, POST, false);
        assert_eq!(rig.body(REQUEST, &call("t"), true), Step::Continue);
        rig
    }
}

impl Rig<Scripted> {
    fn scripted(steps: Vec<(Flow, Vec<mcp_zero_gate::Action>)>) -> Self {
        scripted::script(steps);
        Self::with(World::default())
    }
}

impl<M: Machine> Rig<M> {
    fn with(world: World) -> Self {
        Self {
            driver: Driver::new(),
            host: Fake::default(),
            world,
        }
    }

    fn headers(&mut self, direction: Direction, pairs: &[(&str, &str)], ends: bool) -> Step {
        let wire = self.host.wire_mut(direction);
        wire.open = true;
        wire.headers = pairs
            .iter()
            .map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()))
            .collect();
        let step = match direction {
            REQUEST => self
                .driver
                .on_request_headers(ends, &mut self.host, &mut self.world),
            RESPONSE => self
                .driver
                .on_response_headers(ends, &mut self.host, &mut self.world),
        };
        self.host.wire_mut(direction).follow(step)
    }

    fn body(&mut self, direction: Direction, bytes: &str, ends: bool) -> Step {
        let wire = self.host.wire_mut(direction);
        wire.buffer.extend_from_slice(bytes.as_bytes());
        let size = wire.buffer.len();
        let step = match direction {
            REQUEST => self
                .driver
                .on_request_body(size, ends, &mut self.host, &mut self.world),
            RESPONSE => self
                .driver
                .on_response_body(size, ends, &mut self.host, &mut self.world),
        };
        self.host.wire_mut(direction).follow(step)
    }

    fn trailers(&mut self, direction: Direction) -> Step {
        self.host.wire_mut(direction).trailers = 1;
        let step = match direction {
            REQUEST => self
                .driver
                .on_request_trailers(&mut self.host, &mut self.world),
            RESPONSE => self
                .driver
                .on_response_trailers(&mut self.host, &mut self.world),
        };
        self.host.wire_mut(direction).follow(step)
    }

    fn answer(&mut self, token: u32, has_headers: bool) {
        self.driver
            .on_answer(token, has_headers, &mut self.host, &mut self.world);
    }

    fn wire(&self, direction: Direction) -> &Wire {
        self.host.wire(direction)
    }

    /// The record that the access log would print; null where there is none.
    fn record(&mut self) -> Value {
        self.driver.on_log(
            || Mark {
                worker: "w",
                sequence: 7,
                open: 0,
            },
            &mut self.host,
        );
        let state = self.host.state.take();
        state.map_or(Value::Null, |bytes| serde_json::from_slice(&bytes).unwrap())
    }

    fn reply(&self) -> (u16, Value) {
        match self.host.replies.as_slice() {
            [reply] => (
                reply.status,
                serde_json::from_slice(&reply.body).unwrap_or_default(),
            ),
            other => panic!("not one reply: {other:?}"),
        }
    }
}
