//! `/metrics` of both servers: its two formats, and an address of its own.

use std::{collections::BTreeSet, net::TcpListener};

use chat_core::config::ListenAddress;

use crate::support::{App, Node, with_app, with_app_configured};

/// As Prometheus asks.
const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;\
                          version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

/// Status, content type and text.
async fn scrape(app: &App, url: &str, accept: Option<&str>) -> (u16, String, String) {
    let mut request = app.client.get(format!("{url}/metrics"));
    if let Some(accept) = accept {
        request = request.header("accept", accept);
    }
    let response = request.send().await.unwrap();
    let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    (response.status().as_u16(), kind.unwrap_or_default(), response.text().await.unwrap())
}

async fn both(app: &App) -> [Node; 2] {
    let ann = app.sign_up("acme", "Ann").await;
    ann.call("GET /api/users/me").await.ok();
    [app.chat.clone(), app.start_notify_server().await]
}

#[tokio::test]
async fn the_classic_format_comes_unless_another_is_asked_for() {
    with_app(async |app| {
        for node in both(app).await {
            for accept in [None, Some("*/*"), Some("text/plain")] {
                let (status, kind, text) = scrape(app, &node.url, accept).await;
                assert_eq!((status, &*kind), (200, "text/plain; version=0.0.4; charset=utf-8"));
                is_classic(&text);
            }
            let (status, kind, text) = scrape(app, &node.url, Some(PROMETHEUS)).await;
            assert_eq!((status, &*kind), (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"));
            assert!(text.ends_with("\n# EOF\n"), "{text}");
        }
    })
    .await;
}

/// Each sample belongs to a family that has a help text and a type, under the name of its samples,
/// as `promtool check metrics` demands.
fn is_classic(text: &str) {
    let named = |what: &str| -> BTreeSet<(String, String)> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(what)?.split_once(' '));
        lines.map(|(name, rest)| (name.to_owned(), rest.to_owned())).collect()
    };
    let (help, types) = (named("# HELP "), named("# TYPE "));
    assert_eq!(help.len(), types.len(), "{text}");
    let mut samples = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = (line.split(['{', ' ']).next().unwrap(), line.rsplit(' ').next().unwrap());
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let is_of = |(family, kind): &&(String, String)| match kind.as_str() {
            "counter" => name == family && family.ends_with("_total"),
            "gauge" => name == family,
            "histogram" => ["_bucket", "_sum", "_count"].iter().any(|end| name == format!("{family}{end}")),
            _ => panic!("{family} is a {kind}"),
        };
        let (family, _) = types.iter().find(is_of).unwrap_or_else(|| panic!("no type: {line}"));
        assert!(help.iter().any(|(name, words)| name == family && words.len() > 5), "no help: {line}");
        samples += 1;
    }
    assert!(samples > 20, "{text}");
    let comments = text.lines().filter(|line| line.starts_with('#'));
    assert_eq!(comments.count(), help.len() + types.len(), "{text}");
}

#[tokio::test]
async fn metrics_may_have_an_address_of_their_own_and_are_nowhere_else_then() {
    let free = || {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        ListenAddress { host: "127.0.0.1".into(), port }
    };
    let (of_chat, of_notify) = (free(), free());
    let configured = |config: &mut chat_core::config::Config| {
        config.server.metrics_address = Some(of_chat.clone());
        config.notify.metrics_address = Some(of_notify.clone());
    };
    with_app_configured(configured, async |app| {
        for (node, at) in both(app).await.iter().zip([&of_chat, &of_notify]) {
            assert_eq!(scrape(app, &node.url, None).await.0, 404);
            let (status, _, text) = scrape(app, &format!("http://{}:{}", at.host, at.port), None).await;
            assert_eq!(status, 200);
            is_classic(&text);
            // Nothing else is there.
            let elsewhere = format!("http://{}:{}/api/users/me", at.host, at.port);
            assert_eq!(app.client.get(elsewhere).send().await.unwrap().status(), 404);
        }
    })
    .await;
}
