//! `mcp-zero diff`: what changes from one policy to another.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use mcp_zero_compile::Unset;
use mcp_zero_compile::diff::{Change, Difference, diff};
use mcp_zero_policy::{Kind, Snapshot};
use mcp_zero_proto::Keys;
use serde_json::{Value, json};

use super::Format;
use crate::failure::Failure;
use crate::settings::{Options, Settings};

/// Something is allowed that was not, or may be.
const ALLOWS_MORE: u8 = 2;
/// Decisions change, and none of them lets anything in.
const ALLOWS_LESS: u8 = 1;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 0 no decision changes; 1 some do, and nothing is newly allowed; 2 something is newly
allowed, or that cannot be excluded; 78 a policy is wrong, or both are too large to be compared.")]
pub(super) struct DiffArgs {
    /// The policy that is there
    old: PathBuf,
    /// The one that is to come
    new: PathBuf,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    options: Options,
}

/// Prints every decision that changes, one example for each way in which it does.
///
/// # Errors
/// As `check`, and the exit codes of its help.
pub(super) fn run(args: &DiffArgs) -> Result<(), Failure> {
    let settings = super::load(&args.options)?;
    let old = snapshot(&args.old, &settings)?;
    let new = snapshot(&args.new, &settings)?;
    let found = diff(&old, &new).map_err(|e| Failure::config(e.to_string()))?;
    super::say(&match args.format {
        Format::Human => human(&found),
        Format::Json => as_json(&found).to_string(),
    })?;
    match found.as_slice() {
        [] => Ok(()),
        found if found.iter().any(|d| d.change.allows()) => Err(Failure::outcome(ALLOWS_MORE)),
        _ => Err(Failure::outcome(ALLOWS_LESS)),
    }
}

fn snapshot(file: &Path, settings: &Settings) -> Result<Snapshot, Failure> {
    let (_, compiled) = super::checked(file, settings, Unset::Warn)?;
    Snapshot::decode(&compiled.snapshot(Keys::default()))
        .map_err(|e| Failure::runtime(e.to_string()))
}

fn human(found: &[Difference]) -> String {
    if found.is_empty() {
        return "no decision changes".to_owned();
    }
    let mut text = String::new();
    let mut before = None;
    for difference in found {
        if before != Some(difference.change) {
            before = Some(difference.change);
            let _ = writeln!(text, "{}", heading(difference.change));
        }
        let _ = writeln!(
            text,
            "  {}: {} `{}` at {}: {} -> {}",
            who(difference),
            kind(difference.kind),
            difference.name,
            difference.server,
            difference.old,
            difference.new,
        );
    }
    let allowed = found.iter().filter(|d| d.change.allows()).count();
    let _ = write!(
        text,
        "{} changes; {}",
        found.len(),
        match allowed {
            0 => "nothing is newly allowed".to_owned(),
            some => format!("{some} of them allow what was not, or may"),
        }
    );
    text
}

fn heading(change: Change) -> &'static str {
    match change {
        Change::Allowed => "NEWLY ALLOWED",
        Change::AllowedForSome => "NEWLY ALLOWED with some arguments (or not to be excluded)",
        Change::Denied => "newly denied",
        Change::DeniedForSome => "newly denied with some arguments",
    }
}

/// An example of a caller: names that no pattern names stand for all such.
fn who(difference: &Difference) -> String {
    let who = &difference.who;
    let Some(user) = &who.user else {
        return "nobody known".to_owned();
    };
    let mut text = format!("user `{user}`");
    if !who.groups.is_empty() {
        let groups: Vec<String> = who.groups.iter().map(|g| format!("`{g}`")).collect();
        let _ = write!(text, " in {}", groups.join(" and "));
    }
    if let Some(issuer) = &who.issuer {
        let _ = write!(text, " ({issuer})");
    }
    text
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Tools => "tool",
        Kind::Resources => "resource",
        Kind::Prompts => "prompt",
        Kind::ClientRequests => "client_request",
    }
}

fn as_json(found: &[Difference]) -> Value {
    let verdict = |verdict: &mcp_zero_compile::diff::Verdict| {
        json!({
            "effect": verdict.effect.map(|effect| match effect {
                mcp_zero_policy::Effect::Allow => "allow",
                mcp_zero_policy::Effect::Deny => "deny",
            }),
            "rules": verdict.rules,
        })
    };
    let changes = found.iter().map(|difference| {
        json!({
            "change": difference.change.name(),
            "issuer": difference.who.issuer,
            "user": difference.who.user,
            "groups": difference.who.groups,
            "server": difference.server,
            "kind": kind(difference.kind),
            "name": difference.name,
            "old": verdict(&difference.old),
            "new": verdict(&difference.new),
        })
    });
    json!({
        "changes": changes.collect::<Vec<_>>(),
        "allows_more": found.iter().any(|d| d.change.allows()),
    })
}
