use super::*;

pub(crate) fn endpoint(name: &str) -> Endpoint {
    Endpoint {
        name: name.to_owned(),
        tls: false,
        host: "127.0.0.1".to_owned(),
        port: 9001,
        path: "/mcp".to_owned(),
        connect_timeout_seconds: 5,
        timeout_seconds: 30,
        stream_idle_seconds: 3600,
        max_response_bytes: 16 << 20,
        sni: None,
        ca_file: "/ca.pem".to_owned(),
        client_certificate: None,
    }
}

pub(crate) fn set(endpoints: &[Endpoint], snapshot: &[u8]) -> ResourceSet {
    let listener = ListenerSettings {
        address: "127.0.0.1:8080".parse().unwrap(),
        access_log: "/tmp/access.log".to_owned(),
    };
    let module = FilterModule {
        path: "/tmp/filter.wasm".to_owned(),
    };
    ResourceSet::new(&listener, &module, endpoints, &[], snapshot.to_vec())
}

#[test]
fn no_policy_changes_the_listener() {
    let a = set(&[endpoint("a")], b"one");
    let mut tls = endpoint("b");
    tls.tls = true;
    tls.timeout_seconds = 5;
    let b = set(&[tls, endpoint("c")], b"another");
    assert_eq!(a.get(LISTENER_TYPE), b.get(LISTENER_TYPE));
    for other in [CLUSTER_TYPE, ROUTE_TYPE, EXTENSION_TYPE] {
        assert_ne!(
            a.get(other).unwrap().version,
            b.get(other).unwrap().version,
            "{other}"
        );
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    // Maps of the generated types have no order of their own: ask often.
    let first = set(&[endpoint("a")], b"one");
    for _ in 0..50 {
        assert_eq!(first, set(&[endpoint("a")], b"one"));
    }
}

#[test]
fn a_changed_server_gets_a_new_cluster() {
    let a = endpoint("a");
    let mut b = a.clone();
    b.port = 9002;
    assert_ne!(cluster_name(&a), cluster_name(&b));
    assert!(cluster_name(&a).starts_with("a-"));
    assert_eq!(cluster_name(&a).len(), 10);
    let mut c = a.clone();
    // Patience is the route's own.
    c.timeout_seconds = 7;
    assert_eq!(cluster_name(&a), cluster_name(&c));
    // Another path is another server: what was admitted to one may not reach the other.
    c.path = "/other".to_owned();
    assert_ne!(cluster_name(&a), cluster_name(&c));
}

#[test]
fn retiring_clusters_stay_without_routes() {
    let listener = ListenerSettings {
        address: "127.0.0.1:1".parse().unwrap(),
        access_log: "/l".to_owned(),
    };
    let module = FilterModule {
        path: "/f".to_owned(),
    };
    let (a, b) = (endpoint("a"), endpoint("b"));
    let both = ResourceSet::new(
        &listener,
        &module,
        std::slice::from_ref(&a),
        &[b, a.clone()],
        vec![],
    );
    assert_eq!(both.get(CLUSTER_TYPE).unwrap().items.len(), 2);
    let one = ResourceSet::new(&listener, &module, &[a], &[], vec![]);
    assert_eq!(both.get(ROUTE_TYPE), one.get(ROUTE_TYPE));
}

#[test]
fn authority_has_no_default_port() {
    let mut e = endpoint("a");
    assert_eq!(e.authority(), "127.0.0.1:9001");
    e.port = 80;
    assert_eq!(e.authority(), "127.0.0.1");
    e.tls = true;
    e.port = 443;
    e.host = "::1".to_owned();
    assert_eq!(e.authority(), "[::1]");
}
