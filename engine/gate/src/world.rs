//! What one worker knows: the live snapshot and the tokens it has verified.

use crate::action::Action;
use crate::configuration::{self, ConfigurationError};
use crate::judge::Standings;
use mcp_zero_identity::{
    Algorithm, GatewayKey, Issuer, Key, KeySet, Numbers, Sealer, SealerError, Signatures,
    TokenCache, Verifier,
};
use mcp_zero_mask::{Entity, Masker};
use mcp_zero_policy::{DecodeError, KeyMaterial, Snapshot};
use std::cell::Cell;
use std::rc::Rc;

/// Verified tokens that a worker remembers.
const TOKENS: usize = 1024;

/// Why a snapshot is not taken; the one before it stays.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is text that holds no snapshot.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// It cannot be read or is of another format.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It names an algorithm that this module does not verify.
    #[error("issuer `{0}`: algorithm not supported")]
    Algorithm(String),
    /// A key cannot be used.
    #[error("issuer `{0}`: unusable key")]
    Key(String),
    /// The gateway key is not there: sessions could not be sealed.
    #[error("MCP_GATEWAY_KEY is missing, or is not 64 hexadecimal digits")]
    GatewayKey,
    /// It names no usable keys to seal with.
    #[error("keys of sessions: {0}")]
    Seals(#[from] SealerError),
    /// A server wants a token of its own, and there is nobody to ask for one.
    #[error("server `{0}`: token exchange needs a control plane")]
    NoControlPlane(String),
    /// It names an entity that this module does not find.
    #[error("masking: entity `{0}` not supported")]
    Entity(String),
}

/// A snapshot made ready to work with.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) snapshot: Snapshot,
    pub(crate) verifier: Verifier,
    pub(crate) masker: Masker,
    pub(crate) standings: Standings,
    pub(crate) sealer: Sealer,
}

/// A snapshot that was read and checked, ready to become the live one.
#[derive(Debug, Clone)]
pub struct Loaded(Rc<Live>);

impl Loaded {
    /// Reads a configuration: an encoded snapshot, or `{"snapshot": "<base64>"}` with it.
    ///
    /// # Errors
    /// [`LoadError`]: this module cannot enforce it.
    pub fn read(configuration: &[u8], key: Option<&GatewayKey>) -> Result<Self, LoadError> {
        let encoded = configuration::snapshot(configuration)?;
        let snapshot = Snapshot::decode(&encoded)?;
        let key = key.ok_or(LoadError::GatewayKey)?;
        if snapshot.control_plane().is_none()
            && let Some(server) = snapshot.servers().iter().find(|s| s.exchange.is_some())
        {
            return Err(LoadError::NoControlPlane(server.name.to_string()));
        }
        Ok(Self(Rc::new(Live {
            sealer: Sealer::new(key, snapshot.seals())?,
            verifier: verifier(&snapshot)?,
            masker: masker(&snapshot)?,
            standings: Standings::default(),
            snapshot,
        })))
    }
}

/// Bytes of incomplete events that all streams of a worker may hold together. Its memory is
/// shared by every exchange: none may take it all.
const MOST_HELD: usize = 48 << 20;

/// What one stream holds of the worker's budget; given back when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Held {
    all: Rc<Cell<usize>>,
    own: usize,
}

impl Held {
    /// Holds so much from now on; false where the worker has no room for it.
    pub(crate) fn set(&mut self, bytes: usize) -> bool {
        let others = self.all.get().saturating_sub(self.own);
        let fits = bytes <= self.own || others.saturating_add(bytes) <= MOST_HELD;
        self.own = if fits { bytes } else { 0 };
        self.all.set(others.saturating_add(self.own));
        fits
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.set(self.all.get().saturating_sub(self.own));
    }
}

/// The state of one worker.
#[derive(Debug)]
pub struct World {
    pub(crate) live: Option<Rc<Live>>,
    pub(crate) tokens: TokenCache,
    /// Checks signatures, where there is such a host.
    pub(crate) signatures: Option<Box<dyn Signatures>>,
    held: Rc<Cell<usize>>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            live: None,
            tokens: TokenCache::new(TOKENS),
            signatures: None,
            held: Rc::default(),
        }
    }
}

impl World {
    /// A worker whose host checks signatures.
    pub fn with_signatures(signatures: impl Signatures + 'static) -> Self {
        Self {
            signatures: Some(Box::new(signatures)),
            ..Self::default()
        }
    }

    /// Nothing is live any more: everything is refused.
    pub fn clear(&mut self) {
        self.live = None;
    }

    /// A part of the budget, empty at first.
    pub(crate) fn hold(&self) -> Held {
        Held {
            all: Rc::clone(&self.held),
            own: 0,
        }
    }

    /// Makes a snapshot the live one. Exchanges under way keep theirs.
    pub fn adopt(&mut self, loaded: &Loaded) {
        self.live = Some(Rc::clone(&loaded.0));
    }

    /// Reads a snapshot and makes it the live one.
    ///
    /// # Errors
    /// [`LoadError`]; nothing changes then.
    pub fn load(&mut self, encoded: &[u8], key: Option<&GatewayKey>) -> Result<(), LoadError> {
        self.adopt(&Loaded::read(encoded, key)?);
        Ok(())
    }

    /// The version of the live policy.
    pub fn version(&self) -> Option<&str> {
        self.live.as_ref().map(|live| live.snapshot.version())
    }
}

fn verifier(snapshot: &Snapshot) -> Result<Verifier, LoadError> {
    let texts = |list: &[Box<str>]| list.iter().map(|t| t.to_string()).collect::<Vec<_>>();
    let mut issuers = Vec::new();
    for issuer in snapshot.issuers() {
        let algorithms: Option<Vec<_>> = issuer
            .algorithms
            .iter()
            .map(|name| Algorithm::parse(name))
            .collect();
        issuers.push(Issuer {
            name: issuer.name.to_string(),
            issuer: issuer.issuer.to_string(),
            audiences: texts(&issuer.audiences),
            algorithms: algorithms.ok_or_else(|| LoadError::Algorithm(issuer.name.to_string()))?,
            leeway_seconds: issuer.leeway_seconds.into(),
            max_token_seconds: issuer.max_token_seconds.into(),
            token_types: texts(&issuer.token_types),
            user_id: texts(&issuer.user_id),
            email: texts(&issuer.email),
            groups: texts(&issuer.groups),
            required_scopes: texts(&issuer.required_scopes),
        });
    }
    let mut sets = Vec::new();
    for set in snapshot.keys() {
        let mut keys = Vec::new();
        for key in &set.keys {
            let kid = key.kid.as_ref().map(ToString::to_string);
            let numbers = match &key.material {
                KeyMaterial::Rsa { modulus, exponent } => Numbers::Rsa { modulus, exponent },
                KeyMaterial::Point(point) => Numbers::Point(point),
            };
            let algorithm = Algorithm::parse(&key.algorithm)
                .ok_or_else(|| LoadError::Algorithm(set.issuer.to_string()))?;
            let made = Key::new(kid, algorithm, numbers);
            keys.push(made.map_err(|_| LoadError::Key(set.issuer.to_string()))?);
        }
        sets.push(KeySet {
            issuer: set.issuer.to_string(),
            use_until: set.use_until,
            keys,
        });
    }
    // Whatever changes issuers or keys makes remembered tokens worthless.
    let version = format!("{}/{}", snapshot.version(), snapshot.keys_version());
    Ok(Verifier::new(issuers, sets, version))
}

/// All masking plugins look for their entities together; the lowest threshold finds most.
fn masker(snapshot: &Snapshot) -> Result<Masker, LoadError> {
    let mut entities = Vec::new();
    for masking in snapshot.masking() {
        for name in &masking.entities {
            let entity = Entity::parse(name).map_err(|_| LoadError::Entity(name.to_string()))?;
            if !entities.contains(&entity) {
                entities.push(entity);
            }
        }
    }
    let threshold = snapshot.masking().iter().map(|m| m.threshold_milli).min();
    Ok(Masker::new(&entities, threshold.unwrap_or(0)))
}

/// What a step may use: the time, the worker, and where effects go.
#[derive(Debug)]
pub struct Cx<'a> {
    /// Unix milliseconds.
    pub now_ms: u64,
    /// The worker.
    pub world: &'a mut World,
    /// Effects of this step, in order.
    pub out: &'a mut Vec<Action>,
}

impl Cx<'_> {
    pub(crate) fn seconds(&self) -> u64 {
        self.now_ms / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_shared_and_given_back() {
        let world = World::default();
        let (mut a, mut b) = (world.hold(), world.hold());
        assert!(a.set(MOST_HELD - 10) && b.set(10));
        assert!(!b.set(11), "no room");
        assert_eq!(world.held.get(), MOST_HELD - 10);
        assert!(a.set(5) && b.set(11));
        drop(a);
        assert_eq!(world.held.get(), 11);
        drop(b);
        assert_eq!(world.held.get(), 0);
    }
}
