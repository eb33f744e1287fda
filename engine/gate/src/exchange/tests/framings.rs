//! Every framing of the table, cut at every byte.

#[path = "../../../../../tests/tests/reading/streams.rs"]
mod table;

use super::*;
use table::{Fate, MASKED, SECRET, asides, plain, streams};

/// What a client gets of pieces.
fn told(pieces: &[&[u8]]) -> String {
    let mut run = Run::post(&call("get_x", json!({})));
    run.respond(&[(":status", "200"), ("content-type", "text/event-stream")]);
    let mut sent = Vec::new();
    for piece in pieces {
        run.on(Event::Chunk(piece, Last::More));
        for action in &run.out {
            if let Action::Emit(bytes) = action {
                sent.extend_from_slice(bytes);
            }
        }
    }
    String::from_utf8(sent).unwrap()
}

#[test]
fn every_row_reads_the_same_at_every_split() {
    for (what, stream, fate) in streams() {
        let whole = told(&[&stream]);
        let got = match (whole.contains(MASKED), whole.contains("-31502")) {
            (true, false) => Fate::Masked,
            (false, true) => Fate::Blocked,
            (false, false) => Fate::Nothing,
            (true, true) => panic!("{what}: {whole}"),
        };
        assert_eq!(got, fate, "{what}: {whole}");
        assert!(!whole.contains(SECRET), "{what}: {whole}");
        assert!(whole.matches(MASKED).count() <= 1, "{what}: {whole}");
        assert_eq!(asides(whole.as_bytes()), asides(&stream), "{what}: {whole}");
        for at in 0..=stream.len() {
            let (first, second) = stream.split_at(at);
            let cut = told(&[first, second]);
            assert_eq!(plain(&cut), plain(&whole), "{what}, cut at {at}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(plain(&told(&bytes)), plain(&whole), "{what}, byte by byte");
    }
}
