//! What a policy says where arguments are still open, and how that changes.

use std::collections::BTreeSet;
use std::fmt;

use super::bits::Bits;
use mcp_zero_policy::{Effect, Rule, Snapshot};

/// How a decision changes; the order is that of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// The new policy allows what the old one denied.
    Allowed,
    /// It allows it with some arguments, or that cannot be excluded.
    AllowedForSome,
    /// It denies what the old one allowed.
    Denied,
    /// It denies it with some arguments.
    DeniedForSome,
}

impl Change {
    /// Whether something is allowed that was not, or may be.
    pub fn allows(self) -> bool {
        matches!(self, Self::Allowed | Self::AllowedForSome)
    }

    /// The name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allowed => "newly_allowed",
            Self::AllowedForSome => "newly_allowed_for_some_arguments",
            Self::Denied => "newly_denied",
            Self::DeniedForSome => "newly_denied_for_some_arguments",
        }
    }
}

/// What one policy says, and by which rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whatever the arguments; none where they matter.
    pub effect: Option<Effect>,
    /// Ids of the rules that decide; none where the default does.
    pub rules: Vec<String>,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.effect.map_or("depends on arguments", Effect::name))?;
        match self.rules.as_slice() {
            [] => f.write_str(" by default"),
            rules => write!(f, " by {}", rules.join(", ")),
        }
    }
}

/// The conditions of a rule as text: equal text is equal meaning.
type Conditions = String;

/// The decision as a function of arguments, in its simplest form.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// The same for all of them.
    Always(Effect, Vec<String>),
    /// What holds where no condition does, and what makes a difference.
    Depends {
        otherwise: Effect,
        denies: BTreeSet<Conditions>,
        allows: BTreeSet<Conditions>,
        rules: Vec<String>,
    },
}

impl Outcome {
    /// Of rules that all speak of the caller and of the thing.
    pub(super) fn of(snapshot: &Snapshot, server: &str, places: &Bits) -> Self {
        if snapshot.server(server).is_none() {
            return Self::Always(Effect::Deny, Vec::new());
        }
        if !snapshot.governs(server) {
            return Self::Always(Effect::Allow, Vec::new());
        }
        let rules = || {
            places
                .places()
                .filter_map(|place| snapshot.rules().get(place))
        };
        let plain =
            |effect: Effect| rules().find(|rule| rule.effect == effect && rule.when.is_empty());
        let conditional = |effect: Effect| -> Vec<&Rule> {
            let fits = |rule: &&Rule| rule.effect == effect && !rule.when.is_empty();
            rules().filter(fits).collect()
        };
        let id = |rule: &Rule| vec![rule.id.to_string()];
        if let Some(rule) = plain(Effect::Deny) {
            return Self::Always(Effect::Deny, id(rule));
        }
        let (denies, allows) = (conditional(Effect::Deny), conditional(Effect::Allow));
        let allow = plain(Effect::Allow);
        let otherwise = match allow {
            Some(_) => Effect::Allow,
            None => snapshot.default_effect(),
        };
        // Where it is allowed anyway, further permissions change nothing.
        let allows = if otherwise == Effect::Allow {
            Vec::new()
        } else {
            allows
        };
        if denies.is_empty() && allows.is_empty() {
            return Self::Always(otherwise, allow.map(id).unwrap_or_default());
        }
        // Nobody is let in for a deny to keep out.
        if otherwise == Effect::Deny && allows.is_empty() {
            return Self::Always(Effect::Deny, Vec::new());
        }
        let text = |rules: &[&Rule]| rules.iter().map(|r| format!("{:?}", r.when)).collect();
        Self::Depends {
            otherwise,
            denies: text(&denies),
            allows: text(&allows),
            rules: denies
                .iter()
                .chain(&allows)
                .map(|r| r.id.to_string())
                .collect(),
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::Always(effect, rules) => Verdict {
                effect: Some(*effect),
                rules: rules.clone(),
            },
            Self::Depends { rules, .. } => Verdict {
                effect: None,
                rules: rules.clone(),
            },
        }
    }

    /// Nothing where both say the same of all arguments.
    pub(super) fn change_to(&self, new: &Self) -> Option<Change> {
        match (self, new) {
            (Self::Always(before, _), Self::Always(after, _)) => match (before, after) {
                (Effect::Deny, Effect::Allow) => Some(Change::Allowed),
                (Effect::Allow, Effect::Deny) => Some(Change::Denied),
                (Effect::Allow, Effect::Allow) | (Effect::Deny, Effect::Deny) => None,
            },
            (Self::Always(Effect::Deny, _), Self::Depends { .. })
            | (Self::Depends { .. }, Self::Always(Effect::Allow, _)) => {
                Some(Change::AllowedForSome)
            }
            (Self::Always(Effect::Allow, _), Self::Depends { .. })
            | (Self::Depends { .. }, Self::Always(Effect::Deny, _)) => Some(Change::DeniedForSome),
            (
                Self::Depends {
                    otherwise: a,
                    denies: denied_before,
                    allows: allowed_before,
                    ..
                },
                Self::Depends {
                    otherwise: b,
                    denies: denied_after,
                    allows: allowed_after,
                    ..
                },
            ) => {
                if (a, denied_before, allowed_before) == (b, denied_after, allowed_after) {
                    return None;
                }
                // Allowing less and denying more lets nobody in who was not.
                let narrower = (a == b || *b == Effect::Deny)
                    && denied_after.is_superset(denied_before)
                    && (*a == Effect::Allow || allowed_after.is_subset(allowed_before));
                Some(if narrower {
                    Change::DeniedForSome
                } else {
                    Change::AllowedForSome
                })
            }
        }
    }
}
