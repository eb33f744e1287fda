//! Lines of a child: however they are cut they are the same, and none is longer than it may be.
#![no_main]
#![allow(dead_code, reason = "the bridge uses more of the module")]

#[rustfmt::skip]
#[path = "../../stdio-bridge/src/framing.rs"]
mod framing;

use framing::{Line, Lines};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 64;

fn read<'d>(pieces: impl Iterator<Item = &'d [u8]>) -> Vec<Line> {
    let mut lines = Lines::new(LIMIT);
    let mut found = Vec::new();
    for piece in pieces {
        lines.room().extend_from_slice(piece);
        while let Some(line) = lines.next_line() {
            if let Line::Whole(line) = &line {
                assert!(line.len() <= LIMIT && !line.contains(&b'\n'));
            }
            found.push(line);
        }
    }
    found
}

fuzz_target!(|data: &[u8]| {
    let Some((size, stream)) = data.split_first() else {
        return;
    };
    let whole = read(std::iter::once(stream));
    assert_eq!(whole, read(stream.chunks(usize::from(*size) + 1)));
    assert_eq!(whole, read(stream.chunks(1)));
    assert_eq!(whole.len(), stream.iter().filter(|b| **b == b'\n').count());
});
