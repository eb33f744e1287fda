//! The one answer where the engine gives none.

use mcp_zero_gate::{Phrase, Reply};

/// HTTP status of the refusal (RFC 9110 §15.6.4).
pub const STATUS: u16 = 503;

/// The refusal, with the correlation id when Envoy gave one that is safe to echo.
///
/// No request has been read, so the JSON-RPC id is null.
pub fn reply(correlation: Option<&str>) -> Reply {
    let id = correlation.filter(|id| is_safe(id));
    let mut headers = vec![
        ("content-type".to_owned(), "application/json".to_owned()),
        ("cache-control".to_owned(), "no-store".to_owned()),
    ];
    if let Some(id) = id {
        headers.push(("x-correlation-id".to_owned(), id.to_owned()));
    }
    let id = id.unwrap_or(NO_ID);
    Reply {
        status: STATUS,
        headers,
        body: Phrase::UNAVAILABLE.body(id),
    }
}

/// Stands where there is no correlation id.
pub(crate) const NO_ID: &str = "none";

/// Envoy writes request ids as UUIDs; anything else is not repeated to the client.
pub(crate) fn is_safe(id: &str) -> bool {
    !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

#[cfg(test)]
#[cfg(not(feature = "panic-switch"))]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_json_and_names_the_correlation_id() {
        let reply = reply(Some("4c1f-aa"));
        assert_eq!(
            String::from_utf8(reply.body).unwrap(),
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-31503,"message":"Service unavailable (correlation_id=4c1f-aa)"}}"#
        );
    }

    #[test]
    fn an_id_that_could_break_the_body_is_not_repeated() {
        for bad in ["", "a\"b", "a\r\nb", &"a".repeat(65)] {
            let reply = reply(Some(bad));
            assert!(!reply.headers.iter().any(|(n, _)| n == "x-correlation-id"));
            let body = String::from_utf8(reply.body).unwrap();
            assert!(body.contains("correlation_id=none"));
        }
    }
}
