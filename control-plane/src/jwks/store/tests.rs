use super::*;
use crate::jwks::shelf::tests::{keys, plan};

fn looked(issuer: &str, keys: Result<Vec<proto::Key>, String>) -> Looked {
    let uri = format!("{issuer}/keys");
    let fresh = None;
    Looked::new(&plan(issuer), keys.map(|keys| Found { uri, keys, fresh }))
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn keys_survive_an_issuer_that_is_away() {
    let mut store = KeyStore::default();
    store.plan(&[plan("https://a")], s(0));
    assert!(!store.is_ready());
    assert_eq!(store.due(s(0)).len(), 1);
    assert!(store.due(s(0)).is_empty(), "one question at a time");
    assert!(store.take(s(0), looked("https://a", Ok(keys()))));
    assert!(store.is_ready());
    let until = store.keys().sets[0].use_until;
    assert!(store.due(s(3599)).is_empty());
    assert_eq!(store.due(s(3600)).len(), 1);
    assert!(!store.take(s(3600), looked("https://a", Err("away".to_owned()))));
    assert_eq!(store.keys().sets[0].use_until, until);
    // A failure is tried again, but not at once.
    assert!(store.due(s(3620)).is_empty());
    assert_eq!(store.due(s(3631)).len(), 1);
    store.plan(&[plan("https://b")], s(3631));
    assert!(store.keys().sets.is_empty());
    assert!(!store.take(s(3631), looked("https://a", Ok(vec![]))));
}

/// A token with a key that is not here is good or bad; only the issuer can say.
#[test]
fn what_an_issuer_has_not_said_is_not_known() {
    let mut store = KeyStore::default();
    let want = |store: &mut KeyStore, now| store.want("https://a", "RS256", "new", s(now));
    assert_eq!(want(&mut store, 0), Known::Nowhere, "no issuer of ours");
    store.plan(&[plan("https://a")], s(0));
    assert_eq!(store.due(s(0)).len(), 1);
    assert_eq!(want(&mut store, 0), Known::Asked);
    store.take(s(0), looked("https://a", Ok(keys())));
    assert_eq!(want(&mut store, 29), Known::Nowhere);
    assert_eq!(want(&mut store, 30), Known::Asked);
    assert_eq!(store.due(s(30)).len(), 1);
    store.take(s(30), looked("https://a", Err("away".to_owned())));
    assert_eq!(want(&mut store, 31), Known::Unanswered);
    assert!(!store.has_answered("https://a"));

    // Nor by a process that has asked nobody yet, where an earlier one has just done so.
    let state = tempfile::tempdir().unwrap();
    let shelf = || Shelf::in_state(state.path(), None);
    let mut first = KeyStore::new(shelf());
    first.plan(&[plan("https://a")], s(0));
    first.due(s(0));
    first.take(s(0), looked("https://a", Ok(keys())));
    let mut second = KeyStore::new(shelf());
    second.plan(&[plan("https://a")], s(0));
    assert_eq!(want(&mut second, 1), Known::Unanswered);
}

/// Keys of what a policy does not accept are not taken, so the issuer is asked anew.
#[test]
fn another_algorithm_is_another_question() {
    let mut store = KeyStore::default();
    let before = plan("https://a");
    let mut after = before.clone();
    after.algorithms.push(Accepted::Rs512);
    store.plan(std::slice::from_ref(&before), s(0));
    store.due(s(0));
    store.take(s(0), looked("https://a", Ok(keys())));
    store.plan(&[after.clone()], s(10));
    assert!(!store.keys().sets.is_empty(), "what is here stays");
    assert!(store.due(s(10)).is_empty(), "not twice in thirty seconds");
    let want = |store: &mut KeyStore, now| store.want("https://a", "RS512", "k", s(now));
    assert_eq!(want(&mut store, 10), Known::Unanswered);
    assert_eq!(store.due(s(30)).len(), 1);

    // An answer to the question of the policy before does not count.
    store.plan(&[before], s(31));
    store.take(s(31), Looked::new(&after, Err("away".to_owned())));
    assert_eq!(want(&mut store, 31), Known::Unanswered);
    assert_eq!(store.due(s(61)).len(), 1);
    store.take(s(61), looked("https://a", Ok(keys())));
    assert_eq!(want(&mut store, 62), Known::Nowhere);
    assert!(store.due(s(91)).is_empty());
}

/// The policy says an hour.
#[test]
fn an_issuer_may_say_that_its_keys_are_fresh_for_less() {
    for (said, wait) in [
        (None, 3600),
        (Some(0), 300),
        (Some(299), 300),
        (Some(1200), 1200),
        (Some(86_400), 3600),
    ] {
        let mut store = KeyStore::default();
        store.plan(&[plan("https://a")], s(0));
        store.due(s(0));
        let found = Found {
            uri: "https://a/keys".to_owned(),
            keys: keys(),
            fresh: said.map(s),
        };
        store.take(s(0), Looked::new(&plan("https://a"), Ok(found)));
        assert!(store.due(s(wait - 1)).is_empty(), "{said:?}");
        assert_eq!(store.due(s(wait)).len(), 1, "{said:?}");
        // What an answer said is over with the next one, even if that is a failure.
        store.take(s(wait), looked("https://a", Err("away".to_owned())));
        assert_eq!(store.due(s(wait + 30)).len(), 1, "{said:?}");
        store.take(s(wait + 30), looked("https://a", Ok(keys())));
        assert!(store.due(s(wait + 3629)).is_empty(), "{said:?}");
    }
}

#[test]
fn keys_survive_the_process_and_its_questions_count() {
    let state = tempfile::tempdir().unwrap();
    let start = || {
        let mut store = KeyStore::new(Shelf::in_state(state.path(), None));
        store.plan(&[plan("https://a")], s(0));
        store
    };
    let mut first = start();
    assert!(!first.is_ready());
    assert_eq!(first.due(s(0)).len(), 1);
    assert!(first.take(s(0), looked("https://a", Ok(keys()))));

    // Used at once and as long as before; the issuer was asked a moment ago.
    let mut second = start();
    assert!(second.is_ready());
    assert_eq!(second.keys(), first.keys());
    assert_eq!(second.keys().sets[0].keys.len(), 2);
    assert!(second.due(s(20)).is_empty());
    assert_eq!(second.due(s(31)).len(), 1);

    // One that is asked long after the fetch, and fails or is killed meanwhile, has asked too.
    let shelf = Shelf::in_state(state.path(), None);
    let mut old = shelf.load(&plan("https://a"), unix_now()).unwrap();
    old.fetched_at -= 7200;
    old.asked_at = old.fetched_at;
    shelf.save(&source(&plan("https://a")), &old);
    let mut third = start();
    assert_eq!(third.due(s(0)).len(), 1);
    let mut fourth = start();
    assert!(fourth.is_ready() && fourth.due(s(20)).is_empty());
    let until = fourth.keys().sets[0].use_until;
    assert_eq!(until, old.fetched_at + 86_400);

    // An issuer that leaves the policy and comes back is not asked more often either.
    first.plan(&[], s(5));
    first.plan(&[plan("https://a")], s(5));
    assert!(first.is_ready() && first.due(s(6)).is_empty());
}

/// Serves what is in `said` at `/keys`, and what attackers answer instead.
async fn issuer(said: std::sync::Arc<std::sync::Mutex<(u16, Vec<u8>)>>) -> IssuerPlan {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let elsewhere = format!("{base}/elsewhere");
    let answer = move || async move {
        let (status, body) = said.lock().unwrap().clone();
        axum::http::Response::builder()
            .status(status)
            .header("location", elsewhere)
            .body(axum::body::Body::from(body))
            .unwrap()
    };
    let theirs = serde_json::to_vec(&set_of(&[9])).unwrap();
    let app = axum::Router::new()
        .route("/keys", axum::routing::get(answer))
        .route("/elsewhere", axum::routing::get(|| async { theirs }));
    tokio::spawn(async { axum::serve(listener, app).await });
    IssuerPlan {
        jwks_uri: Some(format!("{base}/keys")),
        insecure_allowed: true,
        ..plan(&base)
    }
}

/// A set of EC keys, each from a seed of its own.
fn set_of(seeds: &[u8]) -> serde_json::Value {
    let keys = seeds.iter().map(|seed| {
        let pair = jwt_simple::prelude::ES256KeyPair::from_bytes(&[*seed; 32]).unwrap();
        let pair = pair.with_key_id(&format!("k-{seed}"));
        serde_json::from_str::<serde_json::Value>(&pair.public_key().to_jwk()).unwrap()
    });
    serde_json::json!({"keys": keys.collect::<Vec<_>>()})
}

/// Whatever an issuer, or somebody in its place, says: the last good keys stay.
#[tokio::test]
async fn poisoned_sets_change_nothing() {
    use serde_json::json;
    let good = set_of(&[1, 2]);
    let said = std::sync::Arc::new(std::sync::Mutex::new((200, good.to_string().into_bytes())));
    let plan = issuer(std::sync::Arc::clone(&said)).await;
    let mut store = KeyStore::default();
    store.plan(std::slice::from_ref(&plan), s(0));
    let fetcher = Fetcher::new().unwrap();
    let mut now = s(0);
    let mut ask = async |store: &mut KeyStore| {
        // Long enough after any failure.
        now += s(7200);
        assert_eq!(store.due(now).len(), 1);
        let looked = look_up(fetcher.clone(), plan.clone()).await;
        store.take(now, looked)
    };
    assert!(ask(&mut store).await);
    let kept = store.keys();
    assert_eq!(kept.sets[0].keys.len(), 2);

    let key = &good["keys"][0];
    let with = |changes: serde_json::Value| {
        let mut key = key.clone();
        for (name, value) in changes.as_object().unwrap() {
            key[name] = value.clone();
        }
        json!({"keys": [key]}).to_string().into_bytes()
    };
    let doubled = good
        .to_string()
        .replacen("\"keys\"", "\"keys\":[],\"keys\"", 1);
    let poisoned: Vec<(&str, u16, Vec<u8>)> = vec![
        ("nothing", 200, vec![]),
        ("no JSON", 200, b"<html>sign in</html>".to_vec()),
        ("no set", 200, b"[]".to_vec()),
        ("an empty set", 200, br#"{"keys":[]}"#.to_vec()),
        ("two sets in one", 200, doubled.into_bytes()),
        (
            "a secret of a MAC",
            200,
            br#"{"keys":[{"kty":"oct","kid":"k-1","k":"AAAA","alg":"HS256"}]}"#.to_vec(),
        ),
        (
            "a short RSA key",
            200,
            format!(
                r#"{{"keys":[{{"kty":"RSA","kid":"k-1","alg":"RS256","e":"AQAB","n":"{}"}}]}}"#,
                "w".repeat(171)
            )
            .into_bytes(),
        ),
        ("a private key", 200, with(json!({"d": key["x"]}))),
        ("for encryption", 200, with(json!({"use": "enc"}))),
        ("of another algorithm", 200, with(json!({"alg": "none"}))),
        ("of another curve", 200, with(json!({"crv": "P-521"}))),
        (
            "a point beside the curve",
            200,
            with(json!({"y": key["x"]})),
        ),
        ("too large", 200, vec![b' '; 65 * 1024]),
        ("sent elsewhere", 302, vec![]),
        ("sent elsewhere for good", 308, vec![]),
        ("not there", 404, good.to_string().into_bytes()),
        ("created", 201, set_of(&[9]).to_string().into_bytes()),
        ("broken", 500, set_of(&[9]).to_string().into_bytes()),
    ];
    for (what, status, body) in poisoned {
        *said.lock().unwrap() = (status, body);
        assert!(!ask(&mut store).await, "{what}");
        assert_eq!(store.keys(), kept, "{what}");
    }
    // One poisoned key among good ones takes none of them along.
    let mut mixed = set_of(&[2, 3]);
    let keys = mixed["keys"].as_array_mut().unwrap();
    keys.push(json!({"kty": "oct", "kid": "k-9", "k": "AAAA"}));
    *said.lock().unwrap() = (200, mixed.to_string().into_bytes());
    assert!(ask(&mut store).await);
    let kids: Vec<_> = store.keys().sets[0]
        .keys
        .iter()
        .map(|k| k.kid.clone())
        .collect();
    assert_eq!(kids, [Some("k-2".to_owned()), Some("k-3".to_owned())]);
}
