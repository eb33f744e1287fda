//! `mcp-zero check`: everything that is wrong with policy files, without running anything.

use std::path::{Path, PathBuf};

use mcp_zero_compile::{Compiled, Diagnostic, Environment, Severity, Unset};
use serde_json::{Value, json};

use super::Format;
use crate::app;
use crate::failure::Failure;
use crate::live::Live;
use crate::run::programs::Programs;
use crate::settings::{Options, Settings};
use crate::source::{cases, read};

#[derive(Debug, clap::Args)]
pub(super) struct CheckArgs {
    /// The policy files
    #[arg(required_unless_present = "live")]
    files: Vec<PathBuf>,
    /// Say what is being served from the state directory
    #[arg(long, conflicts_with = "files")]
    live: bool,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    options: Options,
}

/// Checks each file.
///
/// # Errors
/// 78 where any of them is wrong, or fails its cases.
pub(super) async fn run(args: &CheckArgs) -> Result<(), Failure> {
    let settings = super::look(&args.options)?;
    if args.live {
        return live(&settings, args.format).await;
    }
    match args.format {
        Format::Human => all(&args.files, &settings),
        Format::Json => machine(&args.files, &settings),
    }
}

/// Each file, whatever is wrong with those before it.
fn all(files: &[PathBuf], settings: &Settings) -> Result<(), Failure> {
    let mut lines = Vec::new();
    for file in files {
        if let Err(failure) = human(file, settings) {
            lines.push(failure.to_string());
        }
    }
    match (lines.len(), files) {
        (0, _) => Ok(()),
        (_, [_]) => Err(Failure::configs(lines)),
        (wrong, files) => {
            lines.push(wrong_files(wrong, files));
            Err(Failure::configs(lines))
        }
    }
}

fn wrong_files(wrong: usize, files: &[PathBuf]) -> String {
    format!("{wrong} of {} files are wrong", files.len())
}

/// What is served was good when it was taken; whether it still is what was meant is to be seen.
async fn live(settings: &Settings, format: Format) -> Result<(), Failure> {
    let live = Live::ask(&settings.state_dir).await?;
    let version = live.snapshot.version();
    super::say(&match format {
        Format::Human => format!("live: {} (policy_version {version})", live.ready_line),
        Format::Json => {
            json!({"live": {"ready_line": live.ready_line, "policy_version": version}}).to_string()
        }
    })
}

fn human(file: &Path, settings: &Settings) -> Result<(), Failure> {
    let (document, compiled) = super::checked(file, settings, Unset::Warn)?;
    if !compiled.warnings.is_empty() {
        super::say(&super::shown(&document, &compiled.warnings))?;
    }
    let failures = cases::failures(file, &compiled)?;
    if !failures.is_empty() {
        return Err(Failure::configs(failures));
    }
    for line in missing(file, settings, &compiled)? {
        super::say(&format!("warning: {line}"))?;
    }
    super::say(&format!(
        "{}: good; posture {}, {}",
        document.name,
        compiled.posture,
        compiled.ready_line()
    ))
}

/// Programs that the policy names and this machine lacks.
fn missing(file: &Path, settings: &Settings, compiled: &Compiled) -> Result<Vec<String>, Failure> {
    let commands = Programs {
        // Any: only what the policy itself names is looked for.
        bridge: Some(PathBuf::new()),
        folder: super::folder(file)?,
        ..super::programs(settings)?
    };
    Ok(commands.missing(compiled))
}

/// One object for all files; what is in it is stable.
fn machine(files: &[PathBuf], settings: &Settings) -> Result<(), Failure> {
    let mut wrong = 0;
    let mut told = Vec::new();
    for file in files {
        let name = file.to_string_lossy();
        let unreadable = |failure: Failure| {
            let problem = failure.to_string();
            (
                false,
                json!({"file": name, "good": false, "problem": problem}),
            )
        };
        let (good, value) = one(file, settings).unwrap_or_else(unreadable);
        wrong += usize::from(!good);
        told.push(value);
    }
    super::say(&json!({ "files": told }).to_string())?;
    match wrong {
        0 => Ok(()),
        _ => Err(Failure::config(wrong_files(wrong, files))),
    }
}

fn one(file: &Path, settings: &Settings) -> Result<(bool, Value), Failure> {
    let document = read(file).map_err(|e| Failure::config(e.to_string()))?;
    let listener = super::listener(settings, &settings.state_dir);
    let environment = Environment {
        unset: Unset::Warn,
        ..app::environment(settings, &listener, None)
    };
    let name = &document.name;
    Ok(match app::compile_document(Some(&document), &environment) {
        Err(diagnostics) => {
            let items: Vec<Value> = diagnostics.items().iter().map(diagnostic).collect();
            let omitted = diagnostics.omitted();
            let value = json!({"file": name, "good": false, "diagnostics": items,
                               "diagnostics_left_out": omitted});
            (false, value)
        }
        Ok(compiled) => {
            let failures = cases::failures(file, &compiled)?;
            let items: Vec<Value> = compiled.warnings.iter().map(diagnostic).collect();
            let good = failures.is_empty();
            let value = json!({"file": name, "good": good, "diagnostics": items,
                               "failed_cases": failures,
                               "missing_programs": missing(file, settings, &compiled)?,
                               "posture": compiled.posture.name(),
                               "policy_version": compiled.policy_version});
            (good, value)
        }
    })
}

fn diagnostic(found: &Diagnostic) -> Value {
    let severity = match found.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = found.place.as_ref();
    json!({"code": found.code.id(), "severity": severity, "message": found.message,
           "help": found.help, "line": place.map(|p| p.line), "column": place.map(|p| p.column),
           "start": place.map(|p| p.span.start), "end": place.map(|p| p.span.end)})
}
