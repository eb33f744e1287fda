//! Every token of our list, natively.

#[path = "../../../../../tests/tests/threats/list.rs"]
mod list;

use crate::testing::{NOW, Signer, claims, verify};
use jwt_simple::algorithms::RS256KeyPair;
use list::{Forge, cases, passes};
use std::collections::BTreeMap;

#[test]
fn own_cases() {
    let (one, two) = (Signer::new(1), Signer::new(2));
    let rsa = RS256KeyPair::generate(2048).unwrap();
    let forge = Forge {
        claims: serde_json::from_str(&claims(&[])).unwrap(),
        now: NOW,
        kid: "k1",
        sign: &|header, claims| one.token(header, claims),
        foreign: &|header, claims| two.token(header, claims),
        public_key: rsa.public_key().to_pem().unwrap(),
    };
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    for (case, verdict) in cases() {
        *counted.entry(verdict).or_default() += 1;
        for token in forge.tokens(case) {
            let result = verify(&token).map(drop);
            assert_eq!(result.is_ok(), passes(case, verdict), "{case}: {result:?}");
        }
    }
    assert_eq!(counted.values().sum::<usize>(), 53);
    assert_eq!(counted["reject"], 44);
}
