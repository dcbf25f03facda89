//! What answers tell browsers, and which pages may use the cookie.

use serde_json::json;
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::support::{app::PASSWORD, raw::Raw, with_app, with_app_configured};

/// The headers of every answer. A page has a policy of its own.
const ALWAYS: [(&str, &str); 6] = [
    ("content-security-policy", "frame-ancestors 'none'"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=()"),
];

#[tokio::test]
async fn every_answer_of_both_servers_is_hardened() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let notify = app.start_notify_server().await;
        let bearer = format!("authorization: Bearer {}\r\n", ann.token);
        let preflight = "origin: http://localhost:6688\r\naccess-control-request-method: GET\r\n";
        for (node, request, status, more) in [
            (&app.chat, "GET /api/users/me", 200, &*bearer),
            (&app.chat, "GET /api/users/me", 401, ""),
            (&app.chat, "GET /api/nowhere", 404, ""),
            (&app.chat, "PUT /api/users/me", 405, ""),
            (&app.chat, "OPTIONS /api/users/me", 200, preflight),
            (&app.chat, "GET /api/docs/", 200, ""),
            (&app.chat, "GET /api/docs/swagger-ui.css", 200, ""),
            (&app.chat, "GET /api/openapi.json", 200, ""),
            (&app.chat, "GET /", 200, ""),
            (&app.chat, "GET /metrics", 200, ""),
            (&app.chat, "GET /health/live", 200, ""),
            (&notify, "GET /events", 401, ""),
            (&notify, "GET /nowhere", 404, ""),
            (&notify, "GET /metrics", 200, ""),
            (&notify, "GET /health/ready", 200, ""),
            (&notify, "OPTIONS /events", 200, preflight),
        ] {
            let bytes = format!("{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{more}\r\n");
            let reply = Raw::ask(node, bytes).await;
            assert_eq!(reply.status, status, "{request}: {reply:?}");
            for (name, value) in ALWAYS {
                let mut lines =
                    reply.head.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                let found = lines.next().unwrap_or_else(|| panic!("{request}: no {name}: {}", reply.head));
                assert!(found.contains(value) && lines.next().is_none(), "{request}: {name}: {found}");
            }
            assert!(reply.head.contains("\ncache-control: "), "{request}: {}", reply.head);
        }
        // Over plain http a browser elsewhere would ignore it, and complain.
        let elsewhere = "GET / HTTP/1.1\r\nhost: chat.example\r\nconnection: close\r\n\r\n";
        assert!(!Raw::ask(&app.chat, elsewhere).await.head.contains("opener-policy"));
        let mut stream = Raw::connect(&notify).await;
        let head = format!("GET /events HTTP/1.1\r\nhost: localhost\r\n{bearer}\r\n");
        stream.send(head.as_bytes()).await;
        let head = stream.read_until("event: connected").await;
        for (name, value) in ALWAYS {
            assert!(head.contains(name) && head.contains(value), "{name}: {head}");
        }
    })
    .await;
}

#[tokio::test]
async fn security_txt_names_the_contact_or_is_not_there() {
    let path = "GET /.well-known/security.txt";
    with_app(async |app| {
        app.call(path).await.refused(404, "not_found");
    })
    .await;
    let contact = |config: &mut chat_core::config::Config| {
        config.server.security_contact = Some("mailto:security@example.com".into());
        config.server.public_url = "https://chat.example.com".into();
    };
    with_app_configured(contact, async |app| {
        let before = OffsetDateTime::now_utc();
        let reply = app.call(path).await;
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
        let text = reply.ok().as_str().unwrap().to_owned();
        let field = |name: &str| -> Vec<&str> {
            text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
        };
        assert_eq!(field("Contact"), ["mailto:security@example.com"]);
        assert_eq!(field("Canonical"), ["https://chat.example.com/.well-known/security.txt"]);
        assert_eq!((field("Expires").len(), text.lines().count()), (1, 3), "{text}");
        let expires = OffsetDateTime::parse(field("Expires")[0], &Rfc3339).unwrap();
        assert!(expires - before > Duration::days(179), "{text}");
        assert!(expires - OffsetDateTime::now_utc() <= Duration::days(180), "{text}");
    })
    .await;
}

#[tokio::test]
async fn a_page_of_another_origin_may_not_use_the_cookie() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let sign_in = json!({ "email": ann.email, "password": PASSWORD });
        let cookie = app.call_with("POST /api/signin", sign_in).await.sent_cookie("refresh").unwrap();
        let (cookie, _) = cookie.split_once('=').unwrap();
        let ask = async |operation: &str, headers: &[(&str, &str)], in_body: bool| {
            let mut request = app.client.post(format!("{}{operation}", app.chat.url));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            request = if in_body {
                request.json(&json!({ "refresh_token": ann.refresh_token }))
            } else {
                request.header("cookie", format!("{cookie}={}", ann.refresh_token))
            };
            request.send().await.unwrap().status().as_u16()
        };
        for operation in ["/api/refresh", "/api/logout"] {
            for foreign in [
                &[("origin", "https://evil.example")][..],
                &[("origin", "null")],
                &[("origin", "https://evil.localhost:6688"), ("sec-fetch-site", "same-site")],
                &[("sec-fetch-site", "cross-site")],
            ] {
                assert_eq!(ask(operation, foreign, false).await, 403, "{operation} {foreign:?}");
            }
        }
        // Its session goes on. Who has the token itself needs no cookie, wherever they are.
        assert_eq!(ask("/api/refresh", &[("origin", "https://evil.example")], true).await, 200);
        assert_eq!(ask("/api/logout", &[("origin", "http://localhost:6688")], false).await, 204);
    })
    .await;
}
