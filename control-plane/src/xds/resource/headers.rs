//! Static headers of requests to a server. They are set where the cluster begins, behind the
//! router: the caller's own have been taken off by then, and the filter's call-outs get them too.

use envoy_types::pb::envoy::config::common::mutation_rules::v3::HeaderMutation as Mutation;
use envoy_types::pb::envoy::config::common::mutation_rules::v3::header_mutation::Action;
use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::extensions::filters::http::header_mutation::v3::{
    HeaderMutation, Mutations,
};
use envoy_types::pb::envoy::extensions::filters::http::upstream_codec::v3::UpstreamCodec;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpFilter, http_filter,
};
use envoy_types::pb::google::protobuf::Any;
use envoy_types::util::pack_any;
use mcp_zero_compile::StaticHeader;

/// A header's value in Envoy's format language: text is never a command, and of a secret only the
/// name of its variable is there.
pub(crate) fn format(header: &StaticHeader) -> (String, String) {
    let text = |text: &str| text.replace('%', "%%");
    let secret = header
        .variable
        .as_ref()
        .map_or_else(String::new, |name| format!("%ENVIRONMENT({name})%"));
    let value = format!("{}{secret}{}", text(&header.before), text(&header.after));
    (header.name.clone(), value)
}

/// The filters of a cluster that sets headers; none where there is nothing to set.
pub(super) fn filters(headers: &[(String, String)]) -> Vec<HttpFilter> {
    if headers.is_empty() {
        return Vec::new();
    }
    let set = |(name, value): &(String, String)| Mutation {
        action: Some(Action::Append(HeaderValueOption {
            header: Some(HeaderValue {
                key: name.clone(),
                value: value.clone(),
                ..Default::default()
            }),
            append_action: HeaderAppendAction::OverwriteIfExistsOrAdd as i32,
            ..Default::default()
        })),
    };
    let mutation = HeaderMutation {
        mutations: Some(Mutations {
            request_mutations: headers.iter().map(set).collect(),
            ..Default::default()
        }),
        ..Default::default()
    };
    vec![
        filter("envoy.filters.http.header_mutation", pack_any(mutation)),
        filter(
            "envoy.filters.http.upstream_codec",
            pack_any(UpstreamCodec {}),
        ),
    ]
}

fn filter(name: &str, config: Any) -> HttpFilter {
    HttpFilter {
        name: name.to_owned(),
        config_type: Some(http_filter::ConfigType::TypedConfig(config)),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(before: &str, variable: Option<&str>, after: &str) -> String {
        let header = StaticHeader {
            name: "x".to_owned(),
            before: before.to_owned(),
            variable: variable.map(str::to_owned),
            after: after.to_owned(),
        };
        format(&header).1
    }

    #[test]
    fn text_is_never_a_command() {
        assert_eq!(
            formatted("Bearer ", Some("T"), ""),
            "Bearer %ENVIRONMENT(T)%"
        );
        assert_eq!(formatted("50% of %REQ(x)%", None, ""), "50%% of %%REQ(x)%%");
        assert_eq!(formatted("%", Some("T"), "%"), "%%%ENVIRONMENT(T)%%%");
    }

    #[test]
    fn a_cluster_without_headers_has_no_filters() {
        assert!(filters(&[]).is_empty());
        let names: Vec<String> = filters(&[("a".to_owned(), "b".to_owned())])
            .into_iter()
            .map(|filter| filter.name)
            .collect();
        assert_eq!(
            names,
            [
                "envoy.filters.http.header_mutation",
                "envoy.filters.http.upstream_codec"
            ]
        );
    }
}
