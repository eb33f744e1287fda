//! `mcp-zero diff`: what changes from one policy to another.

use std::fmt::Write as _;
use std::path::PathBuf;

use mcp_zero_compile::diff::{Change, Difference, diff};
use mcp_zero_policy::Effect;
use serde_json::{Value, json};

use super::{Format, paint};
use crate::failure::Failure;
use crate::settings::Options;

/// Something is allowed that was not, or may be.
const ALLOWS_MORE: u8 = 2;
/// Decisions change, and none of them lets anything in.
const ALLOWS_LESS: u8 = 1;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 0 no decision changes; 1 some do, and nothing is newly allowed; 2 something is newly
allowed, or that cannot be excluded; 78 a policy is wrong, or both are too large to be compared.")]
pub(super) struct DiffArgs {
    /// The policy that is there, and the one that is to come
    #[arg(required = true, num_args = 1..=2, value_names = ["OLD", "NEW"])]
    files: Vec<PathBuf>,
    /// Compare what is being served from the state directory with the one file
    #[arg(long)]
    live: bool,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    options: Options,
}

/// Prints every decision that changes, one example for each way in which it does.
///
/// # Errors
/// As `check`, and the exit codes of its help.
pub(super) async fn run(args: &DiffArgs) -> Result<(), Failure> {
    let settings = super::look(&args.options)?;
    let (old, new) = match (args.live, args.files.as_slice()) {
        (true, [new]) => (None, new),
        (false, [old, new]) => (Some(old.as_path()), new),
        (true, _) => return Err(Failure::config("--live: name the one file that is to come")),
        (false, _) => {
            return Err(Failure::config(
                "name two files, OLD and NEW, or --live and NEW",
            ));
        }
    };
    let old = super::judge(old, &settings).await?;
    let new = super::judge(Some(new), &settings).await?;
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

fn human(found: &[Difference]) -> String {
    if found.is_empty() {
        return "no decision changes".to_owned();
    }
    let mut text = String::new();
    let mut before = None;
    for difference in found {
        if before != Some(difference.change) {
            before = Some(difference.change);
            let style = paint::change(difference.change.allows());
            let _ = writeln!(text, "{style}{}{style:#}", heading(difference.change));
        }
        let _ = writeln!(
            text,
            "  {}: {} `{}` at {}: {} -> {}",
            who(difference),
            difference.kind.name(),
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

fn as_json(found: &[Difference]) -> Value {
    let verdict = |verdict: &mcp_zero_compile::diff::Verdict| {
        json!({
            "effect": verdict.effect.map(Effect::name),
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
            "kind": difference.kind.name(),
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
