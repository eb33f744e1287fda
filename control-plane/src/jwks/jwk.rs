//! Public keys as JWKs.

use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Encoder as _};
use mcp_zero_proto as proto;
use serde_json::{Value, json};

/// A public key as a JWK (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2), without `alg`. None for a
/// point that is none of its algorithm's curve.
pub(crate) fn public_jwk(key: &proto::Key) -> Option<Value> {
    let text = |bytes: &[u8]| Base64UrlSafeNoPadding::encode_to_string(bytes).ok();
    let curve = |name: &str, size: usize| {
        // SEC 1 §2.3.3: a mark, then both coordinates.
        let (mark, coordinates) = key.point.split_first()?;
        let (x, y) = coordinates.split_at_checked(size)?;
        let whole = *mark == 4 && y.len() == size;
        whole.then_some(json!({"kty": "EC", "crv": name, "x": text(x)?, "y": text(y)?}))
    };
    let mut jwk = match key.algorithm.as_str() {
        "ES256" => curve("P-256", 32)?,
        "ES384" => curve("P-384", 48)?,
        "EdDSA" => json!({"kty": "OKP", "crv": "Ed25519", "x": text(&key.point)?}),
        _ => json!({"kty": "RSA", "n": text(&key.modulus)?, "e": text(&key.exponent)?}),
    };
    if let Some(kid) = &key.kid {
        jwk["kid"] = kid.as_str().into();
    }
    Some(jwk)
}
