use super::*;

pub(crate) fn endpoint(name: &str) -> Endpoint {
    Endpoint {
        name: name.to_owned(),
        place: at("127.0.0.1", 9001),
        tls: false,
        path: "/mcp".to_owned(),
        connect_timeout_seconds: 5,
        timeout_seconds: 30,
        stream_idle_seconds: 3600,
        max_response_bytes: 16 << 20,
        sni: None,
        ca_file: "/ca.pem".to_owned(),
        client_certificate: None,
        headers: Vec::new(),
        exchange: false,
    }
}

fn at(host: &str, port: u16) -> Place {
    Place::Network {
        host: host.to_owned(),
        port,
    }
}

fn bridged(name: &str, tag: &str) -> Endpoint {
    Endpoint {
        place: Place::Bridge {
            socket: "/state/bridge.sock".to_owned(),
        },
        headers: vec![("x-mcp-zero-server".to_owned(), tag.to_owned())],
        path: format!("/{name}"),
        ..endpoint(name)
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
    ResourceSet::new(&listener, &module, endpoints, &[], &[], snapshot.to_vec())
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
    b.place = at("127.0.0.1", 9002);
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
        &[],
        vec![],
    );
    assert_eq!(both.get(CLUSTER_TYPE).unwrap().items.len(), 2);
    let one = ResourceSet::new(&listener, &module, &[a], &[], &[], vec![]);
    assert_eq!(both.get(ROUTE_TYPE), one.get(ROUTE_TYPE));
}

#[test]
fn authority_has_no_default_port() {
    let mut e = endpoint("a");
    assert_eq!(e.authority(), "127.0.0.1:9001");
    e.place = at("127.0.0.1", 80);
    assert_eq!(e.authority(), "127.0.0.1");
    e.tls = true;
    e.place = at("::1", 443);
    assert_eq!(e.authority(), "[::1]");
}

fn decoded<T: prost::Message + Default>(any: &Any) -> T {
    T::decode(any.value.as_slice()).unwrap()
}

fn text_of(set: &ResourceSet) -> String {
    let items = TYPES
        .iter()
        .filter_map(|t| set.get(t))
        .flat_map(|r| &r.items);
    let texts = items.map(|(_, any)| String::from_utf8_lossy(&any.value).into_owned());
    texts.collect()
}

#[test]
fn a_bridged_server_is_a_pipe_and_a_path() {
    use envoy_types::pb::envoy::config::cluster::v3::Cluster;
    use envoy_types::pb::envoy::config::route::v3::{RouteConfiguration, route};
    let server = bridged("files", "00");
    let set = set(std::slice::from_ref(&server), b"one");
    let cluster: Cluster = decoded(&set.get(CLUSTER_TYPE).unwrap().items[0].1);
    let shown = format!("{:?}", cluster.load_assignment);
    assert!(
        shown.contains("Pipe") && shown.contains("/state/bridge.sock"),
        "{shown}"
    );
    // Options of TCP make connections over a Unix socket fail.
    assert!(
        cluster
            .upstream_connection_options
            .unwrap()
            .tcp_keepalive
            .is_none()
    );
    let routes: RouteConfiguration = decoded(&set.get(ROUTE_TYPE).unwrap().items[0].1);
    let Some(route::Action::Route(action)) = &routes.virtual_hosts[0].routes[0].action else {
        panic!("it leads to a server");
    };
    assert_eq!(action.prefix_rewrite, "/files");
    // Another program is another server.
    assert_ne!(cluster_name(&server), cluster_name(&bridged("files", "01")));
}

#[test]
fn headers_belong_to_the_cluster() {
    let mut a = endpoint("a");
    a.headers = vec![(
        "authorization".to_owned(),
        "Bearer %ENVIRONMENT(TOKEN)%".to_owned(),
    )];
    let with = text_of(&set(std::slice::from_ref(&a), b"one"));
    assert!(with.contains("Bearer %ENVIRONMENT(TOKEN)%"), "{with}");
    let mut b = a.clone();
    b.headers[0].1 = "Bearer %ENVIRONMENT(OTHER)%".to_owned();
    assert_ne!(cluster_name(&a), cluster_name(&b));
    assert_ne!(cluster_name(&a), cluster_name(&endpoint("a")));
}
