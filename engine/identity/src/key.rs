//! Verification keys.

use crate::error::TokenError;
use crate::issuer::Algorithm;
use jwt_simple::algorithms::{
    ECDSAP256PublicKeyLike as _, ES256PublicKey, RS256PublicKey, RSAPublicKeyLike as _,
};
use jwt_simple::claims::NoCustomClaims;
use jwt_simple::common::VerificationOptions;
use jwt_simple::reexports::serde_json;
use jwt_simple::{Error, JWTError};

/// An uncompressed SEC 1 point on P-256.
const POINT_BYTES: usize = 65;

/// Why key material is not usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 2048 to 4096 bits with an odd modulus and the exponent 65537.
    #[error("not an RSA key of 2048 to 4096 bits with the exponent 65537")]
    Rsa,
    /// Not an uncompressed point on P-256.
    #[error("not an uncompressed point on P-256")]
    Ec,
}

/// One public key, which is used with one algorithm.
#[derive(Debug, Clone)]
pub struct Key {
    kid: Option<String>,
    material: Material,
}

#[derive(Debug, Clone)]
enum Material {
    Rsa(Box<RS256PublicKey>),
    Ec(ES256PublicKey),
}

/// The keys of one issuer.
#[derive(Debug, Clone)]
pub struct KeySet {
    /// The exact `iss`.
    pub issuer: String,
    /// Unix seconds; from then on its tokens are [`TokenError::StaleKeys`].
    pub use_until: u64,
    /// The keys.
    pub keys: Vec<Key>,
}

/// What `jwt-simple` found wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The signature is right, the claims are not JSON of the right shape.
    Claims,
    /// Anything else.
    Token(TokenError),
}

impl Key {
    /// An RSA key for RS256; `modulus` and `exponent` are big endian.
    ///
    /// # Errors
    /// [`KeyError::Rsa`] for a weak, oversized or malformed key.
    pub fn rsa(kid: Option<String>, modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let key = RS256PublicKey::from_components(modulus, exponent).map_err(|_| KeyError::Rsa)?;
        Ok(Self {
            kid,
            material: Material::Rsa(Box::new(key)),
        })
    }

    /// A P-256 key for ES256; `point` is uncompressed (SEC 1 §2.3.3).
    ///
    /// # Errors
    /// [`KeyError::Ec`] for another form, or a point that is not on the curve.
    pub fn ec(kid: Option<String>, point: &[u8]) -> Result<Self, KeyError> {
        if point.len() != POINT_BYTES || point.first() != Some(&4) {
            return Err(KeyError::Ec);
        }
        let key = ES256PublicKey::from_bytes(point).map_err(|_| KeyError::Ec)?;
        Ok(Self {
            kid,
            material: Material::Ec(key),
        })
    }

    /// The key's id, if it has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The one algorithm it is used with.
    pub fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Rsa(_) => Algorithm::Rs256,
            Material::Ec(_) => Algorithm::Es256,
        }
    }

    /// Has the signature, then the claims, checked.
    pub(crate) fn check(&self, token: &str, options: VerificationOptions) -> Result<(), Fault> {
        match &self.material {
            Material::Rsa(key) => key.verify_token::<NoCustomClaims>(token, Some(options)),
            Material::Ec(key) => key.verify_token::<NoCustomClaims>(token, Some(options)),
        }
        .map(drop)
        .map_err(|error| fault(&error))
    }
}

impl KeySet {
    /// The one key for a token with that `kid` and algorithm. Without a `kid` the set must
    /// hold exactly one key of the algorithm.
    pub(crate) fn key(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&Key> {
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| key.algorithm() == algorithm && (kid.is_none() || key.kid() == kid));
        let key = fitting.next()?;
        fitting.next().is_none().then_some(key)
    }
}

/// The signature is checked before the claims are read, and our own reader has read the header
/// before: JSON that fails here is that of the claims.
fn fault(error: &Error) -> Fault {
    if error.is::<serde_json::Error>() {
        return Fault::Claims;
    }
    Fault::Token(match error.downcast_ref::<JWTError>() {
        Some(JWTError::InvalidSignature) => TokenError::Signature,
        Some(JWTError::TokenHasExpired) => TokenError::Expired,
        Some(JWTError::TokenNotValidYet | JWTError::ClockDrift) => TokenError::NotYetValid,
        Some(JWTError::RequiredIssuerMissing | JWTError::RequiredIssuerMismatch) => {
            TokenError::Issuer
        }
        Some(JWTError::RequiredAudienceMissing | JWTError::RequiredAudienceMismatch) => {
            TokenError::Audience
        }
        Some(JWTError::AlgorithmMismatch) => TokenError::Algorithm,
        _ => TokenError::Malformed,
    })
}

#[cfg(test)]
mod tests;
