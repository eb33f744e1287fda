//! Settings of the process: command line over environment over defaults.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::broker::TokenEndpoint;
use crate::failure::Failure;

use mcp_zero_compile::CorsVariables;
pub use mcp_zero_compile::{LogFormat, LogLevel};
use mcp_zero_gate::GatewayKey;

mod reader;

use reader::Use;

/// What can be set on the command line; absent fields come from the environment.
#[derive(Debug, Clone, Default, clap::Args)]
#[allow(
    rustdoc::broken_intra_doc_links,
    reason = "the help names the variable of each option in brackets"
)]
pub struct Options {
    /// Policy file [MCP_POLICY_FILE]
    #[arg(long, value_name = "FILE")]
    pub policy: Option<String>,
    /// Address on which clients connect [MCP_HOST, 0.0.0.0]
    #[arg(long)]
    pub host: Option<String>,
    /// Port on which clients connect, 0 for any [MCP_PORT, 8080]
    #[arg(long)]
    pub port: Option<String>,
    /// URL under which clients know the gateway [MCP_PUBLIC_URL]
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Further host names of the gateway, comma-separated [MCP_ALLOWED_HOSTS]
    #[arg(long, value_name = "HOSTS")]
    pub allowed_hosts: Option<String>,
    /// The one MCP server, where there is no policy file [MCP_UPSTREAM_URL]
    #[arg(long, value_name = "URL")]
    pub upstream_url: Option<String>,
    /// Token issuer, where the policy names none [OKTA_ISSUER]
    #[arg(long, value_name = "URL")]
    pub okta_issuer: Option<String>,
    /// Audience of that issuer's tokens [OKTA_AUDIENCE]
    #[arg(long, value_name = "TEXT")]
    pub okta_audience: Option<String>,
    /// Where callers' tokens are exchanged for those of servers [OKTA_TOKEN_ENDPOINT]
    #[arg(long, value_name = "URL")]
    pub okta_token_endpoint: Option<String>,
    /// As whom; the secret is a variable only, OKTA_CLIENT_SECRET [OKTA_CLIENT_ID]
    #[arg(long, value_name = "TEXT")]
    pub okta_client_id: Option<String>,
    /// Start in spite of missing identity or policy [MCP_RELAX_STARTUP_CHECKS]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub relax_startup_checks: Option<String>,
    /// Accept http:// URLs [MCP_SKIP_TLS_VALIDATION]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub skip_tls_validation: Option<String>,
    /// Refuse every weakened posture [MCP_STRICT_SECURITY]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub strict_security: Option<String>,
    /// DEBUG, INFO, WARNING, ERROR or CRITICAL [LOG_LEVEL]
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// json or text [LOG_FORMAT]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Directory of sockets, keys and the access log [MCP_STATE_DIR, .mcp-zero]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<String>,
    /// The filter module [MCP_FILTER_MODULE]
    #[arg(long, value_name = "FILE")]
    pub filter: Option<String>,
    /// The Envoy program [MCP_ENVOY]
    #[arg(long, value_name = "FILE")]
    pub envoy: Option<String>,
    /// Where the bridge to stdio servers listens [MCP_BRIDGE, unix:bridge.sock in the state directory]
    #[arg(long, value_name = "unix:PATH")]
    pub bridge: Option<String>,
    /// The bridge program [MCP_STDIO_BRIDGE, mcp-stdio-bridge beside this program or on the PATH]
    #[arg(long, value_name = "FILE")]
    pub bridge_program: Option<String>,
    /// Address of health and administration, or off [MCP_ADMIN, 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS")]
    pub admin: Option<String>,
}

/// The settings of one process.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The policy file.
    pub policy_file: Option<PathBuf>,
    /// Where clients connect; port 0 stands for any.
    pub listen: SocketAddr,
    /// The URL under which clients know the gateway, where it was given.
    pub public_url: Option<String>,
    /// Further host names.
    pub allowed_hosts: Vec<String>,
    /// The one server, without a policy file.
    pub upstream_url: Option<String>,
    /// Issuer where the policy names none.
    pub okta_issuer: Option<String>,
    /// Audience of that issuer.
    pub okta_audience: Option<String>,
    /// Start-up gates yield.
    pub relax: bool,
    /// http:// URLs are accepted.
    pub skip_tls_validation: bool,
    /// Every weakened posture is refused.
    pub strict: bool,
    /// Log level, where it was given.
    pub log_level: Option<LogLevel>,
    /// Log format, where it was given.
    pub log_format: Option<LogFormat>,
    /// Sockets, keys, access log.
    pub state_dir: PathBuf,
    /// The filter module, where it was given.
    pub filter: Option<PathBuf>,
    /// The Envoy program, where it was given.
    pub envoy: Option<PathBuf>,
    /// The bridge's socket, where it was given.
    pub bridge: Option<PathBuf>,
    /// The bridge program, where it was given.
    pub bridge_program: Option<PathBuf>,
    /// Where health and administration are served.
    pub admin: Option<SocketAddr>,
    /// Where callers' tokens are exchanged, where all three settings of it are there.
    pub token_endpoint: Option<TokenEndpoint>,
    /// `MCP_CORS_*`.
    pub cors: CorsVariables,
    /// The secret that is shared with gateways, where it was given. From the environment alone.
    pub gateway_key: Option<GatewayKey>,
}

/// Reads one variable; `Err` where it is not text.
pub type Environment<'a> = &'a dyn Fn(&str) -> Result<Option<String>, String>;

/// The process's own environment.
pub fn process_environment(name: &str) -> Result<Option<String>, String> {
    match std::env::var(name) {
        Ok(text) => Ok(Some(text)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8")),
    }
}

/// The variable of the gateway key, here and in Envoy.
pub const GATEWAY_KEY: &str = "MCP_GATEWAY_KEY";

impl Settings {
    /// Reads all settings; every problem is told at once.
    ///
    /// # Errors
    /// A configuration failure with one line a problem.
    pub fn load(options: &Options, environment: Environment<'_>) -> Result<Self, Failure> {
        reader::read(options, environment, Use::Gateway).map_err(Failure::configs)
    }

    /// Reads them for a look at policies, which needs no secret: `OKTA_CLIENT_SECRET` may be
    /// missing.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn look(options: &Options, environment: Environment<'_>) -> Result<Self, Failure> {
        reader::read(options, environment, Use::Look).map_err(Failure::configs)
    }

    /// The URL under which clients know the gateway when it listens on `address`.
    pub fn public_url(&self, address: SocketAddr) -> String {
        let given = self.public_url.as_deref();
        given.map_or_else(
            || local_url(address),
            |u| u.trim_end_matches('/').to_owned(),
        )
    }
}

/// How a client on this machine reaches a listener.
pub fn local_url(address: SocketAddr) -> String {
    let ip = address.ip();
    if ip.is_unspecified() || ip == IpAddr::from([127, 0, 0, 1]) {
        format!("http://localhost:{}", address.port())
    } else {
        format!("http://{address}")
    }
}

/// 1/true/yes/on and 0/false/no/off in any case; nothing else.
pub fn parse_flag(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// A log level by its name in any case.
pub fn parse_level(text: &str) -> Option<LogLevel> {
    match text.to_ascii_lowercase().as_str() {
        "debug" | "trace" => Some(LogLevel::Debug),
        "info" => Some(LogLevel::Info),
        "warning" | "warn" => Some(LogLevel::Warning),
        "error" => Some(LogLevel::Error),
        "critical" => Some(LogLevel::Critical),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
