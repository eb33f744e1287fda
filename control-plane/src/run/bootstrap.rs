//! Envoy's bootstrap: a committed file with this machine's names filled in.

use std::path::{Path, PathBuf};

/// Where the control plane is on the same machine; explained line by line.
pub const TEMPLATE: &str = include_str!("../../../envoy/bootstrap.yaml");
/// Where it is elsewhere.
pub const TLS_TEMPLATE: &str = include_str!("../../../envoy/bootstrap-tls.yaml");

/// The heap at which Envoy refuses requests.
const HEAP_BYTES: u64 = 1 << 30;
/// Connections of clients, over all listeners.
const MAX_CONNECTIONS: u32 = 10_000;

/// Where the control plane is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plane {
    /// Behind a Unix socket.
    Unix(PathBuf),
    /// Behind mutual TLS.
    Tls(TlsClient),
}

/// How a gateway reaches its control plane over TCP. The files are Envoy's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsClient {
    /// Host name or address, which the control plane's certificate must name.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The gateway's certificate chain, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
    /// Authorities of the control plane's certificate, in PEM.
    pub authorities: PathBuf,
}

/// What differs from one start to the next.
#[derive(Debug, Clone)]
pub struct Bootstrap<'a> {
    /// `node.id`.
    pub node_id: &'a str,
    /// Hash of the filter module.
    pub module: &'a str,
    /// Socket of Envoy's admin interface.
    pub admin_socket: &'a Path,
    /// The control plane.
    pub plane: &'a Plane,
}

impl Bootstrap<'_> {
    /// The file that Envoy reads.
    pub fn render(&self) -> String {
        let mut values = vec![
            ("NODE_ID", quoted(self.node_id)),
            ("MODULE", quoted(self.module)),
            ("ADMIN_SOCKET", path(self.admin_socket)),
            ("HEAP_BYTES", HEAP_BYTES.to_string()),
            ("MAX_CONNECTIONS", MAX_CONNECTIONS.to_string()),
        ];
        let template = match self.plane {
            Plane::Unix(socket) => {
                values.push(("XDS_SOCKET", path(socket)));
                TEMPLATE
            }
            Plane::Tls(client) => {
                let address = client.host.parse::<std::net::IpAddr>().is_ok();
                values.extend([
                    ("XDS_HOST", quoted(&client.host)),
                    ("XDS_SNI", quoted(if address { "" } else { &client.host })),
                    ("XDS_PORT", client.port.to_string()),
                    (
                        "XDS_DISCOVERY",
                        if address { "STATIC" } else { "STRICT_DNS" }.to_owned(),
                    ),
                    (
                        "XDS_SAN_TYPE",
                        if address { "IP_ADDRESS" } else { "DNS" }.to_owned(),
                    ),
                    ("TLS_CERT", path(&client.certificate)),
                    ("TLS_KEY", path(&client.key)),
                    ("TLS_CA", path(&client.authorities)),
                ]);
                TLS_TEMPLATE
            }
        };
        fill(template, &values)
    }
}

/// In one pass: what a value holds is never filled in again.
fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let value = after.split_once('}').and_then(|(name, tail)| {
            let (_, value) = values.iter().find(|(n, _)| *n == name)?;
            Some((value, tail))
        });
        match value {
            Some((value, tail)) => {
                out.push_str(value);
                rest = tail;
            }
            None => {
                out.push_str("${");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// A JSON string is a YAML string too, so no text can break out of its value.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls() -> Plane {
        Plane::Tls(TlsClient {
            host: "control.internal".to_owned(),
            port: 18_000,
            certificate: "/tls/a b.pem".into(),
            key: "/tls/key.pem".into(),
            authorities: "/tls/ca.pem".into(),
        })
    }

    fn render(plane: &Plane) -> String {
        Bootstrap {
            node_id: "a\"b${MODULE}",
            module: "00",
            admin_socket: Path::new("/tmp/x y/admin.sock"),
            plane,
        }
        .render()
    }

    #[test]
    fn every_name_is_filled_in() {
        for plane in [Plane::Unix("/tmp/x y/xds.sock".into()), tls()] {
            let text = render(&plane);
            let body: String = text
                .lines()
                .filter(|line| !line.trim_start().starts_with('#'))
                .collect();
            assert_eq!(body.matches("${").count(), 1, "{body}");
            assert!(text.contains(r#"id: "a\"b${MODULE}""#), "{text}");
            let format = format!("format: {}", crate::FORMAT);
            assert!(body.contains(&format), "the module reads {format}");
        }
        assert!(render(&tls()).contains("type: STRICT_DNS"));
    }

    /// The cluster of the control plane is the whole difference.
    #[test]
    fn the_two_files_agree_on_the_rest() {
        let rest = |text: &str| -> Vec<String> {
            let begin = text.find("\nnode:").unwrap();
            let cluster = text.find("\nstatic_resources:").unwrap();
            let after = text.find("\noverload_manager:").unwrap();
            [&text[begin..cluster], &text[after..]]
                .map(str::to_owned)
                .to_vec()
        };
        assert_eq!(rest(TEMPLATE), rest(TLS_TEMPLATE));
    }
}
