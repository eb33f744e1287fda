//! From a compiled policy and keys to the resources that gateways get.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_zero_compile::{Compiled, Reach, Scheme, StdioServer, Tls, Upstream};
use mcp_zero_proto::Keys;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use crate::xds::resource::{
    Endpoint, FilterModule, ListenerSettings, Place, ResourceSet, cluster_name, format, hex,
};

/// How long the cluster of a server that has gone stays for exchanges that began before.
const RETIRES_AFTER: Duration = Duration::from_secs(60);

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
    resources: watch::Sender<Arc<ResourceSet>>,
    live: Vec<Endpoint>,
    retiring: Vec<(Endpoint, Instant)>,
}

impl Publisher {
    /// A publisher, and where its resources can be had: a closed listener at first.
    pub fn new(
        listener: ListenerSettings,
        module: FilterModule,
        ca_file: String,
        bridge: String,
    ) -> (Self, watch::Receiver<Arc<ResourceSet>>) {
        let (sender, receiver) = watch::channel(Arc::new(ResourceSet::closed(&listener)));
        let publisher = Self {
            listener,
            module,
            ca_file,
            bridge,
            resources: sender,
            live: Vec::new(),
            retiring: Vec::new(),
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
        let set = ResourceSet::new(
            &self.listener,
            &self.module,
            &endpoints,
            &retiring,
            compiled.snapshot(keys),
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
                program: String::new(),
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
        };
        match &upstream.reach {
            Reach::Bridge(server) => Endpoint {
                place: Place::Bridge {
                    socket: self.bridge.clone(),
                    program: program(server),
                },
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

/// What is started behind the bridge, as a hash. It is published with the name of the cluster, so
/// that values of variables and arguments, which may be secrets easy to guess, are no part of it.
fn program(server: &StdioServer) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    };
    part(&server.command);
    part(server.cwd.as_deref().unwrap_or_default());
    part(server.sessions.name());
    for name in server.env.keys() {
        part(name);
    }
    hex(&hash.finalize(), 64)
}
