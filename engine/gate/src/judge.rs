//! Decisions of the policy for one caller.

use crate::world::Live;
use mcp_zero_identity::Caller;
use mcp_zero_policy::{Decision, Object, Subject};
use mcp_zero_wire::target::Target;

/// A caller at a server, under one snapshot.
#[derive(Clone, Copy)]
pub(crate) struct Judge<'l, 'c> {
    pub(crate) live: &'l Live,
    pub(crate) caller: Option<&'c Caller>,
    pub(crate) server: &'c str,
}

impl<'l> Judge<'l, '_> {
    pub(crate) fn decide(&self, object: Object<'_>) -> Decision<'l> {
        let subject = match self.caller {
            Some(caller) => Subject {
                issuer: Some(&caller.issuer_name),
                user: Some(&caller.user_id),
                groups: &caller.groups,
            },
            None => Subject {
                issuer: None,
                user: None,
                groups: &[],
            },
        };
        self.live.snapshot.decide(&subject, self.server, object)
    }

    /// The first denial, or the last permission; none where nothing is governed.
    pub(crate) fn decide_all(&self, targets: &[Target<'_>]) -> Option<Decision<'l>> {
        let mut last = None;
        for target in targets {
            let decision = self.decide(object(target));
            if !decision.is_allowed() {
                return Some(decision);
            }
            last = Some(decision);
        }
        last
    }
}

pub(crate) fn object<'t>(target: &'t Target<'_>) -> Object<'t> {
    match target {
        Target::Tool(name) => Object::Tool(name),
        Target::Prompt(name) => Object::Prompt(name),
        Target::Resource(uri) => Object::Resource(uri),
        Target::ClientRequest(method) => Object::ClientRequest(method),
    }
}
