//! A policy as it was written.

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Diagnostics};

/// How a document is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// YAML 1.2.
    Yaml,
    /// JSON.
    Json,
}

/// The text of one policy file.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its name, for people.
    pub name: &'a str,
    /// What it holds.
    pub text: &'a str,
    /// How that is written.
    pub format: Format,
}

impl<'a> Source<'a> {
    /// The source of a file's bytes, its format by the extension of its name.
    ///
    /// # Errors
    /// An unknown extension, or bytes that are not UTF-8.
    pub fn from_bytes(name: &'a str, bytes: &'a [u8]) -> Result<Self, Diagnostics> {
        let refuse = |diagnostic| Diagnostics::of(name, "", vec![diagnostic]);
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        let format = match extension {
            Some("yaml" | "yml") => Format::Yaml,
            Some("json") => Format::Json,
            Some(_) | None => {
                let refusal = Diagnostic::error(Code::Extension, "the file's format is not known")
                    .help("name it *.yaml, *.yml or *.json");
                return Err(refuse(refusal));
            }
        };
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self { name, text, format }),
            Err(error) => {
                let line = 1 + bytes
                    .iter()
                    .take(error.valid_up_to())
                    .filter(|byte| **byte == b'\n')
                    .count();
                let message = format!("line {line} is not UTF-8");
                let refusal = Diagnostic::error(Code::NotUtf8, message)
                    .help("save the file with the encoding UTF-8");
                Err(refuse(refusal))
            }
        }
    }
}
