//! One HTTP stream: callbacks of the proxy in, events of the engine out, actions applied.
//!
//! Each direction is a [`Side`]. Headers are held from their callback until the engine lets
//! them go, so a step that fails half-way has passed nothing on.

mod apply;
mod machine;
mod request;
mod response;

pub use machine::Machine;

use crate::host::{Host, HostError};
use crate::refusal;
use mcp_zero_gate::{
    Answer, CallError, CallId, Cx, Direction, End, Event, Exchange, Flow, Headers, Mark, World,
};

/// What the callback answers the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// What the callback was about goes on.
    Continue,
    /// It is held, and buffered where it is a body.
    Pause,
}

/// What a callback may use.
pub(crate) struct Env<'a> {
    pub(crate) host: &'a mut dyn Host,
    pub(crate) world: &'a mut World,
}

/// The most that one body is buffered, whatever the engine would take. It is above what our
/// listener buffers, whose own answer comes first then: of two replies in one callback Envoy
/// sends the first with the details of the second.
const BODY_LIMIT: usize = 64 << 20;

/// The filter state that the access log prints.
const RECORD: &str = "mcpz.record";
/// The filter state that the lock behind the filter compares with the route's cluster.
const VERDICT: &str = "mcpz.verdict";
/// The filter state that a route makes the server's `Authorization` of. No log prints it.
const CREDENTIAL: &str = "mcpz.upauth";

const CONTENT_LENGTH: &str = "content-length";
const TRANSFER_ENCODING: &str = "transfer-encoding";

/// The length of a body that headers frame by nothing but one plain number.
fn length(headers: &Headers) -> Option<usize> {
    if headers.all(TRANSFER_ENCODING).next().is_some() {
        return None;
    }
    let written = headers.one(CONTENT_LENGTH).ok().flatten()?;
    let length: usize = written.parse().ok()?;
    (length.to_string() == written).then_some(length)
}

/// Where one direction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Its headers have not come.
    Ahead,
    /// Headers are held, the body gathers until its end.
    Gathering { limit: usize, size: usize },
    /// The engine knows everything; headers and body are held until it decides.
    Deciding { size: usize },
    /// Headers have gone on; each piece of the body is replaced by what the engine emits.
    Streaming,
    /// Our own reply is about to come by.
    Own,
    /// Nothing is looked at any more.
    Passing,
    /// Nothing passes any more.
    Stopped,
}

impl Side {
    /// Whether its headers may be touched.
    fn is_held(self) -> bool {
        matches!(self, Self::Gathering { .. } | Self::Deciding { .. })
    }
}

/// The driver of one HTTP stream.
#[derive(Debug)]
pub struct Driver<M = Exchange> {
    machine: Option<M>,
    /// Envoy's request id, where it is safe to repeat.
    correlation: Option<String>,
    /// The length that the headers of each direction say the body has, and nothing else.
    lengths: [Option<usize>; 2],
    request: Side,
    response: Side,
    /// What the response headers' step has asked for.
    plan: Option<response::Plan>,
    /// What this step emits in place of the piece at hand.
    piece: Option<Vec<u8>>,
    /// The engine has replied or reset: nothing more is told to it.
    over: bool,
    /// The response was cut after the piece at hand.
    cut: bool,
    /// The end of the response has come by.
    ended: bool,
    calls: Vec<(u32, CallId)>,
}

impl<M: Machine> Default for Driver<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Machine> Driver<M> {
    /// A stream of which nothing has come yet.
    pub fn new() -> Self {
        Self {
            machine: None,
            correlation: None,
            lengths: [None; 2],
            request: Side::Ahead,
            response: Side::Ahead,
            plan: None,
            piece: None,
            over: false,
            cut: false,
            ended: false,
            calls: Vec::new(),
        }
    }

    /// The request headers have come.
    pub fn on_request_headers(
        &mut self,
        ends: bool,
        host: &mut dyn Host,
        world: &mut World,
    ) -> Step {
        self.request_headers(ends, &mut Env { host, world })
    }

    /// A piece of the request body has come; `size` counts what is buffered with it.
    pub fn on_request_body(
        &mut self,
        size: usize,
        ends: bool,
        host: &mut dyn Host,
        world: &mut World,
    ) -> Step {
        self.request_body(size, ends, &mut Env { host, world })
    }

    /// Trailers have ended the request.
    pub fn on_request_trailers(&mut self, host: &mut dyn Host, world: &mut World) -> Step {
        self.request_trailers(&mut Env { host, world })
    }

    /// The response headers have come.
    pub fn on_response_headers(
        &mut self,
        ends: bool,
        host: &mut dyn Host,
        world: &mut World,
    ) -> Step {
        self.response_headers(ends, &mut Env { host, world })
    }

    /// A piece of the response body has come; `size` counts what is buffered with it.
    pub fn on_response_body(
        &mut self,
        size: usize,
        ends: bool,
        host: &mut dyn Host,
        world: &mut World,
    ) -> Step {
        self.response_body(size, ends, &mut Env { host, world })
    }

    /// Trailers have ended the response.
    pub fn on_response_trailers(&mut self, host: &mut dyn Host, world: &mut World) -> Step {
        self.response_trailers(&mut Env { host, world })
    }

    /// A call-out has ended; without headers it has failed, and there is nothing to read.
    pub fn on_answer(
        &mut self,
        token: u32,
        has_headers: bool,
        host: &mut dyn Host,
        world: &mut World,
    ) {
        let Some(at) = self.calls.iter().position(|(t, _)| *t == token) else {
            return;
        };
        let (_, id) = self.calls.swap_remove(at);
        if self.over {
            return;
        }
        let env = &mut Env { host, world };
        let answer = if has_headers {
            env.host.answer().map_err(|e| {
                env.host.log(&e.to_string());
                CallError::Refused
            })
        } else {
            Err(CallError::Unreachable)
        };
        let answer = answer.as_ref().map_err(|e| *e).map(|answer| Answer {
            status: answer.status,
            body: &answer.body,
        });
        let flow = self.tell(Event::Answer(id, answer), env);
        if flow != Flow::Go {
            return;
        }
        for direction in [Direction::Request, Direction::Response] {
            if matches!(self.side(direction), Side::Deciding { .. }) {
                let resumed = self
                    .release(direction, env)
                    .and_then(|()| env.host.resume(direction));
                if let Err(e) = resumed {
                    self.fail(e, env);
                }
                return;
            }
        }
    }

    /// The stream has ended, however; leaves the record to the access log. `mark` is asked
    /// for only if there is one.
    pub fn on_log<'m>(&mut self, mark: impl FnOnce() -> Mark<'m>, host: &mut dyn Host) {
        let Some(machine) = self.machine.take() else {
            return;
        };
        let end = if self.ended {
            End::Complete
        } else {
            End::Aborted
        };
        let record = machine.close(end, mark());
        if let Err(e) = host.set_state(RECORD, record.as_bytes()) {
            host.log(&e.to_string());
        }
        self.over = true;
    }

    fn side(&self, direction: Direction) -> Side {
        match direction {
            Direction::Request => self.request,
            Direction::Response => self.response,
        }
    }

    fn side_mut(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        }
    }

    /// Tells the engine an event and carries out what it asks for.
    fn tell(&mut self, event: Event<'_>, env: &mut Env<'_>) -> Flow {
        if self.over {
            return Flow::Done;
        }
        let Some(machine) = self.machine.as_mut() else {
            self.refuse(env);
            return Flow::Done;
        };
        let now_ms = match env.host.now_ms() {
            Ok(now_ms) => now_ms,
            Err(e) => return self.fail(e, env),
        };
        let mut out = Vec::new();
        let flow = machine.on(
            event,
            &mut Cx {
                now_ms,
                world: env.world,
                out: &mut out,
            },
        );
        self.carry_out(flow, out, env)
    }

    /// The whole body of a direction, which must be as long as the host said.
    fn whole(
        &mut self,
        direction: Direction,
        size: usize,
        env: &mut Env<'_>,
    ) -> Result<Vec<u8>, HostError> {
        let body = if size == 0 {
            Vec::new()
        } else {
            env.host.body(direction)?
        };
        if body.len() != size {
            return Err(broken("body"));
        }
        Ok(body)
    }

    /// Lets headers and body of a direction go on, with the exact length of the body.
    fn release(&mut self, direction: Direction, env: &mut Env<'_>) -> Result<(), HostError> {
        if let Side::Deciding { size } | Side::Gathering { size, .. } = self.side(direction)
            && size > 0
        {
            self.measure(direction, size, env)?;
        }
        *self.side_mut(direction) = Side::Passing;
        Ok(())
    }

    /// A body of known length has no other framing.
    fn measure(
        &mut self,
        direction: Direction,
        size: usize,
        env: &mut Env<'_>,
    ) -> Result<(), HostError> {
        let said = self.length_mut(direction);
        if *said == Some(size) {
            return Ok(());
        }
        *said = None;
        let length = size.to_string();
        env.host
            .set_header(direction, CONTENT_LENGTH, length.as_bytes())?;
        env.host.remove_header(direction, TRANSFER_ENCODING)?;
        *self.length_mut(direction) = Some(size);
        Ok(())
    }

    fn length_mut(&mut self, direction: Direction) -> &mut Option<usize> {
        let [request, response] = &mut self.lengths;
        match direction {
            Direction::Request => request,
            Direction::Response => response,
        }
    }

    /// The engine hears that the host failed and ends the exchange.
    fn fail(&mut self, error: HostError, env: &mut Env<'_>) -> Flow {
        env.host.log(&error.to_string());
        if self.over {
            self.stop();
            return Flow::Done;
        }
        if let Some(piece) = &mut self.piece {
            piece.clear();
        }
        let mut out = Vec::new();
        if let Some(machine) = self.machine.as_mut() {
            let now_ms = env.host.now_ms().unwrap_or(0);
            // Whatever it answers, nothing goes on.
            let _ = machine.on(
                Event::HostFailed,
                &mut Cx {
                    now_ms,
                    world: env.world,
                    out: &mut out,
                },
            );
        }
        match self.apply(out, env) {
            Ok(_) if self.over => {}
            Ok(_) | Err(_) => self.refuse(env),
        }
        Flow::Done
    }

    /// The answer where the engine has none.
    fn refuse(&mut self, env: &mut Env<'_>) {
        let reply = refusal::reply(self.correlation.as_deref());
        match env.host.reply(&reply) {
            Ok(()) => self.replied(),
            Err(e) => {
                env.host.log(&e.to_string());
                self.stop();
            }
        }
    }

    /// A reply of ours is on its way. It comes by in the response direction, unless a
    /// response is held there already.
    fn replied(&mut self) {
        let response = self.response;
        self.stop();
        self.ended = response == Side::Ahead || response.is_held();
        if response == Side::Ahead {
            self.response = Side::Own;
        }
    }

    fn stop(&mut self) {
        self.over = true;
        self.request = Side::Stopped;
        self.response = Side::Stopped;
    }
}

/// What the host gave, or the engine asked for, cannot be right.
fn broken(call: &'static str) -> HostError {
    HostError { call, status: 0 }
}

#[cfg(test)]
#[cfg(not(feature = "panic-switch"))]
mod tests;
