//! Rules as they are enforced.

use crate::decision::{Effect, Object, Subject};
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
    /// Whether the rule speaks of this caller.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        let everyone =
            |patterns: &Option<Patterns>| patterns.as_ref().is_some_and(Patterns::has_any);
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
        let unrestricted = self.users.is_none() && self.groups.is_none();
        issuer && (unrestricted || everyone(&self.users) || everyone(&self.groups) || user || group)
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
        let kinds = [
            &self.tools,
            &self.resources,
            &self.prompts,
            &self.client_requests,
        ];
        if kinds.iter().all(|k| k.is_none()) {
            return true;
        }
        let (patterns, name) = match object {
            Object::Tool(name) => (&self.tools, name),
            Object::Resource(uri) => (&self.resources, uri),
            Object::Prompt(name) => (&self.prompts, name),
            Object::ClientRequest(method) => (&self.client_requests, method),
        };
        patterns.as_ref().is_some_and(|p| p.matches(name))
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
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
}

impl Rule {
    /// Whether the rule speaks of this caller and this object.
    pub fn matches(&self, subject: &Subject<'_>, server: &str, object: Object<'_>) -> bool {
        self.subjects.as_ref().is_none_or(|s| s.matches(subject))
            && self
                .scopes
                .iter()
                .any(|scope| scope.matches(server, object))
    }
}
