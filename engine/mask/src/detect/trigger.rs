//! Where a closer look can be worth while: the pairs of bytes with which something may begin.
//! Two table look-ups a byte, and no branch but for a hit.

use super::token::SHAPES;

/// By the first byte of a pair: the classes of second bytes that make it a trigger.
static FIRST: [u64; 256] = TABLES.first;
/// The class of a byte as the second of a pair, one bit, and [`WORD`].
static SECOND: [u64; 256] = TABLES.second;

/// A letter or digit: where the byte before is one too, it begins nothing.
const WORD: u64 = 1 << 63;
/// The class of bytes that are in no pair.
const NONE: u64 = 1 << 62;
/// Every class, for what is a trigger alone.
const ANY: u64 = !WORD;

/// The next trigger at or behind `from`. `joined` says that the byte before `from` is a letter
/// or digit that belongs to no finding.
pub(super) fn next(bytes: &[u8], from: usize, joined: bool) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let (last, firsts) = rest.split_last()?;
    let seconds = rest.get(1..)?;
    let mut before = if joined { WORD } else { 0 };
    let mut this = class(*firsts.first().unwrap_or(last));
    for (at, (first, second)) in firsts.iter().zip(seconds).enumerate() {
        let next = class(*second);
        if classes(*first) & next != 0
            && before & this & WORD == 0
            && (!first.is_ascii_digit() || begins_card(rest, at))
        {
            return Some(from + at);
        }
        (before, this) = (this, next);
    }
    let alone = classes(*last) & NONE != 0 && before & this & WORD == 0;
    alone.then_some(from + firsts.len())
}

/// Every first group of a card has four digits and more.
fn begins_card(text: &[u8], at: usize) -> bool {
    let group = text.get(at + 2..at + 4);
    group.is_some_and(|group| group.iter().all(u8::is_ascii_digit))
}

/// Whether a byte is a letter or digit.
pub(super) fn joins(byte: u8) -> bool {
    class(byte) & WORD != 0
}

fn classes(byte: u8) -> u64 {
    FIRST.get(usize::from(byte)).copied().unwrap_or(ANY)
}

fn class(byte: u8) -> u64 {
    SECOND.get(usize::from(byte)).copied().unwrap_or(NONE)
}

struct Tables {
    first: [u64; 256],
    second: [u64; 256],
    next: u64,
}

const TABLES: Tables = {
    let mut tables = Tables {
        first: [0; 256],
        second: [NONE; 256],
        next: 1,
    };
    let mut at = 0;
    while at < SHAPES.len() {
        let prefix = SHAPES[at].prefix();
        tables.pair(prefix[0], prefix[1]);
        at += 1;
    }
    // A JSON Web Token, and the words of `spoken`.
    tables.pair(b'e', b'y');
    tables.word(b'b', b'e');
    tables.word(b'b', b'a');
    tables.word(b'i', b'd');
    tables.word(b'p', b'a');
    // Two of the digits with which a card begins.
    let mut first = b'0';
    while first <= b'9' {
        let mut second = b'0';
        while second <= b'9' {
            tables.pair(first, second);
            second += 1;
        }
        first += 1;
    }
    // Options and lines of dashes; `@`, as it is and escaped; what stands behind a name.
    tables.pair(b'-', b'-');
    tables.pair(b'%', b'4');
    tables.pair(b'\\', b'u');
    tables.first[b'@' as usize] = ANY;
    tables.first[b':' as usize] = ANY;
    tables.first[b'=' as usize] = ANY;
    let mut byte = 0;
    while byte < 256 {
        if (byte as u8).is_ascii_alphanumeric() {
            tables.second[byte] |= WORD;
        }
        byte += 1;
    }
    tables
};

impl Tables {
    /// A letter in either case, each followed by one in either case.
    const fn word(&mut self, first: u8, second: u8) {
        self.pair(first, second);
        self.pair(first, second.to_ascii_uppercase());
        self.pair(first.to_ascii_uppercase(), second);
        self.pair(first.to_ascii_uppercase(), second.to_ascii_uppercase());
    }

    const fn pair(&mut self, first: u8, second: u8) {
        if self.second[second as usize] == NONE {
            assert!(self.next != NONE);
            self.second[second as usize] = self.next;
            self.next <<= 1;
        }
        self.first[first as usize] |= self.second[second as usize];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<usize> {
        let (bytes, mut found, mut at, mut joined) = (text.as_bytes(), Vec::new(), 0, false);
        while let Some(hit) = next(bytes, at, joined) {
            found.push(hit);
            joined = joins(bytes[hit]);
            at = hit + 1;
        }
        found
    }

    #[test]
    fn every_beginning_is_a_trigger_and_little_else() {
        for shape in &SHAPES {
            let prefix = String::from_utf8(shape.prefix().to_vec()).unwrap();
            assert_eq!(all(&prefix).first(), Some(&0), "{prefix}");
            let inside = next(format!("x{prefix}").as_bytes(), 1, true);
            assert_ne!(inside, Some(1), "{prefix}");
        }
        assert_eq!(all("a BEarer, Basic IDENTIFIED PAssword"), [2, 10, 16, 27]);
        assert_eq!(all("4111 3 x5555 12 123 1234"), [0, 20]);
        assert_eq!(all("a@b a%40b a\\u0040b a%20 \\n"), [1, 5, 11]);
        assert_eq!(all("a: b=- --c :"), [1, 4, 7, 11]);
        assert_eq!(all("é@ü"), [2]);
        assert_eq!(all(""), [0_usize; 0]);
        assert_eq!(all("@"), [0]);
        assert_eq!(all("The quick brown bull of 5 was there\n"), [0_usize; 0]);
    }
}
