//! One audit record from the two halves of an access-log line: what the filter
//! says of the exchange, and what Envoy saw of it.

use serde_json::{Map, Value};

/// Makes the outcome record of one line of the access log.
///
/// Where the filter left nothing (it was not there, or died) Envoy's half is the
/// record. A line that is no JSON still gives a record, which says so.
pub fn outcome(line: &str) -> Map<String, Value> {
    let Ok(Value::Object(mut envoy)) = serde_json::from_str::<Value>(line) else {
        return unreadable("access log line");
    };
    let half = envoy.remove("record");
    let mut record = match half {
        Some(Value::String(text)) if text != "-" => match serde_json::from_str(&text) {
            Ok(Value::Object(record)) => record,
            Ok(_) | Err(_) => unreadable("filter record"),
        },
        Some(_) | None => {
            let mut record = Map::new();
            record.insert("event_type".to_owned(), "outcome".into());
            record.insert("filter_record".to_owned(), "missing".into());
            record
        }
    };
    let mut take = |name: &str| match envoy.remove(name) {
        Some(Value::String(text)) if text == "-" || text.is_empty() => None,
        Some(Value::Null) | None => None,
        other => other,
    };
    // These the filter cannot know better: what really went over the wire.
    for (ours, theirs) in [
        ("http_status", "status"),
        ("duration_ms", "duration_ms"),
        ("request_bytes", "bytes_received"),
        ("response_bytes", "bytes_sent"),
    ] {
        if let Some(value) = take(theirs) {
            record.insert(ours.to_owned(), value);
        }
    }
    let reply_id = take("reply_id");
    // Envoy's own answers have details of their own; a server's have this.
    let details = take("details");
    if details.as_ref().and_then(Value::as_str) == Some("via_upstream")
        && let Some(status) = record.get("http_status").cloned()
    {
        record.entry("upstream_status".to_owned()).or_insert(status);
    }
    for (ours, value) in [
        ("timestamp", take("timestamp")),
        (
            "correlation_id",
            take("request_id").or_else(|| reply_id.clone()),
        ),
        ("http_method", take("method")),
        ("client", take("client")),
        ("flags", take("flags")),
        ("details", details.filter(|d| d != "via_upstream")),
    ] {
        if let Some(value) = value {
            record.entry(ours.to_owned()).or_insert(value);
        }
    }
    record
}

fn unreadable(what: &str) -> Map<String, Value> {
    let mut record = Map::new();
    record.insert("event_type".to_owned(), "outcome".into());
    record.insert(
        "error_class".to_owned(),
        format!("unreadable {what}").into(),
    );
    record
}

/// Keeps the named fields; `event_type` and `correlation_id` always stay.
pub fn keep(record: &mut Map<String, Value>, include: &[String]) {
    if include.is_empty() {
        return;
    }
    record.retain(|name, _| {
        name == "event_type" || name == "correlation_id" || include.iter().any(|i| i == name)
    });
}

/// A record as one line for people.
pub fn line(record: &Map<String, Value>, colour: bool) -> String {
    // Names come from clients: none of them may drive the terminal.
    let text = |name: &str| plain(&field(record, name));
    let object = ["tool_name", "prompt_name", "resource_name"]
        .iter()
        .find_map(|name| record.get(*name).and_then(Value::as_str))
        .map_or_else(|| "-".to_owned(), plain);
    let decision = text("decision");
    let shown = if colour {
        let code = match decision.as_str() {
            "allow" => "32",
            "deny" => "31",
            _ => "2",
        };
        format!("\u{1b}[{code}m{decision}\u{1b}[0m")
    } else {
        decision
    };
    format!(
        "{} {} {} {} {} {} {} rule={} {}ms {}",
        text("timestamp"),
        text("http_status"),
        shown,
        text("user"),
        text("server_name"),
        text("method"),
        object,
        text("rule_id"),
        text("duration_ms"),
        text("correlation_id"),
    )
}

fn field(record: &Map<String, Value>, name: &str) -> String {
    match record.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(object)) => object
            .get("id")
            .and_then(Value::as_str)
            .unwrap_or("-")
            .to_owned(),
        Some(Value::Null) | None => "-".to_owned(),
        Some(other) => other.to_string(),
    }
}

fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_make_one_record() {
        let line = r#"{"timestamp":"t1","request_id":"r1","method":"POST","status":200,"flags":"-","details":"via_upstream","bytes_received":10,"bytes_sent":20,"duration_ms":3,"client":"127.0.0.1","record":"{\"event_type\":\"outcome\",\"timestamp\":\"t0\",\"decision\":\"allow\"}"}"#;
        let record = outcome(line);
        assert_eq!(record["decision"], "allow");
        assert_eq!(record["timestamp"], "t0");
        assert_eq!(record["http_status"], 200);
        assert_eq!(record["upstream_status"], 200);
        assert_eq!(record["request_bytes"], 10);
        assert_eq!(record["correlation_id"], "r1");
        assert!(!record.contains_key("flags") && !record.contains_key("details"));
    }

    #[test]
    fn without_the_filter_envoys_half_is_the_record() {
        for half in ["null", "\"-\""] {
            let line = format!(
                r#"{{"timestamp":"t","request_id":"r","method":"GET","status":503,"flags":"UAEX","details":"rbac_access_denied","bytes_received":0,"bytes_sent":9,"duration_ms":1,"record":{half}}}"#
            );
            let record = outcome(&line);
            assert_eq!(record["event_type"], "outcome");
            assert_eq!(record["filter_record"], "missing");
            assert_eq!(record["http_status"], 503);
            assert_eq!(record["flags"], "UAEX");
            assert_eq!(record["details"], "rbac_access_denied");
        }
    }

    #[test]
    fn an_unreadable_line_is_still_a_record() {
        assert_eq!(outcome("{")["event_type"], "outcome");
        let record = outcome(r#"{"request_id":"r","status":1,"record":"[]"}"#);
        assert_eq!(record["error_class"], "unreadable filter record");
        assert_eq!(record["correlation_id"], "r");
    }

    #[test]
    fn a_line_for_people_has_no_control_characters_of_clients() {
        let mut record = outcome("{");
        record.insert("tool_name".to_owned(), "a\nb\u{7}\u{1b}[2J".into());
        let text = line(&record, false);
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
}
