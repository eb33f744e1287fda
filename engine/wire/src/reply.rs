//! Bytes of the messages that a gateway writes itself.

use crate::json::quote;

/// A JSON-RPC error; no id is written as null.
pub fn error(id: Option<&str>, code: i64, message: &str) -> Vec<u8> {
    let id = id.unwrap_or("null");
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{}}}}}"#,
        quote(message)
    )
    .into_bytes()
}

/// The error for a version that a server does not speak (2026-07-28, -32022).
pub fn unsupported_version(id: Option<&str>, requested: &str, supported: &[&str]) -> Vec<u8> {
    let id = id.unwrap_or("null");
    let supported: Vec<String> = supported.iter().map(|v| quote(v)).collect();
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32022,"message":"Unsupported protocol version","data":{{"supported":[{}],"requested":{}}}}}}}"#,
        supported.join(","),
        quote(requested)
    )
    .into_bytes()
}

/// The result of a tool call that was not made; the model reads its text.
pub fn tool_error(id: &str, text: &str, modern: bool) -> Vec<u8> {
    let kind = if modern {
        r#","resultType":"complete""#
    } else {
        ""
    };
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[{{"type":"text","text":{}}}],"isError":true{kind}}}}}"#,
        quote(text)
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reply_is_json() {
        for bytes in [
            error(None, -32700, "a\"b\n"),
            error(Some("\"x\""), -31403, "no"),
            unsupported_version(Some("1"), "x\"", &["a", "b"]),
            tool_error("7", "no", true),
            tool_error("7", "no", false),
        ] {
            let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(value["jsonrpc"], "2.0");
        }
    }
}
