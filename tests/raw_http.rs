//! Requests that are not valid HTTP, too large, or meant to be read differently by a proxy and by
//! us. Each is refused, and the connection is closed where its bytes cannot be trusted any more.
//! The errors of hyper itself (400, 414, 431) have no body.

mod edges;

use crate::support::{
    app::{Node, PASSWORD},
    raw::{Raw, get},
    with_app,
};

async fn both(app: &crate::support::App) -> [Node; 2] {
    [app.chat.clone(), app.start_notify_server().await]
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    with_app(async |app| {
        for node in &both(app).await {
            for size in [17 * 1024, 200 * 1024, 2 * 1024 * 1024] {
                let request = format!("GET / HTTP/1.1\r\nhost: x\r\nx-filler: {}\r\n\r\n", "a".repeat(size));
                assert_eq!(Raw::ask(node, request).await.status, 431, "{size}");
            }
            let many = "x: 1\r\n".repeat(200);
            let reply = Raw::ask(node, format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n")).await;
            assert_eq!(reply.status, 431, "{reply:?}");
            let reply = Raw::ask(node, format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(100_000)));
            assert_eq!(reply.await.status, 431);
            // A request within the limit is answered.
            let fits = format!(
                "GET /health/live?{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
                "a".repeat(8000)
            );
            assert_eq!(Raw::ask(node, fits).await.status, 200);
        }
    })
    .await;
}

#[tokio::test]
async fn bodies_that_are_too_large_are_refused_in_words_however_they_are_sent() {
    with_app(async |app| {
        let head = "POST /api/signin HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
        let size = 4 * 1024 * 1024;
        let sized = format!("{head}content-length: {size}\r\n\r\n{}", "a".repeat(size));
        Raw::ask(&app.chat, sized).await.refused(413, "too_large");
        let chunked =
            format!("{head}transfer-encoding: chunked\r\n\r\n{size:x}\r\n{}\r\n0\r\n\r\n", "a".repeat(size));
        Raw::ask(&app.chat, chunked).await.refused(413, "too_large");
        // The length is announced, and the body never sent.
        Raw::ask(&app.chat, format!("{head}content-length: 99999999999\r\n\r\n"))
            .await
            .refused(413, "too_large");
        // Who is not signed in sends little.
        let size = 20 * 1024;
        let form = format!("{head}content-length: {size}\r\n\r\n{}", "a".repeat(size));
        Raw::ask(&app.chat, form).await.refused(413, "too_large");
        // The longest message fits, though each of its characters is escaped.
        let ann = app.sign_up_with_general("acme", "Ann").await;
        let chat = ann.general().await;
        let body = format!(r#"{{"body":"{}"}}"#, r"\ud834\udd1e".repeat(16_000));
        let head = format!(
            "POST /api/chat/{chat}/messages HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            ann.token,
            body.len()
        );
        assert_eq!(Raw::ask(&app.chat, head + &body).await.status, 201);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    with_app(async |app| {
        for node in &both(app).await {
            for request in [
                "garbage\r\n\r\n",
                "GET / HTTP/9.9\r\n\r\n",
                "GET / HTTP/1.1\r\nhost : x\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: x\r\n folded: x\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: x\r\nx: a\0b\r\n\r\n",
                "GET /a b HTTP/1.1\r\nhost: x\r\n\r\n",
                "G\u{e4}T / HTTP/1.1\r\nhost: x\r\n\r\n",
            ] {
                let reply = Raw::ask(node, request).await;
                assert_eq!(reply.status, 400, "{request:?}: {reply:?}");
            }
        }
    })
    .await;
}

/// Request smuggling: a proxy that obeys the other header takes the rest for a body, we take it for
/// a request. It must not be run. RFC 9112, section 6.3.
#[tokio::test]
async fn a_request_whose_end_is_in_doubt_is_the_last_on_its_connection() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let credentials = format!(r#"{{"email":"{}","password":"{PASSWORD}"}}"#, ann.email);
        let smuggled = format!(
            "PATCH /api/users/me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
             content-length: 23\r\n\r\n{{\"fullname\":\"Smuggled\"}}",
            ann.token
        );
        let head = "POST /api/signin HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
        let chunk = format!("{:x}\r\n{credentials}\r\n0\r\n\r\n", credentials.len());
        let length = credentials.len();
        for doubtful in [
            // Both headers: the chunks count, and nothing after them is run.
            format!("{head}content-length: {}\r\ntransfer-encoding: chunked\r\n\r\n{chunk}", chunk.len()),
            format!("{head}transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n{chunk}"),
            // Refused in any case.
            format!("{head}content-length: {length}\r\ncontent-length: 4\r\n\r\n{credentials}"),
            format!("{head}content-length: +{length}\r\n\r\n{credentials}"),
            format!("{head}content-length: {length}, 4\r\n\r\n{credentials}"),
            format!("{head}transfer-encoding: xchunked\r\n\r\n{chunk}"),
            format!("{head}transfer-encoding: chunked, identity\r\n\r\n{chunk}"),
            format!("{head}transfer-encoding: chunked\r\n\r\n-1\r\n{credentials}\r\n0\r\n\r\n"),
            format!("{head}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n{credentials}\r\n0\r\n\r\n"),
            head.replace("HTTP/1.1", "HTTP/1.0") + "transfer-encoding: chunked\r\n\r\n" + &chunk,
        ] {
            let replies = Raw::exchange(&app.chat, doubtful.clone() + &smuggled).await;
            assert_eq!(replies.len(), 1, "{doubtful}: {replies:?}");
            assert!([200, 400].contains(&replies[0].status), "{doubtful}: {replies:?}");
        }
        assert_eq!(ann.call("GET /api/users/me").await.ok()["fullname"], "Ann");
        // The same bytes after a valid request are a request.
        let fine = format!("{head}content-length: {length}\r\n\r\n{credentials}");
        let close = smuggled.replace("host: x", "host: x\r\nconnection: close");
        let replies = Raw::exchange(&app.chat, fine + &close).await;
        assert_eq!(replies.iter().map(|reply| reply.status).collect::<Vec<_>>(), [200, 200], "{replies:?}");
        assert_eq!(ann.call("GET /api/users/me").await.ok()["fullname"], "Smuggled");
    })
    .await;
}

#[tokio::test]
async fn a_request_id_of_the_clients_own_is_a_short_plain_word_or_not_kept() {
    with_app(async |app| {
        let [chat, notify] = both(app).await;
        for (node, path) in [(chat, "/api/nowhere"), (notify, "/nowhere")] {
            let ask = async |ids: &str| {
                let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{ids}\r\n");
                let problem = Raw::ask(&node, request).await.problem();
                problem["request_id"].as_str().unwrap().to_owned()
            };
            assert_eq!(ask("x-request-id: mine-1\r\n").await, "mine-1");
            let long = format!("x-request-id: {}\r\n", "x".repeat(65));
            for bad in [
                "x-request-id: a b\r\n",
                "x-request-id: \"\r\n",
                &long,
                "x-request-id: a\r\nx-request-id: b\r\n",
            ] {
                assert_eq!(ask(bad).await.len(), 36, "one of the server's own instead of {bad}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_path_leads_nowhere_but_where_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let dist = folder.path().join("dist");
    std::fs::create_dir_all(dist.join("assets")).unwrap();
    std::fs::write(dist.join("index.html"), "<!doctype html><title>client</title>").unwrap();
    std::fs::write(dist.join("assets/index-1.js"), "1").unwrap();
    for place in [folder.path().join("secret"), dist.join("assets/.secret")] {
        std::fs::write(place, "secret").unwrap();
    }
    let configured = |config: &mut chat_core::config::Config| config.server.web_dir = dist.clone();
    crate::support::with_app_configured(configured, async |app| {
        let notify = app.start_notify_server().await;
        assert_eq!(get(&app.chat, "/assets/index-1.js").await.body, "1");
        for path in [
            "/../secret",
            "/assets/../../secret",
            "/assets/..%2f..%2fsecret",
            "/assets/%2e%2e/%2e%2e/secret",
            "/assets/%2e%2e%2f%2e%2e%2fsecret",
            "/assets/..%5c..%5csecret",
            "/assets/....//....//secret",
            "/assets//etc/passwd",
            "/assets/%2fetc%2fpasswd",
            "//etc/passwd",
            "/assets/%00",
            "/assets/index-1.js%00.html",
            "/assets/%ff",
            "/%2e%2e/%2e%2e/etc/passwd",
            "/index.html/../../secret",
            "/api/../../secret",
            "/api/users%2fme",
            "/api//users/me",
            "/api/./users/me",
            "/api/chat/../users/me",
            "/api/chat/%2e%2e/users/me",
            "/api/users/me/",
            "/API/users/me",
        ] {
            let reply = get(&app.chat, path).await;
            assert!([401, 404].contains(&reply.status), "{path}: {reply:?}");
            assert!(!reply.body.contains("secret") && !reply.body.contains("root:"), "{path}: {reply:?}");
            let reply = get(&notify, path).await;
            assert_eq!(reply.status, 404, "{path}: {reply:?}");
        }
        // Another host in the request line has no effect. Unknown methods are refused.
        let reply = Raw::ask(
            &app.chat,
            "GET http://evil.example/../secret HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        );
        assert_eq!(reply.await.status, 404);
        let reply =
            Raw::ask(&app.chat, "CONNECT evil.example:80 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let reply = reply.await;
        assert!([404, 405].contains(&reply.status), "{reply:?}");
    })
    .await;
}

#[tokio::test]
async fn two_tokens_open_no_stream() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let notify = app.start_notify_server().await;
        let ticket = ann.call("POST /api/events/ticket").await.created();
        let (own, other) = (format!("authorization: Bearer {}", ann.token), "authorization: Bearer x");
        for path in ["/events".to_owned(), format!("/events?ticket={}", ticket["ticket"].as_str().unwrap())] {
            for lines in [[&*own, other], [other, &*own], [&*own, &*own]] {
                let lines = lines.join("\r\n");
                let request =
                    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{lines}\r\n\r\n");
                Raw::ask(&notify, request).await.refused(401, "unauthenticated");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_has_sent_all_and_says_so_is_answered() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        for node in &both(app).await {
            let mut raw = Raw::connect(node).await;
            raw.send(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await;
            raw.finish().await;
            let answer = raw.read_to_end(crate::support::wait::DEADLINE).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
        }
        // Also where the answer takes a while: a password is hashed.
        let body = format!(r#"{{"email":"{}","password":"{PASSWORD}"}}"#, ann.email);
        let head = "POST /api/signin HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
        let mut raw = Raw::connect(&app.chat).await;
        raw.send(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
        raw.finish().await;
        let answer = raw.read_to_end(crate::support::wait::DEADLINE).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    })
    .await;
}

#[tokio::test]
async fn a_server_with_a_list_of_hosts_answers_for_these_alone() {
    let configured = |config: &mut chat_core::config::Config| {
        config.server.allowed_hosts = vec!["chat.example".into()];
        config.notify.allowed_hosts = vec!["chat.example".into()];
    };
    crate::support::with_app_configured(configured, async |app| {
        for node in &both(app).await {
            for (path, host, status) in [
                ("/metrics", "chat.example", 200),
                ("/metrics", "Chat.Example:7000", 200),
                ("/metrics", "evil.example", 421),
                ("/metrics", "127.0.0.1", 421),
                ("/health/live", "127.0.0.1", 200),
            ] {
                let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
                assert_eq!(Raw::ask(node, request).await.status, status, "{path} {host}");
            }
        }
    })
    .await;
}
