//! Sessions: what the client carries is sealed to it; what the server knows stays between us.

use super::Exchange;
use super::open::digest;
use crate::action::{Action, HeaderEdit};
use crate::event::Direction;
use crate::head::Headers;
use crate::refusal::Refusal;
use crate::world::{Cx, Live};
use mcp_zero_identity::{Caller, MAX_SEALED_BYTES, Owner, Purpose};

pub(super) const SESSION: &str = "mcp-session-id";

impl Exchange {
    /// The session that a request presents must be one of this caller at this server. Whatever
    /// else it is, it is answered as a session that does not exist.
    pub(super) fn present_session(
        &mut self,
        live: &Live,
        headers: &Headers,
    ) -> Result<(), Refusal> {
        let Some(sealed) = headers.one(SESSION).map_err(|_| Refusal::NotFound)? else {
            return Ok(());
        };
        self.session = live
            .sealer
            .open(Purpose::Session, owner(self.caller.as_deref()), sealed)
            .and_then(|parts| <[String; 2]>::try_from(parts).ok())
            .filter(|[server, _]| *server == self.server)
            .map(|[_, session]| session);
        let Some(session) = &self.session else {
            self.record.session = Some(digest(sealed.get(..MAX_SEALED_BYTES).unwrap_or(sealed)));
            self.record.reason = Some("no session of this caller at this server".to_owned());
            return Err(Refusal::NoSession);
        };
        self.record.session = Some(digest(session));
        Ok(())
    }

    /// The session that an answer names, mostly that to `initialize`; the client gets it sealed.
    pub(super) fn begun_session(
        &mut self,
        headers: &Headers,
        cx: &mut Cx<'_>,
    ) -> Result<(), Refusal> {
        let visible = |s: &&str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_graphic());
        let session = match headers.one(SESSION) {
            Ok(None) => return Ok(()),
            Ok(Some(session)) => Some(session).filter(visible),
            Err(_) => None,
        };
        // 2026-07-28 has no sessions, and what is not visible ASCII is no id of one.
        let edit = if let Some(session) = session.filter(|_| !self.modern) {
            let sealed = self.live.as_ref().and_then(|live| {
                let owner = owner(self.caller.as_deref());
                live.sealer
                    .seal(Purpose::Session, owner, &[&self.server, session])
            });
            let sealed = sealed.ok_or(Refusal::BadServer(502))?;
            self.record.session.get_or_insert_with(|| digest(session));
            self.session.get_or_insert_with(|| session.to_owned());
            HeaderEdit::Set(SESSION.to_owned(), sealed.into_bytes())
        } else {
            HeaderEdit::Remove(SESSION.to_owned())
        };
        cx.out.push(Action::Header(Direction::Response, edit));
        Ok(())
    }
}

pub(super) fn owner(caller: Option<&Caller>) -> Owner<'_> {
    match caller {
        None => Owner::Anonymous,
        Some(caller) => Owner::Caller {
            issuer: &caller.issuer,
            subject: &caller.subject,
        },
    }
}
