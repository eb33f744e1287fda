//! `mcp-zero rotate-sessions`

use crate::failure::Failure;
use crate::jwks::store::unix_now;
use crate::seals::{Seals, SealsError};

#[derive(Debug, clap::Args)]
pub(super) struct RotateArgs {
    /// End every session now, instead of letting those that are open go on for a day
    #[arg(long)]
    at_once: bool,
    /// The state directory of the control plane [MCP_STATE_DIR, .mcp-zero]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<String>,
}

/// Puts a new key before the others. A control plane that runs sees the file and pushes it.
///
/// # Errors
/// The state directory cannot be read or written.
pub(super) fn run(args: &RotateArgs) -> Result<(), Failure> {
    let directory = super::state_directory(args.state_dir.as_ref())?;
    let now = unix_now();
    let config = |e: SealsError| Failure::config(e.to_string());
    let mut seals = Seals::open(&directory, now).map_err(config)?;
    let id = seals.rotate(now, args.at_once).map_err(config)?.to_owned();
    super::say(&format!(
        "new sessions are sealed with key {id}; {}",
        if args.at_once {
            "those that are open end"
        } else {
            "those that are open go on for 24 hours"
        }
    ))
}
