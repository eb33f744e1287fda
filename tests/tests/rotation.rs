//! Keys and issuers that change while clients call and streams are open; keys that nobody here
//! knows yet; rights that are withdrawn from an open stream.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{
    Answer, Issuer, Plane, Response, Scripted, Signer, connect, exchange, policy, request, wait,
};
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get-x"}}"#;

/// Calls are answered at once; a GET is a stream that says something each 50 ms.
fn server() -> Scripted {
    Scripted::start(|request| -> Answer {
        if request.head.starts_with("GET") {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            let event = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"tick\"}}\n\n";
            let chunk = format!("{:x}\r\n{event}\r\n", event.len()).into_bytes();
            let mut answer = vec![head.as_bytes().to_vec()];
            answer.extend((0..4000).flat_map(|_| [chunk.clone(), Vec::new()]));
            return answer;
        }
        vec![mcp_zero_tests::ok(
            "application/json",
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#,
        )]
    })
}

fn identity(issuer: &Issuer, name: &str) -> String {
    format!(
        "  - name: {name}\n    issuer: {}\n    audience: gateway\n    algorithms: [RS256, ES256, EdDSA]\n    claim_mapping: {{user_id: ext.uid, groups: roles}}\n    jwks_cache_seconds: 604800\n    jwks_stale_seconds: 604800\n",
        issuer.url()
    )
}

/// Who of these issuers is a developer may call.
fn with_issuers(url: &str, issuers: &[(&Issuer, &str)]) -> String {
    let names: Vec<&str> = issuers.iter().map(|(_, name)| *name).collect();
    let subjects = format!(
        "      groups: [developers]\n      issuers: [{}]\n",
        names.join(", ")
    );
    let rules = policy(url).replace("      groups: [developers]\n", &subjects);
    let identities: Vec<_> = issuers.iter().map(|(i, n)| identity(i, n)).collect();
    format!("{rules}identity:\n{}", identities.concat())
}

fn call(address: SocketAddr, token: &str) -> Response {
    let bearer = format!("Bearer {token}");
    let text = request("POST", "/mcp/s", &[("authorization", &bearer)], CALL);
    exchange(address, text.as_bytes())
}

/// An open stream: how many bytes it has brought, and whether it has ended.
struct Stream {
    bytes: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
    longest: Arc<AtomicUsize>,
}

impl Stream {
    fn open(address: SocketAddr, token: &str) -> Self {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("accept", "text/event-stream"),
        ];
        let text = request("GET", "/mcp/s", &headers, "");
        let mut stream = connect(address);
        stream.write_all(text.as_bytes()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let opened = Self {
            bytes: Arc::default(),
            ended: Arc::default(),
            longest: Arc::default(),
        };
        let (bytes, ended) = (Arc::clone(&opened.bytes), Arc::clone(&opened.ended));
        let longest = Arc::clone(&opened.longest);
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            let mut last = Instant::now();
            while let Ok(n) = stream.read(&mut piece)
                && n > 0
            {
                bytes.fetch_add(n, Ordering::SeqCst);
                let gap = last.elapsed().as_millis() as usize;
                longest.fetch_max(gap, Ordering::SeqCst);
                last = Instant::now();
            }
            ended.store(true, Ordering::SeqCst);
        });
        wait("events", || opened.bytes.load(Ordering::SeqCst) > 500);
        opened.longest.store(0, Ordering::SeqCst);
        opened
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }
}

/// Clients that call with good tokens until they are told to end; each failure is kept.
struct Load {
    over: Arc<AtomicBool>,
    clients: Vec<std::thread::JoinHandle<(usize, Vec<Response>)>>,
}

impl Load {
    fn start(address: SocketAddr, tokens: &[String]) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let clients = tokens.iter().map(|token| {
            let (over, token) = (Arc::clone(&over), token.clone());
            std::thread::spawn(move || {
                let (mut count, mut failed) = (0, Vec::new());
                while !over.load(Ordering::SeqCst) {
                    let answer = call(address, &token);
                    count += 1;
                    if answer.status != 200 {
                        failed.push(answer);
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                (count, failed)
            })
        });
        Self {
            clients: clients.collect(),
            over,
        }
    }

    fn end(self) {
        self.over.store(true, Ordering::SeqCst);
        for client in self.clients {
            let (count, failed) = client.join().unwrap();
            assert!(count > 50, "{count}");
            assert!(
                failed.is_empty(),
                "{} of {count}: {:?}",
                failed.len(),
                failed[0]
            );
        }
    }
}

fn start(policy: &str) -> Plane {
    // Identity is the policy's: the one that the harness names is left out.
    let mut plane = Plane::new(policy, "https://nobody.example");
    plane.start_control();
    plane.start_envoy();
    plane.wait_until_ready();
    plane
}

#[test]
fn keys_and_issuers_change_under_load_and_no_stream_notices() {
    let server = server();
    let (first, second) = (Issuer::start(), Issuer::start());
    first.publish(&["rsa-1", "ed-1"]);
    let one = with_issuers(&server.url(), &[(&first, "first")]);
    let both = with_issuers(&server.url(), &[(&first, "first"), (&second, "second")]);
    let began = Instant::now();
    let plane = start(&one);
    let address = plane.address();
    let rsa = first.token(Signer::Rsa, |_| {});
    let new = first.token(Signer::Ec, |_| {});
    let other = second.token(Signer::Rsa, |_| {});
    wait("the keys", || call(address, &rsa).status == 200);
    let stream = Stream::open(address, &rsa);
    let load = Load::start(address, &[rsa.clone(), first.token(Signer::Ed, |_| {})]);

    // An issuer comes, and goes, and comes.
    assert_eq!(call(address, &other).status, 401);
    for turn in 0..3 {
        plane.set_policy(&both);
        wait("the second issuer", || call(address, &other).status == 200);
        plane.set_policy(&one);
        wait("its end", || call(address, &other).status == 401);
        assert!(!stream.has_ended(), "{turn}");
    }

    // A key that was published a moment ago: nobody asks for it more often than each half minute,
    // whatever comes, and a request that waits for it hears when to come again.
    let fetched = first.fetched();
    for _ in 0..200 {
        assert_eq!(call(address, &new).status, 401);
    }
    assert_eq!(first.fetched(), fetched, "asked lately");
    first.publish(&["rsa-1", "ed-1", "ec-1"]);
    std::thread::sleep(Duration::from_secs(32).saturating_sub(began.elapsed()));
    let mut seen = Vec::new();
    wait("the new key", || {
        let answer = call(address, &new);
        seen.push((
            answer.status,
            answer.header("retry-after").map(str::to_owned),
        ));
        answer.status == 200
    });
    let [waited @ .., (200, _)] = &seen[..] else {
        panic!("{seen:?}");
    };
    assert!(
        waited
            .iter()
            .any(|(status, after)| *status == 503 && after.as_deref() == Some("1")),
        "{seen:?}"
    );
    assert!(
        waited.iter().all(|(status, _)| [401, 503].contains(status)),
        "{seen:?}"
    );
    assert_eq!(first.fetched(), fetched + 1, "one look-up for all");

    load.end();
    assert!(!stream.has_ended());
    let gap = stream.longest.load(Ordering::SeqCst);
    assert!(gap < 3000, "a gap of {gap} ms");
    let stats = plane.admin("/stats");
    for zero in [
        "listener_manager.listener_modified: 0",
        "listener_manager.total_filter_chains_draining: 0",
        "http.mcp.downstream_cx_drain_close: 0",
    ] {
        assert!(stats.contains(zero), "{zero}:\n{stats}");
    }
    // A flood of keys that nobody has.
    let flood = first.fetched();
    let foreign = first.token(Signer::Foreign, |_| {});
    let (_, rest) = foreign.split_once('.').unwrap();
    for number in 0..2000 {
        use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Encoder as _};
        let header = format!(r#"{{"alg":"ES256","typ":"JWT","kid":"k-{number}"}}"#);
        let header = Base64UrlSafeNoPadding::encode_to_string(header).unwrap();
        let status = call(address, &format!("{header}.{rest}")).status;
        assert!([401, 503].contains(&status), "{status}");
    }
    assert!(
        first.fetched() <= flood + 2,
        "{} fetches",
        first.fetched() - flood
    );
}

#[test]
fn a_withdrawn_right_ends_an_open_stream() {
    let server = server();
    let issuer = Issuer::start();
    let policy = with_issuers(&server.url(), &[(&issuer, "first")]);
    let plane = start(&policy);
    let address = plane.address();
    let token = issuer.token(Signer::Rsa, |_| {});
    wait("the keys", || call(address, &token).status == 200);
    let (stays, goes) = (Stream::open(address, &token), {
        let guest = issuer.token(Signer::Rsa, |c| c["roles"] = serde_json::json!(["guests"]));
        let guests = policy.replace("groups: [developers]", "groups: [developers, guests]");
        plane.set_policy(&guests);
        wait("guests", || call(address, &guest).status == 200);
        wait("guests may", || {
            !call(address, &guest).body.contains("denied")
        });
        Stream::open(address, &guest)
    });
    plane.set_policy(&policy);
    plane.wait_for_log("live: ", 3);
    std::thread::sleep(Duration::from_secs(5));
    assert!(!goes.has_ended(), "a young stream keeps what it began with");
    let begin = Instant::now();
    while !goes.has_ended() {
        assert!(
            begin.elapsed() < Duration::from_secs(75),
            "it goes on and on"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    let before = stays.bytes.load(Ordering::SeqCst);
    wait("more of the other", || {
        stays.bytes.load(Ordering::SeqCst) > before
    });
    assert!(!stays.has_ended());
}
