//! Why a decision came out as it did: what each rule had to do with it.

use crate::condition::{Datum, Truth};
use crate::decision::{Arguments, Decision, Effect, Object, Subject};
use crate::rule::{Rule, Subjects};
use crate::snapshot::Snapshot;

/// What a rule had to do with a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bearing<'s> {
    /// It decided.
    Decides,
    /// It matches, but another rule decided: a deny before an allow, or an earlier one.
    Outweighed {
        /// The id of that rule.
        by: &'s str,
    },
    /// It matches and is only tried out.
    OnTrial,
    /// Its issuers are others.
    Issuer,
    /// It names neither the user nor a group of theirs.
    Subject,
    /// It is about other servers.
    Server,
    /// It is about other kinds of objects of this server.
    Kind,
    /// It is about other names.
    Name,
    /// A condition keeps it from deciding.
    Condition {
        /// Its place in `when`, from 0.
        at: usize,
        /// False; or undecidable, which an allow does not match.
        truth: Truth,
    },
    /// There is no call yet, and a deny with conditions may not hold.
    Open,
    /// Governance is off or the server is unknown: no rule is asked.
    NotAsked,
}

/// A decision with what every rule had to do with it.
#[derive(Debug, Clone)]
pub struct Explanation<'s> {
    /// The decision itself.
    pub decision: Decision<'s>,
    /// Every rule in file order.
    pub rules: Vec<(&'s Rule, Bearing<'s>)>,
}

impl Snapshot {
    /// Decides as [`Snapshot::decide`] does, and says why. Its cost grows with the rules: it is for
    /// people.
    pub fn explain<D: Datum>(
        &self,
        subject: &Subject<'_>,
        server: &str,
        object: Object<'_>,
        arguments: Arguments<D>,
    ) -> Explanation<'_> {
        let standing = self.standing(subject);
        let decision = self.decide(&standing, server, object, arguments);
        let asked = self.governs(server);
        let bearing = |rule: &Rule| {
            if !asked {
                return Bearing::NotAsked;
            }
            let Some(miss) = miss(rule, subject, server, object, arguments) else {
                return match decision.rule {
                    _ if rule.shadow => Bearing::OnTrial,
                    Some(by) if *by != *rule.id => Bearing::Outweighed { by },
                    Some(_) | None => Bearing::Decides,
                };
            };
            miss
        };
        let rules = self.rules().iter().map(|rule| (rule, bearing(rule)));
        Explanation {
            rules: rules.collect(),
            decision,
        }
    }
}

/// Why a rule does not match; none where it does.
fn miss<'s, D: Datum>(
    rule: &Rule,
    subject: &Subject<'_>,
    server: &str,
    object: Object<'_>,
    arguments: Arguments<D>,
) -> Option<Bearing<'s>> {
    if !rule.speaks_of(subject) {
        let named = rule.subjects.as_ref().is_some_and(|subjects| {
            let of_any_issuer = Subjects {
                issuers: Vec::new(),
                ..subjects.clone()
            };
            of_any_issuer.matches(subject)
        });
        return Some(if named {
            Bearing::Issuer
        } else {
            Bearing::Subject
        });
    }
    let mut of_server = rule.scopes.iter().filter(|s| s.server.matches(server));
    if !rule
        .scopes
        .iter()
        .any(|scope| scope.matches(server, object))
    {
        let kind = |scope: &crate::rule::Scope| scope.patterns(object.kind()).is_some();
        return Some(match of_server.next() {
            None => Bearing::Server,
            Some(first) if kind(first) || of_server.any(kind) => Bearing::Name,
            Some(_) => Bearing::Kind,
        });
    }
    if rule.applies(arguments) {
        return None;
    }
    let Arguments::Of(arguments) = arguments else {
        return Some(Bearing::Open);
    };
    let truths = rule.when.iter().map(|condition| condition.holds(arguments));
    let worst = truths.enumerate().find(|(_, truth)| match truth {
        Truth::False => true,
        Truth::Undecidable => rule.effect == Effect::Allow,
        Truth::True => false,
    });
    worst.map(|(at, truth)| Bearing::Condition { at, truth })
}
