//! JSON-RPC 2.0 messages as MCP uses them, read from a [`Doc`].

use crate::json::{Doc, Kind, Value};
use std::borrow::Cow;

/// The code of a text that is not JSON (JSON-RPC 2.0 §5.1).
pub const PARSE_ERROR: i64 = -32700;
/// The code of JSON that is not a message (JSON-RPC 2.0 §5.1).
pub const INVALID_REQUEST: i64 = -32600;

/// Decoded characters of a string id.
const MAX_ID: usize = 256;
/// 2^53 - 1: what every reader of JSON keeps exactly.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// A request id with its exact spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id<'d>(&'d str);

/// An [`Id`] that outlives its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdBuf(Box<str>);

impl<'d> Id<'d> {
    /// The JSON token.
    pub fn raw(self) -> &'d str {
        self.0
    }

    /// Keeps the id beyond its document.
    pub fn to_owned(self) -> IdBuf {
        IdBuf(self.0.into())
    }

    fn read(value: Value<'d>) -> Option<Self> {
        let raw = value.raw_str();
        match value.kind() {
            Kind::String => (value.text()?.chars().count() <= MAX_ID).then_some(Self(raw)),
            Kind::Number => {
                let digits = raw.strip_prefix('-').unwrap_or(raw);
                let integer: u64 = digits.parse().ok()?;
                // `-0` comes back as `0` from whoever reads numbers.
                (integer <= MAX_INTEGER && raw != "-0").then_some(Self(raw))
            }
            Kind::Null | Kind::Bool | Kind::Array | Kind::Object => None,
        }
    }
}

impl IdBuf {
    /// The JSON token.
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// Whether a message carries this id; strings are compared decoded.
    pub fn is(&self, id: Id<'_>) -> bool {
        if *self.0 == *id.0 {
            return true;
        }
        let decoded = |raw: &str| {
            Doc::scan(raw.as_bytes(), &crate::json::Limits::default())
                .ok()
                .and_then(|doc| doc.root().text().map(Cow::into_owned))
        };
        matches!((decoded(&self.0), decoded(id.0)), (Some(a), Some(b)) if a == b)
    }
}

/// One message.
#[derive(Debug, Clone)]
pub enum Message<'d> {
    /// Wants an answer.
    Request {
        /// Its id.
        id: Id<'d>,
        /// The decoded method.
        method: Cow<'d, str>,
        /// An object, where present.
        params: Option<Value<'d>>,
    },
    /// Wants none.
    Notification {
        /// The decoded method.
        method: Cow<'d, str>,
        /// An object, where present.
        params: Option<Value<'d>>,
    },
    /// A successful answer.
    Result {
        /// The id of the request.
        id: Id<'d>,
        /// Any value.
        result: Value<'d>,
    },
    /// A failed answer.
    Error {
        /// The id of the request, null where it was not readable.
        id: Option<Id<'d>>,
        /// The error object.
        error: Value<'d>,
    },
}

/// Why a document is not one message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct RpcError {
    /// The id, where it could be read.
    pub id: Option<IdBuf>,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An array of messages.
    #[error("batches are not accepted")]
    Batch,
    /// Neither an object nor an array.
    #[error("a message is an object")]
    NotAnObject,
    /// `jsonrpc` is not "2.0".
    #[error("`jsonrpc` must be \"2.0\"")]
    Version,
    /// The id is not a string of at most 256 characters or an integer within 2^53.
    #[error("the id must be a string or an integer")]
    Id,
    /// The method is not a string.
    #[error("the method must be a string")]
    Method,
    /// The params are not an object.
    #[error("the params must be an object")]
    Params,
    /// Neither request nor answer, or both.
    #[error("neither a request nor an answer")]
    Shape,
    /// A member that the protocol does not have, or a look-alike of one it has.
    #[error("unknown member")]
    Member,
    /// The error member is not an error object.
    #[error("malformed error object")]
    ErrorObject,
}

const ENVELOPE: &[&str] = &["jsonrpc", "id", "method", "params", "result", "error"];
/// Names in params that decide what is asked for; a look-alike may be read by a lenient server.
const GOVERNED: &[&str] = &[
    "name",
    "uri",
    "arguments",
    "ref",
    "_meta",
    "task",
    "taskId",
    "notifications",
    "argument",
];
/// Names that reach an object's prototype in JavaScript.
const PROTOTYPE: &[&str] = &["__proto__", "constructor", "prototype"];

impl<'d> Message<'d> {
    /// Reads what a client sent: a closed set of members, no look-alikes.
    ///
    /// # Errors
    /// [`RpcError`] with the id where it could be read.
    pub fn from_client(doc: &'d Doc<'d>) -> Result<Self, RpcError> {
        Self::read(doc.root(), true)
    }

    /// Reads what a server sent; unknown members are left alone.
    ///
    /// # Errors
    /// As [`Message::from_client`].
    pub fn from_server(doc: &'d Doc<'d>) -> Result<Self, RpcError> {
        Self::read(doc.root(), false)
    }

    fn read(root: Value<'d>, strict: bool) -> Result<Self, RpcError> {
        match root.kind() {
            Kind::Object => {}
            Kind::Array => {
                return Err(RpcError {
                    id: None,
                    fault: Fault::Batch,
                });
            }
            Kind::Null | Kind::Bool | Kind::Number | Kind::String => {
                return Err(RpcError {
                    id: None,
                    fault: Fault::NotAnObject,
                });
            }
        }
        let mut members = Members::default();
        for (name, value) in root.members() {
            match &*name {
                "jsonrpc" => members.version = Some(value),
                "id" => members.id = Some(value),
                "method" => members.method = Some(value),
                "params" => members.params = Some(value),
                "result" => members.result = Some(value),
                "error" => members.error = Some(value),
                other if strict || resembles(other, ENVELOPE) => members.stray = true,
                _ => {}
            }
        }
        let id = members.id.and_then(Id::read);
        members.shape(id, strict).map_err(|fault| RpcError {
            id: id.map(Id::to_owned),
            fault,
        })
    }
}

#[derive(Default)]
struct Members<'d> {
    version: Option<Value<'d>>,
    id: Option<Value<'d>>,
    method: Option<Value<'d>>,
    params: Option<Value<'d>>,
    result: Option<Value<'d>>,
    error: Option<Value<'d>>,
    stray: bool,
}

impl<'d> Members<'d> {
    fn shape(&self, id: Option<Id<'d>>, strict: bool) -> Result<Message<'d>, Fault> {
        if self.stray {
            return Err(Fault::Member);
        }
        if self.version.and_then(Value::text).as_deref() != Some("2.0") {
            return Err(Fault::Version);
        }
        match (self.method, self.result, self.error) {
            (Some(method), None, None) => {
                let method = method.text().ok_or(Fault::Method)?;
                let params = self.params(strict)?;
                match (self.id, id) {
                    (None, _) => Ok(Message::Notification { method, params }),
                    (Some(_), Some(id)) => Ok(Message::Request { id, method, params }),
                    (Some(_), None) => Err(Fault::Id),
                }
            }
            (None, Some(result), None) if self.params.is_none() => Ok(Message::Result {
                id: id.ok_or(Fault::Id)?,
                result,
            }),
            (None, None, Some(error)) if self.params.is_none() => {
                if !error.is_object() {
                    return Err(Fault::ErrorObject);
                }
                match (self.id, id) {
                    (Some(_), Some(id)) => Ok(Message::Error {
                        id: Some(id),
                        error,
                    }),
                    (Some(value), None) if !value.is_null() => Err(Fault::Id),
                    (Some(_) | None, _) => Ok(Message::Error { id: None, error }),
                }
            }
            _ => Err(Fault::Shape),
        }
    }

    fn params(&self, strict: bool) -> Result<Option<Value<'d>>, Fault> {
        let Some(params) = self.params else {
            return Ok(None);
        };
        if !params.is_object() {
            return Err(Fault::Params);
        }
        if strict && params.members().any(|(name, _)| suspicious(&name)) {
            return Err(Fault::Member);
        }
        Ok(Some(params))
    }
}

fn suspicious(name: &str) -> bool {
    lookalike(name, GOVERNED)
}

/// True for another spelling of one of the names, and for a way to an object's prototype.
pub(crate) fn lookalike(name: &str, names: &[&str]) -> bool {
    PROTOTYPE.contains(&name) || resembles(name, names)
}

/// True for another spelling of one of the names under Unicode simple case folding,
/// which some servers apply to member names.
fn resembles(name: &str, names: &[&str]) -> bool {
    !names.contains(&name) && {
        let folded = fold(name);
        names.iter().any(|known| fold(known) == folded)
    }
}

/// True for another spelling of one of the names, which hold letters alone: by case, or in
/// snake or kebab case. Some readers take it for the name itself.
pub fn respells(name: &str, names: &[&str]) -> bool {
    let letters = || name.chars().filter(|c| !matches!(c, '_' | '-'));
    !names.contains(&name)
        && names
            .iter()
            .any(|known| folded(letters()).eq(folded(known.chars())))
}

/// Whether an object has a member that is another spelling of one of the names ([`respells`]).
pub fn has_other(object: Value<'_>, names: &[&str]) -> bool {
    object.members().any(|(name, _)| respells(&name, names))
}

fn fold(name: &str) -> String {
    folded(name.chars()).collect()
}

fn folded(name: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    name.map(|c| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c,
    })
    .flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests;
