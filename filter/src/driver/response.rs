//! The response: collected whole, or streamed piece by piece, as the engine asks at its head.

use super::{BODY_LIMIT, Driver, Env, Machine, Side, Step, broken};
use crate::host::{Host, HostError};
use mcp_zero_gate::{Direction, Event, Flow, Headers, Last, Origin, ResponseHead};

const RESPONSE: Direction = Direction::Response;

/// What Envoy's router writes beside a response that a server gave.
const FROM_SERVER: &[u8] = b"via_upstream";

/// What becomes of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// It is told whole.
    Collect { limit: usize },
    /// It is told in pieces.
    Stream,
}

impl<M: Machine> Driver<M> {
    pub(super) fn response_headers(&mut self, ends: bool, env: &mut Env<'_>) -> Step {
        match self.response {
            Side::Ahead => {}
            Side::Own => return self.own(env),
            Side::Passing => return Step::Continue,
            Side::Stopped => return Step::Pause,
            Side::Gathering { .. } | Side::Deciding { .. } | Side::Streaming => {
                self.fail(broken("response headers"), env);
                return Step::Pause;
            }
        }
        self.response = if ends {
            Side::Deciding { size: 0 }
        } else {
            Side::Gathering {
                limit: BODY_LIMIT,
                size: 0,
            }
        };
        let flow = match self.head(ends, env) {
            Ok(flow) => flow,
            Err(e) => self.fail(e, env),
        };
        match (flow, self.plan.take()) {
            (Flow::Go, None) => self.let_answer_go(ends, env),
            (Flow::Go, Some(Plan::Stream)) if !ends => {
                self.response = Side::Streaming;
                Step::Continue
            }
            (Flow::Hold, Some(Plan::Collect { limit })) if !ends => {
                let limit = limit.min(BODY_LIMIT);
                self.response = Side::Gathering { limit, size: 0 };
                Step::Pause
            }
            (Flow::Hold, None) if ends => Step::Pause,
            (Flow::Done, _) => Step::Pause,
            (Flow::Go | Flow::Hold, _) => {
                self.fail(broken("plan"), env);
                Step::Pause
            }
        }
    }

    fn head(&mut self, ends: bool, env: &mut Env<'_>) -> Result<Flow, HostError> {
        let origin = origin(env.host)?;
        let headers = Headers::new(env.host.headers(RESPONSE)?);
        *self.length_mut(RESPONSE) = super::length(&headers);
        if self.request.is_held() {
            // Envoy has answered in place of the server: the request goes nowhere. A server
            // cannot have seen it.
            self.request = Side::Stopped;
            if origin == Origin::Server {
                return Err(broken("response before its request"));
            }
        }
        let head = ResponseHead {
            headers: &headers,
            ends,
        };
        Ok(self.tell(Event::Response(head, origin), env))
    }

    /// Our own reply is not inspected, but it must be ours.
    fn own(&mut self, env: &mut Env<'_>) -> Step {
        let details = env.host.property(&["response", "code_details"]);
        if details.is_ok_and(|d| d.as_deref() != Some(FROM_SERVER)) {
            self.response = Side::Passing;
            return Step::Continue;
        }
        self.stop();
        self.ended = false;
        Step::Pause
    }

    pub(super) fn response_body(&mut self, size: usize, ends: bool, env: &mut Env<'_>) -> Step {
        match self.response {
            Side::Gathering { limit, .. } => {
                self.response = Side::Gathering { limit, size };
                if size > limit {
                    let flow = self.tell(Event::Overflow(RESPONSE), env);
                    return self.unless_ended(flow, env);
                }
                if ends {
                    return self.response_whole(size, env);
                }
                Step::Pause
            }
            Side::Streaming => self.chunk(size, ends, env),
            Side::Passing => {
                self.ended |= ends;
                Step::Continue
            }
            Side::Deciding { .. } => Step::Pause,
            Side::Stopped => {
                self.blank(size, env);
                Step::Pause
            }
            Side::Ahead | Side::Own => {
                self.fail(broken("response body"), env);
                Step::Pause
            }
        }
    }

    /// Trailers end the response as well, and were not inspected.
    pub(super) fn response_trailers(&mut self, env: &mut Env<'_>) -> Step {
        if self.response == Side::Stopped {
            return Step::Pause;
        }
        if let Err(e) = env.host.clear_trailers(RESPONSE) {
            self.fail(e, env);
            return Step::Pause;
        }
        match self.response {
            Side::Gathering { size, .. } => self.response_whole(size, env),
            Side::Streaming => self.last_chunk(env),
            Side::Passing => {
                self.ended = true;
                Step::Continue
            }
            Side::Deciding { .. } | Side::Stopped => Step::Pause,
            Side::Ahead | Side::Own => {
                self.fail(broken("response trailers"), env);
                Step::Pause
            }
        }
    }

    fn response_whole(&mut self, size: usize, env: &mut Env<'_>) -> Step {
        let body = match self.whole(RESPONSE, size, env) {
            Ok(body) => body,
            Err(e) => {
                self.fail(e, env);
                return Step::Pause;
            }
        };
        self.response = Side::Deciding { size };
        match self.tell(Event::Whole(&body), env) {
            Flow::Go => self.let_answer_go(true, env),
            Flow::Hold | Flow::Done => Step::Pause,
        }
    }

    fn let_answer_go(&mut self, ends: bool, env: &mut Env<'_>) -> Step {
        match self.release(RESPONSE, env) {
            Ok(()) => {
                self.ended |= ends;
                Step::Continue
            }
            Err(e) => {
                self.fail(e, env);
                Step::Pause
            }
        }
    }

    /// A piece is taken out and replaced by what the engine emits for it.
    fn chunk(&mut self, size: usize, ends: bool, env: &mut Env<'_>) -> Step {
        let piece = match self.whole(RESPONSE, size, env) {
            Ok(piece) => piece,
            Err(e) => {
                self.fail(e, env);
                self.blank(size, env);
                return Step::Pause;
            }
        };
        let last = if ends { Last::End } else { Last::More };
        self.piece = Some(Vec::new());
        let flow = self.tell(Event::Chunk(&piece, last), env);
        let emitted = self.piece.take().unwrap_or_default();
        let goes_on = match flow {
            Flow::Go => true,
            Flow::Done => self.cut,
            Flow::Hold => {
                self.fail(broken("hold of a stream"), env);
                false
            }
        };
        if !goes_on {
            self.blank(size, env);
            return Step::Pause;
        }
        if let Err(e) = env.host.replace_body(RESPONSE, size, &emitted) {
            if self.cut {
                // The cut is on its way already; this one is at once.
                self.refuse(env);
            } else {
                self.fail(e, env);
            }
            return Step::Pause;
        }
        if flow == Flow::Go && ends {
            self.response = Side::Passing;
            self.ended = true;
        }
        Step::Continue
    }

    /// Trailers have no room for anything more.
    fn last_chunk(&mut self, env: &mut Env<'_>) -> Step {
        self.piece = Some(Vec::new());
        let flow = self.tell(Event::Chunk(&[], Last::End), env);
        let emitted = self.piece.take().unwrap_or_default();
        if flow == Flow::Go && emitted.is_empty() {
            self.response = Side::Passing;
            self.ended = true;
            return Step::Continue;
        }
        if flow != Flow::Done {
            self.fail(broken("emit after the end"), env);
        }
        Step::Pause
    }

    /// What came after the end of the exchange goes nowhere. Where even that fails the
    /// piece stays in Envoy's buffer, which is never sent.
    fn blank(&mut self, size: usize, env: &mut Env<'_>) {
        if size > 0
            && let Err(e) = env.host.replace_body(RESPONSE, size, &[])
        {
            env.host.log(&e.to_string());
        }
    }
}

/// Who wrote the response: what is not certainly Envoy's is inspected as the server's.
fn origin(host: &mut dyn Host) -> Result<Origin, HostError> {
    let details = host.property(&["response", "code_details"])?;
    Ok(match details.as_deref() {
        None | Some(b"" | FROM_SERVER) => Origin::Server,
        Some(_) => Origin::Envoy,
    })
}
