//! What a message from a client asks for.

use crate::json::{Kind, Value};
use crate::method::{Governed, Spec};
use std::borrow::Cow;

/// One object that must be allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target<'d> {
    /// A tool by name.
    Tool(Cow<'d, str>),
    /// A prompt by name.
    Prompt(Cow<'d, str>),
    /// A resource by URI (or by URI template, in a completion).
    Resource(Cow<'d, str>),
    /// A method that the server asks of the client.
    ClientRequest(&'static str),
}

/// Why a message names no object to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// A member is missing or of the wrong type.
    #[error("malformed params")]
    Malformed,
    /// The message asks for what is refused altogether.
    #[error("refused method or option")]
    Refused,
}

/// Every object that the message asks for; empty for methods that need an authenticated
/// caller only, and for lists, whose answers are judged.
///
/// # Errors
/// [`TargetError`] when the params do not say what is asked for.
pub fn targets<'d>(spec: &Spec, params: Option<Value<'d>>) -> Result<Vec<Target<'d>>, TargetError> {
    let text = |name: &str| {
        params
            .and_then(|p| named(p, name))
            .ok_or(TargetError::Malformed)
    };
    match spec.governed {
        Governed::Open | Governed::List(_) => Ok(Vec::new()),
        Governed::Tool => {
            if params.and_then(|p| p.get("task")).is_some() {
                return Err(TargetError::Refused);
            }
            arguments(params)?;
            Ok(vec![Target::Tool(text("name")?)])
        }
        Governed::Prompt => {
            arguments(params)?;
            Ok(vec![Target::Prompt(text("name")?)])
        }
        Governed::Resource => Ok(vec![Target::Resource(text("uri")?)]),
        Governed::Reference => reference(params),
        Governed::Subscriptions => subscriptions(params),
        Governed::ClientRequest => Ok(vec![Target::ClientRequest(spec.name)]),
        Governed::Refused => Err(TargetError::Refused),
    }
}

/// A name or URI: not empty, and without control characters, which readers cut or drop.
fn named<'d>(object: Value<'d>, member: &str) -> Option<Cow<'d, str>> {
    object.get_text(member).filter(|name| readable(name))
}

fn readable(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(char::is_control)
}

/// `arguments` may be absent or null; otherwise it is an object.
fn arguments(params: Option<Value<'_>>) -> Result<(), TargetError> {
    match params.and_then(|p| p.get("arguments")).map(Value::kind) {
        None | Some(Kind::Null | Kind::Object) => Ok(()),
        Some(Kind::Bool | Kind::Number | Kind::String | Kind::Array) => Err(TargetError::Malformed),
    }
}

fn reference(params: Option<Value<'_>>) -> Result<Vec<Target<'_>>, TargetError> {
    let reference = params
        .and_then(|p| p.get("ref"))
        .ok_or(TargetError::Malformed)?;
    let text = |name| named(reference, name).ok_or(TargetError::Malformed);
    match &*text("type")? {
        "ref/prompt" => Ok(vec![Target::Prompt(text("name")?)]),
        "ref/resource" => Ok(vec![Target::Resource(text("uri")?)]),
        _ => Err(TargetError::Malformed),
    }
}

fn subscriptions(params: Option<Value<'_>>) -> Result<Vec<Target<'_>>, TargetError> {
    let Some(filter) = params.and_then(|p| p.get("notifications")) else {
        return Ok(Vec::new());
    };
    if !filter.is_object() {
        return Err(TargetError::Malformed);
    }
    let Some(list) = filter.get("resourceSubscriptions") else {
        return Ok(Vec::new());
    };
    if list.kind() != Kind::Array {
        return Err(TargetError::Malformed);
    }
    list.items()
        .map(|uri| {
            uri.text()
                .filter(|uri| readable(uri))
                .map(Target::Resource)
                .ok_or(TargetError::Malformed)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Doc, Limits};
    use crate::method::{Sender, lookup};

    fn of(method: &str, params: &str) -> Result<Vec<String>, TargetError> {
        let doc = Doc::scan(params.as_bytes(), &Limits::default()).unwrap();
        let spec = lookup(method, Sender::Client).unwrap();
        targets(spec, Some(doc.root())).map(|t| t.iter().map(|t| format!("{t:?}")).collect())
    }

    #[test]
    fn each_method_is_judged_by_its_object() {
        let one = |m, p, t: &str| assert_eq!(of(m, p), Ok(vec![t.to_owned()]), "{m}");
        one("tools/call", r#"{"name":"a\u0062"}"#, "Tool(\"ab\")");
        one(
            "prompts/get",
            r#"{"name":"p","arguments":{}}"#,
            "Prompt(\"p\")",
        );
        one(
            "resources/read",
            r#"{"uri":"file:///x"}"#,
            "Resource(\"file:///x\")",
        );
        one("resources/subscribe", r#"{"uri":"u"}"#, "Resource(\"u\")");
        one(
            "completion/complete",
            r#"{"ref":{"type":"ref/prompt","name":"p"}}"#,
            "Prompt(\"p\")",
        );
        one(
            "completion/complete",
            r#"{"ref":{"type":"ref/resource","uri":"u"}}"#,
            "Resource(\"u\")",
        );
        let listen = of(
            "subscriptions/listen",
            r#"{"notifications":{"resourceSubscriptions":["a","b"]}}"#,
        );
        assert_eq!(listen.unwrap().len(), 2);
        assert_eq!(of("tools/list", "{}"), Ok(vec![]));
    }

    #[test]
    fn what_cannot_be_judged_is_an_error() {
        for (method, params) in [
            ("tools/call", "{}"),
            ("tools/call", r#"{"name":["x"]}"#),
            ("tools/call", r#"{"name":"x","arguments":[]}"#),
            ("tools/call", r#"{"name":"x","arguments":"{}"}"#),
            ("tools/call", r#"{"name":"x\u0000"}"#),
            ("tools/call", r#"{"name":""}"#),
            ("resources/read", r#"{"uri":1}"#),
            (
                "completion/complete",
                r#"{"ref":{"type":"ref/tool","name":"p"}}"#,
            ),
            (
                "subscriptions/listen",
                r#"{"notifications":{"resourceSubscriptions":[1]}}"#,
            ),
            (
                "subscriptions/listen",
                r#"{"notifications":{"resourceSubscriptions":"a"}}"#,
            ),
        ] {
            assert_eq!(
                of(method, params),
                Err(TargetError::Malformed),
                "{method} {params}"
            );
        }
        assert_eq!(
            of("tools/call", r#"{"name":"x","task":{}}"#),
            Err(TargetError::Refused)
        );
        assert_eq!(of("tasks/list", "{}"), Err(TargetError::Refused));
        assert!(of("tools/call", r#"{"name":"x","arguments":null}"#).is_ok());
    }
}
