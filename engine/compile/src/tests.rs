//! Whole policies: what is refused with which words, and what the others compile to.

mod cases;
mod demo;
mod diff;
mod gates;
mod guide;
mod refusals;
mod robustness;
mod schema;
mod servers;
mod shipped;

use crate::*;

/// A gateway with everything an ordinary start has.
fn environment() -> Environment {
    Environment {
        okta_issuer: Some("https://idp.example.com".to_owned()),
        okta_audience: Some("gateway".to_owned()),
        public_url: "https://gateway.example.com".to_owned(),
        gateway_id: "gw-1".to_owned(),
        ..Environment::default()
    }
}

/// As [`environment`], but nobody supplies an identity.
fn anonymous() -> Environment {
    Environment {
        okta_issuer: None,
        okta_audience: None,
        ..environment()
    }
}

fn yaml(text: &str) -> Source<'_> {
    Source {
        name: "policy.yaml",
        text,
        format: Format::Yaml,
    }
}

/// Every diagnostic of a policy, a line each.
fn lines(text: &str, environment: &Environment) -> String {
    match compile(yaml(text), environment) {
        Ok(compiled) if compiled.warnings.is_empty() => "fine".to_owned(),
        Ok(compiled) => listed(&compiled.warnings),
        Err(found) => found.lines().collect::<Vec<_>>().join("\n"),
    }
}

fn listed(items: &[Diagnostic]) -> String {
    let lines: Vec<String> = items.iter().map(Diagnostic::to_string).collect();
    lines.join("\n")
}

fn errors(text: &str, environment: &Environment) -> Vec<Code> {
    match compile(yaml(text), environment) {
        Ok(_) => Vec::new(),
        Err(found) => {
            let errors = found
                .items()
                .iter()
                .filter(|item| item.severity == Severity::Error);
            errors.map(|item| item.code).collect()
        }
    }
}

/// Where the first server of a policy is.
fn url(compiled: &Compiled) -> &ServerUrl {
    match &compiled.upstreams[0].reach {
        Reach::Http(server) => &server.url,
        Reach::Bridge(server) => panic!("{server:?} has no URL"),
    }
}
