//! Who is calling: token verification and claims.
//!
//! A [`Verifier`] holds the accepted issuers and their keys. It reads a token strictly
//! (RFC 7515 compact form, JSON without a second reading), has its signature checked by the host
//! of the filter or by `jwt-simple`, then checks every claim itself. The time is an argument: nothing here reads
//! a clock. What a token says about its own keys is never used.

mod cache;
mod caller;
mod claims;
mod compact;
mod credential;
mod error;
mod issuer;
pub mod jwks;
mod key;
mod seal;
mod signature;
#[cfg(test)]
mod testing;
mod verify;

pub use cache::TokenCache;
pub use caller::Caller;
pub use credential::{Credential, CredentialError, MAX_TOKEN_BYTES, is_token68};
pub use error::TokenError;
pub use issuer::{Algorithm, Issuer};
pub use key::{Key, KeyError, KeySet, Numbers};
pub use seal::{
    GatewayKey, GatewayKeyError, MAX_SEALED_BYTES, Owner, Purpose, Sealer, SealerError,
};
pub use signature::{Signature, Signatures};
pub use verify::{Unverified, Verifier};
