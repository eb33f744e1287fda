//! One cluster a server. Its name holds a hash of its content, so that a changed
//! server gets a new cluster before the old one goes.

use std::collections::HashMap;
use std::net::IpAddr;

use envoy_types::pb::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, DiscoveryType, DnsLookupFamily,
};
use envoy_types::pb::envoy::config::cluster::v3::{
    CircuitBreakers, Cluster, OutlierDetection, UpstreamConnectionOptions, circuit_breakers,
};
use envoy_types::pb::envoy::config::core::v3::{
    Address, DataSource, Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions, Pipe,
    SocketAddress, TcpKeepalive, TransportSocket, address, data_source, socket_address,
    transport_socket,
};
use envoy_types::pb::envoy::config::endpoint::v3::{
    ClusterLoadAssignment, Endpoint as LbTarget, LbEndpoint, LocalityLbEndpoints, lb_endpoint,
};
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::subject_alt_name_matcher::SanType;
use envoy_types::pb::envoy::extensions::transport_sockets::tls::v3::{
    CertificateValidationContext, CommonTlsContext, SubjectAltNameMatcher, TlsCertificate,
    UpstreamTlsContext, common_tls_context,
};
use envoy_types::pb::envoy::extensions::upstreams::http::v3::HttpProtocolOptions as UpstreamOptions;
use envoy_types::pb::envoy::extensions::upstreams::http::v3::http_protocol_options::{
    AutoHttpConfig, ExplicitHttpConfig, UpstreamProtocolOptions, explicit_http_config,
};
use envoy_types::pb::envoy::r#type::matcher::v3::{StringMatcher, string_matcher};
use envoy_types::pb::google::protobuf::Any;
use envoy_types::util::pack_any;
use prost::Message as _;
use sha2::{Digest, Sha256};

use super::headers::filters;
use super::{Endpoint, Place, hex, named, seconds, uint};

const UPSTREAM_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Below the five seconds after which Node servers close an idle connection.
const UPSTREAM_IDLE_SECONDS: u32 = 3;

/// The smallest buffer of an upstream connection: Envoy's own default.
const SMALLEST_BUFFER: u32 = 1 << 20;

/// `<server>-<eight hex digits of the cluster's content>`.
pub fn cluster_name(endpoint: &Endpoint) -> String {
    name_of(endpoint, &content(endpoint))
}

/// The cluster of a server.
pub(super) fn cluster(endpoint: &Endpoint) -> (String, Any) {
    let mut cluster = content(endpoint);
    cluster.name = name_of(endpoint, &cluster);
    if let Some(assignment) = cluster.load_assignment.as_mut() {
        assignment.cluster_name.clone_from(&cluster.name);
    }
    named(&cluster.name.clone(), cluster)
}

fn name_of(endpoint: &Endpoint, content: &Cluster) -> String {
    // Path and authority stand in the route, but the filter admits requests to this name:
    // whatever makes a server another one changes it.
    let mut hash = Sha256::new();
    for part in [
        content.encode_to_vec().as_slice(),
        endpoint.path.as_bytes(),
        endpoint.authority().as_bytes(),
    ] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("{}-{}", endpoint.name, hex(&hash.finalize(), 8))
}

fn content(endpoint: &Endpoint) -> Cluster {
    let (discovery, keepalive) = match &endpoint.place {
        Place::Network { host, .. } if host.parse::<IpAddr>().is_ok() => {
            (DiscoveryType::Static, Some(keepalive()))
        }
        Place::Network { .. } => (DiscoveryType::StrictDns, Some(keepalive())),
        // A Unix socket has no options of TCP.
        Place::Bridge { .. } => (DiscoveryType::Static, None),
    };
    Cluster {
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(discovery as i32)),
        dns_lookup_family: DnsLookupFamily::V4Preferred as i32,
        connect_timeout: Some(seconds(endpoint.connect_timeout_seconds)),
        per_connection_buffer_limit_bytes: Some(uint(
            endpoint.max_response_bytes.max(SMALLEST_BUFFER),
        )),
        load_assignment: Some(assignment(endpoint)),
        typed_extension_protocol_options: HashMap::from([(
            UPSTREAM_OPTIONS.to_owned(),
            pack_any(protocol(endpoint)),
        )]),
        transport_socket: endpoint.tls.then(|| tls(endpoint)),
        circuit_breakers: Some(CircuitBreakers {
            thresholds: vec![circuit_breakers::Thresholds {
                max_connections: Some(uint(4096)),
                max_pending_requests: Some(uint(1024)),
                max_requests: Some(uint(8192)),
                max_retries: Some(uint(16)),
                ..Default::default()
            }],
            ..Default::default()
        }),
        // Only matters where a name has several addresses; half of them stay.
        outlier_detection: Some(OutlierDetection {
            consecutive_gateway_failure: Some(uint(5)),
            enforcing_consecutive_gateway_failure: Some(uint(100)),
            enforcing_consecutive_5xx: Some(uint(0)),
            enforcing_success_rate: Some(uint(0)),
            max_ejection_percent: Some(uint(50)),
            ..Default::default()
        }),
        upstream_connection_options: Some(UpstreamConnectionOptions {
            tcp_keepalive: keepalive,
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn keepalive() -> TcpKeepalive {
    TcpKeepalive {
        keepalive_probes: Some(uint(3)),
        keepalive_time: Some(uint(30)),
        keepalive_interval: Some(uint(10)),
    }
}

fn assignment(endpoint: &Endpoint) -> ClusterLoadAssignment {
    let address = match &endpoint.place {
        Place::Network { host, port } => address::Address::SocketAddress(SocketAddress {
            address: host.clone(),
            port_specifier: Some(socket_address::PortSpecifier::PortValue(u32::from(*port))),
            ..Default::default()
        }),
        Place::Bridge { socket } => address::Address::Pipe(Pipe {
            path: socket.clone(),
            mode: 0,
        }),
    };
    let address = Address {
        address: Some(address),
    };
    ClusterLoadAssignment {
        // Envoy wants a name here; it is the cluster's own once that is known.
        cluster_name: endpoint.name.clone(),
        endpoints: vec![LocalityLbEndpoints {
            lb_endpoints: vec![LbEndpoint {
                host_identifier: Some(lb_endpoint::HostIdentifier::Endpoint(LbTarget {
                    address: Some(address),
                    ..Default::default()
                })),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn protocol(endpoint: &Endpoint) -> UpstreamOptions {
    let http1 = Http1ProtocolOptions::default();
    let choice = if endpoint.tls {
        UpstreamProtocolOptions::AutoConfig(AutoHttpConfig {
            http_protocol_options: Some(http1),
            http2_protocol_options: Some(Http2ProtocolOptions::default()),
            ..Default::default()
        })
    } else {
        UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
            protocol_config: Some(explicit_http_config::ProtocolConfig::HttpProtocolOptions(
                http1,
            )),
        })
    };
    UpstreamOptions {
        common_http_protocol_options: Some(HttpProtocolOptions {
            idle_timeout: Some(seconds(UPSTREAM_IDLE_SECONDS)),
            ..Default::default()
        }),
        upstream_protocol_options: Some(choice),
        http_filters: filters(&endpoint.headers),
        ..Default::default()
    }
}

fn tls(endpoint: &Endpoint) -> TransportSocket {
    let host = match &endpoint.place {
        Place::Network { host, .. } => host,
        Place::Bridge { .. } => "",
    };
    let name = endpoint.sni.as_deref().unwrap_or(host);
    let is_address = name.parse::<IpAddr>().is_ok();
    let san_type = if is_address {
        SanType::IpAddress
    } else {
        SanType::Dns
    };
    let certificates = endpoint
        .client_certificate
        .iter()
        .map(|(certificate, key)| TlsCertificate {
            certificate_chain: Some(file(certificate)),
            private_key: Some(file(key)),
            ..Default::default()
        })
        .collect();
    let context = UpstreamTlsContext {
        // An address is no name, so none is sent (RFC 6066).
        sni: if is_address {
            String::new()
        } else {
            name.to_owned()
        },
        common_tls_context: Some(CommonTlsContext {
            tls_certificates: certificates,
            alpn_protocols: vec!["h2".to_owned(), "http/1.1".to_owned()],
            validation_context_type: Some(
                common_tls_context::ValidationContextType::ValidationContext(
                    CertificateValidationContext {
                        trusted_ca: Some(file(&endpoint.ca_file)),
                        match_typed_subject_alt_names: vec![SubjectAltNameMatcher {
                            san_type: san_type as i32,
                            matcher: Some(exact(name)),
                            ..Default::default()
                        }],
                        ..Default::default()
                    },
                ),
            ),
            ..Default::default()
        }),
        ..Default::default()
    };
    TransportSocket {
        name: "envoy.transport_sockets.tls".to_owned(),
        config_type: Some(transport_socket::ConfigType::TypedConfig(pack_any(context))),
    }
}

fn file(path: &str) -> DataSource {
    DataSource {
        specifier: Some(data_source::Specifier::Filename(path.to_owned())),
        ..Default::default()
    }
}

fn exact(text: &str) -> StringMatcher {
    StringMatcher {
        match_pattern: Some(string_matcher::MatchPattern::Exact(text.to_owned())),
        ..Default::default()
    }
}
