//! The incremental reader.

/// One event with the blank line that ends it, a comment before an event, or a run of lines
/// without a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frame {
    /// The lines without their ends, in order.
    pub(super) lines: Vec<Vec<u8>>,
    /// The bytes as they came, the blank line included where there is one.
    raw: Vec<u8>,
}

impl Frame {
    /// The bytes as they came, the blank line included where there is one.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// The event as it may be passed on: without every line that is neither a comment nor
    /// exactly an `event`, `id`, `retry` or `data` field, and without comments and fields
    /// that another reader would cut in two. Byte for byte [`Frame::raw`] where nothing has
    /// to go; empty where nothing stays. What the `data` lines hold is the caller's business
    /// ([`Frame::has_odd_data`]).
    pub fn forward(&self) -> Vec<u8> {
        if self.lines.iter().all(|line| class(line) != Class::Stray) {
            return self.raw.clone();
        }
        // All ends become LF: a CR would swallow the LF behind a line that goes.
        let mut out = Vec::with_capacity(self.raw.len());
        for line in &self.lines {
            if class(line) != Class::Stray {
                out.extend_from_slice(line);
                out.push(b'\n');
            }
        }
        if !out.is_empty() {
            out.push(b'\n');
        }
        out
    }

    /// Whether it is a comment that stands by itself.
    fn is_comment(&self) -> bool {
        matches!(self.lines.as_slice(), [line] if line.starts_with(b":"))
    }

    /// Whether the data holds U+0085, U+2028, U+2029 or U+FEFF, at which some readers cut
    /// lines or which they drop: such an event is encoded anew, not forwarded.
    pub fn has_odd_data(&self) -> bool {
        self.lines
            .iter()
            .any(|line| class(line) == Class::Data && odd_at(line).is_some())
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

/// What a line is to the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A part of the message.
    Data,
    /// The message's type.
    Event,
    /// A comment, an id or a retry time.
    Aside,
    /// Nothing that is passed on: some reader could take it, or a part of it, for data.
    Stray,
}

/// Field names are compared byte by byte; a byte order mark makes another name.
pub(super) fn class(line: &[u8]) -> Class {
    match field(line) {
        (b"data", _) => Class::Data,
        (b"" | b"event" | b"id" | b"retry", _) if cut_by_others(line) => Class::Stray,
        (b"event", _) => Class::Event,
        // A line that begins with a colon is a comment.
        (b"" | b"id", _) => Class::Aside,
        (b"retry", time) if time.iter().all(u8::is_ascii_digit) => Class::Aside,
        _ => Class::Stray,
    }
}

/// Characters of JSON strings at which some readers end a line or which they drop, with
/// their JSON escapes.
const ODD: [(&[u8], &[u8]); 4] = [
    ("\u{85}".as_bytes(), b"\\u0085"),
    ("\u{2028}".as_bytes(), b"\\u2028"),
    ("\u{2029}".as_bytes(), b"\\u2029"),
    ("\u{feff}".as_bytes(), b"\\ufeff"),
];

/// The first odd character: where it stands, its length and its JSON escape.
pub(super) fn odd_at(bytes: &[u8]) -> Option<(usize, usize, &'static [u8])> {
    memchr::memchr3_iter(0xc2, 0xe2, 0xef, bytes).find_map(|at| {
        let rest = bytes.get(at..).unwrap_or_default();
        ODD.iter()
            .find(|(odd, _)| rest.starts_with(odd))
            .map(|(odd, escape)| (at, odd.len(), *escape))
    })
}

fn cut_by_others(line: &[u8]) -> bool {
    let control = |b: &u8| matches!(b, 0 | 0x0b | 0x0c | 0x1c..=0x1e);
    // What is no UTF-8 is read differently by whoever guesses another encoding.
    line.iter().any(control) || odd_at(line).is_some() || std::str::from_utf8(line).is_err()
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
    /// Bytes of a byte order mark seen at the very beginning, which belong to
    /// no frame; 3 when that place has passed.
    mark: u8,
}

/// What a held line takes besides its bytes: its vector and the allocation behind it.
const LINE_COST: usize = 64;
/// The most lines of one event.
const MOST_LINES: usize = 100_000;

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

    /// About how much memory the incomplete event takes, in bytes: its text is held twice,
    /// and each line has a cost of its own.
    pub fn pending(&self) -> usize {
        self.frame
            .raw
            .len()
            .saturating_mul(2)
            .saturating_add(self.frame.lines.len().saturating_mul(LINE_COST))
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
            let long = self.frame.raw.len() + now.len() > self.limit;
            if long || self.frame.lines.len() >= MOST_LINES {
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
        // A sign of life is often a comment with nothing behind it, and does not wait.
        self.frame
            .is_comment()
            .then(|| std::mem::take(&mut self.frame))
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
