//! What every connected Envoy has acknowledged.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// One type of resource at one gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TypeState {
    /// The version that was sent last.
    pub sent: String,
    /// The version that the gateway runs.
    pub accepted: Option<String>,
    /// Why the gateway refused the version sent last.
    pub refused: Option<String>,
}

impl TypeState {
    /// Whether the gateway runs what was sent last.
    pub fn is_current(&self) -> bool {
        self.refused.is_none() && self.accepted.as_deref() == Some(self.sent.as_str())
    }
}

/// One connected Envoy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Gateway {
    /// `node.id`.
    pub node: String,
    /// `node.metadata.module`: the hash of its filter module.
    pub module: Option<String>,
    /// `node.metadata.format`: the snapshot format that module reads.
    pub format: Option<u32>,
    /// Whether that format is the one that is written here.
    pub compatible: bool,
    /// State by short type name.
    pub resources: BTreeMap<String, TypeState>,
}

impl Gateway {
    /// Whether it runs everything that was sent last.
    pub fn is_current(&self) -> bool {
        self.compatible && self.resources.values().all(TypeState::is_current)
    }
}

/// All connected gateways, by stream.
#[derive(Debug, Clone, Default)]
pub struct Fleet(Arc<Mutex<BTreeMap<u64, Gateway>>>);

impl Fleet {
    /// A copy of the present state.
    pub fn gateways(&self) -> Vec<Gateway> {
        self.lock().values().cloned().collect()
    }

    /// Changes one gateway's state.
    pub(crate) fn update(&self, stream: u64, change: impl FnOnce(&mut Gateway)) {
        change(self.lock().entry(stream).or_default());
    }

    /// The stream has ended.
    pub(crate) fn remove(&self, stream: u64) {
        self.lock().remove(&stream);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Gateway>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last part of a type URL, for logs.
pub(crate) fn short_name(type_url: &str) -> &str {
    type_url.rsplit('.').next().unwrap_or(type_url)
}
