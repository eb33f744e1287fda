use super::*;
use proptest::prelude::*;

fn cut(limit: usize, pieces: &[&[u8]]) -> Vec<Line> {
    let mut lines = Lines::new(limit);
    let mut found = Vec::new();
    for piece in pieces {
        lines.room().extend_from_slice(piece);
        while let Some(line) = lines.next_line() {
            found.push(line);
        }
    }
    found
}

fn whole(text: &str) -> Line {
    Line::Whole(Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn only_a_line_feed_ends_a_line() {
    let found = cut(100, &[b"a\rb\x0bc\xe2\x80\xa8d\r\n\n", b"e"]);
    assert_eq!(found, [whole("a\rb\u{b}c\u{2028}d"), whole("")]);
}

#[test]
fn a_long_line_is_named_by_its_id_and_the_next_is_whole() {
    let long = "x".repeat(300);
    for (message, id) in [
        (
            format!(r#"{{"jsonrpc":"2.0","id":7,"result":"{long}"}}"#),
            Some(7),
        ),
        (
            format!(r#"{{"result":{{"id":9,"x":"{long}"}},"jsonrpc":"2.0","id": 8 }}"#),
            Some(8),
        ),
        (
            format!(r#"{{"result":["id",3,"{long}\",\"id\":4"],"x":"id"}}"#),
            None,
        ),
        (format!(r#"{{"id":"7","result":"{long}"}}"#), None),
        (format!(r#"{{"id":1,"result":"{long}","id":2}}"#), None),
    ] {
        let text = format!("{message}\nnext\n");
        for size in [1, 7, 64, 1000] {
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            let found = cut(100, &pieces);
            assert_eq!(
                found,
                [Line::TooLong { id }, whole("next")],
                "{message} by {size}"
            );
        }
    }
}

#[test]
fn the_id_of_a_broken_message_is_seen() {
    assert_eq!(
        spot_id(br#"{"jsonrpc":"2.0","id":12,"result":{"con"#),
        Some(12)
    );
    assert_eq!(spot_id(br#"{"result":{"id":3,"#), None);
    assert_eq!(spot_id(b"id: 4, hello"), None);
    assert_eq!(spot_id(br#"{"\u0069d":5,"id":6,"#), Some(6));
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_lines(
        lines in proptest::collection::vec("[a-z\u{e9}\u{2028}\r\"{}:0-9]{0,30}", 0..12),
        sizes in proptest::collection::vec(1usize..40, 1..8),
        limit in 1usize..40,
    ) {
        let text: String = lines.iter().flat_map(|l| [l.as_str(), "\n"]).collect();
        let mut pieces = Vec::new();
        let mut rest = text.as_bytes();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        let expected: Vec<Line> = lines
            .iter()
            .map(|line| {
                if line.len() > limit {
                    Line::TooLong { id: spot_id(line.as_bytes()) }
                } else {
                    whole(line.strip_suffix('\r').unwrap_or(line))
                }
            })
            .collect();
        prop_assert_eq!(cut(limit, &pieces), expected);
    }
}
