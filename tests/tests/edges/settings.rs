//! The settings as Envoy itself has them, by its admin interface.

use super::{call, result};
use jwt_simple::prelude::ES256KeyPair;
use jwt_simple::reexports::ct_codecs::{Base64, Decoder as _};
use mcp_zero_tests::{Gateway, Scripted, policy};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;

/// The first object below `value` whose `@type` ends so.
fn find<'a>(value: &'a Value, kind: &str) -> Option<&'a Value> {
    let is_it = value["@type"].as_str().is_some_and(|t| t.ends_with(kind));
    match value {
        Value::Object(_) if is_it => Some(value),
        Value::Object(members) => members.values().find_map(|v| find(v, kind)),
        Value::Array(items) => items.iter().find_map(|v| find(v, kind)),
        _ => None,
    }
}

#[test]
fn what_the_product_promises_is_in_force() {
    let server = Scripted::json(result(1, "fine"));
    let gateway = Gateway::start(&policy(&server.url()));
    let dump: Value = serde_json::from_str(&gateway.envoy_admin("/config_dump")).unwrap();
    let part = |kind: &str| find(&dump, kind).unwrap_or_else(|| panic!("no {kind} in {dump:#}"));
    let check = |of: &Value, wanted: &[(&str, Value)]| {
        for (pointer, value) in wanted {
            assert_eq!(of.pointer(pointer), Some(value), "{pointer} in {of:#}");
        }
    };

    let manager = part(".HttpConnectionManager");
    check(
        manager,
        &[
            ("/normalize_path", json!(true)),
            ("/merge_slashes", json!(true)),
            ("/path_with_escaped_slashes_action", json!("REJECT_REQUEST")),
            (
                "/common_http_protocol_options/headers_with_underscores_action",
                json!("REJECT_REQUEST"),
            ),
            ("/common_http_protocol_options/max_headers_count", json!(64)),
            ("/http_protocol_options/allow_absolute_url", json!(false)),
            ("/request_headers_timeout", json!("5s")),
            ("/request_timeout", json!("60s")),
            ("/stream_idle_timeout", json!("60s")),
            ("/use_remote_address", json!(true)),
            // Both slots deny while they are empty, the lock behind them unless a route opens it.
            ("/http_filters/0/name", json!("mcp_identity")),
            (
                "/http_filters/0/config_discovery/default_config/rules",
                json!({}),
            ),
            (
                "/http_filters/0/config_discovery/apply_default_config_without_warming",
                json!(true),
            ),
            ("/http_filters/1/name", json!("mcp_policy")),
            (
                "/http_filters/1/config_discovery/default_config/rules",
                json!({}),
            ),
            (
                "/http_filters/1/config_discovery/apply_default_config_without_warming",
                json!(true),
            ),
            ("/http_filters/2/typed_config/rules", json!({})),
            ("/http_filters/3/name", json!("envoy.filters.http.router")),
        ],
    );
    for absent in ["upgrade_configs", "preserve_external_request_id"] {
        assert!(manager.get(absent).is_none(), "{manager:#}");
    }
    let listener = part(".listener.v3.Listener");
    check(
        listener,
        &[
            ("/per_connection_buffer_limit_bytes", json!(32 << 20)),
            ("/enable_reuse_port", json!(false)),
        ],
    );

    let filter = &part(".filters.http.wasm.v3.Wasm")["config"];
    check(
        filter,
        &[
            ("/failure_policy", json!("FAIL_RELOAD")),
            ("/reload_config/backoff/base_interval", json!("1s")),
            ("/allow_on_headers_stop_iteration", json!(true)),
        ],
    );
    let code = &filter["vm_config"]["code"];
    assert!(
        code["local"]["filename"].is_string() && code.get("remote").is_none(),
        "{code}"
    );

    let identity = part(".filters.http.jwt_authn.v3.JwtAuthentication");
    let provider = identity["providers"].as_object().unwrap().values().next();
    check(
        provider.unwrap(),
        &[
            ("/forward", json!(true)),
            ("/payload_in_metadata", json!("jwt")),
        ],
    );
    let any_of = &identity["rules"][0]["requires"]["requires_any"]["requirements"];
    assert!(
        any_of[1]["allow_missing_or_failed"].is_object(),
        "it answers nobody: {identity:#}"
    );

    let routes = &part(".route.v3.RouteConfiguration");
    check(
        routes,
        &[("/request_headers_to_remove", json!(["authorization"]))],
    );
    let routes = routes["virtual_hosts"][0]["routes"].as_array().unwrap();
    assert_eq!(
        routes.len(),
        4,
        "with and without a slash, streams and requests"
    );
    for route in routes {
        check(
            route,
            &[
                ("/route/timeout", json!("0s")),
                ("/route/retry_policy/retry_on", json!("connect-failure")),
            ],
        );
        assert!(route["route"]["idle_timeout"].is_string(), "{route:#}");
        let lock = &route["typed_per_filter_config"]["mcp_verdict"]["rbac"]["rules"];
        let opens = &lock["policies"]["admitted"]["principals"];
        let both = opens[0]["and_ids"]["ids"].as_array().unwrap();
        assert_eq!(opens.as_array().unwrap().len(), 1, "{lock:#}");
        assert!(both[0].to_string().contains("jwt_authn"), "{lock:#}");
        assert!(
            both[1].to_string().contains("wasm.mcpz.verdict"),
            "{lock:#}"
        );
    }
    let cluster = find(&dump["configs"], "UpstreamHttpProtocolOptions")
        .or_else(|| {
            // Ours, not the control plane's.
            dump["configs"]
                .as_array()?
                .iter()
                .find_map(|c| find(&c["dynamic_active_clusters"], "http.v3.HttpProtocolOptions"))
        })
        .unwrap();
    check(
        cluster,
        &[("/common_http_protocol_options/idle_timeout", json!("3s"))],
    );

    let bootstrap = &part(".BootstrapConfigDump")["bootstrap"];
    check(
        bootstrap,
        &[
            ("/watchdogs/worker_watchdog/kill_timeout", json!("3s")),
            ("/watchdogs/worker_watchdog/megamiss_timeout", json!("1s")),
            ("/admin/address/pipe/mode", json!(0o600)),
        ],
    );
    assert!(
        bootstrap["watchdogs"]["main_thread_watchdog"]
            .get("kill_timeout")
            .is_none()
    );
    let overload = &bootstrap["overload_manager"];
    check(
        find(overload, ".FixedHeapConfig").unwrap(),
        &[("/max_heap_size_bytes", json!("1073741824"))],
    );
    check(
        find(overload, ".DownstreamConnectionsConfig").unwrap(),
        &[("/max_active_downstream_connections", json!("10000"))],
    );
    let actions: Vec<&str> = overload["actions"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|a| a["name"].as_str())
        .collect();
    assert_eq!(
        actions,
        [
            "envoy.overload_actions.shrink_heap",
            "envoy.overload_actions.disable_http_keepalive",
            "envoy.overload_actions.stop_accepting_requests"
        ]
    );
}

/// The TCP ports on which a process listens.
fn ports(pid: u32) -> Vec<u16> {
    let mut own = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .flatten()
    {
        if let Ok(target) = std::fs::read_link(entry.path()) {
            own.push(target.to_string_lossy().into_owned());
        }
    }
    let mut ports = Vec::new();
    for table in ["tcp", "tcp6"] {
        let text = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            // Local address, state (0A listens), inode.
            let [address, state, inode] = [fields[1], fields[3], fields[9]];
            if state == "0A" && own.contains(&format!("socket:[{inode}]")) {
                let (_, port) = address.rsplit_once(':').unwrap();
                ports.push(u16::from_str_radix(port, 16).unwrap());
            }
        }
    }
    ports.sort_unstable();
    ports.dedup();
    ports
}

#[test]
fn admin_is_a_socket_of_the_owner() {
    let server = Scripted::json(result(1, "fine"));
    let gateway = Gateway::start(&policy(&server.url()));
    let token = gateway.token("alice", "developers");
    assert_eq!(
        gateway.post("s", &token, &call(1, "get-x", "n")).status,
        200
    );
    let envoy = gateway.envoy_pid().expect("an Envoy");
    assert_eq!(
        ports(envoy),
        [gateway.address().port()],
        "Envoy listens for clients and nowhere else"
    );
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode();
    let socket = gateway.state().join("envoy.sock");
    assert_eq!(mode(&socket) & 0o777, 0o600);
    assert_eq!(mode(&gateway.state()) & 0o077, 0, "only the owner enters");

    // What the admin interface shows holds no secret of this gateway.
    let everything = gateway.envoy_admin("/config_dump?include_eds");
    assert!(everything.contains("mcp_policy"));
    let pem = std::fs::read_to_string(gateway.state().join("dev-issuer.key.pem")).unwrap();
    let key = ES256KeyPair::from_pem(&pem).unwrap().to_bytes();
    // Its first line holds the beginning of the private key and nothing of the public one.
    let line = pem.lines().nth(1).unwrap();
    assert!(line.len() == 64 && key.len() == 32);
    let pages = [
        "/config_dump?include_eds",
        "/server_info",
        "/stats",
        "/clusters",
        "/listeners",
    ];
    let mut decoded = 0;
    for page in pages {
        let shown = gateway.envoy_admin(page);
        assert!(!shown.is_empty(), "{page}");
        for secret in token.split('.').chain([line]) {
            assert!(!shown.contains(secret), "{page}");
        }
        // The filter's configuration is shown in base64.
        for text in shown.split('"').filter(|text| text.len() > 40) {
            if let Ok(bytes) = Base64::decode_to_vec(text, None) {
                decoded += 1;
                let has = |secret: &[u8]| bytes.windows(secret.len()).any(|w| w == secret);
                assert!(!has(&key) && !has(token.as_bytes()), "{page}");
            }
        }
    }
    assert!(decoded > 0, "the snapshot was looked into");
}
