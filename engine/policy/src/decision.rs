//! The question and its answer.

use crate::rule::Kind;

/// The outcome of a rule, or of a whole policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It may pass.
    Allow,
    /// It may not.
    Deny,
}

impl Effect {
    /// As policies and records write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The name of the identity entry that verified the caller.
    pub issuer: Option<&'a str>,
    /// The mapped user id; none for the anonymous caller.
    pub user: Option<&'a str>,
    /// The groups of the token.
    pub groups: &'a [Box<str>],
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object<'a> {
    /// A tool by name.
    Tool(&'a str),
    /// A prompt by name.
    Prompt(&'a str),
    /// A resource by URI.
    Resource(&'a str),
    /// A method that the server asks of the client.
    ClientRequest(&'a str),
}

impl<'a> Object<'a> {
    /// One of a kind, by its name.
    pub fn of(kind: Kind, name: &'a str) -> Self {
        match kind {
            Kind::Tools => Self::Tool(name),
            Kind::Prompts => Self::Prompt(name),
            Kind::Resources => Self::Resource(name),
            Kind::ClientRequests => Self::ClientRequest(name),
        }
    }

    /// Its kind.
    pub fn kind(self) -> Kind {
        match self {
            Self::Tool(_) => Kind::Tools,
            Self::Prompt(_) => Kind::Prompts,
            Self::Resource(_) => Kind::Resources,
            Self::ClientRequest(_) => Kind::ClientRequests,
        }
    }

    /// Its name, URI or method.
    pub fn name(self) -> &'a str {
        match self {
            Self::Tool(name)
            | Self::Prompt(name)
            | Self::Resource(name)
            | Self::ClientRequest(name) => name,
        }
    }
}

/// What is known of a call's arguments when it is decided.
#[derive(Debug, Clone, Copy)]
pub enum Arguments<D> {
    /// There is no call yet: whatever could be allowed counts as allowed.
    Open,
    /// Those of the call; none where it has none.
    Of(Option<D>),
}

/// A rule that would have decided, but is only tried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shadow<'s> {
    /// Its id.
    pub rule: &'s str,
    /// What it would have said.
    pub effect: Effect,
}

/// Why a decision came out as it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A rule matched.
    Rule,
    /// None did.
    Default,
    /// There is no policy file.
    GovernanceOff,
    /// The server is not one of the policy's.
    UnknownServer,
}

/// The answer, with what the audit record needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<'s> {
    /// The outcome.
    pub effect: Effect,
    /// The id of the rule that decided.
    pub rule: Option<&'s str>,
    /// The rule's description, or why none decided.
    pub reason: &'s str,
    /// What kind of answer it is.
    pub cause: Cause,
    /// Shadow rules that match, in file order; at most [`MOST_SHADOWS`].
    pub shadows: Vec<Shadow<'s>>,
}

/// Shadow rules that one decision tells of.
pub const MOST_SHADOWS: usize = 16;

impl<'s> Decision<'s> {
    /// One that no rule has made.
    pub(crate) fn plain(effect: Effect, reason: &'s str, cause: Cause) -> Self {
        Self {
            effect,
            rule: None,
            reason,
            cause,
            shadows: Vec::new(),
        }
    }

    /// Whether it may pass.
    pub fn is_allowed(&self) -> bool {
        self.effect == Effect::Allow
    }
}
