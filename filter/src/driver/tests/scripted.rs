//! An engine that answers by a script and keeps what it was told.

use crate::driver::Machine;
use mcp_zero_gate::{Action, Cx, End, Event, Flow, Mark, RequestHead};
use std::cell::RefCell;
use std::collections::VecDeque;

type Steps = VecDeque<(Flow, Vec<Action>)>;

thread_local! {
    static SCRIPT: RefCell<Steps> = const { RefCell::new(VecDeque::new()) };
    static TOLD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

pub(super) struct Scripted;

pub(super) fn script(steps: Vec<(Flow, Vec<Action>)>) {
    SCRIPT.set(steps.into());
    TOLD.take();
}

/// What the engine was told since the last call.
pub(super) fn told() -> Vec<String> {
    TOLD.take()
}

fn next(told: String, cx: &mut Cx<'_>) -> Flow {
    TOLD.with_borrow_mut(|all| all.push(told));
    let (flow, actions) = SCRIPT
        .with_borrow_mut(VecDeque::pop_front)
        .expect("the script goes on");
    cx.out.extend(actions);
    flow
}

impl Machine for Scripted {
    fn open(head: &RequestHead<'_>, cx: &mut Cx<'_>) -> (Self, Flow) {
        let told = format!("open {} {}", head.request_id, head.client);
        (Self, next(told, cx))
    }

    fn on(&mut self, event: Event<'_>, cx: &mut Cx<'_>) -> Flow {
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        let told = match event {
            Event::Request(body) => format!("request {}", text(body)),
            Event::Response(head, origin) => format!("response {origin:?} {}", head.ends),
            Event::Whole(body) => format!("whole {}", text(body)),
            Event::Chunk(piece, last) => format!("chunk {} {last:?}", text(piece)),
            Event::Answer(id, Ok(answer)) => format!("answer {} {}", id.0, answer.status),
            Event::Answer(id, Err(error)) => format!("answer {} {error:?}", id.0),
            Event::Overflow(direction) => format!("overflow {direction:?}"),
            Event::HostFailed => "failed".to_owned(),
        };
        next(told, cx)
    }

    fn close(self, end: End, mark: Mark<'_>) -> String {
        format!(r#"{{"end":"{end:?}","sequence":{}}}"#, mark.sequence)
    }
}
