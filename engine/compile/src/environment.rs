//! What a policy's meaning depends on besides its text.

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
}

/// The built-in issuer of `mcp-zero run --dev`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevIssuer {
    /// Its URL, http on loopback.
    pub issuer: String,
    /// The audience of its tokens.
    pub audience: String,
}
