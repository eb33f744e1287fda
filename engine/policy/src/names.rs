//! Patterns over names, arranged so that a name meets only those that may match it.
//!
//! The tables hold what the policy says, never what a client sends: a quick hash will do.

use crate::glob::Glob;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// What belongs to each pattern, found by name.
#[derive(Debug, Clone)]
pub(crate) struct Names<T> {
    /// Patterns without a star.
    exact: FxHashMap<Box<str>, T>,
    /// The pattern `*`.
    any: Option<T>,
    /// Patterns by the literal text that they begin with.
    heads: Ends<T>,
    /// Patterns by the literal text that they end with, where that is the longer one.
    tails: Ends<T>,
    /// Patterns with a star at both ends.
    rest: Box<[(Glob, T)]>,
}

/// Patterns by a literal end.
#[derive(Debug, Clone)]
struct Ends<T> {
    /// Every length of an end, shortest first, with the bytes that stand next to the star: most
    /// names have another byte there, and need not be looked up.
    lengths: Box<[(usize, Bytes)]>,
    by_end: FxHashMap<Box<[u8]>, Vec<(Glob, T)>>,
}

/// A set of bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Bytes([u128; 2]);

impl Bytes {
    fn insert(&mut self, byte: u8) {
        if let Some(half) = self.0.get_mut(usize::from(byte >> 7)) {
            *half |= 1 << (byte & 127);
        }
    }

    fn contains(self, byte: u8) -> bool {
        let half = self.0.get(usize::from(byte >> 7));
        half.is_some_and(|half| half >> (byte & 127) & 1 == 1)
    }
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self::new(BTreeMap::<&str, T>::new())
    }
}

impl<T> Names<T> {
    pub(crate) fn new<'p>(patterns: impl IntoIterator<Item = (&'p str, T)>) -> Self {
        let mut exact = FxHashMap::default();
        let mut any = None;
        let (mut heads, mut tails) = (FxHashMap::default(), FxHashMap::default());
        let mut rest = Vec::new();
        for (pattern, of) in patterns {
            let glob = Glob::new(pattern);
            let (head, tail) = glob.ends();
            if glob.is_literal() {
                exact.insert(pattern.into(), of);
            } else if pattern == "*" {
                any = Some(of);
            } else if head.is_empty() && tail.is_empty() {
                rest.push((glob, of));
            } else {
                let (ends, end) = if head.len() >= tail.len() {
                    (&mut heads, head)
                } else {
                    (&mut tails, tail)
                };
                let end: Box<[u8]> = end.as_bytes().into();
                let bucket: &mut Vec<(Glob, T)> = ends.entry(end).or_default();
                bucket.push((glob, of));
            }
        }
        Self {
            exact,
            any,
            heads: Ends::new(heads, <[u8]>::last),
            tails: Ends::new(tails, <[u8]>::first),
            rest: rest.into(),
        }
    }

    /// What belongs to each pattern that matches.
    pub(crate) fn each<'t>(&'t self, name: &str, mut found: impl FnMut(&'t T)) {
        if let Some(of) = self.exact.get(name) {
            found(of);
        }
        if let Some(of) = &self.any {
            found(of);
        }
        let bytes = name.as_bytes();
        for (length, inner) in &self.heads.lengths {
            let Some(head) = bytes.get(..*length) else {
                break;
            };
            if head.last().is_some_and(|byte| inner.contains(*byte)) {
                self.heads.each(head, name, &mut found);
            }
        }
        for (length, inner) in &self.tails.lengths {
            let Some(begin) = bytes.len().checked_sub(*length) else {
                break;
            };
            let tail = bytes.get(begin..).unwrap_or_default();
            if tail.first().is_some_and(|byte| inner.contains(*byte)) {
                self.tails.each(tail, name, &mut found);
            }
        }
        for (glob, of) in &self.rest {
            if glob.matches(name) {
                found(of);
            }
        }
    }
}

impl<T> Ends<T> {
    /// `inner` is the byte of an end that stands next to the star.
    fn new(by_end: FxHashMap<Box<[u8]>, Vec<(Glob, T)>>, inner: fn(&[u8]) -> Option<&u8>) -> Self {
        let mut lengths: BTreeMap<usize, Bytes> = BTreeMap::new();
        for end in by_end.keys() {
            let bytes = lengths.entry(end.len()).or_default();
            inner(end).into_iter().for_each(|byte| bytes.insert(*byte));
        }
        Self {
            lengths: lengths.into_iter().collect(),
            by_end,
        }
    }

    fn each<'t>(&'t self, end: &[u8], name: &str, found: &mut impl FnMut(&'t T)) {
        for (glob, of) in self.by_end.get(end).into_iter().flatten() {
            if glob.matches(name) {
                found(of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sets_of_bytes() {
        for byte in 0..=255 {
            let mut set = Bytes::default();
            assert!(!set.contains(byte));
            set.insert(byte);
            let found: Vec<u8> = (0..=255).filter(|other| set.contains(*other)).collect();
            assert_eq!(found, [byte]);
        }
    }

    proptest! {
        #[test]
        fn every_pattern_that_matches_is_found_once(
            patterns in prop::collection::btree_set("[ab*]{0,5}", 0..12),
            name in "[ab]{0,6}",
        ) {
            let names = Names::new(patterns.iter().map(|p| (p.as_str(), p.clone())));
            let mut found = Vec::new();
            names.each(&name, |p| found.push(p.clone()));
            found.sort();
            let wanted: Vec<_> = patterns
                .iter()
                .filter(|p| Glob::new(p).matches(&name))
                .cloned()
                .collect();
            prop_assert_eq!(found, wanted);
        }
    }
}
