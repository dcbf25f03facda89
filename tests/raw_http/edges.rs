//! Requests at the edges of the standards, as a table.

use crate::support::raw::Raw;

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
