use super::*;

fn read(options: &[&str], variables: &[(&str, &str)]) -> Result<Listen, String> {
    use clap::Parser;
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: XdsOptions,
    }
    let line = Line::parse_from([&["serve"], options].concat());
    let environment = |name: &str| {
        let found = variables.iter().find(|(n, _)| *n == name);
        Ok(found.map(|(_, value)| (*value).to_owned()))
    };
    Listen::read(&line.options, &environment, "/state/xds.sock".into()).map_err(|f| {
        assert_eq!(f.code(), 78);
        f.to_string()
    })
}

#[test]
fn a_unix_socket_unless_told_otherwise() {
    let unix = |path: &str| Ok(Listen::Unix(path.into()));
    assert_eq!(read(&[], &[]), unix("/state/xds.sock"));
    assert_eq!(read(&["--xds", "unix:/run/x"], &[]), unix("/run/x"));
    assert_eq!(read(&[], &[("MCP_XDS", "unix:/run/y")]), unix("/run/y"));
}

#[test]
fn tcp_needs_all_three_files() {
    let all = [
        ("MCP_XDS_TLS_CERT", "c"),
        ("MCP_XDS_TLS_KEY", "k"),
        ("MCP_XDS_TLS_CLIENT_CA", "a"),
    ];
    let files = TlsFiles {
        certificate: "c".into(),
        key: "k".into(),
        client_ca: "a".into(),
    };
    for address in ["127.0.0.1:18000", "0.0.0.0:18000", "[::]:18000"] {
        let listen = Listen::Tls(address.parse().unwrap(), files.clone());
        assert_eq!(read(&["--xds", address], &all), Ok(listen));
        for missing in 0..3 {
            let mut some = all.to_vec();
            let (name, _) = some.remove(missing);
            let error = read(&["--xds", address], &some).unwrap_err();
            assert!(
                error.contains(name) && error.lines().count() == 1,
                "{error}"
            );
        }
        let error = read(&["--xds", address], &[]).unwrap_err();
        assert_eq!(error.lines().count(), 3, "{error}");
    }
}

#[test]
fn what_means_nothing_is_refused() {
    for address in ["/run/xds.sock", "unix:", "localhost:1", "1.2.3.4", "tcp:1"] {
        let error = read(&["--xds", address], &[]).unwrap_err();
        assert!(error.contains("neither unix:PATH nor IP:PORT"), "{error}");
    }
    let error = read(&["--xds-tls-key", "k"], &[]).unwrap_err();
    assert!(error.contains("a Unix socket has no TLS"), "{error}");
}
