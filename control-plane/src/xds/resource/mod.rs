//! Envoy resources, made from the live policy and the settings of the process.

mod access_log;
mod cluster;
mod filter;
mod headers;
mod identity;
mod listener;
mod local_reply;
mod route;

use std::collections::BTreeMap;
use std::sync::Arc;

use envoy_types::pb::google::protobuf::{Any, Duration, UInt32Value};
use envoy_types::util::pack_any;
use sha2::{Digest, Sha256};

pub use cluster::cluster_name;
pub use filter::FILTER_NAME;
pub(crate) use headers::format;
pub use identity::{IDENTITY_NAME, Provider, identity_file, providers};
pub use listener::{ListenerSettings, MAX_BODY_BYTES};
pub use route::ROUTE_NAME;

/// Type URL of clusters.
pub const CLUSTER_TYPE: &str = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
/// Type URL of listeners.
pub const LISTENER_TYPE: &str = "type.googleapis.com/envoy.config.listener.v3.Listener";
/// Type URL of route configurations.
pub const ROUTE_TYPE: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
/// Type URL of extension configurations (ECDS).
pub const EXTENSION_TYPE: &str = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";

/// Every type this server knows, in the order in which changes are sent:
/// clusters before the routes that name them, both before the filter's policy.
pub const TYPES: [&str; 4] = [CLUSTER_TYPE, LISTENER_TYPE, ROUTE_TYPE, EXTENSION_TYPE];

/// One MCP server behind the gateway, as Envoy reaches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The name in `/mcp/<name>`.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// Whether the server is reached over TLS.
    pub tls: bool,
    /// Path of the MCP endpoint.
    pub path: String,
    /// Connect time limit.
    pub connect_timeout_seconds: u32,
    /// The longest silence of the server on a request.
    pub timeout_seconds: u32,
    /// The longest silence of the server on a GET stream.
    pub stream_idle_seconds: u32,
    /// Limit of one response body.
    pub max_response_bytes: u32,
    /// A name for SNI and the certificate check in place of the host.
    pub sni: Option<String>,
    /// Certificate authorities, in PEM.
    pub ca_file: String,
    /// Client certificate and key files.
    pub client_certificate: Option<(String, String)>,
    /// Headers of every request to it: a name, and a value in Envoy's format language.
    pub headers: Vec<(String, String)>,
    /// Requests carry a token for it that the filter has got.
    pub exchange: bool,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On the network.
    Network {
        /// Host name or address, without brackets.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// Behind the bridge.
    Bridge {
        /// The bridge's Unix socket.
        socket: String,
    },
}

impl Endpoint {
    /// `:authority` of requests to the server.
    pub fn authority(&self) -> String {
        let Place::Network { host, port } = &self.place else {
            return "localhost".to_owned();
        };
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.clone()
        };
        let default_port = if self.tls { 443 } else { 80 };
        if *port == default_port {
            host
        } else {
            format!("{host}:{port}")
        }
    }
}

/// What the filter is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterModule {
    /// Path of the Wasm module, whose name changes with its content.
    pub path: String,
}

/// All resources of one type.
#[derive(Debug, Clone, PartialEq)]
pub struct Resources {
    /// Hash of the resources, so that a restarted control plane never overrides silently.
    pub version: String,
    /// Name and packed message.
    pub items: Vec<(String, Any)>,
}

impl Resources {
    /// Takes named resources and computes their version.
    pub fn new(items: Vec<(String, Any)>) -> Self {
        let mut hash = Sha256::new();
        for (name, any) in &items {
            for part in [name.as_bytes(), any.type_url.as_bytes(), &any.value] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        Self {
            version: hex(&hash.finalize(), 16),
            items,
        }
    }
}

/// Everything one Envoy is to have.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResourceSet {
    by_type: BTreeMap<&'static str, Arc<Resources>>,
}

impl ResourceSet {
    /// A listener with nothing behind it.
    fn closed(listener: &ListenerSettings) -> Self {
        let mut set = Self::default();
        set.put(LISTENER_TYPE, vec![listener::listener(listener)]);
        set.put(CLUSTER_TYPE, Vec::new());
        set.put(ROUTE_TYPE, vec![route::routes(&[], &[])]);
        set
    }

    /// The resources of a compiled policy.
    ///
    /// `retiring` are clusters of servers that have just gone; they stay until
    /// exchanges that began before have ended. Without `providers` callers are anonymous.
    pub fn new(
        listener: &ListenerSettings,
        module: &FilterModule,
        endpoints: &[Endpoint],
        retiring: &[Endpoint],
        providers: &[Provider],
        snapshot: Vec<u8>,
    ) -> Self {
        let mut set = Self::closed(listener);
        let mut clusters: BTreeMap<String, Any> = BTreeMap::new();
        for endpoint in endpoints.iter().chain(retiring) {
            let (name, any) = cluster::cluster(endpoint);
            clusters.insert(name, any);
        }
        set.put(CLUSTER_TYPE, clusters.into_iter().collect());
        set.put(ROUTE_TYPE, vec![route::routes(endpoints, providers)]);
        // A new issuer is known in front before our filter hears of it.
        let extensions = vec![
            identity::identity(providers),
            filter::filter(module, snapshot),
        ];
        set.put(EXTENSION_TYPE, extensions);
        set
    }

    fn put(&mut self, type_url: &'static str, items: Vec<(String, Any)>) {
        self.by_type
            .insert(type_url, Arc::new(Resources::new(items)));
    }

    /// The resources of one type, where there are any yet.
    pub fn get(&self, type_url: &str) -> Option<&Arc<Resources>> {
        self.by_type.get(type_url)
    }
}

/// The first `length` digits of lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8], length: usize) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text.truncate(length);
    text
}

fn seconds(seconds: u32) -> Duration {
    Duration {
        seconds: i64::from(seconds),
        nanos: 0,
    }
}

fn uint(value: u32) -> UInt32Value {
    UInt32Value { value }
}

fn named<T: prost::Name>(name: &str, message: T) -> (String, Any) {
    (name.to_owned(), pack_any(message))
}

#[cfg(test)]
pub(crate) mod tests;
