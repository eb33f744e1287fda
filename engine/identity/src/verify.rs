//! The verifier.

use crate::cache::{Digest, TokenCache, Verified};
use crate::caller::Caller;
use crate::claims;
use crate::compact::{self, Compact, Header};
use crate::credential::MAX_TOKEN_BYTES;
use crate::error::TokenError;
use crate::issuer::{Algorithm, Issuer};
use crate::key::{Fault, KeySet};
use crate::signature::Signatures;
use jwt_simple::common::VerificationOptions;
use jwt_simple::reexports::coarsetime::Duration;
use mcp_zero_wire::json::{Doc, Value};
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;
use std::rc::Rc;

/// Verifies tokens of a fixed set of issuers with a fixed set of keys.
#[derive(Debug)]
pub struct Verifier {
    issuers: Vec<Issuer>,
    sets: Vec<KeySet>,
    version: String,
}

/// What a token says of itself. **Nothing of it is verified**: it serves to look up a key that
/// is not known yet, and for nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unverified<'v> {
    /// The configured issuer that the token names.
    pub issuer: &'v Issuer,
    /// An algorithm that this issuer may use.
    pub algorithm: Algorithm,
    /// The key id.
    pub kid: Option<String>,
}

impl Verifier {
    /// A verifier. `version` stands for all of the issuers and keys: another one empties the
    /// [`TokenCache`], so it must change whenever any of them does.
    ///
    /// Where two issuers share one `issuer`, neither is accepted; where two sets do, neither
    /// is used.
    pub fn new(issuers: Vec<Issuer>, sets: Vec<KeySet>, version: String) -> Self {
        Self {
            issuers,
            sets,
            version,
        }
    }

    /// True when no issuer is accepted, hence no token.
    pub fn is_empty(&self) -> bool {
        self.issuers.is_empty()
    }

    /// The caller that a token proves at `now` (Unix seconds).
    ///
    /// Costs a SHA-256 for a token in the cache, else a signature check.
    ///
    /// # Errors
    /// [`TokenError::StaleKeys`] where the issuer's keys are too old to tell; any other where
    /// the token is not valid.
    pub fn verify(
        &self,
        token: &str,
        now: u64,
        cache: &mut TokenCache,
    ) -> Result<Rc<Caller>, TokenError> {
        self.verify_by(None, token, now, cache)
    }

    /// The same, with a host that checks signatures as far as it can.
    ///
    /// # Errors
    /// As [`Verifier::verify`].
    pub fn verify_by(
        &self,
        host: Option<&dyn Signatures>,
        token: &str,
        now: u64,
        cache: &mut TokenCache,
    ) -> Result<Rc<Caller>, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        cache.bind(&self.version);
        let digest: Digest = Sha256::digest(token).into();
        if let Some(verified) = cache.get(&digest) {
            let again = self.again(&verified, now);
            if again == Err(TokenError::Expired) {
                cache.remove(&digest);
            }
            return again.map(|()| verified.caller);
        }
        let verified = self.first(host, token, now)?;
        cache.insert(digest, verified.clone());
        Ok(verified.caller)
    }

    /// Why a token is refused that another check has refused before: the reason alone, without
    /// a look at the signature. Whatever the token is, nobody is the caller.
    pub fn refute(&self, token: &str, now: u64) -> TokenError {
        let reason = || {
            if token.len() > MAX_TOKEN_BYTES {
                return Err(TokenError::TooLong);
            }
            let Compact {
                header, payload, ..
            } = Compact::read(token)?;
            let doc = claims_of(&payload)?;
            let chosen = self.choose(&header, doc.root())?;
            claims::caller(doc.root(), chosen.issuer, now)?;
            // Last, for it may cost a look-up of the key.
            let keys = self.keys(chosen.issuer, now)?;
            let key = keys.key(chosen.kid.as_deref(), chosen.algorithm);
            key.map(drop).ok_or(TokenError::UnknownKey)
        };
        reason().err().unwrap_or(TokenError::Signature)
    }

    /// What a token says of itself, unverified, as far as it fits an accepted issuer.
    ///
    /// # Errors
    /// Those of [`Verifier::verify`] that show before a key is chosen.
    pub fn unverified(&self, token: &str) -> Result<Unverified<'_>, TokenError> {
        let Compact {
            header, payload, ..
        } = Compact::read(token)?;
        let doc = claims_of(&payload)?;
        self.choose(&header, doc.root())
    }

    /// Checks what changes with time for a token that was verified before.
    fn again(&self, verified: &Verified, now: u64) -> Result<(), TokenError> {
        let issuer = self.issuer(&verified.caller.issuer)?;
        self.keys(issuer, now)?;
        verified.window.check(issuer, now)
    }

    fn first(
        &self,
        host: Option<&dyn Signatures>,
        token: &str,
        now: u64,
    ) -> Result<Verified, TokenError> {
        let Compact {
            header,
            payload,
            signature,
        } = Compact::read(token)?;
        let doc = claims_of(&payload)?;
        let Unverified {
            issuer,
            algorithm,
            kid,
        } = self.choose(&header, doc.root())?;
        let key = self
            .keys(issuer, now)?
            .key(kid.as_deref(), algorithm)
            .ok_or(TokenError::UnknownKey)?;
        match host.and_then(|host| key.ask(host, token, signature)) {
            Some(true) => {}
            Some(false) => return Err(TokenError::Signature),
            None => {
                let options = options(issuer, kid, header.typ, now)?;
                key.check(token, options).map_err(|fault| match fault {
                    Fault::Claims => TokenError::Claims,
                    Fault::Token(error) => error,
                })?;
            }
        }
        let (caller, window) = claims::caller(doc.root(), issuer, now)?;
        Ok(Verified {
            caller: Rc::new(caller),
            window,
        })
    }

    /// The issuer that a token names, if it may look like this one.
    fn choose(&self, header: &Header, claims: Value<'_>) -> Result<Unverified<'_>, TokenError> {
        let algorithm = Algorithm::parse(&header.alg).ok_or(TokenError::Algorithm)?;
        let issuer = claims.get_text("iss").ok_or(TokenError::Issuer)?;
        let issuer = self.issuer(&issuer)?;
        if !issuer.algorithms.contains(&algorithm) {
            return Err(TokenError::Algorithm);
        }
        if !issuer.accepts_type(header.typ.as_deref()) {
            return Err(TokenError::Type);
        }
        Ok(Unverified {
            issuer,
            algorithm,
            kid: header.kid.clone(),
        })
    }

    fn issuer(&self, exact: &str) -> Result<&Issuer, TokenError> {
        only(self.issuers.iter().filter(|issuer| issuer.issuer == exact)).ok_or(TokenError::Issuer)
    }

    fn keys(&self, issuer: &Issuer, now: u64) -> Result<&KeySet, TokenError> {
        only(self.sets.iter().filter(|set| set.issuer == issuer.issuer))
            .filter(|set| now < set.use_until)
            .ok_or(TokenError::StaleKeys)
    }
}

/// The one item of an iterator that has exactly one.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let item = items.next()?;
    items.next().is_none().then_some(item)
}

fn claims_of(payload: &[u8]) -> Result<Doc<'_>, TokenError> {
    let doc = Doc::scan(payload, &compact::LIMITS).map_err(|_| TokenError::Malformed)?;
    if !doc.root().is_object() {
        return Err(TokenError::Malformed);
    }
    Ok(doc)
}

/// What `jwt-simple` is to check: with a time of ours, so that it never asks a clock.
fn options(
    issuer: &Issuer,
    kid: Option<String>,
    typ: Option<String>,
    now: u64,
) -> Result<VerificationOptions, TokenError> {
    // Its times have 32 bits for seconds and would overflow.
    if now.saturating_add(issuer.leeway_seconds) > u64::from(u32::MAX) {
        return Err(TokenError::Expired);
    }
    Ok(VerificationOptions {
        required_key_id: kid,
        // Checked before, by the issuer's own list; without this only `JWT` and `+jwt` pass.
        required_signature_type: typ,
        allowed_issuers: Some(HashSet::from([issuer.issuer.clone()])),
        allowed_audiences: Some(issuer.audiences.iter().cloned().collect()),
        time_tolerance: Some(Duration::from_secs(issuer.leeway_seconds)),
        max_token_length: Some(MAX_TOKEN_BYTES),
        artificial_time: Some(Duration::from_secs(now)),
        ..VerificationOptions::default()
    })
}

#[cfg(test)]
mod tests;
