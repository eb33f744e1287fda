use super::*;
use serde_json::json;

fn outcome(id: &str, tool: &str, decision: &str, sequence: u64) -> Value {
    json!({"event_type": "outcome", "correlation_id": id, "tool_name": tool, "decision": decision,
        "http_status": 200, "worker": "w", "sequence": sequence, "policy_version": "v"})
}

fn call(id: &str, tool: &str) -> Value {
    json!({"ms": 105, "id": id, "tool": tool, "leak": false, "authorization": false})
}

fn seen(id: &str, kind: Kind, sight: Sight, begin: u64) -> Seen {
    Seen {
        kind,
        number: begin,
        id: Some(id.to_owned()),
        status: 200,
        begin,
        end: begin + 10,
        sight,
    }
}

fn good() -> Evidence {
    Evidence {
        seen: vec![
            seen("a", Kind::Plain, Sight::Allowed, 100),
            seen("b", Kind::Denied, Sight::Denied, 100),
        ],
        server: vec![call("a", "get-plain")],
        audit: vec![
            outcome("a", "get-plain", "allow", 1),
            outcome("b", "get-secret", "deny", 2),
        ],
        texts: vec![("log".to_owned(), "nothing".to_owned())],
        token: "a.b.c4nary".to_owned(),
        ..Evidence::default()
    }
}

#[test]
fn what_fits_is_counted() {
    let found = good().check(&Excuse::None).unwrap();
    assert_eq!((found.exchanges, found.calls, found.records), (2, 1, 2));
    assert_eq!((found.unrecorded, found.gaps, found.versions), (0, 0, 1));
}

#[test]
fn each_fault_is_found() {
    type Break = fn(&mut Evidence);
    let faults: [(&str, Break); 15] = [
        ("two outcome records", |e| {
            e.audit.push(outcome("a", "get-plain", "allow", 3))
        }),
        ("two records have the number", |e| {
            e.audit[1]["sequence"] = 1.into()
        }),
        ("two outcome records", |e| {
            e.past.insert("a".to_owned());
        }),
        ("are no records", |e| e.torn = 1),
        ("has no record", |e| {
            e.audit.pop();
        }),
        ("has no record", |e| e.server.push(call("x", "get-plain"))),
        ("a forbidden call reached", |e| {
            e.server.push(call("b", "get-secret"))
        }),
        ("was denied and reached", |e| {
            e.server.push(call("b", "get-plain"))
        }),
        ("a secret reached", |e| e.server[0]["leak"] = true.into()),
        ("a secret reached", |e| {
            e.server[0]["authorization"] = true.into()
        }),
        ("the record says", |e| {
            e.audit[0]["decision"] = "deny".into()
        }),
        ("was answered by nobody", |e| {
            e.server.pop();
        }),
        ("a secret stands in log", |e| {
            e.texts[0].1 = format!("x{MAIL}")
        }),
        ("decided both ways", |e| {
            e.audit.push(outcome("c", "flip", "allow", 3));
            e.audit.push(outcome("d", "flip", "deny", 4));
        }),
        ("no reason for", |e| {
            e.audit
                .push(json!({"event_type": "gap", "cause": "lost", "count": 1}));
        }),
    ];
    for (expected, fault) in faults {
        let mut evidence = good();
        fault(&mut evidence);
        let wrong = evidence.check(&Excuse::None).unwrap_err();
        assert!(
            wrong.iter().any(|w| w.contains(expected)),
            "{expected}: {wrong:?}"
        );
    }
}

#[test]
fn a_full_disk_excuses_exactly_what_its_gaps_count() {
    let mut evidence = good();
    evidence.audit[0] = json!({"event_type": "gap", "cause": "lost", "count": 1});
    assert_eq!(evidence.check(&Excuse::FullDisk).unwrap().unrecorded, 1);
    evidence.audit[0]["count"] = 2.into();
    assert!(evidence.check(&Excuse::FullDisk).is_err());
}

#[test]
fn a_kill_excuses_its_last_moment_only() {
    let gap = json!({"event_type": "gap", "cause": "gateway_ended"});
    let mut evidence = good();
    evidence.audit[0] = outcome("b", "get-secret", "deny", 1);
    evidence.audit[1] = gap.clone();
    let killed = |at| Excuse::Killed(vec![at]);
    assert_eq!(evidence.check(&killed(120)).unwrap().unrecorded, 1);
    assert!(evidence.check(&Excuse::Killed(Vec::new())).is_err());
    // It ended before the last one that has a record began.
    evidence.seen[0].end = 99;
    assert!(evidence.check(&killed(120)).is_err());
    evidence.seen[0].end = 110;
    // The kill was much later.
    assert!(evidence.check(&killed(100 + LAST_MOMENT_MS + 1)).is_err());
    // No gap was told.
    evidence.audit.pop();
    assert!(evidence.check(&killed(120)).is_err());
}
