//! Routes: one exact path a server, nothing else.

use std::collections::HashMap;

use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::config::rbac::v3::{
    MetadataSource, Permission, Policy, Principal, Rbac as Rules, SourcedMetadata, permission,
    principal,
};
use envoy_types::pb::envoy::config::route::v3::{
    HeaderMatcher, RetryPolicy, Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost,
    header_matcher::HeaderMatchSpecifier, route, route_action, route_match,
};
use envoy_types::pb::envoy::extensions::filters::http::rbac::v3::{Rbac, RbacPerRoute};
use envoy_types::pb::envoy::r#type::matcher::v3::{
    FilterStateMatcher, MetadataMatcher, StringMatcher, ValueMatcher, filter_state_matcher,
    metadata_matcher, string_matcher, value_matcher,
};
use envoy_types::pb::google::protobuf::Any;
use envoy_types::util::pack_any;

use super::cluster::cluster_name;
use super::identity::{METADATA, PAYLOAD, Provider};
use super::listener::LOCK_NAME;
use super::{Endpoint, named, seconds, uint};

/// Name of the route configuration.
pub const ROUTE_NAME: &str = "mcp-zero";

/// Filter state that our filter sets on a request it lets go: the cluster it may go to.
const VERDICT: &str = "wasm.mcpz.verdict";

/// Filter state with the value of `Authorization` for the server.
const CREDENTIAL: &str = "wasm.mcpz.upauth";

/// The route configuration; a path without a route is Envoy's 404.
pub(super) fn routes(endpoints: &[Endpoint], providers: &[Provider]) -> (String, Any) {
    let routes = endpoints.iter();
    let routes = routes.flat_map(|endpoint| server_routes(endpoint, providers));
    let routes = routes.collect();
    named(
        ROUTE_NAME,
        RouteConfiguration {
            name: ROUTE_NAME.to_owned(),
            virtual_hosts: vec![VirtualHost {
                name: ROUTE_NAME.to_owned(),
                domains: vec!["*".to_owned()],
                routes,
                ..Default::default()
            }],
            // The caller's credential stays here even where the filter is absent. A route may put
            // another in its place: what it adds comes after what all of them take off.
            request_headers_to_remove: vec!["authorization".to_owned()],
            most_specific_header_mutations_wins: true,
            ..Default::default()
        },
    )
}

fn server_routes(endpoint: &Endpoint, providers: &[Provider]) -> Vec<Route> {
    let bare = format!("/mcp/{}", endpoint.name);
    let slashed = format!("{bare}/");
    let mut routes = Vec::with_capacity(4);
    for path in [bare, slashed] {
        routes.push(route(endpoint, providers, &path, true));
        routes.push(route(endpoint, providers, &path, false));
    }
    routes
}

/// A GET is a stream that may stay silent for long; anything else is a request.
fn route(endpoint: &Endpoint, providers: &[Provider], path: &str, stream: bool) -> Route {
    let headers = if stream { vec![is_get()] } else { Vec::new() };
    let idle = if stream {
        endpoint.stream_idle_seconds
    } else {
        endpoint.timeout_seconds
    };
    Route {
        name: endpoint.name.clone(),
        r#match: Some(RouteMatch {
            path_specifier: Some(route_match::PathSpecifier::Path(path.to_owned())),
            headers,
            ..Default::default()
        }),
        action: Some(route::Action::Route(RouteAction {
            cluster_specifier: Some(route_action::ClusterSpecifier::Cluster(cluster_name(
                endpoint,
            ))),
            // On an exact match the whole path is replaced.
            prefix_rewrite: endpoint.path.clone(),
            host_rewrite_specifier: Some(route_action::HostRewriteSpecifier::HostRewriteLiteral(
                endpoint.authority(),
            )),
            // Answers may be long streams: the silence is limited, not the length.
            timeout: Some(seconds(0)),
            idle_timeout: Some(seconds(idle)),
            // Only where the request certainly never reached the server.
            retry_policy: Some(RetryPolicy {
                retry_on: "connect-failure".to_owned(),
                num_retries: Some(uint(1)),
                ..Default::default()
            }),
            ..Default::default()
        })),
        request_headers_to_add: credential(endpoint),
        typed_per_filter_config: unlocked_by(&cluster_name(endpoint), providers),
        ..Default::default()
    }
}

/// The token that our filter has got for this server. It leaves it in the filter state, which no
/// client can write; where there is none the header is not set.
fn credential(endpoint: &Endpoint) -> Vec<HeaderValueOption> {
    if !endpoint.exchange {
        return Vec::new();
    }
    vec![HeaderValueOption {
        header: Some(HeaderValue {
            key: "authorization".to_owned(),
            value: format!("%FILTER_STATE({CREDENTIAL}:PLAIN)%"),
            ..Default::default()
        }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd as i32,
        ..Default::default()
    }]
}

/// Lets in what our filter has admitted to this very cluster: a request that was judged under
/// an older policy does not follow a newer route, nor the other way round. With identity the
/// lock in front has verified a token of one of the issuers, too.
fn unlocked_by(cluster: &str, providers: &[Provider]) -> HashMap<String, Any> {
    let admitted = principal::Identifier::FilterState(FilterStateMatcher {
        key: VERDICT.to_owned(),
        matcher: Some(filter_state_matcher::Matcher::StringMatch(exactly(cluster))),
    });
    let opens = if providers.is_empty() {
        admitted
    } else {
        let issuers = providers.iter().map(|p| verified_by(&p.issuer));
        let verified = principal::Identifier::OrIds(set(issuers));
        principal::Identifier::AndIds(set([verified, admitted].into_iter()))
    };
    let policy = Policy {
        permissions: vec![Permission {
            rule: Some(permission::Rule::Any(true)),
        }],
        principals: vec![Principal {
            identifier: Some(opens),
        }],
        ..Default::default()
    };
    let rbac = Rbac {
        rules: Some(Rules {
            policies: [("admitted".to_owned(), policy)].into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let lock = pack_any(RbacPerRoute { rbac: Some(rbac) });
    [(LOCK_NAME.to_owned(), lock)].into()
}

fn set(ids: impl Iterator<Item = principal::Identifier>) -> principal::Set {
    let ids = ids.map(|id| Principal {
        identifier: Some(id),
    });
    principal::Set { ids: ids.collect() }
}

/// A token whose `iss` is this was verified by the lock in front.
fn verified_by(issuer: &str) -> principal::Identifier {
    let segment = |key: &str| metadata_matcher::PathSegment {
        segment: Some(metadata_matcher::path_segment::Segment::Key(key.to_owned())),
    };
    principal::Identifier::SourcedMetadata(SourcedMetadata {
        metadata_matcher: Some(MetadataMatcher {
            filter: METADATA.to_owned(),
            path: vec![segment(PAYLOAD), segment("iss")],
            value: Some(ValueMatcher {
                match_pattern: Some(value_matcher::MatchPattern::StringMatch(exactly(issuer))),
            }),
            invert: false,
        }),
        metadata_source: MetadataSource::Dynamic as i32,
    })
}

fn exactly(text: &str) -> StringMatcher {
    StringMatcher {
        match_pattern: Some(string_matcher::MatchPattern::Exact(text.to_owned())),
        ..Default::default()
    }
}

fn is_get() -> HeaderMatcher {
    HeaderMatcher {
        name: ":method".to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(exactly("GET"))),
        ..Default::default()
    }
}
