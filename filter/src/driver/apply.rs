//! Actions of the engine, carried out on the host.

use super::response::Plan;
use super::{
    CONTENT_LENGTH, CREDENTIAL, Driver, Env, Machine, Side, TRANSFER_ENCODING, VERDICT, broken,
};
use crate::host::HostError;
use crate::refusal;
use mcp_zero_gate::{Action, CallError, CallId, Direction, Event, Flow, HeaderEdit};

impl<M: Machine> Driver<M> {
    /// Carries out a step; what cannot be carried out ends the exchange.
    pub(super) fn carry_out(
        &mut self,
        mut flow: Flow,
        actions: Vec<Action>,
        env: &mut Env<'_>,
    ) -> Flow {
        let unsent = match self.apply(actions, env) {
            Ok(_) if self.over => return Flow::Done,
            // Done without an answer would leave the client waiting.
            Ok(_) if flow == Flow::Done => return self.fail(broken("done"), env),
            Ok(unsent) => unsent,
            Err(e) => return self.fail(e, env),
        };
        // A call-out that could not begin has ended.
        for id in unsent {
            match self.tell(Event::Answer(id, Err(CallError::Unreachable)), env) {
                Flow::Done => return Flow::Done,
                Flow::Go if self.is_deciding() => flow = Flow::Go,
                Flow::Go | Flow::Hold => {}
            }
        }
        flow
    }

    /// Applies actions in order up to the first that fails; gives the call-outs that could
    /// not begin.
    pub(super) fn apply(
        &mut self,
        actions: Vec<Action>,
        env: &mut Env<'_>,
    ) -> Result<Vec<CallId>, HostError> {
        let mut unsent = Vec::new();
        for action in actions {
            match action {
                Action::Header(direction, edit) => self.edit(direction, &edit, env)?,
                Action::Admit(cluster) => env.host.set_state(VERDICT, cluster.as_bytes())?,
                Action::Credential(credential) => {
                    env.host
                        .set_state(CREDENTIAL, credential.value().as_bytes())?;
                }
                Action::Body(direction, bytes) => self.replace(direction, &bytes, env)?,
                Action::Collect { direction, limit } => {
                    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                    self.collect(direction, limit)?;
                }
                Action::Stream => self.plan(Plan::Stream)?,
                Action::Emit(bytes) => {
                    let piece = self.piece.as_mut().ok_or(broken("emit"))?;
                    piece.extend_from_slice(&bytes);
                }
                Action::Call(id, call) => match env.host.call(&call) {
                    Ok(token) => self.calls.push((token, id)),
                    Err(e) => {
                        env.host.log(&e.to_string());
                        unsent.push(id);
                    }
                },
                Action::Reply(reply) => {
                    env.host.reply(&reply)?;
                    self.replied();
                    return Ok(Vec::new());
                }
                Action::Reset => {
                    self.reset(env)?;
                    return Ok(Vec::new());
                }
            }
        }
        Ok(unsent)
    }

    fn is_deciding(&self) -> bool {
        let deciding = |side| matches!(side, Side::Deciding { .. });
        deciding(self.request) || deciding(self.response)
    }

    fn edit(
        &mut self,
        direction: Direction,
        edit: &HeaderEdit,
        env: &mut Env<'_>,
    ) -> Result<(), HostError> {
        if !self.side(direction).is_held() {
            return Err(broken("edit of headers that have gone on"));
        }
        let (HeaderEdit::Set(name, _) | HeaderEdit::Remove(name)) = edit;
        if [CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name.as_str()) {
            *self.length_mut(direction) = None;
        }
        match edit {
            HeaderEdit::Set(name, value) => env.host.set_header(direction, name, value),
            HeaderEdit::Remove(name) => env.host.remove_header(direction, name),
        }
    }

    /// Only a body that is known whole can be replaced whole.
    fn replace(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        env: &mut Env<'_>,
    ) -> Result<(), HostError> {
        let Side::Deciding { size } = self.side(direction) else {
            return Err(broken("body that is not held"));
        };
        env.host.replace_body(direction, size, bytes)?;
        *self.side_mut(direction) = Side::Deciding { size: bytes.len() };
        self.measure(direction, bytes.len(), env)
    }

    fn collect(&mut self, direction: Direction, limit: usize) -> Result<(), HostError> {
        match (direction, &mut self.request) {
            (Direction::Response, _) => self.plan(Plan::Collect { limit }),
            (Direction::Request, Side::Gathering { limit: most, .. }) => {
                *most = limit.min(*most);
                Ok(())
            }
            (Direction::Request, _) => Err(broken("collect")),
        }
    }

    fn plan(&mut self, plan: Plan) -> Result<(), HostError> {
        if !self.response.is_held() || self.plan.is_some() {
            return Err(broken("plan"));
        }
        self.plan = Some(plan);
        Ok(())
    }

    /// What was emitted before the cut still has to leave.
    fn reset(&mut self, env: &mut Env<'_>) -> Result<(), HostError> {
        if self.piece.as_ref().is_some_and(|p| !p.is_empty()) {
            env.host.cut()?;
            self.cut = true;
            self.stop();
            return Ok(());
        }
        env.host
            .reply(&refusal::reply(self.correlation.as_deref()))?;
        self.replied();
        Ok(())
    }
}
