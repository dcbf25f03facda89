//! Requests that are not valid HTTP, too large, or meant to be read differently by a proxy and by
//! us. Each is refused, and the connection is closed where its bytes cannot be trusted any more.
//! The errors of hyper itself (400, 414, 431) have no body.

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

/// One request, and what is answered.
struct Edge {
    what: &'static str,
    /// The request line without the version, and further lines.
    request: &'static str,
    lines: &'static [&'static str],
    body: &'static str,
    status: u16,
    /// Part of the head or the body, in lower case.
    says: &'static str,
}

const fn edge(
    what: &'static str,
    request: &'static str,
    lines: &'static [&'static str],
    status: u16,
) -> Edge {
    Edge { what, request, lines, body: "", status, says: "" }
}

impl Edge {
    const fn says(self, says: &'static str) -> Self {
        Self { says, ..self }
    }

    const fn body(self, body: &'static str) -> Self {
        Self { body, ..self }
    }
}

const HOST: &str = "host: x";
const JSON: &str = "content-type: application/json";
/// Put in for a bearer's header and for the id of a chat.
const BEARER: &str = "BEARER";
const WRONG: &str = r#"{"email":"a@b.example","password":"not the password"}"#;

/// RFC 9110 and 9112 at their edges, on chat_server.
static EDGES: &[Edge] = &[
    // Host (9112, section 3.2)
    edge("no Host", "GET /health/live", &[], 400).says("bad_host"),
    edge("two Hosts", "GET /health/live", &[HOST, "host: y"], 400).says("bad_host"),
    edge("the same Host twice", "GET /health/live", &[HOST, HOST], 400).says("bad_host"),
    edge("an empty Host", "GET /health/live", &["host:"], 400).says("bad_host"),
    edge("a Host with a path", "GET /health/live", &["host: x/y"], 400).says("bad_host"),
    edge("a Host with a user", "GET /health/live", &["host: u@x"], 400).says("bad_host"),
    edge("a Host with a space", "GET /health/live", &["host: x y"], 400).says("bad_host"),
    edge("a Host with a port", "GET /health/live", &["host: x:80"], 200),
    edge("an IPv6 Host", "GET /health/live", &["host: [::1]:80"], 200),
    edge("the absolute form", "GET http://x/health/live", &[HOST], 200),
    edge("the absolute form without Host", "GET http://x/health/live", &[], 400).says("bad_host"),
    // Methods (9110, section 9)
    edge("HEAD of JSON", "HEAD /health/live", &[HOST], 200).says("content-type: application/json"),
    edge("HEAD of what is not there", "HEAD /api/nowhere", &[HOST], 404),
    edge("HEAD of what needs a token", "HEAD /api/users/me", &[HOST], 401).says("www-authenticate: bearer"),
    edge("HEAD with a token", "HEAD /api/users/me", &[HOST, BEARER], 200),
    edge("a method that the path does not know", "PUT /api/users/me", &[HOST], 405).says("allow: "),
    edge("TRACE", "TRACE /health/live", &[HOST], 405).says("allow: "),
    edge("a method that nobody knows", "BREW /health/live", &[HOST], 405).says("method_not_allowed"),
    edge("a method in lower case is another", "get /health/live", &[HOST], 405),
    edge("OPTIONS", "OPTIONS /api/users/me", &[HOST], 200),
    edge("OPTIONS of the server", "OPTIONS *", &[HOST], 200),
    edge("GET with a body", "GET /health/live", &[HOST, JSON], 200).body("{}"),
    edge("DELETE with a body", "DELETE /api/sessions/x", &[HOST, BEARER, JSON], 404).body("{}"),
    // Expect (9110, section 10.1.1)
    edge("Expect: 100-continue", "POST /api/signin", &[HOST, JSON, "expect: 100-continue"], 100).body(WRONG),
    edge("an expectation that nobody knows", "POST /api/signin", &[HOST, JSON, "expect: tea"], 417)
        .body(WRONG)
        .says("expectation_failed"),
    // Conditions (9110, section 13)
    edge("a tag that nobody has", "GET /api/openapi.json", &[HOST, "if-none-match: \"x\""], 200)
        .says("etag: w/"),
    edge("any tag", "GET /api/openapi.json", &[HOST, "if-none-match: *"], 304),
    edge(
        "a list of tags with any",
        "GET /api/openapi.json",
        &[HOST, "if-none-match: \"x\"", "if-none-match: *"],
        304,
    ),
    edge("tags that are none", "GET /api/openapi.json", &[HOST, "if-none-match: ,,\"\",x"], 200),
    edge(
        "a date beside",
        "GET /api/openapi.json",
        &[HOST, "if-modified-since: Thu, 01 Jan 2099 00:00:00 GMT"],
        200,
    ),
    edge("If-Match", "GET /api/users/me", &[HOST, BEARER, "if-match: \"x\""], 412)
        .says("precondition_failed"),
    edge("If-Match on a change", "PATCH /api/users/me", &[HOST, BEARER, JSON, "if-match: W/\"x\""], 412)
        .body(r#"{"fullname":"Changed"}"#),
    edge("If-Match: *", "GET /api/users/me", &[HOST, BEARER, "if-match: *"], 200),
    // Ranges (9110, section 14)
    edge("a range of JSON", "GET /health/live", &[HOST, "range: bytes=0-1"], 200),
    edge("a range of a file", "GET /assets/index-1.js", &[HOST, "range: bytes=0-3"], 206)
        .says("content-range: bytes 0-3/10"),
    edge("the end of a file", "GET /assets/index-1.js", &[HOST, "range: bytes=-3"], 206).says("\r\n\r\n789"),
    edge("a range beyond the end", "GET /assets/index-1.js", &[HOST, "range: bytes=99-"], 416)
        .says("content-range: bytes */10"),
    edge("a range of another unit", "GET /assets/index-1.js", &[HOST, "range: lines=0-3"], 200)
        .says("0123456789"),
    edge("HEAD with a range", "HEAD /assets/index-1.js", &[HOST, "range: bytes=0-3"], 200)
        .says("content-length: 10"),
    edge("HEAD with a range beyond the end", "HEAD /assets/index-1.js", &[HOST, "range: bytes=99-"], 200),
    edge(
        "If-Range with a tag",
        "GET /assets/index-1.js",
        &[HOST, "range: bytes=0-3", "if-range: \"x\""],
        200,
    ),
    edge(
        "If-Range with an old date",
        "GET /assets/index-1.js",
        &[HOST, "range: bytes=0-3", "if-range: Thu, 01 Jan 1970 00:00:00 GMT"],
        200,
    )
    .says("0123456789"),
    edge("If-Range alone", "GET /assets/index-1.js", &[HOST, "if-range: \"x\""], 200),
    // Codings and types of a body (9110, sections 8.3, 8.4)
    edge("a compressed body", "POST /api/signin", &[HOST, JSON, "content-encoding: gzip"], 415)
        .body(WRONG)
        .says("unsupported_media_type"),
    edge(
        "two codings",
        "POST /api/signin",
        &[HOST, JSON, "content-encoding: identity", "content-encoding: br"],
        415,
    )
    .body(WRONG),
    edge("identity", "POST /api/signin", &[HOST, JSON, "content-encoding: identity"], 401).body(WRONG),
    edge(
        "another charset",
        "POST /api/signin",
        &[HOST, "content-type: application/json; charset=utf-16"],
        415,
    )
    .body(WRONG),
    edge(
        "its own charset",
        "POST /api/signin",
        &[HOST, "content-type: Application/JSON ; charset=\"UTF-8\""],
        401,
    )
    .body(WRONG),
    edge("two types", "POST /api/signin", &[HOST, JSON, "content-type: text/plain"], 415).body(WRONG),
    edge("no type", "POST /api/signin", &[HOST], 415).body(WRONG),
    edge("a form", "POST /api/signin", &[HOST, "content-type: application/x-www-form-urlencoded"], 415)
        .body("a=b"),
    edge("half a text", "POST /api/signin", &[HOST, JSON], 400).body("{\"email\":\""),
    edge("no body", "POST /api/signin", &[HOST, JSON], 400),
    // Who asks (9110, section 11.6)
    edge("two tokens", "GET /api/users/me", &[HOST, BEARER, "authorization: Bearer x"], 401),
    edge("a scheme in capitals", "GET /api/users/me", &[HOST, "AUTHORIZATION-OF-BEARER"], 200),
    edge("another scheme", "GET /api/users/me", &[HOST, "authorization: Basic eDp5"], 401),
    // Percent-encoding (3986, section 2; 9110, section 4.2.3)
    edge("an encoded letter is the letter", "GET /api/chat/CHAT%31", &[HOST, BEARER], 200),
    edge("an encoded id of nothing", "GET /api/chat/%FF", &[HOST, BEARER], 404),
    edge("half an escape", "GET /api/chat/%3", &[HOST, BEARER], 404),
    edge("an encoded parameter", "GET /api/chat?%6Cimit=%31", &[HOST, BEARER], 200),
    edge("a parameter with a plus", "GET /api/users?query=a+b", &[HOST, BEARER], 200),
    edge("a parameter that is no UTF-8", "GET /api/users?query=%FF", &[HOST, BEARER], 200),
    edge("a parameter with NUL", "GET /api/users?query=%00", &[HOST, BEARER], 422),
    edge("a parameter twice", "GET /api/chat?limit=1&limit=2", &[HOST, BEARER], 422),
    edge("a fragment", "GET /health/live#x", &[HOST], 200),
    edge("an empty query", "GET /health/live?", &[HOST], 200),
    // Connections (9112, section 9)
    edge("HTTP/1.0 without Host", "GET /health/live HTTP/1.0", &[], 200),
    edge(
        "an upgrade that nobody knows",
        "GET /health/live",
        &[HOST, "upgrade: h2c", "connection: upgrade"],
        200,
    ),
];

#[tokio::test]
async fn requests_at_the_edges_are_answered_as_the_standards_say() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("assets")).unwrap();
    std::fs::write(folder.path().join("index.html"), "<!doctype html>").unwrap();
    std::fs::write(folder.path().join("assets/index-1.js"), "0123456789").unwrap();
    let configured = |config: &mut chat_core::config::Config| config.server.web_dir = folder.path().into();
    crate::support::with_app_configured(configured, async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let chat = ann.public_channel("general", &[]).await;
        // The id without its last digit, which the table writes as an escape.
        let digit = format!("%{:02x}", chat.0.as_bytes()[chat.0.len() - 1]);
        let short = &chat.0[..chat.0.len() - 1];
        let mut wrong = Vec::new();
        for Edge { what, request, lines, body, status, says } in EDGES {
            let request = request.replace("CHAT%31", &format!("{short}{digit}"));
            let version = if request.contains("HTTP/1.0") { "" } else { " HTTP/1.1" };
            let length = format!("content-length: {}", body.len());
            let lines = lines.iter().map(|line| match *line {
                BEARER => format!("authorization: Bearer {}", ann.token),
                "AUTHORIZATION-OF-BEARER" => format!("Authorization: BEARER {}", ann.token),
                line => line.to_owned(),
            });
            let first = [format!("{request}{version}"), "connection: close".to_owned()];
            let lines = first.into_iter().chain(lines).chain((!body.is_empty()).then_some(length));
            let head = lines.collect::<Vec<_>>().join("\r\n");
            let mut raw = Raw::connect(&app.chat).await;
            raw.send(format!("{head}\r\n\r\n{body}").as_bytes()).await;
            let answer =
                raw.read_to_end(crate::support::wait::DEADLINE).await.unwrap_or_default().to_lowercase();
            let is_head = request.starts_with("HEAD");
            let (_, after) = answer.split_once("\r\n\r\n").unwrap_or_default();
            if !answer.starts_with(&format!("http/1.1 {status} "))
                && !answer.starts_with(&format!("http/1.0 {status} "))
                || !answer.contains(says)
                || (is_head && !after.is_empty())
            {
                wrong.push(format!("{what}: {request}: expected {status} {says}: {answer}"));
            }
        }
        assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), EDGES.len(), wrong.join("\n\n"));
        assert!(EDGES.len() >= 60, "{}", EDGES.len());
        assert_eq!(
            ann.call("GET /api/users/me").await.ok()["fullname"],
            "Ann",
            "no condition was passed over"
        );
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
