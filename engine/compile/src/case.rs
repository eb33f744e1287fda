//! Tests of policies: questions with the answers that their author wants.

use mcp_zero_policy::condition::Literal;
use mcp_zero_policy::{Arguments, Decimal, Object, Snapshot, Subject};

use crate::diagnostic::Diagnostics;
use crate::document::cases::{self, Case};
use crate::document::{self, Effect};
use crate::notes::Notes;
use crate::source::Source;

/// The cases of one file.
#[derive(Debug, Clone)]
pub struct Cases(Vec<Case>);

/// How a case came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// What is wrong; nothing where it passed.
    pub failure: Option<String>,
}

impl Cases {
    /// Reads a file of cases.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn read(source: Source<'_>) -> Result<Self, Diagnostics> {
        let mut notes = Notes::new(source);
        let read =
            crate::read::document(source, &mut notes).map(|root| cases::read(&root, &mut notes));
        let Some(read) = read else {
            return Err(crate::fault(notes));
        };
        notes.finish().map(|_warnings| Self(read))
    }

    /// Asks a policy each question, in file order.
    pub fn run(&self, policy: &Snapshot) -> Vec<Outcome> {
        let outcome = |case: &Case| Outcome {
            failure: failure(case, policy),
            name: case.name.clone(),
        };
        self.0.iter().map(outcome).collect()
    }
}

fn failure(case: &Case, snapshot: &Snapshot) -> Option<String> {
    let groups: Vec<Box<str>> = case.groups.iter().map(|g| g.as_str().into()).collect();
    let only = match snapshot.issuers() {
        [only] if case.user.is_some() => Some(&*only.name),
        _ => None,
    };
    let standing = snapshot.standing(&Subject {
        issuer: case.issuer.as_deref().or(only),
        user: case.user.as_deref(),
        groups: &groups,
    });
    let (of, name) = &case.object;
    let object = match *of {
        "tool" => Object::Tool(name),
        "resource" => Object::Resource(name),
        "prompt" => Object::Prompt(name),
        _ => Object::ClientRequest(name),
    };
    let arguments = case.arguments.as_ref().map(value);
    let arguments = Arguments::Of(arguments.as_ref());
    let decision = snapshot.decide(&standing, &case.server, object, arguments);
    let wanted = case.expect.effect == Effect::Allow;
    let by = |rule: Option<&str>| match rule {
        Some(rule) => format!("by `{rule}`"),
        None => format!("({})", decision.reason),
    };
    let word = |allow| if allow { "allow" } else { "deny" };
    if decision.is_allowed() != wanted {
        let found = word(decision.is_allowed());
        return Some(format!(
            "expected {}, found {found} {}",
            word(wanted),
            by(decision.rule)
        ));
    }
    match &case.expect.rule {
        Some(rule) if decision.rule != Some(rule) => Some(format!(
            "expected {} by `{rule}`, found it {}",
            word(wanted),
            by(decision.rule)
        )),
        Some(_) | None => None,
    }
}

/// Reads arguments of a call that somebody wrote down, as JSON or YAML.
///
/// # Errors
/// It is no mapping, or not well-formed.
pub fn arguments(source: Source<'_>) -> Result<Literal, Diagnostics> {
    let mut notes = Notes::new(source);
    let read = crate::read::document(source, &mut notes)
        .and_then(|root| document::arguments(&root, &mut notes));
    let Some(read) = read else {
        return Err(crate::fault(notes));
    };
    notes.finish().map(|_warnings| value(&read))
}

/// As conditions ask about it.
fn value(written: &document::Literal) -> Literal {
    match written {
        document::Literal::Null => Literal::Null,
        document::Literal::Boolean(value) => Literal::Boolean(*value),
        // What was read is a number of JSON; one that does not fit is of no use to anybody.
        document::Literal::Number(text) => {
            Decimal::parse(text).map_or(Literal::Null, Literal::Number)
        }
        document::Literal::Text(text) => Literal::Text(text.as_str().into()),
        document::Literal::List(items) => Literal::List(items.iter().map(value).collect()),
        document::Literal::Members(members) => {
            let members = members.iter().map(|(n, v)| (n.as_str().into(), value(v)));
            Literal::Members(members.collect())
        }
    }
}
