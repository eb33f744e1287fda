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

/// A sign of life passes when it comes; a comment inside an event belongs to it.
#[test]
fn a_comment_before_an_event_does_not_wait_for_it() {
    let mut decoder = Decoder::new(99);
    let mut raw = |piece: &[u8]| -> Vec<String> {
        let frames = decoder.push(piece).unwrap();
        let text = |f: &Frame| String::from_utf8(f.forward()).unwrap();
        frames.iter().map(text).collect()
    };
    assert_eq!(raw(b": ping\n"), [": ping\n"]);
    assert_eq!(raw(b":\r"), [":\r"]);
    assert_eq!(raw(b"\n: a\n: b\nid: 1\n: c\n"), ["\n", ": a\n", ": b\n"]);
    assert_eq!(raw(b"data: x\n\n"), ["id: 1\n: c\ndata: x\n\n"]);
    // One that other readers would cut in two is dropped, and what follows is not.
    assert_eq!(raw(b": c\0\ndata: x\n\n"), ["", "data: x\n\n"]);
    assert_eq!(raw(b": held").len(), 0);
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
    let event = frame(b"event: message\r\n: c\r\nid: 7\r\ndata: {\r\ndata: }\r\nretry: 3\r\n\r\n");
    assert_eq!(
        encode::with_data(&event, b"{\"a\":\n1}"),
        b"event: message\n: c\nid: 7\ndata: {\"a\": 1}\nretry: 3\n\n"
    );
    assert_eq!(encode::without_data(&event), b": c\nid: 7\nretry: 3\n\n");
    assert_eq!(
        encode::without_data(&frame(b"event: message\ndata: x\n\n")),
        b""
    );
    assert_eq!(encode::message(b"x"), b"event: message\ndata: x\n\n");
}

fn first(stream: &[u8]) -> Frame {
    Decoder::new(9999).push(stream).unwrap().remove(0)
}

#[test]
fn lines_that_some_reader_takes_for_data_are_not_forwarded() {
    for same in [
        &b"event: m\r\n: c\r\nid: 7\r\nretry: 30\r\ndata: {\r\ndata:}\r\n\r\n"[..],
        b"id\revent\rretry\rdata\r\r",
        b":\n",
        b"\n",
        "data: \u{2028}\nid: \u{e9}\u{2027}\u{86}\n\n".as_bytes(),
    ] {
        assert_eq!(first(same).forward(), same);
        assert_eq!(first(same).forward(), first(same).raw());
    }
    for stray in [
        "Data: e",
        "data : e",
        " data: e",
        "\u{feff}data: e",
        "\u{ef}\u{bb}\u{bf}data: e",
        "x: e",
        "x",
        "DATA",
        "data\u{0}: e",
        "retry: 5 ",
        "retry: -5",
        "retry: data",
        "Id: 1",
        ": \u{feff}e",
        ": c\u{0}",
    ] {
        let stream = format!("id: 1\r\n{stray}\r\ndata: x\r\n\r\n");
        let frame = first(stream.as_bytes());
        assert_eq!(frame.data().unwrap(), b"x", "{stray}");
        assert_eq!(frame.forward(), b"id: 1\ndata: x\n\n", "{stray}");
        assert_eq!(encode::with_data(&frame, b"y"), b"id: 1\ndata: y\n\n");
        assert_eq!(encode::without_data(&frame), b"id: 1\n\n");
        assert_eq!(
            first(format!("id\n{stray}\n\n").as_bytes()).forward(),
            b"id\n\n"
        );
        // A CR before it must not take the blank line's LF for its own.
        let cr = format!("id: 1\r{stray}\n\n");
        assert_eq!(first(cr.as_bytes()).forward(), b"id: 1\n\n");
    }
    for cut in "\u{85}\u{2028}\u{2029}\u{b}\u{c}\u{1c}\u{1d}\u{1e}\u{feff}\u{0}".chars() {
        for name in ["", "event", "id", "retry"] {
            let frame = first(format!("{name}: 1{cut}data: e\n\n").as_bytes());
            assert_eq!(frame.forward(), b"", "{name} {cut:?}");
            assert_eq!(encode::without_data(&frame), b"", "{name} {cut:?}");
        }
    }
}

#[test]
fn one_leading_mark_is_dropped_and_a_second_makes_a_stray_line() {
    assert_eq!(first(b"\xef\xbb\xbfdata: x\n\n").raw(), b"data: x\n\n");
    assert_eq!(first(b"\xef\xbb\xbfdata: x\n\n").forward(), b"data: x\n\n");
    let twice = first(b"\xef\xbb\xbf\xef\xbb\xbfdata: x\nid: 1\n\n");
    assert_eq!(twice.data(), None);
    assert_eq!(twice.forward(), b"id: 1\n\n");
    let mut decoder = Decoder::new(99);
    decoder.push(b"\n").unwrap();
    let later = decoder.push(b"\xef\xbb\xbfdata: x\n\n").unwrap().remove(0);
    assert_eq!((later.data(), later.forward()), (None, Vec::new()));
}

#[test]
fn line_ends_of_other_readers_are_escaped_in_data() {
    let odd = "\u{85}\u{2028}\u{2029}\u{feff}";
    for c in odd.chars() {
        assert!(first(format!("id\ndata: \"{c}\"\n\n").as_bytes()).has_odd_data());
        assert!(first(format!("data:{c}\n\n").as_bytes()).has_odd_data());
        assert!(!first(format!("id: {c}\ndata: x\n\n").as_bytes()).has_odd_data());
    }
    assert!(!first("data: \"\u{86}\u{202a}\u{e9}\u{fffd}\"\n\n".as_bytes()).has_odd_data());
    assert_eq!(
        encode::with_data(
            &first(b"data: x\n\n"),
            format!("[\"a{odd}b\u{e9}\",\n1]").as_bytes()
        ),
        "data: [\"a\\u0085\\u2028\\u2029\\ufeffb\u{e9}\", 1]\n\n".as_bytes()
    );
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
