//! What changes from one policy to another: for whom, where, for what.
//!
//! The answer is exact. Names fall into regions, the sets of names that the same patterns of both
//! policies match; one name of each region stands for all of it. Of groups two are enough: a
//! caller whose decision changes is let in by one of them and kept out by another at most.
//! Conditions on arguments are compared as they are written.

mod bits;
mod regions;
mod verdict;

use std::collections::{BTreeSet, HashMap, HashSet};

use mcp_zero_policy::{Kind, Object, Rule, Snapshot, Subject};

pub use verdict::{Change, Verdict};

use bits::Bits;
use regions::regions;
use verdict::Outcome;

/// One caller of those whose decision changes in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The identity entry; nobody is known without one.
    pub issuer: Option<String>,
    /// The user id.
    pub user: Option<String>,
    /// The groups.
    pub groups: Vec<String>,
}

/// One decision that changes, with an example of those to whom and to which it applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// How.
    pub change: Change,
    /// A caller.
    pub who: Who,
    /// The server.
    pub server: String,
    /// What kind of thing it is about.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What the old policy says.
    pub old: Verdict,
    /// What the new one says.
    pub new: Verdict,
}

/// Why two policies cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DiffError {
    /// The patterns of one kind of name fall into too many regions.
    #[error(
        "the patterns of the kind {0} are too many to be compared exactly; write fewer with a star at both ends"
    )]
    Patterns(&'static str),
    /// There are too many different callers.
    #[error("the policies tell more than {0} callers apart by users and pairs of groups")]
    Callers(usize),
    /// There are too many different callers and names together.
    #[error("the policies are too large to be compared: more than {0} questions")]
    Questions(u64),
}

/// Callers of whom it is asked at most: users and pairs of groups that patterns tell apart.
const MOST_CALLERS: usize = 1_000_000;
/// Questions that are asked at most.
const MOST_QUESTIONS: u64 = 20_000_000;

/// Every decision that changes, one example for each way in which it does.
///
/// # Errors
/// [`DiffError`]: nothing is said where not everything could be.
pub fn diff(old: &Snapshot, new: &Snapshot) -> Result<Vec<Difference>, DiffError> {
    let both = [old, new];
    let callers = callers(both)?;
    let mut servers: Vec<&str> = both
        .iter()
        .flat_map(|s| s.servers())
        .map(|server| &*server.name)
        .collect();
    servers.sort_unstable();
    servers.dedup();
    let mut found = Vec::new();
    let mut asked = 0_u64;
    for server in servers {
        for kind in Kind::ALL {
            for (name, about) in objects(both, server, kind)? {
                // Callers of whom the same rules speak, of those about this, are answered alike.
                let mut seen = HashSet::new();
                for (who, speaking) in &callers {
                    asked += 1;
                    if asked > MOST_QUESTIONS {
                        return Err(DiffError::Questions(MOST_QUESTIONS));
                    }
                    let [old_about, new_about] = &about;
                    let [old_speaking, new_speaking] = speaking;
                    let rules = [old_about.and(old_speaking), new_about.and(new_speaking)];
                    if !seen.insert(rules.clone()) {
                        continue;
                    }
                    let [before, after] = rules;
                    let before = Outcome::of(old, server, &before);
                    let after = Outcome::of(new, server, &after);
                    if let Some(change) = before.change_to(&after) {
                        found.push(Difference {
                            change,
                            who: who.clone(),
                            server: server.to_owned(),
                            kind,
                            name: name.clone(),
                            old: before.verdict(),
                            new: after.verdict(),
                        });
                    }
                }
            }
        }
    }
    found.sort_by_key(|difference| difference.change);
    Ok(found)
}

/// Places of rules, of the old policy and of the new one.
type Places = [Bits; 2];

fn places(both: [&Snapshot; 2], fits: impl Fn(&Rule) -> bool) -> Places {
    both.map(|snapshot| {
        let rules = snapshot.rules();
        let counts = |rule: &Rule| !rule.shadow && fits(rule);
        Bits::of(rules.len(), |place| rules.get(place).is_some_and(counts))
    })
}

/// One name for each region of a kind at a server, with the rules about it.
fn objects(
    both: [&Snapshot; 2],
    server: &str,
    kind: Kind,
) -> Result<Vec<(String, Places)>, DiffError> {
    let scopes = both
        .iter()
        .flat_map(|s| s.rules())
        .flat_map(|rule| &rule.scopes)
        .filter(|scope| scope.server.matches(server));
    let patterns = scopes
        .filter_map(|scope| scope.patterns(kind))
        .flat_map(|patterns| patterns.written());
    let names = regions(patterns).ok_or(DiffError::Patterns(kind.name()))?;
    let mut distinct = HashMap::new();
    for name in names {
        let object = Object::of(kind, &name);
        let about = places(both, |rule| {
            rule.scopes.iter().any(|s| s.matches(server, object))
        });
        distinct.entry(about).or_insert(name);
    }
    let mut distinct: Vec<_> = distinct
        .into_iter()
        .map(|(about, name)| (name, about))
        .collect();
    distinct.sort();
    Ok(distinct)
}

/// Callers that are told apart by any rule, with the rules that speak of them.
fn callers(both: [&Snapshot; 2]) -> Result<Vec<(Who, Places)>, DiffError> {
    let subjects = || {
        let rules = both.iter().flat_map(|s| s.rules());
        rules.filter_map(|rule| rule.subjects.as_ref())
    };
    let users = subjects().filter_map(|s| s.users.as_ref());
    let users = regions(users.flat_map(|u| u.written())).ok_or(DiffError::Patterns("users"))?;
    let groups = subjects().filter_map(|s| s.groups.as_ref());
    let groups = regions(groups.flat_map(|g| g.written())).ok_or(DiffError::Patterns("groups"))?;
    let mut issuers: BTreeSet<Option<&str>> = both
        .iter()
        .flat_map(|s| s.issuers())
        .map(|issuer| Some(&*issuer.name))
        .collect();
    if issuers.is_empty() {
        // One that the settings of the gateway name.
        issuers.insert(None);
    }
    let pairs = groups.len() * groups.len().saturating_sub(1) / 2;
    let sets = 1 + groups.len() + pairs;
    let all = sets
        .checked_mul(users.len())
        .and_then(|some| some.checked_mul(issuers.len()));
    if all.is_none_or(|all| all > MOST_CALLERS) {
        return Err(DiffError::Callers(MOST_CALLERS));
    }
    let mut distinct: HashMap<Places, Who> = HashMap::new();
    let mut order = Vec::new();
    let mut meet = |speaking: Places, who: &dyn Fn() -> Who| {
        distinct.entry(speaking.clone()).or_insert_with(|| {
            order.push(speaking);
            who()
        });
    };
    let speaking = |issuer: Option<&str>, user: Option<&str>, group: Option<&str>| {
        let groups: Vec<Box<str>> = group.into_iter().map(Box::from).collect();
        let subject = Subject {
            issuer,
            user,
            groups: &groups,
        };
        places(both, |rule| rule.speaks_of(&subject))
    };
    let nobody = || Who {
        issuer: None,
        user: None,
        groups: Vec::new(),
    };
    meet(speaking(None, None, None), &nobody);
    for issuer in issuers {
        // A rule speaks of a caller for their user id, or for one of their groups.
        let of_users: Vec<_> = users
            .iter()
            .map(|user| (user, speaking(issuer, Some(user), None)))
            .collect();
        let of_groups: Vec<_> = groups
            .iter()
            .map(|group| (group, speaking(issuer, None, Some(group))))
            .collect();
        let mut meet_users = |groups: &[&String], of_groups: Option<&Places>| {
            for (user, of_user) in &of_users {
                let speaking = of_groups.map_or(of_user.clone(), |groups| or(of_user, groups));
                meet(speaking, &|| Who {
                    issuer: issuer.map(str::to_owned),
                    user: Some((*user).clone()),
                    groups: groups.iter().map(|group| (*group).clone()).collect(),
                });
            }
        };
        // The plainest callers first: they are the examples.
        meet_users(&[], None);
        for (group, of_group) in &of_groups {
            meet_users(&[*group], Some(of_group));
        }
        for (at, (first, of_first)) in of_groups.iter().enumerate() {
            for (second, of_second) in of_groups.iter().skip(at + 1) {
                meet_users(&[*first, *second], Some(&or(of_first, of_second)));
            }
        }
    }
    let with = |speaking: Places| Some((distinct.get(&speaking)?.clone(), speaking));
    Ok(order.into_iter().filter_map(with).collect())
}

fn or(a: &Places, b: &Places) -> Places {
    let ([old_a, new_a], [old_b, new_b]) = (a, b);
    [old_a.or(old_b), new_a.or(new_b)]
}
