//! Pages of other origins: the CORS protocol of the Fetch standard (§3.2).
//!
//! A page's origin is judged before anything else (`surface`); here is only what its browser is
//! told of the answer.

use crate::head::Headers;
use mcp_zero_policy::Cors;

/// Headers whose names begin so mirror arguments of 2026-07-28; a page may always send them.
const MIRRORS: &str = "mcp-param-";

/// What the browser of one request is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    /// `Access-Control-Allow-Origin`
    allow_origin: String,
    expose: String,
    credentials: bool,
}

/// Whether an origin is on the list. Origins are compared as browsers write them.
pub(crate) fn allows(cors: Option<&Cors>, origin: &str) -> bool {
    let known = |allowed: &str| allowed == "*" || allowed.eq_ignore_ascii_case(origin);
    cors.is_some_and(|cors| cors.allow_origins.iter().any(|o| known(o)))
}

/// True for a question of a browser before the request itself.
pub(crate) fn is_preflight(headers: &Headers) -> bool {
    headers.says(":method", b"OPTIONS")
        && headers.all("origin").next().is_some()
        && headers
            .all("access-control-request-method")
            .next()
            .is_some()
}

impl Page {
    /// The page that sent a request, where the policy lets it read answers.
    pub(crate) fn of(cors: Option<&Cors>, headers: &Headers) -> Option<Self> {
        let cors = cors?;
        let origin = headers.one("origin").ok().flatten()?;
        allows(Some(cors), origin).then(|| Self {
            allow_origin: match cors.allow_origins.iter().any(|o| **o == *"*") {
                true => "*".to_owned(),
                false => origin.to_owned(),
            },
            expose: cors.expose_headers.join(", "),
            credentials: cors.allow_credentials,
        })
    }

    /// Headers of every answer to it.
    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("access-control-allow-origin", self.allow_origin.clone()),
            ("vary", "Origin".to_owned()),
        ];
        if !self.expose.is_empty() {
            headers.push(("access-control-expose-headers", self.expose.clone()));
        }
        if self.credentials {
            headers.push(("access-control-allow-credentials", "true".to_owned()));
        }
        headers
    }

    /// Headers of the answer to a preflight, besides those.
    pub(crate) fn preflight(cors: &Cors, headers: &Headers) -> Vec<(&'static str, String)> {
        let mut allowed: Vec<String> = cors.allow_headers.iter().map(|h| h.to_string()).collect();
        for list in headers.all("access-control-request-headers") {
            let list = String::from_utf8_lossy(list).to_ascii_lowercase();
            let names = list.split(',').map(str::trim);
            let plain = |name: &&str| {
                name.starts_with(MIRRORS)
                    && name
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
            };
            for name in names.filter(plain) {
                if !allowed.iter().any(|a| a.eq_ignore_ascii_case(name)) {
                    allowed.push(name.to_owned());
                }
            }
        }
        vec![
            (
                "access-control-allow-methods",
                cors.allow_methods.join(", "),
            ),
            ("access-control-allow-headers", allowed.join(", ")),
            ("access-control-max-age", cors.max_age_seconds.to_string()),
        ]
    }
}
