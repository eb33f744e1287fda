use super::*;
use crate::jwks::shelf::tests::{keys, plan};

fn looked(issuer: &str, keys: Result<Vec<proto::Key>, String>) -> Looked {
    let uri = format!("{issuer}/keys");
    Looked::new(&plan(issuer), keys.map(|keys| Found { uri, keys }))
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
