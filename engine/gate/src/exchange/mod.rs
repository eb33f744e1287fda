//! The state of one exchange and the order of its checks.

mod caller;
mod inspect;
mod open;
mod plane;
mod request;
mod response;
mod session;
mod stream;
mod task;

use crate::action::{Action, Flow, Reply, ServerCredential};
use crate::block::Block;
use crate::cors::Page;
use crate::event::{CallId, Direction, End, Event};
use crate::judge::Judge;
use crate::record::{Mark, Record};
use crate::refusal::{Refusal, Voice};
use crate::world::{Cx, Held, Live};
use mcp_zero_identity::Caller;
use mcp_zero_wire::{method::Spec, revision::Era, rpc::IdBuf, sse};
use plane::Question;
use std::rc::Rc;
use task::Tasks;

/// The HTTP methods of the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Post,
    Get,
    Delete,
}

/// The request of the client that waits for its answer.
#[derive(Debug)]
struct Ask {
    id: IdBuf,
    spec: &'static Spec,
}

/// What the head of the request said.
#[derive(Debug)]
struct Facts {
    verb: Verb,
    era: Era,
    /// May go on with a stream that has broken off (`Last-Event-ID`).
    resumes: bool,
    accepts_stream: bool,
    /// `MCP-Protocol-Version` as it came.
    version: Option<String>,
    /// `Mcp-Method`, `Mcp-Name`; `Err` where they stand twice or cannot be read.
    mcp_method: Result<Option<String>, ()>,
    mcp_name: Result<Option<String>, ()>,
    /// `Mcp-Param-*` in order; `Err` where a value cannot be read.
    params: Result<Vec<(String, String)>, ()>,
}

/// Where the exchange stands.
#[derive(Debug)]
enum Phase {
    /// Waiting for the request body.
    Request(Facts),
    /// Waiting for the control plane, headers and body held.
    Waiting(CallId, Question),
    /// The request is on its way.
    Sent,
    /// The whole answer is awaited: JSON, or a stream for a client that takes none.
    Whole { stream: bool },
    /// Events pass one by one; only an incomplete one is held.
    Stream(Box<sse::Decoder>, Held),
    /// Nothing more is looked at: the answer is not the server's.
    Passing,
    /// The exchange has answered itself.
    Done,
}

/// One HTTP exchange.
#[derive(Debug)]
pub struct Exchange {
    /// The snapshot it began with.
    live: Option<Rc<Live>>,
    /// The snapshot that its stream has been found to go on under.
    follows: Option<Rc<Live>>,
    caller: Option<Rc<Caller>>,
    /// The caller's token, where the server wants another in its place.
    token: Option<Box<str>>,
    /// That other token, once there is one.
    credential: Option<ServerCredential>,
    server: String,
    /// The page of another origin that asks.
    page: Option<Page>,
    opened_ms: u64,
    modern: bool,
    accepts_stream: bool,
    /// Of the request, or of the answer to `initialize`.
    session: Option<String>,
    version: Option<String>,
    ask: Option<Ask>,
    tasks: Tasks,
    /// The answer has passed or was replaced; nothing else answers the request.
    answered: bool,
    /// Call-outs that were made.
    calls: u32,
    phase: Phase,
    record: Record,
}

impl Exchange {
    /// Tells the exchange what happened. Events after [`Flow::Done`] change nothing.
    pub fn on(&mut self, event: Event<'_>, cx: &mut Cx<'_>) -> Flow {
        match (&self.phase, event) {
            (Phase::Done, _) => Flow::Done,
            (_, Event::Answer(id, answer)) => self.answered(id, answer, cx),
            (_, Event::HostFailed) => self.give_up(cx),
            (Phase::Request(_), Event::Request(body)) => self.request(body, cx),
            // The body of a request that is refused whatever the answer is.
            (Phase::Waiting(_, Question::Key), Event::Request(_)) => Flow::Hold,
            (_, Event::Overflow(Direction::Request)) => self.refuse(&Refusal::TooLarge, cx),
            (
                Phase::Request(_) | Phase::Waiting(..) | Phase::Sent,
                Event::Response(head, origin),
            ) => self.response(&head, origin, cx),
            (Phase::Whole { stream: false }, Event::Whole(body)) => self.whole(body, cx),
            (Phase::Whole { stream: true }, Event::Whole(body)) => self.whole_stream(body, cx),
            (Phase::Whole { .. }, Event::Overflow(Direction::Response)) => {
                self.refuse(&Refusal::Blocked(Block::TooLong), cx)
            }
            (Phase::Stream(..), Event::Chunk(piece, last)) => self.chunk(piece, last, cx),
            (Phase::Passing, _) => Flow::Go,
            // What no driver should tell is doubt.
            (_, _) => self.give_up(cx),
        }
    }

    /// Ends the exchange: exactly one record comes of it, in the place that `mark` gives it.
    pub fn close(mut self, end: End, mark: Mark<'_>) -> Record {
        self.record.mark(mark);
        self.record.end = match end {
            End::Complete => "complete",
            End::Aborted => {
                self.record.cause.get_or_insert("aborted");
                "aborted"
            }
        };
        self.record
    }

    /// Where the host failed: an error before the answer has begun, a cut after.
    fn give_up(&mut self, cx: &mut Cx<'_>) -> Flow {
        match self.phase {
            Phase::Stream(..) | Phase::Passing => {
                self.note(&Refusal::Unavailable);
                self.reset(cx)
            }
            _ => self.refuse(&Refusal::Unavailable, cx),
        }
    }

    fn reset(&mut self, cx: &mut Cx<'_>) -> Flow {
        self.phase = Phase::Done;
        cx.out.push(Action::Reset);
        Flow::Done
    }

    /// Answers with a row of the reply table, whatever was planned in this step.
    fn refuse(&mut self, refusal: &Refusal, cx: &mut Cx<'_>) -> Flow {
        self.note(refusal);
        let mut reply = refusal.reply(&self.voice());
        self.tell_page(&mut reply);
        cx.out.clear();
        cx.out.push(Action::Reply(reply));
        self.phase = Phase::Done;
        Flow::Done
    }

    /// A reply of ours is for the page to read as well.
    fn tell_page(&self, reply: &mut Reply) {
        for (name, value) in self.page.iter().flat_map(Page::headers) {
            reply.headers.push((name.to_owned(), value));
        }
    }

    fn note(&mut self, refusal: &Refusal) {
        self.record.cause = Some(refusal.cause());
        self.record.is_error = true;
        if let Refusal::Blocked(block) = refusal {
            self.record.blocked = Some(block.to_string());
        }
        let of_the_answer = matches!(
            refusal,
            Refusal::Blocked(_) | Refusal::BadServer(_) | Refusal::NotAcceptable
        );
        if !of_the_answer && !matches!(self.phase, Phase::Stream(..) | Phase::Whole { .. }) {
            self.record.decision = "deny";
        }
    }

    fn voice(&self) -> Voice<'_> {
        Voice {
            correlation_id: &self.record.correlation_id,
            id: self.ask.as_ref().map(|ask| ask.id.raw()),
            modern: self.modern,
            snapshot: self.live.as_ref().map(|live| &live.snapshot),
            server: &self.server,
        }
    }

    fn judge<'l>(&self, live: &'l Live) -> Judge<'l> {
        Judge::new(live, self.caller.as_ref(), &self.server)
    }
}

#[cfg(test)]
mod tests;
