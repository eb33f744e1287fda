//! A strict reader of the JWS compact form (RFC 7515 §7.1).

use crate::credential::MAX_TOKEN_BYTES;
use crate::error::TokenError;
use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Decoder as _};
use mcp_zero_wire::json::{Doc, Limits, Value};

/// What one token may hold; 8 KiB cannot hold more that is of use.
pub(crate) const LIMITS: Limits = Limits {
    max_depth: 64,
    max_nodes: 8192,
};

/// Parameters that may stand in a header besides `alg`, `kid` and `typ`. They are certificate
/// thumbprints and marks of issuers; none is used.
const IGNORED: [&str; 4] = ["cty", "pi.atm", "x5t", "x5t#S256"];

/// A token in its parts. Nothing of it is verified.
#[derive(Debug)]
pub(crate) struct Compact {
    pub(crate) header: Header,
    /// The decoded payload.
    pub(crate) payload: Vec<u8>,
    /// The decoded signature.
    pub(crate) signature: Vec<u8>,
}

/// The protected header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) alg: String,
    pub(crate) kid: Option<String>,
    pub(crate) typ: Option<String>,
}

impl Compact {
    /// Takes a token apart.
    pub(crate) fn read(token: &str) -> Result<Self, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed);
        };
        let header = Header::read(&decode(header)?)?;
        Ok(Self {
            header,
            signature: decode(signature)?,
            payload: decode(payload)?,
        })
    }
}

impl Header {
    /// Reads a header. The set of parameters is closed: `crit` in any form, `b64`, `zip`, `enc`
    /// and whatever points at a key (`jku`, `jwk`, `x5u`, `x5c`) are refused like unknown ones.
    fn read(json: &[u8]) -> Result<Self, TokenError> {
        let doc = Doc::scan(json, &LIMITS).map_err(|_| TokenError::Malformed)?;
        let root = doc.root();
        if !root.is_object() {
            return Err(TokenError::Malformed);
        }
        let (mut alg, mut kid, mut typ) = (None, None, None);
        for (name, value) in root.members() {
            match name.as_ref() {
                "alg" => alg = Some(text(value)?),
                "kid" => kid = Some(text(value)?),
                "typ" => typ = Some(text(value)?),
                name if IGNORED.contains(&name) => {
                    text(value)?;
                }
                _ => return Err(TokenError::Header),
            }
        }
        let alg = alg.ok_or(TokenError::Algorithm)?;
        Ok(Self { alg, kid, typ })
    }
}

fn text(value: Value<'_>) -> Result<String, TokenError> {
    let text = value.text().ok_or(TokenError::Header)?;
    Ok(text.into_owned())
}

/// Canonical base64url without padding: no other alphabet, no spare bits, no white space.
pub(crate) fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    Base64UrlSafeNoPadding::decode_to_vec(part, None).map_err(|_| TokenError::Malformed)
}

#[cfg(test)]
mod tests;
