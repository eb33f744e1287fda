//! `mcp-zero test`: the cases that a policy must pass.

use std::path::PathBuf;

use serde_json::json;

use super::{Format, paint};
use crate::failure::Failure;
use crate::settings::Options;
use crate::source::cases;

#[derive(Debug, clap::Args)]
pub(super) struct TestArgs {
    /// Policy files; the cases of `p.yaml` are in `p.test.yaml` beside it
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Put the cases of the files to the policy that is being served from the state directory
    #[arg(long)]
    live: bool,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    options: Options,
}

/// Runs the cases of each policy.
///
/// # Errors
/// 78 where a file cannot be read or is wrong, or has no cases; 1 where a case fails.
pub(super) async fn run(args: &TestArgs) -> Result<(), Failure> {
    let settings = super::look(&args.options)?;
    let (mut passed, mut failed) = (0, 0);
    let mut told = Vec::new();
    for file in &args.files {
        let judge = super::judge(
            Some(file).filter(|_| !args.live).map(PathBuf::as_path),
            &settings,
        );
        let judge = judge.await?;
        let beside = cases::beside(file);
        let outcomes = cases::run(file, &judge, args.live)?.ok_or_else(|| {
            Failure::config(format!(
                "{}: no such file, so nothing to test",
                beside.display()
            ))
        })?;
        for outcome in outcomes {
            match &outcome.failure {
                None => passed += 1,
                Some(_) => failed += 1,
            }
            match (args.format, &outcome.failure) {
                (Format::Json, failure) => told.push(json!({
                    "file": beside.to_string_lossy(),
                    "line": outcome.line,
                    "case": outcome.name,
                    "passed": failure.is_none(),
                    "failure": failure,
                })),
                (Format::Human, None) => {
                    let style = paint::outcome(true);
                    super::say(&format!("{style}ok{style:#}      {}", outcome.name))?;
                }
                (Format::Human, Some(why)) => {
                    let style = paint::outcome(false);
                    super::say(&format!(
                        "{style}FAILED{style:#}  {} ({}:{}): {why}",
                        outcome.name,
                        beside.display(),
                        outcome.line
                    ))?;
                }
            }
        }
    }
    match args.format {
        Format::Json => {
            super::say(&json!({"passed": passed, "failed": failed, "cases": told}).to_string())?
        }
        Format::Human => super::say(&format!("{passed} passed, {failed} failed"))?,
    }
    match failed {
        0 => Ok(()),
        _ => Err(Failure::runtime(format!(
            "{failed} of {} cases failed",
            passed + failed
        ))),
    }
}
