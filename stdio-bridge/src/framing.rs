//! Lines from a child, cut from whatever pieces the pipe gives.

use bytes::{Buf as _, Bytes, BytesMut};

/// Room that is made for one read.
const CHUNK: usize = 64 << 10;

/// What a child wrote up to a line feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// A whole line without its end.
    Whole(Bytes),
    /// A line over the limit; its bytes are gone.
    TooLong {
        /// The integer `id` of the message that it would have been, where it could be seen.
        id: Option<u64>,
    },
}

/// Cuts lines; holds at most one that is incomplete, up to a limit. Every byte is looked at
/// once, however it arrives.
#[derive(Debug)]
pub(crate) struct Lines {
    buffer: BytesMut,
    /// Bytes of the buffer that hold no line feed.
    clean: usize,
    limit: usize,
    /// The rest of a line that was too long is looked through for its id.
    skipping: Option<IdSpotter>,
}

impl Lines {
    /// Lines of at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            clean: 0,
            limit,
            skipping: None,
        }
    }

    /// Where the next bytes are to be appended.
    pub(crate) fn room(&mut self) -> &mut BytesMut {
        self.buffer.reserve(CHUNK);
        &mut self.buffer
    }

    /// The next line, if there is a whole one. Without one, every byte appended so far has been
    /// taken notice of.
    pub(crate) fn next_line(&mut self) -> Option<Line> {
        let fresh = self.buffer.get(self.clean..).unwrap_or_default();
        let found = memchr::memchr(b'\n', fresh).map(|at| self.clean + at);
        if let Some(mut spotter) = self.skipping.take() {
            let end = found.unwrap_or(self.buffer.len());
            spotter.feed(self.buffer.get(..end).unwrap_or_default());
            self.clean = 0;
            return match found {
                Some(end) => {
                    self.buffer.advance(end + 1);
                    Some(Line::TooLong { id: spotter.id() })
                }
                None => {
                    self.buffer.clear();
                    self.skipping = Some(spotter);
                    None
                }
            };
        }
        match found {
            Some(end) if end <= self.limit => {
                let mut line = self.buffer.split_to(end + 1);
                self.clean = 0;
                line.truncate(end);
                if line.ends_with(b"\r") {
                    line.truncate(end - 1);
                }
                Some(Line::Whole(line.freeze()))
            }
            Some(end) => {
                let mut spotter = IdSpotter::default();
                spotter.feed(self.buffer.get(..end).unwrap_or_default());
                self.buffer.advance(end + 1);
                self.clean = 0;
                Some(Line::TooLong { id: spotter.id() })
            }
            None => {
                self.clean = self.buffer.len();
                if self.clean > self.limit {
                    let mut spotter = IdSpotter::default();
                    spotter.feed(&self.buffer);
                    // The memory of the long line goes with it.
                    self.buffer = BytesMut::new();
                    self.clean = 0;
                    self.skipping = Some(spotter);
                }
                None
            }
        }
    }
}

/// The integer `id` of a broken message, for its error; it decides nothing else.
pub(crate) fn spot_id(line: &[u8]) -> Option<u64> {
    let mut spotter = IdSpotter::default();
    spotter.feed(line);
    spotter.id()
}

/// Finds the integer member `id` of the outermost object of a text that is not kept or is no
/// JSON. Only the ids that the bridge gives out itself are looked for, so escapes in the name
/// need no care.
#[derive(Debug, Default)]
struct IdSpotter {
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// The last string of depth 1, up to three bytes.
    name: Vec<u8>,
    place: Place,
    value: u64,
    /// The first value that was whole; a second one makes it worthless.
    found: Option<u64>,
    twice: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    Elsewhere,
    /// Behind `"id"`.
    Colon,
    /// Behind its colon.
    Value,
    /// Among the digits.
    Digits,
}

impl IdSpotter {
    fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.in_string {
                self.inside(*byte);
            } else {
                self.outside(*byte);
            }
        }
    }

    fn inside(&mut self, byte: u8) {
        if self.escaped {
            self.escaped = false;
            self.name.push(b'\\');
        } else if byte == b'\\' {
            self.escaped = true;
        } else if byte == b'"' {
            self.in_string = false;
            if self.depth == 1 && self.name == b"id" {
                self.place = Place::Colon;
            }
        } else if self.depth == 1 && self.name.len() < 3 {
            self.name.push(byte);
        }
        self.name.truncate(3);
    }

    fn outside(&mut self, byte: u8) {
        self.place = match (self.place, byte) {
            (Place::Colon, b':') => {
                self.value = 0;
                Place::Value
            }
            (place @ (Place::Colon | Place::Value), b' ' | b'\t') => place,
            (Place::Value | Place::Digits, b'0'..=b'9') => {
                let digit = u64::from(byte - b'0');
                self.value = self.value.saturating_mul(10).saturating_add(digit);
                Place::Digits
            }
            (Place::Digits, b',' | b'}' | b' ' | b'\t' | b'\r') => {
                self.twice |= self.found.is_some();
                self.found = Some(self.value);
                Place::Elsewhere
            }
            _ => Place::Elsewhere,
        };
        match byte {
            b'"' => {
                self.in_string = true;
                self.name.clear();
            }
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    fn id(&self) -> Option<u64> {
        self.found.filter(|_| !self.twice)
    }
}

#[cfg(test)]
mod tests;
