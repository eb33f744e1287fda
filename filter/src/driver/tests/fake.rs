//! A host that refuses what Envoy refuses and keeps what would be sent.

use crate::driver::Step;
use crate::host::{CallAnswer, Host, HostError, Pairs};
use mcp_zero_gate::{Call, Direction, Reply};

/// One direction.
#[derive(Default)]
pub(super) struct Wire {
    /// Headers may be touched.
    pub(super) open: bool,
    pub(super) headers: Pairs,
    pub(super) trailers: usize,
    pub(super) buffer: Vec<u8>,
    /// What has gone on.
    pub(super) sent: Vec<u8>,
}

impl Wire {
    /// Does what Envoy does after a callback.
    pub(super) fn follow(&mut self, step: Step) -> Step {
        if step == Step::Continue {
            self.open = false;
            self.sent.append(&mut self.buffer);
        }
        step
    }

    pub(super) fn sent(&self) -> String {
        String::from_utf8(self.sent.clone()).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().find(|(n, _)| n == name.as_bytes());
        found.map(|(_, v)| String::from_utf8(v.clone()).unwrap())
    }
}

pub(super) struct Fake {
    wires: [Wire; 2],
    pub(super) replies: Vec<Reply>,
    pub(super) cuts: usize,
    pub(super) calls: Vec<Call>,
    pub(super) answer: Option<CallAnswer>,
    pub(super) resumed: Vec<Direction>,
    pub(super) state: Option<Vec<u8>>,
    /// What the route gives the server.
    pub(super) credential: Option<String>,
    /// How often the lock behind the filter was opened.
    pub(super) verdicts: u32,
    pub(super) details: &'static str,
    /// The host call that fails.
    pub(super) fails: &'static str,
    /// How often it works before.
    pub(super) works: usize,
    /// Bytes that `body` loses.
    pub(super) short: usize,
    pub(super) log: Vec<String>,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            wires: Default::default(),
            replies: Vec::new(),
            cuts: 0,
            calls: Vec::new(),
            answer: None,
            resumed: Vec::new(),
            state: None,
            verdicts: 0,
            credential: None,
            details: "via_upstream",
            fails: "",
            works: 0,
            short: 0,
            log: Vec::new(),
        }
    }
}

impl Fake {
    pub(super) fn wire(&self, direction: Direction) -> &Wire {
        &self.wires[direction as usize]
    }

    pub(super) fn wire_mut(&mut self, direction: Direction) -> &mut Wire {
        &mut self.wires[direction as usize]
    }

    fn may(&mut self, call: &'static str) -> Result<(), HostError> {
        if self.fails != call {
            return Ok(());
        }
        if self.works > 0 {
            self.works -= 1;
            return Ok(());
        }
        Err(HostError { call, status: 10 })
    }

    fn open(&mut self, direction: Direction) -> Result<&mut Wire, HostError> {
        let wire = self.wire_mut(direction);
        if wire.open {
            return Ok(wire);
        }
        panic!("headers of {direction:?} touched after they have gone on");
    }
}

impl Host for Fake {
    fn now_ms(&mut self) -> Result<u64, HostError> {
        self.may("now").map(|()| 1_800_000_000_000)
    }

    fn headers(&mut self, direction: Direction) -> Result<Pairs, HostError> {
        self.may("headers")?;
        Ok(self.open(direction)?.headers.clone())
    }

    fn set_header(
        &mut self,
        direction: Direction,
        name: &str,
        value: &[u8],
    ) -> Result<(), HostError> {
        self.may("set_header")?;
        let headers = &mut self.open(direction)?.headers;
        headers.retain(|(n, _)| n != name.as_bytes());
        headers.push((name.as_bytes().to_vec(), value.to_vec()));
        Ok(())
    }

    fn remove_header(&mut self, direction: Direction, name: &str) -> Result<(), HostError> {
        self.may("remove_header")?;
        let headers = &mut self.open(direction)?.headers;
        headers.retain(|(n, _)| n != name.as_bytes());
        Ok(())
    }

    fn clear_trailers(&mut self, direction: Direction) -> Result<(), HostError> {
        self.may("clear_trailers")?;
        self.wire_mut(direction).trailers = 0;
        Ok(())
    }

    fn body(&mut self, direction: Direction) -> Result<Vec<u8>, HostError> {
        self.may("body")?;
        let buffer = &self.wire(direction).buffer;
        Ok(buffer[self.short..].to_vec())
    }

    fn replace_body(
        &mut self,
        direction: Direction,
        size: usize,
        bytes: &[u8],
    ) -> Result<(), HostError> {
        self.may("replace_body")?;
        let buffer = &mut self.wire_mut(direction).buffer;
        assert_eq!(size, buffer.len(), "Envoy takes no other size");
        *buffer = bytes.to_vec();
        Ok(())
    }

    fn reply(&mut self, reply: &Reply) -> Result<(), HostError> {
        self.may("reply")?;
        self.replies.push(reply.clone());
        Ok(())
    }

    fn cut(&mut self) -> Result<(), HostError> {
        self.may("cut")?;
        self.cuts += 1;
        Ok(())
    }

    fn resume(&mut self, direction: Direction) -> Result<(), HostError> {
        self.may("resume")?;
        self.resumed.push(direction);
        self.wire_mut(direction).follow(Step::Continue);
        Ok(())
    }

    fn call(&mut self, call: &Call) -> Result<u32, HostError> {
        self.may("call")?;
        self.calls.push(call.clone());
        Ok(100 + u32::try_from(self.calls.len()).unwrap())
    }

    fn answer(&mut self) -> Result<CallAnswer, HostError> {
        self.may("answer")?;
        Ok(self.answer.clone().unwrap())
    }

    fn property(&mut self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
        self.may("property")?;
        Ok(match path {
            ["source", "address"] => Some(b"10.0.0.1:5000".to_vec()),
            ["response", "code_details"] => {
                Some(self.details.as_bytes().to_vec()).filter(|d| !d.is_empty())
            }
            _ => None,
        })
    }

    fn set_state(&mut self, name: &str, value: &[u8]) -> Result<(), HostError> {
        self.may("set_state")?;
        if name == "mcpz.verdict" {
            assert!(value.starts_with(b"s"), "the cluster of the server");
            self.verdicts += 1;
            return Ok(());
        }
        if name == "mcpz.upauth" {
            self.credential = Some(String::from_utf8(value.to_vec()).unwrap());
            return Ok(());
        }
        assert_eq!(name, "mcpz.record");
        assert!(self.state.is_none(), "one record an exchange");
        self.state = Some(value.to_vec());
        Ok(())
    }

    fn log(&mut self, text: &str) {
        self.log.push(text.to_owned());
    }
}
