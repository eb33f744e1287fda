//! A policy file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// The largest policy file.
const LARGEST: u64 = 4 << 20;

/// What a file held when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its path, as it was given.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Whether it is JSON rather than YAML.
    pub json: bool,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not there, or not readable.
    #[error("{path}: {reason}")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// The name ends in something else.
    #[error("{0}: a policy file ends in .yaml, .yml or .json")]
    Extension(String),
    /// Over the limit.
    #[error("{0}: larger than 4 MiB")]
    TooLarge(String),
    /// Not text.
    #[error("{0}: not UTF-8")]
    NotText(String),
}

/// Reads a policy file.
///
/// # Errors
/// It is not there, too large, not UTF-8, or of an unknown extension.
pub fn read(path: &Path) -> Result<Document, ReadError> {
    let name = path.display().to_string();
    let extension = path.extension().and_then(|e| e.to_str());
    let json = match extension {
        Some("json") => true,
        Some("yaml" | "yml") => false,
        _ => return Err(ReadError::Extension(name)),
    };
    let io = |error: std::io::Error| ReadError::Io {
        path: name.clone(),
        reason: error.to_string(),
    };
    let file = File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > LARGEST {
        return Err(ReadError::TooLarge(name));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Document { name, text, json }),
        Err(_) => Err(ReadError::NotText(name)),
    }
}
