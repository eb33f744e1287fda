//! `mcp-zero schema`: the language of policies, for editors and for people.

use mcp_zero_compile::{json_schema, reference};

use crate::failure::Failure;

#[derive(Debug, clap::Args)]
pub(super) struct SchemaArgs {
    /// A JSON Schema for editors, or the reference for people
    #[arg(long, value_enum, default_value_t)]
    format: SchemaFormat,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum SchemaFormat {
    /// JSON Schema, draft 2020-12
    #[default]
    Json,
    /// Markdown
    Markdown,
}

/// Prints it.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn run(args: &SchemaArgs) -> Result<(), Failure> {
    match args.format {
        SchemaFormat::Json => super::say(&format!("{:#}", json_schema())),
        SchemaFormat::Markdown => super::say(reference().trim_end()),
    }
}
