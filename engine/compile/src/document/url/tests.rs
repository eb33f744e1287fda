use super::*;

fn code(text: &str) -> Option<Code> {
    Url::parse(text).err().map(|error| error.code)
}

#[test]
fn ordinary_urls() {
    for text in [
        "https://mcp-server.internal.corp/mcp",
        "https://host",
        "https://host:8443/a%20b/c",
        "http://127.0.0.1:9100/mcp",
        "http://[::1]:9100/mcp",
        "https://10.0.0.1/mcp",
        "https://192.168.1.1",
        "https://[fd00::1]/mcp",
        "http://my_service:3000/",
        "https://xn--bcher-kva.example/",
        "https://idp.example.com/keys?appid=1",
    ] {
        assert_eq!(Url::parse(text).err(), None, "{text}");
    }
}

#[test]
fn parts() {
    let url = Url::parse("https://Example.COM:443/a")
        .unwrap()
        .server()
        .unwrap();
    assert_eq!(url.host, "example.com");
    assert_eq!(url.authority(), "example.com");
    assert_eq!(url.path, "/a");
    let url = Url::parse("http://[::1]").unwrap().server().unwrap();
    assert_eq!(
        (url.host.as_str(), url.port, url.path.as_str()),
        ("::1", 80, "/")
    );
    assert_eq!(url.authority(), "[::1]");
    let query = Url::parse("https://a/b?c").unwrap().server();
    assert_eq!(query.unwrap_err().code, Code::NotSupported);
}

#[test]
fn what_cannot_be_read() {
    for text in [
        "",
        "host",
        "//host/",
        "ftp://host",
        "HTTPS://host",
        "https:/host",
        "https://",
        "https:///p",
        "https://:80",
        "https://host:",
        "https://host:0",
        "https://host:65536",
        "https://host:+1",
        "https://host:8a",
        "https://user@host",
        "https://user:pw@host",
        "https://@host",
        "https://host#f",
        "https://host/#",
        "https://ho st",
        "https://höst",
        "https://host\\@evil",
        "https://ho%73t",
        "https://a..b",
        "https://.a",
        "https://a.",
        "https://-a",
        "https://[::1",
        "https://[::1%25eth0]",
        "https://[1.2.3.4]",
        "https://[::1]x",
        "https://host/a b",
        "https://host/%zz",
        "https://host/../x",
        "https://host/%2e%2E/x",
        "https://host/\"",
        "https://host/\n",
        "https://a,b/",
    ] {
        assert_eq!(code(text), Some(Code::Url), "{text:?}");
    }
    assert_eq!(code("https://${HOST}/"), Some(Code::NotSupported));
}

#[test]
fn where_no_server_is() {
    for host in [
        "169.254.169.254",
        "169.254.1.1",
        "0.0.0.0",
        "0.1.2.3",
        "255.255.255.255",
        "224.0.0.1",
        "239.255.255.255",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        // other spellings
        "2852039166",
        "0xa9fea9fe",
        "0xA9.0xFE.0xA9.0xFE",
        "0251.0376.0251.0376",
        "169.254.43518",
        "169.16689662",
        "0",
        "127.1",
        "0x7f.1",
        "017700000001",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "1.2.3.04",
        "0x",
        "[::]",
        "[fe80::1]",
        "[febf::1]",
        "[ff02::1]",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[::ffff:10.0.0.1]",
        "[::169.254.169.254]",
        "[::a9fe:a9fe]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
        "[fd00:ec2::254]",
        "[fd20:ce::254]",
        "metadata.google.internal",
        "METADATA.google.internal",
        "metadata",
        "instance-data",
    ] {
        let text = format!("https://{host}/mcp");
        assert_eq!(code(&text), Some(Code::ForbiddenAddress), "{text}");
    }
}

#[test]
fn loopback() {
    let loopback = |text: &str| Url::parse(text).unwrap().host.is_loopback();
    for text in [
        "http://localhost",
        "http://LOCALHOST:1",
        "http://a.localhost",
        "http://127.9.9.9",
        "http://[::1]",
    ] {
        assert!(loopback(text), "{text}");
    }
    for text in [
        "http://localhost.evil",
        "http://notlocalhost",
        "http://128.0.0.1",
        "http://127.0.0.1.nip.io",
    ] {
        assert!(!loopback(text), "{text}");
    }
}
