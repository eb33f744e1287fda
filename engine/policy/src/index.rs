//! Rules by what they speak of: a decision meets those alone that may decide it.
//!
//! A rule is a number, its place in the file. For each server and kind the patterns of all rules
//! lie in one [`Names`]; for each caller the rules that speak of them are one [`Set`], which is
//! found once. A decision is then the first number in both, however many rules there are.

use crate::decision::{Effect, Object, Subject};
use crate::names::Names;
use crate::rule::{Kind, Patterns, Rule};
use crate::set::Set;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// The rules that speak of one caller, under one snapshot.
#[derive(Debug, Clone)]
pub struct Standing(pub(crate) Set);

/// Rules by what they may do.
#[derive(Debug, Clone, Default)]
pub(crate) struct Classes {
    pub(crate) deny: Set,
    pub(crate) allow: Set,
    pub(crate) shadow: Set,
}

/// All rules of a policy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    /// Of scopes over all servers, whatever their names.
    every: ByKind,
    /// Of each server by name.
    servers: FxHashMap<Box<str>, ByKind>,
    subjects: SubjectIndex,
}

#[derive(Debug, Clone, Default)]
struct ByKind([Names<Classes>; 4]);

#[derive(Debug, Clone, Default)]
struct SubjectIndex {
    /// Rules for everyone, of some issuers perhaps.
    everyone: Vec<u32>,
    users: Names<Vec<u32>>,
    groups: Names<Vec<u32>>,
}

/// Patterns and the rules that have them, while an index is built.
type Gathered<'r> = BTreeMap<&'r str, Vec<u32>>;

impl Index {
    pub(crate) fn new<'s>(rules: &[Rule], servers: impl Iterator<Item = &'s str>) -> Self {
        let mut every: [Gathered<'_>; 4] = Default::default();
        let mut by_server: FxHashMap<&str, [Gathered<'_>; 4]> =
            servers.map(|name| (name, Default::default())).collect();
        for (place, rule) in numbered(rules) {
            for scope in &rule.scopes {
                if scope.server.is_any() {
                    gather(&mut every, scope, place);
                    continue;
                }
                for (server, kinds) in &mut by_server {
                    if scope.server.matches(server) {
                        gather(kinds, scope, place);
                    }
                }
            }
        }
        let by_kind = |kinds: [Gathered<'_>; 4]| {
            ByKind(kinds.map(|gathered| {
                Names::new(
                    gathered
                        .into_iter()
                        .map(|(p, places)| (p, Classes::new(places, rules))),
                )
            }))
        };
        Self {
            every: by_kind(every),
            servers: by_server
                .into_iter()
                .map(|(name, kinds)| (name.into(), by_kind(kinds)))
                .collect(),
            subjects: SubjectIndex::new(rules),
        }
    }

    /// The rules that speak of a caller.
    pub(crate) fn standing(&self, rules: &[Rule], subject: &Subject<'_>) -> Standing {
        let mut places = self.subjects.everyone.clone();
        if let Some(user) = subject.user {
            let users = &self.subjects.users;
            users.each(user, |of| places.extend_from_slice(of));
        }
        for group in subject.groups {
            let groups = &self.subjects.groups;
            groups.each(group, |of| places.extend_from_slice(of));
        }
        // The index proposes; the rule itself says whom it speaks of.
        places.retain(|place| at(rules, *place).is_some_and(|rule| rule.speaks_of(subject)));
        Standing(Set::new(places))
    }

    /// The classes of every pattern that matches an object of a server.
    pub(crate) fn matching(&self, server: &str, object: Object<'_>) -> Vec<&Classes> {
        let kind = object.kind() as usize;
        let mut found = Vec::new();
        for of in [Some(&self.every), self.servers.get(server)]
            .into_iter()
            .flatten()
        {
            if let Some(names) = of.0.get(kind) {
                names.each(object.name(), |classes| found.push(classes));
            }
        }
        found
    }
}

impl Classes {
    fn new(places: Vec<u32>, rules: &[Rule]) -> Self {
        let of = |shadow: bool, effect: Option<Effect>| {
            let fits = |place: &&u32| {
                at(rules, **place).is_some_and(|rule| {
                    rule.shadow == shadow && effect.is_none_or(|effect| rule.effect == effect)
                })
            };
            Set::new(places.iter().filter(fits).copied().collect())
        };
        Self {
            deny: of(false, Some(Effect::Deny)),
            allow: of(false, Some(Effect::Allow)),
            shadow: of(true, None),
        }
    }
}

impl SubjectIndex {
    fn new(rules: &[Rule]) -> Self {
        let mut everyone = Vec::new();
        let (mut users, mut groups) = (Gathered::new(), Gathered::new());
        for (place, rule) in numbered(rules) {
            let Some(subjects) = rule.subjects.as_ref().filter(|s| !s.is_everyone()) else {
                everyone.push(place);
                continue;
            };
            for (list, into) in [
                (&subjects.users, &mut users),
                (&subjects.groups, &mut groups),
            ] {
                for pattern in list.iter().flat_map(Patterns::written) {
                    into.entry(pattern).or_default().push(place);
                }
            }
        }
        Self {
            everyone,
            users: Names::new(users),
            groups: Names::new(groups),
        }
    }
}

/// A scope that names no kind speaks of every object of its server.
fn gather<'r>(into: &mut [Gathered<'r>; 4], scope: &'r crate::rule::Scope, place: u32) {
    for kind in Kind::ALL {
        let Some(into) = into.get_mut(kind as usize) else {
            continue;
        };
        let patterns: Vec<&str> = match scope.patterns(kind) {
            Some(patterns) => patterns.written().collect(),
            None if scope.names_no_kind() => vec!["*"],
            None => continue,
        };
        for pattern in patterns {
            into.entry(pattern).or_default().push(place);
        }
    }
}

fn numbered(rules: &[Rule]) -> impl Iterator<Item = (u32, &Rule)> {
    (0..).zip(rules)
}

pub(crate) fn at(rules: &[Rule], place: u32) -> Option<&Rule> {
    rules.get(place as usize)
}
