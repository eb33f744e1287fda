//! Envoy's bootstrap: the committed file with this machine's paths filled in.

use std::path::Path;

/// The file, explained line by line.
pub const TEMPLATE: &str = include_str!("../../../envoy/bootstrap.yaml");

/// The heap at which Envoy refuses requests.
const HEAP_BYTES: u64 = 1 << 30;
/// Connections of clients, over all listeners.
const MAX_CONNECTIONS: u32 = 10_000;

/// What differs from one start to the next.
#[derive(Debug, Clone)]
pub struct Bootstrap<'a> {
    /// `node.id`.
    pub node_id: &'a str,
    /// Hash of the filter module.
    pub module: &'a str,
    /// Socket of Envoy's admin interface.
    pub admin_socket: &'a Path,
    /// Socket of the control plane.
    pub xds_socket: &'a Path,
}

impl Bootstrap<'_> {
    /// The file that Envoy reads.
    pub fn render(&self) -> String {
        // A JSON string is a YAML string too, so no path can break out of its value.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let path = |path: &Path| quoted(&path.to_string_lossy());
        TEMPLATE
            .replace("${NODE_ID}", &quoted(self.node_id))
            .replace("${MODULE}", &quoted(self.module))
            .replace("${ADMIN_SOCKET}", &path(self.admin_socket))
            .replace("${XDS_SOCKET}", &path(self.xds_socket))
            .replace("${HEAP_BYTES}", &HEAP_BYTES.to_string())
            .replace("${MAX_CONNECTIONS}", &MAX_CONNECTIONS.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_filled_in() {
        let text = Bootstrap {
            node_id: "a\"b",
            module: "00",
            admin_socket: Path::new("/tmp/x y/admin.sock"),
            xds_socket: Path::new("/tmp/x y/xds.sock"),
        }
        .render();
        let body: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .collect();
        assert!(!body.contains("${"), "{body}");
        let format = format!("format: {}", crate::FORMAT);
        assert!(body.contains(&format), "the module reads {format}");
        assert!(text.contains(r#"id: "a\"b""#));
    }
}
