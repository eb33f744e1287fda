//! From what was written to what is enforced.

use mcp_zero_mask::Entity;
use mcp_zero_proto as wire;

use crate::compiled::{Algorithm, Compiled, Logging, Posture};
use crate::diagnostic::Diagnostic;
use crate::document::{
    Claims, Condition, Cors, Document, Effect, Identity, Literal, Masking, Rule, Scope, Subjects,
    Test,
};
use crate::environment::Environment;
use crate::server::{Reach, Upstream};

/// What both ways of compiling come to.
pub(crate) struct Parts {
    /// Absent without a policy file.
    pub(crate) document: Option<Document>,
    pub(crate) cors: Option<Cors>,
    pub(crate) identities: Vec<Identity>,
    pub(crate) upstreams: Vec<Upstream>,
    pub(crate) posture: Posture,
    pub(crate) warnings: Vec<Diagnostic>,
}

/// Makes the policy of a document without errors.
pub(crate) fn lower(parts: Parts, environment: &Environment) -> Compiled {
    let document = parts.document.as_ref();
    let default = document.map_or(Effect::Deny, |d| d.default.value);
    let maskings = document.map_or(&[][..], |d| &d.masking);
    let policy = wire::Policy {
        default_effect: effect(default),
        governance: document.is_some(),
        servers: parts.upstreams.iter().map(server).collect(),
        rules: document.map_or_else(Vec::new, |d| d.rules.iter().map(rule).collect()),
        issuers: parts.identities.iter().map(issuer).collect(),
        surface: Some(wire::Surface {
            public_url: environment.public_url.clone(),
            allowed_hosts: environment.allowed_hosts.clone(),
            cors: parts.cors.as_ref().map(cors),
        }),
        masking: maskings.iter().map(masking).collect(),
        audit: Some(wire::Audit {
            include_email: document.is_some_and(|d| d.include_email),
            gateway_id: environment.gateway_id.clone(),
        }),
    };
    Compiled {
        policy_version: wire::version_of(&policy),
        policy,
        warnings: parts.warnings,
        issuers: parts.identities.iter().map(|i| i.plan.clone()).collect(),
        logging: document.map_or_else(Logging::default, |d| d.logging),
        audit_file: document.and_then(|d| d.audit_file.clone()),
        plugins: maskings.iter().map(|m| m.name.clone()).collect(),
        upstreams: parts.upstreams,
        posture: parts.posture,
    }
}

fn cors(cors: &Cors) -> wire::Cors {
    wire::Cors {
        allow_origins: cors.allow_origins.clone(),
        allow_methods: cors.allow_methods.clone(),
        allow_headers: cors.allow_headers.clone(),
        expose_headers: cors.expose_headers.clone(),
        allow_credentials: cors.allow_credentials,
        max_age_seconds: cors.max_age,
    }
}

fn effect(effect: Effect) -> i32 {
    let effect = match effect {
        Effect::Allow => wire::Effect::Allow,
        Effect::Deny => wire::Effect::Deny,
    };
    effect as i32
}

/// `:authority` of requests to the bridge, which stands behind a socket and has no name.
const BRIDGE_AUTHORITY: &str = "localhost";

fn server(upstream: &Upstream) -> wire::Server {
    let (authority, path, bridged) = match &upstream.reach {
        Reach::Http(server) => (server.url.authority(), server.url.path.clone(), false),
        Reach::Bridge(server) => (
            BRIDGE_AUTHORITY.to_owned(),
            format!("/{}", server.name),
            true,
        ),
    };
    wire::Server {
        name: upstream.name.clone(),
        // Until the control plane names it: `Compiled::with_clusters`.
        cluster: upstream.name.clone(),
        authority,
        path,
        max_request_bytes: upstream.max_request_bytes,
        max_response_bytes: upstream.max_response_bytes,
        callout_timeout_ms: upstream.timeout_seconds.saturating_mul(1000),
        bridged,
        exchange: upstream.exchange().map(|exchange| wire::Exchange {
            audience: exchange.audience.clone(),
            scopes: exchange.scopes.clone(),
        }),
    }
}

fn rule(rule: &Rule) -> wire::Rule {
    wire::Rule {
        id: rule.id.clone(),
        description: rule.description.clone(),
        effect: effect(rule.effect),
        subjects: rule.subjects.as_ref().map(subjects),
        servers: rule.scopes.iter().map(scope).collect(),
        when: rule.when.iter().map(condition).collect(),
        shadow: rule.shadow,
    }
}

fn condition(condition: &Condition) -> wire::Condition {
    use wire::condition::Test as To;
    let test = match &condition.test {
        Test::Equals(value) => To::Equals(literal(value)),
        Test::In(values) => To::In(literals(values)),
        Test::Glob(pattern) => To::Glob(pattern.clone()),
        Test::Regex(pattern, automaton) => To::Regex(wire::Regex {
            pattern: pattern.clone(),
            automaton: automaton.clone(),
        }),
        Test::Range(min, max) => To::Range(wire::Range {
            min: min.clone(),
            max: max.clone(),
        }),
        Test::Present(wanted) => To::Present(*wanted),
    };
    wire::Condition {
        pointer: condition.pointer.clone(),
        test: Some(test),
    }
}

fn literals(values: &[Literal]) -> wire::Literals {
    wire::Literals {
        items: values.iter().map(literal).collect(),
    }
}

fn literal(literal: &Literal) -> wire::Literal {
    use wire::literal::Value as To;
    let value = match literal {
        Literal::Null => To::Null(true),
        Literal::Boolean(value) => To::Boolean(*value),
        Literal::Number(written) => To::Number(written.clone()),
        Literal::Text(text) => To::Text(text.clone()),
        Literal::List(items) => To::List(literals(items)),
        Literal::Members(members) => To::Members(wire::Members {
            members: members
                .iter()
                .map(|(name, value)| wire::Member {
                    name: name.clone(),
                    value: Some(self::literal(value)),
                })
                .collect(),
        }),
    };
    wire::Literal { value: Some(value) }
}

fn subjects(subjects: &Subjects) -> wire::Subjects {
    wire::Subjects {
        users: subjects.users.clone(),
        groups: subjects.groups.clone(),
        issuers: subjects.issuers.clone(),
    }
}

fn scope(scope: &Scope) -> wire::ServerScope {
    let patterns = |globs: &[String]| {
        (!globs.is_empty()).then(|| wire::Patterns {
            globs: globs.to_vec(),
        })
    };
    wire::ServerScope {
        server: scope.server.clone(),
        tools: patterns(&scope.tools),
        resources: patterns(&scope.resources),
        prompts: patterns(&scope.prompts),
        client_requests: patterns(&scope.client_requests),
    }
}

fn issuer(identity: &Identity) -> wire::Issuer {
    let Claims {
        user_id,
        email,
        groups,
    } = &identity.claims;
    let path = |segments: &[String]| {
        Some(wire::ClaimPath {
            segments: segments.to_vec(),
        })
    };
    let names = identity
        .plan
        .algorithms
        .iter()
        .copied()
        .map(Algorithm::name);
    wire::Issuer {
        name: identity.plan.name.clone(),
        issuer: identity.plan.issuer.clone(),
        audiences: identity.audiences.clone(),
        algorithms: names.map(str::to_owned).collect(),
        leeway_seconds: identity.leeway_seconds,
        max_token_seconds: identity.max_token_seconds,
        token_types: identity.token_types.clone(),
        user_id: path(user_id),
        email: path(email),
        groups: path(groups),
        authorization_servers: identity.authorization_servers.clone(),
        required_scopes: identity.required_scopes.clone(),
    }
}

fn masking(masking: &Masking) -> wire::Masking {
    let names = masking.entities.iter().copied().map(Entity::name);
    wire::Masking {
        entities: names.map(str::to_owned).collect(),
        threshold_milli: masking.threshold_milli,
    }
}
