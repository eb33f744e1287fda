//! Who may be missing at the start: identity from policy, environment or development issuer,
//! the start-up gates, and what is left of protection.

use crate::code::Code;
use crate::compiled::Posture;
use crate::diagnostic::{Diagnostic, Severity};
use crate::document::identity::check_issuer;
use crate::document::{Document, Effect, Identity};
use crate::environment::{Environment, Unset};
use crate::notes::Notes;
use crate::server::Upstream;

/// Names of identities that are not in the file.
const OKTA: &str = "okta";
const DEVELOPMENT: &str = "dev";

/// The identity that stands in where the policy names none.
pub(crate) fn outside(environment: &Environment, notes: &mut Notes<'_>) -> Option<Identity> {
    match (&environment.okta_issuer, &environment.okta_audience) {
        (Some(issuer), Some(audience)) => {
            let mut inner = Notes::of("OKTA_ISSUER", "");
            check_issuer(issuer, &(0..0), environment, &mut inner);
            inner.hand_over("OKTA_ISSUER", notes);
            let insecure = environment.skip_tls_validation;
            Some(Identity::plain(OKTA, issuer, audience, insecure))
        }
        (Some(_), None) => {
            gate(
                Diagnostic::error(
                    Code::GateAudience,
                    "OKTA_ISSUER without OKTA_AUDIENCE: tokens for any audience would be accepted",
                )
                .help("set OKTA_AUDIENCE"),
                "OKTA_ISSUER is left out: callers are anonymous",
                environment,
                notes,
            );
            None
        }
        (None, Some(_)) => {
            let found = Diagnostic::error(Code::Conflict, "OKTA_AUDIENCE without OKTA_ISSUER");
            notes.add(found.help("set both, or neither"));
            None
        }
        (None, None) => environment
            .dev_issuer
            .as_ref()
            .map(|dev| Identity::plain(DEVELOPMENT, &dev.issuer, &dev.audience, true)),
    }
}

/// The name of [`outside`] without checking it.
pub(crate) fn outside_name(environment: &Environment) -> Option<&'static str> {
    match (&environment.okta_issuer, &environment.dev_issuer) {
        (Some(_), _) => Some(OKTA),
        (None, Some(_)) => Some(DEVELOPMENT),
        (None, None) => None,
    }
}

/// Tells that the policy's identity goes before the environment's.
pub(crate) fn ignored(environment: &Environment, notes: &mut Notes<'_>) {
    if environment.okta_issuer.is_some() || environment.okta_audience.is_some() {
        let message = "OKTA_ISSUER and OKTA_AUDIENCE have no effect: the policy names an identity";
        notes.add(Diagnostic::warning(Code::Ignored, message));
    }
}

/// Applies the gates to what there is.
pub(crate) fn posture(
    document: Option<&Document>,
    identity: bool,
    environment: &Environment,
    notes: &mut Notes<'_>,
) -> Posture {
    let governance = document.is_some();
    if !identity && !governance {
        gate(
            Diagnostic::error(Code::GateNothing, "neither identity nor a policy file")
                .help("set MCP_POLICY_FILE, or OKTA_ISSUER and OKTA_AUDIENCE"),
            "anyone may call everything",
            environment,
            notes,
        );
    }
    if environment.strict && !(identity && governance) {
        let missing = match (identity, governance) {
            (false, false) => "identity and a policy file",
            (false, true) => "identity",
            (true, _) => "a policy file",
        };
        let message = format!("MCP_STRICT_SECURITY is on, but there is no {missing}");
        let found = Diagnostic::error(Code::GateStrict, message);
        notes.add(found.help("add what is missing; nothing overrides this"));
    }
    let open = document.filter(|d| d.default.value == Effect::Allow);
    if let (Some(document), false) = (open, identity) {
        let found = Diagnostic::error(
            Code::GateDefaultAllow,
            "`default: allow` without identity: anyone may call whatever no rule denies",
        )
        .help("use `default: deny`, or add `identity`");
        let found = softened(
            found,
            "anyone may call whatever no rule denies",
            environment,
        );
        notes.add_at(&document.default.span, found);
    }
    match (identity, governance) {
        (true, true) => Posture::Enforcing,
        (false, true) if open.is_none() => Posture::Degraded,
        (true, false) => Posture::Degraded,
        (false, _) => Posture::Insecure,
    }
}

/// The gate of token exchange: there is a token, and somebody to exchange it.
pub(crate) fn exchange(
    upstreams: &[Upstream],
    identity: bool,
    environment: &Environment,
    notes: &mut Notes<'_>,
) {
    let Some(server) = upstreams.iter().find(|up| up.exchange().is_some()) else {
        return;
    };
    if !identity {
        let message = format!(
            "`token_exchange` of the server `{}` without identity: there is no token to exchange",
            server.name
        );
        let found = Diagnostic::error(Code::GateExchange, message)
            .help("add `identity`, or set OKTA_ISSUER and OKTA_AUDIENCE");
        gate(found, "calls to it are refused", environment, notes);
    }
    if !environment.token_endpoint {
        let message = format!(
            "nobody to ask for `token_exchange` of the server `{}`",
            server.name
        );
        let found = Diagnostic::error(Code::GateExchange, message)
            .help("set OKTA_TOKEN_ENDPOINT, OKTA_CLIENT_ID and OKTA_CLIENT_SECRET");
        let severity = match environment.unset {
            Unset::Refuse => Severity::Error,
            // Whoever only looks at a policy need not have the secret.
            Unset::Warn => Severity::Warning,
        };
        notes.add(Diagnostic { severity, ..found });
    }
}

fn gate(found: Diagnostic, relaxed: &str, environment: &Environment, notes: &mut Notes<'_>) {
    notes.add(softened(found, relaxed, environment));
}

/// A warning in place of the error where `MCP_RELAX_STARTUP_CHECKS` says so.
fn softened(found: Diagnostic, relaxed: &str, environment: &Environment) -> Diagnostic {
    if environment.relax {
        let message = format!("{} (MCP_RELAX_STARTUP_CHECKS is on)", found.message);
        Diagnostic::warning(found.code, message).help(relaxed)
    } else {
        found
    }
}
