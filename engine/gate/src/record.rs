//! The audit record of one exchange: facts about it, never the text that passed.

use mcp_zero_mask::Report;
use mcp_zero_policy::{Decision, MOST_SHADOWS};
use serde::Serialize;
use serde_json::{Value, json};

/// The record's schema version.
const SCHEMA: u32 = 1;
/// Messages of a stream that are kept in the record; more are counted.
const MESSAGES: usize = 32;

/// What the gateway says of one exchange. Envoy's half (status, bytes, times) is joined to
/// it where records are taken in.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Record {
    #[serde(skip_serializing_if = "is_blank")]
    event_type: &'static str,
    schema_version: u32,
    /// RFC 3339, UTC.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub timestamp: String,
    /// One life of one of Envoy's workers.
    #[serde(skip_serializing_if = "String::is_empty")]
    worker: String,
    /// One more for each record of the worker, in the order in which they are written: a
    /// number that is missing is a record that is lost.
    sequence: u64,
    /// Exchanges of the worker that had begun and not ended.
    open_exchanges: u64,
    /// Name of the gateway.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub gateway_id: String,
    /// SHA-256 of the policy that judged.
    #[serde(skip_serializing_if = "has_no_text")]
    pub policy_version: Option<String>,
    /// Envoy's request id.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub correlation_id: String,
    /// W3C trace id.
    #[serde(skip_serializing_if = "has_no_text")]
    pub trace_id: Option<String>,
    /// Who called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// The client's address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client: String,
    /// First half of the SHA-256 of the session id, hex.
    #[serde(skip_serializing_if = "has_no_text")]
    pub session: Option<String>,
    /// The same of the id of the task that it is about.
    #[serde(skip_serializing_if = "has_no_text")]
    pub task: Option<String>,
    /// HTTP method.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub http_method: String,
    /// The id as written.
    #[serde(skip_serializing_if = "has_no_text")]
    pub jsonrpc_id: Option<String>,
    /// The method, where the protocol has it.
    #[serde(skip_serializing_if = "has_no_text")]
    pub method: Option<&'static str>,
    /// The server.
    #[serde(skip_serializing_if = "has_no_text")]
    pub server_name: Option<String>,
    /// The tool.
    #[serde(skip_serializing_if = "has_no_text")]
    pub tool_name: Option<String>,
    /// The prompt.
    #[serde(skip_serializing_if = "has_no_text")]
    pub prompt_name: Option<String>,
    /// The resource.
    #[serde(skip_serializing_if = "has_no_text")]
    pub resource_name: Option<String>,
    /// Always Streamable HTTP so far.
    #[serde(skip_serializing_if = "is_blank")]
    pub transport: &'static str,
    /// Of the request.
    #[serde(skip_serializing_if = "has_no_text")]
    pub protocol_version: Option<&'static str>,
    /// `allow` or `deny`.
    #[serde(skip_serializing_if = "is_blank")]
    pub decision: &'static str,
    /// The rule that decided.
    #[serde(skip_serializing_if = "has_no_text")]
    pub rule_id: Option<String>,
    /// Its description, or why there was none.
    #[serde(skip_serializing_if = "has_no_text")]
    pub reason: Option<String>,
    /// Rules that are only tried out and would have decided.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shadow: Vec<Value>,
    /// Why it did not pass.
    #[serde(skip_serializing_if = "has_no_text")]
    pub cause: Option<&'static str>,
    /// What of the server's answer was the cause.
    #[serde(skip_serializing_if = "has_no_text")]
    pub blocked: Option<String>,
    /// The last policy that a long stream has gone on under.
    #[serde(skip_serializing_if = "has_no_text")]
    pub later_policy_version: Option<String>,
    /// Counts by entity and direction.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub masking: Vec<Value>,
    /// Strings and numbers that were looked at.
    pub fields_scanned: u32,
    /// Binary values that were not.
    pub fields_skipped: u32,
    /// Items taken out of lists.
    pub list_items_removed: u32,
    /// Links of results to resources that the caller may not read. They pass: reading is denied.
    pub links_denied: u32,
    /// Governed messages of a stream that answered nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Value>,
    /// How many more of them there were.
    pub messages_left_out: u32,
    /// Of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_status: Option<u16>,
    /// The answer was an error, or a result that says so.
    pub is_error: bool,
    /// How the exchange ended.
    #[serde(skip_serializing_if = "is_blank")]
    pub end: &'static str,
}

/// A record's place among those of its worker, known when it is written.
#[derive(Debug, Clone, Copy)]
pub struct Mark<'a> {
    /// Chosen at random when the worker's memory began.
    pub worker: &'a str,
    /// From 1.
    pub sequence: u64,
    /// Other exchanges that are under way.
    pub open: u64,
}

/// The caller in a record.
#[derive(Debug, Clone, Serialize)]
pub struct User {
    /// The mapped claim.
    pub id: String,
    /// Name of the identity entry.
    pub issuer: String,
    /// The groups claim.
    pub groups: Vec<String>,
    /// Where the policy wants it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

impl Record {
    pub(crate) fn new() -> Self {
        Self {
            event_type: "outcome",
            schema_version: SCHEMA,
            transport: "streamable_http",
            decision: "deny",
            ..Self::default()
        }
    }

    pub(crate) fn mark(&mut self, mark: Mark<'_>) {
        mark.worker.clone_into(&mut self.worker);
        self.sequence = mark.sequence;
        self.open_exchanges = mark.open;
    }

    pub(crate) fn masked(&mut self, direction: &'static str, report: &Report) {
        self.fields_scanned = self.fields_scanned.saturating_add(report.scanned);
        self.fields_skipped = self.fields_skipped.saturating_add(report.skipped);
        for (entity, count) in &report.findings {
            let name = entity.name();
            let known = self
                .masking
                .iter_mut()
                .find(|m| m["entity"] == name && m["direction"] == direction);
            match known {
                Some(known) => {
                    let sum = known["count"].as_u64().unwrap_or(0) + u64::from(*count);
                    known["count"] = sum.into();
                }
                None => self
                    .masking
                    .push(json!({"entity": name, "direction": direction, "count": count})),
            }
        }
    }

    /// Rules on trial that a decision has met; each is told once.
    pub(crate) fn shadowed(&mut self, decision: &Decision<'_>) {
        for shadow in &decision.shadows {
            let entry = json!({"rule_id": shadow.rule, "decision": shadow.effect.name()});
            if self.shadow.len() < MOST_SHADOWS && !self.shadow.contains(&entry) {
                self.shadow.push(entry);
            }
        }
    }

    /// A governed message that answers nothing. Where there are too many, those that were
    /// denied stay.
    pub(crate) fn message(&mut self, method: &str, allowed: bool, rule: Option<&str>) {
        let decision = if allowed { "allow" } else { "deny" };
        let mut entry = json!({"method": method, "decision": decision, "rule_id": rule});
        if let Some(version) = &self.later_policy_version {
            entry["policy_version"] = version.as_str().into();
        }
        if self.messages.len() >= MESSAGES {
            self.messages_left_out = self.messages_left_out.saturating_add(1);
            let last_allowed = self.messages.iter().rposition(|m| m["decision"] == "allow");
            match last_allowed.filter(|_| !allowed) {
                Some(place) => self.messages.remove(place),
                None => return,
            };
        }
        self.messages.push(entry);
    }

    /// The record as one line of JSON, without what is empty.
    pub fn to_json(&self) -> String {
        // Text and numbers always have a form.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// As serde asks: about a reference to the field.
fn is_blank(text: &&'static str) -> bool {
    text.is_empty()
}

fn has_no_text(text: &Option<impl AsRef<str>>) -> bool {
    text.as_ref().is_none_or(|text| text.as_ref().is_empty())
}

/// RFC 3339 of Unix milliseconds (civil date from days: proleptic Gregorian).
pub(crate) fn timestamp(ms: u64) -> String {
    let (seconds, ms) = (ms / 1000, ms % 1000);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Years begin in March here, so that the leap day is the last of a year.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{ms:03}Z",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(timestamp(951_868_799_999), "2000-02-29T23:59:59.999Z");
        assert_eq!(timestamp(1_795_608_769_012), "2026-11-25T12:12:49.012Z");
        assert_eq!(timestamp(4_107_542_400_000), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn findings_of_one_direction_are_summed() {
        let mut record = Record::new();
        let mut report = Report::default();
        report.findings.insert(mcp_zero_mask::Entity::Password, 2);
        record.masked("request", &report);
        record.masked("request", &report);
        record.masked("response", &report);
        let json: Value = serde_json::from_str(&record.to_json()).unwrap();
        assert_eq!(json["masking"][0]["count"], 4);
        assert_eq!(json["masking"][1]["count"], 2);
        assert!(json.get("rule_id").is_none());
    }
}
