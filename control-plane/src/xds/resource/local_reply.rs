//! Envoy's own answers in the words of the gateway's reply table.
//!
//! Local replies of our filter carry no code details; everything that Envoy
//! answers by itself does. So each mapper asks for details, and what the filter
//! wrote passes as it is.

use envoy_types::pb::envoy::config::accesslog::v3::{
    AccessLogFilter, ExtensionFilter, access_log_filter, extension_filter,
};
use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{
    DataSource, HeaderValue, HeaderValueOption, SubstitutionFormatString, data_source,
    substitution_format_string,
};
use envoy_types::pb::envoy::extensions::access_loggers::filters::cel::v3::ExpressionFilter;
use envoy_types::pb::envoy::extensions::filters::network::http_connection_manager::v3::{
    LocalReplyConfig, ResponseMapper,
};
use envoy_types::util::pack_any;
use mcp_zero_gate::Phrase;

use super::uint;

/// One row: when, the status in place of Envoy's, what is said.
struct Row {
    expression: &'static str,
    status: Option<u32>,
    phrase: Phrase,
    /// Whether Envoy may answer so before the request has an id.
    early: bool,
}

/// Envoy's request id.
const REQUEST_ID: &str = "%STREAM_ID%";
/// For requests that failed before they had one. The access log takes it from
/// the response header, so that record and client name the same.
const FRESH_ID: &str = "%UNIQUE_ID%";

/// The first row that holds wins.
const ROWS: [Row; 12] = [
    // The deny-all default in place of the filter, or the lock behind it.
    row(
        r#"response.code_details.startsWith("rbac_access_denied")"#,
        Some(503),
        Phrase::UNAVAILABLE,
    ),
    row(
        r#"response.code_details.startsWith("wasm_")"#,
        Some(503),
        Phrase::UNAVAILABLE,
    ),
    row(
        r#"response.code_details == "request_payload_too_large""#,
        Some(413),
        Phrase::TOO_LARGE,
    ),
    row(
        r#"response.code_details == "response_payload_too_large""#,
        Some(502),
        Phrase::BLOCKED,
    ),
    // No route, or a target in absolute form.
    early(
        r#"response.code_details != "" && response.code == 404"#,
        None,
        Phrase::NOT_FOUND,
    ),
    // Silence of the server, or of the whole exchange after its request ended.
    row(
        r#"response.code_details != "" && response.code == 504"#,
        Some(504),
        said(-31504, "Server did not answer in time"),
    ),
    row(
        r#"response.code_details.startsWith("upstream_") || response.code_details.startsWith("no_healthy_upstream") || response.code_details.startsWith("cluster_not_found")"#,
        Some(502),
        said(-31504, "Server unreachable"),
    ),
    row(
        r#"response.code_details != "" && response.code == 403"#,
        None,
        said(-31403, "Forbidden"),
    ),
    row(
        r#"response.code_details != "" && response.code == 429"#,
        None,
        said(-31429, "Too many requests"),
    ),
    // A transfer coding that nobody knows is the client's fault.
    early(
        r#"response.code_details != "" && response.code == 501"#,
        Some(400),
        said(-32600, "Invalid request"),
    ),
    early(
        r#"response.code_details != "" && response.code < 500"#,
        None,
        said(-32600, "Invalid request"),
    ),
    // Overload is noticed before anything else.
    early(
        r#"response.code_details != """#,
        Some(503),
        Phrase::UNAVAILABLE,
    ),
];

/// What Envoy alone has to say.
const fn said(code: i64, text: &'static str) -> Phrase {
    Phrase { code, text }
}

const fn row(expression: &'static str, status: Option<u32>, phrase: Phrase) -> Row {
    Row {
        expression,
        status,
        phrase,
        early: false,
    }
}

const fn early(expression: &'static str, status: Option<u32>, phrase: Phrase) -> Row {
    Row {
        early: true,
        ..row(expression, status, phrase)
    }
}

/// The configuration for the connection manager.
pub(super) fn local_replies() -> LocalReplyConfig {
    LocalReplyConfig {
        mappers: ROWS.iter().flat_map(mappers).collect(),
        body_format: None,
    }
}

fn mappers(row: &Row) -> Vec<ResponseMapper> {
    let expression = row.expression;
    let mut mappers = Vec::with_capacity(2);
    if row.early {
        let fresh = format!("{expression} && !has(request.id)");
        mappers.push(mapper(row, fresh, FRESH_ID));
    }
    mappers.push(mapper(row, expression.to_owned(), REQUEST_ID));
    mappers
}

fn mapper(row: &Row, expression: String, id: &str) -> ResponseMapper {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":null,"error":{{"code":{},"message":"{} (correlation_id=%RESP(X-CORRELATION-ID)%)"}}}}"#,
        row.phrase.code, row.phrase.text,
    );
    ResponseMapper {
        filter: Some(AccessLogFilter {
            filter_specifier: Some(access_log_filter::FilterSpecifier::ExtensionFilter(
                ExtensionFilter {
                    name: "envoy.access_loggers.extension_filters.cel".to_owned(),
                    config_type: Some(extension_filter::ConfigType::TypedConfig(pack_any(
                        ExpressionFilter {
                            expression,
                            ..Default::default()
                        },
                    ))),
                },
            )),
        }),
        status_code: row.status.map(uint),
        body_format_override: Some(SubstitutionFormatString {
            content_type: "application/json".to_owned(),
            format: Some(substitution_format_string::Format::TextFormatSource(
                DataSource {
                    specifier: Some(data_source::Specifier::InlineString(body)),
                    ..Default::default()
                },
            )),
            ..Default::default()
        }),
        headers_to_add: vec![HeaderValueOption {
            header: Some(HeaderValue {
                key: "x-correlation-id".to_owned(),
                value: id.to_owned(),
                ..Default::default()
            }),
            append_action: HeaderAppendAction::OverwriteIfExistsOrAdd as i32,
            ..Default::default()
        }],
        ..Default::default()
    }
}
