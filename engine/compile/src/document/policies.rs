//! `policies[]`

use std::collections::BTreeSet;

use mcp_zero_policy::Glob;

use super::fields::{Fields, Key, Spanned, list, text, texts, word, wrong_type};
use super::when::{self, Condition};
use crate::code::Code;
use crate::node::{Node, Value};
use crate::notes::Notes;
use crate::render::quoted;

const WHAT: &str = "policies[]";

const KEYS: [Key; 7] = [
    Key::Built("id"),
    Key::Built("description"),
    Key::Built("effect"),
    Key::Built("subjects"),
    Key::Built("mcp_servers"),
    Key::Built("when"),
    Key::Built("shadow"),
];

/// What servers ask of clients.
pub(crate) const CLIENT_REQUESTS: [&str; 3] =
    ["sampling/createMessage", "elicitation/create", "roots/list"];

/// Allow or deny.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

impl Effect {
    /// How policies spell them.
    pub(crate) const WORDS: [(&'static str, Self); 2] =
        [("allow", Self::Allow), ("deny", Self::Deny)];
}

/// One rule.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) description: String,
    pub(crate) effect: Effect,
    pub(crate) subjects: Option<Subjects>,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) when: Vec<Condition>,
    pub(crate) shadow: bool,
}

/// Whom a rule speaks of; an empty list was absent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subjects {
    pub(crate) users: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) issuers: Vec<String>,
}

impl Subjects {
    /// Whether it takes an identity to be meant.
    pub(crate) fn needs_identity(&self) -> bool {
        !self
            .users
            .iter()
            .chain(&self.groups)
            .any(|p| Glob::new(p).is_any())
    }
}

/// What a rule speaks of; an empty list was absent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub(crate) server: String,
    pub(crate) tools: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) prompts: Vec<String>,
    pub(crate) client_requests: Vec<String>,
}

/// What rules refer to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) servers: &'a [String],
    pub(super) identities: &'a [String],
    /// More than one issuer.
    pub(super) several: bool,
}

pub(super) fn read(node: Option<&Node>, known: Known<'_>, notes: &mut Notes<'_>) -> Vec<Rule> {
    let mut rules = Vec::new();
    let items = match node {
        None => return rules,
        Some(node) => match &node.value {
            Value::List(items) => items,
            _ => {
                wrong_type(node, "a list of rules", notes);
                return rules;
            }
        },
    };
    let mut ids = BTreeSet::new();
    for item in items {
        let before = notes.errors();
        let Some(fields) = Fields::open(item, WHAT, &KEYS, notes) else {
            continue;
        };
        let rule = rule(&fields, &mut ids, known, notes);
        if notes.errors() == before {
            rules.extend(rule);
        }
    }
    rules
}

fn rule<'n>(
    fields: &Fields<'n>,
    ids: &mut BTreeSet<&'n str>,
    known: Known<'_>,
    notes: &mut Notes<'_>,
) -> Option<Rule> {
    let id = fields
        .require("id", notes)
        .and_then(|node| text(node, notes));
    if let Some(id) = &id {
        if id.value.len() > 128 || id.value.contains('\n') {
            let message = "an id is one line of at most 128 bytes";
            notes.error(&id.span, Code::UnsuitableText, message);
        }
        if !ids.insert(id.value) {
            let message = format!("there is a rule {} already", quoted(id.value));
            notes.error(&id.span, Code::NotUnique, message);
        }
    }
    let description = fields
        .require("description", notes)
        .and_then(|node| text(node, notes));
    let effect = fields
        .require("effect", notes)
        .and_then(|node| word(node, "effect", &Effect::WORDS, notes));
    let subjects = fields
        .get("subjects")
        .map(|node| subjects(node, known, notes));
    let scopes = fields.require("mcp_servers", notes).and_then(|node| {
        let items = list(node, "servers", notes)?;
        let scopes = items.iter().map(|item| scope(item, known, notes));
        Some(scopes.collect::<Vec<_>>())
    });
    let when = fields.get("when").map(|node| {
        let conditions = when::read(node, notes);
        check_conditions(fields, scopes.as_deref(), notes);
        conditions
    });
    let shadow = fields.flag("shadow", false, notes);
    Some(Rule {
        id: id?.value.to_owned(),
        description: description?.value.trim_end().to_owned(),
        effect: effect?,
        subjects: subjects.flatten(),
        scopes: scopes?.into_iter().collect::<Option<_>>()?,
        when: when.map_or(Some(Vec::new()), |when| when)?,
        shadow,
    })
}

/// Only calls of tools and prompts have arguments.
fn check_conditions(fields: &Fields<'_>, scopes: Option<&[Option<Scope>]>, notes: &mut Notes<'_>) {
    let (Some(entry), Some(scopes)) = (fields.entry("when"), scopes) else {
        return;
    };
    let without_arguments = |scope: &&Scope| {
        let named = !scope.tools.is_empty() || !scope.prompts.is_empty();
        !named || !scope.resources.is_empty() || !scope.client_requests.is_empty()
    };
    if scopes
        .iter()
        .flatten()
        .any(|scope| without_arguments(&scope))
    {
        notes.advise(
            &entry.key_span,
            Code::ConditionElsewhere,
            "`when` is for tools and prompts, and this rule speaks of more",
            "name `tools` or `prompts`, and nothing else, in each entry of `mcp_servers`",
        );
    }
}

fn subjects(node: &Node, known: Known<'_>, notes: &mut Notes<'_>) -> Option<Subjects> {
    let keys = [
        Key::Built("users"),
        Key::Built("groups"),
        Key::Built("issuers"),
    ];
    let fields = Fields::open(node, "subjects", &keys, notes)?;
    if fields.is_empty() {
        let help = "name users or groups, or take `subjects` away to mean everyone";
        notes.advise(fields.span(), Code::Empty, "an empty mapping", help);
        return None;
    }
    let users = patterns(&fields, "users", false, notes);
    let groups = patterns(&fields, "groups", false, notes);
    let issuers = fields
        .get("issuers")
        .and_then(|node| texts(node, "names of identity entries", notes))
        .unwrap_or_default();
    let names: Vec<&str> = known.identities.iter().map(String::as_str).collect();
    for issuer in &issuers {
        if !names.contains(&issuer.value) {
            let message = format!("there is no identity {}", quoted(issuer.value));
            let help = reference_help(issuer.value, &names, "the policy has no identity", notes);
            notes.advise(&issuer.span, Code::UnknownIdentity, message, help);
        }
    }
    let named = fields.get("users").or_else(|| fields.get("groups"));
    if known.several && named.is_some() && fields.get("issuers").is_none() {
        notes.advise(
            fields.span(),
            Code::IssuersMissing,
            "with several issuers, a rule that names users or groups must name `issuers`",
            "alice of one issuer is not alice of another",
        );
    }
    Some(Subjects {
        users,
        groups,
        issuers: issuers.iter().map(|text| text.value.to_owned()).collect(),
    })
}

fn reference_help(written: &str, names: &[&str], none: &str, notes: &Notes<'_>) -> String {
    if names.is_empty() {
        none.to_owned()
    } else {
        notes.suggestion(written, names)
    }
}

fn scope(node: &Node, known: Known<'_>, notes: &mut Notes<'_>) -> Option<Scope> {
    let keys = [
        Key::Built("name"),
        Key::Built("tools"),
        Key::Built("resources"),
        Key::Built("prompts"),
        Key::Built("client_requests"),
    ];
    let fields = Fields::open(node, "mcp_servers[]", &keys, notes)?;
    let server = fields
        .require("name", notes)
        .and_then(|node| text(node, notes));
    if let Some(server) = &server {
        check_server(server, known, notes);
    }
    let client_requests = patterns(&fields, "client_requests", false, notes);
    if let Some(Value::List(items)) = fields.get("client_requests").map(|node| &node.value) {
        for item in items {
            check_client_request(item, notes);
        }
    }
    Some(Scope {
        tools: patterns(&fields, "tools", true, notes),
        resources: patterns(&fields, "resources", false, notes),
        prompts: patterns(&fields, "prompts", true, notes),
        client_requests,
        server: server?.value.to_owned(),
    })
}

fn check_server(server: &Spanned<&str>, known: Known<'_>, notes: &mut Notes<'_>) {
    let glob = Glob::new(server.value);
    if known.servers.iter().any(|name| glob.matches(name)) {
        return;
    }
    let names: Vec<&str> = known.servers.iter().map(String::as_str).collect();
    if glob.is_literal() {
        let message = format!("there is no server {}", quoted(server.value));
        let help = reference_help(server.value, &names, "the policy has no servers", notes);
        notes.advise(&server.span, Code::UnknownServer, message, help);
    } else {
        let message = format!("{} matches no server", quoted(server.value));
        let help = reference_help(server.value, &names, "the policy has no servers", notes);
        notes.warn(&server.span, Code::MatchesNoServer, message, help);
    }
}

fn check_client_request(item: &Node, notes: &mut Notes<'_>) {
    let Value::Text(pattern) = &item.value else {
        return;
    };
    let glob = Glob::new(pattern);
    if !pattern.trim().is_empty() && !CLIENT_REQUESTS.iter().any(|method| glob.matches(method)) {
        let message = format!("{} is nothing that servers ask of clients", quoted(pattern));
        let help = notes.suggestion(pattern, &CLIENT_REQUESTS);
        notes.advise(&item.span, Code::UnknownClientRequest, message, help);
    }
}

/// Globs; `plain` where names hardly ever have the characters of other pattern languages.
fn patterns(
    fields: &Fields<'_>,
    key: &'static str,
    plain: bool,
    notes: &mut Notes<'_>,
) -> Vec<String> {
    let Some(node) = fields.get(key) else {
        return Vec::new();
    };
    let found = texts(node, "patterns", notes).unwrap_or_default();
    for pattern in found.iter().filter(|_| plain) {
        if pattern
            .value
            .contains(['?', '[', ']', '^', '$', '\\', '|', '{', '}'])
            || pattern.value.contains(".*")
        {
            notes.warn(
                &pattern.span,
                Code::SuspiciousPattern,
                format!(
                    "{} looks like another pattern language",
                    quoted(pattern.value)
                ),
                "only `*` is special here; every other character stands for itself",
            );
        }
    }
    found.iter().map(|text| text.value.to_owned()).collect()
}
