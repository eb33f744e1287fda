//! What a policy compiles to.

use std::fmt;

use mcp_zero_policy::DecodeError;
use mcp_zero_proto::{Keys, Message as _, Policy, Snapshot, version_of};

use crate::diagnostic::Diagnostic;
use crate::server::{Reach, StdioServer, Upstream};

/// A compiled policy: the part that filters execute, and what the control plane needs beside it.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// What filters execute. Changing it by hand leaves `policy_version` behind.
    pub policy: Policy,
    /// The hash of `policy`.
    pub policy_version: String,
    /// What is accepted, but should be looked at.
    pub warnings: Vec<Diagnostic>,
    /// Whose keys are to be fetched, in the order of `policy.issuers`.
    pub issuers: Vec<IssuerPlan>,
    /// The servers, in the order of `policy.servers`.
    pub upstreams: Vec<Upstream>,
    /// The section `logging`.
    pub logging: Logging,
    /// `audit.file`: where audit records are written, where the policy says so.
    pub audit_file: Option<String>,
    /// How protected the gateway is.
    pub posture: Posture,
    /// Declared plugins, by ascending priority.
    pub plugins: Vec<String>,
}

impl Compiled {
    /// The snapshot of this policy with these keys, encoded for a filter.
    pub fn snapshot(&self, keys: Keys) -> Vec<u8> {
        self.revised(keys, 0)
    }

    /// The policy as filters read it, without keys: what decides.
    ///
    /// # Errors
    /// It compiled to what filters refuse; a mistake of this crate.
    pub fn judge(&self) -> Result<mcp_zero_policy::Snapshot, DecodeError> {
        mcp_zero_policy::Snapshot::decode(&self.snapshot(Keys::default()))
    }

    /// The same under a revision, which sets it apart from an earlier one with the same content.
    pub fn revised(&self, keys: Keys, revision: u32) -> Vec<u8> {
        let snapshot = Snapshot {
            revision,
            ..Snapshot::seal(self.policy.clone(), keys)
        };
        snapshot.encode_to_vec()
    }

    /// Gives every server the name of its Envoy cluster, and the policy its new version.
    #[must_use]
    pub fn with_clusters(mut self, name: impl Fn(&Upstream) -> String) -> Self {
        for (server, upstream) in self.policy.servers.iter_mut().zip(&self.upstreams) {
            server.cluster = name(upstream);
        }
        self.policy_version = version_of(&self.policy);
        self
    }

    /// The servers that the bridge starts, in file order.
    pub fn stdio_servers(&self) -> impl Iterator<Item = &StdioServer> {
        self.upstreams.iter().filter_map(|up| match &up.reach {
            Reach::Bridge(server) => Some(server),
            Reach::Http(_) => None,
        })
    }

    fn has_cors(&self) -> bool {
        let surface = self.policy.surface.as_ref();
        surface.is_some_and(|surface| surface.cors.is_some())
    }

    /// The line of the start that says what is on: `servers=2 identity=on governance=on …`.
    pub fn ready_line(&self) -> String {
        let list = |names: &[&str]| {
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(",")
            }
        };
        let servers: Vec<&str> = self.upstreams.iter().map(|u| u.name.as_str()).collect();
        let identities: Vec<&str> = self.issuers.iter().map(|i| i.name.as_str()).collect();
        let plugins: Vec<&str> = self.plugins.iter().map(String::as_str).collect();
        let version = self.policy_version.get(..12).unwrap_or_default();
        format!(
            "servers={} identity={} governance={} analytics=off plugins={} sse=off cors={} policy={version}",
            list(&servers),
            list(&identities),
            if self.policy.governance { "on" } else { "off" },
            list(&plugins),
            if self.has_cors() { "on" } else { "off" },
        )
    }
}

/// How well a gateway protects what is behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posture {
    /// Callers are known and judged by a policy.
    Enforcing,
    /// Identity or governance is missing.
    Degraded,
    /// Anyone may call anything.
    Insecure,
}

impl Posture {
    /// The name in upper case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enforcing => "ENFORCING",
            Self::Degraded => "DEGRADED",
            Self::Insecure => "INSECURE",
        }
    }
}

impl fmt::Display for Posture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A signature algorithm that this build verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// RSA with PKCS #1 v1.5 padding and SHA-256.
    Rs256,
    /// RSA with PKCS #1 v1.5 padding and SHA-384.
    Rs384,
    /// RSA with PKCS #1 v1.5 padding and SHA-512.
    Rs512,
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// ECDSA over P-384 with SHA-384.
    Es384,
    /// EdDSA over Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 6] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// Those of an identity that names none.
    pub const DEFAULT: [Self; 2] = [Self::Rs256, Self::Es256];

    /// The JOSE name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// How the keys of one issuer are found and kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerPlan {
    /// The name of the identity entry.
    pub name: String,
    /// The exact `iss`.
    pub issuer: String,
    /// Where the keys are; absent means discovery.
    pub jwks_uri: Option<String>,
    /// What keys may be used with.
    pub algorithms: Vec<Algorithm>,
    /// How often keys are fetched.
    pub jwks_cache_seconds: u32,
    /// How long keys are used after their fetch when no newer ones are to be had.
    pub jwks_stale_seconds: u32,
    /// Whether http URLs are accepted for this issuer, its discovery and its keys.
    pub insecure_allowed: bool,
}

/// The section `logging`; what it leaves open, the environment decides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Logging {
    /// How much is logged.
    pub level: Option<LogLevel>,
    /// How it is written.
    pub format: Option<LogFormat>,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What happens.
    Info,
    /// What may be wrong.
    Warning,
    /// What failed.
    Error,
    /// Only what ends the program.
    Critical,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A JSON object a line.
    Json,
    /// A line for people.
    Text,
}
