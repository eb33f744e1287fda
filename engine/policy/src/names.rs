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

/// Which end of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Head,
    Tail,
}

impl Side {
    /// The end of that length; none where the name is shorter.
    fn of(self, name: &[u8], length: usize) -> Option<&[u8]> {
        match self {
            Self::Head => name.get(..length),
            Self::Tail => name.get(name.len().checked_sub(length)?..),
        }
    }

    /// The byte of an end that stands next to the star.
    fn inner(self, end: &[u8]) -> Option<&u8> {
        match self {
            Self::Head => end.last(),
            Self::Tail => end.first(),
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Head => Self::Tail,
            Self::Tail => Self::Head,
        }
    }
}

/// Patterns by a literal end.
#[derive(Debug, Clone)]
struct Ends<T> {
    side: Side,
    /// Every length of an end, shortest first, with the bytes that stand next to the star: most
    /// names have another byte there, and need not be looked up.
    lengths: Box<[(usize, Bytes)]>,
    by_end: FxHashMap<Box<[u8]>, Bucket<T>>,
}

/// Patterns that share an end.
#[derive(Debug, Clone)]
struct Bucket<T> {
    few: Vec<(Glob, T)>,
    /// Where there are many, those that have another end too, by that.
    many: Option<Box<Ends<T>>>,
}

/// Patterns that are tried one after the other. In tests few enough that others are met.
const FEW: usize = if cfg!(test) { 1 } else { 8 };

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
        let (mut heads, mut tails) = (Vec::new(), Vec::new());
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
            } else if head.len() >= tail.len() {
                heads.push((glob, of));
            } else {
                tails.push((glob, of));
            }
        }
        Self {
            exact,
            any,
            heads: Ends::new(Side::Head, heads, true),
            tails: Ends::new(Side::Tail, tails, true),
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
        self.heads.each(name, &mut found);
        self.tails.each(name, &mut found);
        for (glob, of) in &self.rest {
            if glob.matches(name) {
                found(of);
            }
        }
    }
}

impl<T> Ends<T> {
    /// `split` where patterns that share this end are to be told apart by the other.
    fn new(side: Side, patterns: Vec<(Glob, T)>, split: bool) -> Self {
        let mut shared: FxHashMap<Box<[u8]>, Vec<(Glob, T)>> = FxHashMap::default();
        for (glob, of) in patterns {
            let end = end(&glob, side).into();
            shared.entry(end).or_default().push((glob, of));
        }
        let mut lengths: BTreeMap<usize, Bytes> = BTreeMap::new();
        for end in shared.keys() {
            let bytes = lengths.entry(end.len()).or_default();
            let inner = side.inner(end);
            inner.into_iter().for_each(|byte| bytes.insert(*byte));
        }
        let bucket = |patterns: Vec<(Glob, T)>| match split && patterns.len() > FEW {
            true => Bucket::split(side.other(), patterns),
            false => Bucket {
                few: patterns,
                many: None,
            },
        };
        Self {
            side,
            lengths: lengths.into_iter().collect(),
            by_end: shared
                .into_iter()
                .map(|(end, patterns)| (end, bucket(patterns)))
                .collect(),
        }
    }

    fn each<'t>(&'t self, name: &str, found: &mut impl FnMut(&'t T)) {
        for (length, inner) in &self.lengths {
            let Some(end) = self.side.of(name.as_bytes(), *length) else {
                break;
            };
            let known = |byte: &u8| inner.contains(*byte);
            if !self.side.inner(end).is_some_and(known) {
                continue;
            }
            let Some(bucket) = self.by_end.get(end) else {
                continue;
            };
            bucket.each(name, found);
        }
    }
}

impl<T> Bucket<T> {
    fn split(other: Side, patterns: Vec<(Glob, T)>) -> Self {
        let has_other = |(glob, _): &(Glob, T)| !end(glob, other).is_empty();
        let (many, few) = patterns.into_iter().partition(has_other);
        Self {
            few,
            many: Some(Box::new(Ends::new(other, many, false))),
        }
    }

    fn each<'t>(&'t self, name: &str, found: &mut impl FnMut(&'t T)) {
        for (glob, of) in &self.few {
            if glob.matches(name) {
                found(of);
            }
        }
        // What shares both ends is tried one after the other.
        if let Some(ends) = &self.many {
            ends.each(name, found);
        }
    }
}

/// The text before the first star of a pattern, or behind the last.
fn end(glob: &Glob, side: Side) -> &[u8] {
    let (head, tail) = glob.ends();
    match side {
        Side::Head => head.as_bytes(),
        Side::Tail => tail.as_bytes(),
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
            patterns in prop::collection::btree_set("[ab*]{0,5}|a[ab]?\\*[ab]{0,4}|[ab]{0,3}\\*ba", 0..60),
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
