//! Questions to the control plane while the request waits (callout.proto).

use super::{Exchange, Phase};
use crate::action::{Action, Call, Flow, ServerCredential};
use crate::event::{Answer, CallError, CallId};
use crate::refusal::Refusal;
use crate::world::{Cx, Live};
use mcp_zero_identity::{MAX_TOKEN_BYTES, is_token68};
use mcp_zero_proto::{KeyRequest, Message as _, TokenAnswer, TokenRequest};

/// The longest that a client waits for the control plane.
const TIMEOUT_MS: u32 = 2000;

/// What the request waits for.
#[derive(Debug)]
pub(super) enum Question {
    /// Whether the issuer has the key of the token. Whatever the answer, this request is refused.
    Key,
    /// A token for the server, which then gets the request by this cluster.
    Token { cluster: String },
}

impl Exchange {
    /// Has the control plane look for a key that nobody here knows.
    pub(super) fn ask_for_key(&mut self, live: &Live, token: &str, cx: &mut Cx<'_>) -> Flow {
        let unverified = live.verifier.unverified(token).ok();
        let asked = unverified
            .as_ref()
            .and_then(|token| Some((token.issuer, token.algorithm, token.kid.as_deref()?)));
        let (Some((issuer, algorithm, kid)), Some(_)) = (asked, live.snapshot.control_plane())
        else {
            // Without an id, or with nobody to ask, there is nothing to look for.
            return self.refuse(&Refusal::BadToken, cx);
        };
        let body = KeyRequest {
            issuer: issuer.issuer.clone(),
            algorithm: algorithm.name().to_owned(),
            kid: kid.to_owned(),
        };
        self.ask(
            live,
            "/mcp-zero/key",
            body.encode_to_vec(),
            Question::Key,
            cx,
        )
    }

    /// The request may go on, with a token for the server where it wants one of its own.
    pub(super) fn admit_upstream(&mut self, cx: &mut Cx<'_>) -> Flow {
        let Some(live) = self.live.clone() else {
            return self.refuse(&Refusal::Unavailable, cx);
        };
        let Some(server) = live.snapshot.server(&self.server) else {
            return self.refuse(&Refusal::Unavailable, cx);
        };
        let cluster = server.cluster.to_string();
        let Some(exchange) = &server.exchange else {
            return self.go(cluster, cx);
        };
        let (Some(caller), Some(token)) = (self.caller.clone(), self.token.take()) else {
            self.record.reason = Some("there is no token to exchange".to_owned());
            return self.refuse(&Refusal::NoExchange, cx);
        };
        let body = TokenRequest {
            issuer: caller.issuer.to_string(),
            subject: caller.subject.to_string(),
            token: token.into(),
            token_expires_at: caller.expires_at,
            server: self.server.clone(),
            audience: exchange.audience.to_string(),
            scopes: exchange.scopes.iter().map(ToString::to_string).collect(),
        };
        let question = Question::Token { cluster };
        self.ask(&live, "/mcp-zero/token", body.encode_to_vec(), question, cx)
    }

    fn ask(
        &mut self,
        live: &Live,
        path: &str,
        body: Vec<u8>,
        question: Question,
        cx: &mut Cx<'_>,
    ) -> Flow {
        let Some(cluster) = live.snapshot.control_plane() else {
            self.record.reason = Some("there is no control plane to ask".to_owned());
            return self.refuse(&Refusal::NoExchange, cx);
        };
        let headers = [
            (":method", "POST"),
            (":path", path),
            (":authority", "mcp-zero"),
            (":scheme", "http"),
            ("content-type", "application/x-protobuf"),
            ("x-request-id", &self.record.correlation_id),
        ];
        let call = Call {
            cluster: cluster.to_owned(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            body,
            timeout_ms: TIMEOUT_MS,
        };
        self.calls += 1;
        let id = CallId(self.calls);
        cx.out.push(Action::Call(id, call));
        self.phase = Phase::Waiting(id, question);
        Flow::Hold
    }

    /// What the control plane has said, if the request waits for that.
    pub(super) fn answered(
        &mut self,
        id: CallId,
        answer: Result<Answer<'_>, CallError>,
        cx: &mut Cx<'_>,
    ) -> Flow {
        // An answer to anything else lets nothing go.
        if !matches!(&self.phase, Phase::Waiting(asked, _) if *asked == id) {
            return Flow::Hold;
        }
        let Phase::Waiting(_, question) = std::mem::replace(&mut self.phase, Phase::Sent) else {
            return self.give_up(cx);
        };
        match question {
            Question::Key => {
                let refusal = match answer.map(|answer| answer.status) {
                    Ok(204) => Refusal::KeyOnItsWay,
                    Ok(404) => Refusal::BadToken,
                    Ok(_) | Err(_) => Refusal::Unavailable,
                };
                self.refuse(&refusal, cx)
            }
            Question::Token { cluster } => match exchanged(answer, cx.seconds()) {
                Ok(token) => {
                    let credential = ServerCredential::bearer(&token);
                    self.credential = Some(credential.clone());
                    cx.out.push(Action::Credential(credential));
                    self.go(cluster, cx)
                }
                Err(reason) => {
                    self.record.reason = Some(reason.to_owned());
                    self.refuse(&Refusal::NoExchange, cx)
                }
            },
        }
    }

    fn go(&mut self, cluster: String, cx: &mut Cx<'_>) -> Flow {
        cx.out.push(Action::Admit(cluster));
        self.record.decision = "allow";
        self.phase = Phase::Sent;
        Flow::Go
    }
}

/// The token of an answer, or the sentence for the record.
fn exchanged(answer: Result<Answer<'_>, CallError>, now: u64) -> Result<String, &'static str> {
    let answer = answer.map_err(|_| "the control plane does not answer")?;
    match answer.status {
        200 => {}
        400 => return Err("token exchange: the live policy says something else"),
        403 => return Err("token exchange: refused by the issuer"),
        502 => return Err("token exchange: the issuer's answer is malformed"),
        504 => return Err("token exchange: the issuer does not answer in time"),
        _ => return Err("token exchange: not available"),
    }
    let malformed = "token exchange: the control plane's answer is malformed";
    let answer = TokenAnswer::decode(answer.body).map_err(|_| malformed)?;
    let token = answer.access_token;
    let fits = token.len() <= MAX_TOKEN_BYTES && is_token68(&token) && answer.expires_at > now;
    fits.then_some(token).ok_or(malformed)
}
