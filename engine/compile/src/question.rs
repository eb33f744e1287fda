//! Whether a question that a person wrote down can be asked of a policy at all: a name that is
//! misspelt would be denied, and a case that expects so would pass for nothing.

use mcp_zero_policy::{Object, Snapshot, Subject};

use crate::document::policies::CLIENT_REQUESTS;
use crate::suggest::{list, nearest};

/// Who asks for what.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// The name of an identity entry.
    pub issuer: Option<&'q str>,
    /// The user id, as the policy maps it.
    pub user: Option<&'q str>,
    /// The user's groups.
    pub groups: &'q [Box<str>],
    /// The name of a server.
    pub server: &'q str,
    /// What is asked for.
    pub object: Object<'q>,
}

/// Why a question has no answer that means anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unaskable {
    /// The policy has no such server or identity, or servers ask no such thing.
    #[error("there is no {what} `{name}`{help}")]
    Unknown {
        /// Server, identity or client request.
        what: &'static str,
        /// As it was written.
        name: String,
        /// What there is.
        help: String,
    },
    /// Groups and an issuer come with a user's token.
    #[error("groups or an issuer without a user: name the user too")]
    NoUser,
    /// Each of several issuers has users of its own.
    #[error("whose user is it? `issuer` is one of {0}")]
    Whose(String),
    /// Whoever calls is anonymous.
    #[error("what is served knows no users: it has no identity")]
    Anonymous,
}

impl<'q> Question<'q> {
    /// The caller as the policy knows them. A policy without identity may get one from the
    /// settings of the gateway, unless it is the one that is `served`.
    ///
    /// # Errors
    /// [`Unaskable`].
    pub fn subject(&self, policy: &'q Snapshot, served: bool) -> Result<Subject<'q>, Unaskable> {
        let servers: Vec<&str> = policy.servers().iter().map(|s| &*s.name).collect();
        known("server", self.server, &servers)?;
        if let Object::ClientRequest(name) = self.object {
            known("client request", name, &CLIENT_REQUESTS)?;
        }
        let issuers: Vec<&str> = policy.issuers().iter().map(|i| &*i.name).collect();
        if let Some(issuer) = self.issuer {
            known("identity", issuer, &issuers)?;
        }
        if self.user.is_none() && (!self.groups.is_empty() || self.issuer.is_some()) {
            return Err(Unaskable::NoUser);
        }
        if self.user.is_some() && issuers.is_empty() && served {
            return Err(Unaskable::Anonymous);
        }
        let issuer = match (self.issuer, self.user, issuers.as_slice()) {
            (Some(issuer), ..) => Some(issuer),
            (None, Some(_), [only]) => Some(*only),
            (None, Some(_), [_, ..]) => return Err(Unaskable::Whose(list(&issuers))),
            (None, None, _) | (None, Some(_), []) => None,
        };
        Ok(Subject {
            issuer,
            user: self.user,
            groups: self.groups,
        })
    }
}

fn known(what: &'static str, name: &str, names: &[&str]) -> Result<(), Unaskable> {
    if names.contains(&name) {
        return Ok(());
    }
    let help = match (nearest(name, names.iter().copied()), names) {
        (Some(near), _) => format!(" (did you mean `{near}`?)"),
        (None, []) => "; the policy has none".to_owned(),
        (None, names) => format!("; there is {}", list(names)),
    };
    Err(Unaskable::Unknown {
        what,
        name: name.to_owned(),
        help,
    })
}
