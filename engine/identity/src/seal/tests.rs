use super::*;
use proptest::prelude::*;

fn key() -> GatewayKey {
    GatewayKey::parse(&"0123456789abcdef".repeat(4)).unwrap()
}

fn sealer(ids: &[&str]) -> Sealer {
    Sealer::new(&key(), ids).unwrap()
}

const ALICE: Owner<'_> = Owner::Caller {
    issuer: "https://a",
    subject: "alice",
};

fn seal(text: &str) -> String {
    let sealer = sealer(&["00000001"]);
    sealer
        .seal(Purpose::Session, ALICE, &["crm", text])
        .unwrap()
}

#[test]
fn only_its_owner_opens_an_id() {
    let sealer = sealer(&["00000001"]);
    let sealed = seal("s-1");
    let open = |owner| sealer.open(Purpose::Session, owner, &sealed);
    assert_eq!(open(ALICE).unwrap(), ["crm", "s-1"]);
    let caller = |issuer, subject| Owner::Caller { issuer, subject };
    for other in [
        Owner::Anonymous,
        caller("https://a", "bob"),
        caller("https://b", "alice"),
        caller("https://aalice", ""),
        caller("", "https://aalice"),
        caller("https://a", "alice "),
    ] {
        assert_eq!(open(other), None, "{other:?}");
    }
    assert!(!sealed.contains("s-1") && sealed.bytes().all(|b| b.is_ascii_graphic()));
}

#[test]
fn a_repeated_id_is_the_same_id() {
    assert_eq!(seal("s-1"), seal("s-1"));
    assert_ne!(seal("s-1"), seal("s-2"));
}

#[test]
fn no_changed_id_opens() {
    let sealer = sealer(&["00000001"]);
    let sealed = seal("s-1");
    let opens = |text: &str| sealer.open(Purpose::Session, ALICE, text).is_some();
    assert!(opens(&sealed));
    for at in 0..sealed.len() {
        for other in ['A', 'B', '-', '=', ' ', '\0'] {
            let mut changed: Vec<char> = sealed.chars().collect();
            if changed[at] != other {
                changed[at] = other;
                assert!(!opens(&changed.iter().collect::<String>()), "{at} {other}");
            }
        }
        assert!(!opens(&sealed[..at]));
    }
    assert!(!opens(&format!("{sealed}A")) && !opens(&"A".repeat(MAX_SEALED_BYTES + 4)));
}

#[test]
fn keys_rotate() {
    let before = seal("s-1");
    let (both, after) = (sealer(&["0000000a", "00000001"]), sealer(&["0000000a"]));
    let open = |sealer: &Sealer| sealer.open(Purpose::Session, ALICE, &before);
    assert!(open(&both).is_some());
    assert_eq!(open(&after), None);
    let new = both.seal(Purpose::Session, ALICE, &["crm", "s-1"]).unwrap();
    assert_ne!(new, before);
    assert!(after.open(Purpose::Session, ALICE, &new).is_some());
    let foreign = GatewayKey::from_bytes([7; 32]);
    let foreign = Sealer::new(&foreign, &["00000001"]).unwrap();
    assert_eq!(open(&foreign), None);
}

#[test]
fn keys_and_their_ids_are_read_strictly() {
    for text in [
        "",
        "0",
        &"0".repeat(63),
        &"0".repeat(65),
        &"g".repeat(64),
        &"é".repeat(32),
    ] {
        assert_eq!(GatewayKey::parse(text), Err(GatewayKeyError), "{text}");
    }
    assert_eq!(
        GatewayKey::parse(&"AB".repeat(32)),
        GatewayKey::parse(&"ab".repeat(32))
    );
    assert_eq!(format!("{:?}", key()), "GatewayKey(…)");
    for ids in [
        &["1"][..],
        &["0000000A"],
        &["00000001", "00000001"],
        &["+0000001"],
    ] {
        assert_eq!(
            Sealer::new(&key(), ids).unwrap_err(),
            SealerError::Id,
            "{ids:?}"
        );
    }
    assert_eq!(
        Sealer::new(&key(), &[] as &[&str]).unwrap_err(),
        SealerError::None
    );
}

#[test]
fn what_is_too_long_is_not_sealed() {
    let sealer = sealer(&["00000001"]);
    let seal = |length| sealer.seal(Purpose::Session, ALICE, &["crm", &"x".repeat(length)]);
    assert!(seal(3000).is_some());
    assert!(seal(3072).is_none());
}

#[test]
fn purposes_have_keys_of_their_own() {
    assert_ne!(
        key().derive("seal", "00000001"),
        key().derive("tag", "00000001")
    );
    assert_ne!(
        key().derive("seal", "00000001"),
        key().derive("seal", "00000002")
    );
}

proptest! {
    #[test]
    fn an_id_comes_back_as_it_was(parts in prop::collection::vec("[^\0]{0,40}", 0..4)) {
        let sealer = sealer(&["00000001"]);
        let texts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let sealed = sealer.seal(Purpose::Session, Owner::Anonymous, &texts).unwrap();
        prop_assert_eq!(sealer.open(Purpose::Session, Owner::Anonymous, &sealed), Some(parts));
    }
}
