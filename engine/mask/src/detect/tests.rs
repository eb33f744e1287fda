use super::{Detector, classify};
use crate::Entity;
use crate::known::Known;

/// The text with every finding replaced.
fn masked(text: &str) -> String {
    let findings = Detector::new(&Entity::ALL, 400)
        .scan(text, &Known::default())
        .unwrap();
    let mut out = text.to_owned();
    for finding in findings.iter().rev() {
        out.replace_range(finding.span.clone(), finding.entity.placeholder());
    }
    out
}

fn becomes(cases: &[(&str, &str)]) {
    for (text, wanted) in cases {
        assert_eq!(masked(text), *wanted, "{text}");
    }
}

fn stays(cases: &[&str]) {
    for text in cases {
        assert_eq!(masked(text), *text);
    }
}

#[test]
fn addresses() {
    becomes(&[
        ("to bob@example.com.", "to <EMAIL_ADDRESS>."),
        ("<bob.o'neil+x@a-b.example.co.uk>", "<<EMAIL_ADDRESS>>"),
        (
            "a@b.io,c@d.io;e@f.io",
            "<EMAIL_ADDRESS>,<EMAIL_ADDRESS>;<EMAIL_ADDRESS>",
        ),
        (
            "mailto:bob@example.com?subject=x",
            "mailto:<EMAIL_ADDRESS>?subject=x",
        ),
        ("q=bob%40example.com&x=1", "q=<EMAIL_ADDRESS>&x=1"),
        ("say bob\\u0040example.com", "say <EMAIL_ADDRESS>"),
        ("\"bob smith\"@example.com", "<EMAIL_ADDRESS>"),
        ("bob@[192.0.2.1]", "<EMAIL_ADDRESS>"),
        ("jürgen@müller.de", "<EMAIL_ADDRESS>"),
        ("bob@xn--mller-kva.xn--p1ai", "<EMAIL_ADDRESS>"),
        ("'bob@example.com'", "'<EMAIL_ADDRESS>'"),
        ("**bob@example.com**", "**<EMAIL_ADDRESS>**"),
        ("bob@example.com-2024", "<EMAIL_ADDRESS>-2024"),
        ("BOB@EXAMPLE.COM", "<EMAIL_ADDRESS>"),
        ("联系bob@example.com谢谢", "联系<EMAIL_ADDRESS>谢谢"),
    ]);
    stays(&[
        "npm i lodash@4.17.21 @types/node@20.1.0",
        "icon@2x.png",
        "git@github.com:owner/repo.git",
        "@user hello",
        "user@host",
        "a @ b.com",
        "bob@",
        "@",
        "x@.com",
    ]);
}

#[test]
fn cards() {
    becomes(&[
        ("4111111111111111", "<CREDIT_CARD>"),
        ("pay 4111 1111 1111 1111 12/26", "pay <CREDIT_CARD> 12/26"),
        ("4111-1111-1111-1111,", "<CREDIT_CARD>,"),
        ("4111.1111.1111.1111", "<CREDIT_CARD>"),
        ("4111\u{a0}1111\u{a0}1111\u{a0}1111", "<CREDIT_CARD>"),
        ("4111\u{2011}1111\u{2011}1111\u{2011}1111", "<CREDIT_CARD>"),
        ("amex 3782 822463 10005!", "amex <CREDIT_CARD>!"),
        ("1 5555555555554444 2", "1 <CREDIT_CARD> 2"),
        ("card_4111111111111111", "card_<CREDIT_CARD>"),
        ("2223003122003222", "<CREDIT_CARD>"),
        (
            "30569309025904 6011111111111117",
            "<CREDIT_CARD> <CREDIT_CARD>",
        ),
    ]);
    stays(&[
        "4111111111111112",
        "41111111111111111111",
        "a4111111111111111",
        "4111111111111111a",
        "0.4111111111111111",
        "41 11 11 11 11 11 11 11",
        "1700000000000 ms",
        "9007199254740991",
    ]);
}

#[test]
fn api_keys() {
    let run = |n| "aB3dE5gH7j".repeat(n);
    let tokens = [
        format!("sk-{}", run(3)),
        format!("sk-proj-{}", run(6)),
        format!("sk-ant-api03-{}", run(9)),
        format!("ghp_{}abcdef", run(3)),
        format!("github_pat_{}", run(8)),
        format!("glpat-{}", run(2)),
        "AKIAIOSFODNN7EXAMPLE".to_owned(),
        format!("AIza{}abcde", run(3)),
        format!("xoxb-123456789012-{}", run(2)),
        format!("sk_live_{}", run(2)),
        format!("hf_{}abcd", run(3)),
        format!("npm_{}abcdef", run(3)),
        format!("SG.{}.{}", run(2), run(4)),
        format!("shpat_{}", "0a".repeat(16)),
        format!("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{}", run(4)),
        format!(
            "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
            run(9)
        ),
    ];
    let cut = format!("-----BEGIN PRIVATE KEY-----\n{}", run(9));
    assert_eq!(masked(&cut), "<API_KEY>");
    for token in tokens {
        assert_eq!(masked(&token), "<API_KEY>");
        assert_eq!(masked(&format!("is {token}, yes")), "is <API_KEY>, yes");
        assert_eq!(masked(&format!("({token})")), "(<API_KEY>)");
    }
    becomes(&[
        (
            "Authorization: Bearer abc123def456",
            "Authorization: Bearer <API_KEY>",
        ),
        (
            "curl -H 'authorization: token abcdef0123456789abcd'",
            "curl -H 'authorization: token <API_KEY>'",
        ),
        ("api_key=abc123def456", "api_key=<API_KEY>"),
        (
            "\"apiKey\": \"abc123def456\",",
            "\"apiKey\": \"<API_KEY>\",",
        ),
        ("x-api-key: 0123456789abcdef", "x-api-key: <API_KEY>"),
        (
            "?access_token=abcdef0123456789&x=1",
            "?access_token=<API_KEY>&x=1",
        ),
        (
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "aws_secret_access_key = <API_KEY>",
        ),
    ]);
    stays(&[
        "sk-learn-container-id-one-more",
        "risk-0123456789012345678901234567",
        "nextPageToken: abcdef0123456789abcd",
        "the bearer of bad news",
        "Bearer authentication",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        "let token = self.next_token()",
        "max_tokens: 4096",
        "-----BEGIN PRIVATE KEY----- starts a key",
    ]);
}

#[test]
fn passwords() {
    becomes(&[
        ("password=hunter2", "password=<PASSWORD>"),
        ("Password: hunter2", "Password: <PASSWORD>"),
        ("DB_PASS = \"KfX3!,813\"", "DB_PASS = \"<PASSWORD>\""),
        (
            "{dbPassword: 'a b', x: 1}",
            "{dbPassword: '<PASSWORD>', x: 1}",
        ),
        (
            "export DB_PASSWORD=p@ss,w;rd",
            "export DB_PASSWORD=<PASSWORD>",
        ),
        ("pass := \"Ys6$NTbDE\"", "pass := \"<PASSWORD>\""),
        (
            "user=bob&password=hunter2&x=1",
            "user=bob&password=<PASSWORD>&x=1",
        ),
        (
            "mysql --password hunter2 -u root",
            "mysql --password <PASSWORD> -u root",
        ),
        ("mysql --password=hunter2", "mysql --password=<PASSWORD>"),
        (
            "CREATE USER u IDENTIFIED BY 'kerq9n2'",
            "CREATE USER u IDENTIFIED BY '<PASSWORD>'",
        ),
        (
            "postgres://app:s3cr3t@db:5432/x",
            "postgres://app:<PASSWORD>@db:5432/x",
        ),
        (
            "https://u:p@example.com/",
            "https://u:<PASSWORD>@example.com/",
        ),
        (
            "Authorization: Basic dXNlcjpodW50ZXIy",
            "Authorization: Basic <PASSWORD>",
        ),
        ("The password is hunter2.", "The password is <PASSWORD>."),
        ("client_secret: \"x!yz\"", "client_secret: \"<PASSWORD>\""),
        (
            "config[\"password\"] = \"hunter2\"",
            "config[\"password\"] = \"<PASSWORD>\"",
        ),
        (
            "password: str = \"hunter2\"",
            "password: str = \"<PASSWORD>\"",
        ),
        (
            "{\\\"password\\\": \\\"hunter2\\\"}",
            "{\\\"password\\\": \\\"<PASSWORD>\\\"}",
        ),
        (
            "\"password\": \"hun\\\"ter2\"",
            "\"password\": \"<PASSWORD>\"",
        ),
        (
            "\"password\": \"<hunter2>\"",
            "\"password\": \"<PASSWORD>\"",
        ),
    ]);
    stays(&[
        "password: required",
        "password: ${DB_PASSWORD}",
        "password: {{ .Values.password }}",
        "password: <your password>",
        "password=\"a\\\"",
        "password=<PASSWORD>",
        "password: ********",
        "enter your password: then press enter",
        "\"password\": \"Please enter your new password\"",
        "password = getpass()",
        "let password = args.password",
        "PWD=/home/bob",
        "compass: north4east",
        "bypass: a1b2c3d4",
        "pass: 12, fail: 3",
        "password: null, x",
        "https://example.com:8080/a@b",
    ]);
}

#[test]
fn names() {
    for name in [
        "password",
        "Password",
        "userPassword",
        "DB_PASS",
        "dbpassword",
        "PASSWD",
        "api-key",
        "X-Api-Key",
        "APIKey",
        "apikey2",
        "accessToken",
        "auth_token",
        "client_secret",
        "secretAccessKey",
        "password_confirmation",
        "Your API key",
        "privateKey",
        "db.pwd",
    ] {
        assert!(classify(name).is_some(), "{name}");
    }
    for name in [
        "",
        "pass_rate",
        "passenger",
        "compass",
        "monkey",
        "key",
        "primary_key",
        "tokens",
        "next_token",
        "pageToken",
        "secretary",
        "password_policy",
        "keyboard",
        "tokenizer",
    ] {
        assert!(classify(name).is_none(), "{name}");
    }
}

#[test]
fn overlaps_become_one() {
    assert_eq!(
        masked("password='x y bob@example.com'"),
        "password='<EMAIL_ADDRESS>'".replace("EMAIL_ADDRESS", "PASSWORD")
    );
    let one = Detector::new(&[Entity::EmailAddress], 400);
    assert_eq!(
        one.scan(
            "u: https://a:b@example.com 4111111111111111",
            &Known::default()
        )
        .unwrap()
        .len(),
        1
    );
}

#[test]
fn the_threshold_counts() {
    let sure = Detector::new(&Entity::ALL, 5000);
    assert_eq!(
        sure.scan("bob@example.com password=hunter2", &Known::default())
            .unwrap()
            .len(),
        1
    );
    let all = Detector::new(&Entity::ALL, 0);
    assert_eq!(
        all.scan("bob@example.com password=hunter2", &Known::default())
            .unwrap()
            .len(),
        2
    );
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test that takes time")]
fn long_texts_take_linear_time() {
    let n = 1_500;
    for unit in [
        "a@",
        "@a.",
        "4111 ",
        "4111-",
        "sk-",
        "eyJ-",
        "eyJ.",
        "password=",
        "password='",
        "password:\"",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN ",
        "://a:",
        "--password ",
        "bearer ",
        "token=a",
        "identified by ",
        "pass=\\",
        "\"",
        "=",
        ":",
        "a=",
        "ghp_",
        "xoxb-",
        "hooks.slack.com/",
        "password=(",
        "password is ",
        "\\\"password\\\":",
        "basic ",
        "a.",
        "\"@",
        "authorization: x ",
        "secret=aaaa_",
    ] {
        // Processor time of this thread, the least of a few runs, and a ratio: a busy machine
        // changes none of them.
        let least = |bytes: usize| {
            let text = unit.repeat(bytes / unit.len());
            let run = || {
                let begin = processor_time();
                let found = Detector::new(&Entity::ALL, 400).scan(&text, &Known::default());
                std::hint::black_box(found.is_ok());
                processor_time() - begin
            };
            (0..3).map(|_| run()).min().unwrap()
        };
        let (small, large) = (least(n), least(16 * n));
        assert!(large < small * 64, "{unit:?}: {small:?}, then {large:?}");
    }
}

fn processor_time() -> std::time::Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    std::time::Duration::try_from(spent).unwrap()
}
