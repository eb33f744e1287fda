//! How a snapshot arrives: as its bytes, or, where a host hands on text only, as
//! `{"snapshot": "<base64>"}`.

use mcp_zero_wire::base64;
use mcp_zero_wire::json::{Doc, Limits};
use std::borrow::Cow;

/// The one member of the text form.
const MEMBER: &str = "snapshot";

/// Room for the one member, and for no more than telling what is wrong beside it.
const LIMITS: Limits = Limits {
    max_depth: 2,
    max_nodes: 8,
};

/// Why a configuration holds no snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// Not the object that was meant.
    #[error("not `{{\"snapshot\": \"<base64>\"}}` and nothing else")]
    Shape,
    /// The member does not hold canonical base64 (RFC 4648 §4).
    #[error("`snapshot` is not base64 with padding")]
    Base64,
}

/// The bytes of the snapshot in a configuration.
///
/// An encoded snapshot begins with its field 1, which no JSON object does.
///
/// # Errors
/// [`ConfigurationError`]: a text that is not exactly the form above.
pub(crate) fn snapshot(configuration: &[u8]) -> Result<Cow<'_, [u8]>, ConfigurationError> {
    let first = configuration.iter().find(|b| !b.is_ascii_whitespace());
    if first != Some(&b'{') {
        return Ok(Cow::Borrowed(configuration));
    }
    let document = Doc::scan(configuration, &LIMITS).map_err(|_| ConfigurationError::Shape)?;
    let root = document.root();
    if root.len() != 1 {
        return Err(ConfigurationError::Shape);
    }
    let text = root.get_text(MEMBER).ok_or(ConfigurationError::Shape)?;
    base64::decode(text.as_bytes())
        .filter(|bytes| !bytes.is_empty())
        .map(Cow::Owned)
        .ok_or(ConfigurationError::Base64)
}

/// The base64 of an encoded snapshot, as the text form holds it.
pub fn text_of(snapshot: &[u8]) -> String {
    base64::encode(snapshot)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<u8>, ConfigurationError> {
        snapshot(text.as_bytes()).map(Cow::into_owned)
    }

    #[test]
    fn bytes_are_taken_as_they_are() {
        let encoded = [0x08, 0x01, 0x12, 0x00];
        assert_eq!(snapshot(&encoded), Ok(Cow::Borrowed(&encoded[..])));
    }

    #[test]
    fn text_holds_the_same_bytes() {
        let encoded = [0x08, 0x01, 0xff, 0xfe];
        let text = text_of(&encoded);
        for form in [
            format!("{{\"snapshot\":\"{text}\"}}"),
            format!("\n {{ \"snapshot\" : \"{}\" }} ", text.replace('/', "\\/")),
        ] {
            assert_eq!(read(&form).unwrap(), encoded, "{form}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for shape in [
            "{}",
            "{",
            r#"{"snapshot":null}"#,
            r#"{"snapshot":["CAE="]}"#,
            r#"{"Snapshot":"CAE="}"#,
            r#"{"snapshot":"CAE=","snapshot":"CAE="}"#,
            r#"{"snapshot":"CAE=","mode":"off"}"#,
            r#"{"snapshot":"CAE="} x"#,
        ] {
            assert_eq!(read(shape), Err(ConfigurationError::Shape), "{shape}");
        }
        for text in ["", "CAE", "CAE =", "CAF=", "CA-="] {
            let form = format!("{{\"snapshot\":\"{text}\"}}");
            assert_eq!(read(&form), Err(ConfigurationError::Base64), "{form}");
        }
    }
}
