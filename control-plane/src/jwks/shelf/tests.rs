use super::*;
use jwt_simple::prelude::{ES256KeyPair, RS256KeyPair};
use mcp_zero_compile::Algorithm;
use std::sync::OnceLock;

const NOW: u64 = 1_800_000_000;

pub(crate) fn plan(issuer: &str) -> IssuerPlan {
    IssuerPlan {
        name: "main".to_owned(),
        issuer: issuer.to_owned(),
        jwks_uri: None,
        algorithms: vec![Algorithm::Rs256, Algorithm::Es256],
        jwks_cache_seconds: 3600,
        jwks_stale_seconds: 86_400,
        insecure_allowed: false,
    }
}

/// Keys as an issuer has them: one without an id.
pub(crate) fn keys() -> Vec<proto::Key> {
    static KEYS: OnceLock<Vec<proto::Key>> = OnceLock::new();
    let made = KEYS.get_or_init(|| {
        let rsa = RS256KeyPair::generate(2048).unwrap().with_key_id("r");
        let set = format!(
            "{{\"keys\":[{},{}]}}",
            rsa.public_key().to_jwk(),
            ES256KeyPair::generate().public_key().to_jwk()
        );
        keys_in(set.as_bytes(), &plan("https://a"), "here").unwrap()
    });
    made.clone()
}

struct Rig {
    state: tempfile::TempDir,
    shelf: Shelf,
}

impl Rig {
    /// A shelf with the keys of one issuer, fetched a minute ago.
    fn new() -> Self {
        let state = tempfile::tempdir().unwrap();
        let shelf = Shelf::in_state(state.path(), Some("https://dev".to_owned()));
        let rig = Self { state, shelf };
        rig.shelf.save(&source(&plan("https://a")), &stock());
        rig
    }

    fn file(&self) -> PathBuf {
        self.shelf.file(&source(&plan("https://a"))).unwrap()
    }

    fn loaded(&self) -> Option<Stock> {
        self.shelf.load(&plan("https://a"), NOW)
    }

    /// Why it is not used.
    fn unfit(&self, plan: &IssuerPlan, now: u64) -> String {
        read(&self.file(), plan, now).unwrap_err().to_string()
    }

    /// Changes the file and, as only our own program would, its hash.
    fn change(&self, change: impl FnOnce(&mut Stored)) {
        let mut stored: Stored = serde_json::from_slice(&fs::read(self.file()).unwrap()).unwrap();
        change(&mut stored);
        stored.sha256 = stored.hash();
        fs::write(self.file(), serde_json::to_vec(&stored).unwrap()).unwrap();
    }
}

fn stock() -> Stock {
    Stock {
        uri: "https://a/keys".to_owned(),
        fetched_at: NOW - 60,
        asked_at: NOW - 10,
        keys: keys(),
    }
}

#[test]
fn keys_come_back_as_they_were_for_the_owner_alone() {
    let rig = Rig::new();
    assert_eq!(rig.loaded(), Some(stock()));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&rig.file()), 0o600);
    assert_eq!(mode(&rig.state.path().join("jwks")), 0o700);
    // Whatever is in there is public.
    let text = fs::read_to_string(rig.file()).unwrap();
    for secret in ["\\\"d\\\"", "\\\"p\\\"", "\\\"k\\\"", "PRIVATE"] {
        assert!(!text.contains(secret), "{text}");
    }
    // Another source has another file.
    let mut other = plan("https://a");
    other.jwks_uri = Some("https://a/keys".to_owned());
    assert_eq!(rig.shelf.load(&other, NOW), None);
    assert_eq!(rig.shelf.load(&plan("https://b"), NOW), None);
}

#[test]
fn the_development_issuer_leaves_nothing() {
    let rig = Rig::new();
    rig.shelf.save(&source(&plan("https://dev")), &stock());
    assert_eq!(rig.shelf.load(&plan("https://dev"), NOW), None);
    let files = fs::read_dir(rig.state.path().join("jwks")).unwrap();
    assert_eq!(files.count(), 1);
}

#[test]
fn old_and_future_sets_are_not_used() {
    let rig = Rig::new();
    let at = NOW - 60;
    let plan = plan("https://a");
    assert!(read(&rig.file(), &plan, at + 86_399).is_ok());
    assert!(rig.unfit(&plan, at + 86_400).contains("86400 s ago"));
    assert_eq!(rig.shelf.load(&plan, at + 86_400), None);
    // The figure is that of the live policy.
    let shorter = IssuerPlan {
        jwks_stale_seconds: 60,
        ..plan.clone()
    };
    assert!(rig.unfit(&shorter, NOW).contains("60 s ago"));
    // A clock that is a little behind lengthens nothing, one that is far behind is not believed.
    let ahead = read(&rig.file(), &plan, NOW - 65).unwrap();
    assert_eq!((ahead.fetched_at, ahead.asked_at), (NOW - 65, NOW - 65));
    assert!(rig.unfit(&plan, NOW - 121).contains("future"));
    rig.change(|stored| stored.asked_at = NOW + 61);
    assert!(rig.unfit(&plan, NOW).contains("future"));
}

#[test]
fn another_source_is_not_taken() {
    let plan = plan("https://a");
    type Change = fn(&mut Stored);
    let changes: [(Change, &str); 4] = [
        (|s| s.issuer = "https://b".to_owned(), "another issuer"),
        (
            |s| s.named_uri = Some("https://a/keys".to_owned()),
            "another issuer",
        ),
        (|s| s.jwks_uri = "http://a/keys".to_owned(), "http"),
        (|s| s.jwks = "{\"keys\":[]}".to_owned(), "no usable key"),
    ];
    for (change, why) in changes {
        let rig = Rig::new();
        rig.change(change);
        assert!(rig.unfit(&plan, NOW).contains(why), "{why}");
        assert_eq!(rig.loaded(), None, "{why}");
    }
    // Where the policy names the URI, the keys must be from there.
    let rig = Rig::new();
    rig.change(|s| s.named_uri = Some("https://a/other".to_owned()));
    let named = IssuerPlan {
        jwks_uri: Some("https://a/other".to_owned()),
        ..plan
    };
    assert!(rig.unfit(&named, NOW).contains("another issuer"));
}

#[test]
fn a_file_that_was_touched_is_not_used() {
    let rig = Rig::new();
    let good = fs::read_to_string(rig.file()).unwrap();
    for (text, why) in [
        (good.replace("-", "_"), "hash"),
        (good.replace("https://a/keys", "https://z/keys"), "hash"),
        (
            good.replace("{\"issuer\"", "{\"more\":1,\"issuer\""),
            "understood",
        ),
        (good[..good.len() / 2].to_owned(), "understood"),
        (" ".repeat(300 * 1024), "larger"),
    ] {
        assert_ne!(text, good);
        fs::write(rig.file(), text).unwrap();
        assert!(rig.unfit(&plan("https://a"), NOW).contains(why), "{why}");
    }
    fs::write(rig.file(), &good).unwrap();
    assert!(rig.loaded().is_some());
    fs::set_permissions(rig.file(), fs::Permissions::from_mode(0o620)).unwrap();
    assert!(rig.unfit(&plan("https://a"), NOW).contains("owner"));
}

#[test]
fn what_cannot_be_written_changes_nothing() {
    let rig = Rig::new();
    // A folder is in the way of the new file.
    fs::create_dir(rig.file().with_extension("new")).unwrap();
    let newer = Stock {
        fetched_at: NOW,
        ..stock()
    };
    rig.shelf.save(&source(&plan("https://a")), &newer);
    assert_eq!(rig.loaded(), Some(stock()));
}

#[test]
fn keys_of_every_algorithm_come_back() {
    use jwt_simple::prelude::{ES384KeyPair, Ed25519KeyPair};
    let plan = IssuerPlan {
        algorithms: Algorithm::ALL.to_vec(),
        ..plan("https://a")
    };
    let rsa = RS256KeyPair::generate(2048).unwrap().public_key();
    let rsa = public_jwk(&proto::Key {
        modulus: rsa.to_components().n,
        exponent: rsa.to_components().e,
        algorithm: "RS256".to_owned(),
        ..proto::Key::default()
    });
    // More of them than a set may have, were each counted once an algorithm.
    let mut set: Vec<Value> = (0..12)
        .map(|number| {
            let mut jwk = rsa.clone().unwrap();
            jwk["kid"] = format!("r{number}").into();
            jwk
        })
        .collect();
    for jwk in [
        ES256KeyPair::generate().public_key().to_jwk(),
        ES384KeyPair::generate().public_key().to_jwk(),
        Ed25519KeyPair::generate().public_key().to_jwk(),
    ] {
        set.push(serde_json::from_str(&jwk.to_string()).unwrap());
    }
    let keys = keys_in(json!({ "keys": set }).to_string().as_bytes(), &plan, "here").unwrap();
    let served = |keys: &[proto::Key]| {
        let mut all: Vec<_> = keys.iter().map(|key| key.algorithm.clone()).collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    };
    assert_eq!((keys.len(), served(&keys)), (12 * 3 + 3, 6));
    let rig = Rig::new();
    rig.shelf.save(
        &source(&plan),
        &Stock {
            keys: keys.clone(),
            ..stock()
        },
    );
    let back = rig.shelf.load(&plan, NOW).unwrap().keys;
    assert_eq!(back, keys);
}
