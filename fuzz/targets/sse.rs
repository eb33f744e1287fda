//! The reader of event streams: however a stream is cut, it is the same events.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_zero_wire::sse::Decoder;

/// The bytes and the data of all events of a stream in pieces, and whether one was too long. The
/// second half of a line end may come as a frame of its own, without data.
fn read<'d>(pieces: impl Iterator<Item = &'d [u8]>) -> (Vec<u8>, Vec<Vec<u8>>, bool) {
    let mut decoder = Decoder::new(256);
    let (mut raw, mut data) = (Vec::new(), Vec::new());
    for piece in pieces {
        let Ok(frames) = decoder.push(piece) else {
            return (raw, data, true);
        };
        for frame in frames {
            raw.extend_from_slice(frame.raw());
            data.extend(frame.data());
        }
    }
    (raw, data, false)
}

fuzz_target!(|data: &[u8]| {
    let Some((size, stream)) = data.split_first() else {
        return;
    };
    let whole = read(std::iter::once(stream));
    for size in [usize::from(*size % 16) + 1, 1] {
        let cut = read(stream.chunks(size));
        assert_eq!(whole.2, cut.2);
        // Where one is too long, how much of what stands before it was seen is a matter of pieces.
        assert!(whole.2 || whole == cut);
    }
    let (raw, _, _) = whole;
    let marked = stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream);
    assert!(marked.starts_with(&raw), "no byte is changed");
});
