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
    /// Its content.
    pub bytes: Vec<u8>,
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
    /// Over the limit.
    #[error("{0}: larger than 4 MiB")]
    TooLarge(String),
}

/// Reads a policy file.
///
/// # Errors
/// It is not there, or too large.
pub fn read(path: &Path) -> Result<Document, ReadError> {
    let name = path.display().to_string();
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
    Ok(Document { name, bytes })
}
