//! The whole of what a filter enforces.

use crate::condition::{Datum, Literal};
use crate::decision::{Arguments, Cause, Decision, Effect, MOST_SHADOWS, Object, Shadow, Subject};
use crate::index::{self, Classes, Index, Standing};
use crate::rule::Rule;
use crate::set::Set;

/// One compiled policy with the keys of its issuers.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(crate) version: Box<str>,
    pub(crate) keys_version: Box<str>,
    pub(crate) governance: bool,
    pub(crate) default_effect: Effect,
    pub(crate) servers: Vec<Server>,
    pub(crate) rules: Vec<Rule>,
    /// Whether any of them has conditions.
    pub(crate) conditions: bool,
    /// Made of the rules.
    pub(crate) index: Index,
    pub(crate) issuers: Vec<Issuer>,
    pub(crate) keys: Vec<KeySet>,
    pub(crate) seals: Vec<Box<str>>,
    pub(crate) control_plane: Option<Box<str>>,
    pub(crate) surface: Surface,
    pub(crate) masking: Vec<Masking>,
    pub(crate) audit: Audit,
}

/// One MCP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// In `/mcp/<name>`.
    pub name: Box<str>,
    /// The Envoy cluster.
    pub cluster: Box<str>,
    /// `:authority` of call-outs.
    pub authority: Box<str>,
    /// `:path` of call-outs.
    pub path: Box<str>,
    /// Bytes of one request body.
    pub max_request_bytes: u32,
    /// Bytes of one response body, or of one event of a stream.
    pub max_response_bytes: u32,
    /// Milliseconds that a call-out may take.
    pub callout_timeout_ms: u32,
    /// Reached through the bridge, which is told who calls.
    pub bridged: bool,
    /// Requests carry a token for this server in place of the caller's.
    pub exchange: Option<Exchange>,
}

/// What the caller's token is exchanged for (RFC 8693 §2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The audience of the token.
    pub audience: Box<str>,
    /// Its scopes, where any are asked for.
    pub scopes: Vec<Box<str>>,
}

/// Names under which the gateway is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surface {
    /// Scheme and authority, no trailing slash.
    pub public_url: Box<str>,
    /// Host names besides the public one and the loopback names.
    pub allowed_hosts: Vec<Box<str>>,
    /// What pages of other origins may do.
    pub cors: Option<Cors>,
}

/// Cross-origin requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// Serialized origins, or `*` alone.
    pub allow_origins: Vec<Box<str>>,
    /// Methods of HTTP.
    pub allow_methods: Vec<Box<str>>,
    /// Names of request headers.
    pub allow_headers: Vec<Box<str>>,
    /// Names of response headers.
    pub expose_headers: Vec<Box<str>>,
    /// Whether cookies and the like may go with a request.
    pub allow_credentials: bool,
    /// How long a browser may remember a preflight.
    pub max_age_seconds: u32,
}

/// One accepted issuer, as plain data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Of the identity entry.
    pub name: Box<str>,
    /// Exact `iss`.
    pub issuer: Box<str>,
    /// Any of them must be in `aud`.
    pub audiences: Vec<Box<str>>,
    /// JOSE names.
    pub algorithms: Vec<Box<str>>,
    /// Clock difference that is forgiven.
    pub leeway_seconds: u32,
    /// How far ahead `exp` may lie.
    pub max_token_seconds: u32,
    /// Accepted `typ`; the empty string stands for an absent one.
    pub token_types: Vec<Box<str>>,
    /// Claim path.
    pub user_id: Vec<Box<str>>,
    /// Claim path.
    pub email: Vec<Box<str>>,
    /// Claim path.
    pub groups: Vec<Box<str>>,
    /// RFC 9728.
    pub authorization_servers: Vec<Box<str>>,
    /// All of them must be in a token.
    pub required_scopes: Vec<Box<str>>,
}

/// The keys of one issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySet {
    /// Exact `iss`.
    pub issuer: Box<str>,
    /// Unix seconds.
    pub use_until: u64,
    /// Public keys.
    pub keys: Vec<Key>,
}

/// One public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// JWK key id.
    pub kid: Option<Box<str>>,
    /// JOSE name.
    pub algorithm: Box<str>,
    /// The key itself.
    pub material: KeyMaterial,
}

/// The numbers of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyMaterial {
    /// Big-endian modulus and exponent.
    Rsa {
        /// `n`
        modulus: Vec<u8>,
        /// `e`
        exponent: Vec<u8>,
    },
    /// An uncompressed SEC 1 point, or an Ed25519 key.
    Point(Vec<u8>),
}

/// One masking plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masking {
    /// Entity names.
    pub entities: Vec<Box<str>>,
    /// Thousandths.
    pub threshold_milli: u32,
}

/// What records hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// Whether the e-mail claim is recorded.
    pub include_email: bool,
    /// Name of the gateway.
    pub gateway_id: Box<str>,
}

impl Snapshot {
    /// The policy version: SHA-256 of the encoded policy.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// SHA-256 of the encoded keys.
    pub fn keys_version(&self) -> &str {
        &self.keys_version
    }

    /// The server of that name.
    pub fn server(&self, name: &str) -> Option<&Server> {
        self.servers.iter().find(|s| *s.name == *name)
    }

    /// Every server in file order.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Accepted issuers; none means that callers are anonymous.
    pub fn issuers(&self) -> &[Issuer] {
        &self.issuers
    }

    /// Keys by issuer.
    pub fn keys(&self) -> &[KeySet] {
        &self.keys
    }

    /// The Envoy cluster of the control plane, where there is one to ask.
    pub fn control_plane(&self) -> Option<&str> {
        self.control_plane.as_deref()
    }

    /// Ids of the keys that session ids are sealed with; the first seals, all open.
    pub fn seals(&self) -> &[Box<str>] {
        &self.seals
    }

    /// Names of the gateway.
    pub fn surface(&self) -> &Surface {
        &self.surface
    }

    /// Masking plugins by priority.
    pub fn masking(&self) -> &[Masking] {
        &self.masking
    }

    /// What records hold.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// The rules that speak of a caller: what [`Snapshot::decide`] wants. Worth keeping for the
    /// caller's next question to this snapshot.
    pub fn standing(&self, subject: &Subject<'_>) -> Standing {
        self.index.standing(&self.rules, subject)
    }

    /// What happens where no rule matches.
    pub fn default_effect(&self) -> Effect {
        self.default_effect
    }

    /// Whether any rule asks about arguments.
    pub fn has_conditions(&self) -> bool {
        self.conditions
    }

    /// The rules in file order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether rules are asked about a server at all.
    pub fn governs(&self, server: &str) -> bool {
        self.governance && self.server(server).is_some()
    }

    /// Whether a caller could be allowed anything at a server. Rules that deny are not looked at:
    /// what is left where all else is denied is for [`Snapshot::decide`].
    ///
    /// `standing` must come from this snapshot.
    pub fn has_any_right(&self, standing: &Standing, server: &str) -> bool {
        if self.server(server).is_none() {
            return false;
        }
        if !self.governance || self.default_effect == Effect::Allow {
            return true;
        }
        (0..).zip(&self.rules).any(|(place, rule)| {
            rule.effect == Effect::Allow
                && !rule.shadow
                && rule.scopes.iter().any(|scope| scope.server.matches(server))
                && standing.0.contains(place)
        })
    }

    /// Decides: any matching deny, else the first matching allow, else the default. Rules on
    /// trial that match are told with it.
    ///
    /// `standing` must come from this snapshot.
    pub fn decide<D: Datum>(
        &self,
        standing: &Standing,
        server: &str,
        object: Object<'_>,
        arguments: Arguments<D>,
    ) -> Decision<'_> {
        if let Some(decision) = self.without_rules(server) {
            return decision;
        }
        let matching = self.index.matching(server, object);
        let mut decision = self.by_rules(&matching, standing, arguments);
        let mut after = None;
        while decision.shadows.len() < MOST_SHADOWS
            && let Some(place) = self.first(&matching, standing, arguments, |c| &c.shadow, after)
        {
            if let Some(rule) = index::at(&self.rules, place) {
                decision.shadows.push(Shadow {
                    rule: &rule.id,
                    effect: rule.effect,
                });
            }
            after = Some(place);
        }
        decision
    }

    /// Whether a list may show it: what could be allowed with some arguments. Rules on trial are
    /// not looked at.
    ///
    /// `standing` must come from this snapshot.
    pub fn shows(&self, standing: &Standing, server: &str, object: Object<'_>) -> bool {
        let open = Arguments::<&Literal>::Open;
        let decision = self
            .without_rules(server)
            .unwrap_or_else(|| self.by_rules(&self.index.matching(server, object), standing, open));
        decision.is_allowed()
    }

    /// What is decided before any rule is asked.
    fn without_rules(&self, server: &str) -> Option<Decision<'_>> {
        let plain = Decision::plain;
        if self.server(server).is_none() {
            return Some(plain(Effect::Deny, "no such server", Cause::UnknownServer));
        }
        if !self.governance {
            return Some(plain(Effect::Allow, "no policy file", Cause::GovernanceOff));
        }
        None
    }

    fn by_rules<D: Datum>(
        &self,
        matching: &[&Classes],
        standing: &Standing,
        arguments: Arguments<D>,
    ) -> Decision<'_> {
        let first = |class| self.first(matching, standing, arguments, class, None);
        let deciding = first(|c| &c.deny).or_else(|| first(|c| &c.allow));
        let deciding = deciding.and_then(|place| index::at(&self.rules, place));
        match (deciding, self.default_effect) {
            (Some(rule), _) => Decision {
                effect: rule.effect,
                rule: Some(&rule.id),
                reason: &rule.description,
                cause: Cause::Rule,
                shadows: Vec::new(),
            },
            (None, Effect::Deny) => Decision::plain(
                Effect::Deny,
                "no matching policy; default is deny",
                Cause::Default,
            ),
            (None, Effect::Allow) => Decision::plain(
                Effect::Allow,
                "no matching policy; default is allow",
                Cause::Default,
            ),
        }
    }

    /// The first rule of a class after a place that speaks of the caller and applies.
    fn first<D: Datum>(
        &self,
        matching: &[&Classes],
        standing: &Standing,
        arguments: Arguments<D>,
        class: fn(&Classes) -> &Set,
        after: Option<u32>,
    ) -> Option<u32> {
        let mut best = None;
        for classes in matching {
            let end = best.unwrap_or(u32::MAX);
            let found = class(classes).first_common(&standing.0, end, |place| {
                after.is_none_or(|after| place > after)
                    && index::at(&self.rules, place).is_some_and(|rule| rule.applies(arguments))
            });
            best = found.or(best);
        }
        best
    }
}
