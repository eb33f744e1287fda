//! The real Envoy with our module and a static configuration.

use crate::{Upstream, exchange, part};
use serde_json::{Value, json};
use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
const HCM: &str = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

/// A running Envoy; killed when dropped.
#[derive(Debug)]
pub struct Envoy {
    child: Child,
    address: SocketAddr,
    state: TempDir,
}

impl Envoy {
    /// Starts Envoy with our filter, without any snapshot, in front of a server.
    ///
    /// # Panics
    /// When Envoy does not serve within 30 seconds; its log is in the message.
    pub fn without_snapshot(upstream: &Upstream) -> Self {
        let address = free_address();
        let state = tempfile::tempdir().expect("a temporary folder");
        let configuration = state.path().join("envoy.json");
        std::fs::write(&configuration, configure(address, upstream).to_string())
            .expect("the configuration is written");
        let log = File::create(state.path().join("envoy.log")).expect("a log file");
        let child = Command::new(part("MCP_ZERO_TEST_ENVOY"))
            .arg("--config-path")
            .arg(&configuration)
            .args([
                "--use-dynamic-base-id",
                "--concurrency",
                "1",
                "--log-level",
                "warning",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("Envoy starts");
        let mut envoy = Self {
            child,
            address,
            state,
        };
        envoy.wait();
        envoy
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends raw bytes to the listener.
    ///
    /// # Panics
    /// As [`exchange`].
    pub fn send(&self, request: &[u8]) -> crate::Response {
        exchange(self.address, request)
    }

    fn wait(&mut self) {
        let begin = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            let ended = self.child.try_wait().expect("the child can be asked");
            if ended.is_some() || begin.elapsed() > Duration::from_secs(30) {
                let log = std::fs::read_to_string(self.state.path().join("envoy.log"));
                panic!("Envoy does not serve: {}", log.unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // A child that is gone already is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener
        .local_addr()
        .expect("a bound socket has an address")
}

fn configure(address: SocketAddr, upstream: &Upstream) -> Value {
    let socket = |a: SocketAddr| json!({"socket_address": {"address": a.ip().to_string(), "port_value": a.port()}});
    let filter = json!({"name": "mcp_policy", "typed_config": {"@type": WASM, "config": {
        "failure_policy": "FAIL_RELOAD",
        "allow_on_headers_stop_iteration": true,
        "vm_config": {"runtime": "envoy.wasm.runtime.v8", "code": {"local": {
            "filename": part("MCP_ZERO_TEST_FILTER")}}}}}});
    let manager = json!({"@type": HCM, "stat_prefix": "mcp", "codec_type": "AUTO",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"],
            "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "upstream"}}]}]},
        "http_filters": [filter,
            {"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}}]});
    json!({"static_resources": {
        "listeners": [{"name": "mcp", "address": socket(address), "enable_reuse_port": false,
            "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": manager}]}]}],
        "clusters": [{"name": "upstream", "connect_timeout": "1s", "load_assignment": {
            "cluster_name": "upstream", "endpoints": [{"lb_endpoints": [
                {"endpoint": {"address": socket(upstream.address())}}]}]}}]}})
}
