//! URIs of resources: only those that every reader takes for the same resource.
//!
//! Policies compare text, servers compare what a URL parser makes of it. So a URI that is not in
//! normal form (RFC 3986 §6.2.2, and what the URL standard of WHATWG §4.5 writes) is refused.

use std::net::{Ipv4Addr, Ipv6Addr};

/// A URI in its one spelling.
pub(crate) fn is_normal(uri: &str) -> bool {
    normal(uri, |_| false)
}

/// A template of URIs (RFC 6570) whose fixed parts are in their one spelling.
pub(crate) fn is_normal_template(uri: &str) -> bool {
    // The expressions that WHATWG would encode, and their inner characters.
    normal(uri, |byte| matches!(byte, b'{' | b'}'))
}

fn normal(uri: &str, also: impl Fn(u8) -> bool) -> bool {
    if uri.is_empty() || !well_spelled(uri, also) || has_dot_segment(uri) {
        return false;
    }
    let Some((scheme, rest)) = uri.split_once(':').filter(|(s, _)| is_scheme(s)) else {
        return true;
    };
    if scheme.bytes().any(|b| b.is_ascii_uppercase()) {
        return false;
    }
    let (authority, tail) = match rest.strip_prefix("//") {
        Some(rest) => {
            let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
            (Some(authority), tail)
        }
        None => (None, rest),
    };
    match (scheme, authority) {
        ("file", Some(host)) => file(host, tail),
        ("http" | "ws", Some(authority)) => special(authority, tail, "80"),
        ("https" | "wss", Some(authority)) => special(authority, tail, "443"),
        ("ftp", Some(authority)) => special(authority, tail, "21"),
        // A parser puts what is missing in its place.
        ("file" | "http" | "ws" | "https" | "wss" | "ftp", None) => false,
        (_, Some(authority)) => user_and_port(authority).is_some(),
        (_, None) => true,
    }
}

/// Only characters of RFC 3986 §2, none encoded that need not be (§6.2.2.2), and the digits of
/// the others in capitals (§6.2.2.1).
fn well_spelled(uri: &str, also: impl Fn(u8) -> bool) -> bool {
    let mut rest = uri.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = match (byte, after) {
            (b'%', [high, low, after @ ..]) => {
                let (Some(high), Some(low)) = (capital_hex(*high), capital_hex(*low)) else {
                    return false;
                };
                if is_unreserved(high << 4 | low) {
                    return false;
                }
                after
            }
            (b'%', _) => return false,
            (byte, after) if is_unreserved(*byte) || is_reserved(*byte) || also(*byte) => after,
            _ => return false,
        };
    }
    true
}

fn capital_hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn is_reserved(byte: u8) -> bool {
    b":/?#[]@!$&'()*+,;=".contains(&byte)
}

/// Without query and fragment (RFC 8089 §2), and without empty segments: a file system passes
/// over both.
fn file(host: &str, path: &str) -> bool {
    let host_is_plain = host.is_empty() || (host != "localhost" && special_host(host));
    host_is_plain && path.starts_with('/') && !path.contains("//") && !path.contains(['?', '#'])
}

fn special(authority: &str, tail: &str, usual_port: &str) -> bool {
    user_and_port(authority)
        .is_some_and(|(host, port)| port != Some(usual_port) && special_host(host))
        && tail.starts_with('/')
}

/// The host and the port of an authority (RFC 3986 §3.2) that has no empty parts.
fn user_and_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let place = match authority.split_once('@') {
        Some((user, place)) if !user.is_empty() && !user.ends_with(':') && !place.contains('@') => {
            place
        }
        Some(_) => return None,
        None => authority,
    };
    let inside = place.rfind(']').map_or(0, |at| at + 1);
    match place.get(inside..)?.find(':') {
        None => Some((place, None)),
        Some(colon) => {
            let port = place.get(inside + colon + 1..)?;
            let plain = !port.starts_with('0') && port.parse::<u16>().is_ok();
            plain.then_some((place.get(..inside + colon)?, Some(port)))
        }
    }
}

/// A host as parsers write it: small letters, nothing encoded, addresses in their usual form.
fn special_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        let parsed = address.parse::<Ipv6Addr>();
        return parsed.is_ok_and(|parsed| parsed.to_string() == address);
    }
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._{}".contains(&b);
    let last = host
        .trim_end_matches('.')
        .rsplit('.')
        .next()
        .unwrap_or_default();
    let numeric = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
    !host.is_empty()
        && host.bytes().all(plain)
        && (!(numeric || last.starts_with("0x")) || host.parse::<Ipv4Addr>().is_ok())
}

fn has_dot_segment(uri: &str) -> bool {
    let rest = match uri.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => rest,
        _ => uri,
    };
    let rest = rest.replace("%2F", "/").replace("%5C", "/");
    // A server that opens what follows `file://` knows no query: its parts are judged, too.
    rest.split(['/', '?', '#'])
        .any(|segment| matches!(segment, "." | ".."))
}

/// RFC 3986 §3.1.
fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_another_spelling_is_refused() {
        for uri in [
            "",
            "..",
            "a:..",
            "file:///a/../b",
            "file:///a/./b",
            "file:///a/..",
            "file:///a/%2e%2E/b",
            "file:///a/.%2e?x",
            "file:///a/%2E#x",
            "file:///a%2f..%2Fb",
            "file:///a%2F..%2Fb",
            "file:///a%5C..%5Cb",
            "file:///a?/../b",
            "file://../b",
            "file:///a\\b",
            "file:///a b",
            "file:///a\u{a0}b",
            "file:///a\u{2028}b",
            "file:///a\nb",
            "file:///a\u{85}b",
            "DEMO://secret/x",
            "Demo:secret",
            "demo://@secret/x",
            "demo://a:@secret/x",
            "demo://a@b@secret/x",
            "demo://secret:/x",
            "demo://secret:080/x",
            "FILE:///secret/x",
            "file://localhost/secret/x",
            "file://HOST/secret/x",
            "file:/secret/x",
            "file:secret/x",
            "file:",
            "file://host",
            "file:////secret/x",
            "file:///secret//x",
            "file:///secret/x?",
            "file:///secret/x#a",
            "file:///%73ecret/x",
            "file:///secret%7Ex",
            "file:///secret%3ax",
            "file:///secret%",
            "file:///secret%4",
            "file:///s\u{e9}cret",
            "file:///a|b",
            "file:///a\"b",
            "urn:x:%2Ea",
            "https://H.x/a",
            "https://h.x:443/a",
            "https://h.x:/a",
            "https://h.x",
            "https:/h.x/a",
            "https:h.x/a",
            "https:///h.x/a",
            "https://h%2Ex/a",
            "http://0x7f.1/a",
            "http://127.1/a",
            "http://0177.0.0.1/a",
            "http://127.0.0.1./a",
            "http://[0::1]/a",
            "http://h:80/a",
            "ws://h:80/a",
            "wss://h:443/a",
            "ftp://h:21/a",
            "file:///{path}",
        ] {
            assert!(!is_normal(uri), "{uri:?}");
        }
    }

    #[test]
    fn what_has_one_spelling_passes() {
        for uri in [
            "u",
            "file:///",
            "file:///a/...",
            "file:///a/.b/c..d/e.",
            "file:///a/b/",
            "file:///s%C3%A9cret/100%25",
            "file://server/share/a",
            "https://h.x:8/a//b?x=..y",
            "https://h.x/a?b#c",
            "http://127.0.0.1:8080/a",
            "http://[::1]/a",
            "postgres://user@h:5432/db/table",
            "demo://resource/static/1",
            "demo://Resource/1",
            "demo:///x",
            "urn:x:a",
            "note:a%20b",
        ] {
            assert!(is_normal(uri), "{uri:?}");
        }
        assert!(is_normal_template("file:///{+path}{.ext}"));
        assert!(is_normal_template("https://{host}/a/{id}"));
        assert!(!is_normal_template("FILE:///{+path}"));
    }
}
