//! Verification keys.

use crate::error::TokenError;
use crate::issuer::Algorithm;
use crate::signature::{HostKey, Signatures};
use jwt_simple::algorithms::{
    ECDSAP256PublicKeyLike as _, ECDSAP384PublicKeyLike as _, ES256PublicKey, ES384PublicKey,
    Ed25519PublicKey, EdDSAPublicKeyLike as _, RS256PublicKey, RS384PublicKey, RS512PublicKey,
    RSAPublicKeyLike as _,
};
use jwt_simple::claims::NoCustomClaims;
use jwt_simple::common::VerificationOptions;
use jwt_simple::reexports::serde_json;
use jwt_simple::{Error, JWTError};

/// Why key material is not usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 2048 to 4096 bits with an odd modulus and the exponent 65537.
    #[error("not an RSA key of 2048 to 4096 bits with the exponent 65537")]
    Rsa,
    /// Made by a generator whose keys can be broken.
    #[error("an RSA key of a broken generator (CVE-2017-15361)")]
    Weak,
    /// Not an uncompressed point on the algorithm's curve.
    #[error("not an uncompressed point on the curve of its algorithm")]
    Ec,
    /// Not an Ed25519 key.
    #[error("not an Ed25519 key")]
    Ed25519,
    /// Numbers of another kind than the algorithm takes.
    #[error("not a key of the kind that its algorithm takes")]
    Kind,
}

/// What a public key is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbers<'a> {
    /// Big-endian modulus and exponent.
    Rsa {
        /// `n`
        modulus: &'a [u8],
        /// `e`
        exponent: &'a [u8],
    },
    /// An uncompressed point (SEC 1 §2.3.3), or the 32 bytes of an Ed25519 key (RFC 8032 §5.1.5).
    Point(&'a [u8]),
}

/// One public key, which is used with one algorithm.
#[derive(Debug, Clone)]
pub struct Key {
    kid: Option<String>,
    material: Material,
    /// The same for hosts that check signatures.
    host: Option<HostKey>,
}

#[derive(Debug, Clone)]
enum Material {
    Rs256(Box<RS256PublicKey>),
    Rs384(Box<RS384PublicKey>),
    Rs512(Box<RS512PublicKey>),
    Es256(ES256PublicKey),
    Es384(ES384PublicKey),
    EdDsa(Ed25519PublicKey),
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
    /// A key for one algorithm.
    ///
    /// # Errors
    /// [`KeyError`] for a weak, oversized or malformed key, or one of another kind.
    pub fn new(
        kid: Option<String>,
        algorithm: Algorithm,
        numbers: Numbers<'_>,
    ) -> Result<Self, KeyError> {
        let material = match (algorithm, numbers) {
            (Algorithm::Rs256, Numbers::Rsa { modulus, exponent }) => {
                let key = RS256PublicKey::from_components(modulus, exponent);
                Material::Rs256(Box::new(key.map_err(|_| KeyError::Rsa)?))
            }
            (Algorithm::Rs384, Numbers::Rsa { modulus, exponent }) => {
                let key = RS384PublicKey::from_components(modulus, exponent);
                Material::Rs384(Box::new(key.map_err(|_| KeyError::Rsa)?))
            }
            (Algorithm::Rs512, Numbers::Rsa { modulus, exponent }) => {
                let key = RS512PublicKey::from_components(modulus, exponent);
                Material::Rs512(Box::new(key.map_err(|_| KeyError::Rsa)?))
            }
            (Algorithm::Es256, Numbers::Point(point)) => {
                uncompressed(point, 32)?;
                let key = ES256PublicKey::from_bytes(point).map_err(|_| KeyError::Ec)?;
                Material::Es256(key)
            }
            (Algorithm::Es384, Numbers::Point(point)) => {
                uncompressed(point, 48)?;
                let key = ES384PublicKey::from_bytes(point).map_err(|_| KeyError::Ec)?;
                Material::Es384(key)
            }
            (Algorithm::EdDsa, Numbers::Point(bytes)) => {
                let key = Ed25519PublicKey::from_bytes(bytes).map_err(|_| KeyError::Ed25519)?;
                Material::EdDsa(key)
            }
            (Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512, Numbers::Point(_))
            | (Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa, Numbers::Rsa { .. }) => {
                return Err(KeyError::Kind);
            }
        };
        if let Numbers::Rsa { modulus, .. } = numbers
            && roca::is_weak(modulus)
        {
            return Err(KeyError::Weak);
        }
        Ok(Self {
            kid,
            material,
            host: HostKey::new(algorithm, numbers),
        })
    }

    /// The key's id, if it has one.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The one algorithm it is used with.
    pub fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Rs256(_) => Algorithm::Rs256,
            Material::Rs384(_) => Algorithm::Rs384,
            Material::Rs512(_) => Algorithm::Rs512,
            Material::Es256(_) => Algorithm::Es256,
            Material::Es384(_) => Algorithm::Es384,
            Material::EdDsa(_) => Algorithm::EdDsa,
        }
    }

    /// Has the host check the signature of a token; none where it cannot.
    pub(crate) fn ask(
        &self,
        host: &dyn Signatures,
        token: &str,
        signature: Vec<u8>,
    ) -> Option<bool> {
        let key = self.host.as_ref()?;
        let (signed, _) = token.rsplit_once('.')?;
        match key.question(signed.as_bytes(), signature) {
            Some(question) => host.is_right(&question),
            None => Some(false),
        }
    }

    /// Has the signature, then the claims, checked.
    pub(crate) fn check(&self, token: &str, options: VerificationOptions) -> Result<(), Fault> {
        match &self.material {
            Material::Rs256(key) => key.verify_token::<NoCustomClaims>(token, Some(options)),
            Material::Rs384(key) => key.verify_token::<NoCustomClaims>(token, Some(options)),
            Material::Rs512(key) => key.verify_token::<NoCustomClaims>(token, Some(options)),
            Material::Es256(key) => key.verify_token::<NoCustomClaims>(token, Some(options)),
            Material::Es384(key) => key.verify_token::<NoCustomClaims>(token, Some(options)),
            Material::EdDsa(key) => key.verify_token::<NoCustomClaims>(token, Some(options)),
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

/// Other forms of a point are other ways of writing one key.
fn uncompressed(point: &[u8], coordinate: usize) -> Result<(), KeyError> {
    let whole = point.len() == 1 + 2 * coordinate && point.first() == Some(&4);
    whole.then_some(()).ok_or(KeyError::Ec)
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

mod roca;

#[cfg(test)]
mod tests;
