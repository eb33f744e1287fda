//! What a policy's meaning depends on besides its text.

use std::collections::BTreeMap;
use std::fmt;

/// Variables whose values are the gateway's own secrets: no policy may name them, and no child of
/// the gateway inherits them unasked.
pub const SECRET_VARIABLES: [&str; 3] = [
    "MCP_GATEWAY_KEY",
    "OKTA_CLIENT_SECRET",
    "ANALYTICS_REDIS_PASSWORD",
];

/// Settings of the process that take part in a compilation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// `OKTA_ISSUER`: used where the policy names no identity.
    pub okta_issuer: Option<String>,
    /// `OKTA_AUDIENCE`.
    pub okta_audience: Option<String>,
    /// `MCP_UPSTREAM_URL`: the one server where there is no policy file.
    pub upstream_url: Option<String>,
    /// Scheme and authority under which clients know the gateway, no trailing slash.
    pub public_url: String,
    /// `MCP_ALLOWED_HOSTS`.
    pub allowed_hosts: Vec<String>,
    /// `MCP_SKIP_TLS_VALIDATION`: http URLs are accepted.
    pub skip_tls_validation: bool,
    /// `MCP_STRICT_SECURITY`.
    pub strict: bool,
    /// `MCP_RELAX_STARTUP_CHECKS`.
    pub relax: bool,
    /// The development issuer, used where nothing else names one.
    pub dev_issuer: Option<DevIssuer>,
    /// The gateway's name in audit records; part of the policy version, so keep it stable.
    pub gateway_id: String,
    /// `MCP_CORS_*`, each over its counterpart in the policy.
    pub cors: CorsVariables,
    /// `OKTA_TOKEN_ENDPOINT`, `OKTA_CLIENT_ID` and `OKTA_CLIENT_SECRET` are all set: tokens can be
    /// exchanged.
    pub token_endpoint: bool,
    /// What `${VAR}` in the policy stands for.
    pub variables: Variables,
    /// What happens to a `${VAR}` that has neither value nor default.
    pub unset: Unset,
}

/// `MCP_CORS_ORIGINS`, `MCP_CORS_ALLOW_CREDENTIALS` and `MCP_CORS_MAX_AGE`, where they are set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CorsVariables {
    /// Serialized origins, or `*`.
    pub origins: Option<Vec<String>>,
    /// Whether cookies and the like may go with a request.
    pub credentials: Option<bool>,
    /// Seconds for which a browser may remember a preflight.
    pub max_age: Option<u32>,
}

/// Variables of the process that `${VAR}` may name; [`fmt::Debug`] shows none of their values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// Without [`SECRET_VARIABLES`].
impl FromIterator<(String, String)> for Variables {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(pairs: T) -> Self {
        let own = |name: &str| SECRET_VARIABLES.contains(&name);
        Self(pairs.into_iter().filter(|(name, _)| !own(name)).collect())
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Variables({})", self.0.len())
    }
}

/// How an unset variable is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unset {
    /// The policy is refused.
    #[default]
    Refuse,
    /// A warning: what comes out is good for looking at, not for running.
    Warn,
}

/// The built-in issuer of `mcp-zero run --dev`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevIssuer {
    /// Its URL, http on loopback.
    pub issuer: String,
    /// The audience of its tokens.
    pub audience: String,
}
