//! URLs of servers and issuers: one spelling each, and none that leads inside the platform.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use crate::code::Code;

use crate::notes::Notes;
use crate::render::quoted;
use crate::server::{Scheme, ServerUrl};

/// Host names and addresses of services that hand out a machine's credentials.
const METADATA_HOSTS: [&str; 5] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
];
const METADATA_V4: [Ipv4Addr; 4] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];
const METADATA_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

const NO_ORIGIN: &str = "scheme, host and port if it is not the usual one: https://app.example.com";

/// A URL in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) scheme: Scheme,
    pub(crate) host: Host,
    pub(crate) port: u16,
    /// Begins with `/` unless it is empty.
    pub(crate) path: String,
    pub(crate) query: Option<String>,
}

/// Where a URL leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    Name(String),
    Address(IpAddr),
}

/// Why a text is no URL of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UrlError {
    pub(crate) code: Code,
    pub(crate) message: &'static str,
    pub(crate) help: Option<&'static str>,
}

impl UrlError {
    fn new(message: &'static str) -> Self {
        Self {
            code: Code::Url,
            message,
            help: None,
        }
    }

    fn help(mut self, help: &'static str) -> Self {
        self.help = Some(help);
        self
    }

    fn coded(mut self, code: Code) -> Self {
        self.code = code;
        self
    }
}

impl Url {
    /// Reads a URL and checks where it leads.
    pub(crate) fn parse(text: &str) -> Result<Self, UrlError> {
        if text.contains("${") {
            return Err(UrlError::new("a variable in this URL is not supported yet")
                .help("write the value out")
                .coded(Code::NotSupported));
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(
                UrlError::new("a URL has only visible ASCII characters and no spaces")
                    .help("write other characters as %XX, and host names in punycode"),
            );
        }
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("https", rest)) => (Scheme::Https, rest),
            Some(_) | None => {
                return Err(UrlError::new("a URL begins with https:// (or http://)"));
            }
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        if authority.contains('@') {
            return Err(UrlError::new("a URL may not hold credentials")
                .help("take away what stands before the `@`"));
        }
        let (host, port) = split_port(authority)?;
        let host = Host::parse(host)?;
        host.check()?;
        if tail.contains('#') {
            return Err(UrlError::new("a URL may not have a fragment"));
        }
        let (path, query) = match tail.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (tail, None),
        };
        check_path(path)?;
        Ok(Self {
            scheme,
            host,
            port: port.unwrap_or(scheme.default_port()),
            path: path.to_owned(),
            query: query.map(str::to_owned),
        })
    }

    /// As the URL of a server, which has a path and nothing after it.
    pub(crate) fn server(&self) -> Result<ServerUrl, UrlError> {
        if self.query.is_some() {
            return Err(
                UrlError::new("a query in a server's URL is not supported yet")
                    .help("take away the `?` and what follows")
                    .coded(Code::NotSupported),
            );
        }
        let host = match &self.host {
            Host::Name(name) => name.clone(),
            Host::Address(address) => address.to_string(),
        };
        Ok(ServerUrl {
            scheme: self.scheme,
            host,
            port: self.port,
            path: if self.path.is_empty() {
                "/".to_owned()
            } else {
                self.path.clone()
            },
        })
    }
}

/// Why an http URL is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excuse {
    /// It does not leave the machine.
    Loopback,
    /// `allow_insecure: true` on the server.
    Server,
    /// `MCP_SKIP_TLS_VALIDATION`.
    Environment,
}

impl Excuse {
    /// Reports an http URL, as a warning where it is excused.
    pub(crate) fn report(
        excuse: Option<Self>,
        span: &Range<usize>,
        help: &str,
        notes: &mut Notes<'_>,
    ) {
        let reason = match excuse {
            None => {
                notes.advise(span, Code::InsecureUrl, "the URL must be https", help);
                return;
            }
            Some(Self::Loopback) => "it is loopback",
            Some(Self::Server) => "`allow_insecure` is on",
            Some(Self::Environment) => "MCP_SKIP_TLS_VALIDATION is on",
        };
        let message = format!("an http URL is accepted because {reason}");
        let help = "use https wherever it leaves this machine";
        notes.warn(span, Code::InsecureUrlAccepted, message, help);
    }
}

pub(crate) fn split_port(authority: &str) -> Result<(&str, Option<u16>), UrlError> {
    let inside = authority.rfind(']').map_or(0, |at| at + 1);
    let after = authority.get(inside..).unwrap_or_default();
    let Some(colon) = after.find(':') else {
        return Ok((authority, None));
    };
    let host = authority.get(..inside + colon).unwrap_or_default();
    let digits = after.get(colon + 1..).unwrap_or_default();
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    match digits.parse::<u16>() {
        Ok(port) if plain && port != 0 => Ok((host, Some(port))),
        Ok(_) | Err(_) => Err(UrlError::new(
            "the port of a URL is a number from 1 to 65535",
        )),
    }
}

/// What is wrong with a text as the origin of a web page (RFC 6454 §6.2), and what to do: it
/// is compared with the header `Origin`, in which no browser writes a scheme's usual port.
pub fn origin_fault(text: &str) -> Option<&'static str> {
    let (scheme, authority) = match text.split_once("://") {
        Some(("http", authority)) => (Scheme::Http, authority),
        Some(("https", authority)) => (Scheme::Https, authority),
        Some(_) | None => return Some(NO_ORIGIN),
    };
    match split_port(authority) {
        Ok((_, Some(port))) if port == scheme.default_port() => {
            Some("leave the port out: browsers do, where it is the usual one of the scheme")
        }
        Ok((host, _)) if Host::parse(host).is_ok() => None,
        Ok(_) | Err(_) => Some(NO_ORIGIN),
    }
}

/// What is wrong with a text as the name of a host, without a port, as `Host` is compared
/// with it (RFC 9110 §7.2), and what to do.
pub fn host_fault(text: &str) -> Option<&'static str> {
    match split_port(text) {
        Ok((_, Some(_))) => Some("leave the port out: the host is compared without it"),
        Ok((host, None)) if Host::parse(host).is_ok() => None,
        Ok(_) | Err(_) => Some("a name or an address; IPv6 in brackets"),
    }
}

fn check_path(path: &str) -> Result<(), UrlError> {
    let bytes = path.as_bytes();
    for (at, byte) in path.bytes().enumerate() {
        let known = byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte);
        let escape = byte == b'%'
            && bytes
                .get(at + 1..at + 3)
                .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        if !known && !escape {
            return Err(UrlError::new(
                "the path of a URL has a character that must be written as %XX",
            ));
        }
    }
    let climbs = |segment: &str| {
        let plain = segment.replace("%2e", ".").replace("%2E", ".");
        plain == "." || plain == ".."
    };
    if path.split('/').any(climbs) {
        return Err(UrlError::new(
            "the path of a URL may not have `.` or `..` segments",
        ));
    }
    Ok(())
}

impl Host {
    pub(crate) fn parse(text: &str) -> Result<Self, UrlError> {
        if let Some(rest) = text.strip_prefix('[') {
            let address = rest
                .strip_suffix(']')
                .and_then(|a| a.parse::<Ipv6Addr>().ok());
            return address
                .map(|a| Self::Address(IpAddr::V6(a)))
                .ok_or_else(|| UrlError::new("the IPv6 address of a URL cannot be read"));
        }
        let name = text.to_ascii_lowercase();
        let label = |l: &str| {
            let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            !l.is_empty()
                && l.len() <= 63
                && l.bytes().all(inner)
                && !l.starts_with('-')
                && !l.ends_with('-')
        };
        if name.is_empty() || name.len() > 253 || !name.split('.').all(label) {
            return Err(UrlError::new("the URL's host is not a host name"));
        }
        // What ends in a number is an address to some programs, in one of many spellings.
        let last = name.rsplit('.').next().unwrap_or_default();
        let numeric = last.bytes().all(|b| b.is_ascii_digit())
            || last
                .strip_prefix("0x")
                .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        if !numeric {
            return Ok(Self::Name(name));
        }
        // std accepts four decimal numbers without leading zeros, nothing else.
        name.parse::<Ipv4Addr>()
            .map(|a| Self::Address(IpAddr::V4(a)))
            .map_err(|_| {
                UrlError::new("an IPv4 address is four decimal numbers")
                    .help("hexadecimal, octal and shortened addresses are refused")
                    .coded(Code::ForbiddenAddress)
            })
    }

    pub(crate) fn is_loopback(&self) -> bool {
        match self {
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
            Self::Address(IpAddr::V4(a)) => a.is_loopback(),
            Self::Address(IpAddr::V6(a)) => a.is_loopback(),
        }
    }

    fn check(&self) -> Result<(), UrlError> {
        let refuse = |message| Err(UrlError::new(message).coded(Code::ForbiddenAddress));
        match self {
            Self::Name(name) if METADATA_HOSTS.contains(&name.as_str()) => {
                refuse("the URL leads to a cloud's metadata service")
            }
            Self::Name(_) => Ok(()),
            Self::Address(address) => match forbidden(*address) {
                Some(message) => refuse(message),
                None => Ok(()),
            },
        }
    }
}

fn forbidden(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(a) if METADATA_V4.contains(&a) => {
            Some("the URL leads to a cloud's metadata service")
        }
        IpAddr::V4(a) if a.octets().first() == Some(&0) => {
            Some("the URL leads to no address at all")
        }
        IpAddr::V4(a) if a.is_link_local() => Some("the URL leads to a link-local address"),
        IpAddr::V4(a) if a.is_multicast() || a.is_broadcast() => {
            Some("the URL leads to a multicast address")
        }
        IpAddr::V4(_) => None,
        IpAddr::V6(a) if METADATA_V6.contains(&a) => {
            Some("the URL leads to a cloud's metadata service")
        }
        IpAddr::V6(a) if a.is_unspecified() => Some("the URL leads to no address at all"),
        IpAddr::V6(a) if a.is_unicast_link_local() => Some("the URL leads to a link-local address"),
        IpAddr::V6(a) if a.is_multicast() => Some("the URL leads to a multicast address"),
        IpAddr::V6(a) if embeds_v4(a) => Some("an IPv4 address may not be written as IPv6"),
        IpAddr::V6(_) => None,
    }
}

/// IPv4-mapped, IPv4-compatible, NAT64 and 6to4.
fn embeds_v4(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, ..] | [0x2002, ..] => true,
        [0, 0, 0, 0, 0, 0, 0, last] => last > 1,
        [0, 0, 0, 0, 0, 0, ..] => true,
        _ => false,
    }
}

/// Reads a URL and reports what is wrong with it.
pub(crate) fn read(text: &str, span: &Range<usize>, notes: &mut Notes<'_>) -> Option<Url> {
    reported(Url::parse(text), text, span, notes)
}

pub(crate) fn reported<T>(
    result: Result<T, UrlError>,
    text: &str,
    span: &Range<usize>,
    notes: &mut Notes<'_>,
) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            // Credentials are not repeated.
            let message = if text.contains('@') {
                error.message.to_owned()
            } else {
                format!("{}: {}", error.message, quoted(text))
            };
            match error.help {
                Some(help) => notes.advise(span, error.code, message, help),
                None => notes.error(span, error.code, message),
            }
            None
        }
    }
}

#[cfg(test)]
mod tests;
