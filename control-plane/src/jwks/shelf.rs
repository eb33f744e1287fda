//! The last good key set of each issuer in the state directory: a control plane that is started
//! while an issuer is away has keys all the same.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use mcp_zero_compile::IssuerPlan;
use mcp_zero_proto as proto;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::jwk::public_jwk;
use super::store::{Source, keys_in, source};
use crate::replace::replace;
use crate::xds::resource::hex;

/// The largest file taken. A set of 64 KiB comes to less.
const LARGEST: u64 = 256 * 1024;
/// What clocks may differ by, in seconds: the machine's may have been set back a little.
const SKEW: u64 = 60;
/// Write access of anybody but the owner.
const FOREIGN_WRITE: u32 = 0o022;

/// A key set with what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stock {
    /// Where it was found.
    pub(super) uri: String,
    /// Unix seconds.
    pub(super) fetched_at: u64,
    /// When the issuer was asked the last time, with or without success. Unix seconds.
    pub(super) asked_at: u64,
    /// Public keys.
    pub(super) keys: Vec<proto::Key>,
}

/// The form on disk.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    issuer: String,
    /// `jwks_uri` of the policy; null means discovery.
    named_uri: Option<String>,
    jwks_uri: String,
    fetched_at: u64,
    asked_at: u64,
    /// A key set (RFC 7517 §5).
    jwks: String,
    /// Over all other members.
    sha256: String,
}

/// Why a file is of no use.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("it is no file that only its owner may write")]
    Access,
    #[error("it is larger than 256 KiB")]
    TooLarge,
    #[error("it cannot be understood: {0}")]
    Form(#[from] serde_json::Error),
    #[error("its hash is another one")]
    Hash,
    #[error("it is of another issuer or key set URI")]
    Source,
    #[error("its keys came over http, which is not allowed any more")]
    Insecure,
    #[error("its keys were fetched in the future: the clock has changed")]
    Future,
    #[error("its keys were fetched {0} s ago, longer than `jwks_stale_seconds`")]
    Stale(u64),
    #[error("{0}")]
    Keys(String),
}

/// A folder with a file for each issuer. It holds public keys only.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    /// The development issuer: it lives and ends with this process.
    dev: Option<String>,
}

impl Shelf {
    /// The folder in a state directory. Keys of `dev` are neither written nor read.
    pub fn in_state(state: &Path, dev: Option<String>) -> Self {
        Self {
            folder: state.join("jwks"),
            dev,
        }
    }

    /// The keys of an issuer at `now` (Unix seconds), unless there are none that may be used.
    pub(super) fn load(&self, plan: &IssuerPlan, now: u64) -> Option<Stock> {
        let source = source(plan);
        let file = self.file(&source)?;
        let issuer = &plan.issuer;
        match read(&file, plan, now) {
            Ok(stock) => {
                let age = now.saturating_sub(stock.fetched_at);
                tracing::info!(
                    issuer,
                    age,
                    "keys of the last run are used until newer ones come"
                );
                Some(stock)
            }
            Err(Unfit::Read(error)) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(issuer, file = %file.display(), %error, "keys of the last run are not used");
                None
            }
        }
    }

    /// Replaces what is kept of an issuer. Where that cannot be written the old state stays.
    pub(super) fn save(&self, source: &Source, stock: &Stock) {
        let Some(file) = self.file(source) else {
            return;
        };
        if let Err(error) = self.write(&file, source, stock) {
            let (issuer, _) = source;
            tracing::warn!(issuer, file = %file.display(), %error, "keys are not kept for the next run");
        }
    }

    fn write(&self, file: &Path, source: &Source, stock: &Stock) -> io::Result<()> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)?;
        let (issuer, named_uri) = source.clone();
        let mut stored = Stored {
            issuer,
            named_uri,
            jwks_uri: stock.uri.clone(),
            fetched_at: stock.fetched_at,
            asked_at: stock.asked_at,
            jwks: key_set(&stock.keys)?,
            sha256: String::new(),
        };
        stored.sha256 = stored.hash();
        replace(file, &serde_json::to_vec(&stored)?)
    }

    /// None for the development issuer.
    fn file(&self, (issuer, named_uri): &Source) -> Option<PathBuf> {
        if self.dev.as_ref() == Some(issuer) {
            return None;
        }
        let name = hash([issuer.as_str(), named_uri.as_deref().unwrap_or_default()]);
        Some(self.folder.join(format!("{}.json", &name[..32])))
    }
}

impl Stored {
    fn hash(&self) -> String {
        hash([
            self.issuer.as_str(),
            self.named_uri.as_deref().unwrap_or_default(),
            self.jwks_uri.as_str(),
            &self.fetched_at.to_string(),
            &self.asked_at.to_string(),
            self.jwks.as_str(),
        ])
    }
}

fn read(file: &Path, plan: &IssuerPlan, now: u64) -> Result<Stock, Unfit> {
    let open = fs::File::open(file)?;
    let about = open.metadata()?;
    if !about.is_file() || about.permissions().mode() & FOREIGN_WRITE != 0 {
        return Err(Unfit::Access);
    }
    let mut bytes = Vec::new();
    open.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Unfit::TooLarge);
    }
    let stored: Stored = serde_json::from_slice(&bytes)?;
    if stored.sha256 != stored.hash() {
        return Err(Unfit::Hash);
    }
    let named = plan.jwks_uri.as_ref();
    if stored.issuer != plan.issuer
        || stored.named_uri.as_ref() != named
        || named.is_some_and(|uri| *uri != stored.jwks_uri)
    {
        return Err(Unfit::Source);
    }
    if !plan.insecure_allowed && !stored.jwks_uri.starts_with("https://") {
        return Err(Unfit::Insecure);
    }
    if stored.fetched_at.max(stored.asked_at) > now + SKEW {
        return Err(Unfit::Future);
    }
    let age = now.saturating_sub(stored.fetched_at);
    if age >= u64::from(plan.jwks_stale_seconds) {
        return Err(Unfit::Stale(age));
    }
    let origin = file.display().to_string();
    let keys = keys_in(stored.jwks.as_bytes(), plan, &origin).map_err(Unfit::Keys)?;
    Ok(Stock {
        uri: stored.jwks_uri,
        // A clock that was ahead then lengthens nothing.
        fetched_at: stored.fetched_at.min(now),
        asked_at: stored.asked_at.min(now),
        keys,
    })
}

/// The keys as a key set (RFC 7517 §5) that is read back as the same keys: one that serves
/// several algorithms stands there once and names none, as its issuer had it.
fn key_set(keys: &[proto::Key]) -> io::Result<String> {
    let mut set: Vec<(Value, &str, bool)> = Vec::new();
    for key in keys {
        let jwk = public_jwk(key).ok_or_else(|| io::Error::other("a key is none of its curve"))?;
        match set.iter_mut().find(|(known, ..)| *known == jwk) {
            Some((_, _, alone)) => *alone = false,
            None => set.push((jwk, &key.algorithm, true)),
        }
    }
    let keys = set.into_iter().map(|(mut jwk, algorithm, alone)| {
        if alone {
            jwk["alg"] = algorithm.into();
        }
        jwk
    });
    Ok(json!({ "keys": keys.collect::<Vec<_>>() }).to_string())
}

/// The hash of texts, each by its length.
fn hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize(), 64)
}

#[cfg(test)]
pub(super) mod tests;
