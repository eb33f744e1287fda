//! `identity`

use std::ops::Range;

use super::fields::{Fields, Key, Spanned, scopes, text, texts, word, wrong_type};
use super::url::{self, Excuse, Host};
use crate::code::Code;
use crate::compiled::{Algorithm, IssuerPlan};
use crate::diagnostic::{Diagnostic, Severity};
use crate::environment::Environment;
use crate::node::{Node, Value};
use crate::notes::Notes;
use crate::render::quoted;
use crate::server::Scheme;

const WHAT: &str = "identity";

const KEYS: [Key; 15] = [
    Key::Built("name"),
    Key::Built("provider"),
    Key::Built("issuer"),
    Key::Built("audience"),
    Key::Built("claim_mapping"),
    Key::Built("jwks_uri"),
    Key::Built("algorithms"),
    Key::Built("leeway_seconds"),
    Key::Built("jwks_cache_seconds"),
    Key::Built("jwks_stale_seconds"),
    Key::Built("max_token_seconds"),
    Key::Built("token_types"),
    Key::Built("required_scopes"),
    Key::Built("authorization_servers"),
    Key::Known("allow_insecure"),
];

/// One accepted issuer.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) plan: IssuerPlan,
    pub(crate) audiences: Vec<String>,
    pub(crate) leeway_seconds: u32,
    pub(crate) max_token_seconds: u32,
    pub(crate) token_types: Vec<String>,
    pub(crate) claims: Claims,
    pub(crate) authorization_servers: Vec<String>,
    pub(crate) required_scopes: Vec<String>,
}

/// Where in a token the facts are, each in segments.
#[derive(Debug, Clone)]
pub(crate) struct Claims {
    pub(crate) user_id: Vec<String>,
    pub(crate) email: Vec<String>,
    pub(crate) groups: Vec<String>,
}

/// The section.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    /// Those that are whole.
    pub(crate) entries: Vec<Identity>,
    /// Every name, for rules that refer to it.
    pub(crate) names: Vec<String>,
    /// How many the file has.
    pub(crate) count: usize,
}

impl Identity {
    /// An issuer with nothing but defaults.
    pub(crate) fn plain(name: &str, issuer: &str, audience: &str, insecure: bool) -> Self {
        Self {
            plan: IssuerPlan {
                name: name.to_owned(),
                issuer: issuer.to_owned(),
                jwks_uri: None,
                algorithms: Algorithm::DEFAULT.to_vec(),
                jwks_cache_seconds: 3600,
                jwks_stale_seconds: 86_400,
                insecure_allowed: insecure,
            },
            audiences: vec![audience.to_owned()],
            leeway_seconds: 30,
            max_token_seconds: 86_400,
            token_types: [ABSENT, "JWT", "at+jwt"].map(str::to_owned).to_vec(),
            claims: Claims {
                user_id: path("sub"),
                email: path("email"),
                groups: path("groups"),
            },
            authorization_servers: vec![issuer.to_owned()],
            required_scopes: Vec::new(),
        }
    }
}

/// How the snapshot spells an absent `typ`.
const ABSENT: &str = "";

pub(super) fn read(
    node: Option<&Node>,
    environment: &Environment,
    notes: &mut Notes<'_>,
) -> Identities {
    let mut identities = Identities::default();
    let items = match node {
        None => return identities,
        Some(node) => match &node.value {
            Value::Map(_) => std::slice::from_ref(node),
            Value::List(items) if items.is_empty() => {
                let help = "name an issuer, or take `identity` away";
                notes.advise(&node.span, Code::Empty, "an empty list of identities", help);
                return identities;
            }
            Value::List(items) => items,
            _ => {
                wrong_type(node, "a mapping, or a list of mappings,", notes);
                return identities;
            }
        },
    };
    identities.count = items.len();
    let mut issuers: Vec<String> = Vec::new();
    for item in items {
        let before = notes.errors();
        let Some(fields) = Fields::open(item, WHAT, &KEYS, notes) else {
            continue;
        };
        let name = name(&fields, &identities, notes);
        identities.names.extend(name.clone());
        let entry = entry(&fields, name, &mut issuers, environment, notes);
        if notes.errors() == before {
            identities.entries.extend(entry);
        }
    }
    identities
}

fn name(fields: &Fields<'_>, others: &Identities, notes: &mut Notes<'_>) -> Option<String> {
    let node = if others.count > 1 {
        fields.require("name", notes)?
    } else {
        match fields.get("name") {
            Some(node) => node,
            None => return Some("default".to_owned()),
        }
    };
    let name = text(node, notes)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if name.value.len() > 64 || !name.value.bytes().all(plain) {
        let message = format!("{} is no name of an identity", quoted(name.value));
        let help = "at most 64 of a-z, A-Z, 0-9, `-`, `_` and `.`";
        notes.advise(&name.span, Code::UnsuitableText, message, help);
        return None;
    }
    if others.names.iter().any(|other| other == name.value) {
        let message = format!("there is an identity {} already", quoted(name.value));
        notes.error(&name.span, Code::NotUnique, message);
    }
    Some(name.value.to_owned())
}

fn entry(
    fields: &Fields<'_>,
    name: Option<String>,
    issuers: &mut Vec<String>,
    environment: &Environment,
    notes: &mut Notes<'_>,
) -> Option<Identity> {
    let insecure = environment.skip_tls_validation;
    if let Some(entry) = fields.entry("allow_insecure") {
        notes.advise(
            &entry.key_span,
            Code::Moved,
            "`allow_insecure` is no key of `identity`",
            "set MCP_SKIP_TLS_VALIDATION to accept an http issuer",
        );
    }
    fields.text("provider", notes);
    let issuer = fields
        .require("issuer", notes)
        .and_then(|node| text(node, notes));
    if let Some(issuer) = &issuer {
        check_issuer(issuer.value, &issuer.span, environment, notes);
        if issuers.iter().any(|other| other == issuer.value) {
            let message = format!("the issuer {} has an entry already", quoted(issuer.value));
            notes.error(&issuer.span, Code::NotUnique, message);
        }
        issuers.push(issuer.value.to_owned());
    }
    let audiences = fields
        .require("audience", notes)
        .and_then(|node| audiences(node, notes));
    let jwks_uri = fields.text("jwks_uri", notes);
    if let Some(uri) = &jwks_uri {
        https(uri, insecure, notes);
    }
    let algorithms = fields.get("algorithms").map(|node| algorithms(node, notes));
    let claims = claims(fields.get("claim_mapping"), notes);
    let token_types = fields
        .get("token_types")
        .map(|node| token_types(node, notes));
    let servers = fields
        .get("authorization_servers")
        .map(|node| authorization_servers(node, insecure, notes));
    let scopes = fields
        .get("required_scopes")
        .map(|node| scopes(node, notes));
    let cache = fields.number("jwks_cache_seconds", 3600, 30..=604_800, notes);
    let stale = fields.number(
        "jwks_stale_seconds",
        86_400.max(cache),
        30..=2_592_000,
        notes,
    );
    if let Some(node) = fields.get("jwks_stale_seconds").filter(|_| stale < cache) {
        let message = "`jwks_stale_seconds` must not be less than `jwks_cache_seconds`";
        notes.error(&node.span, Code::Conflict, message);
    }
    let leeway_seconds = fields.number("leeway_seconds", 30, 0..=60, notes);
    let max_token_seconds = fields.number("max_token_seconds", 86_400, 1..=2_592_000, notes);
    let plain = Identity::plain(&name?, issuer?.value, "", insecure);
    Some(Identity {
        plan: IssuerPlan {
            jwks_uri: jwks_uri.map(|uri| uri.value.to_owned()),
            algorithms: algorithms.unwrap_or(plain.plan.algorithms),
            jwks_cache_seconds: cache,
            jwks_stale_seconds: stale,
            ..plain.plan
        },
        audiences: audiences?,
        leeway_seconds,
        max_token_seconds,
        token_types: token_types.unwrap_or(plain.token_types),
        claims: claims.unwrap_or(plain.claims),
        authorization_servers: servers.unwrap_or(plain.authorization_servers),
        required_scopes: scopes.unwrap_or_default(),
    })
}

/// The URL of an issuer, which is compared byte for byte and therefore kept as it is.
pub(crate) fn check_issuer(
    issuer: &str,
    span: &Range<usize>,
    environment: &Environment,
    notes: &mut Notes<'_>,
) {
    let spanned = Spanned {
        value: issuer,
        span: span.clone(),
    };
    let Some(url) = https(&spanned, environment.skip_tls_validation, notes) else {
        return;
    };
    if url.query.is_some() {
        notes.error(span, Code::Url, "the URL of an issuer has no query");
    }
    let okta = match &url.host {
        Host::Name(name) => [
            ".okta.com",
            ".oktapreview.com",
            ".okta-emea.com",
            ".okta-gov.com",
        ]
        .iter()
        .any(|domain| name.ends_with(domain)),
        Host::Address(_) => false,
    };
    if okta && matches!(url.path.as_str(), "" | "/") {
        let message =
            "an Okta org authorization server: its access tokens cannot be validated by others";
        let base = issuer.trim_end_matches('/');
        let help = format!("use a custom authorization server: {base}/oauth2/default");
        let severity = if environment.strict {
            Severity::Error
        } else {
            Severity::Warning
        };
        let found = Diagnostic::error(Code::OktaOrgServer, message).help(help);
        notes.add_at(span, Diagnostic { severity, ..found });
    }
}

fn https(text: &Spanned<&str>, insecure: bool, notes: &mut Notes<'_>) -> Option<url::Url> {
    let url = url::read(text.value, &text.span, notes)?;
    if url.scheme == Scheme::Http {
        let excuse = insecure.then_some(Excuse::Environment);
        let help = "use https; MCP_SKIP_TLS_VALIDATION accepts http where nothing is at stake";
        Excuse::report(excuse, &text.span, help, notes);
    }
    Some(url)
}

fn audiences(node: &Node, notes: &mut Notes<'_>) -> Option<Vec<String>> {
    match &node.value {
        Value::List(_) => {
            let list = texts(node, "audiences", notes)?;
            Some(list.iter().map(|text| text.value.to_owned()).collect())
        }
        _ => text(node, notes).map(|text| vec![text.value.to_owned()]),
    }
}

fn algorithms(node: &Node, notes: &mut Notes<'_>) -> Vec<Algorithm> {
    let mut found = Vec::new();
    for item in texts(node, "algorithms", notes).unwrap_or_default() {
        match Algorithm::ALL.into_iter().find(|a| a.name() == item.value) {
            Some(algorithm) => found.push(algorithm),
            None => notes.advise(
                &item.span,
                Code::ForbiddenAlgorithm,
                format!("the algorithm {} is never accepted", quoted(item.value)),
                "one of RS256, RS384, RS512, ES256, ES384 and EdDSA",
            ),
        }
    }
    found
}

fn token_types(node: &Node, notes: &mut Notes<'_>) -> Vec<String> {
    let words = [("absent", ABSENT), ("JWT", "JWT"), ("at+jwt", "at+jwt")];
    let items = super::fields::list(node, "token types", notes).unwrap_or_default();
    let mut found = Vec::new();
    for item in items {
        if let Some(word) = word(item, "token type", &words, notes) {
            let owned = word.to_owned();
            if !found.contains(&owned) {
                found.push(owned);
            }
        }
    }
    found
}

fn authorization_servers(node: &Node, insecure: bool, notes: &mut Notes<'_>) -> Vec<String> {
    let items = texts(node, "URLs", notes).unwrap_or_default();
    for item in &items {
        https(item, insecure, notes);
    }
    items.iter().map(|item| item.value.to_owned()).collect()
}

fn claims(node: Option<&Node>, notes: &mut Notes<'_>) -> Option<Claims> {
    let keys = [
        Key::Built("user_id"),
        Key::Built("email"),
        Key::Built("groups"),
    ];
    let fields = Fields::open(node?, "claim_mapping", &keys, notes)?;
    let mut claim = |key, default: &str| {
        let Some(text) = fields.text(key, notes) else {
            return path(default);
        };
        let segments = path(text.value);
        if segments.iter().any(String::is_empty) {
            let message = format!("{} has an empty segment", quoted(text.value));
            notes.error(&text.span, Code::UnsuitableText, message);
        }
        segments
    };
    Some(Claims {
        user_id: claim("user_id", "sub"),
        email: claim("email", "email"),
        groups: claim("groups", "groups"),
    })
}

/// `a.b` leads into objects; the name of a claim that is a URL stays whole.
fn path(text: &str) -> Vec<String> {
    if text.contains("://") {
        vec![text.to_owned()]
    } else {
        text.split('.').map(str::to_owned).collect()
    }
}
