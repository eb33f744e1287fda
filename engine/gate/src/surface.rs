//! Where a request wants to go: host, origin and path, each judged on its own.

use crate::cors;
use crate::head::Headers;
use mcp_zero_policy::Surface;

/// What the path names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// `/mcp/<server>`
    Server(&'a str),
    /// An RFC 9728 document: of the gateway (empty), or of a resource path below it.
    Metadata(&'a str),
}

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The route of a path without its query.
pub(crate) fn route(path: &str) -> Option<Route<'_>> {
    if let Some(rest) = path.strip_prefix(WELL_KNOWN) {
        return match rest {
            "" | "/" => Some(Route::Metadata("")),
            _ => server_path(rest).map(|_| Route::Metadata(trimmed(rest))),
        };
    }
    server_path(path).map(Route::Server)
}

fn server_path(path: &str) -> Option<&str> {
    let name = trimmed(path).strip_prefix("/mcp/")?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

fn trimmed(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

/// Whether `:authority` is a name of the gateway.
pub(crate) fn host_is_ours(surface: &Surface, headers: &Headers) -> bool {
    let Ok(Some(authority)) = headers.one(":authority") else {
        return false;
    };
    let Some(host) = host_of(authority) else {
        return false;
    };
    let public = authority_of(&surface.public_url).and_then(host_of);
    is_loopback(host)
        || public.is_some_and(|p| p.eq_ignore_ascii_case(host))
        || surface
            .allowed_hosts
            .iter()
            .any(|h| h.eq_ignore_ascii_case(host))
}

/// Whether `Origin` is absent or ours. It is never compared with the request's host: DNS
/// rebinding makes those agree.
pub(crate) fn origin_is_ours(surface: &Surface, headers: &Headers) -> bool {
    let origin = match headers.one("origin") {
        Ok(None) => return true,
        Ok(Some(origin)) => origin,
        Err(_) => return false,
    };
    if origin.eq_ignore_ascii_case(origin_of(&surface.public_url))
        || cors::allows(surface.cors.as_ref(), origin)
    {
        return true;
    }
    let Some(authority) = authority_of(origin) else {
        return false;
    };
    origin.len() == origin_of(origin).len() && host_of(authority).is_some_and(is_loopback)
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host == "127.0.0.1" || host == "[::1]"
}

/// Scheme and authority of a URL.
fn origin_of(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url
        .get(start..)
        .and_then(|rest| rest.find(['/', '?', '#']))
        .map_or(url.len(), |at| start + at);
    url.get(..end).unwrap_or(url)
}

fn authority_of(url: &str) -> Option<&str> {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"))?;
    rest.split(['/', '?', '#']).next()
}

/// The host of an authority; none where it holds anything but a host and a port.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']')? + 2;
            let (host, rest) = authority.split_at_checked(end)?;
            (
                host,
                rest.strip_prefix(':').or(rest.is_empty().then_some("0")),
            )
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, Some("0")),
        },
    };
    let port = port?;
    let digits = !port.is_empty() && port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b);
    (digits && !host.is_empty() && host.bytes().all(fits)).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surface() -> Surface {
        Surface {
            public_url: "https://gw.example.com".into(),
            allowed_hosts: vec!["alias.example.com".into()],
            cors: None,
        }
    }

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        Headers::new(
            pairs
                .iter()
                .map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()))
                .collect(),
        )
    }

    #[test]
    fn hosts() {
        for (host, ours) in [
            ("gw.example.com", true),
            ("GW.example.com:8443", true),
            ("alias.example.com", true),
            ("localhost:8080", true),
            ("127.0.0.1", true),
            ("[::1]:8080", true),
            ("[::1]", true),
            ("evil.example", false),
            ("gw.example.com,evil.example", false),
            ("gw.example.com@evil", false),
            ("gw.example.com:80x", false),
            ("[::1]x", false),
            ("localhost:", false),
            ("", false),
        ] {
            let found = host_is_ours(&surface(), &headers(&[(":authority", host)]));
            assert_eq!(found, ours, "{host}");
        }
        assert!(!host_is_ours(&surface(), &headers(&[])));
    }

    #[test]
    fn origins() {
        for (origin, ours) in [
            ("https://gw.example.com", true),
            ("http://gw.example.com", false),
            ("https://gw.example.com:444", false),
            ("http://localhost:3000", true),
            ("http://[::1]:6274", true),
            ("https://127.0.0.1", true),
            ("http://localhost.evil.example", false),
            ("http://localhost/x", false),
            ("null", false),
            ("https://alias.example.com", false),
            ("", false),
        ] {
            let found = origin_is_ours(&surface(), &headers(&[("origin", origin)]));
            assert_eq!(found, ours, "{origin}");
        }
        let two = headers(&[("origin", "https://gw.example.com"), ("origin", "null")]);
        assert!(!origin_is_ours(&surface(), &two));
        assert!(origin_is_ours(&surface(), &headers(&[])));
    }

    #[test]
    fn routes() {
        assert_eq!(route("/mcp/a"), Some(Route::Server("a")));
        assert_eq!(route("/mcp/a/"), Some(Route::Server("a")));
        for path in [
            "/", "/mcp", "/mcp/", "/mcp//", "/mcp/a/b", "/mcp/a//", "/x", "",
        ] {
            assert_eq!(route(path), None, "{path}");
        }
        assert_eq!(route(WELL_KNOWN), Some(Route::Metadata("")));
        let below = format!("{WELL_KNOWN}/mcp/a");
        assert_eq!(route(&below), Some(Route::Metadata("/mcp/a")));
        assert_eq!(route(&format!("{WELL_KNOWN}x")), None);
    }
}
