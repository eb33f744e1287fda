//! The JSON-RPC reader: what it takes is one message, by whoever reads it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_zero_wire::json::{Doc, Limits};
use mcp_zero_wire::method::{Sender, lookup};
use mcp_zero_wire::rpc::Message;
use mcp_zero_wire::target::targets;

fuzz_target!(|data: &[u8]| {
    let Ok(doc) = Doc::scan(data, &Limits::default()) else {
        return;
    };
    // A number beyond those of a machine is for the other targets.
    let Ok(plain) = serde_json::from_slice::<serde_json::Value>(data) else {
        return;
    };
    let _ = Message::from_server(&doc);
    let Ok(message) = Message::from_client(&doc) else {
        return;
    };
    assert_eq!(plain["jsonrpc"], "2.0");
    match message {
        Message::Request { id, method, params } => {
            let id: serde_json::Value = serde_json::from_str(id.raw()).expect("an id");
            assert_eq!(plain["id"], id);
            assert!(id.is_string() || id.is_i64() || id.is_u64());
            assert_eq!(plain["method"], &*method);
            assert_eq!(plain.get("params").is_some(), params.is_some());
            assert!(plain.get("result").is_none() && plain.get("error").is_none());
            if let Some(spec) = lookup(&method, Sender::Client) {
                let _ = targets(spec, params);
            }
        }
        Message::Notification { method, .. } => {
            assert_eq!(plain["method"], &*method);
            assert!(plain.get("id").is_none());
        }
        Message::Result { .. } | Message::Error { .. } => assert!(plain.get("method").is_none()),
    }
});
