//! Values of HTTP headers that MCP gives a meaning.

use crate::base64;
use std::borrow::Cow;

/// A media type that an MCP server may answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `application/json`
    Json,
    /// `text/event-stream`
    EventStream,
    /// Anything else.
    Other,
}

/// The media type of a `content-type` (RFC 9110 §8.3.1): case does not matter; a charset
/// other than UTF-8 makes it another type.
pub fn media(content_type: &str) -> Media {
    let mut parts = content_type.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        // `charset*` and `charset*0` (RFC 2231) are a charset to some readers.
        Some((name, _)) if name.trim().to_ascii_lowercase().starts_with("charset") => false,
        Some(_) => true,
        None => parameter.is_empty(),
    });
    if !utf8 {
        Media::Other
    } else if kind.eq_ignore_ascii_case("application/json") {
        Media::Json
    } else if kind.eq_ignore_ascii_case("text/event-stream") {
        Media::EventStream
    } else {
        Media::Other
    }
}

/// Whether an `accept` header lists a media type, by name or by range, with a weight above zero.
pub fn accepts(accept: &str, media: Media) -> bool {
    let name = match media {
        Media::Json => "application/json",
        Media::EventStream => "text/event-stream",
        Media::Other => return false,
    };
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let refused = parts.any(|p| {
            let weight = p.strip_prefix("q=").or_else(|| p.strip_prefix("Q="));
            weight.is_some_and(|w| w.parse::<f32>() == Ok(0.0))
        });
        let whole = kind
            .strip_suffix("/*")
            .is_some_and(|k| k == "*" || name.split('/').next() == Some(k));
        !refused && (kind == name || whole)
    })
}

const PREFIX: &str = "=?base64?";
const SUFFIX: &str = "?=";

/// Why an encoded header value cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed `=?base64?…?=` value")]
pub struct EncodingError;

/// The text behind a mirrored value of 2026-07-28: itself, or what `=?base64?…?=` holds.
///
/// # Errors
/// [`EncodingError`] when the base64 is not canonical or does not hold UTF-8, and when the
/// marker has capitals: it is case-sensitive, and some readers take it all the same.
pub fn decode(value: &str) -> Result<Cow<'_, str>, EncodingError> {
    let Some(inside) = marked(value).and_then(|v| v.strip_suffix(SUFFIX)) else {
        return Ok(Cow::Borrowed(value));
    };
    if !value.starts_with(PREFIX) {
        return Err(EncodingError);
    }
    let bytes = base64::decode(inside.as_bytes()).ok_or(EncodingError)?;
    String::from_utf8(bytes)
        .map(Cow::Owned)
        .map_err(|_| EncodingError)
}

/// What follows the prefix, whatever its case.
fn marked(value: &str) -> Option<&str> {
    let (prefix, rest) = value.split_at_checked(PREFIX.len())?;
    prefix.eq_ignore_ascii_case(PREFIX).then_some(rest)
}

/// A text as a mirrored header value: as it is where that is safe, else encoded.
pub fn encode(text: &str) -> String {
    let plain = text.bytes().all(|b| matches!(b, 0x20..=0x7e))
        && text.trim() == text
        && !(marked(text).is_some() && text.ends_with(SUFFIX));
    if plain {
        text.to_owned()
    } else {
        format!("{PREFIX}{}{SUFFIX}", base64::encode(text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn media_types_ignore_case_and_want_utf8() {
        for json in [
            "application/json",
            "Application/JSON;charset=utf-8",
            "application/json; charset=\"UTF-8\"",
            "application/json; x=y;",
        ] {
            assert_eq!(media(json), Media::Json, "{json}");
        }
        for other in [
            "application/json; charset=utf-16",
            "application/json-rpc",
            "text/plain, application/json",
            "",
            "application/json; charset",
        ] {
            assert_eq!(media(other), Media::Other, "{other}");
        }
        assert_eq!(media("text/event-stream"), Media::EventStream);
    }

    #[test]
    fn accept_lists_are_read() {
        assert!(accepts(
            "application/json, text/event-stream",
            Media::EventStream
        ));
        assert!(accepts("*/*", Media::EventStream) && accepts("text/*", Media::EventStream));
        assert!(!accepts("application/json", Media::EventStream));
        assert!(!accepts(
            "application/json, text/event-stream;q=0",
            Media::EventStream
        ));
    }

    #[test]
    fn only_canonical_encodings_are_read() {
        assert_eq!(decode("=?base64?w6k=?=").unwrap(), "\u{e9}");
        for bad in [
            "=?base64?w6l=?=",
            "=?base64?w6k?=",
            "=?base64?w=k=?=",
            "=?base64?//8=?=",
            "=?base64?w 6k?=",
        ] {
            assert_eq!(decode(bad), Err(EncodingError), "{bad}");
        }
        assert!(decode("=?BASE64?w6k=?=").is_err());
        assert!(decode("=?Base64?w6k=?=").is_err());
        assert_eq!(decode("=?base64?w6k=?=").unwrap(), "\u{e9}");
        assert_eq!(decode("=?Base64?w6l=?="), Err(EncodingError));
        assert_eq!(decode("=?base64\u{e9}").unwrap(), "=?base64\u{e9}");
        let literal = "=?bAse64?w6k=?=";
        assert_ne!(encode(literal), literal);
        assert_eq!(decode(&encode(literal)).unwrap(), literal);
        assert_eq!(encode("plain"), "plain");
        assert_eq!(encode(" x"), "=?base64?IHg=?=");
    }

    proptest! {
        #[test]
        fn every_text_survives(text in "\\PC{0,40}|[\\x00-\\x7f]{0,20}") {
            let encoded = encode(&text);
            prop_assert_eq!(decode(&encoded).unwrap(), text.as_str());
        }
    }
}
