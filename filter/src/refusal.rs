//! The one answer of a filter that has no snapshot.

/// HTTP status of the refusal (RFC 9110 §15.6.4).
pub const STATUS: u32 = 503;

/// Headers of the refusal, with the correlation id when Envoy gave one that is safe to echo.
pub fn headers(correlation: Option<&str>) -> Vec<(&'static str, &str)> {
    let mut headers = vec![
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
    ];
    if let Some(id) = correlation.filter(|id| safe(id)) {
        headers.push(("x-correlation-id", id));
    }
    headers
}

/// The JSON-RPC body: no request has been read, so the id is null (JSON-RPC 2.0 §5).
pub fn body(correlation: Option<&str>) -> String {
    let id = correlation.filter(|id| safe(id)).unwrap_or("none");
    format!(
        r#"{{"jsonrpc":"2.0","id":null,"error":{{"code":-31503,"message":"Service unavailable (correlation_id={id})"}}}}"#
    )
}

/// Envoy writes request ids as UUIDs; anything else is not repeated to the client.
fn safe(id: &str) -> bool {
    !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_json_and_names_the_correlation_id() {
        assert_eq!(
            body(Some("4c1f-aa")),
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":-31503,"message":"Service unavailable (correlation_id=4c1f-aa)"}}"#
        );
    }

    #[test]
    fn an_id_that_could_break_the_body_is_not_repeated() {
        for bad in ["", "a\"b", "a\r\nb", &"a".repeat(65)] {
            assert!(
                !headers(Some(bad))
                    .iter()
                    .any(|(n, _)| *n == "x-correlation-id")
            );
            assert!(body(Some(bad)).contains("correlation_id=none"));
        }
    }
}
