//! Written policies to diagnostics and snapshots.
//!
//! A document is read into a tree with places ([`Source`]), checked section by section so that
//! every fault is told at once ([`Diagnostics`]), and lowered to what filters execute
//! ([`Compiled`]). What this build does not enforce is refused, never ignored.

mod automaton;
mod case;
mod code;
mod compiled;
mod diagnostic;
pub mod diff;
mod document;
mod environment;
mod gates;
mod lower;
mod node;
mod notes;
mod question;
mod read;
mod render;
mod schema;
mod secrets;
mod server;
mod source;
mod suggest;

#[cfg(test)]
mod tests;

use lower::Parts;
use notes::Notes;

pub use case::{Cases, Outcome, arguments};
pub use code::Code;
pub use compiled::{Algorithm, Compiled, IssuerPlan, LogFormat, LogLevel, Logging, Posture};
pub use diagnostic::{Diagnostic, Diagnostics, Look, Place, Severity};
pub use document::url::{host_fault, origin_fault};
pub use environment::{CorsVariables, DevIssuer, Environment, SECRET_VARIABLES, Unset, Variables};
pub use question::{Question, Unaskable};
pub use render::graphical;
pub use schema::{json_schema, reference};
pub use secrets::Secrets;
pub use server::{
    ClientCertificate, Exchange, HttpServer, Reach, Scheme, ServerUrl, Sessions, StaticHeader,
    StdioServer, Tls, Upstream,
};
pub use source::{Format, Source};

/// Compiles a policy.
///
/// The policy version is a pure function of the document, the environment and this crate.
///
/// # Errors
/// Every error of the policy and of its start-up gates, and the warnings beside them.
pub fn compile(source: Source<'_>, environment: &Environment) -> Result<Compiled, Diagnostics> {
    let mut notes = Notes::new(source);
    let name = gates::outside_name(environment);
    let document = read::document(source, &mut notes)
        .and_then(|root| document::read(&root, name, environment, &mut notes));
    let Some(mut document) = document else {
        return Err(fault(notes));
    };
    let mut identities = std::mem::take(&mut document.identities.entries);
    if document.identities.count == 0 {
        identities.extend(gates::outside(environment, &mut notes));
    } else {
        gates::ignored(environment, &mut notes);
    }
    let identity = document.identities.count > 0 || !identities.is_empty();
    let posture = gates::posture(Some(&document), identity, environment, &mut notes);
    let upstreams = std::mem::take(&mut document.servers.upstreams);
    gates::exchange(&upstreams, identity, environment, &mut notes);
    let cors = document.cors.take();
    let warnings = notes.finish()?;
    let parts = Parts {
        document: Some(document),
        cors,
        identities,
        upstreams,
        posture,
        warnings,
    };
    checked(lower::lower(parts, environment), source)
}

/// Reads only the stdio servers of a policy that was compiled whole elsewhere, as the bridge does:
/// the rest of the document, and whatever else of the environment it depends on, is not judged.
///
/// # Errors
/// Everything that is wrong with those servers, an unset variable among it.
pub fn stdio_servers(
    source: Source<'_>,
    variables: &Variables,
) -> Result<Vec<StdioServer>, Diagnostics> {
    let environment = Environment {
        variables: variables.clone(),
        ..Environment::default()
    };
    let mut notes = Notes::new(source);
    let servers = read::document(source, &mut notes)
        .and_then(|root| document::stdio_servers(&root, &environment, &mut notes));
    let Some(servers) = servers else {
        return Err(fault(notes));
    };
    notes.finish().map(|_warnings| servers)
}

/// Compiles what the environment alone says, where there is no policy file: governance is off.
///
/// # Errors
/// Whatever the start-up gates refuse.
pub fn compile_without_file(environment: &Environment) -> Result<Compiled, Diagnostics> {
    let source = Source {
        name: "environment",
        text: "",
        format: Format::Yaml,
    };
    let mut notes = Notes::new(source);
    let identities: Vec<_> = gates::outside(environment, &mut notes)
        .into_iter()
        .collect();
    let posture = gates::posture(None, !identities.is_empty(), environment, &mut notes);
    let upstreams: Vec<_> = match &environment.upstream_url {
        Some(url) => document::servers::from_environment(url, environment, &mut notes)
            .into_iter()
            .collect(),
        None => {
            let found = Diagnostic::warning(Code::NoServers, "there is no server");
            notes.add(found.help("set MCP_POLICY_FILE or MCP_UPSTREAM_URL"));
            Vec::new()
        }
    };
    let cors = document::cors::read(None, &environment.cors, &mut notes);
    let warnings = notes.finish()?;
    let parts = Parts {
        document: None,
        cors,
        identities,
        upstreams,
        posture,
        warnings,
    };
    checked(lower::lower(parts, environment), source)
}

/// The diagnostics of a document that could not be read.
fn fault(notes: Notes<'_>) -> Diagnostics {
    let (name, text) = notes.source();
    match notes.finish() {
        Err(diagnostics) => diagnostics,
        // Only a fault of ours comes here; it must not pass for an empty policy.
        Ok(items) => Diagnostics::of(name, text, items),
    }
}

/// What a filter would refuse is never handed out.
fn checked(compiled: Compiled, source: Source<'_>) -> Result<Compiled, Diagnostics> {
    let bytes = compiled.snapshot(mcp_zero_proto::Keys::default());
    match mcp_zero_policy::Snapshot::decode(&bytes) {
        Ok(_) => Ok(compiled),
        Err(error) => {
            let message = format!("the compiled policy would be refused by filters: {error}");
            let found = Diagnostic::error(Code::Lowering, message)
                .help("this is a fault of mcp-zero or of its environment, not of the policy");
            Err(Diagnostics::of(source.name, source.text, vec![found]))
        }
    }
}
