//! The incremental reader.

/// One event with the blank line that ends it, or a run of lines without a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// The lines without their ends, in order.
    pub(super) lines: Vec<Vec<u8>>,
    /// The bytes as they came, the blank line included.
    raw: Vec<u8>,
}

impl Frame {
    /// The bytes as they came, the blank line included.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The joined `data` lines; nothing where the event has none, or only empty ones
    /// (readers dispatch no message then).
    pub fn data(&self) -> Option<Vec<u8>> {
        let mut lines = self.lines.iter().filter_map(|line| match field(line) {
            (b"data", value) => Some(value),
            _ => None,
        });
        let mut data = lines.next()?.to_vec();
        for line in lines {
            data.push(b'\n');
            data.extend_from_slice(line);
        }
        (!data.is_empty()).then_some(data)
    }
}

/// A line's field name and value (one space after the colon belongs to neither).
pub(super) fn field(line: &[u8]) -> (&[u8], &[u8]) {
    match line.iter().position(|b| *b == b':') {
        None => (line, &[]),
        Some(at) => {
            let (name, value) = line.split_at(at);
            let value = value.get(1..).unwrap_or_default();
            (name, value.strip_prefix(b" ").unwrap_or(value))
        }
    }
}

/// An event passed the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event is longer than its limit")]
pub struct TooLong;

/// Cuts a stream into frames; holds at most one incomplete event.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    frame: Frame,
    line: Vec<u8>,
    /// The last byte was a CR: an LF that follows belongs to it.
    carriage: bool,
    /// Bytes of a byte order mark seen at the very beginning; 3 when that place has passed.
    mark: u8,
}

const MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

impl Decoder {
    /// A reader that refuses events over `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            frame: Frame::default(),
            line: Vec::new(),
            carriage: false,
            mark: 0,
        }
    }

    /// Bytes of the incomplete event that is held.
    pub fn pending(&self) -> usize {
        self.frame.raw.len()
    }

    /// Reads a piece and returns the events that are complete now. An unterminated event at
    /// the end of the stream is never returned: readers drop it, too.
    ///
    /// # Errors
    /// [`TooLong`]; the stream cannot be read further.
    pub fn push(&mut self, piece: &[u8]) -> Result<Vec<Frame>, TooLong> {
        let mut frames: Vec<Frame> = Vec::new();
        let mut rest = self.after_mark(piece);
        while let Some(first) = rest.first().copied() {
            if std::mem::take(&mut self.carriage) && first == b'\n' {
                // The second half of a CRLF belongs to what the CR has ended.
                if !self.frame.raw.is_empty() {
                    self.frame.raw.push(b'\n');
                } else if let Some(done) = frames.last_mut() {
                    done.raw.push(b'\n');
                } else {
                    // The event went out with the piece before: its last byte follows alone.
                    frames.push(Frame {
                        lines: Vec::new(),
                        raw: vec![b'\n'],
                    });
                }
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            let end = memchr::memchr2(b'\r', b'\n', rest);
            let taken = end.map_or(rest.len(), |at| at + 1);
            let (now, later) = rest.split_at(taken);
            if self.frame.raw.len() + now.len() > self.limit {
                return Err(TooLong);
            }
            self.frame.raw.extend_from_slice(now);
            self.line
                .extend_from_slice(now.get(..end.unwrap_or(now.len())).unwrap_or_default());
            if let Some(at) = end {
                self.carriage = rest.get(at) == Some(&b'\r');
                frames.extend(self.end_line());
            }
            rest = later;
        }
        Ok(frames)
    }

    fn end_line(&mut self) -> Option<Frame> {
        if self.line.is_empty() {
            return Some(std::mem::take(&mut self.frame));
        }
        self.frame.lines.push(std::mem::take(&mut self.line));
        None
    }

    /// Skips a byte order mark at the beginning of the stream, even when it comes in pieces.
    fn after_mark<'p>(&mut self, piece: &'p [u8]) -> &'p [u8] {
        let mut rest = piece;
        while self.mark < 3 {
            let Some(byte) = rest.first() else {
                return rest;
            };
            if MARK.get(usize::from(self.mark)) == Some(byte) {
                self.mark += 1;
                rest = rest.get(1..).unwrap_or_default();
            } else {
                // A piece of a mark that does not go on is the beginning of a line.
                let seen = MARK.get(..usize::from(self.mark)).unwrap_or_default();
                self.line.extend_from_slice(seen);
                self.frame.raw.extend_from_slice(seen);
                self.mark = 3;
            }
        }
        rest
    }
}
