//! MCP servers, as they are reached and started.

use std::collections::BTreeMap;
use std::fmt;

/// One MCP server behind the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// The name in `/mcp/<name>`.
    pub name: String,
    /// How it is reached.
    pub reach: Reach,
    /// The longest silence on a request.
    pub timeout_seconds: u32,
    /// The longest silence on a stream.
    pub stream_idle_seconds: u32,
    /// Limit of one request body.
    pub max_request_bytes: u32,
    /// Limit of one response body.
    pub max_response_bytes: u32,
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Streamable HTTP, by the gateway itself.
    Http(HttpServer),
    /// A process that `mcp-stdio-bridge` starts and speaks to.
    Bridge(StdioServer),
}

/// A server that speaks Streamable HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpServer {
    /// Where it is.
    pub url: ServerUrl,
    /// Connect time limit.
    pub connect_timeout_seconds: u32,
    /// Deviations from the defaults of TLS.
    pub tls: Tls,
    /// Set on every request to it, in file order.
    pub headers: Vec<StaticHeader>,
    /// Requests carry a token for this server in place of the caller's.
    pub exchange: Option<Exchange>,
}

/// What the caller's token is exchanged for (RFC 8693 section 2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The audience of the token.
    pub audience: String,
    /// Its scopes, where any are asked for.
    pub scopes: Vec<String>,
}

/// A header of requests to a server. A secret in it is only named here: its value stays in the
/// environment of whoever sends the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticHeader {
    /// A field name in lower case (RFC 9110 section 5.1).
    pub name: String,
    /// Text before the variable, or the whole value.
    pub before: String,
    /// The variable whose value follows.
    pub variable: Option<String>,
    /// Text after the variable.
    pub after: String,
}

/// A server that is a process of its own, spoken to over its standard input and output.
///
/// What [`fmt::Debug`] shows of it has neither arguments nor values of variables: both may be
/// secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct StdioServer {
    /// The name in `/mcp/<name>`.
    pub name: String,
    /// The program: a path, or a name on the PATH. Never given to a shell.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its variables besides the few that it inherits, `${VAR}` expanded.
    pub env: BTreeMap<String, String>,
    /// Its working directory, relative to the folder of the policy file; absent means that folder.
    pub cwd: Option<String>,
    /// Who shares a process.
    pub sessions: Sessions,
    /// Bytes of one message to it.
    pub max_request_bytes: u32,
    /// Bytes of one message from it.
    pub max_response_bytes: u32,
}

impl Upstream {
    /// What the caller's token is exchanged for, where the server wants one of its own.
    pub fn exchange(&self) -> Option<&Exchange> {
        match &self.reach {
            Reach::Http(server) => server.exchange.as_ref(),
            Reach::Bridge(_) => None,
        }
    }
}

impl StdioServer {
    /// Tells this definition from every other, to whoever has the same key: what is started, and
    /// who shares it. 32 hex digits. It is keyed because it is published, and arguments and values
    /// may be secrets that are easy to guess.
    pub fn tag(&self, key: &[u8; 32]) -> String {
        let mut text = Vec::new();
        let mut part = |part: &str| {
            text.extend((part.len() as u64).to_be_bytes());
            text.extend(part.as_bytes());
        };
        part(&self.name);
        part(&self.command);
        part(self.cwd.as_deref().unwrap_or_default());
        part(self.sessions.name());
        part(&self.args.len().to_string());
        self.args.iter().for_each(|argument| part(argument));
        for (name, value) in &self.env {
            part(name);
            part(value);
        }
        let tag = hmac_sha256::HMAC::mac(&text, key);
        tag.iter().take(16).map(|b| format!("{b:02x}")).collect()
    }
}

impl fmt::Debug for StdioServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StdioServer")
            .field("name", &self.name)
            .field("command", &self.command)
            .field("args", &format_args!("{} hidden", self.args.len()))
            .field("env", &self.env.keys())
            .field("cwd", &self.cwd)
            .field("sessions", &self.sessions)
            .field("max_request_bytes", &self.max_request_bytes)
            .field("max_response_bytes", &self.max_response_bytes)
            .finish()
    }
}

/// Who shares the process of a stdio server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sessions {
    /// One process for each session; for each caller where there are no sessions (2026-07-28).
    #[default]
    PerClient,
    /// One process for everybody. Its requests to clients, and notifications that belong to no
    /// open request, reach nobody.
    Shared,
}

impl Sessions {
    /// The word in a policy.
    pub fn name(self) -> &'static str {
        match self {
            Self::PerClient => "per_client",
            Self::Shared => "shared",
        }
    }
}

/// The parts of a server's URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// http or https.
    pub scheme: Scheme,
    /// Host name in lower case, or address without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The path, beginning with `/`.
    pub path: String,
}

impl ServerUrl {
    /// `:authority` of requests: the port only where it is not the scheme's own.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        if self.port == self.scheme.default_port() {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

/// The scheme of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

impl Scheme {
    /// The port where a URL names none.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// TLS towards a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificate authorities in place of the system's.
    pub ca_file: Option<String>,
    /// The gateway's own certificate and key.
    pub client_certificate: Option<ClientCertificate>,
    /// The name for SNI and the certificate check in place of the host.
    pub sni: Option<String>,
}

/// Files of a client certificate, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The chain.
    pub certificate_file: String,
    /// The private key.
    pub key_file: String,
}
