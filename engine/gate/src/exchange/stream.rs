//! An answer that comes as events: each is judged, masked and passed on by itself.

use super::caller::{CALLER, pseudonym};
use super::inspect::Verdict;
use super::session::SESSION;
use super::{Exchange, Phase};
use crate::action::{Action, Call, Flow};
use crate::block::Block;
use crate::event::{CallId, Last};
use crate::refusal::{Refusal, Voice};
use crate::world::{Cx, Live};
use mcp_zero_wire::rpc::IdBuf;
use mcp_zero_wire::sse::{Frame, encode};
use std::rc::Rc;

/// From this age on a stream follows the live policy (milliseconds).
const FOLLOWS_AFTER: u64 = 60_000;
/// How much of a piece is read at a time.
pub(super) const SLICE: usize = 16 * 1024;
/// Denied server requests that are answered, for each exchange.
const MOST_CALLS: u32 = 64;

impl Exchange {
    pub(super) fn chunk(&mut self, piece: &[u8], last: Last, cx: &mut Cx<'_>) -> Flow {
        let Some(live) = self.current(cx) else {
            self.record.cause = Some("stream_ended");
            return self.reset(cx);
        };
        let mut out = Vec::new();
        // In slices: a piece of nothing but tiny events would be many times its size at once.
        for slice in piece.chunks(SLICE) {
            let Phase::Stream(decoder, held) = &mut self.phase else {
                return self.give_up(cx);
            };
            let frames = decoder.push(slice);
            let fits = held.set(decoder.pending());
            let (Ok(frames), true) = (frames, fits) else {
                // More than one event may hold: the rest cannot be told apart.
                out.extend(self.blocked(Block::TooLong).unwrap_or_default());
                cx.out.push(Action::Emit(out));
                return self.reset(cx);
            };
            for frame in frames {
                self.frame(&live, &frame, &mut out, cx);
            }
        }
        if !out.is_empty() {
            cx.out.push(Action::Emit(out));
        }
        match last {
            Last::More => Flow::Go,
            // An event without its end is none (HTML, server-sent events §9.2.6).
            Last::End => {
                self.phase = Phase::Passing;
                Flow::Go
            }
        }
    }

    /// The snapshot that judges now; none when the stream may not go on.
    fn current(&mut self, cx: &Cx<'_>) -> Option<Rc<Live>> {
        if cx.now_ms.saturating_sub(self.opened_ms) < FOLLOWS_AFTER {
            return self.live.clone();
        }
        if self
            .caller
            .as_ref()
            .is_some_and(|c| cx.seconds() >= c.expires_at)
        {
            return None;
        }
        let live = cx.world.live.clone()?;
        if self
            .follows
            .as_ref()
            .is_some_and(|of| Rc::ptr_eq(of, &live))
        {
            return Some(live);
        }
        // A server that has moved is another one: its rules and its sessions are not this one's.
        let server = live.snapshot.server(&self.server)?;
        let same_server = self.cluster().as_deref() == Some(&*server.cluster);
        // So is an issuer whose entry is gone, or says other things of its callers.
        let before = self.live.as_ref()?;
        let same_issuers = before.snapshot.issuers() == live.snapshot.issuers();
        if !same_server || !same_issuers || !self.judge(&live).has_any_right() {
            return None;
        }
        let version = live.snapshot.version();
        if self.record.policy_version.as_deref() != Some(version) {
            self.record.later_policy_version = Some(version.to_owned());
        }
        self.follows = Some(Rc::clone(&live));
        Some(live)
    }

    fn frame(&mut self, live: &Live, frame: &Frame, out: &mut Vec<u8>, cx: &mut Cx<'_>) {
        // Comments, ids and retry times, and the empty event that carries a first id.
        let Some(data) = frame.data().filter(|d| !d.is_empty()) else {
            out.extend(frame.forward());
            return;
        };
        let inspected = match self.inspect(live, &data) {
            Ok(inspected) => inspected,
            Err(block) => {
                let event = self.blocked(block);
                out.extend(event.map_or_else(
                    || encode::without_data(frame),
                    |_| encode::with_data(frame, &self.blocked_message(block)),
                ));
                return;
            }
        };
        if inspected.answers && std::mem::replace(&mut self.answered, true) {
            out.extend(encode::without_data(frame));
            return;
        }
        match inspected.verdict {
            Verdict::Pass(None) if frame.has_odd_data() => {
                out.extend(encode::with_data(frame, &data));
            }
            Verdict::Pass(None) => out.extend(frame.forward()),
            Verdict::Pass(Some(edited)) => out.extend(encode::with_data(frame, &edited)),
            Verdict::Remove => out.extend(encode::without_data(frame)),
            Verdict::Deny(id) => {
                out.extend(encode::without_data(frame));
                self.answer_server(live, &id, cx);
            }
        }
    }

    /// The event in place of an answer that cannot be inspected; none without a request, or
    /// where it was answered.
    fn blocked(&mut self, block: Block) -> Option<Vec<u8>> {
        self.note(&Refusal::Blocked(block));
        if self.ask.is_none() || std::mem::replace(&mut self.answered, true) {
            return None;
        }
        Some(encode::message(&self.blocked_message(block)))
    }

    fn blocked_message(&self, block: Block) -> Vec<u8> {
        Refusal::Blocked(block).message(&self.voice())
    }

    /// A server that waits for an answer gets one. In 2026-07-28 servers do not ask.
    fn answer_server(&mut self, live: &Live, id: &IdBuf, cx: &mut Cx<'_>) {
        let Some(server) = live.snapshot.server(&self.server) else {
            return;
        };
        if self.modern || self.calls >= MOST_CALLS {
            return;
        }
        self.calls += 1;
        let mut headers = vec![
            (":method", "POST"),
            (":path", &server.path),
            (":authority", &server.authority),
            (":scheme", "http"),
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("x-request-id", &self.record.correlation_id),
        ];
        if let Some(session) = &self.session {
            headers.push((SESSION, session));
        }
        if let Some(version) = &self.version {
            headers.push(("mcp-protocol-version", version));
        }
        if let Some(credential) = &self.credential {
            headers.push(("authorization", credential.value()));
        }
        let caller = pseudonym(self.caller.as_deref());
        if server.bridged {
            headers.push((CALLER, &caller));
        }
        let call = Call {
            cluster: server.cluster.to_string(),
            headers: headers
                .into_iter()
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
                .collect(),
            body: Refusal::Denied.message(&Voice {
                id: Some(id.raw()),
                ..self.voice()
            }),
            timeout_ms: server.callout_timeout_ms,
        };
        cx.out.push(Action::Call(CallId(self.calls), call));
    }
}
