//! Texts as tools take and give them: log lines, tickets, mail. The same in every run.

use std::fmt::Write as _;

/// A text and the personal data that was put into it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Prose {
    /// The text.
    pub(crate) text: String,
    /// What must not pass a gateway that masks.
    pub(crate) planted: Vec<Planted>,
}

/// One value and what stands for it afterwards.
#[derive(Debug, Clone)]
pub(crate) struct Planted {
    pub(crate) value: String,
    pub(crate) placeholder: &'static str,
}

/// How rich in personal data a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// None of it: words, numbers, times, versions, paths.
    Plain,
    /// One value in each line.
    Personal,
}

const WORDS: [&str; 40] = [
    "the",
    "order",
    "of",
    "a",
    "customer",
    "was",
    "moved",
    "to",
    "another",
    "queue",
    "because",
    "its",
    "region",
    "is",
    "under",
    "maintenance",
    "and",
    "nobody",
    "had",
    "answered",
    "within",
    "limits",
    "that",
    "support",
    "agreed",
    "on",
    "Please",
    "check",
    "report",
    "before",
    "Friday",
    "service",
    "restarted",
    "after",
    "timeout",
    "Connection",
    "reset",
    "by",
    "peer",
    "retry",
];

/// A text of `size` bytes.
pub(crate) fn prose(size: usize, kind: Kind) -> Prose {
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ size as u64);
    let mut prose = Prose::default();
    let mut line = 0;
    while prose.text.len() < size {
        let before = prose.clone_mark();
        write_line(&mut prose, line, kind, &mut random);
        if prose.text.len() > size {
            // A value that is cut would be another one.
            prose.back_to(before);
            break;
        }
        line += 1;
    }
    while prose.text.len() < size {
        prose.text.push('.');
    }
    prose
}

impl Prose {
    fn clone_mark(&self) -> (usize, usize) {
        (self.text.len(), self.planted.len())
    }

    fn back_to(&mut self, (text, planted): (usize, usize)) {
        self.text.truncate(text);
        self.planted.truncate(planted);
    }

    fn plant(&mut self, value: String, placeholder: &'static str) {
        self.planted.push(Planted { value, placeholder });
    }
}

fn write_line(prose: &mut Prose, line: usize, kind: Kind, random: &mut Random) {
    let (minute, second) = (random.below(60), random.below(60));
    let _ = write!(
        prose.text,
        "2026-11-{:02}T{:02}:{minute:02}:{second:02}Z TCK-{} [v2.{}.1]",
        1 + line % 28,
        line % 24,
        1000 + random.below(9000),
        random.below(30),
    );
    for _ in 0..6 + random.below(8) {
        let word = WORDS[random.below(WORDS.len())];
        let _ = write!(prose.text, " {word}");
    }
    if kind == Kind::Personal {
        plant(prose, line, random);
    }
    let end = [".\n", ": \"pending\", see /var/log/app-7.log\n", ";\n\t"];
    prose.text.push_str(end[line % end.len()]);
}

fn plant(prose: &mut Prose, line: usize, random: &mut Random) {
    match line % 4 {
        0 => {
            let value = format!("maria.k{}@shop-example.com", random.below(100_000));
            let _ = write!(prose.text, " wrote {value} today");
            prose.plant(value, "<EMAIL_ADDRESS>");
        }
        1 => {
            let value = card(random);
            let _ = write!(prose.text, " paid with {value} yesterday");
            prose.plant(value, "<CREDIT_CARD>");
        }
        2 => {
            let value = format!("sk_live_{}", token(random, 28));
            let _ = write!(prose.text, " called with {value} again");
            prose.plant(value, "<API_KEY>");
        }
        _ => {
            let value = format!("Xq7!{}", token(random, 10));
            let _ = write!(prose.text, " connects with password={value} always");
            prose.plant(value, "<PASSWORD>");
        }
    }
}

/// A card number with a right check digit (ISO/IEC 7812).
fn card(random: &mut Random) -> String {
    let mut digits = String::from("4");
    while digits.len() < 15 {
        let _ = write!(digits, "{}", random.below(10));
    }
    let sum: u32 = digits
        .bytes()
        .enumerate()
        .map(|(i, b)| {
            let digit = u32::from(b - b'0') * if i % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    let _ = write!(digits, "{}", (10 - sum % 10) % 10);
    format!(
        "{} {} {} {}",
        &digits[..4],
        &digits[4..8],
        &digits[8..12],
        &digits[12..]
    )
}

fn token(random: &mut Random, length: usize) -> String {
    const SIGNS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
    let mut text: String = (0..length - 2)
        .map(|_| char::from(SIGNS[random.below(SIGNS.len())]))
        .collect();
    text.push_str("7d");
    text
}

/// Xorshift: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap_or_default() % limit
    }
}
