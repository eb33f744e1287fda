//! The mesh variants: the patches of `envoy/istio/` on what istiod would make of the routes,
//! through the real Envoy. What Istio itself does with them is read from its reference.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{
    Authority, Plant, Process, documents, fill, free_address, part, request, shipped, validate,
    wait,
};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const CONTROL_PLANE: &str = "mcp-zero.mcp-gateway.svc.cluster.local";
const SERVER: &str = "outbound|443||crm.internal.example";

/// A gateway workload with the routes of `routes.yaml` and nothing of ours.
fn mesh(plant: &Plant, address: SocketAddr) -> Value {
    let url = plant.server.url();
    let server: SocketAddr = url
        .trim_start_matches("http://")
        .trim_end_matches("/mcp")
        .parse()
        .unwrap();
    let socket = |a: SocketAddr| json!({"socket_address": {"address": a.ip().to_string(), "port_value": a.port()}});
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "mesh", "use_remote_address": true,
        "route_config": {"name": "http.8080", "virtual_hosts": [
            {"name": "mcp.example.com:8080", "domains": ["*"], "routes": routes()}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config":
            {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]});
    json!({
        "node": {"id": "router~mesh", "cluster": "mcp-gateway", "metadata": metadata()},
        "admin": {"address": {"pipe": {"path": plant.path().join("admin.sock")}}},
        "static_resources": {
            "listeners": [{"name": "0.0.0.0_8080", "address": socket(address), "enable_reuse_port": false,
                "filter_chains": [{"filters": [
                    {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}]}],
            "clusters": [{"name": SERVER, "connect_timeout": "1s", "load_assignment": {
                "cluster_name": SERVER, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket(server)}}]}]}}]}})
}

/// What istiod makes of a VirtualService: a route a match.
fn routes() -> Vec<Value> {
    let [service] = &documents(&shipped("envoy/istio/routes.yaml"))[..] else {
        panic!("one VirtualService");
    };
    let mut routes = Vec::new();
    for http in service["spec"]["http"].as_array().unwrap() {
        assert_eq!(http["retries"]["attempts"], 0);
        for found in http["match"].as_array().unwrap() {
            routes.push(json!({
                "name": http["name"],
                "match": {"path": found["uri"]["exact"]},
                "route": {"cluster": SERVER, "timeout": http["timeout"],
                    "prefix_rewrite": http["rewrite"]["uri"],
                    "host_rewrite_literal": http["rewrite"]["authority"]},
                "request_headers_to_remove": http["headers"]["request"]["remove"]}));
        }
    }
    routes
}

/// The node metadata that the comment of envoyfilter.yaml tells to set.
fn metadata() -> Value {
    let text = shipped("envoy/istio/envoyfilter.yaml");
    let line = text
        .lines()
        .find(|l| l.contains("ISTIO_METAJSON_MCP_ZERO"))
        .unwrap();
    let (_, json) = line.split_once(": '").unwrap();
    serde_json::from_str(json.trim_end_matches('\'')).unwrap()
}

/// Applies the patches of an EnvoyFilter in their order.
fn apply(base: &mut Value, filter: &Value) {
    for patch in filter["spec"]["configPatches"].as_array().unwrap() {
        let value = &patch["patch"]["value"];
        let listener = "/static_resources/listeners/0";
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0";
        let filters =
            "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
        let routes = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes";
        let operation = patch["patch"]["operation"].as_str().unwrap();
        match (patch["applyTo"].as_str().unwrap(), operation) {
            ("BOOTSTRAP", "MERGE") => merge(base, value),
            ("LISTENER", "MERGE") => merge(base.pointer_mut(listener).unwrap(), value),
            ("NETWORK_FILTER", "MERGE") => merge(base.pointer_mut(manager).unwrap(), value),
            ("HTTP_FILTER", "INSERT_BEFORE") => {
                let before =
                    &patch["match"]["listener"]["filterChain"]["filter"]["subFilter"]["name"];
                let filters = base.pointer_mut(filters).unwrap().as_array_mut().unwrap();
                let at = filters.iter().position(|f| f["name"] == *before).unwrap();
                filters.insert(at, value.clone());
            }
            ("HTTP_FILTER", "INSERT_FIRST") => {
                let filters = base.pointer_mut(filters).unwrap().as_array_mut().unwrap();
                filters.insert(0, value.clone());
            }
            ("HTTP_ROUTE", "MERGE") => {
                let name = &patch["match"]["routeConfiguration"]["vhost"]["route"]["name"];
                let routes = base.pointer_mut(routes).unwrap().as_array_mut().unwrap();
                let mut found = routes.iter_mut().filter(|r| r["name"] == *name).peekable();
                assert!(found.peek().is_some(), "no route {name}");
                found.for_each(|route| merge(route, value));
            }
            (what, how) => panic!("{how} of {what}"),
        }
    }
}

/// As protobuf merges: members by name, lists one after the other.
fn merge(base: &mut Value, more: &Value) {
    match (base, more) {
        (Value::Object(base), Value::Object(more)) => {
            for (name, value) in more {
                merge(base.entry(name).or_insert(Value::Null), value);
            }
        }
        (Value::Array(base), Value::Array(more)) => base.extend(more.iter().cloned()),
        (base, more) => *base = more.clone(),
    }
}

/// Both locks with the filter between them.
const NAMES: [&str; 4] = [
    "mcp_identity",
    "mcp_policy",
    "mcp_verdict",
    "envoy.filters.http.router",
];

fn names(configuration: &Value) -> Vec<&str> {
    let filters =
        "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
    let filters = configuration.pointer(filters).unwrap().as_array().unwrap();
    filters
        .iter()
        .map(|f| f["name"].as_str().unwrap())
        .collect()
}

/// Without the filter, the lock lets nobody by.
fn the_lock_holds(plant: &Plant, address: SocketAddr, configuration: &Value) {
    let filters =
        "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
    let mut open = configuration.clone();
    open.pointer_mut(filters)
        .unwrap()
        .as_array_mut()
        .unwrap()
        .retain(|f| f["name"] != "mcp_policy");
    let reached = plant.server.received().len();
    let _envoy = Process::envoy(plant.path(), "open", &open.to_string());
    wait("Envoy", || TcpStream::connect(address).is_ok());
    assert_eq!(
        plant.call(address, "get-x", Some(&plant.token())).status,
        403
    );
    assert_eq!(plant.server.received().len(), reached);
}

#[test]
fn policies_come_over_a_stream_of_our_own() {
    let plant = Plant::start();
    let ours = Authority::new(plant.path(), "ca");
    let control = ours.sign(plant.path(), "control", CONTROL_PLANE);
    let gateway = ours.sign(plant.path(), "gateway", "gateway-1");
    let (xds, address) = (free_address(), free_address());
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let plane = plant.serve(
        address,
        &[
            "--xds",
            &xds.to_string(),
            "--xds-tls-cert",
            &text(&control.certificate),
            "--xds-tls-key",
            &text(&control.key),
            "--xds-tls-client-ca",
            &text(&ours.file),
        ],
    );
    let patches = shipped("envoy/istio/envoyfilter.yaml")
        .replace("/etc/mcp-zero/tls/tls.crt", &text(&gateway.certificate))
        .replace("/etc/mcp-zero/tls/tls.key", &text(&gateway.key))
        .replace("/etc/mcp-zero/tls/ca.crt", &text(&ours.file))
        .replace(
            "path: /dev/stdout",
            &format!("path: {}", text(&plant.path().join("access.log"))),
        );
    let [filter] = &documents(&patches)[..] else {
        panic!("one EnvoyFilter");
    };
    let mut configuration = mesh(&plant, address);
    apply(&mut configuration, filter);
    assert_eq!(names(&configuration), NAMES);
    // The name is not known here; the certificate still has to bear it.
    let at = "/static_resources/clusters/1/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address";
    let endpoint = configuration.pointer_mut(at).unwrap();
    assert_eq!(endpoint["address"], CONTROL_PLANE);
    *endpoint = json!({"address": "127.0.0.1", "port_value": xds.port()});
    validate(plant.path(), "validated", &configuration.to_string()).unwrap();

    let envoy = Process::envoy(plant.path(), "mesh", &configuration.to_string());
    plant.wait_until_ready(address);
    plant.judge(address);
    assert!(plane.log().contains("gateway connected"));
    wait("the record", || {
        std::fs::read_to_string(plant.path().join("access.log"))
            .is_ok_and(|t| t.contains("get-secret"))
    });
    // A push.
    let policy = std::fs::read_to_string(plant.policy()).unwrap();
    std::fs::write(
        plant.policy(),
        policy.replace("['get*', 'echo', 'send']", "['echo']"),
    )
    .unwrap();
    let token = plant.token();
    wait("the new policy", || {
        plant
            .call(address, "get-x", Some(&token))
            .body
            .contains("Access denied")
    });
    // The path of another server of the same mesh is not this one's.
    let other = plant.server.received().len();
    let bearer = format!("Bearer {token}");
    let answer = mcp_zero_tests::exchange(
        address,
        request("POST", "/mcp/other", &[("authorization", &bearer)], "{}").as_bytes(),
    );
    assert_eq!(answer.status, 404);
    assert_eq!(plant.server.received().len(), other);
    drop(envoy);
    the_lock_holds(&plant, address, &configuration);

    // A node that does not say which format its module reads gets no policy.
    let mut silent = configuration.clone();
    silent["node"]["metadata"] = json!({});
    let reached = plant.server.received().len();
    let _envoy = Process::envoy(plant.path(), "silent", &silent.to_string());
    wait("its word", || plane.log().contains("it gets no policy"));
    wait("Envoy", || TcpStream::connect(address).is_ok());
    assert_eq!(plant.call(address, "echo", Some(&token)).status, 403);
    assert_eq!(plant.server.received().len(), reached);
}

/// The HTTP filter that Istio makes of a WasmPlugin: `pluginConfig` as JSON in a string, a
/// local file from the agent. `switch` is the field that Istio does not set.
fn plugin(plugin: &Value, switch: bool) -> Value {
    assert_eq!(plugin["spec"]["failStrategy"], "FAIL_CLOSE");
    let mut config = json!({
        "name": "mcp-gateway.mcp-zero",
        "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": plugin["spec"]["pluginConfig"].to_string()},
        "vm_config": {"runtime": "envoy.wasm.runtime.v8",
            "environment_variables": environment(plugin),
            "code": {"local": {"filename": part("MCP_ZERO_TEST_FILTER")}}}});
    if switch {
        config["allow_on_headers_stop_iteration"] = json!(true);
    }
    json!({"name": "mcp_policy", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", "config": config}})
}

/// What Istio makes of `vmConfig.env`.
fn environment(plugin: &Value) -> Value {
    let variables = plugin["spec"]["vmConfig"]["env"].as_array().unwrap();
    let host = |variable: &Value| {
        assert_eq!(variable["valueFrom"], "HOST");
        variable["name"].clone()
    };
    json!({"host_env_keys": variables.iter().map(host).collect::<Vec<_>>()})
}

fn shipped_plugin(plant: &Plant) -> [Value; 3] {
    let text = fill(
        &shipped("envoy/istio/wasmplugin.yaml"),
        &[("SNAPSHOT", &plant.snapshot()), ("FILTER_SHA256", "00")],
    );
    let text = text
        .replace(
            "/etc/mcp-zero/mcp_zero_filter.wasm",
            &part("MCP_ZERO_TEST_FILTER").to_string_lossy(),
        )
        .replace(
            "/etc/mcp-zero/identity.pb",
            &plant.identity().to_string_lossy(),
        );
    documents(&text)
        .try_into()
        .expect("a WasmPlugin and two EnvoyFilters")
}

#[test]
fn a_plugin_with_its_policy_judges_where_the_mesh_sets_the_switch() {
    let plant = Plant::start();
    let address = free_address();
    let [wasm, lock, _] = shipped_plugin(&plant);
    let with = |switch: bool| {
        let mut configuration = mesh(&plant, address);
        let filters =
            "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
        let filters = configuration
            .pointer_mut(filters)
            .unwrap()
            .as_array_mut()
            .unwrap();
        filters.insert(0, plugin(&wasm, switch));
        apply(&mut configuration, &lock);
        assert_eq!(names(&configuration), NAMES);
        configuration
    };
    let good = with(true);
    validate(plant.path(), "validated", &good.to_string()).unwrap();
    let envoy = Process::envoy(plant.path(), "plugin", &good.to_string());
    plant.wait_until_ready(address);
    plant.judge(address);
    drop(envoy);
    the_lock_holds(&plant, address, &good);

    // Without the switch a call waits: no answer, and nothing at the server.
    let reached = plant.server.received().len();
    let _envoy = Process::envoy(plant.path(), "without", &with(false).to_string());
    wait("Envoy", || TcpStream::connect(address).is_ok());
    let bearer = format!("Bearer {}", plant.token());
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get-x"}}"#;
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(3)))
        .unwrap();
    stream
        .write_all(request("POST", "/mcp/crm", &[("authorization", &bearer)], call).as_bytes())
        .unwrap();
    let read = stream.read(&mut [0; 64]);
    assert!(
        read.is_err(),
        "an answer of {read:?} bytes: the warning in wasmplugin.yaml is out of date"
    );
    assert_eq!(plant.server.received().len(), reached);
}

#[test]
fn the_filter_in_place_of_the_plugin_needs_no_switch_of_the_mesh() {
    let plant = Plant::start();
    let address = free_address();
    let [_, lock, filter] = shipped_plugin(&plant);
    let priority = |f: &Value| f["spec"]["priority"].as_i64().unwrap();
    assert!(
        priority(&filter) < priority(&lock),
        "the lock stands behind the filter"
    );
    let mut configuration = mesh(&plant, address);
    apply(&mut configuration, &filter);
    apply(&mut configuration, &lock);
    assert_eq!(names(&configuration), NAMES);
    validate(plant.path(), "validated", &configuration.to_string()).unwrap();
    let envoy = Process::envoy(plant.path(), "inline", &configuration.to_string());
    plant.wait_until_ready(address);
    plant.judge(address);
    drop(envoy);

    // As text, exactly one member: anything beside it, and Envoy does not start.
    let at = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/1/typed_config/config/configuration";
    let configuration_of_plugin = configuration.pointer_mut(at).unwrap();
    let snapshot = configuration_of_plugin["value"].clone();
    let text = json!({"snapshot": snapshot, "mode": "lenient"}).to_string();
    *configuration_of_plugin = json!({
        "@type": "type.googleapis.com/google.protobuf.StringValue", "value": text});
    let mut envoy = Process::envoy(plant.path(), "more", &configuration.to_string());
    wait("its end", || envoy.exit_code().is_some());
    assert!(envoy.log().contains("and nothing else"), "{}", envoy.log());
}
