use std::collections::BTreeMap;

use super::*;

fn load(pairs: &[(&str, &str)]) -> Result<Settings, Failure> {
    load_with(&Options::default(), pairs)
}

fn load_with(options: &Options, pairs: &[(&str, &str)]) -> Result<Settings, Failure> {
    let map: BTreeMap<String, String> = pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    Settings::load(options, &|name| Ok(map.get(name).cloned()))
}

/// An option that says nothing leaves the variable as it is.
#[test]
fn a_blank_option_is_none() {
    for (option, strict) in [
        (Some(""), true),
        (Some(" "), true),
        (Some("off"), false),
        (None, true),
    ] {
        let options = Options {
            strict_security: option.map(str::to_owned),
            ..Options::default()
        };
        let settings = load_with(&options, &[("MCP_STRICT_SECURITY", "true")]).unwrap();
        assert_eq!(settings.strict, strict, "{option:?}");
    }
}

/// One problem does not hide the others, and is told once.
#[test]
fn every_problem_is_told_once() {
    let failure = load(&[
        ("MCP_ADMIN", "nowhere"),
        ("MCP_PORT", "x"),
        ("LOG_LEVEL", "loud"),
        ("MCP_SKIP_TLS_VALIDATION", "perhaps"),
        ("OKTA_TOKEN_ENDPOINT", "https://id.example/v1/token"),
        ("OKTA_CLIENT_ID", "gateway"),
        ("OKTA_CLIENT_SECRET", "hush"),
        ("ANALYTICS_REDIS_URL", "redis://r"),
    ])
    .unwrap_err()
    .to_string();
    for name in [
        "MCP_ADMIN",
        "MCP_PORT",
        "LOG_LEVEL",
        "MCP_SKIP_TLS_VALIDATION",
        "ANALYTICS_REDIS_URL",
    ] {
        let told = failure.lines().filter(|line| line.contains(name)).count();
        assert_eq!(told, 1, "{name}: {failure}");
    }
}

#[test]
fn defaults() {
    let settings = load(&[]).unwrap();
    assert_eq!(settings.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(settings.admin.unwrap().to_string(), "127.0.0.1:8081");
    assert!(!settings.strict && !settings.relax && !settings.skip_tls_validation);
    assert_eq!(
        settings.public_url(settings.listen),
        "http://localhost:8080"
    );
}

#[test]
fn flags_are_strict() {
    for on in ["1", "true", "YES", "On"] {
        assert!(load(&[("MCP_STRICT_SECURITY", on)]).unwrap().strict, "{on}");
    }
    for off in ["0", "false", "NO", "Off", ""] {
        assert!(
            !load(&[("MCP_STRICT_SECURITY", off)]).unwrap().strict,
            "{off}"
        );
    }
    for bad in ["enabled", "2", "y", "tru"] {
        let failure = load(&[("MCP_STRICT_SECURITY", bad)]).unwrap_err();
        assert_eq!(failure.code(), 78);
        assert!(failure.to_string().contains("MCP_STRICT_SECURITY"));
    }
}

#[test]
fn options_win_over_the_environment() {
    let options = Options {
        port: Some("9000".to_owned()),
        strict_security: Some("false".to_owned()),
        ..Options::default()
    };
    let settings = load_with(
        &options,
        &[("MCP_PORT", "1"), ("MCP_STRICT_SECURITY", "true")],
    )
    .unwrap();
    assert_eq!(settings.listen.port(), 9000);
    assert!(!settings.strict);
}

#[test]
fn what_is_not_built_is_refused_unless_off() {
    for (name, off, on) in [
        ("MCP_SSE_ENABLED", "false", "true"),
        ("ANALYTICS_REDIS_CLUSTER", "0", "1"),
        ("ANALYTICS_REDIS_URL", "", "redis://h"),
    ] {
        assert!(load(&[(name, off)]).is_ok(), "{name}");
        let failure = load(&[(name, on)]).unwrap_err();
        assert_eq!(failure.code(), 78);
        assert!(failure.to_string().contains(name));
        assert!(!failure.to_string().contains("hush"));
    }
}

#[test]
fn the_gateway_key_is_read_strictly_and_shown_nowhere() {
    let key = "0123456789abcdef".repeat(4);
    let settings = load(&[("MCP_GATEWAY_KEY", &key)]).unwrap();
    assert!(settings.gateway_key.is_some());
    assert!(!format!("{settings:?}").contains("0123456789abcdef"));
    assert!(load(&[]).unwrap().gateway_key.is_none());
    let failure = load(&[("MCP_GATEWAY_KEY", &key[1..])]).unwrap_err();
    assert_eq!(failure.code(), 78);
    let told = failure.to_string();
    assert!(
        told.contains("MCP_GATEWAY_KEY") && !told.contains("123456"),
        "{told}"
    );
}

#[test]
fn cors_comes_from_the_environment() {
    let settings = load(&[
        ("MCP_CORS_ORIGINS", "https://a.example, https://b.example"),
        ("MCP_CORS_ALLOW_CREDENTIALS", "off"),
        ("MCP_CORS_MAX_AGE", "5"),
    ]);
    let cors = settings.unwrap().cors;
    assert_eq!(
        cors.origins.unwrap(),
        ["https://a.example", "https://b.example"]
    );
    assert_eq!((cors.credentials, cors.max_age), (Some(false), Some(5)));
    assert_eq!(load(&[]).unwrap().cors, CorsVariables::default());
    for (name, value) in [
        ("MCP_CORS_ALLOW_CREDENTIALS", "maybe"),
        ("MCP_CORS_MAX_AGE", "-1"),
    ] {
        let told = load(&[(name, value)]).unwrap_err().to_string();
        assert!(told.contains(name), "{told}");
    }
}

#[test]
fn names_that_no_request_can_match_are_refused() {
    for (name, value) in [
        ("MCP_ALLOWED_HOSTS", "alias.example.com:8443"),
        ("MCP_ALLOWED_HOSTS", "fd00::1"),
        ("MCP_ALLOWED_HOSTS", "a.example,:::"),
        ("MCP_PUBLIC_URL", "https://gw.example.com:443"),
        ("MCP_PUBLIC_URL", "http://gw.example.com:80/"),
        ("MCP_PUBLIC_URL", "https://:::99999"),
        ("MCP_CORS_ORIGINS", "https://app.example.com:443"),
        ("MCP_CORS_ORIGINS", "https://::::"),
        ("MCP_CORS_ORIGINS", "foo"),
        ("MCP_CORS_ORIGINS", ","),
    ] {
        let told = load(&[(name, value)]).unwrap_err().to_string();
        assert!(told.contains(name), "{name}={value}: {told}");
    }
    let settings = load(&[
        ("MCP_ALLOWED_HOSTS", "Alias.example.com, [fd00::1],10.0.0.1"),
        ("MCP_PUBLIC_URL", "https://gw.example.com:8443/"),
        (
            "MCP_CORS_ORIGINS",
            "https://app.example.com:80,http://localhost:443",
        ),
    ])
    .unwrap();
    let hosts = ["alias.example.com", "[fd00::1]", "10.0.0.1"];
    assert_eq!(settings.allowed_hosts, hosts);
}

#[test]
fn every_problem_is_told_at_once() {
    let failure = load(&[
        ("MCP_PORT", "70000"),
        ("MCP_HOST", "nowhere"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("MCP_BRIDGE", "127.0.0.1:9"),
        ("MCP_PUBLIC_URL", "ftp://x"),
    ])
    .unwrap_err()
    .to_string();
    for name in [
        "MCP_PORT",
        "MCP_HOST",
        "LOG_LEVEL",
        "LOG_FORMAT",
        "MCP_BRIDGE",
        "MCP_PUBLIC_URL",
    ] {
        assert!(failure.contains(name), "{name}: {failure}");
    }
}

#[test]
fn admin_is_loopback_or_off() {
    let with = |admin: &str| {
        let options = Options {
            admin: Some(admin.to_owned()),
            ..Options::default()
        };
        load_with(&options, &[])
    };
    assert!(with("off").unwrap().admin.is_none());
    assert_eq!(with("[::1]:0").unwrap().admin.unwrap().port(), 0);
    assert_eq!(with("0.0.0.0:8081").unwrap_err().code(), 78);
    assert_eq!(with("8081").unwrap_err().code(), 78);
}

#[test]
fn token_exchange_takes_three_settings_or_none() {
    let [url, id, secret] = [
        ("OKTA_TOKEN_ENDPOINT", "https://id.example/v1/token"),
        ("OKTA_CLIENT_ID", "gateway"),
        ("OKTA_CLIENT_SECRET", "hush"),
    ];
    assert!(load(&[]).unwrap().token_endpoint.is_none());
    let settings = load(&[url, id, secret]).unwrap();
    assert!(settings.token_endpoint.is_some());
    assert!(!format!("{settings:?}").contains("hush"));
    for some in [
        &[url][..],
        &[id],
        &[secret],
        &[url, id],
        &[url, secret],
        &[id, secret],
    ] {
        let failure = load(some).unwrap_err();
        let told = failure.to_string();
        assert_eq!(failure.code(), 78, "{told}");
        assert!(told.contains("OKTA_CLIENT_SECRET") && !told.contains("hush"));
    }
    // A look at a policy needs no secret, and no less than that.
    let look = |pairs: &[(&str, &str)]| {
        let map: BTreeMap<_, _> = pairs.iter().copied().collect();
        let variable = |name: &str| Ok(map.get(name).map(|text| (*text).to_owned()));
        Settings::look(&Options::default(), &variable)
    };
    assert!(look(&[url, id]).unwrap().token_endpoint.is_some());
    assert!(look(&[url]).is_err() && look(&[url, secret]).is_err());
    for wrong in [
        "http://id.example/token",
        "https://a:b@id.example/token",
        "https://id.example/token#x",
        "id.example",
    ] {
        let failure = load(&[("OKTA_TOKEN_ENDPOINT", wrong), id, secret]).unwrap_err();
        assert!(
            failure.to_string().contains("OKTA_TOKEN_ENDPOINT"),
            "{wrong}"
        );
    }
    let insecure = ("MCP_SKIP_TLS_VALIDATION", "true");
    let url = ("OKTA_TOKEN_ENDPOINT", "http://id.example/token");
    assert!(load(&[url, id, secret, insecure]).is_ok());
}
