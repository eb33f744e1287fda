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
