//! Takes credentials off what Envoy writes to its standard error: its crash dump
//! prints the request headers, the Authorization header among them.

/// What stands in place of a credential.
const REDACTED: &str = "[redacted]";

/// After one of these names everything to the end of the line goes.
const NAMES: [&str; 11] = [
    "authorization",
    "www-authenticate",
    "bearer ",
    "basic ",
    "cookie",
    "x-api-key",
    "api_key",
    "mcp-session-id",
    "access_token",
    "refresh_token",
    "client_secret",
];

/// One line without credentials.
pub fn scrub(line: &str) -> String {
    // ASCII lower case keeps byte offsets.
    let lower = line.to_ascii_lowercase();
    let cut = NAMES
        .iter()
        .filter_map(|name| lower.find(name).map(|at| at + name.len()))
        .min();
    let (kept, tail) = match cut.and_then(|at| line.split_at_checked(at)) {
        Some((kept, rest)) if rest.chars().any(char::is_alphanumeric) => {
            (kept, format!(" {REDACTED}"))
        }
        Some(_) | None => (line, String::new()),
    };
    let mut out = without_tokens(kept);
    out.push_str(&tail);
    out.retain(|c| !c.is_control() || c == '\t');
    out
}

/// Replaces what looks like a JSON web token.
fn without_tokens(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("eyJ") {
        let (before, from) = rest.split_at(start);
        let end = from
            .find(|c: char| !(c.is_ascii_alphanumeric() || "-_.~+/=".contains(c)))
            .unwrap_or(from.len());
        let (token, after) = from.split_at(end);
        out.push_str(before);
        out.push_str(if token.len() >= 16 { REDACTED } else { token });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_a_crash_dump_are_gone() {
        let canary = "c4n4ry";
        for line in [
            "'authorization', 'Bearer c4n4ry'",
            "  \"Authorization\": \"Basic c4n4ry\"",
            "PROXY-AUTHORIZATION: c4n4ry",
            "value bEaReR c4n4ry, next",
            "'cookie', 'a=b; s=c4n4ry'",
            "GET /x?access_token=c4n4ry HTTP/1.1",
            "'mcp-session-id', 'c4n4ry'",
            "'x-api-key', 'c4n4ry'",
            "ſ 'authorization', 'Bearer c4n4ry'",
        ] {
            assert!(!scrub(line).contains(canary), "{line} => {}", scrub(line));
        }
    }

    #[test]
    fn bare_tokens_are_gone_and_the_rest_stays() {
        let line = "bad token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln at 3; eyJx";
        assert_eq!(scrub(line), "bad token [redacted] at 3; eyJx");
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        let line = "[warning][config] listener 'mcp_policy' failed: address in use";
        assert_eq!(scrub(line), line);
    }

    #[test]
    fn control_characters_go() {
        assert_eq!(scrub("a\u{1b}[31mb\rc"), "a[31mbc");
    }
}
