//! What authors of policies have: `explain`, `test`, and cases that keep a bad policy out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{Gateway, Options, Scripted, mcp_zero};
use serde_json::Value;
use std::path::Path;

const POLICY: &str = "version: 1
servers:
  - {name: s, transport: http, url: \"https://s.example/mcp\"}
identity: {issuer: https://idp.example, audience: a}
policies:
  - {id: read, description: Developers read, effect: allow, subjects: {groups: [dev]}, mcp_servers: [{name: s, tools: [\"get*\", read_file]}]}
  - {id: not-etc, description: Not there, effect: deny, mcp_servers: [{name: s, tools: [read_file]}], when: [{argument: /path, glob: \"/etc/*\"}]}
  - {id: trial, description: Tried out, effect: deny, shadow: true, mcp_servers: [{name: s}]}
  - {id: prompts, description: Prompts, effect: allow, mcp_servers: [{name: s, prompts: [\"*\"]}]}
";

fn written(folder: &Path, name: &str, text: &str) -> String {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    file.to_string_lossy().into_owned()
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    let done = mcp_zero(arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        done.status.code().unwrap(),
        text(&done.stdout),
        text(&done.stderr),
    )
}

#[test]
fn explain_says_what_every_rule_had_to_do_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), "p.yaml", POLICY);
    let ask = |more: &[&str]| {
        let base = [
            "explain", &file, "--user", "ann", "--groups", "dev", "--server", "s",
        ];
        run(&[&base[..], more].concat())
    };
    let etc = r#"{"path": "/etc/x"}"#;
    let (code, human, _) = ask(&["--tool", "read_file", "--arguments", etc]);
    assert_eq!(code, 0);
    assert_eq!(
        human,
        "deny by `not-etc`: Not there
  read     allow  matches, but `not-etc` decides
  not-etc  deny   decides
  trial    deny   matches, but is only tried out (shadow)
  prompts  allow  is about other kinds than this\n"
    );
    let (_, json, _) = ask(&[
        "--tool",
        "read_file",
        "--arguments",
        "{}",
        "--format",
        "json",
    ]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["decision"], &json["rule_id"]),
        (&"deny".into(), &"not-etc".into())
    );
    let (_, json, _) = ask(&["--tool", "get_x", "--arguments", "{}", "--format", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    let bearings: Vec<&str> = json["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["bearing"].as_str().unwrap())
        .collect();
    assert_eq!(bearings, ["decides", "name", "shadow", "kind"]);
    let tmp = written(folder.path(), "a.json", r#"{"path": "/tmp/x"}"#);
    let (_, human, _) = ask(&["--tool", "read_file", "--arguments", &format!("@{tmp}")]);
    assert!(human.starts_with("allow by `read`"), "{human}");
    assert!(
        human.contains("its condition on `/path` does not hold"),
        "{human}"
    );
    let (_, human, _) = ask(&["--tool", "read_file"]);
    assert!(
        human.contains("for some arguments") && human.contains("no arguments yet"),
        "{human}"
    );
    for (wrong, told) in [
        (
            vec!["explain", &file, "--server", "elsewhere", "--tool", "x"],
            "no server `elsewhere`; there is `s`",
        ),
        (
            vec![
                "explain", &file, "--server", "s", "--tool", "x", "--issuer", "z",
            ],
            "no identity `z`",
        ),
        (
            vec![
                "explain", &file, "--server", "s", "--tool", "x", "--groups", "dev",
            ],
            "without a user",
        ),
        (
            vec!["explain", &file, "--server", "s", "--client-request", "x"],
            "no client request `x`",
        ),
        (
            vec![
                "explain",
                &file,
                "--server",
                "s",
                "--resource",
                "x",
                "--arguments",
                "{}",
            ],
            "only tools and prompts",
        ),
        (
            vec![
                "explain",
                &file,
                "--server",
                "s",
                "--tool",
                "x",
                "--arguments",
                "[1]",
            ],
            "a mapping is wanted",
        ),
    ] {
        let (code, _, error) = run(&wrong);
        assert_eq!(code, 78, "{wrong:?}: {error}");
        assert!(error.contains(told), "{wrong:?}: {error}");
    }
}

#[test]
fn cases_are_run_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(folder.path(), "p.yaml", POLICY);
    let (code, _, error) = run(&["test", &file]);
    assert!(code == 78 && error.contains("p.test.yaml"), "{error}");
    let good = "version: 1
cases:
  - {name: they read, user: ann, groups: [dev], server: s, tool: get_x, expect: {allow: read}}
";
    let cases = written(folder.path(), "p.test.yaml", good);
    let (code, told, _) = run(&["test", &file]);
    assert_eq!(
        (code, told.as_str()),
        (0, "ok      they read\n1 passed, 0 failed\n")
    );
    let bad = format!(
        "{good}  - {{name: they write, user: ann, groups: [dev], server: s, tool: put, expect: allow}}\n"
    );
    written(folder.path(), "p.test.yaml", &bad);
    let (code, told, error) = run(&["test", &file, "--format", "json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (code, &told["failed"], &told["passed"]),
        (1, &1.into(), &1.into())
    );
    assert_eq!(told["cases"][1]["file"], cases.as_str());
    assert!(error.contains("1 of 2 cases failed"), "{error}");
    let (code, _, error) = run(&["check", &file]);
    assert!(
        code == 78 && error.contains("p.test.yaml:4: case `they write`"),
        "{error}"
    );
    let keys = written(folder.path(), "keys.json", "{}");
    let (code, _, error) = run(&["compile", &file, "--keys", &keys]);
    assert!(code == 78 && error.contains("case `they write`"), "{error}");
    written(
        folder.path(),
        "p.test.yaml",
        "version: 1\ncases: [{nam: x}]\n",
    );
    let (code, _, error) = run(&["test", &file]);
    assert!(
        code == 78 && error.contains("did you mean `name`?"),
        "{error}"
    );
}

#[test]
fn a_policy_that_fails_its_cases_is_not_taken() {
    let server = Scripted::json(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#);
    let policy = |tool: &str| {
        format!(
            "version: 1
servers:
  - {{name: s, transport: http, url: \"{}\"}}
policies:
  - {{id: read, description: d, effect: allow, mcp_servers: [{{name: s, tools: [{tool}]}}]}}
",
            server.url()
        )
    };
    let options = Options {
        beside: Some(|folder| {
            let cases = "version: 1
cases:
  - {name: they look, user: ann, server: s, tool: look, expect: allow}
  - {name: nobody writes, user: ann, server: s, tool: write, expect: deny}
";
            std::fs::write(folder.join("policy.test.yaml"), cases).unwrap();
        }),
        ..Options::default()
    };
    let gateway = Gateway::start_with(&policy("look"), &options);
    let ann = gateway.token("ann", "");
    let may = |tool: &str| {
        let call = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}"}}}}"#
        );
        !gateway
            .post("s", &ann, &call)
            .body
            .contains("Access denied")
    };
    assert!(may("look") && !may("write"));
    gateway.set_policy(&policy("\"*\""));
    gateway.wait_for_log("case `nobody writes`: expected deny, found allow", 1);
    assert!(may("look") && !may("write"), "the last good one stays");
}

#[test]
fn check_speaks_to_programs_too() {
    let folder = tempfile::tempdir().unwrap();
    let good = written(folder.path(), "good.yaml", POLICY);
    let bad = written(
        folder.path(),
        "bad.yaml",
        "version: 1\ndefalt: deny\nservers: 5\n",
    );
    let (code, told, error) = run(&["check", &good, &bad, "--format", "json"]);
    assert_eq!(code, 78);
    assert!(error.contains("1 of 2 files are wrong"), "{error}");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["files"][0]["good"], true);
    assert_eq!(told["files"][0]["posture"], "ENFORCING");
    let found = &told["files"][1]["diagnostics"];
    assert_eq!(found[0]["code"], "MZ0010");
    assert_eq!(
        (&found[0]["line"], &found[0]["column"]),
        (&2.into(), &1.into())
    );
    assert_eq!(
        (&found[0]["start"], &found[0]["end"]),
        (&11.into(), &17.into())
    );
    assert_eq!(found[0]["help"], "did you mean `default`?");
    assert!(
        found
            .as_array()
            .unwrap()
            .iter()
            .any(|d| d["code"] == "MZ0013")
    );
    let (code, told, _) = run(&["check", &good, "--format", "json"]);
    assert_eq!(code, 0, "{told}");
    // A file that cannot be read keeps nothing else from being told.
    let none = folder.path().join("none.yaml");
    let none = none.to_string_lossy();
    let (code, told, error) = run(&["check", &none, &bad, &good, "--format", "json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (code, told["files"].as_array().unwrap().len()),
        (78, 3),
        "{told}"
    );
    assert!(error.contains("2 of 3 files are wrong"), "{error}");
    assert!(
        told["files"][0]["problem"]
            .as_str()
            .unwrap()
            .contains("none.yaml"),
        "{told}"
    );
    let (code, told, error) = run(&["check", &none, &bad, &good]);
    assert_eq!(code, 78);
    assert!(told.contains("good.yaml: good"), "{told}");
    for part in ["none.yaml", "MZ0010", "2 of 3 files are wrong"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn a_difference_is_told_with_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, tools: &str| {
        let path = folder.path().join(name);
        let text = mcp_zero_tests::policy("https://s.example/mcp").replace("'get*', 'echo'", tools);
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    };
    let (old, less, more) = (
        file("old.yaml", "'get*', 'echo'"),
        file("less.yaml", "'get*'"),
        file("more.yaml", "'get*', 'echo', 'put'"),
    );
    let identity = ["--okta-issuer", "https://i.example", "--okta-audience", "a"];
    let diff = |arguments: &[&str]| {
        let done = mcp_zero(&[&["diff"], arguments, &identity].concat());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (done.status.code(), text(done.stdout), text(done.stderr))
    };
    let (code, told, errors) = diff(&[&old, &old]);
    assert_eq!(
        (code, told.trim(), errors.as_str()),
        (Some(0), "no decision changes", "")
    );
    let (code, told, errors) = diff(&[&old, &less]);
    assert_eq!((code, errors.as_str()), (Some(1), ""), "{told}");
    assert!(
        told.contains("newly denied") && told.contains("`echo`"),
        "{told}"
    );
    assert!(told.contains("nothing is newly allowed"), "{told}");
    let (code, told, _) = diff(&[&old, &more]);
    assert_eq!(code, Some(2), "{told}");
    assert!(
        told.contains("NEWLY ALLOWED") && told.contains("`put`"),
        "{told}"
    );
    assert!(told.contains("developers-get"), "{told}");
    let (code, told, _) = diff(&[&old, &more, "--format", "json"]);
    let value: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(code, Some(2));
    assert_eq!(value["allows_more"], true);
    assert_eq!(value["changes"][0]["change"], "newly_allowed");
    assert_eq!(value["changes"][0]["name"], "put");
    let groups = value["changes"][0]["groups"].as_array().unwrap();
    assert!(groups.iter().any(|g| g == "developers"), "{value}");
    let bad = file("bad.yaml", "'get*', 7");
    let (code, _, errors) = diff(&[&old, &bad]);
    assert_eq!(code, Some(78), "{errors}");
}

#[test]
fn the_policy_that_is_served_answers_too() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Scripted::json(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#);
    let text = mcp_zero_tests::policy(&server.url());
    let gateway = Gateway::start(&text);
    let state = gateway.state();
    let mode = std::fs::metadata(state.join("live.sock")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    let state = state.to_string_lossy().into_owned();
    let live = |arguments: &[&str]| run(&[arguments, &["--live", "--state-dir", &state]].concat());

    let ask = |tool: &'static str| {
        let question = ["--server", "s", "--user", "ann", "--groups", "developers"];
        live(&[&["explain"][..], &question, &["--tool", tool]].concat())
    };
    let (code, told, errors) = ask("get-x");
    assert_eq!(code, 0, "{errors}");
    assert!(told.starts_with("allow by `developers-get`"), "{told}");
    let (_, told, _) = ask("get-secret");
    assert!(told.starts_with("deny by `no-secrets`"), "{told}");

    let (code, told, errors) = live(&["check"]);
    assert_eq!(code, 0, "{errors}");
    assert!(
        told.contains("policy_version ") && told.contains("servers=s"),
        "{told}"
    );

    let folder = tempfile::tempdir().unwrap();
    let cases = written(
        folder.path(),
        "p.test.yaml",
        "version: 1
cases:
  - {name: right, user: ann, groups: [developers], server: s, tool: get-x, expect: allow}
  - {name: wrong, user: ann, server: s, tool: get-x, expect: allow}
",
    );
    let (code, told, _) = live(&["test", &cases]);
    assert_eq!(code, 1);
    assert!(
        told.contains("ok      right") && told.contains("FAILED  wrong"),
        "{told}"
    );

    let more = written(
        folder.path(),
        "more.yaml",
        &text.replace("'echo'", "'echo', 'put'"),
    );
    let identity = ["--okta-issuer", "https://i.example", "--okta-audience", "a"];
    let (code, told, errors) = live(&[&["diff", &more][..], &identity].concat());
    assert_eq!(code, 2, "{told}{errors}");
    assert!(told.contains("`put`"), "{told}");
    let (code, _, _) = live(&["diff", &more, &more]);
    assert_eq!(code, 78);

    // Nobody serves there.
    let nowhere = folder.path().to_string_lossy().into_owned();
    let (code, _, errors) = run(&["check", "--live", "--state-dir", &nowhere]);
    assert_eq!(code, 78);
    assert!(
        errors.contains("no such socket") && errors.contains("--state-dir"),
        "{errors}"
    );

    // Cases that come later are put to what is live.
    let beside = gateway.state().with_file_name("policy.test.yaml");
    std::fs::copy(&cases, beside).unwrap();
    gateway.wait_for_log("case `wrong`: expected allow, found deny", 1);
}
