//! What a child writes to its standard error: always read, some of it logged, none of it taken
//! for a failure. Its end is kept, for whoever asks why the child has failed.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::io::AsyncReadExt as _;
use tokio::process::ChildStderr;

use crate::rate::Rate;
use mcp_zero_compile::{Secrets, StdioServer};

/// Bytes of a line that are looked at; the rest is passed over.
const LONGEST: usize = 1024;
/// Bytes that are kept of the last lines.
const KEPT: usize = 64 << 10;
/// What stands in place of a credential.
const REDACTED: &str = "[redacted]";

/// A shorter value of a variable is no secret, and would be found in any line.
const SHORTEST: usize = 8;

/// What the policy puts into the variables of a server: no log line shows it.
pub(crate) fn secrets(spec: &StdioServer) -> Secrets {
    Secrets::among(spec.env.values().cloned(), SHORTEST)
}

/// Reads to the end, which it gives.
pub(crate) async fn drain(server: Arc<str>, mut pipe: ChildStderr, secrets: Secrets) -> Tail {
    let mut chunk = [0_u8; 4096];
    let mut lines = Lines::new(secrets);
    let log = |line: &str| tracing::info!(%server, "server says: {line}");
    loop {
        match pipe.read(&mut chunk).await {
            Ok(0) | Err(_) => break,
            Ok(length) => lines.take(chunk.get(..length).unwrap_or_default(), log),
        }
    }
    lines.finish_line(log);
    if lines.rate.passed_over > 0 {
        tracing::info!(%server, lines = lines.rate.passed_over, "more was said than is logged");
    }
    lines.tail
}

/// The last lines, scrubbed, within a bound.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    lines: VecDeque<String>,
    bytes: usize,
}

impl Tail {
    fn push(&mut self, line: String) {
        // A line end counts too.
        self.bytes += line.len() + 1;
        self.lines.push_back(line);
        while self.bytes > KEPT {
            let Some(lost) = self.lines.pop_front() else {
                break;
            };
            self.bytes -= lost.len() + 1;
        }
    }

    /// The lines, one below the other.
    pub(crate) fn text(mut self) -> String {
        let lines: &[String] = self.lines.make_contiguous();
        lines.join("\n")
    }
}

/// Cuts lines, keeps the last of them and logs at a rate.
struct Lines {
    line: Vec<u8>,
    rate: Rate,
    secrets: Secrets,
    tail: Tail,
}

impl Lines {
    fn new(secrets: Secrets) -> Self {
        Self {
            line: Vec::new(),
            rate: Rate::new(),
            secrets,
            tail: Tail::default(),
        }
    }

    fn take(&mut self, mut bytes: &[u8], mut log: impl FnMut(&str)) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (head, rest) = bytes.split_at(end);
            self.append(head);
            bytes = rest.get(1..).unwrap_or_default();
            self.finish_line(&mut log);
        }
        self.append(bytes);
    }

    /// What was read of a line is the line.
    fn finish_line(&mut self, mut log: impl FnMut(&str)) {
        let line = std::mem::take(&mut self.line);
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let line = scrub(&self.secrets.taken_out(&String::from_utf8_lossy(&line)));
        if self.rate.allows() {
            log(&line);
        }
        self.tail.push(line);
    }

    fn append(&mut self, bytes: &[u8]) {
        let room = LONGEST.saturating_sub(self.line.len()).min(bytes.len());
        self.line
            .extend_from_slice(bytes.get(..room).unwrap_or_default());
    }
}

/// One line without control characters and without what looks like a credential: what follows
/// its name to the end of the line, and long words of the shapes that tokens have.
fn scrub(line: &str) -> String {
    const NAMES: [&str; 10] = [
        "authorization",
        "bearer ",
        "basic ",
        "cookie",
        "api-key",
        "api_key",
        "apikey",
        "token",
        "secret",
        "password",
    ];
    // ASCII lower case keeps byte offsets.
    let lower = line.to_ascii_lowercase();
    let cut = NAMES
        .iter()
        .filter_map(|name| lower.find(name).map(|at| at + name.len()))
        .min();
    let (kept, redacted) = match cut.and_then(|at| line.split_at_checked(at)) {
        Some((kept, rest)) if rest.chars().any(char::is_alphanumeric) => (kept, true),
        Some(_) | None => (line, false),
    };
    let mut out = String::with_capacity(kept.len());
    for word in kept.split_inclusive(|c: char| !is_token(c)) {
        let bare = word.trim_end_matches(|c| !is_token(c));
        if looks_secret(bare) {
            out.push_str(REDACTED);
            out.push_str(word.get(bare.len()..).unwrap_or_default());
        } else {
            out.push_str(word);
        }
    }
    if redacted {
        out.push(' ');
        out.push_str(REDACTED);
    }
    out.chars().flat_map(visible).collect()
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.~+=".contains(c)
}

/// Web tokens, keys with a well-known beginning, and long words of letters and digits mixed.
fn looks_secret(word: &str) -> bool {
    let known = ["eyJ", "sk-", "ghp_", "gho_", "github_pat_", "xox", "AKIA"];
    let has = |kind: fn(&char) -> bool| word.chars().any(|c| kind(&c));
    (word.len() >= 16 && known.iter().any(|start| word.starts_with(start)))
        || (word.len() >= 32
            && !word.contains('.')
            && has(char::is_ascii_digit)
            && has(char::is_ascii_alphabetic))
}

/// Control characters are shown, not acted on.
fn visible(c: char) -> impl Iterator<Item = char> {
    let escaped = (c.is_control() && c != '\t').then(|| c.escape_default());
    let plain = escaped.is_none().then_some(c);
    escaped.into_iter().flatten().chain(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_control_characters_go() {
        for line in [
            "Authorization: Bearer c4n4ry",
            "using API_KEY=c4n4ry now",
            "password is c4n4ry",
            "got eyJhbGciOiJub25lIn0.c4n4ry0.x",
            "id 0123456789abcdef0123456789c4n4ry end",
        ] {
            let scrubbed = scrub(line);
            assert!(!scrubbed.contains("c4n4ry"), "{scrubbed}");
            assert!(scrubbed.contains(REDACTED), "{scrubbed}");
        }
        assert_eq!(scrub("a\u{1b}[31mb\rc"), "a\\u{1b}[31mb\\rc");
        let plain = "Starting default (STDIO) server... at /usr/lib/node_modules";
        assert_eq!(scrub(plain), plain);
    }

    #[test]
    fn values_of_its_variables_go() {
        let spec = StdioServer {
            name: "s".to_owned(),
            command: "c".to_owned(),
            args: Vec::new(),
            env: [("A", "c4n4ry-one"), ("B", "c4n4ry-one-more"), ("C", "on")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            cwd: None,
            sessions: mcp_zero_compile::Sessions::PerClient,
            max_request_bytes: 1,
            max_response_bytes: 1,
        };
        let line = "on c4n4ry-one-more, (c4n4ry-one)";
        assert_eq!(
            scrub(&secrets(&spec).taken_out(line)),
            "on [redacted], ([redacted])"
        );
    }

    #[test]
    fn a_flood_is_counted_and_long_lines_are_cut() {
        let mut lines = Lines::new(Secrets::default());
        let mut logged = Vec::new();
        lines.take(&b"x\n".repeat(1000), |line| logged.push(line.to_owned()));
        assert!(logged.len() < 1000 && lines.rate.passed_over as usize + logged.len() == 1000);
        let mut lines = Lines::new(Secrets::default());
        let mut logged = Vec::new();
        for _ in 0..2000 {
            lines.take(b"long ", |line| logged.push(line.to_owned()));
        }
        lines.take(b"\nnext\n", |line| logged.push(line.to_owned()));
        assert_eq!(
            logged.iter().map(String::len).collect::<Vec<_>>(),
            [LONGEST, 4]
        );
    }

    #[test]
    fn the_last_lines_are_kept_within_a_bound() {
        let mut lines = Lines::new(Secrets::default());
        for number in 0..5000 {
            lines.take(
                format!("line {number} of \u{1b}[1m5000\n").as_bytes(),
                |_| {},
            );
        }
        // The end of a line is not needed for the last one.
        lines.take(b"password=c4n4ry", |_| {});
        lines.finish_line(|_| {});
        let bytes = lines.tail.bytes;
        let text = lines.tail.text();
        assert!(
            text.len() < KEPT && text.len() > KEPT - 100,
            "{}",
            text.len()
        );
        assert_eq!(bytes, text.len() + 1);
        let mut last = text.lines().rev();
        assert_eq!(last.next(), Some("password [redacted]"));
        assert_eq!(last.next(), Some("line 4999 of \\u{1b}[1m5000"));
        assert!(!text.contains('\u{1b}') && !text.contains("line 0 "));
    }

    #[test]
    fn one_long_line_of_control_characters_is_within_the_bound() {
        let mut lines = Lines::new(Secrets::default());
        for _ in 0..20 {
            lines.take(&[0x1b; 5000], |_| {});
            lines.finish_line(|_| {});
        }
        assert!(lines.tail.bytes <= KEPT && !lines.tail.lines.is_empty());
    }
}
