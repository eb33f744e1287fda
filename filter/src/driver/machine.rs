//! What the driver drives.

use mcp_zero_gate::{Cx, End, Event, Exchange, Flow, Mark, RequestHead};

/// An exchange as the driver sees it; tests script one to reach what no policy asks for yet.
pub trait Machine: Sized {
    /// Begins with the request headers.
    fn open(head: &RequestHead<'_>, cx: &mut Cx<'_>) -> (Self, Flow);

    /// Hears what happened.
    fn on(&mut self, event: Event<'_>, cx: &mut Cx<'_>) -> Flow;

    /// Ends in one record, as JSON.
    fn close(self, end: End, mark: Mark<'_>) -> String;
}

impl Machine for Exchange {
    fn open(head: &RequestHead<'_>, cx: &mut Cx<'_>) -> (Self, Flow) {
        Self::open(head, cx)
    }

    fn on(&mut self, event: Event<'_>, cx: &mut Cx<'_>) -> Flow {
        Self::on(self, event, cx)
    }

    fn close(self, end: End, mark: Mark<'_>) -> String {
        Self::close(self, end, mark).to_json()
    }
}
