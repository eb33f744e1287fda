//! The request: its head opens the exchange, its body is told once, wherever its end is seen.

use super::{BODY_LIMIT, Driver, Env, Machine, Side, Step, broken};
use crate::host::HostError;
use crate::refusal;
use mcp_zero_gate::{Cx, Direction, Event, Flow, Headers, RequestHead, Verified};

const REQUEST: Direction = Direction::Request;

impl<M: Machine> Driver<M> {
    pub(super) fn request_headers(&mut self, ends: bool, env: &mut Env<'_>) -> Step {
        let flow = match self.open(ends, env) {
            Ok(flow) => flow,
            Err(e) => self.fail(e, env),
        };
        match flow {
            Flow::Go => self.let_go(env),
            Flow::Hold | Flow::Done => Step::Pause,
        }
    }

    fn open(&mut self, ends: bool, env: &mut Env<'_>) -> Result<Flow, HostError> {
        let headers = Headers::new(env.host.headers(REQUEST)?);
        *self.length_mut(REQUEST) = super::length(&headers);
        let id = headers.one("x-request-id").ok().flatten();
        self.correlation = id.filter(|id| refusal::is_safe(id)).map(str::to_owned);
        let client = env.host.property(&["source", "address"])?;
        let client = client.as_deref().map(without_port).unwrap_or_default();
        let now_ms = env.host.now_ms()?;
        let [issuer, subject] = [claim("iss", env)?, claim("sub", env)?];
        let verified = issuer.zip(subject);
        let head = RequestHead {
            headers: &headers,
            ends,
            request_id: self.correlation.as_deref().unwrap_or(refusal::NO_ID),
            client: &client,
            verified: verified
                .as_ref()
                .map(|(issuer, subject)| Verified { issuer, subject }),
        };
        let mut out = Vec::new();
        let (machine, flow) = M::open(
            &head,
            &mut Cx {
                now_ms,
                world: env.world,
                out: &mut out,
            },
        );
        self.machine = Some(machine);
        self.request = if ends {
            Side::Deciding { size: 0 }
        } else {
            Side::Gathering {
                limit: BODY_LIMIT,
                size: 0,
            }
        };
        Ok(self.carry_out(flow, out, env))
    }

    pub(super) fn request_body(&mut self, size: usize, ends: bool, env: &mut Env<'_>) -> Step {
        match self.request {
            Side::Gathering { limit, .. } => {
                self.request = Side::Gathering { limit, size };
                if size > limit {
                    let flow = self.tell(Event::Overflow(REQUEST), env);
                    return self.unless_ended(flow, env);
                }
                if ends {
                    return self.request_whole(size, env);
                }
                Step::Pause
            }
            Side::Passing => Step::Continue,
            Side::Deciding { .. } | Side::Stopped => Step::Pause,
            Side::Ahead | Side::Streaming | Side::Own => {
                self.fail(broken("request body"), env);
                Step::Pause
            }
        }
    }

    /// Trailers end the request as well: a body callback has not said so then. They say
    /// nothing that a server of MCP would read, and they were not judged.
    pub(super) fn request_trailers(&mut self, env: &mut Env<'_>) -> Step {
        if self.over {
            return Step::Pause;
        }
        if let Err(e) = env.host.clear_trailers(REQUEST) {
            self.fail(e, env);
            return Step::Pause;
        }
        match self.request {
            Side::Gathering { size, .. } => self.request_whole(size, env),
            Side::Passing => Step::Continue,
            Side::Deciding { .. } | Side::Stopped => Step::Pause,
            Side::Ahead | Side::Streaming | Side::Own => {
                self.fail(broken("request trailers"), env);
                Step::Pause
            }
        }
    }

    fn request_whole(&mut self, size: usize, env: &mut Env<'_>) -> Step {
        let body = match self.whole(REQUEST, size, env) {
            Ok(body) => body,
            Err(e) => {
                self.fail(e, env);
                return Step::Pause;
            }
        };
        self.request = Side::Deciding { size };
        match self.tell(Event::Request(&body), env) {
            Flow::Go => self.let_go(env),
            Flow::Hold | Flow::Done => Step::Pause,
        }
    }

    fn let_go(&mut self, env: &mut Env<'_>) -> Step {
        match self.release(REQUEST, env) {
            Ok(()) => Step::Continue,
            Err(e) => {
                self.fail(e, env);
                Step::Pause
            }
        }
    }

    /// After an overflow nothing but an answer is right.
    pub(super) fn unless_ended(&mut self, flow: Flow, env: &mut Env<'_>) -> Step {
        if flow != Flow::Done {
            self.fail(broken("overflow"), env);
        }
        Step::Pause
    }
}

/// A claim that Envoy's own check of the token has verified; none where it is no text.
fn claim(name: &str, env: &mut Env<'_>) -> Result<Option<String>, HostError> {
    let value = env.host.property(&[
        "metadata",
        "filter_metadata",
        "envoy.filters.http.jwt_authn",
        "jwt",
        name,
    ])?;
    Ok(value.and_then(|value| String::from_utf8(value).ok()))
}

/// An address as Envoy prints it, without its port.
fn without_port(address: &[u8]) -> String {
    let address = String::from_utf8_lossy(address);
    match address.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned(),
        _ => address.into_owned(),
    }
}

#[cfg(test)]
#[cfg(not(feature = "panic-switch"))]
mod tests {
    use super::without_port;

    #[test]
    fn addresses_lose_their_port() {
        for (address, host) in [
            ("10.0.0.1:5000", "10.0.0.1"),
            ("[::1]:5000", "::1"),
            ("/run/socket", "/run/socket"),
            ("", ""),
        ] {
            assert_eq!(without_port(address.as_bytes()), host);
        }
    }
}
