//! What a message from a client asks for.

use crate::json::{Kind, Value};
use crate::method::{Governed, ListKind, Spec};
use crate::rpc::{lookalike, respells};
use crate::uri;
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
    /// A task by its id, as the sender knows it.
    Task(Cow<'d, str>),
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
    let text = |name: &str, good: fn(&str) -> bool| {
        params
            .and_then(|p| named(p, name, good))
            .ok_or(TargetError::Malformed)
    };
    match spec.governed {
        Governed::Open | Governed::List(_) => Ok(Vec::new()),
        Governed::Tool => {
            if params
                .and_then(|p| p.get("task"))
                .is_some_and(|task| !task.is_object())
            {
                return Err(TargetError::Malformed);
            }
            arguments(params)?;
            Ok(vec![Target::Tool(text("name", tool_name)?)])
        }
        Governed::Prompt => {
            arguments(params)?;
            Ok(vec![Target::Prompt(text("name", prompt_name)?)])
        }
        Governed::Resource => Ok(vec![Target::Resource(text("uri", uri::is_normal)?)]),
        Governed::Reference => reference(params),
        Governed::Subscriptions => subscriptions(params),
        Governed::ClientRequest => Ok(vec![Target::ClientRequest(spec.name)]),
        Governed::Task => Ok(vec![Target::Task(text("taskId", |_| true)?)]),
        Governed::Refused => Err(TargetError::Refused),
    }
}

fn named<'d>(object: Value<'d>, member: &str, good: fn(&str) -> bool) -> Option<Cow<'d, str>> {
    object.get_text(member).filter(|name| good(name))
}

/// Whether an item of a list has a name by which it can be asked for.
pub(crate) fn can_be_asked_for(kind: ListKind, name: &str) -> bool {
    match kind {
        ListKind::Tools => tool_name(name),
        ListKind::Prompts => prompt_name(name),
        ListKind::Resources => uri::is_normal(name),
        // A text that is not normal may stand for URIs that are.
        ListKind::ResourceTemplates => !name.is_empty() && !name.chars().any(unseen),
    }
}

/// Characters of a name.
const LONGEST_NAME: usize = 256;

/// A name that every reader and every person takes for the same: not empty, not too long,
/// no control, white-space or invisible characters.
fn tool_name(name: &str) -> bool {
    !name.is_empty() && name.chars().count() <= LONGEST_NAME && !name.chars().any(unseen)
}

/// As a tool's name, with plain spaces inside.
fn prompt_name(name: &str) -> bool {
    !name.is_empty()
        && name.chars().count() <= LONGEST_NAME
        && !name.starts_with(' ')
        && !name.ends_with(' ')
        && !name.chars().any(|c| c != ' ' && unseen(c))
}

fn unseen(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{17b4}'
                | '\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
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
    let text = |name, good| named(reference, name, good).ok_or(TargetError::Malformed);
    // Closed sets: a server may read a look-alike, or the other kind's member.
    let only = |names: &[&str]| {
        let all = reference.members().all(|(name, _)| names.contains(&&*name));
        all.then_some(()).ok_or(TargetError::Malformed)
    };
    match &*text("type", |_| true)? {
        "ref/prompt" => {
            only(&["type", "name", "title"])?;
            Ok(vec![Target::Prompt(text("name", prompt_name)?)])
        }
        "ref/resource" => {
            only(&["type", "uri"])?;
            Ok(vec![Target::Resource(text(
                "uri",
                uri::is_normal_template,
            )?)])
        }
        _ => Err(TargetError::Malformed),
    }
}

/// Members of the filter of `subscriptions/listen`.
const FILTER: &[&str] = &[
    "resourceSubscriptions",
    "toolsListChanged",
    "promptsListChanged",
    "resourcesListChanged",
    "taskIds",
];

/// A member that a lenient server may take for one of the filter's, or for its prototype.
fn strays(name: &str) -> bool {
    lookalike(name, FILTER) || respells(name, FILTER)
}

fn subscriptions(params: Option<Value<'_>>) -> Result<Vec<Target<'_>>, TargetError> {
    let Some(filter) = params.and_then(|p| p.get("notifications")) else {
        return Ok(Vec::new());
    };
    if !filter.is_object() {
        return Err(TargetError::Malformed);
    }
    if filter.members().any(|(name, _)| strays(&name)) {
        return Err(TargetError::Malformed);
    }
    let uris = texts(filter, "resourceSubscriptions")?;
    if !uris.iter().all(|uri| uri::is_normal(uri)) {
        return Err(TargetError::Malformed);
    }
    let mut targets: Vec<_> = uris.into_iter().map(Target::Resource).collect();
    let tasks = texts(filter, "taskIds")?;
    targets.extend(tasks.into_iter().map(Target::Task));
    Ok(targets)
}

/// A list of strings that may be absent.
fn texts<'d>(object: Value<'d>, member: &str) -> Result<Vec<Cow<'d, str>>, TargetError> {
    let Some(list) = object.get(member) else {
        return Ok(Vec::new());
    };
    if list.kind() != Kind::Array {
        return Err(TargetError::Malformed);
    }
    list.items()
        .map(|item| item.text().ok_or(TargetError::Malformed))
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
        one("tasks/cancel", r#"{"taskId":"t"}"#, "Task(\"t\")");
        one("tools/call", r#"{"name":"x","task":{}}"#, "Tool(\"x\")");
        let listen = of(
            "subscriptions/listen",
            r#"{"notifications":{"resourceSubscriptions":["a"],"taskIds":["t"]}}"#,
        );
        let both = ["Resource(\"a\")", "Task(\"t\")"].map(str::to_owned);
        assert_eq!(listen, Ok(both.to_vec()));
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
        for (method, params) in [
            ("tools/call", r#"{"name":"x","task":true}"#),
            ("tasks/get", "{}"),
            ("tasks/result", r#"{"taskId":1}"#),
            (
                "subscriptions/listen",
                r#"{"notifications":{"taskIds":"t"}}"#,
            ),
            (
                "subscriptions/listen",
                r#"{"notifications":{"taskIds":[{}]}}"#,
            ),
        ] {
            malformed(method, params);
        }
        assert_eq!(of("tasks/list", "{}"), Err(TargetError::Refused));
        assert!(of("tools/call", r#"{"name":"x","arguments":null}"#).is_ok());
    }

    fn malformed(method: &str, params: &str) {
        assert_eq!(of(method, params), Err(TargetError::Malformed), "{params}");
    }

    #[test]
    fn references_have_closed_members() {
        let complete = |r: &str| of("completion/complete", &format!("{{\"ref\":{r}}}"));
        assert!(complete(r#"{"type":"ref/prompt","name":"p","title":"P"}"#).is_ok());
        assert!(complete(r#"{"type":"ref/resource","uri":"file:///{+path}"}"#).is_ok());
        for reference in [
            r#"{"type":"ref/prompt","name":"p","Name":"q"}"#,
            r#"{"type":"ref/prompt","name":"p","uri":"u"}"#,
            r#"{"type":"ref/prompt","name":"p","Type":"ref/resource"}"#,
            r#"{"type":"ref/prompt","name":"p","__proto__":{}}"#,
            r#"{"type":"ref/prompt","name":"p","x":1}"#,
            r#"{"type":"ref/resource","uri":"u","name":"p"}"#,
            r#"{"type":"ref/resource","uri":"u","title":"p"}"#,
            r#"{"type":"ref/resource","uri":"u","URI":"v"}"#,
            r#"{"type":"ref/resource","uri":"a/../b"}"#,
            r#"{"type":"ref/prompt","name":" p"}"#,
            r#"["ref/prompt"]"#,
        ] {
            malformed("completion/complete", &format!("{{\"ref\":{reference}}}"));
        }
    }

    #[test]
    fn filters_have_no_look_alikes() {
        let listen = |key: &str| format!("{{\"notifications\":{{\"{key}\":[\"u\"]}}}}");
        for key in [
            "ResourceSubscriptions",
            "re\u{17f}ourceSubscriptions",
            "resourcesubscriptions",
            "resource_subscriptions",
            "Resource-Subscriptions",
            "toolslistchanged",
            "tas\u{212a}Ids",
            "__proto__",
            "constructor",
        ] {
            malformed("subscriptions/listen", &listen(key));
        }
        malformed(
            "subscriptions/listen",
            r#"{"notifications":{"resourceSubscriptions":["a/%2E./b"]}}"#,
        );
        for key in ["toolsListChanged", "com.example/other"] {
            assert_eq!(of("subscriptions/listen", &listen(key)), Ok(vec![]));
        }
        let ok = of("subscriptions/listen", &listen("resourceSubscriptions"));
        assert_eq!(ok.unwrap().len(), 1);
    }

    #[test]
    fn uris_of_another_spelling_are_refused() {
        malformed("resources/read", r#"{"uri":"file:///a/..\/b"}"#);
        malformed("resources/subscribe", r#"{"uri":"file:///a\\b"}"#);
    }

    #[test]
    fn names_are_visible_and_short() {
        let invisible = "\u{0}\n\u{7f}\u{85}\u{a0}\u{ad}\u{34f}\u{61c}\u{115f}\u{1160}\u{17b4}\u{17b5}\
            \u{180b}\u{180f}\u{200b}\u{200f}\u{2028}\u{202e}\u{2060}\u{206f}\u{3000}\u{3164}\u{fe00}\
            \u{fe0f}\u{feff}\u{ffa0}\u{fff0}\u{fffb}\u{e0000}\u{e0041}\u{e0fff}\u{1680}\u{2003}";
        for c in invisible.chars() {
            for name in [format!("a{c}b"), format!("{c}a"), format!("a{c}")] {
                assert!(!tool_name(&name) && !prompt_name(&name), "{name:?}");
            }
        }
        for good in ["a", "a.b/c-d_e", "\u{e9}\u{4e00}", &"\u{e9}".repeat(256)] {
            assert!(tool_name(good) && prompt_name(good), "{good:?}");
        }
        for bad in ["", " ", " a", "a ", &"a".repeat(257)] {
            assert!(!tool_name(bad) && !prompt_name(bad), "{bad:?}");
        }
        assert!(prompt_name("a  b c") && !tool_name("a b"));
        malformed("tools/call", r#"{"name":"a\u200bb"}"#);
        malformed("prompts/get", r#"{"name":"a\u200bb"}"#);
        assert!(of("prompts/get", r#"{"name":"a b"}"#).is_ok());
    }
}
