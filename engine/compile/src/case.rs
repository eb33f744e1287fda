//! Tests of policies: questions with the answers that their author wants.

use mcp_zero_policy::condition::Literal;
use mcp_zero_policy::{Arguments, Decimal, Object, Snapshot};

use crate::diagnostic::Diagnostics;
use crate::document::cases::{self, Case};
use crate::document::{self, Effect};
use crate::notes::Notes;
use crate::question::Question;
use crate::source::Source;

/// The cases of one file.
#[derive(Debug, Clone)]
pub struct Cases(Vec<Case>);

/// How a case came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The line of its file where it begins, counted from one.
    pub line: u32,
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

    /// Asks a policy each question, in file order; `served` where it is the one that a gateway
    /// has, with whatever its settings add. A question that cannot be asked fails, whatever
    /// answer is wanted.
    pub fn run(&self, policy: &Snapshot, served: bool) -> Vec<Outcome> {
        let outcome = |case: &Case| Outcome {
            line: case.line,
            failure: failure(case, policy, served),
            name: case.name.clone(),
        };
        self.0.iter().map(outcome).collect()
    }
}

fn failure(case: &Case, snapshot: &Snapshot, served: bool) -> Option<String> {
    let groups: Vec<Box<str>> = case.groups.iter().map(|g| g.as_str().into()).collect();
    let (of, name) = &case.object;
    let object = match *of {
        "tool" => Object::Tool(name),
        "resource" => Object::Resource(name),
        "prompt" => Object::Prompt(name),
        _ => Object::ClientRequest(name),
    };
    let question = Question {
        issuer: case.issuer.as_deref(),
        user: case.user.as_deref(),
        groups: &groups,
        server: &case.server,
        object,
    };
    let subject = match question.subject(snapshot, served) {
        Ok(subject) => subject,
        Err(reason) => return Some(reason.to_string()),
    };
    let standing = snapshot.standing(&subject);
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
