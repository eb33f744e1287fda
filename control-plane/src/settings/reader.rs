//! One setting after the other, with every problem noted.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use mcp_zero_compile::{CorsVariables, host_fault, origin_fault};
use mcp_zero_gate::GatewayKey;

use crate::broker::{Secret, TokenEndpoint};

use super::{
    Environment, GATEWAY_KEY, LogFormat, LogLevel, Options, Settings, parse_flag, parse_level,
};

/// Variables of features that this build does not have; anything but nothing is refused.
const NOT_BUILT: [&str; 7] = [
    "ANALYTICS_REDIS_URL",
    "ANALYTICS_REDIS_PASSWORD",
    "ANALYTICS_ENVIRONMENT",
    "ANALYTICS_GATEWAY_ID",
    "ANALYTICS_KEY_PREFIX",
    "ANALYTICS_RETENTION_SECONDS",
    "ANALYTICS_BUCKET_SECONDS",
];

/// Flags of features that this build does not have; only off is accepted.
const NOT_BUILT_FLAGS: [&str; 2] = ["MCP_SSE_ENABLED", "ANALYTICS_REDIS_CLUSTER"];

/// Reads all settings.
///
/// # Errors
/// One line a problem.
pub(super) fn read(
    options: &Options,
    environment: Environment<'_>,
    wanted_for: Use,
) -> Result<Settings, Vec<String>> {
    let mut reader = Reader {
        environment,
        wanted_for,
        problems: Vec::new(),
    };
    let settings = reader.settings(options);
    reader.not_built();
    match reader.problems.is_empty() {
        true => Ok(settings),
        false => Err(reader.problems),
    }
}

/// What the settings are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// A gateway that runs, or its parts.
    Gateway,
    /// Questions about policies: nobody is asked, and no secret is needed.
    Look,
}

struct Reader<'a> {
    environment: Environment<'a>,
    wanted_for: Use,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn settings(&mut self, options: &Options) -> Settings {
        let host = self.text(&options.host, "MCP_HOST");
        let port = self.text(&options.port, "MCP_PORT");
        let listen = self.listen(host, port);
        let admin = self.text(&options.admin, "MCP_ADMIN");
        let admin = self.admin(admin.as_deref());
        let log_level = self.text(&options.log_level, "LOG_LEVEL");
        let log_format = self.text(&options.log_format, "LOG_FORMAT");
        let insecure = self.flag(&options.skip_tls_validation, "MCP_SKIP_TLS_VALIDATION");
        let path = |text: Option<String>| text.map(PathBuf::from);
        let settings = Settings {
            policy_file: path(self.text(&options.policy, "MCP_POLICY_FILE")),
            listen: listen.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0))),
            public_url: self.public_url(&options.public_url),
            allowed_hosts: self.hosts(&options.allowed_hosts),
            upstream_url: self.text(&options.upstream_url, "MCP_UPSTREAM_URL"),
            okta_issuer: self.text(&options.okta_issuer, "OKTA_ISSUER"),
            okta_audience: self.text(&options.okta_audience, "OKTA_AUDIENCE"),
            relax: self.flag(&options.relax_startup_checks, "MCP_RELAX_STARTUP_CHECKS"),
            skip_tls_validation: insecure,
            strict: self.flag(&options.strict_security, "MCP_STRICT_SECURITY"),
            log_level: log_level.and_then(|text| self.log_level(&text)),
            log_format: log_format.and_then(|text| self.log_format(&text)),
            state_dir: path(self.text(&options.state_dir, "MCP_STATE_DIR"))
                .unwrap_or_else(|| PathBuf::from(".mcp-zero")),
            filter: path(self.text(&options.filter, "MCP_FILTER_MODULE")),
            envoy: path(self.text(&options.envoy, "MCP_ENVOY")),
            bridge: self.bridge(&options.bridge),
            bridge_program: path(self.text(&options.bridge_program, "MCP_STDIO_BRIDGE")),
            admin: admin.flatten(),
            token_endpoint: self.token_endpoint(options, insecure),
            cors: self.cors(),
            gateway_key: self.gateway_key(),
        };
        if settings.policy_file.is_some() && settings.upstream_url.is_some() {
            self.problems.push(
                "MCP_UPSTREAM_URL is for a start without a policy file; name the server in the policy's `servers`"
                    .to_owned(),
            );
        }
        settings
    }

    /// The option, else the variable; blank text is none.
    fn text(&mut self, option: &Option<String>, name: &str) -> Option<String> {
        let says = |text: &String| !text.trim().is_empty();
        if let Some(text) = option.as_ref().filter(|text| says(text)) {
            return Some(text.clone());
        }
        match (self.environment)(name) {
            Ok(found) => found.filter(says),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    fn flag(&mut self, option: &Option<String>, name: &str) -> bool {
        let Some(text) = self.text(option, name) else {
            return false;
        };
        match parse_flag(&text) {
            Some(value) => value,
            None => {
                self.problems
                    .push(format!("{name}: `{text}` is no flag; use true or false"));
                false
            }
        }
    }

    /// All three, or none: half a setting is a mistake.
    fn token_endpoint(&mut self, options: &Options, insecure: bool) -> Option<TokenEndpoint> {
        let url = self.text(&options.okta_token_endpoint, "OKTA_TOKEN_ENDPOINT");
        let client_id = self.text(&options.okta_client_id, "OKTA_CLIENT_ID");
        let secret = self.text(&None, "OKTA_CLIENT_SECRET");
        let (url, client_id, secret) = match (url, client_id, secret) {
            (None, None, None) => return None,
            (Some(url), Some(client_id), Some(secret)) => (url, client_id, secret),
            (Some(url), Some(client_id), None) if self.wanted_for == Use::Look => {
                (url, client_id, String::new())
            }
            (url, client_id, secret) => {
                let missing: Vec<&str> = [
                    ("OKTA_TOKEN_ENDPOINT", url.is_none()),
                    ("OKTA_CLIENT_ID", client_id.is_none()),
                    ("OKTA_CLIENT_SECRET", secret.is_none()),
                ]
                .into_iter()
                .filter_map(|(name, is_missing)| is_missing.then_some(name))
                .collect();
                self.problems.push(format!(
                    "token exchange: {} missing; set OKTA_TOKEN_ENDPOINT, OKTA_CLIENT_ID and OKTA_CLIENT_SECRET, or none of them",
                    missing.join(" and ")
                ));
                return None;
            }
        };
        match TokenEndpoint::url(&url, insecure) {
            Ok(url) => Some(TokenEndpoint {
                url,
                client_id,
                client_secret: Secret::new(secret),
            }),
            Err(wrong) => {
                self.problems.push(format!("OKTA_TOKEN_ENDPOINT: {wrong}"));
                None
            }
        }
    }

    fn listen(&mut self, host: Option<String>, port: Option<String>) -> Option<SocketAddr> {
        let host = host.unwrap_or_else(|| "0.0.0.0".to_owned());
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let ip = match bare {
            "localhost" => Some(IpAddr::from([127, 0, 0, 1])),
            _ => bare.parse().ok(),
        };
        if ip.is_none() {
            self.problems
                .push(format!("MCP_HOST: `{host}` is no IP address"));
        }
        let port = port.unwrap_or_else(|| "8080".to_owned());
        let number = port.parse::<u16>().ok();
        if number.is_none() {
            self.problems
                .push(format!("MCP_PORT: `{port}` is no port (0 to 65535)"));
        }
        Some(SocketAddr::new(ip?, number?))
    }

    fn admin(&mut self, text: Option<&str>) -> Option<Option<SocketAddr>> {
        let text = text.unwrap_or("127.0.0.1:8081");
        if text.eq_ignore_ascii_case("off") {
            return Some(None);
        }
        let full = match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None => text.to_owned(),
        };
        match full.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => Some(Some(address)),
            Ok(_) => {
                self.problems.push(format!(
                    "MCP_ADMIN {text}: beyond loopback it would need OIDC, which this build does not have"
                ));
                None
            }
            Err(_) => {
                self.problems.push(format!(
                    "MCP_ADMIN: `{text}` is no address with a port, nor `off`"
                ));
                None
            }
        }
    }

    fn cors(&mut self) -> CorsVariables {
        let origins = self.text(&None, "MCP_CORS_ORIGINS");
        let credentials = self.text(&None, "MCP_CORS_ALLOW_CREDENTIALS").is_some();
        let credentials = credentials.then(|| self.flag(&None, "MCP_CORS_ALLOW_CREDENTIALS"));
        let max_age = self.text(&None, "MCP_CORS_MAX_AGE");
        let max_age = max_age.and_then(|text| {
            let number = text.trim().parse().ok();
            if number.is_none() {
                self.problems.push(format!(
                    "MCP_CORS_MAX_AGE: `{text}` is no number of seconds"
                ));
            }
            number
        });
        CorsVariables {
            origins: origins.map(|text| self.origins(&text)),
            credentials,
            max_age,
        }
    }

    fn origins(&mut self, text: &str) -> Vec<String> {
        let origins = text.split(',').map(str::trim).filter(|o| !o.is_empty());
        let origins: Vec<String> = origins.map(str::to_owned).collect();
        if origins.is_empty() {
            self.problems
                .push("MCP_CORS_ORIGINS: it names no origin".to_owned());
        }
        for origin in origins.iter().filter(|origin| *origin != "*") {
            if let Some(help) = origin_fault(origin) {
                self.problems
                    .push(format!("MCP_CORS_ORIGINS: `{origin}` is no origin; {help}"));
            }
        }
        origins
    }

    /// What is wrong with it is told without it.
    fn gateway_key(&mut self) -> Option<GatewayKey> {
        let text = self.text(&None, GATEWAY_KEY)?;
        match GatewayKey::parse(text.trim()) {
            Ok(key) => Some(key),
            Err(error) => {
                self.problems.push(format!(
                    "{GATEWAY_KEY}: {error}; make one with `openssl rand -hex 32`"
                ));
                None
            }
        }
    }

    fn bridge(&mut self, option: &Option<String>) -> Option<PathBuf> {
        let text = self.text(option, "MCP_BRIDGE")?;
        let path = text.strip_prefix("unix:").filter(|path| !path.is_empty());
        if path.is_none() {
            self.problems
                .push(format!("MCP_BRIDGE: `{text}` is not unix:PATH"));
        }
        path.map(PathBuf::from)
    }

    fn public_url(&mut self, option: &Option<String>) -> Option<String> {
        let text = self.text(option, "MCP_PUBLIC_URL")?;
        let origin = text.strip_suffix('/').unwrap_or(&text);
        if let Some(help) = origin_fault(origin) {
            self.problems.push(format!(
                "MCP_PUBLIC_URL: `{text}` is not http(s)://host or http(s)://host:port; {help}"
            ));
        }
        Some(text)
    }

    fn hosts(&mut self, option: &Option<String>) -> Vec<String> {
        let Some(text) = self.text(option, "MCP_ALLOWED_HOSTS") else {
            return Vec::new();
        };
        let mut hosts = Vec::new();
        for host in text.split(',').map(str::trim).filter(|h| !h.is_empty()) {
            match host_fault(host) {
                None => hosts.push(host.to_ascii_lowercase()),
                Some(help) => self.problems.push(format!(
                    "MCP_ALLOWED_HOSTS: `{host}` is no host name; {help}"
                )),
            }
        }
        hosts
    }

    fn log_level(&mut self, text: &str) -> Option<LogLevel> {
        let level = parse_level(text);
        if level.is_none() {
            self.problems.push(format!(
                "LOG_LEVEL: `{text}` is none of DEBUG, INFO, WARNING, ERROR, CRITICAL"
            ));
        }
        level
    }

    fn log_format(&mut self, text: &str) -> Option<LogFormat> {
        let format = match text.to_ascii_lowercase().as_str() {
            "json" => Some(LogFormat::Json),
            "text" => Some(LogFormat::Text),
            _ => None,
        };
        if format.is_none() {
            self.problems
                .push(format!("LOG_FORMAT: `{text}` is neither json nor text"));
        }
        format
    }

    fn not_built(&mut self) {
        for name in NOT_BUILT {
            if self.text(&None, name).is_some() {
                self.problems.push(format!(
                    "{name} is set, but this build does not have what it configures; unset it"
                ));
            }
        }
        for name in NOT_BUILT_FLAGS {
            if self.flag(&None, name) {
                self.problems.push(format!(
                    "{name} is on, but this build does not have it; unset it or set it to false"
                ));
            }
        }
    }
}
