//! Decisions of the policy for one caller.

use crate::world::Live;
use mcp_zero_identity::Caller;
use mcp_zero_policy::condition::{Datum, Shape};
use mcp_zero_policy::{Arguments, Decimal, Decision, Object, Standing, Subject};
use mcp_zero_wire::json::{Kind, Value};
use mcp_zero_wire::target::Target;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Callers whose standing a worker remembers.
const STANDINGS: usize = 1024;

/// A caller at a server, under one snapshot.
#[derive(Clone)]
pub(crate) struct Judge<'l> {
    live: &'l Live,
    standing: Rc<Standing>,
    server: Box<str>,
}

impl<'l> Judge<'l> {
    pub(crate) fn new(live: &'l Live, caller: Option<&Rc<Caller>>, server: &str) -> Self {
        Self {
            live,
            standing: live.standings.of(live, caller),
            server: server.into(),
        }
    }

    /// Whether the caller may do anything at all there.
    pub(crate) fn has_any_right(&self) -> bool {
        self.live
            .snapshot
            .has_any_right(&self.standing, &self.server)
    }

    /// Whether a list may show it.
    pub(crate) fn shows(&self, object: Object<'_>) -> bool {
        let snapshot = &self.live.snapshot;
        snapshot.shows(&self.standing, &self.server, object)
    }

    /// Whether it could be allowed, whatever its arguments.
    pub(crate) fn could(&self, object: Object<'_>) -> Decision<'l> {
        let open = Arguments::<Argument<'_>>::Open;
        self.decide(object, open)
    }

    /// What has no arguments.
    pub(crate) fn plain(&self, object: Object<'_>) -> Decision<'l> {
        self.decide(object, Arguments::<Argument<'_>>::Of(None))
    }

    pub(crate) fn decide(
        &self,
        object: Object<'_>,
        arguments: Arguments<Argument<'_>>,
    ) -> Decision<'l> {
        let snapshot = &self.live.snapshot;
        snapshot.decide(&self.standing, &self.server, object, arguments)
    }
}

/// What the policy knows of a target; a task is to it what its tool is.
pub(crate) fn object<'t>(target: &'t Target<'_>) -> Option<Object<'t>> {
    Some(match target {
        Target::Tool(name) => Object::Tool(name),
        Target::Prompt(name) => Object::Prompt(name),
        Target::Resource(uri) => Object::Resource(uri),
        Target::ClientRequest(method) => Object::ClientRequest(method),
        Target::Task(_) => return None,
    })
}

/// What is known of callers under one snapshot. A caller is the value that the token cache
/// holds: as long as it is kept here its address belongs to nobody else.
#[derive(Debug, Default)]
pub(crate) struct Standings {
    known: RefCell<HashMap<usize, Known>>,
    anonymous: RefCell<Option<Rc<Standing>>>,
}

type Known = (Rc<Caller>, Rc<Standing>);

impl Standings {
    fn of(&self, live: &Live, caller: Option<&Rc<Caller>>) -> Rc<Standing> {
        let Some(caller) = caller else {
            let mut anonymous = self.anonymous.borrow_mut();
            let standing = anonymous.get_or_insert_with(|| {
                Rc::new(live.snapshot.standing(&Subject {
                    issuer: None,
                    user: None,
                    groups: &[],
                }))
            });
            return Rc::clone(standing);
        };
        let mut known = self.known.borrow_mut();
        let key = Rc::as_ptr(caller) as usize;
        if let Some((_, standing)) = known.get(&key) {
            return Rc::clone(standing);
        }
        if known.len() >= STANDINGS {
            known.clear();
        }
        let standing = Rc::new(live.snapshot.standing(&Subject {
            issuer: Some(&caller.issuer_name),
            user: Some(&caller.user_id),
            groups: &caller.groups,
        }));
        known.insert(key, (Rc::clone(caller), Rc::clone(&standing)));
        standing
    }
}

/// A value of the one document, as conditions ask about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Argument<'d>(pub(crate) Value<'d>);

impl Datum for Argument<'_> {
    fn shape(self) -> Shape {
        match self.0.kind() {
            Kind::Null => Shape::Null,
            Kind::Bool => Shape::Boolean,
            Kind::Number => Shape::Number,
            Kind::String => Shape::Text,
            Kind::Array => Shape::List,
            Kind::Object => Shape::Members,
        }
    }

    fn boolean(self) -> Option<bool> {
        self.0.as_bool()
    }

    fn number(self) -> Option<Decimal> {
        match self.0.kind() {
            Kind::Number => Decimal::parse(self.0.raw_str()),
            _ => None,
        }
    }

    fn with_text<R>(self, f: impl FnOnce(&str) -> R) -> Option<R> {
        self.0.text().map(|text| f(&text))
    }

    fn len(self) -> usize {
        self.0.len()
    }

    fn member(self, name: &str) -> Option<Self> {
        self.0.get(name).map(Self)
    }

    fn any_name(self, fits: impl Fn(&str) -> bool) -> bool {
        self.0.members().any(|(name, _)| fits(&name))
    }

    fn item(self, at: usize) -> Option<Self> {
        match self.0.kind() {
            Kind::Array => self.0.items().nth(at).map(Self),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_zero_policy::condition::{Condition, Literal, Test, Truth, pointer};
    use mcp_zero_wire::json::{Doc, Limits};

    #[test]
    fn a_number_that_cannot_be_told_may_be_any_number() {
        let zero = Literal::Number(Decimal::parse("0").unwrap());
        let amount = |value: Literal| Literal::Members([("amount".into(), value)].into());
        let condition = Condition {
            pointer: pointer("/transfer").unwrap(),
            test: Test::Equals(amount(zero)),
        };
        for (written, truth) in [
            ("0e99999999999999999999", Truth::True),
            ("-0.0", Truth::True),
            ("1e99999999999999999999", Truth::Undecidable),
            ("1", Truth::False),
            ("\"0\"", Truth::False),
        ] {
            let text = format!(r#"{{"transfer":{{"amount":{written}}}}}"#);
            let doc = Doc::scan(text.as_bytes(), &Limits::default()).unwrap();
            let held = condition.holds(Some(Argument(doc.root())));
            assert_eq!(held, truth, "{written}");
        }
    }
}
