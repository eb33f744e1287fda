use axum::Router;
use axum::routing::get;

use super::*;

async fn serve(routes: &[(&'static str, &str)]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let mut app = Router::new();
    for (path, body) in routes {
        let body = body.replace("BASE", &base);
        app = app.route(path, get(|| async { body }));
    }
    tokio::spawn(async { axum::serve(listener, app).await });
    base
}

async fn fetch(base: &str, insecure: bool) -> Result<Fetched, FetchError> {
    Fetcher::new().unwrap().fetch(base, None, insecure).await
}

const GOOD: &str = r#"{"issuer":"BASE","jwks_uri":"BASE/keys"}"#;

#[tokio::test]
async fn openid_configuration_first() {
    let base = serve(&[("/.well-known/openid-configuration", GOOD), ("/keys", "{}")]).await;
    assert_eq!(fetch(&base, true).await.unwrap().body, b"{}");
}

#[tokio::test]
async fn then_authorization_server_metadata() {
    let base = serve(&[
        ("/.well-known/oauth-authorization-server", GOOD),
        ("/keys", "{}"),
    ])
    .await;
    assert_eq!(
        fetch(&base, true).await.unwrap().uri,
        format!("{base}/keys")
    );
}

#[tokio::test]
async fn another_issuer_is_refused() {
    let base = serve(&[(
        "/.well-known/openid-configuration",
        r#"{"issuer":"BASE/","jwks_uri":"BASE/keys"}"#,
    )])
    .await;
    let error = fetch(&base, true).await.unwrap_err();
    assert!(matches!(error, FetchError::Issuer { .. }), "{error}");
}

#[tokio::test]
async fn http_needs_leave() {
    let base = serve(&[("/.well-known/openid-configuration", GOOD)]).await;
    let error = fetch(&base, false).await.unwrap_err();
    assert!(matches!(error, FetchError::Url(_)), "{error}");
}

#[tokio::test]
async fn a_huge_set_is_refused() {
    let huge = "x".repeat(outbound::LARGEST + 1);
    let base = serve(&[
        ("/.well-known/openid-configuration", GOOD),
        ("/keys", &huge),
    ])
    .await;
    let error = fetch(&base, true).await.unwrap_err();
    assert!(matches!(error, FetchError::TooLarge(_)), "{error}");
}

#[tokio::test]
async fn an_answer_says_how_long_it_is_fresh() {
    use reqwest::header::{AGE, CACHE_CONTROL};
    let said = |control: &'static str, age: &'static str| async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/keys", listener.local_addr().unwrap());
        let headers = [(CACHE_CONTROL, control), (AGE, age)];
        let app = Router::new().route("/keys", get(move || async move { (headers, "{}") }));
        tokio::spawn(async { axum::serve(listener, app).await });
        let fetched = Fetcher::new().unwrap().fetch("", Some(&uri), true).await;
        fetched.unwrap().fresh.map(|fresh| fresh.as_secs())
    };
    assert_eq!(said("max-age=5184000, public", "0").await, Some(5_184_000));
    assert_eq!(said("max-age=600", "100").await, Some(500));
    assert_eq!(said("max-age=60", "100").await, Some(0));
    assert_eq!(said("no-cache, max-age=600", "0").await, Some(0));
    assert_eq!(said("no-store", "0").await, Some(0));
    assert_eq!(said("public", "0").await, None);
    assert_eq!(said("max-age=soon", "?").await, None);
}
