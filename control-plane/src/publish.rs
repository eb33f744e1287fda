//! From a compiled policy and keys to the resources that gateways get.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_zero_compile::{Compiled, Scheme, Upstream};
use mcp_zero_proto::Keys;
use tokio::sync::watch;

use crate::xds::resource::{Endpoint, FilterModule, ListenerSettings, ResourceSet, cluster_name};

/// How long the cluster of a server that has gone stays for exchanges that began before.
const RETIRES_AFTER: Duration = Duration::from_secs(60);

/// Makes the resources of whatever is live.
#[derive(Debug)]
pub struct Publisher {
    listener: ListenerSettings,
    module: FilterModule,
    /// Certificate authorities of servers whose policy names none.
    ca_file: String,
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
    ) -> (Self, watch::Receiver<Arc<ResourceSet>>) {
        let (sender, receiver) = watch::channel(Arc::new(ResourceSet::closed(&listener)));
        let publisher = Self {
            listener,
            module,
            ca_file,
            resources: sender,
            live: Vec::new(),
            retiring: Vec::new(),
        };
        (publisher, receiver)
    }

    /// Gives a compiled policy the names of its clusters.
    pub fn name_clusters(&self, compiled: Compiled) -> Compiled {
        compiled.with_clusters(|upstream| cluster_name(&endpoint(upstream, &self.ca_file)))
    }

    /// Publishes a policy with keys. The listener is the same whatever is published.
    pub fn publish(&mut self, compiled: &Compiled, keys: Keys, now: Instant) {
        let endpoints: Vec<Endpoint> = compiled
            .upstreams
            .iter()
            .map(|upstream| endpoint(upstream, &self.ca_file))
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
}

fn endpoint(upstream: &Upstream, ca_file: &str) -> Endpoint {
    let tls = &upstream.tls;
    Endpoint {
        name: upstream.name.clone(),
        tls: upstream.url.scheme == Scheme::Https,
        host: upstream.url.host.clone(),
        port: upstream.url.port,
        path: upstream.url.path.clone(),
        connect_timeout_seconds: upstream.connect_timeout_seconds,
        timeout_seconds: upstream.timeout_seconds,
        stream_idle_seconds: upstream.stream_idle_seconds,
        max_response_bytes: upstream.max_response_bytes,
        sni: tls.sni.clone(),
        ca_file: tls.ca_file.clone().unwrap_or_else(|| ca_file.to_owned()),
        client_certificate: tls
            .client_certificate
            .as_ref()
            .map(|c| (c.certificate_file.clone(), c.key_file.clone())),
    }
}
