//! `mcp-zero compile`: a policy with its keys as one text, for an Envoy without control plane.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use mcp_zero_compile::{Compiled, Reach, Unset};
use mcp_zero_gate::{GatewayKey, Loaded, text_of};
use mcp_zero_proto::Keys;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::failure::Failure;
use crate::jwks::once;
use crate::seals::Seals;
use crate::settings::Options;
use crate::source::cases;
use crate::xds::resource::identity_file;

#[derive(Debug, clap::Args)]
pub(super) struct CompileArgs {
    /// The policy file
    file: PathBuf,
    /// Where the text is written, instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Where Envoy's own check of tokens is written, for the filter `mcp_identity` of the
    /// configuration; needed where the policy has issuers. The name has to end in `.pb`
    #[arg(long, value_name = "FILE")]
    identity_out: Option<PathBuf>,
    /// Keys of the issuers: `fetch` asks them; a file holds the key set of the one issuer
    #[arg(long, value_name = "FILE|fetch", default_value = "fetch")]
    keys: String,
    #[command(flatten)]
    options: Options,
}

/// Writes the base64 of the snapshot, and on standard error what to know of it.
///
/// # Errors
/// As `check`, a case that fails among it; 1 where an issuer does not give its keys or the file cannot be written.
pub(super) async fn run(args: &CompileArgs) -> Result<(), Failure> {
    let settings = super::load(&args.options)?;
    super::start_log(&settings);
    let (document, compiled) = super::checked(&args.file, &settings, Unset::Refuse)?;
    let failures = cases::failures(&args.file, &compiled)?;
    if !failures.is_empty() {
        return Err(Failure::configs(failures));
    }
    identity_has_a_place(args, &compiled)?;
    // Whoever writes clusters by hand calls them as the policy calls the servers.
    let compiled = compiled.with_clusters(|upstream| upstream.name.clone());
    if !compiled.warnings.is_empty() {
        tell(&super::shown(&document, &compiled.warnings));
    }
    let keys = Keys {
        seals: Seals::first(),
        ..keys(&args.keys, &compiled).await?
    };
    let facts = facts(&compiled, &keys);
    let identity = identity_file(&compiled.policy, &keys);
    let snapshot = compiled.snapshot(keys);
    // The filter's own reader: what it would refuse leaves this program under no name.
    // Which gateway key it will have makes no difference to that.
    let any = GatewayKey::from_bytes([0; 32]);
    Loaded::read(&snapshot, Some(&any))
        .map_err(|e| Failure::runtime(format!("the filter would refuse this snapshot: {e}")))?;
    let text = text_of(&snapshot);
    if let Some(file) = &args.identity_out {
        write(file, &identity)?;
    }
    match &args.out {
        None => super::say(&text)?,
        Some(file) => write(file, format!("{text}\n").as_bytes())?,
    }
    tell(&facts);
    Ok(())
}

/// The filter accepts no token that Envoy has not verified before.
fn identity_has_a_place(args: &CompileArgs, compiled: &Compiled) -> Result<(), Failure> {
    match &args.identity_out {
        None if compiled.issuers.is_empty() => Ok(()),
        None => Err(Failure::config(
            "the policy has issuers: name a file for Envoy's own check of tokens with \
             --identity-out FILE.pb, and name it in Envoy's configuration",
        )),
        // Envoy reads a file as what its name says.
        Some(file) if file.extension().is_none_or(|e| e != "pb") => Err(Failure::config(format!(
            "--identity-out {}: the name has to end in `.pb`",
            file.display()
        ))),
        Some(_) => Ok(()),
    }
}

async fn keys(source: &str, compiled: &Compiled) -> Result<Keys, Failure> {
    if source != "fetch" {
        return once::from_file(&compiled.issuers, Path::new(source)).map_err(Failure::config);
    }
    once::fetch(&compiled.issuers)
        .await
        .map_err(|lines| Failure::runtime(lines.join("\n")))
}

fn facts(compiled: &Compiled, keys: &Keys) -> String {
    let mut text = format!(
        "policy {}; posture {}; the filter admits to clusters named like the servers: {}\n",
        compiled.policy_version,
        compiled.posture,
        compiled
            .upstreams
            .iter()
            .map(|u| u.name.as_str())
            .collect::<Vec<_>>()
            .join(", "),
    );
    // What is no part of a snapshot is said, not passed over.
    for upstream in &compiled.upstreams {
        match &upstream.reach {
            Reach::Http(server) if !server.headers.is_empty() => {
                let names: Vec<&str> = server.headers.iter().map(|h| h.name.as_str()).collect();
                text.push_str(&format!(
                    "{}: the snapshot sets no headers; the cluster must set {}\n",
                    upstream.name,
                    names.join(", "),
                ));
            }
            Reach::Http(_) => {}
            Reach::Bridge(_) => text.push_str(&format!(
                "{0}: the cluster must lead to an mcp-stdio-bridge that serves this policy, at /{0}\n",
                upstream.name,
            )),
        }
    }
    for set in &keys.sets {
        text.push_str(&format!(
            "{}: {} keys, used until {}; then its tokens get 503\n",
            set.issuer,
            set.keys.len(),
            instant(set.use_until),
        ));
    }
    if !keys.sets.is_empty() {
        text.push_str(
            "a static snapshot does not follow key rotation: a new key is unknown, a withdrawn one stays valid; compile again when keys change, and before the time above\n",
        );
    }
    text
}

fn instant(unix_seconds: u64) -> String {
    i64::try_from(unix_seconds)
        .ok()
        .and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok())
        .and_then(|t| t.format(&Rfc3339).ok())
        .unwrap_or_else(|| unix_seconds.to_string())
}

/// Whole or not at all.
fn write(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    std::fs::write(&partial, bytes)
        .and_then(|()| std::fs::rename(&partial, file))
        .map_err(|e| Failure::runtime(format!("{}: {e}", file.display())))
}

fn tell(text: &str) {
    // Whoever closed standard error does not want to know.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
