//! Against a real endpoint on a socket, which checks what it is asked.

use super::*;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use jwt_simple::reexports::ct_codecs::{Base64, Decoder as _};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex as Plain;
use std::sync::atomic::{AtomicUsize, Ordering};

const NOW: u64 = 1_800_000_000;
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// How it answers.
#[derive(Clone)]
enum Mode {
    /// As it should, with these members in place of its own.
    Grant(Value),
    /// So, word for word.
    Say(u16, &'static str, Option<&'static str>),
    /// Too late.
    Sleep,
}

struct Endpoint {
    mode: Plain<Mode>,
    asked: AtomicUsize,
    forms: Plain<Vec<BTreeMap<String, String>>>,
}

async fn answer(
    State(endpoint): State<Arc<Endpoint>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let number = endpoint.asked.fetch_add(1, Ordering::SeqCst);
    let basic = headers["authorization"].to_str().unwrap();
    let basic = basic.strip_prefix("Basic ").unwrap();
    let basic = Base64::decode_to_vec(basic, None).unwrap();
    // Each part is encoded by itself.
    assert_eq!(
        String::from_utf8(basic).unwrap(),
        "gate%3Away:p%26ss+w%C3%B6rd"
    );
    let form: BTreeMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
    let subject = form["subject_token"].clone();
    endpoint.forms.lock().unwrap().push(form);
    let mode = endpoint.mode.lock().unwrap().clone();
    match mode {
        Mode::Grant(changes) => {
            // Others get a chance to ask as well.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let mut members = json!({"access_token": format!("for-{subject}-{number}"),
                "issued_token_type": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 600});
            for (name, value) in changes.as_object().unwrap() {
                members[name] = value.clone();
            }
            members.as_object_mut().unwrap().retain(|_, v| !v.is_null());
            members.to_string().into_response()
        }
        Mode::Say(status, text, retry_after) => {
            let status = StatusCode::from_u16(status).unwrap();
            match retry_after {
                Some(after) => (status, [("retry-after", after)], text).into_response(),
                None => (status, text).into_response(),
            }
        }
        Mode::Sleep => {
            tokio::time::sleep(Duration::from_secs(5)).await;
            StatusCode::OK.into_response()
        }
    }
}

impl Endpoint {
    async fn start(mode: Mode) -> (Arc<Self>, Broker) {
        let endpoint = Arc::new(Self {
            mode: Plain::new(mode),
            asked: AtomicUsize::new(0),
            forms: Plain::default(),
        });
        let router = Router::new()
            .route("/v1/token", post(answer))
            .with_state(Arc::clone(&endpoint));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/token", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (endpoint, at(&url))
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }
}

fn at(url: &str) -> Broker {
    Broker::new(TokenEndpoint {
        url: TokenEndpoint::url(url, true).unwrap(),
        client_id: "gate:way".to_owned(),
        client_secret: Secret::new("p&ss wörd".to_owned()),
    })
    .unwrap()
}

fn request(user: &str) -> TokenRequest {
    TokenRequest {
        issuer: "https://id.example".to_owned(),
        subject: user.to_owned(),
        token: format!("token.of.{user}"),
        token_expires_at: NOW + 3600,
        server: "crm".to_owned(),
        audience: "api://crm".to_owned(),
        scopes: vec!["crm.read".to_owned(), "crm.write".to_owned()],
    }
}

fn grant() -> Mode {
    Mode::Grant(json!({}))
}

#[tokio::test]
async fn what_is_asked_is_what_rfc_8693_says() {
    let (endpoint, broker) = Endpoint::start(grant()).await;
    let token = broker.token(&request("alice"), NOW).await.unwrap();
    assert_eq!(token.text.reveal(), "for-token.of.alice-0");
    assert_eq!(token.expires_at, NOW + 600);
    assert!(!format!("{token:?} {broker:?}").contains("alice"));
    assert!(!format!("{broker:?}").contains("p&ss"));
    let mut plain = request("bob");
    plain.scopes.clear();
    broker.token(&plain, NOW).await.unwrap();
    let forms = endpoint.forms.lock().unwrap();
    let expected = [
        ("audience", "api://crm"),
        (
            "grant_type",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ),
        ("requested_token_type", ACCESS_TOKEN),
        ("scope", "crm.read crm.write"),
        ("subject_token", "token.of.alice"),
        ("subject_token_type", ACCESS_TOKEN),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(forms[0], BTreeMap::from(expected));
    assert!(!forms[1].contains_key("scope"));
}

#[tokio::test]
async fn one_answer_serves_all_who_wait_and_those_who_come_after() {
    let (endpoint, broker) = Endpoint::start(grant()).await;
    let broker = Arc::new(broker);
    let all = (0..100).map(|_| {
        let broker = Arc::clone(&broker);
        tokio::spawn(async move { broker.token(&request("alice"), NOW).await.unwrap() })
    });
    for one in all.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap().text.reveal(), "for-token.of.alice-0");
    }
    broker.token(&request("alice"), NOW + 500).await.unwrap();
    assert_eq!(endpoint.asked(), 1);
    // Whatever differs in anything is another token.
    let change: [fn(&mut TokenRequest); 6] = [
        |r| r.issuer.push('x'),
        |r| r.subject.push('x'),
        |r| r.token.push('x'),
        |r| r.audience.push('x'),
        |r| r.scopes.truncate(1),
        |r| r.scopes = vec!["crm.readcrm.write".to_owned()],
    ];
    for (number, change) in change.into_iter().enumerate() {
        let mut other = request("alice");
        change(&mut other);
        broker.token(&other, NOW).await.unwrap();
        assert_eq!(endpoint.asked(), number + 2);
    }
}

#[tokio::test]
async fn no_token_is_ever_anothers() {
    let (_, broker) = Endpoint::start(grant()).await;
    let broker = Arc::new(broker);
    let mut tasks = Vec::new();
    for worker in 0..20_u64 {
        let broker = Arc::clone(&broker);
        tasks.push(tokio::spawn(async move {
            for turn in 0..500_u64 {
                let user = if (worker + turn) % 2 == 0 { "a" } else { "b" };
                // Time goes on, so that tokens are asked for again and again.
                let now = NOW + turn * 7;
                let Ok(token) = broker.token(&request(user), now).await else {
                    panic!("no token for {user} at {turn}");
                };
                let of_user = format!("for-token.of.{user}-");
                assert!(token.text.reveal().starts_with(&of_user));
                assert!(token.expires_at > now);
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(broker.len().await, 2);
}

#[tokio::test]
async fn a_token_lasts_no_longer_than_the_callers_own_and_is_replaced_early() {
    let (endpoint, broker) = Endpoint::start(grant()).await;
    let mut short = request("alice");
    short.token_expires_at = NOW + 100;
    let token = broker.token(&short, NOW).await.unwrap();
    assert_eq!(token.expires_at, NOW + 100);
    // A tenth of its life before its end.
    broker.token(&short, NOW + 89).await.unwrap();
    assert_eq!(endpoint.asked(), 1);
    broker.token(&short, NOW + 90).await.unwrap();
    assert_eq!(endpoint.asked(), 2);
    assert_eq!(
        broker.token(&short, NOW + 100).await,
        Err(Refused::Grant("the caller's token has expired"))
    );
    assert_eq!(endpoint.asked(), 2);

    // A minute before it at most; where nobody answers then, the old one serves to its end.
    endpoint.set(Mode::Grant(json!({"expires_in": 3000})));
    let bob = request("bob");
    let first = broker.token(&bob, NOW).await.unwrap();
    broker.token(&bob, NOW + 2939).await.unwrap();
    assert_eq!(endpoint.asked(), 3);
    endpoint.set(Mode::Say(503, "", None));
    assert_eq!(broker.token(&bob, NOW + 2940).await, Ok(first.clone()));
    assert_eq!(broker.token(&bob, NOW + 2941).await, Ok(first));
    assert_eq!(endpoint.asked(), 4, "it is not asked again at once");
    let refused = Err(Refused::Unavailable("a server error"));
    assert_eq!(broker.token(&bob, NOW + 3000).await, refused);
    // A right that was withdrawn ends it at once.
    endpoint.set(grant());
    broker.token(&bob, NOW + 3001).await.unwrap();
    endpoint.set(Mode::Say(400, r#"{"error":"invalid_grant"}"#, None));
    let late = broker.token(&bob, NOW + 3550).await;
    assert_eq!(late, Err(Refused::Grant("invalid_grant")));

    // Of unknown life: for whoever asked before it came. It outlasts the wait for it.
    endpoint.set(Mode::Grant(json!({ "expires_in": null })));
    let before = endpoint.asked();
    let eve = request("eve");
    for _ in 0..3 {
        let token = broker.token(&eve, NOW).await.unwrap();
        assert_eq!(token.expires_at, NOW + 60);
    }
    assert_eq!(endpoint.asked(), before + 3);
    let broker = Arc::new(broker);
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let (broker, eve) = (Arc::clone(&broker), eve.clone());
            tokio::spawn(async move { broker.token(&eve, NOW).await.unwrap() })
        })
        .collect();
    for one in waiting {
        one.await.unwrap();
    }
    assert_eq!(endpoint.asked(), before + 4);
    // It is nobody's afterwards, even where no other is to be had.
    endpoint.set(Mode::Say(503, "", None));
    let refused = Err(Refused::Unavailable("a server error"));
    assert_eq!(broker.token(&eve, NOW).await, refused);
}

#[tokio::test]
async fn a_good_token_does_not_wait_for_an_endpoint_that_hangs() {
    let (endpoint, broker) = Endpoint::start(grant()).await;
    let broker = Arc::new(broker);
    let first = broker.token(&request("alice"), NOW).await.unwrap();
    endpoint.set(Mode::Sleep);
    let began = Instant::now();
    let all: Vec<_> = (0..10)
        .map(|_| {
            let broker = Arc::clone(&broker);
            tokio::spawn(async move { broker.token(&request("alice"), NOW + 560).await })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap(), Ok(first.clone()));
    }
    // One wait for all, not one after the other.
    assert!(began.elapsed() < Duration::from_millis(2900));
    assert_eq!(endpoint.asked(), 2);
}

#[tokio::test]
async fn more_callers_than_requests_at_once_wait_for_their_turn() {
    let (endpoint, broker) = Endpoint::start(grant()).await;
    let broker = Arc::new(broker);
    let all: Vec<_> = (0..MOST_REQUESTS + 40)
        .map(|number| {
            let broker = Arc::clone(&broker);
            tokio::spawn(async move { broker.token(&request(&number.to_string()), NOW).await })
        })
        .collect();
    for one in all {
        assert!(one.await.unwrap().is_ok());
    }
    assert_eq!(endpoint.asked(), MOST_REQUESTS + 40);
    // But not for long.
    endpoint.set(Mode::Sleep);
    let hang: Vec<_> = (0..MOST_REQUESTS)
        .map(|number| {
            let broker = Arc::clone(&broker);
            let user = format!("slow-{number}");
            tokio::spawn(async move { broker.token(&request(&user), NOW).await })
        })
        .collect();
    while endpoint.asked() < 2 * MOST_REQUESTS + 40 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let refused = broker.token(&request("late"), NOW).await;
    let busy = Refused::Unavailable("too many requests are under way");
    assert_eq!(refused, Err(busy));
    for one in hang {
        assert_eq!(one.await.unwrap(), Err(Refused::Timeout));
    }
}

#[tokio::test]
async fn whatever_goes_wrong_ends_in_no_token() {
    use Refused::{Client, Grant, Malformed, Unavailable};
    let (endpoint, broker) = Endpoint::start(grant()).await;
    let long = "a".repeat(9000);
    let own = "token.of.alice";
    for (mode, refused) in [
        (
            Mode::Say(400, r#"{"error":"invalid_grant"}"#, None),
            Grant("invalid_grant"),
        ),
        (
            Mode::Say(400, r#"{"error":"invalid_request"}"#, None),
            Grant("invalid_request"),
        ),
        (
            Mode::Say(400, r#"{"error":"invalid_target"}"#, None),
            Grant("invalid_target"),
        ),
        (
            Mode::Say(403, r#"{"error":"access_denied"}"#, None),
            Grant("access_denied"),
        ),
        (
            Mode::Say(400, r#"{"error":"c4n4ry"}"#, None),
            Grant("another error"),
        ),
        (
            Mode::Say(401, r#"{"error":"invalid_client"}"#, None),
            Client("invalid_client"),
        ),
        (
            Mode::Say(401, "no", None),
            Malformed("an error without a code"),
        ),
        (Mode::Say(500, "", None), Unavailable("a server error")),
        (Mode::Say(429, "", None), Unavailable("too many requests")),
        (
            Mode::Say(302, "", None),
            Malformed("a status that is no answer"),
        ),
        (
            Mode::Say(204, "", None),
            Malformed("a status that is no answer"),
        ),
        (Mode::Say(200, "", None), Malformed("a member is missing")),
        (Mode::Say(200, "[]", None), Malformed("a member is missing")),
        (
            Mode::Grant(json!({"access_token": null})),
            Malformed("a member is missing"),
        ),
        (
            Mode::Grant(json!({"access_token": 7})),
            Malformed("a member is missing"),
        ),
        (
            Mode::Grant(json!({"access_token": ""})),
            Malformed("`access_token` is no bearer token"),
        ),
        (
            Mode::Grant(json!({"access_token": "a\r\nx: y"})),
            Malformed("`access_token` is no bearer token"),
        ),
        (
            Mode::Grant(json!({"access_token": "a b"})),
            Malformed("`access_token` is no bearer token"),
        ),
        (
            Mode::Grant(json!({"access_token": long})),
            Malformed("`access_token` is no bearer token"),
        ),
        (
            Mode::Grant(json!({"access_token": own})),
            Malformed("`access_token` is the caller's own"),
        ),
        (
            Mode::Grant(json!({"issued_token_type": null})),
            Malformed("a member is missing"),
        ),
        (
            Mode::Grant(
                json!({"issued_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}),
            ),
            Malformed("`issued_token_type` is no access token"),
        ),
        (
            Mode::Grant(json!({"token_type": "N_A"})),
            Malformed("`token_type` is not Bearer"),
        ),
        (
            Mode::Grant(json!({"expires_in": 0})),
            Malformed("`expires_in` is out of range"),
        ),
        (
            Mode::Grant(json!({"expires_in": -5})),
            Malformed("a member is missing"),
        ),
        (
            Mode::Grant(json!({"expires_in": u64::MAX})),
            Malformed("`expires_in` is out of range"),
        ),
        (
            Mode::Grant(json!({"scope": "crm.read"})),
            Grant("fewer scopes than asked for"),
        ),
        (Mode::Sleep, Refused::Timeout),
    ] {
        endpoint.set(mode);
        let answer = broker.token(&request("alice"), NOW).await;
        assert_eq!(answer.map(|t| t.text), Err(refused));
        assert!(!refused.to_string().contains("c4n4ry"));
    }
    // None of them is remembered.
    endpoint.set(Mode::Grant(json!({"scope": "crm.write crm.read more"})));
    assert!(broker.token(&request("alice"), NOW).await.is_ok());

    let nobody = at("http://127.0.0.1:1/token");
    let refused = Err(Unavailable("it cannot be reached"));
    assert_eq!(nobody.token(&request("alice"), NOW).await, refused);
}

#[tokio::test]
async fn an_endpoint_that_wants_to_be_left_alone_is() {
    let (endpoint, broker) = Endpoint::start(Mode::Say(429, "", Some("1"))).await;
    let first = broker.token(&request("alice"), NOW).await;
    assert_eq!(first, Err(Refused::Unavailable("too many requests")));
    endpoint.set(grant());
    for user in ["alice", "bob"] {
        let refused = broker.token(&request(user), NOW).await;
        assert_eq!(
            refused,
            Err(Refused::Unavailable("it asked to be left alone"))
        );
    }
    assert_eq!(endpoint.asked(), 1);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert!(broker.token(&request("alice"), NOW).await.is_ok());
}

#[test]
fn how_long_an_endpoint_wants_to_be_left_alone() {
    use super::endpoint::pause;
    let said = |status: u16, headers: &[(&'static str, &str)]| {
        let pairs = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let status = StatusCode::from_u16(status).unwrap();
        pause(status, &pairs.collect(), NOW).map(|pause| pause.as_secs())
    };
    let reset = |ahead: u64| (NOW + ahead).to_string();
    assert_eq!(said(429, &[("retry-after", "7")]), Some(7));
    assert_eq!(said(503, &[("retry-after", "900")]), Some(30));
    assert_eq!(
        said(429, &[("retry-after", "Fri, 27 Nov 2026 05:00:00 GMT")]),
        Some(30)
    );
    // Okta's way; a clock that is ahead of its own does not make it be asked at once.
    assert_eq!(said(429, &[("x-rate-limit-reset", &reset(12))]), Some(12));
    assert_eq!(said(429, &[("x-rate-limit-reset", &reset(90))]), Some(30));
    assert_eq!(said(429, &[("x-rate-limit-reset", "1")]), Some(1));
    assert_eq!(said(429, &[("x-rate-limit-reset", "soon")]), Some(30));
    let both = [("retry-after", "3"), ("x-rate-limit-reset", &*reset(12))];
    assert_eq!(said(429, &both), Some(3));
    assert_eq!(said(429, &[]), None);
    assert_eq!(said(400, &[("retry-after", "7")]), None);
}

#[test]
fn a_full_cache_gives_up_what_has_ended_then_what_is_least_used() {
    let mut cache = Cache::new(3);
    let of = |user: &str, ends: u64| TokenRequest {
        token_expires_at: ends,
        ..request(user)
    };
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|user| of(user, NOW + 100));
    let first = cache.slot(&a, NOW);
    cache.slot(&b, NOW);
    cache.slot(&of("short", NOW + 10), NOW);
    cache.slot(&c, NOW + 20);
    assert_eq!(cache.len(), 3, "what had ended went");
    assert!(Arc::ptr_eq(&first, &cache.slot(&a, NOW + 20)));
    cache.slot(&d, NOW + 20);
    assert_eq!(cache.len(), 3);
    assert!(Arc::ptr_eq(&first, &cache.slot(&a, NOW + 20)));
    assert_eq!(cache.len(), 3, "the one that was not used went");
}
