//! A policy as it was written.

use crate::code::Code;
use crate::diagnostic::Diagnostics;
use crate::notes::Notes;

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
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        let format = match extension {
            Some("yaml" | "yml") => Format::Yaml,
            Some("json") => Format::Json,
            Some(_) | None => {
                let message = "the file's format is not known";
                let help = "name it *.yaml, *.yml or *.json";
                return Err(refused(name, "", Code::Extension, message, help));
            }
        };
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self { name, text, format }),
            Err(error) => {
                // The text up to there is the file as far as it can be shown.
                let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let good = std::str::from_utf8(good).unwrap_or_default();
                let message = "this is not UTF-8";
                let help = "save the file with the encoding UTF-8";
                Err(refused(name, good, Code::NotUtf8, message, help))
            }
        }
    }
}

/// What is wrong where a text ends.
fn refused(
    name: &str,
    text: &str,
    code: Code,
    message: &'static str,
    help: &'static str,
) -> Diagnostics {
    let mut notes = Notes::of(name, text);
    let end = text.len()..text.len();
    notes.advise(&end, code, message, help);
    crate::fault(notes)
}
