//! Snapshots as filters get them: refused, or good to judge with.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_zero_gate::{GatewayKey, Loaded};
use mcp_zero_policy::condition::Literal;
use mcp_zero_policy::{Arguments, Object, Snapshot, Subject};

fuzz_target!(|data: &[u8]| {
    let key = GatewayKey::from_bytes([0; 32]);
    let loaded = Loaded::read(data, Some(&key)).is_ok();
    let Ok(snapshot) = Snapshot::decode(data) else {
        return;
    };
    let _ = loaded;
    let standing = snapshot.standing(&Subject {
        issuer: None,
        user: None,
        groups: &[],
    });
    for server in snapshot.servers() {
        let arguments = Arguments::<&Literal>::Of(None);
        let decision = snapshot.decide(&standing, &server.name, Object::Tool("t"), arguments);
        let again = snapshot.decide(&standing, &server.name, Object::Tool("t"), arguments);
        assert_eq!(decision.is_allowed(), again.is_allowed());
        assert!(!decision.is_allowed() || snapshot.has_any_right(&standing, &server.name));
    }
});
