//! Envoys that ours is compared with: the settings of our listener, other filters.

use mcp_zero_tests::part;
use serde_json::{Value, json};
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const TYPE: &str = "type.googleapis.com/envoy.extensions";
const LARGEST_BODY: u32 = 32 << 20;

/// What stands before the router.
#[derive(Debug, Clone)]
pub(crate) enum Chain {
    /// Nothing.
    Bare,
    /// Envoy's own filters: a verified token, the parsed message, a rule over both.
    Native { issuer: String, keys: Value },
    /// Nothing, but an access log like ours.
    Logged,
    /// A Wasm filter that reads both bodies, in one of its modes.
    Reader { mode: &'static str },
}

/// A running Envoy; killed when dropped.
#[derive(Debug)]
pub(crate) struct Envoy {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    state: TempDir,
}

impl Envoy {
    /// Starts; it may not serve yet.
    pub(crate) fn start(chain: &Chain, upstream: SocketAddr) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("a bound socket has an address");
        drop(free);
        let state = tempfile::tempdir().expect("a temporary folder");
        let file = state.path().join("envoy.json");
        std::fs::write(
            &file,
            configuration(address, upstream, chain, state.path()).to_string(),
        )
        .expect("the configuration is written");
        let log = File::create(log(state.path())).expect("a log file");
        let child = Command::new(part("MCP_ZERO_TEST_ENVOY"))
            .arg("--config-path")
            .arg(file)
            .args(["--use-dynamic-base-id", "--concurrency", "1"])
            .args(["--log-level", "warning"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("Envoy starts");
        Self {
            child,
            address,
            state,
        }
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(log(self.state.path())).unwrap_or_default()
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // A child that is gone already is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn log(state: &Path) -> std::path::PathBuf {
    state.join("envoy.log")
}

fn configuration(address: SocketAddr, upstream: SocketAddr, chain: &Chain, state: &Path) -> Value {
    let mut filters = filters(chain);
    filters.push(filter(
        "router",
        "router.v3.Router",
        json!({"suppress_envoy_headers": true}),
    ));
    let manager = typed(
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        json!({
            "stat_prefix": "mcp",
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"],
                "routes": [{"match": {"path": "/mcp/s"},
                    "route": {"cluster": "s", "prefix_rewrite": "/mcp", "timeout": "0s",
                        "idle_timeout": "30s"}}]}],
                "request_headers_to_remove": ["authorization"]},
            "http_filters": filters,
            "access_log": access_log(chain, state),
            "normalize_path": true,
            "merge_slashes": true,
            "path_with_escaped_slashes_action": "REJECT_REQUEST",
            "common_http_protocol_options": {
                "headers_with_underscores_action": "REJECT_REQUEST",
                "max_headers_count": 64, "idle_timeout": "3600s"},
            "request_headers_timeout": "5s",
            "request_timeout": "60s",
            "stream_idle_timeout": "60s",
            "use_remote_address": true,
            "generate_request_id": true,
            "server_header_transformation": "PASS_THROUGH"
        }),
    );
    json!({"static_resources": {
        "listeners": [{
            "name": "mcp",
            "address": socket(address),
            "per_connection_buffer_limit_bytes": LARGEST_BODY,
            "enable_reuse_port": false,
            "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": manager}]}]
        }],
        "clusters": [{
            "name": "s",
            "type": "STATIC",
            "connect_timeout": "5s",
            "per_connection_buffer_limit_bytes": 16 << 20,
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
                    "upstreams.http.v3.HttpProtocolOptions",
                    json!({"common_http_protocol_options": {"idle_timeout": "3s"},
                        "explicit_http_config": {"http_protocol_options": {}}}))},
            "load_assignment": {"cluster_name": "s", "endpoints": [{"lb_endpoints": [
                {"endpoint": {"address": socket(upstream)}}]}]}
        }]
    }})
}

/// The members of our access log, a constant text in the place of our record.
fn access_log(chain: &Chain, state: &Path) -> Value {
    if !matches!(chain, Chain::Logged) {
        return json!([]);
    }
    let file = json!({
        "path": state.join("access.log"),
        "log_format": {"json_format": {
            "timestamp": "%START_TIME%", "request_id": "%REQ(X-REQUEST-ID)%",
            "reply_id": "%RESP(X-CORRELATION-ID)%", "method": "%REQ(:METHOD)%",
            "status": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%",
            "details": "%RESPONSE_CODE_DETAILS%", "bytes_received": "%BYTES_RECEIVED%",
            "bytes_sent": "%BYTES_SENT%", "duration_ms": "%DURATION%",
            "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "record": "r".repeat(700)}}});
    json!([{"name": "envoy.access_loggers.file",
        "typed_config": typed("access_loggers.file.v3.FileAccessLog", file)}])
}

fn filters(chain: &Chain) -> Vec<Value> {
    match chain {
        Chain::Bare | Chain::Logged => Vec::new(),
        Chain::Native { issuer, keys } => native(issuer, keys),
        Chain::Reader { mode } => {
            let module = part("MCP_ZERO_BENCH_READER");
            vec![filter(
                "wasm",
                "wasm.v3.Wasm",
                json!({"config": {
                    "name": "reader",
                    "allow_on_headers_stop_iteration": true,
                    "configuration": {
                        "@type": "type.googleapis.com/google.protobuf.StringValue",
                        "value": mode},
                    "vm_config": {"vm_id": "reader", "runtime": "envoy.wasm.runtime.v8",
                        "code": {"local": {"filename": module}}}}}),
            )]
        }
    }
}

fn native(issuer: &str, keys: &Value) -> Vec<Value> {
    let token = json!({
        "providers": {"idp": {
            "issuer": issuer, "audiences": ["gateway"],
            "local_jwks": {"inline_string": keys.to_string()},
            "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}],
            "forward": true, "payload_in_metadata": "payload",
            // As ours, which keeps the tokens that it has verified.
            "jwt_cache_config": {"jwt_cache_size": 1000}}},
        "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "idp"}}]});
    let message = json!({"traffic_mode": "REJECT_NO_MCP", "max_request_body_size": 10_485_760});
    let is = |path: &[&str], value: Value| {
        let path: Vec<Value> = path.iter().map(|key| json!({"key": key})).collect();
        json!({"sourced_metadata": {"metadata_matcher": {
            "filter": "envoy.filters.http.mcp", "path": path, "value": {"string_match": value}}}})
    };
    let rules = json!({"rules": {"action": "ALLOW", "policies": {
        "developers": {
            "permissions": [{"any": true}],
            "principals": [{"or_ids": {"ids": [
                is(&["method"], json!({"exact": "tools/list"})),
                {"and_ids": {"ids": [
                    is(&["method"], json!({"exact": "tools/call"})),
                    is(&["params", "name"], json!({"prefix": "lookup_"}))]}}]}}]}}}});
    vec![
        filter("jwt_authn", "jwt_authn.v3.JwtAuthentication", token),
        filter("mcp", "mcp.v3.Mcp", message),
        filter("rbac", "rbac.v3.RBAC", rules),
    ]
}

fn filter(name: &str, kind: &str, fields: Value) -> Value {
    json!({"name": format!("envoy.filters.http.{name}"),
        "typed_config": typed(&format!("filters.http.{kind}"), fields)})
}

fn typed(kind: &str, mut fields: Value) -> Value {
    fields["@type"] = json!(format!("{TYPE}.{kind}"));
    fields
}

fn socket(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}
