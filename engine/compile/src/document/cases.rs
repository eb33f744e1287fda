//! Cases that a policy must pass: `<policy>.test.yaml`.

use super::fields::{Fields, Key, Spanned, list, text, texts, whole, word, wrong_type};
use super::policies::Effect;
use super::when::{Literal, literal};
use crate::code::Code;
use crate::node::{Node, Value};
use crate::notes::Notes;

const WHAT: &str = "cases[]";

/// What a case asks for; exactly one stands in it.
const OBJECTS: [&str; 4] = ["tool", "resource", "prompt", "client_request"];

const KEYS: [Key; 11] = [
    Key::Built("name"),
    Key::Built("user"),
    Key::Built("groups"),
    Key::Built("issuer"),
    Key::Built("server"),
    Key::Built("tool"),
    Key::Built("resource"),
    Key::Built("prompt"),
    Key::Built("client_request"),
    Key::Built("arguments"),
    Key::Built("expect"),
];

/// One question and the answer that is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Where it stands.
    pub(crate) line: u32,
    pub(crate) name: String,
    pub(crate) user: Option<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) server: String,
    /// Which of [`OBJECTS`], and its name.
    pub(crate) object: (&'static str, String),
    pub(crate) arguments: Option<Literal>,
    pub(crate) expect: Expect,
}

/// The answer that is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Expect {
    pub(crate) effect: Effect,
    /// By this rule.
    pub(crate) rule: Option<String>,
}

pub(crate) fn read(root: &Node, notes: &mut Notes<'_>) -> Vec<Case> {
    let keys = [Key::Built("version"), Key::Built("cases")];
    let Some(fields) = Fields::open(root, "the file of cases", &keys, notes) else {
        return Vec::new();
    };
    if let Some(node) = fields.require("version", notes) {
        whole(node, 1..=1, notes);
    }
    let items = fields.require("cases", notes);
    let items = items.and_then(|node| list(node, "cases", notes));
    let read = items.unwrap_or_default().iter();
    read.filter_map(|item| case(item, notes)).collect()
}

fn case(node: &Node, notes: &mut Notes<'_>) -> Option<Case> {
    let fields = Fields::open(node, WHAT, &KEYS, notes)?;
    let owned = |found: Option<Spanned<&str>>| found.map(|text| text.value.to_owned());
    let name = fields.require("name", notes);
    let name = name.and_then(|node| text(node, notes));
    let server = fields.require("server", notes);
    let server = server.and_then(|node| text(node, notes));
    let groups = fields.get("groups");
    let groups = groups.and_then(|node| texts(node, "groups", notes));
    let user = owned(fields.text("user", notes));
    let issuer = owned(fields.text("issuer", notes));
    let object = object(&fields, notes);
    let arguments = fields.entry("arguments").map(|entry| {
        let calls = object
            .as_ref()
            .is_some_and(|(of, _)| matches!(*of, "tool" | "prompt"));
        if !calls {
            let message = "only calls of tools and prompts have arguments";
            notes.error(&entry.key_span, Code::ConditionElsewhere, message);
        }
        match entry.node.value {
            Value::Map(_) => literal(&entry.node, notes),
            _ => {
                wrong_type(&entry.node, "a mapping", notes);
                None
            }
        }
    });
    let expect = fields.require("expect", notes);
    let expect = expect.and_then(|node| expected(node, notes));
    Some(Case {
        line: notes.line(fields.span()),
        name: name?.value.to_owned(),
        user,
        groups: groups
            .unwrap_or_default()
            .iter()
            .map(|g| g.value.to_owned())
            .collect(),
        issuer,
        server: server?.value.to_owned(),
        object: object?,
        arguments: match arguments {
            Some(arguments) => Some(arguments?),
            None => None,
        },
        expect: expect?,
    })
}

fn object(fields: &Fields<'_>, notes: &mut Notes<'_>) -> Option<(&'static str, String)> {
    let mut found = OBJECTS
        .iter()
        .filter_map(|key| Some((*key, fields.entry(key)?)));
    let Some((key, entry)) = found.next() else {
        let message = "a case that asks for nothing";
        let help = "one of `tool`, `resource`, `prompt` and `client_request`";
        notes.advise(fields.span(), Code::MissingKey, message, help);
        return None;
    };
    if let Some((other, entry)) = found.next() {
        let message = format!("`{key}` and `{other}` in one case");
        notes.advise(
            &entry.key_span,
            Code::Conflict,
            message,
            "make two cases of them",
        );
        return None;
    }
    Some((key, text(&entry.node, notes)?.value.to_owned()))
}

/// `allow`, `deny`, or a mapping of one of them to the rule that decides.
fn expected(node: &Node, notes: &mut Notes<'_>) -> Option<Expect> {
    let Value::Map(_) = node.value else {
        let effect = word(node, "effect", &Effect::WORDS, notes)?;
        return Some(Expect { effect, rule: None });
    };
    let keys = [Key::Built("allow"), Key::Built("deny")];
    let fields = Fields::open(node, "expect", &keys, notes)?;
    let both = fields.entry("allow").zip(fields.entry("deny"));
    if both.is_some() || fields.is_empty() {
        let message = "`expect` is `allow`, `deny`, or one of them with the id of a rule";
        notes.error(fields.span(), Code::Conflict, message);
        return None;
    }
    for (key, effect) in Effect::WORDS {
        if let Some(node) = fields.get(key) {
            let rule = Some(text(node, notes)?.value.to_owned());
            return Some(Expect { effect, rule });
        }
    }
    None
}
