//! Who may ask: every caller that rules tell apart, by user and by pairs of groups.

use std::collections::{BTreeSet, HashSet};

use mcp_zero_policy::{Snapshot, Subject};

use super::regions::regions;
use super::{DiffError, Places, Who, and, or, places};

/// The callers of two policies.
pub(super) struct Callers {
    nobody: Places,
    issuers: Vec<Issuer>,
}

/// The callers of one issuer. A rule speaks of a caller for their user id or for one of their
/// groups: what both say of a user and of a group is all that they say of the user in it.
struct Issuer {
    /// None: one that the settings of the gateway name.
    name: Option<String>,
    users: Vec<(String, Places)>,
    groups: Vec<(String, Places)>,
}

/// Hears of a set of rules and of a caller of whom they speak.
type Hear<'h> = dyn FnMut(Places, &dyn Fn() -> Who) -> Result<(), DiffError> + 'h;

impl Callers {
    pub(super) fn of(both: [&Snapshot; 2]) -> Result<Self, DiffError> {
        let subjects = || {
            let rules = both.iter().flat_map(|s| s.rules());
            rules.filter_map(|rule| rule.subjects.as_ref())
        };
        let users = subjects().filter_map(|s| s.users.as_ref());
        let users = regions(users.flat_map(|u| u.written())).ok_or(DiffError::Patterns("users"))?;
        let groups = subjects().filter_map(|s| s.groups.as_ref());
        let groups =
            regions(groups.flat_map(|g| g.written())).ok_or(DiffError::Patterns("groups"))?;
        let mut issuers: BTreeSet<Option<&str>> = both
            .iter()
            .flat_map(|s| s.issuers())
            .map(|issuer| Some(&*issuer.name))
            .collect();
        if issuers.is_empty() {
            issuers.insert(None);
        }
        let speaking = |issuer: Option<&str>, user: Option<&str>, group: Option<&str>| {
            let groups: Vec<Box<str>> = group.into_iter().map(Box::from).collect();
            let subject = Subject {
                issuer,
                user,
                groups: &groups,
            };
            places(both, |rule| rule.speaks_of(&subject))
        };
        let of_issuer = |name: Option<&str>| Issuer {
            name: name.map(str::to_owned),
            users: users
                .iter()
                .map(|user| (user.clone(), speaking(name, Some(user), None)))
                .collect(),
            groups: groups
                .iter()
                .map(|group| (group.clone(), speaking(name, None, Some(group))))
                .collect(),
        };
        Ok(Self {
            nobody: speaking(None, None, None),
            issuers: issuers.into_iter().map(of_issuer).collect(),
        })
    }

    /// How many names of users and groups there are.
    pub(super) fn names(&self) -> u64 {
        let of_issuer = |issuer: &Issuer| issuer.users.len() + issuer.groups.len();
        self.issuers.iter().map(|i| of_issuer(i) as u64).sum()
    }

    /// Tells of all callers, the plainest first, with those of the rules `about` something that
    /// speak of them.
    pub(super) fn each(&self, about: &Places, hear: &mut Hear<'_>) -> Result<(), DiffError> {
        let nobody = || Who {
            issuer: None,
            user: None,
            groups: Vec::new(),
        };
        hear(and(&self.nobody, about), &nobody)?;
        for issuer in &self.issuers {
            issuer.each(about, hear)?;
        }
        Ok(())
    }
}

impl Issuer {
    fn each(&self, about: &Places, hear: &mut Hear<'_>) -> Result<(), DiffError> {
        let (users, groups) = (distinct(&self.users, about), distinct(&self.groups, about));
        let mut meet = |groups: &[&str], of_groups: Option<&Places>| {
            users.iter().try_for_each(|(user, of_user)| {
                let speaking = of_groups.map_or_else(|| of_user.clone(), |g| or(of_user, g));
                hear(speaking, &|| Who {
                    issuer: self.name.clone(),
                    user: Some((*user).to_owned()),
                    groups: groups.iter().map(|group| (*group).to_owned()).collect(),
                })
            })
        };
        meet(&[], None)?;
        for (group, of_group) in &groups {
            meet(&[group], Some(of_group))?;
        }
        for (at, (first, of_first)) in groups.iter().enumerate() {
            for (second, of_second) in groups.iter().skip(at + 1) {
                meet(&[first, second], Some(&or(of_first, of_second)))?;
            }
        }
        Ok(())
    }
}

/// One name for each set of rules about something.
fn distinct<'n>(names: &'n [(String, Places)], about: &Places) -> Vec<(&'n str, Places)> {
    let mut seen = HashSet::new();
    let restricted = names
        .iter()
        .map(|(name, speaking)| (name.as_str(), and(speaking, about)));
    restricted
        .filter(|(_, rules)| seen.insert(rules.clone()))
        .collect()
}
