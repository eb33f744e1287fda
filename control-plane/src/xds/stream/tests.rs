use std::collections::HashMap;
use std::net::SocketAddr;

use envoy_types::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use envoy_types::pb::google::protobuf::{Struct, Value};
use envoy_types::pb::google::rpc::Status;
use tokio::sync::watch;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};

use super::super::resource::tests::{endpoint, set};
use super::super::resource::{CLUSTER_TYPE, LISTENER_TYPE, ROUTE_TYPE, TYPES};
use super::super::server::Discovery;
use super::*;

/// The format that a gateway of this build names.
const OURS: f64 = FORMAT as f64;

fn node(format: Option<f64>) -> Node {
    let mut fields = HashMap::new();
    if let Some(format) = format {
        fields.insert(
            "format".to_owned(),
            Value {
                kind: Some(Kind::NumberValue(format)),
            },
        );
    }
    Node {
        id: "n".to_owned(),
        metadata: Some(Struct { fields }),
        ..Default::default()
    }
}

fn subscribe(type_url: &str) -> DiscoveryRequest {
    DiscoveryRequest {
        node: Some(node(Some(OURS))),
        type_url: type_url.to_owned(),
        ..Default::default()
    }
}

fn answer(to: &DiscoveryResponse, refused: Option<&str>) -> DiscoveryRequest {
    DiscoveryRequest {
        type_url: to.type_url.clone(),
        response_nonce: to.nonce.clone(),
        version_info: to.version_info.clone(),
        error_detail: refused.map(|message| Status {
            code: 3,
            message: message.to_owned(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn stream() -> (Stream, Fleet) {
    let fleet = Fleet::default();
    let set = Arc::new(set(&[endpoint("a")], b"s"));
    (Stream::new(7, &TYPES, fleet.clone(), set), fleet)
}

#[test]
fn a_stream_of_extensions_speaks_of_nothing_else() {
    let fleet = Fleet::default();
    let first = Arc::new(set(&[endpoint("a")], b"s"));
    let mut stream = Stream::new(7, &[EXTENSION_TYPE], fleet.clone(), first);
    for other in [CLUSTER_TYPE, LISTENER_TYPE, ROUTE_TYPE] {
        assert!(stream.request(&subscribe(other)).is_none(), "{other}");
    }
    let sent = stream.request(&subscribe(EXTENSION_TYPE)).unwrap();
    assert_eq!(sent.resources.len(), 2);
    assert!(stream.request(&answer(&sent, None)).is_none());
    assert!(fleet.gateways()[0].is_current());
    // A policy with another server: its cluster and route are none of this stream's business.
    let due = stream.change(Arc::new(set(&[endpoint("b")], b"t")));
    let types: Vec<&str> = due.iter().map(|d| d.type_url.as_str()).collect();
    assert_eq!(types, [EXTENSION_TYPE]);
}

#[test]
fn an_acknowledgement_is_not_answered() {
    let (mut stream, fleet) = stream();
    let first = stream.request(&subscribe(CLUSTER_TYPE)).unwrap();
    assert_eq!(first.resources.len(), 1);
    assert!(!fleet.gateways()[0].is_current());
    assert!(stream.request(&answer(&first, None)).is_none());
    assert!(fleet.gateways()[0].is_current());
}

#[test]
fn a_refusal_is_noted_and_the_same_version_not_sent_again() {
    let (mut stream, fleet) = stream();
    let first = stream.request(&subscribe(EXTENSION_TYPE)).unwrap();
    assert!(stream.request(&answer(&first, Some("no"))).is_none());
    let gateway = &fleet.gateways()[0];
    assert!(!gateway.is_current());
    assert_eq!(
        gateway.resources["TypedExtensionConfig"].refused.as_deref(),
        Some("no")
    );
    // The next version may be better.
    let better = stream.change(Arc::new(set(&[endpoint("a")], b"better")));
    assert_eq!(better.len(), 1);
    assert!(stream.request(&answer(&better[0], None)).is_none());
    assert!(fleet.gateways()[0].is_current());
}

#[test]
fn only_what_changed_is_sent_and_clusters_come_first() {
    let (mut stream, _fleet) = stream();
    for type_url in [ROUTE_TYPE, EXTENSION_TYPE, LISTENER_TYPE, CLUSTER_TYPE] {
        assert!(stream.request(&subscribe(type_url)).is_some());
    }
    assert!(
        stream
            .change(Arc::new(set(&[endpoint("a")], b"s")))
            .is_empty()
    );
    let changed = stream.change(Arc::new(set(&[endpoint("b")], b"t")));
    let types: Vec<_> = changed.iter().map(|r| r.type_url.as_str()).collect();
    assert_eq!(types, [CLUSTER_TYPE, ROUTE_TYPE, EXTENSION_TYPE]);
}

#[test]
fn an_answer_to_an_older_response_is_ignored() {
    let (mut stream, fleet) = stream();
    let first = stream.request(&subscribe(CLUSTER_TYPE)).unwrap();
    let second = stream.change(Arc::new(set(&[endpoint("b")], b"s")));
    assert!(stream.request(&answer(&first, None)).is_none());
    assert!(!fleet.gateways()[0].is_current());
    stream.request(&answer(&second[0], None));
    assert!(fleet.gateways()[0].is_current());
}

#[test]
fn another_format_gets_no_policy() {
    for format in [None, Some(OURS - 1.0), Some(OURS + 1.0), Some(OURS + 0.5)] {
        let (mut stream, fleet) = stream();
        let mut request = subscribe(EXTENSION_TYPE);
        request.node = Some(node(format));
        assert!(stream.request(&request).is_none(), "{format:?}");
        assert!(!fleet.gateways()[0].is_current());
    }
}

#[test]
fn unknown_types_and_other_names_get_nothing() {
    let (mut stream, _fleet) = stream();
    assert!(
        stream
            .request(&subscribe("type.googleapis.com/x.Y"))
            .is_none()
    );
    let mut request = subscribe(EXTENSION_TYPE);
    request.resource_names = vec!["other".to_owned()];
    assert!(stream.request(&request).unwrap().resources.is_empty());
    // Asking for further names is answered at once.
    request.resource_names.push("mcp_policy".to_owned());
    assert_eq!(stream.request(&request).unwrap().resources.len(), 1);
}

#[test]
fn a_stream_that_ends_leaves_the_fleet() {
    let (mut stream, fleet) = stream();
    stream.request(&subscribe(CLUSTER_TYPE));
    assert_eq!(fleet.gateways().len(), 1);
    drop(stream);
    assert!(fleet.gateways().is_empty());
}

async fn serve(resources: watch::Receiver<Arc<ResourceSet>>, fleet: Fleet) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(Discovery::new(resources, fleet).aggregated())
            .serve_with_incoming(TcpListenerStream::new(listener)),
    );
    address
}

#[tokio::test]
async fn over_grpc_a_push_arrives_and_is_acknowledged() {
    let (push, resources) = watch::channel(Arc::new(ResourceSet::default()));
    let fleet = Fleet::default();
    let address = serve(resources, fleet.clone()).await;
    let mut client = AggregatedDiscoveryServiceClient::connect(format!("http://{address}"))
        .await
        .unwrap();
    let (requests, receiver) = tokio::sync::mpsc::channel(8);
    requests.send(subscribe(EXTENSION_TYPE)).await.unwrap();
    let mut responses = client
        .stream_aggregated_resources(ReceiverStream::new(receiver))
        .await
        .unwrap()
        .into_inner();
    // Nothing is there yet; then a policy comes.
    push.send(Arc::new(set(&[endpoint("a")], b"s"))).unwrap();
    let response = responses.message().await.unwrap().unwrap();
    assert_eq!(response.type_url, EXTENSION_TYPE);
    requests.send(answer(&response, None)).await.unwrap();
    for _ in 0..100 {
        if fleet.gateways().first().is_some_and(|g| g.is_current()) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("never acknowledged");
}
