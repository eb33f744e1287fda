//! C3 at the gateway: every token of the list has its verdict, and the server counts.

use super::list::{Forge, cases, passes};
use super::{ANSWER, CALL, identified, issued_by};
use mcp_zero_tests::{Issuer, Scripted, Signer, request};

#[test]
fn every_token_of_the_list_has_its_verdict() {
    let server = Scripted::json(ANSWER);
    let issuer = Issuer::start();
    let gateway = identified(&server.url(), &issued_by(&issuer.url()));
    let claims = issuer.claims();
    let forge = Forge {
        now: claims["exp"].as_u64().unwrap() - 3600,
        claims,
        kid: "ec-1",
        sign: &|header, claims| issuer.sign_text(Signer::Ec, header, claims),
        foreign: &|header, claims| issuer.sign_text(Signer::Foreign, header, claims),
        public_key: issuer.rsa_public_pem(),
    };
    let mut judged = 0;
    let mut wrong = Vec::new();
    for (case, verdict) in cases() {
        judged += 1;
        // One blank more between scheme and token says nothing (RFC 9110 §11.4).
        let good = passes(case, verdict) || case == "leading space";
        for token in forge.tokens(case) {
            let before = server.received().len();
            let credential = format!("Bearer {token}");
            let message = request("POST", "/mcp/s", &[("authorization", &credential)], CALL);
            let answer = gateway.send(message.as_bytes());
            let arrived = server.received().len() - before;
            if (answer.status == 200, arrived) != (good, usize::from(good)) {
                let status = answer.status;
                wrong.push(format!("{case} ({verdict}): {status}, {arrived} arrived"));
            }
        }
    }
    assert_eq!(judged, 53, "every case of the list");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
