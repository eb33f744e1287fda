//! The one listener. It depends on the process's settings only: a listener that
//! changes is drained, and with it every open stream.

use std::net::SocketAddr;

use envoy_types::pb::envoy::config::core::v3::http_protocol_options::HeadersWithUnderscoresAction;
use envoy_types::pb::envoy::config::core::v3::{
    Address, AggregatedConfigSource, ApiVersion, CidrRange, ConfigSource, ExtensionConfigSource,
    Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions, SocketAddress, address, config_source,
    socket_address,
};
use envoy_types::pb::envoy::config::listener::v3::{Filter, FilterChain, Listener, filter};
use envoy_types::pb::envoy::config::rbac::v3::Rbac as Rules;
use envoy_types::pb::envoy::extensions::filters::http::jwt_authn::v3::JwtAuthentication;
use envoy_types::pb::envoy::extensions::filters::http::rbac::v3::Rbac;
use envoy_types::pb::envoy::extensions::filters::http::router::v3::Router;
use envoy_types::pb::envoy::extensions::filters::http::wasm::v3::Wasm;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::{
    InternalAddressConfig, PathWithEscapedSlashesAction, RouteSpecifier,
    ServerHeaderTransformation,
};
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, HttpFilter, Rds, http_filter,
};
use envoy_types::pb::google::protobuf::{Any, BoolValue};
use envoy_types::util::pack_any;
use prost::Name as _;

use super::access_log::access_log;
use super::filter::FILTER_NAME;
use super::identity::IDENTITY_NAME;
use super::local_reply::local_replies;
use super::route::ROUTE_NAME;
use super::{named, seconds, uint};

/// The largest body of either direction: Envoy's buffer for one connection.
pub const MAX_BODY_BYTES: u32 = 32 << 20;

/// Longer than any call-out, so that an exchange paused on one is not cut, and
/// one whose VM died does not hang for ever.
const STREAM_IDLE_SECONDS: u32 = 60;

/// Name of the lock behind our filter.
pub(super) const LOCK_NAME: &str = "mcp_verdict";

/// What the listener is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerSettings {
    /// Where clients connect.
    pub address: SocketAddr,
    /// The file of the access log.
    pub access_log: String,
}

/// The listener.
pub(super) fn listener(settings: &ListenerSettings) -> (String, Any) {
    let chain = FilterChain {
        filters: vec![Filter {
            name: "envoy.filters.network.http_connection_manager".to_owned(),
            config_type: Some(filter::ConfigType::TypedConfig(pack_any(manager(settings)))),
        }],
        ..Default::default()
    };
    named(
        FILTER_NAME,
        Listener {
            name: FILTER_NAME.to_owned(),
            address: Some(Address {
                address: Some(address::Address::SocketAddress(SocketAddress {
                    address: settings.address.ip().to_string(),
                    port_specifier: Some(socket_address::PortSpecifier::PortValue(u32::from(
                        settings.address.port(),
                    ))),
                    ..Default::default()
                })),
            }),
            filter_chains: vec![chain],
            per_connection_buffer_limit_bytes: Some(uint(MAX_BODY_BYTES)),
            // One socket for all workers: with a socket each, another process on
            // the same port would answer a part of the clients.
            enable_reuse_port: Some(BoolValue { value: false }),
            ..Default::default()
        },
    )
}

fn manager(settings: &ListenerSettings) -> HttpConnectionManager {
    HttpConnectionManager {
        stat_prefix: "mcp".to_owned(),
        route_specifier: Some(RouteSpecifier::Rds(Rds {
            config_source: Some(ads()),
            route_config_name: ROUTE_NAME.to_owned(),
        })),
        http_filters: vec![
            slot(IDENTITY_NAME, JwtAuthentication::type_url()),
            slot(FILTER_NAME, Wasm::type_url()),
            verdict_lock(),
            router(),
        ],
        access_log: vec![access_log(&settings.access_log)],
        local_reply_config: Some(local_replies()),
        // One spelling of a path, or none.
        normalize_path: Some(yes()),
        merge_slashes: true,
        path_with_escaped_slashes_action: PathWithEscapedSlashesAction::RejectRequest as i32,
        common_http_protocol_options: Some(HttpProtocolOptions {
            headers_with_underscores_action: HeadersWithUnderscoresAction::RejectRequest as i32,
            max_headers_count: Some(uint(64)),
            idle_timeout: Some(seconds(3600)),
            ..Default::default()
        }),
        http_protocol_options: Some(Http1ProtocolOptions {
            // `GET http://other/…` names a second host; nobody sends it to a server.
            allow_absolute_url: Some(BoolValue { value: false }),
            ..Default::default()
        }),
        http2_protocol_options: Some(Http2ProtocolOptions {
            max_concurrent_streams: Some(uint(128)),
            initial_stream_window_size: Some(uint(1 << 20)),
            initial_connection_window_size: Some(uint(4 << 20)),
            ..Default::default()
        }),
        request_headers_timeout: Some(seconds(5)),
        // A body that drips is not held for ever.
        request_timeout: Some(seconds(60)),
        stream_idle_timeout: Some(seconds(STREAM_IDLE_SECONDS)),
        // Every client is an outside one, the loopback too: its request id is
        // replaced and its x-envoy-* headers are taken off.
        use_remote_address: Some(yes()),
        internal_address_config: Some(no_internal_clients()),
        generate_request_id: Some(yes()),
        preserve_external_request_id: false,
        server_header_transformation: ServerHeaderTransformation::PassThrough as i32,
        ..Default::default()
    }
}

/// The slot of a filter that is pushed: until it arrives, and whenever it is missing,
/// everything is denied.
fn slot(name: &str, type_url: String) -> HttpFilter {
    let deny_all = Rbac {
        rules: Some(Rules::default()),
        ..Default::default()
    };
    HttpFilter {
        name: name.to_owned(),
        config_type: Some(http_filter::ConfigType::ConfigDiscovery(
            ExtensionConfigSource {
                config_source: Some(ads()),
                default_config: Some(pack_any(deny_all)),
                apply_default_config_without_warming: true,
                type_urls: vec![type_url, Rbac::type_url()],
            },
        )),
        ..Default::default()
    }
}

/// The lock behind our filter, native to Envoy and a part of the listener for good. By itself
/// it denies everything; each route lets in what the filter has admitted to its cluster, of a
/// caller whom the lock in front has verified. Envoy passes requests by a filter whose configuration fails on one worker alone, and it changes
/// routes and filters one after the other: here both end.
fn verdict_lock() -> HttpFilter {
    let deny_all = Rbac {
        rules: Some(Rules::default()),
        ..Default::default()
    };
    HttpFilter {
        name: LOCK_NAME.to_owned(),
        config_type: Some(http_filter::ConfigType::TypedConfig(pack_any(deny_all))),
        ..Default::default()
    }
}

/// Without ranges Envoy takes loopback and private clients for internal ones and
/// lets them choose their request id. The range is the discard-only prefix of
/// RFC 6666, from which nothing can come.
fn no_internal_clients() -> InternalAddressConfig {
    InternalAddressConfig {
        unix_sockets: false,
        cidr_ranges: vec![CidrRange {
            address_prefix: "100::".to_owned(),
            prefix_len: Some(uint(128)),
        }],
    }
}

fn router() -> HttpFilter {
    HttpFilter {
        name: "envoy.filters.http.router".to_owned(),
        config_type: Some(http_filter::ConfigType::TypedConfig(pack_any(Router {
            suppress_envoy_headers: true,
            ..Default::default()
        }))),
        ..Default::default()
    }
}

fn ads() -> ConfigSource {
    ConfigSource {
        resource_api_version: ApiVersion::V3 as i32,
        config_source_specifier: Some(config_source::ConfigSourceSpecifier::Ads(
            AggregatedConfigSource {},
        )),
        ..Default::default()
    }
}

fn yes() -> BoolValue {
    BoolValue { value: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_meets_both_locks_with_the_filter_between_them() {
        let settings = ListenerSettings {
            address: "127.0.0.1:1".parse().unwrap(),
            access_log: "log".to_owned(),
        };
        let names: Vec<String> = manager(&settings)
            .http_filters
            .into_iter()
            .map(|filter| filter.name)
            .collect();
        let router = "envoy.filters.http.router";
        assert_eq!(names, [IDENTITY_NAME, FILTER_NAME, LOCK_NAME, router]);
    }
}
