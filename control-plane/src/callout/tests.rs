use super::*;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use tower::ServiceExt as _;

fn exchange() -> Exchange {
    Exchange {
        audience: "api://crm".to_owned(),
        scopes: vec!["read".to_owned()],
    }
}

fn request() -> TokenRequest {
    TokenRequest {
        server: "crm".to_owned(),
        audience: "api://crm".to_owned(),
        scopes: vec!["read".to_owned()],
        token_expires_at: u64::MAX,
        ..TokenRequest::default()
    }
}

fn callouts() -> (Callouts, mpsc::Receiver<KeyQuestion>) {
    let (_, exchanges) = watch::channel(vec![("crm".to_owned(), exchange())]);
    let (keys, questions) = mpsc::channel(1);
    let callouts = Callouts {
        broker: None,
        exchanges,
        keys,
    };
    (callouts, questions)
}

async fn ask(callouts: &Callouts, path: &str, body: Vec<u8>) -> Response {
    let request = Request::post(path).body(Body::from(body)).unwrap();
    callouts.clone().router().oneshot(request).await.unwrap()
}

#[tokio::test]
async fn tokens_are_for_what_the_policy_says_and_nothing_else() {
    let (callouts, _questions) = callouts();
    let status = async |change: fn(&mut TokenRequest)| {
        let mut request = request();
        change(&mut request);
        let answer = ask(&callouts, "/mcp-zero/token", request.encode_to_vec()).await;
        answer.status().as_u16()
    };
    // It comes as far as the broker, who is not there.
    assert_eq!(status(|_| {}).await, 503);
    let others: [fn(&mut TokenRequest); 5] = [
        |r| r.server = "other".to_owned(),
        |r| r.audience = "api://payroll".to_owned(),
        |r| r.scopes = vec!["write".to_owned()],
        |r| r.scopes.clear(),
        |r| r.scopes.push("admin".to_owned()),
    ];
    for other in others {
        assert_eq!(status(other).await, 400);
    }
    let answer = ask(&callouts, "/mcp-zero/token", b"\xff\xff".to_vec()).await;
    assert_eq!(answer.status(), 400);
    let answer = ask(&callouts, "/mcp-zero/token", vec![0; LARGEST + 1]).await;
    assert_eq!(answer.status(), 413);
    assert_eq!(ask(&callouts, "/other", Vec::new()).await.status(), 404);
}

#[tokio::test]
async fn a_key_is_there_or_not_or_nobody_knows() {
    let (callouts, mut questions) = callouts();
    let asked = KeyRequest {
        issuer: "https://id.example".to_owned(),
        algorithm: "ES256".to_owned(),
        kid: "k".to_owned(),
    };
    for (found, status) in [
        (Some(Found::Key), 204),
        (Some(Found::Nothing), 404),
        (Some(Found::Nobody), 503),
        (None, 503),
    ] {
        let answer = ask(&callouts, "/mcp-zero/key", asked.encode_to_vec());
        let keeper = async {
            let (request, filter) = questions.recv().await.unwrap();
            assert_eq!(request, asked);
            if let Some(found) = found {
                filter.send(found).unwrap();
            }
        };
        let (answer, ()) = tokio::join!(answer, keeper);
        assert_eq!(answer.status(), status, "{found:?}");
    }
    let answer = ask(&callouts, "/mcp-zero/key", b"\xff\xff".to_vec()).await;
    assert_eq!(answer.status(), 400);
    // Nobody takes a question in: there is no room for a second.
    let (_one, second) = tokio::join!(
        tokio::time::timeout(
            Duration::from_millis(100),
            ask(&callouts, "/mcp-zero/key", asked.encode_to_vec())
        ),
        ask(&callouts, "/mcp-zero/key", asked.encode_to_vec()),
    );
    assert_eq!(second.status(), 503);
}
