//! Rules as they are enforced.

use crate::condition::{Condition, Datum, Truth};
use crate::decision::{Arguments, Effect, Object, Subject};
use crate::glob::Glob;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Tools.
    Tools,
    /// Resources.
    Resources,
    /// Prompts.
    Prompts,
    /// Methods that servers ask of clients.
    ClientRequests,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::Tools,
        Self::Resources,
        Self::Prompts,
        Self::ClientRequests,
    ];

    /// One of the kind, as cases and answers name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tools => "tool",
            Self::Resources => "resource",
            Self::Prompts => "prompt",
            Self::ClientRequests => "client_request",
        }
    }
}

/// A non-empty list of patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patterns(Box<[Glob]>);

impl Patterns {
    /// Nothing for an empty list: a rule that matches nobody or everybody by accident is not made.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let globs: Box<[Glob]> = patterns.into_iter().map(Glob::new).collect();
        (!globs.is_empty()).then_some(Self(globs))
    }

    /// Whether any pattern matches.
    pub fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|glob| glob.matches(name))
    }

    /// As they were written.
    pub fn written(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Glob::written)
    }

    fn has_any(&self) -> bool {
        self.0.iter().any(Glob::is_any)
    }
}

/// Users or groups of some issuers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subjects {
    /// User ids.
    pub users: Option<Patterns>,
    /// Group names.
    pub groups: Option<Patterns>,
    /// Names of identity entries; empty means any.
    pub issuers: Vec<Box<str>>,
}

impl Subjects {
    /// Whether it is everyone of its issuers, the anonymous too.
    pub fn is_everyone(&self) -> bool {
        let any = |patterns: &Option<Patterns>| patterns.as_ref().is_some_and(Patterns::has_any);
        (self.users.is_none() && self.groups.is_none()) || any(&self.users) || any(&self.groups)
    }

    /// Whether the rule speaks of this caller.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        let issuer = self.issuers.is_empty()
            || subject
                .issuer
                .is_some_and(|name| self.issuers.iter().any(|i| **i == *name));
        let user = subject
            .user
            .is_some_and(|user| self.users.as_ref().is_some_and(|p| p.matches(user)));
        let group = self
            .groups
            .as_ref()
            .is_some_and(|p| subject.groups.iter().any(|group| p.matches(group)));
        issuer && (self.is_everyone() || user || group)
    }
}

/// Objects of the servers whose name matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Over server names.
    pub server: Glob,
    /// Tools by name.
    pub tools: Option<Patterns>,
    /// Resources by URI.
    pub resources: Option<Patterns>,
    /// Prompts by name.
    pub prompts: Option<Patterns>,
    /// Client requests by method.
    pub client_requests: Option<Patterns>,
}

impl Scope {
    /// Whether the scope holds this object. A scope that names no kind holds every kind.
    pub fn matches(&self, server: &str, object: Object<'_>) -> bool {
        if !self.server.matches(server) {
            return false;
        }
        match self.patterns(object.kind()) {
            Some(patterns) => patterns.matches(object.name()),
            None => self.names_no_kind(),
        }
    }

    /// The patterns over names of one kind.
    pub fn patterns(&self, kind: Kind) -> Option<&Patterns> {
        match kind {
            Kind::Tools => self.tools.as_ref(),
            Kind::Resources => self.resources.as_ref(),
            Kind::Prompts => self.prompts.as_ref(),
            Kind::ClientRequests => self.client_requests.as_ref(),
        }
    }

    /// True where it holds every object of its servers.
    pub fn names_no_kind(&self) -> bool {
        Kind::ALL.iter().all(|kind| self.patterns(*kind).is_none())
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Unique in its policy.
    pub id: Box<str>,
    /// Becomes the reason in the audit record.
    pub description: Box<str>,
    /// What it says.
    pub effect: Effect,
    /// Of whom; absent means everyone.
    pub subjects: Option<Subjects>,
    /// Of what; never empty.
    pub scopes: Vec<Scope>,
    /// Under which conditions on the arguments; all must hold.
    pub when: Vec<Condition>,
    /// Judged and recorded, never enforced.
    pub shadow: bool,
}

impl Rule {
    /// Whether the rule speaks of this caller.
    pub fn speaks_of(&self, subject: &Subject<'_>) -> bool {
        self.subjects.as_ref().is_none_or(|s| s.matches(subject))
    }

    /// Whether its conditions let it decide. Where they cannot be told a deny matches and an
    /// allow does not; where there are no arguments yet, what could be allowed is.
    pub fn applies<D: Datum>(&self, arguments: Arguments<D>) -> bool {
        if self.when.is_empty() {
            return true;
        }
        let arguments = match arguments {
            Arguments::Open => return self.effect == Effect::Allow,
            Arguments::Of(arguments) => arguments,
        };
        let all = self
            .when
            .iter()
            .map(|condition| condition.holds(arguments))
            .fold(Truth::True, Truth::and);
        match (all, self.effect) {
            (Truth::True, _) | (Truth::Undecidable, Effect::Deny) => true,
            (Truth::False, _) | (Truth::Undecidable, Effect::Allow) => false,
        }
    }
}
