//! From a compiled policy and keys to the resources that gateways get.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_zero_compile::{Compiled, Reach, Scheme, Tls, Upstream};
use mcp_zero_proto::{Keys, version_of};
use tokio::sync::watch;

use crate::accepted::TagKey;
use crate::xds::resource::{
    Endpoint, FilterModule, ListenerSettings, Place, ResourceSet, cluster_name, format, providers,
};

/// How long the cluster of a server that has gone stays for exchanges that began before.
const RETIRES_AFTER: Duration = Duration::from_secs(60);

/// The header that tells the bridge which definition of a server was judged.
const TAG: &str = "x-mcp-zero-server";

/// The bridge is on this machine.
const BRIDGE_CONNECT_SECONDS: u32 = 5;

/// Makes the resources of whatever is live.
#[derive(Debug)]
pub struct Publisher {
    listener: ListenerSettings,
    module: FilterModule,
    /// Certificate authorities of servers whose policy names none.
    ca_file: String,
    /// The bridge's socket.
    bridge: String,
    /// The key of what tells definitions of bridged servers apart.
    key: TagKey,
    resources: watch::Sender<Arc<ResourceSet>>,
    live: Vec<Endpoint>,
    retiring: Vec<(Endpoint, Instant)>,
    revisions: Revisions,
}

/// Gives a return to an earlier snapshot a number of its own.
#[derive(Debug, Default)]
struct Revisions {
    /// Versions of policy and keys that were published, the live one last.
    live: String,
    known: HashSet<String>,
    number: u32,
}

/// Snapshots that are told apart; more, and every later one has another number.
const MOST_REVISIONS: usize = 4096;

impl Revisions {
    fn of(&mut self, compiled: &Compiled, keys: &Keys) -> u32 {
        let version = format!("{}/{}", compiled.policy_version, version_of(keys));
        if version != self.live {
            if self.known.contains(&version) || self.known.len() >= MOST_REVISIONS {
                self.number = self.number.wrapping_add(1);
                self.known.clear();
            }
            self.known.insert(version.clone());
            self.live = version;
        }
        self.number
    }
}

impl Publisher {
    /// A publisher, and where its resources can be had: none at first. A gateway that connects
    /// then waits: a new one does not listen yet, one that ran before keeps what it has.
    pub fn new(
        listener: ListenerSettings,
        module: FilterModule,
        ca_file: String,
        bridge: String,
        key: TagKey,
    ) -> (Self, watch::Receiver<Arc<ResourceSet>>) {
        let (sender, receiver) = watch::channel(Arc::default());
        let publisher = Self {
            listener,
            module,
            ca_file,
            bridge,
            key,
            resources: sender,
            live: Vec::new(),
            retiring: Vec::new(),
            revisions: Revisions::default(),
        };
        (publisher, receiver)
    }

    /// Gives a compiled policy the names of its clusters.
    pub fn name_clusters(&self, compiled: Compiled) -> Compiled {
        compiled.with_clusters(|upstream| cluster_name(&self.endpoint(upstream)))
    }

    /// Publishes a policy with keys. The listener is the same whatever is published.
    pub fn publish(&mut self, compiled: &Compiled, keys: Keys, now: Instant) {
        let endpoints: Vec<Endpoint> = compiled
            .upstreams
            .iter()
            .map(|upstream| self.endpoint(upstream))
            .collect();
        for gone in self.live.drain(..).filter(|e| !endpoints.contains(e)) {
            self.retiring.push((gone, now));
        }
        self.retiring
            .retain(|(e, since)| !endpoints.contains(e) && now - *since < RETIRES_AFTER);
        let retiring: Vec<Endpoint> = self.retiring.iter().map(|(e, _)| e.clone()).collect();
        let revision = self.revisions.of(compiled, &keys);
        let set = ResourceSet::new(
            &self.listener,
            &self.module,
            &endpoints,
            &retiring,
            &providers(&compiled.policy, &keys),
            compiled.revised(keys, revision),
        );
        self.live = endpoints;
        self.resources.send_if_modified(|live| {
            let changed = **live != set;
            if changed {
                *live = Arc::new(set);
            }
            changed
        });
    }

    /// Whether a cluster waits for its end.
    pub fn has_retiring(&self) -> bool {
        !self.retiring.is_empty()
    }

    fn endpoint(&self, upstream: &Upstream) -> Endpoint {
        let plain = Endpoint {
            name: upstream.name.clone(),
            place: Place::Bridge {
                socket: self.bridge.clone(),
            },
            tls: false,
            path: format!("/{}", upstream.name),
            connect_timeout_seconds: BRIDGE_CONNECT_SECONDS,
            timeout_seconds: upstream.timeout_seconds,
            stream_idle_seconds: upstream.stream_idle_seconds,
            max_response_bytes: upstream.max_response_bytes,
            sni: None,
            ca_file: self.ca_file.clone(),
            client_certificate: None,
            headers: Vec::new(),
            exchange: upstream.exchange().is_some(),
        };
        match &upstream.reach {
            Reach::Bridge(server) => Endpoint {
                // The bridge runs this definition for it, or nothing.
                headers: vec![(TAG.to_owned(), server.tag(&self.key))],
                ..plain
            },
            Reach::Http(server) => {
                let Tls {
                    ca_file,
                    client_certificate,
                    sni,
                } = server.tls.clone();
                Endpoint {
                    place: Place::Network {
                        host: server.url.host.clone(),
                        port: server.url.port,
                    },
                    tls: server.url.scheme == Scheme::Https,
                    path: server.url.path.clone(),
                    connect_timeout_seconds: server.connect_timeout_seconds,
                    sni,
                    ca_file: ca_file.unwrap_or(plain.ca_file),
                    client_certificate: client_certificate
                        .map(|c| (c.certificate_file, c.key_file)),
                    headers: server.headers.iter().map(format).collect(),
                    ..plain
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xds::resource::TYPES;
    use mcp_zero_compile::{Environment, Format, Source, compile};

    /// What a bridged server and one with a header come to, as bytes.
    fn published(servers: &str) -> (Compiled, String) {
        let text = format!("version: 1\nservers:\n{servers}");
        let source = Source {
            name: "policy.yaml",
            text: &text,
            format: Format::Yaml,
        };
        let environment = Environment {
            public_url: "http://localhost:1".to_owned(),
            gateway_id: "g".to_owned(),
            variables: [("TOKEN".to_owned(), "c4n4ry-v".to_owned())]
                .into_iter()
                .collect(),
            ..Environment::default()
        };
        let listener = ListenerSettings {
            address: "127.0.0.1:1".parse().unwrap(),
            access_log: "/l".to_owned(),
        };
        let module = FilterModule {
            path: "/f".to_owned(),
        };
        let (mut publisher, resources) = Publisher::new(
            listener,
            module,
            "/ca".to_owned(),
            "/s/bridge.sock".to_owned(),
            [7; 32],
        );
        // A gateway that ran before keeps its policy while ours waits for keys.
        assert!(TYPES.iter().all(|t| resources.borrow().get(t).is_none()));
        let compiled = publisher.name_clusters(compile(source, &environment).unwrap());
        publisher.publish(&compiled, Keys::default(), Instant::now());
        let set = resources.borrow().clone();
        let items = TYPES
            .iter()
            .filter_map(|t| set.get(t))
            .flat_map(|r| &r.items);
        let bytes: Vec<u8> = items.flat_map(|(_, any)| any.value.clone()).collect();
        (compiled, String::from_utf8_lossy(&bytes).into_owned())
    }

    #[test]
    fn no_secret_is_in_any_resource() {
        let (_, bytes) = published(
            "  - {name: a, transport: stdio, command: c4n4ry-c, args: [c4n4ry-a], env: {A: c4n4ry-e, B: \"${TOKEN}\"}, cwd: c4n4ry-d}\n  - {name: b, transport: http, url: \"https://b.example/\", headers: {Authorization: \"Bearer ${TOKEN}\"}}\n",
        );
        assert!(!bytes.contains("c4n4ry"), "{bytes}");
        assert!(bytes.contains("Bearer %ENVIRONMENT(TOKEN)%"));
        assert!(bytes.contains("/s/bridge.sock") && bytes.contains("/a"));
    }

    #[test]
    fn a_return_to_an_earlier_policy_has_a_number_of_its_own() {
        let (a, _) = published("  - {name: a, transport: http, url: \"https://a.example/\"}\n");
        let (b, _) = published("  - {name: b, transport: http, url: \"https://b.example/\"}\n");
        let mut revisions = Revisions::default();
        let mut of = |compiled, seal: &str| {
            let keys = Keys {
                seals: vec![seal.to_owned()],
                ..Keys::default()
            };
            revisions.of(compiled, &keys)
        };
        assert_eq!([of(&a, "1"), of(&a, "1"), of(&b, "1"), of(&b, "2")], [0; 4]);
        assert_eq!([of(&a, "1"), of(&a, "1")], [1; 2]);
        // What was seen under the number before is new under this one.
        assert_eq!(of(&b, "1"), 1);
        assert_eq!([of(&a, "1"), of(&b, "1"), of(&a, "1")], [2, 2, 3]);
    }

    #[test]
    fn whatever_is_started_otherwise_is_another_version() {
        let version = |rest: &str| {
            let server = format!("  - {{name: a, transport: stdio, {rest}}}\n");
            published(&server).0.policy_version
        };
        let plain = version("command: x, env: {A: b}");
        assert_eq!(plain, version("env: {A: b}, command: x"));
        for other in [
            "command: x, env: {A: c}",
            "command: x, args: [s], env: {A: b}",
            "command: y, env: {A: b}",
            "command: x, env: {B: b}",
            "command: x, env: {A: b}, cwd: z",
            "command: x, env: {A: b}, sessions: shared",
        ] {
            assert_ne!(plain, version(other), "{other}");
        }
    }
}
