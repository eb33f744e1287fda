//! Tokens by what they were asked for.

use std::collections::HashMap;
use std::time::Instant;

use mcp_zero_proto::TokenRequest;
use sha2::{Digest as _, Sha256};

use super::{Refused, Shared, Token};

/// A digest of all that a token depends on, the caller's own token among it.
type Key = [u8; 32];

/// What is kept for one key; its lock is held while the endpoint is asked.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) token: Option<Token>,
    /// The last refusal: for those who waited for it, and nobody after.
    pub(super) failed: Option<Refused>,
    /// When the last answer came: it serves whoever had asked before.
    pub(super) answered: Option<Instant>,
    /// Until then nobody tries to replace the token early.
    pub(super) rests_until: Option<Instant>,
}

impl Slot {
    pub(super) fn of(token: Token) -> Self {
        Self {
            token: Some(token),
            answered: Some(Instant::now()),
            ..Self::default()
        }
    }

    pub(super) fn failed(refused: Refused) -> Self {
        Self {
            failed: Some(refused),
            answered: Some(Instant::now()),
            ..Self::default()
        }
    }
}

/// A bounded number of slots.
#[derive(Debug)]
pub(super) struct Cache {
    capacity: usize,
    /// Counts look-ups.
    tick: u64,
    slots: HashMap<Key, Entry>,
}

#[derive(Debug)]
struct Entry {
    slot: Shared,
    used: u64,
    /// The end of the caller's token, after which nothing is asked for again.
    ends: u64,
}

impl Cache {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            tick: 0,
            slots: HashMap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The slot of a request, a new one where there is none.
    pub(super) fn slot(&mut self, request: &TokenRequest, now: u64) -> Shared {
        self.tick += 1;
        let key = key(request);
        if let Some(entry) = self.slots.get_mut(&key) {
            entry.used = self.tick;
            return Shared::clone(&entry.slot);
        }
        if self.slots.len() >= self.capacity {
            self.make_room(now);
        }
        let slot = Shared::default();
        let entry = Entry {
            slot: Shared::clone(&slot),
            used: self.tick,
            ends: request.token_expires_at,
        };
        self.slots.insert(key, entry);
        slot
    }

    /// What has ended goes; if that is not enough, what was not used for longest.
    fn make_room(&mut self, now: u64) {
        self.slots.retain(|_, entry| entry.ends > now);
        while self.slots.len() >= self.capacity {
            let oldest = self.slots.iter().min_by_key(|(_, entry)| entry.used);
            let Some(key) = oldest.map(|(key, _)| *key) else {
                return;
            };
            self.slots.remove(&key);
        }
    }
}

fn key(request: &TokenRequest) -> Key {
    let mut hash = Sha256::new();
    let token = Sha256::digest(&request.token);
    let texts = [&request.issuer, &request.subject, &request.audience];
    let scopes = request.scopes.iter();
    // Each behind its length: where one ends and the next begins is part of the key.
    let parts = texts.into_iter().chain(scopes).map(String::as_bytes);
    for part in parts.chain([token.as_slice()]) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
