//! The access log: one JSON line an exchange, Envoy's half of the audit record.
//!
//! The generated types keep JSON members in a hash map, whose order differs from
//! one encoding to the next; a listener whose bytes change is drained. So these
//! messages are declared again with a sorted map.

use std::collections::BTreeMap;

use envoy_types::pb::envoy::config::accesslog::v3::{AccessLog, access_log};
use envoy_types::pb::google::protobuf::{Any, Value, value};
use prost::Message;

/// The members of one line and the command of each.
const MEMBERS: [(&str, &str); 12] = [
    ("timestamp", "%START_TIME%"),
    ("request_id", "%REQ(X-REQUEST-ID)%"),
    // Of a request that failed before it had an id.
    ("reply_id", "%RESP(X-CORRELATION-ID)%"),
    ("method", "%REQ(:METHOD)%"),
    ("status", "%RESPONSE_CODE%"),
    ("flags", "%RESPONSE_FLAGS%"),
    ("details", "%RESPONSE_CODE_DETAILS%"),
    ("bytes_received", "%BYTES_RECEIVED%"),
    ("bytes_sent", "%BYTES_SENT%"),
    ("duration_ms", "%DURATION%"),
    ("client", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
    ("record", "%FILTER_STATE(wasm.mcpz.record:PLAIN)%"),
];

const FILE_LOG_TYPE: &str =
    "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";

#[derive(Clone, PartialEq, Message)]
struct FileAccessLog {
    #[prost(string, tag = "1")]
    path: String,
    #[prost(message, optional, tag = "5")]
    log_format: Option<LogFormat>,
}

#[derive(Clone, PartialEq, Message)]
struct LogFormat {
    #[prost(message, optional, tag = "2")]
    json_format: Option<SortedStruct>,
}

#[derive(Clone, PartialEq, Message)]
struct SortedStruct {
    #[prost(btree_map = "string, message", tag = "1")]
    fields: BTreeMap<String, Value>,
}

/// The access log that appends to `path`.
pub(super) fn access_log(path: &str) -> AccessLog {
    let fields = MEMBERS
        .iter()
        .map(|(name, command)| {
            let value = Value {
                kind: Some(value::Kind::StringValue((*command).to_owned())),
            };
            ((*name).to_owned(), value)
        })
        .collect();
    let log = FileAccessLog {
        path: path.to_owned(),
        log_format: Some(LogFormat {
            json_format: Some(SortedStruct { fields }),
        }),
    };
    AccessLog {
        name: "envoy.access_loggers.file".to_owned(),
        config_type: Some(access_log::ConfigType::TypedConfig(Any {
            type_url: FILE_LOG_TYPE.to_owned(),
            value: log.encode_to_vec(),
        })),
        ..Default::default()
    }
}
