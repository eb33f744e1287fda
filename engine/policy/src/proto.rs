//! From the snapshot on the wire: whatever is not exactly understood is refused.

use crate::condition::{Condition, Literal, Test};
use crate::decision::Effect;
use crate::index::Index;
use crate::rule::{Patterns, Rule, Scope, Subjects};
use crate::snapshot::{
    Audit, Cors, Exchange, Issuer, Key, KeyMaterial, KeySet, Masking, Server, Snapshot, Surface,
};
use crate::{Decimal, Glob, Regex};
use mcp_zero_proto as wire;
use wire::Message;

/// Why bytes are not a snapshot for this build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not the protobuf message.
    #[error("the snapshot is malformed")]
    Malformed,
    /// Written for another build.
    #[error("the snapshot has format {found}, this build reads {wanted}", wanted = wire::FORMAT)]
    Format {
        /// What it says.
        found: u32,
    },
    /// A part is missing or does not have the version that it claims.
    #[error("the {0} part is missing or does not match its version")]
    Part(&'static str),
    /// A field has no meaning.
    #[error("`{0}` has a value that is not understood")]
    Field(&'static str),
}

type Result<T> = std::result::Result<T, DecodeError>;

impl Snapshot {
    /// Reads an encoded snapshot.
    ///
    /// # Errors
    /// [`DecodeError`] on anything that is not understood exactly.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let snapshot = wire::Snapshot::decode(bytes).map_err(|_| DecodeError::Malformed)?;
        if snapshot.format != wire::FORMAT {
            return Err(DecodeError::Format {
                found: snapshot.format,
            });
        }
        let policy = part("policy", snapshot.policy, &snapshot.policy_version)?;
        let keys = part("keys", snapshot.keys, &snapshot.keys_version)?;
        let surface = policy.surface.ok_or(DecodeError::Field("surface"))?;
        let audit = policy.audit.ok_or(DecodeError::Field("audit"))?;
        let servers = each(policy.servers, server)?;
        let rules = each(policy.rules, rule)?;
        let read = Self {
            conditions: rules.iter().any(|rule| !rule.when.is_empty()),
            index: Index::new(&rules, servers.iter().map(|s| &*s.name)),
            version: snapshot.policy_version.into(),
            keys_version: snapshot.keys_version.into(),
            governance: policy.governance,
            default_effect: effect(policy.default_effect)?,
            servers,
            rules,
            issuers: each(policy.issuers, issuer)?,
            keys: each(keys.sets, key_set)?,
            seals: boxed(keys.seals),
            control_plane: Some(keys.control_plane)
                .filter(|name| !name.is_empty())
                .map(Into::into),
            surface: Surface {
                public_url: filled("public_url", surface.public_url)?,
                allowed_hosts: boxed(surface.allowed_hosts),
                cors: surface.cors.map(cors).transpose()?,
            },
            masking: each(policy.masking, masking)?,
            audit: Audit {
                include_email: audit.include_email,
                gateway_id: audit.gateway_id.into(),
            },
        };
        read.unique()?;
        Ok(read)
    }

    fn unique(&self) -> Result<()> {
        distinct("servers", self.servers.iter().map(|s| &*s.name))?;
        distinct("rules", self.rules.iter().map(|r| &*r.id))?;
        distinct("issuers", self.issuers.iter().map(|i| &*i.name))?;
        distinct("issuers", self.issuers.iter().map(|i| &*i.issuer))?;
        distinct("keys", self.keys.iter().map(|k| &*k.issuer))
    }
}

fn part<T: Message + Default>(name: &'static str, part: Option<T>, version: &str) -> Result<T> {
    part.filter(|p| wire::version_of(p) == version)
        .ok_or(DecodeError::Part(name))
}

fn each<A, B>(items: Vec<A>, read: impl Fn(A) -> Result<B>) -> Result<Vec<B>> {
    items.into_iter().map(read).collect()
}

fn boxed(texts: Vec<String>) -> Vec<Box<str>> {
    texts.into_iter().map(Into::into).collect()
}

fn filled(field: &'static str, text: String) -> Result<Box<str>> {
    if text.is_empty() {
        Err(DecodeError::Field(field))
    } else {
        Ok(text.into())
    }
}

fn distinct<'a>(field: &'static str, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    let twice = names
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a == b));
    if twice {
        Err(DecodeError::Field(field))
    } else {
        Ok(())
    }
}

fn effect(value: i32) -> Result<Effect> {
    match wire::Effect::try_from(value) {
        Ok(wire::Effect::Allow) => Ok(Effect::Allow),
        Ok(wire::Effect::Deny) => Ok(Effect::Deny),
        Ok(wire::Effect::Unspecified) | Err(_) => Err(DecodeError::Field("effect")),
    }
}

fn positive(field: &'static str, value: u32) -> Result<u32> {
    if value == 0 {
        Err(DecodeError::Field(field))
    } else {
        Ok(value)
    }
}

fn exchange(exchange: wire::Exchange) -> Result<Exchange> {
    Ok(Exchange {
        audience: filled("exchange.audience", exchange.audience)?,
        scopes: exchange
            .scopes
            .into_iter()
            .map(|scope| filled("exchange.scopes", scope))
            .collect::<Result<_>>()?,
    })
}

fn server(server: wire::Server) -> Result<Server> {
    Ok(Server {
        name: filled("server.name", server.name)?,
        cluster: filled("server.cluster", server.cluster)?,
        authority: filled("server.authority", server.authority)?,
        path: filled("server.path", server.path)?,
        max_request_bytes: positive("server.max_request_bytes", server.max_request_bytes)?,
        max_response_bytes: positive("server.max_response_bytes", server.max_response_bytes)?,
        callout_timeout_ms: positive("server.callout_timeout_ms", server.callout_timeout_ms)?,
        bridged: server.bridged,
        exchange: server.exchange.map(exchange).transpose()?,
    })
}

fn rule(rule: wire::Rule) -> Result<Rule> {
    if rule.servers.is_empty() {
        return Err(DecodeError::Field("rule.servers"));
    }
    Ok(Rule {
        id: filled("rule.id", rule.id)?,
        description: filled("rule.description", rule.description)?,
        effect: effect(rule.effect)?,
        subjects: rule.subjects.map(subjects).transpose()?,
        scopes: each(rule.servers, scope)?,
        when: each(rule.when, condition)?,
        shadow: rule.shadow,
    })
}

fn condition(condition: wire::Condition) -> Result<Condition> {
    use wire::condition::Test as Written;
    let wrong = || DecodeError::Field("rule.when");
    let test = match condition.test.ok_or_else(wrong)? {
        Written::Equals(value) => Test::Equals(literal(value)?),
        Written::In(values) if values.items.is_empty() => return Err(wrong()),
        Written::In(values) => Test::In(each(values.items, literal)?.into()),
        Written::Glob(pattern) => Test::Glob(Glob::new(&pattern)),
        Written::Regex(regex) => {
            Test::Regex(Regex::from_automaton(&regex.pattern, &regex.automaton).ok_or_else(wrong)?)
        }
        Written::Range(wire::Range {
            min: None,
            max: None,
        }) => return Err(wrong()),
        Written::Range(range) => {
            let bound = |text: Option<String>| {
                text.map(|text| Decimal::parse(&text).ok_or_else(wrong))
                    .transpose()
            };
            Test::Range {
                min: bound(range.min)?,
                max: bound(range.max)?,
            }
        }
        Written::Present(wanted) => Test::Present(wanted),
    };
    Ok(Condition {
        pointer: boxed(condition.pointer).into(),
        test,
    })
}

fn literal(literal: wire::Literal) -> Result<Literal> {
    use wire::literal::Value;
    let wrong = || DecodeError::Field("rule.when");
    Ok(match literal.value.ok_or_else(wrong)? {
        Value::Null(true) => Literal::Null,
        Value::Null(false) => return Err(wrong()),
        Value::Boolean(value) => Literal::Boolean(value),
        Value::Number(text) => Literal::Number(Decimal::parse(&text).ok_or_else(wrong)?),
        Value::Text(text) => Literal::Text(text.into()),
        Value::List(list) => Literal::List(each(list.items, self::literal)?.into()),
        Value::Members(members) => {
            let members = each(members.members, |member| {
                let value = self::literal(member.value.ok_or_else(wrong)?)?;
                Ok((Box::<str>::from(member.name), value))
            })?;
            distinct("rule.when", members.iter().map(|(name, _)| &**name))?;
            Literal::Members(members.into())
        }
    })
}

fn subjects(subjects: wire::Subjects) -> Result<Subjects> {
    let list = |globs: &[String]| Patterns::new(globs.iter().map(String::as_str));
    let read = Subjects {
        users: list(&subjects.users),
        groups: list(&subjects.groups),
        issuers: boxed(subjects.issuers),
    };
    if read.users.is_none() && read.groups.is_none() && read.issuers.is_empty() {
        return Err(DecodeError::Field("rule.subjects"));
    }
    Ok(read)
}

fn scope(scope: wire::ServerScope) -> Result<Scope> {
    let patterns = |field: &'static str, patterns: Option<wire::Patterns>| {
        patterns
            .map(|p| {
                Patterns::new(p.globs.iter().map(String::as_str)).ok_or(DecodeError::Field(field))
            })
            .transpose()
    };
    Ok(Scope {
        server: Glob::new(&filled("scope.server", scope.server)?),
        tools: patterns("scope.tools", scope.tools)?,
        resources: patterns("scope.resources", scope.resources)?,
        prompts: patterns("scope.prompts", scope.prompts)?,
        client_requests: patterns("scope.client_requests", scope.client_requests)?,
    })
}

fn cors(cors: wire::Cors) -> Result<Cors> {
    let any = cors.allow_origins.iter().any(|origin| origin == "*");
    let alone = cors.allow_origins.len() == 1 && !cors.allow_credentials;
    if cors.allow_origins.is_empty() || (any && !alone) {
        return Err(DecodeError::Field("cors"));
    }
    Ok(Cors {
        allow_origins: boxed(cors.allow_origins),
        allow_methods: boxed(cors.allow_methods),
        allow_headers: boxed(cors.allow_headers),
        expose_headers: boxed(cors.expose_headers),
        allow_credentials: cors.allow_credentials,
        max_age_seconds: cors.max_age_seconds,
    })
}

fn issuer(issuer: wire::Issuer) -> Result<Issuer> {
    let path = |field: &'static str, path: Option<wire::ClaimPath>| {
        path.map(|p| boxed(p.segments))
            .filter(|p| !p.is_empty() && p.iter().all(|s| !s.is_empty()))
            .ok_or(DecodeError::Field(field))
    };
    if issuer.audiences.is_empty() || issuer.audiences.iter().any(String::is_empty) {
        return Err(DecodeError::Field("issuer.audiences"));
    }
    if issuer.algorithms.is_empty() {
        return Err(DecodeError::Field("issuer.algorithms"));
    }
    if issuer.token_types.is_empty() {
        return Err(DecodeError::Field("issuer.token_types"));
    }
    Ok(Issuer {
        name: filled("issuer.name", issuer.name)?,
        issuer: filled("issuer.issuer", issuer.issuer)?,
        audiences: boxed(issuer.audiences),
        algorithms: boxed(issuer.algorithms),
        leeway_seconds: issuer.leeway_seconds,
        max_token_seconds: positive("issuer.max_token_seconds", issuer.max_token_seconds)?,
        token_types: boxed(issuer.token_types),
        user_id: path("issuer.user_id", issuer.user_id)?,
        email: path("issuer.email", issuer.email)?,
        groups: path("issuer.groups", issuer.groups)?,
        authorization_servers: boxed(issuer.authorization_servers),
        required_scopes: boxed(issuer.required_scopes),
    })
}

fn key_set(set: wire::KeySet) -> Result<KeySet> {
    Ok(KeySet {
        issuer: filled("keys.issuer", set.issuer)?,
        use_until: set.use_until,
        keys: each(set.keys, key)?,
    })
}

fn key(key: wire::Key) -> Result<Key> {
    let rsa = !key.modulus.is_empty() && !key.exponent.is_empty();
    let material = match (rsa, key.point.is_empty()) {
        (true, true) => KeyMaterial::Rsa {
            modulus: key.modulus,
            exponent: key.exponent,
        },
        (false, false) => KeyMaterial::Point(key.point),
        (true, false) | (false, true) => return Err(DecodeError::Field("key")),
    };
    Ok(Key {
        kid: key.kid.map(Into::into),
        algorithm: filled("key.algorithm", key.algorithm)?,
        material,
    })
}

fn masking(masking: wire::Masking) -> Result<Masking> {
    if masking.entities.is_empty() || masking.threshold_milli > 1000 {
        return Err(DecodeError::Field("masking"));
    }
    Ok(Masking {
        entities: boxed(masking.entities),
        threshold_milli: masking.threshold_milli,
    })
}
