//! The download cache, shared by all clones of one user.

use crate::failure::{Failure, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The cache's folder: `MCP_ZERO_CACHE`, else where the XDG base directory specification puts it.
pub(crate) fn folder() -> Result<PathBuf> {
    let named = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    let folder = named("MCP_ZERO_CACHE")
        .or_else(|| named("XDG_CACHE_HOME").map(|c| c.join("mcp-zero")))
        .or_else(|| named("HOME").map(|h| h.join(".cache").join("mcp-zero")))
        .ok_or_else(|| Failure::new("no cache folder").help("set MCP_ZERO_CACHE to a folder"))?;
    std::fs::create_dir_all(&folder)
        .map_err(|e| Failure::new(format!("{}: {e}", folder.display())))?;
    Ok(folder)
}

/// Held while a step changes the cache, so that two set-ups do not meet.
pub(crate) fn lock() -> Result<File> {
    let file = File::create(folder()?.join("lock"))?;
    file.lock()?;
    Ok(file)
}

/// Returns `name` in the cache, filled by `fill` in a scratch folder and moved there whole.
pub(crate) fn entry(name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let target = folder()?.join(name);
    if target.exists() {
        return Ok(target);
    }
    let scratch = folder()?.join(format!("{name}.partial"));
    if scratch.exists() {
        std::fs::remove_dir_all(&scratch)?;
    }
    std::fs::create_dir_all(&scratch)?;
    fill(&scratch)?;
    std::fs::rename(&scratch, &target)?;
    Ok(target)
}

/// Fails unless the file's SHA-256 is the pinned one.
pub(crate) fn verify(file: &Path, pinned: &str) -> Result<()> {
    let found = digest(&std::fs::read(file)?);
    if found == pinned {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} has SHA-256 {found}, pinned is {pinned}",
        file.display()
    ))
    .help("do not use this file; see what changed at its source before changing the pin"))
}

/// Short name of some content, for entries that are made rather than downloaded.
pub(crate) fn key(content: &[u8]) -> String {
    digest(content).chars().take(12).collect()
}

fn digest(content: &[u8]) -> String {
    Sha256::digest(content)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}
