//! What a pass over a message did, for the audit record; never the values themselves.

use crate::Entity;
use std::collections::BTreeMap;

/// Counts of one or several passes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// Replacements by entity.
    pub findings: BTreeMap<Entity, u32>,
    /// Strings and numbers that were looked at.
    pub scanned: u32,
    /// Binary values that were passed unread.
    pub skipped: u32,
}

impl Report {
    /// Replacements of every entity together.
    pub fn total(&self) -> u32 {
        self.findings
            .values()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Adds another pass.
    pub fn merge(&mut self, other: &Self) {
        for (entity, count) in &other.findings {
            let sum = self.findings.entry(*entity).or_insert(0);
            *sum = sum.saturating_add(*count);
        }
        self.scanned = self.scanned.saturating_add(other.scanned);
        self.skipped = self.skipped.saturating_add(other.skipped);
    }

    pub(crate) fn found(&mut self, entity: Entity) {
        let count = self.findings.entry(entity).or_insert(0);
        *count = count.saturating_add(1);
    }

    pub(crate) fn scanned(&mut self) {
        self.scanned = self.scanned.saturating_add(1);
    }

    pub(crate) fn skipped(&mut self) {
        self.skipped = self.skipped.saturating_add(1);
    }
}
