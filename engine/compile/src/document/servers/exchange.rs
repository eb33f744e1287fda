//! Token exchange (RFC 8693): what the caller's token is exchanged for before a server sees one.

use super::super::fields::{Fields, scopes};
use crate::code::Code;
use crate::notes::Notes;
use crate::server::{Exchange, HttpServer};

/// The keys of `servers[]` that are read here.
pub(super) const KEYS: [&str; 3] = ["token_exchange", "target_audience", "required_scopes"];

/// Nothing where it is off.
pub(super) fn read(
    fields: &Fields<'_>,
    server: Option<&HttpServer>,
    notes: &mut Notes<'_>,
) -> Option<Exchange> {
    let on = fields.flag("token_exchange", false, notes);
    let audience = fields.text("target_audience", notes);
    let scopes = fields
        .get("required_scopes")
        .map(|node| scopes(node, notes));
    if !on {
        for entry in ["target_audience", "required_scopes"]
            .into_iter()
            .filter_map(|key| fields.entry(key))
        {
            let message = format!("`{}` without `token_exchange: true`", entry.key);
            let help = "switch the exchange on, or take this away: nothing would use it";
            notes.advise(&entry.key_span, Code::Conflict, message, help);
        }
        return None;
    }
    fields.require("target_audience", notes);
    let headers = server.map_or(&[][..], |server| &server.headers);
    if let (true, Some(entry)) = (
        headers.iter().any(|header| header.name == "authorization"),
        fields.entry("headers"),
    ) {
        let message = "`token_exchange` and a header `Authorization`";
        let help = "only one of both can reach the server: take one away";
        notes.advise(&entry.key_span, Code::Conflict, message, help);
    }
    Some(Exchange {
        audience: audience?.value.to_owned(),
        scopes: scopes.unwrap_or_default(),
    })
}
