//! Serves the web client's files, from a folder or embedded in the program. The headers forbid a
//! browser to run any message content.

mod embedded;

use std::{path::PathBuf, sync::Arc};

use axum::{
    Extension, Router,
    extract::Request,
    http::{HeaderValue, Method, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use chat_core::config::Config;
use tower::ServiceExt as _;
use tower_http::services::ServeFile;

use crate::{error::ApiError, etag::IfNoneMatch, extract::ApiPath, state::AppState};

/// The client's own pages. Every other path is 404.
const PAGES: [&str; 9] = [
    "/",
    "/signin",
    "/signup",
    "/forgot",
    "/reset",
    "/verify",
    "/c/{*rest}",
    "/w/{*rest}",
    "/settings/{*rest}",
];

/// Serves the client. Each page checks again whether it was built, since a build may be running.
pub fn router(config: &Config) -> Router<AppState> {
    let client = WebClient { folder: config.server.web_dir.clone(), policy: content_security_policy(config) };
    let mut router = Router::new();
    for path in PAGES {
        router = router.route(path, get(page));
    }
    router.route("/{file}", any(file)).route("/assets/{file}", any(asset)).layer(Extension(Arc::new(client)))
}

/// The built client: from the folder if there is one, else embedded.
struct WebClient {
    folder: PathBuf,
    policy: String,
}

impl WebClient {
    async fn file(&self, path: &str, mut request: Request) -> Option<Response> {
        if !asks_for_part(&request) {
            request.headers_mut().remove(header::RANGE);
        }
        if !self.folder.join("index.html").is_file() {
            return embedded::file(path, &IfNoneMatch::of(request.headers()));
        }
        let path = self.folder.join(path);
        if !path.is_file() {
            return None;
        }
        match ServeFile::new(path).oneshot(request).await {
            Ok(response) => Some(response.into_response()),
            Err(never) => match never {},
        }
    }
}

/// Whether the client gets a part of a file, if it has the bytes (RFC 9110, sections 13.1.5 and 14.2).
/// A part is of the version that the client has. Whether it has this one is not looked up, so a
/// client that asks for that gets the whole. Ranges of other units than bytes are not known, and those of
/// other methods than GET do not count.
fn asks_for_part(request: &Request) -> bool {
    let unit = request.headers().get(header::RANGE).and_then(|range| range.as_bytes().get(..6));
    request.method() == Method::GET
        && !request.headers().contains_key(header::IF_RANGE)
        && unit == Some(b"bytes=")
}

async fn page(Extension(client): Extension<Arc<WebClient>>, request: Request) -> Response {
    let Some(mut response) = client.file("index.html", request).await else {
        return welcome().into_response();
    };
    let headers = [
        (header::CONTENT_SECURITY_POLICY, client.policy.as_str()),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The service worker. A worker is held to the policy of its own script, and this one fetches what the
/// pages need.
const WORKER: &str = "sw.js";

/// A file beside index.html: an icon, the manifest, the service worker. A browser asks
/// whether it has changed, since its name stays the same.
async fn file(
    Extension(client): Extension<Arc<WebClient>>,
    ApiPath(name): ApiPath<String>,
    request: Request,
) -> Result<Response, ApiError> {
    if name == "index.html" || !is_readable(&name, &request) {
        return Err(ApiError::NotFound("page"));
    }
    let mut response = client.file(&name, request).await.ok_or(ApiError::NotFound("page"))?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if name == WORKER
        && let Ok(policy) = HeaderValue::from_str(&client.policy)
    {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

/// A script, a style or a font. Its name changes with its content.
async fn asset(
    Extension(client): Extension<Arc<WebClient>>,
    ApiPath(name): ApiPath<String>,
    request: Request,
) -> Result<Response, ApiError> {
    if !is_readable(&name, &request) {
        return Err(ApiError::NotFound("page"));
    }
    let found = client.file(&format!("assets/{name}"), request).await;
    let mut response = found.ok_or(ApiError::NotFound("page"))?;
    let for_ever = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(header::CACHE_CONTROL, for_ever);
    Ok(response)
}

/// Refuses an encoded slash, and a leading dot, which may lead to a parent folder or to a hidden
/// file.
fn is_readable(name: &str, request: &Request) -> bool {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    reads && !name.contains(['/', '\\']) && !name.starts_with('.')
}

/// No inline scripts and no other origins, except for the stream.
fn content_security_policy(config: &Config) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; manifest-src 'self'; \
         worker-src 'self'; connect-src 'self' {}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        config.notify_origin()
    )
}

fn welcome() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ];
    (headers, include_str!("welcome.html"))
}
