//! Verified tokens, by digest.

use crate::caller::Caller;
use crate::claims::Window;
use std::collections::BTreeMap;
use std::rc::Rc;

/// SHA-256 of a whole token.
pub(crate) type Digest = [u8; 32];

/// Tokens that were verified before: a bounded cache that gives up the least recently used.
///
/// Entries belong to one version of issuers and keys; the first look-up under another version
/// empties it. Each hit is checked again against the time and the age of the keys.
#[derive(Debug)]
pub struct TokenCache {
    capacity: usize,
    version: String,
    /// Counts look-ups.
    tick: u64,
    entries: BTreeMap<Digest, Entry>,
    /// The entries by their last use.
    uses: BTreeMap<u64, Digest>,
}

#[derive(Debug)]
struct Entry {
    used: u64,
    verified: Verified,
}

/// What is kept of a verified token.
#[derive(Debug, Clone)]
pub(crate) struct Verified {
    pub(crate) caller: Rc<Caller>,
    pub(crate) window: Window,
}

impl TokenCache {
    /// A cache of at most that many tokens; 0 keeps none.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            version: String::new(),
            tick: 0,
            entries: BTreeMap::new(),
            uses: BTreeMap::new(),
        }
    }

    /// The tokens held.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when no token is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.uses.clear();
    }

    /// Forgets what was verified under another version.
    pub(crate) fn bind(&mut self, version: &str) {
        if self.version != version {
            self.clear();
            version.clone_into(&mut self.version);
        }
    }

    pub(crate) fn get(&mut self, digest: &Digest) -> Option<Verified> {
        let entry = self.entries.get_mut(digest)?;
        self.uses.remove(&entry.used);
        self.tick += 1;
        entry.used = self.tick;
        self.uses.insert(self.tick, *digest);
        Some(entry.verified.clone())
    }

    pub(crate) fn insert(&mut self, digest: Digest, verified: Verified) {
        if self.capacity == 0 {
            return;
        }
        self.remove(&digest);
        while self.entries.len() >= self.capacity {
            let Some((_, oldest)) = self.uses.pop_first() else {
                self.clear();
                break;
            };
            self.entries.remove(&oldest);
        }
        self.tick += 1;
        self.uses.insert(self.tick, digest);
        let used = self.tick;
        self.entries.insert(digest, Entry { used, verified });
    }

    pub(crate) fn remove(&mut self, digest: &Digest) {
        if let Some(entry) = self.entries.remove(digest) {
            self.uses.remove(&entry.used);
        }
    }
}

#[cfg(test)]
mod tests;
