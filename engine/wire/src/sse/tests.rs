use super::*;
use proptest::prelude::*;

fn decode(stream: &[u8], cut: &[usize]) -> Vec<(Option<String>, Vec<u8>)> {
    let mut decoder = Decoder::new(1 << 20);
    let mut frames = Vec::new();
    let mut from = 0;
    for to in cut.iter().copied().chain([stream.len()]) {
        frames.extend(decoder.push(&stream[from..to]).unwrap());
        from = to;
    }
    frames
        .iter()
        .map(|f| {
            (
                f.data().map(|d| String::from_utf8_lossy(&d).into_owned()),
                f.raw().to_vec(),
            )
        })
        .collect()
}

fn messages(stream: &[u8]) -> Vec<String> {
    decode(stream, &[])
        .into_iter()
        .filter_map(|(d, _)| d)
        .collect()
}

#[test]
fn framings_that_clients_accept_are_read() {
    for (stream, wanted) in [
        (&b"data: x\n\n"[..], &["x"][..]),
        (b"data: x\r\n\r\n", &["x"]),
        (b"data: x\r\rdata: y\r\r", &["x", "y"]),
        (b"data: x\r\n\n", &["x"]),
        (b"data:x\n\n", &["x"]),
        (b"data:  x\n\n", &[" x"]),
        (b"data: {\ndata: }\n\n", &["{\n}"]),
        (b"\xef\xbb\xbfdata: x\n\n", &["x"]),
        (b": c\nid: 1\nretry: 5\nevent: foo\ndata: x\n\n", &["x"]),
        (b"id: 1\ndata\n\n", &[]),
        (b"data:\n\n", &[]),
        (b"Data: x\n\n data: x\n\ndata : x\n\n", &[]),
        (b"data: x\x0bdata: y\n\n", &["x\x0bdata: y"]),
        (b"data: x\n", &[]),
        (b"data: x", &[]),
        (b"\n\n\r\n", &[]),
    ] {
        assert_eq!(
            messages(stream),
            wanted,
            "{}",
            String::from_utf8_lossy(stream)
        );
    }
}

#[test]
fn an_event_over_the_limit_is_refused_before_it_is_held() {
    let mut decoder = Decoder::new(16);
    assert!(decoder.push(b"data: 0123").is_ok());
    assert_eq!(decoder.push(b"456789abcdef"), Err(TooLong));
    let mut decoder = Decoder::new(16);
    for _ in 0..100 {
        assert_eq!(decoder.push(b"data: x\n\n").unwrap().len(), 1);
    }
    assert_eq!(decoder.pending(), 0);
}

#[test]
fn a_message_is_replaced_and_the_frame_stays() {
    let frame = |stream: &[u8]| Decoder::new(999).push(stream).unwrap().remove(0);
    let event = frame(b": c\r\nevent: message\r\nid: 7\r\ndata: {\r\ndata: }\r\nretry: 3\r\n\r\n");
    assert_eq!(
        encode::with_data(&event, b"{\"a\":\n1}"),
        b": c\nevent: message\nid: 7\ndata: {\"a\": 1}\nretry: 3\n\n"
    );
    assert_eq!(encode::without_data(&event), b": c\nid: 7\nretry: 3\n\n");
    assert_eq!(
        encode::without_data(&frame(b"event: message\ndata: x\n\n")),
        b""
    );
    assert_eq!(encode::message(b"x"), b"event: message\ndata: x\n\n");
}

proptest! {
    #[test]
    fn every_split_reads_the_same(
        parts in proptest::collection::vec(prop_oneof![
            Just("data: "), Just("data"), Just("\n"), Just("\r"), Just("\r\n"), Just("\n\n"), Just("x"),
            Just("\u{e9}"), Just(":"), Just("id: 1"), Just("\u{feff}"), Just("event: m"),
        ], 0..20),
        seed in any::<u64>(),
    ) {
        let stream = parts.concat().into_bytes();
        let whole = decode(&stream, &[]);
        let every: Vec<usize> = (1..stream.len()).collect();
        let some: Vec<usize> = every.iter().copied().filter(|i| seed.rotate_left(*i as u32) & 1 == 1).collect();
        for cut in [&every, &some] {
            let cut = decode(&stream, cut);
            let data = |f: &[(Option<String>, Vec<u8>)]| -> Vec<String> {
                f.iter().filter_map(|(d, _)| d.clone()).collect()
            };
            let raw = |f: &[(Option<String>, Vec<u8>)]| f.iter().flat_map(|(_, r)| r.clone()).collect::<Vec<u8>>();
            prop_assert_eq!(data(&cut), data(&whole));
            prop_assert_eq!(raw(&cut), raw(&whole));
            prop_assert!(stream.ends_with(&raw(&cut)) || stream.starts_with(&raw(&cut)) || stream.starts_with(b"\xef\xbb\xbf"));
        }
    }
}
