//! The web client's files, as chat_server serves them.

use std::fs;

use crate::support::{app::App, with_app_configured};

async fn get(app: &App, path: &str) -> reqwest::Response {
    app.client.get(format!("{}{path}", app.chat.url)).send().await.unwrap()
}

fn header<'a>(response: &'a reqwest::Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_built_client_is_served_with_a_strict_policy_and_nothing_else_of_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let dist = folder.path().join("dist");
    fs::create_dir_all(dist.join("assets")).unwrap();
    fs::write(dist.join("index.html"), "<!doctype html><title>client</title>").unwrap();
    fs::write(dist.join("assets/index-1.js"), "1").unwrap();
    fs::write(dist.join("icon.svg"), "<svg/>").unwrap();
    fs::write(dist.join("sw.js"), "1").unwrap();
    fs::write(folder.path().join("secret"), "secret").unwrap();
    with_app_configured(
        |config| config.server.web_dir = dist.clone(),
        async |app| {
            for path in ["/", "/signin", "/signup?invite=x", "/forgot", "/reset", "/verify", "/c/0192aaaa/12"]
            {
                let page = get(app, path).await;
                let policy = header(&page, "content-security-policy").to_owned();
                assert!(policy.contains("default-src 'none'; script-src 'self'"), "{path}: {policy}");
                assert!(!policy.contains("unsafe"), "{policy}");
                assert_eq!(header(&page, "x-content-type-options"), "nosniff");
                assert!(page.text().await.unwrap().contains("client"), "{path}");
            }
            let asset = get(app, "/assets/index-1.js").await;
            assert!(header(&asset, "cache-control").contains("immutable"));
            assert_eq!(get(app, "/icon.svg").await.status(), 200);
            let worker = get(app, "/sw.js").await;
            let policy = header(&worker, "content-security-policy");
            assert!(policy.contains("connect-src 'self'"), "it fetches the files of the client: {policy}");
            assert_eq!(header(&worker, "cache-control"), "no-cache");
            for path in
                ["/nope", "/api/nope", "/assets/nope.js", "/assets/..%2f..%2fsecret", "/%2e%2e/secret"]
            {
                let response = get(app, path).await;
                assert_eq!(response.status(), 404, "{path}");
                assert!(!header(&response, "cache-control").contains("immutable"), "{path}");
            }
        },
    )
    .await;
}

#[tokio::test]
async fn without_a_client_there_is_a_page_that_says_what_there_is() {
    let nowhere = tempfile::tempdir().unwrap();
    with_app_configured(
        |config| config.server.web_dir = nowhere.path().into(),
        async |app| {
            let page = get(app, "/").await;
            assert_eq!(page.status(), 200);
            assert!(page.text().await.unwrap().contains("/api/docs"));
        },
    )
    .await;
}
