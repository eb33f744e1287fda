//! Policy files: errors, or what a filter takes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_zero_compile::{DevIssuer, Environment, Source, compile};
use mcp_zero_policy::Snapshot;

fuzz_target!(|data: &[u8]| {
    let environment = Environment {
        public_url: "http://localhost:1".to_owned(),
        gateway_id: "g".to_owned(),
        token_endpoint: true,
        dev_issuer: Some(DevIssuer {
            issuer: "http://127.0.0.1:1".to_owned(),
            audience: "a".to_owned(),
        }),
        ..Environment::default()
    };
    for name in ["policy.yaml", "policy.json"] {
        let Ok(source) = Source::from_bytes(name, data) else {
            continue;
        };
        match compile(source, &environment) {
            Ok(compiled) => {
                let bytes = compiled.snapshot(Default::default());
                assert!(Snapshot::decode(&bytes).is_ok());
            }
            Err(diagnostics) => assert!(!diagnostics.items().is_empty()),
        }
    }
});
