//! The answer of the server: its head, and a body that is looked at whole.

use super::inspect::Verdict;
use super::stream::SLICE;
use super::{Exchange, Phase};
use crate::action::{Action, Flow, HeaderEdit, Reply};
use crate::block::Block;
use crate::cors::Page;
use crate::event::{Direction, Origin, ResponseHead};
use crate::head::Headers;
use crate::refusal::Refusal;
use crate::world::Cx;
use mcp_zero_wire::header::{self, Media};
use mcp_zero_wire::sse;

/// What may reach the client.
const TO_CLIENT: &[&str] = &[
    ":status",
    "allow",
    "connection",
    "content-length",
    "content-type",
    "date",
    "mcp-protocol-version",
    "mcp-session-id",
    "retry-after",
    "server",
    "transfer-encoding",
    "vary",
    "x-accel-buffering",
];

const BUFFERING: &str = "x-accel-buffering";

impl Exchange {
    pub(super) fn response(
        &mut self,
        head: &ResponseHead<'_>,
        origin: Origin,
        cx: &mut Cx<'_>,
    ) -> Flow {
        if origin == Origin::Envoy {
            // Envoy's configuration gave it the form of our replies.
            let cause = match head.headers.one(":status") {
                Ok(Some("413")) => Refusal::TooLarge.cause(),
                Ok(Some("502" | "504")) => "server_unreachable",
                Ok(_) | Err(_) => "envoy",
            };
            self.record.cause.get_or_insert(cause);
            self.record.is_error = true;
            self.phase = Phase::Passing;
            self.allow_page(cx);
            return Flow::Go;
        }
        let status = head
            .headers
            .one(":status")
            .ok()
            .flatten()
            .and_then(|s| s.parse::<u16>().ok())
            .unwrap_or(0);
        self.record.upstream_status = Some(status);
        self.record.is_error = status >= 400;
        match status {
            200..=299 | 400 | 402 | 404..=599 => {}
            _ => return self.refuse(&Refusal::BadServer(502), cx),
        }
        self.clean(head.headers, cx);
        if let Err(refusal) = self.begun_session(head.headers, cx) {
            return self.refuse(&refusal, cx);
        }
        if head.ends {
            return self.nothing(status, cx);
        }
        let coding = head.headers.all("content-encoding").collect::<Vec<_>>();
        if coding.iter().any(|c| !c.eq_ignore_ascii_case(b"identity")) {
            return self.unreadable_answer(status, Block::Media, cx);
        }
        let media = match head.headers.one("content-type") {
            Ok(Some(text)) => header::media(text),
            Ok(None) | Err(_) => Media::Other,
        };
        let stream = media == Media::EventStream && status == 200;
        if stream && self.accepts_stream {
            let Some(limit) = self.response_limit() else {
                return self.refuse(&Refusal::Unavailable, cx);
            };
            let edit = HeaderEdit::Remove("content-length".to_owned());
            cx.out.push(Action::Header(Direction::Response, edit));
            typed(b"text/event-stream", head.headers, cx);
            if !head.headers.says(BUFFERING, b"no") {
                // A proxy that waits for more would hold back events (nginx, `proxy_buffering`).
                let edit = HeaderEdit::Set(BUFFERING.to_owned(), b"no".to_vec());
                cx.out.push(Action::Header(Direction::Response, edit));
            }
            cx.out.push(Action::Stream);
            let decoder = Box::new(sse::Decoder::new(limit as usize));
            self.phase = Phase::Stream(decoder, cx.world.hold());
            return Flow::Go;
        }
        if stream && self.ask.is_none() {
            // There is no answer in it to wait for.
            return self.refuse(&Refusal::NotAcceptable, cx);
        }
        if stream || media == Media::Json {
            let Some(limit) = self.response_limit() else {
                return self.refuse(&Refusal::Unavailable, cx);
            };
            // A stream that is collected is answered as JSON.
            typed(b"application/json", head.headers, cx);
            let direction = Direction::Response;
            cx.out.push(Action::Collect { direction, limit });
            self.phase = Phase::Whole { stream };
            return Flow::Hold;
        }
        self.unreadable_answer(status, Block::Media, cx)
    }

    fn response_limit(&self) -> Option<u32> {
        let live = self.live.as_ref()?;
        Some(live.snapshot.server(&self.server)?.max_response_bytes)
    }

    fn clean(&self, headers: &Headers, cx: &mut Cx<'_>) {
        let mut seen: Vec<&[u8]> = Vec::new();
        for (name, _) in headers.iter() {
            let known = std::str::from_utf8(name).is_ok_and(|n| TO_CLIENT.contains(&n));
            if !known && !seen.contains(&name) {
                seen.push(name);
                let name = String::from_utf8_lossy(name).into_owned();
                cx.out.push(Action::Header(
                    Direction::Response,
                    HeaderEdit::Remove(name),
                ));
            }
        }
        let id = self.record.correlation_id.clone().into_bytes();
        for (name, value) in [
            ("x-correlation-id", id),
            // What was made for one caller is kept by nobody in between.
            ("cache-control", b"no-store, no-transform".to_vec()),
        ] {
            let edit = HeaderEdit::Set(name.to_owned(), value);
            cx.out.push(Action::Header(Direction::Response, edit));
        }
        self.allow_page(cx);
    }

    /// The page of another origin may read the answer.
    fn allow_page(&self, cx: &mut Cx<'_>) {
        for (name, value) in self.page.iter().flat_map(Page::headers) {
            let edit = HeaderEdit::Set(name.to_owned(), value.into_bytes());
            cx.out.push(Action::Header(Direction::Response, edit));
        }
    }

    /// An answer without a body: right for a notification, none for a request.
    fn nothing(&mut self, status: u16, cx: &mut Cx<'_>) -> Flow {
        if self.ask.is_some() {
            return self.unreadable_answer(status, Block::NoAnswer, cx);
        }
        self.phase = Phase::Passing;
        Flow::Go
    }

    /// What cannot be inspected does not pass, but a status that clients act on stays.
    fn unreadable_answer(&mut self, status: u16, block: Block, cx: &mut Cx<'_>) -> Flow {
        if status >= 400 {
            return self.refuse(&Refusal::BadServer(status), cx);
        }
        if self.ask.is_some() {
            return self.refuse(&Refusal::Blocked(block), cx);
        }
        // A success that says nothing a client would read: its body stays here.
        let id = (
            "x-correlation-id".to_owned(),
            self.record.correlation_id.clone(),
        );
        let mut reply = Reply {
            status: if status == 200 { 202 } else { status },
            headers: vec![id],
            body: Vec::new(),
        };
        self.tell_page(&mut reply);
        cx.out.clear();
        cx.out.push(Action::Reply(reply));
        self.phase = Phase::Done;
        Flow::Done
    }

    /// A JSON answer, whole.
    pub(super) fn whole(&mut self, body: &[u8], cx: &mut Cx<'_>) -> Flow {
        let status = self.record.upstream_status.unwrap_or(0);
        if body.is_empty() {
            return self.nothing(status, cx);
        }
        let Some(live) = self.live.clone() else {
            return self.refuse(&Refusal::Unavailable, cx);
        };
        let inspected = self.inspect(&live, body);
        match inspected {
            Ok(inspected) if inspected.answers || self.ask.is_none() || status >= 400 => {
                if let Verdict::Pass(edited) = inspected.verdict {
                    if let Some(edited) = edited {
                        cx.out.push(Action::Body(Direction::Response, edited));
                    }
                    self.phase = Phase::Passing;
                    return Flow::Go;
                }
                self.unreadable_answer(status, Block::NoAnswer, cx)
            }
            Ok(_) => self.unreadable_answer(status, Block::NoAnswer, cx),
            Err(block) => self.unreadable_answer(status, block, cx),
        }
    }

    /// A stream for a client that takes only JSON: its one answer, if it holds nothing that
    /// wants an answer itself.
    pub(super) fn whole_stream(&mut self, body: &[u8], cx: &mut Cx<'_>) -> Flow {
        let (Some(live), Some(limit)) = (self.live.clone(), self.response_limit()) else {
            return self.refuse(&Refusal::Unavailable, cx);
        };
        let mut decoder = sse::Decoder::new(limit as usize);
        let mut answer = None;
        // In slices, as a stream: a body of tiny events would be many times its size at once.
        for slice in body.chunks(SLICE) {
            let Ok(frames) = decoder.push(slice) else {
                return self.refuse(&Refusal::Blocked(Block::TooLong), cx);
            };
            for frame in frames {
                let Some(data) = frame.data().filter(|d| !d.is_empty()) else {
                    continue;
                };
                match self.inspect(&live, &data) {
                    Ok(inspected) if inspected.answers && answer.is_none() => {
                        answer = match inspected.verdict {
                            Verdict::Pass(edited) => Some(edited.unwrap_or(data)),
                            Verdict::Remove | Verdict::Deny(_) => None,
                        };
                        if answer.is_none() {
                            return self.refuse(&Refusal::Blocked(Block::NoAnswer), cx);
                        }
                    }
                    Ok(inspected) if inspected.request => {
                        return self.refuse(&Refusal::NotAcceptable, cx);
                    }
                    // What tells of progress has no place in one answer.
                    Ok(_) => {}
                    Err(block) => return self.refuse(&Refusal::Blocked(block), cx),
                }
            }
        }
        let Some(answer) = answer else {
            return self.refuse(&Refusal::Blocked(Block::NoAnswer), cx);
        };
        cx.out.push(Action::Body(Direction::Response, answer));
        self.phase = Phase::Passing;
        Flow::Go
    }
}

/// The client hears the type that was read, without parameters that it could read otherwise.
fn typed(media: &[u8], headers: &Headers, cx: &mut Cx<'_>) {
    if headers.says("content-type", media) {
        return;
    }
    let edit = HeaderEdit::Set("content-type".to_owned(), media.to_vec());
    cx.out.push(Action::Header(Direction::Response, edit));
}
