//! What changes from one policy to another: for whom, where, for what.
//!
//! The answer is exact. Names fall into regions, the sets of names that the same patterns of both
//! policies match; one name of each region stands for all of it. Of groups two are enough: a
//! caller whose decision changes is let in by one of them and kept out by another at most.
//! Conditions on arguments are compared as they are written.

mod bits;
mod callers;
mod regions;
mod verdict;

use std::collections::{HashMap, HashSet};

use mcp_zero_policy::{Kind, Object, Rule, Snapshot};

pub use verdict::{Change, Verdict};

use bits::Bits;
use callers::Callers;
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
    /// There are too many different callers and names together.
    #[error("the policies are too large to be compared: more than {0} questions")]
    Questions(u64),
}

/// Questions that are asked at most.
const MOST_QUESTIONS: u64 = 20_000_000;

/// Every decision that changes, one example for each way in which it does.
///
/// # Errors
/// [`DiffError`]: nothing is said where not everything could be.
pub fn diff(old: &Snapshot, new: &Snapshot) -> Result<Vec<Difference>, DiffError> {
    let both = [old, new];
    let callers = Callers::of(both)?;
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
                // Each name of a caller is looked at for each thing.
                asked += callers.names();
                // Callers of whom the same rules speak, of those about this, are answered alike.
                let mut seen = HashSet::new();
                callers.each(&about, &mut |rules, who| {
                    asked += 1;
                    if asked > MOST_QUESTIONS {
                        return Err(DiffError::Questions(MOST_QUESTIONS));
                    }
                    if !seen.insert(rules.clone()) {
                        return Ok(());
                    }
                    let [before, after] = rules;
                    let before = Outcome::of(old, server, &before);
                    let after = Outcome::of(new, server, &after);
                    if let Some(change) = before.change_to(&after) {
                        found.push(Difference {
                            change,
                            who: who(),
                            server: server.to_owned(),
                            kind,
                            name: name.clone(),
                            old: before.verdict(),
                            new: after.verdict(),
                        });
                    }
                    Ok(())
                })?;
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

fn and(a: &Places, b: &Places) -> Places {
    let ([old_a, new_a], [old_b, new_b]) = (a, b);
    [old_a.and(old_b), new_a.and(new_b)]
}

fn or(a: &Places, b: &Places) -> Places {
    let ([old_a, new_a], [old_b, new_b]) = (a, b);
    [old_a.or(old_b), new_a.or(new_b)]
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
