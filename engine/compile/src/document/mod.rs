//! What the author wrote, section by section, checked as far as the document alone goes.

pub(crate) mod cases;
pub(crate) mod cors;
mod expand;
mod fields;
pub(crate) mod identity;
mod plugins;
pub(crate) mod policies;
#[cfg(test)]
pub(crate) mod seen;
pub(crate) mod servers;
mod settings;
pub(crate) mod url;
mod when;

pub(crate) use cors::Cors;
pub(crate) use fields::Spanned;
pub(crate) use identity::{Claims, Identities, Identity};
pub(crate) use plugins::Masking;
pub(crate) use policies::{Effect, Rule, Scope, Subjects};
pub(crate) use servers::Servers;
pub(crate) use when::{Condition, Literal, Test};

use crate::code::Code;
use crate::compiled::Logging;
use crate::environment::Environment;
use crate::node::{Node, Value};
use crate::notes::Notes;
use crate::server::StdioServer;
use fields::{Fields, Key, word};

const KEYS: [Key; 11] = [
    Key::Built("version"),
    Key::Built("default"),
    Key::Built("identity"),
    Key::Built("servers"),
    Key::Built("policies"),
    Key::Built("logging"),
    Key::Built("masking"),
    Key::Built("plugins"),
    Key::Later("analytics"),
    Key::Built("cors"),
    Key::Built("audit"),
];

/// A policy file.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) default: Spanned<Effect>,
    pub(crate) identities: Identities,
    pub(crate) servers: Servers,
    pub(crate) rules: Vec<Rule>,
    pub(crate) logging: Logging,
    pub(crate) masking: Vec<Masking>,
    pub(crate) cors: Option<Cors>,
    pub(crate) audit_file: Option<String>,
    pub(crate) include_email: bool,
}

/// Reads a whole document; nothing when it is no mapping. `outside` is the name of the identity
/// that stands in where the document has none.
pub(crate) fn read(
    root: &Node,
    outside: Option<&str>,
    environment: &Environment,
    notes: &mut Notes<'_>,
) -> Option<Document> {
    let fields = Fields::open(root, "the policy", &KEYS, notes)?;
    version(&fields, notes);
    let default = match fields.get("default") {
        Some(node) => word(node, "effect", &Effect::WORDS, notes).map(|value| Spanned {
            value,
            span: node.span.clone(),
        }),
        None => None,
    };
    let identities = identity::read(fields.get("identity"), environment, notes);
    let servers = servers::read(fields.get("servers"), environment, notes);
    if fields
        .get("servers")
        .is_none_or(|node| node.value == Value::List(Vec::new()))
    {
        let message = "the policy has no servers";
        let help = "every path will be unknown; add one to `servers`";
        notes.warn(&(0..0), Code::NoServers, message, help);
    }
    let mut names = identities.names.clone();
    if identities.count == 0 {
        names.extend(outside.map(str::to_owned));
    }
    let known = policies::Known {
        servers: &servers.names,
        identities: &names,
        several: identities.count > 1,
    };
    let rules = policies::read(fields.get("policies"), known, notes);
    if names.is_empty() {
        nobody(&fields, &rules, notes);
    }
    let masking = fields
        .entry("masking")
        .map(|entry| (&entry.key_span, &entry.node));
    let masking = plugins::read(fields.get("plugins"), masking, notes);
    let logging = settings::logging(fields.get("logging"), notes);
    let audit = settings::audit(fields.get("audit"), notes);
    let cors = cors::read(fields.get("cors"), &environment.cors, notes);
    Some(Document {
        default: default.unwrap_or(Spanned {
            value: Effect::Deny,
            span: 0..0,
        }),
        identities,
        servers,
        rules,
        logging: logging.unwrap_or_default(),
        masking,
        cors,
        audit_file: audit.as_ref().and_then(|audit| audit.file.clone()),
        include_email: audit.is_some_and(|audit| audit.include_email),
    })
}

/// Reads the arguments of a call.
pub(crate) fn arguments(root: &Node, notes: &mut Notes<'_>) -> Option<Literal> {
    match root.value {
        Value::Map(_) => when::literal(root, notes),
        _ => {
            fields::wrong_type(root, "a mapping", notes);
            None
        }
    }
}

/// Reads the stdio servers alone; nothing when the document is no mapping.
pub(crate) fn stdio_servers(
    root: &Node,
    environment: &Environment,
    notes: &mut Notes<'_>,
) -> Option<Vec<StdioServer>> {
    let fields = Fields::open(root, "the policy", &KEYS, notes)?;
    Some(servers::read_stdio(
        fields.get("servers"),
        environment,
        notes,
    ))
}

fn version(fields: &Fields<'_>, notes: &mut Notes<'_>) {
    let Some(node) = fields.require("version", notes) else {
        return;
    };
    match &node.value {
        Value::Integer(1) => {}
        Value::Integer(_) => notes.advise(
            &node.span,
            Code::UnknownValue,
            "an unknown version of the policy language",
            "this build reads `version: 1`",
        ),
        _ => fields::wrong_type(node, "the whole number 1", notes),
    }
}

/// Without identity a rule that names users or groups speaks of nobody.
fn nobody(fields: &Fields<'_>, rules: &[Rule], notes: &mut Notes<'_>) {
    let needs = |rule: &&Rule| rule.subjects.as_ref().is_some_and(Subjects::needs_identity);
    let count = rules.iter().filter(needs).count();
    if let (Some(entry), true) = (fields.entry("policies"), count > 0) {
        notes.warn(
            &entry.key_span,
            Code::MatchesNobody,
            format!("without identity, {count} of the rules match nobody"),
            "add `identity`, or set OKTA_ISSUER and OKTA_AUDIENCE",
        );
    }
}
