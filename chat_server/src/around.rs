//! What happens around every request: its id, its time limit, the headers of all answers, its figures and its line in the log;
//! for web pages of other origins what lets them read it, and compression where it is asked for. One function rather than a layer for
//! each, since layers are cloned for each request; the two that come from a library are made when a request needs them.

use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chat_core::config::Config;
use futures_util::FutureExt as _;
use tokio::time::timeout;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::{
    compression::CompressionLayer,
    cors::{AllowOrigin, CorsLayer},
};
use uuid::Uuid;

use crate::{error::render_problem, state::AppState};

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// From a request's head to its answer's; body included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const ORIGIN: HeaderValue = HeaderValue::from_static("origin");

/// What is around all requests of a server. Clones are the same.
#[derive(Clone)]
pub struct Around {
    state: AppState,
    cors: Arc<CorsLayer>,
}

impl Around {
    pub fn new(state: AppState) -> Self {
        Self { cors: Arc::new(cors(&state.config)), state }
    }
}

/// Has a request answered, whatever comes of it. Preflights are answered here, without an id and a line in the log.
pub async fn handle(State(around): State<Around>, request: Request, next: Next) -> Response {
    let state = around.state;
    if request.method() != Method::OPTIONS && !request.headers().contains_key(header::ORIGIN) {
        let mut response = answer(&state, request, next).await;
        // Another origin is answered with other headers.
        response.headers_mut().append(header::VARY, ORIGIN);
        return response;
    }
    let answer = service_fn(move |request| {
        let (state, next) = (state.clone(), next.clone());
        async move { Ok::<_, Infallible>(answer(&state, request, next).await) }
    });
    let Ok(response) = around.cors.layer(answer).oneshot(request).await;
    response
}

async fn answer(state: &AppState, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route: Arc<str> =
        request.extensions().get::<MatchedPath>().map_or("(none)", MatchedPath::as_str).into();
    let id = request_id(request.headers());
    let response = whatever_comes(REQUEST_TIMEOUT, compressed(request, next)).await;
    let mut response = render_problem(response, id.to_str().ok());
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(NOSNIFF);
    observe(state, &method, &route, id.to_str().unwrap_or_default(), response.status(), started.elapsed());
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// What the routes answer, compressed if the client says that it reads that.
async fn compressed(request: Request, next: Next) -> Response {
    if !reads_gzip(request.headers()) {
        return next.run(request).await;
    }
    let answer = service_fn(move |request| {
        let next = next.clone();
        async move { Ok::<_, Infallible>(next.run(request).await) }
    });
    let Ok(response) = CompressionLayer::new().layer(answer).oneshot(request).await;
    response.map(Body::new)
}

/// Whether Accept-Encoding names what we can write. A client that reads neither that nor what is not compressed is answered all the
/// same, as RFC 9110, section 12.5.3, leaves to us: a refusal would come when what was asked for has been done.
fn reads_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| {
        let (coding, weight) = item.split_once(';').unwrap_or((item, ""));
        let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
        coding.trim().eq_ignore_ascii_case("gzip") && weight.is_ok_and(|weight| weight > 0.0)
    })
}

/// Which web pages may call us: our own and those in the configuration.
fn cors(config: &Config) -> CorsLayer {
    let origins = config.web_origins().into_iter().filter_map(|origin| origin.parse().ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_NONE_MATCH,
            HeaderName::from_static("idempotency-key"),
            REQUEST_ID,
        ])
        .expose_headers([
            REQUEST_ID,
            header::RETRY_AFTER,
            header::ETAG,
            HeaderName::from_static("idempotent-replayed"),
        ])
        .max_age(Duration::from_secs(3600))
}

/// The answer, also of a handler that panics or takes too long.
async fn whatever_comes(within: Duration, answer: impl Future<Output = Response>) -> Response {
    // What a handler leaves behind when it panics is its own: what is shared is behind locks that say so.
    match AssertUnwindSafe(timeout(within, answer)).catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => StatusCode::REQUEST_TIMEOUT.into_response(),
        Err(_panic) => StatusCode::INTERNAL_SERVER_ERROR.into_response(), // the panic hook has logged it
    }
}

/// The client's own, which http_server lets through if it is a plain word, or a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    headers.get(REQUEST_ID).cloned().unwrap_or_else(|| {
        let mut text = Uuid::encode_buffer();
        let text = Uuid::new_v4().hyphenated().encode_lower(&mut text);
        HeaderValue::from_str(text).unwrap_or_else(|_| unreachable!("digits and hyphens"))
    })
}

/// Counts and logs a request: its route, never its path with ids, nor its query. Writes what went wrong.
fn observe(
    state: &AppState,
    method: &Method,
    route: &Arc<str>,
    id: &str,
    status: StatusCode,
    took: Duration,
) {
    let (method, status) = (label(method), status.as_u16());
    state.metrics.observe_request(method, route, status, took);
    let route = &**route;
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if status >= 500 {
        tracing::warn!(request.id = id, method, route, status, took_ms, "request failed");
    } else if route.starts_with("/health") || route == "/metrics" {
        tracing::trace!(request.id = id, method, route, status, took_ms, "request");
    } else {
        tracing::debug!(request.id = id, method, route, status, took_ms, "request");
    }
}

/// A method of the client's own making must not become a label of its own.
fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        _ => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_panics_or_never_ends_is_answered_for() {
        let answer = async || StatusCode::NO_CONTENT.into_response();
        assert_eq!(whatever_comes(REQUEST_TIMEOUT, answer()).await.status(), StatusCode::NO_CONTENT);
        let panics = async { panic!("as it was told to") };
        assert_eq!(whatever_comes(REQUEST_TIMEOUT, panics).await.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(
            whatever_comes(Duration::from_millis(1), std::future::pending()).await.status(),
            StatusCode::REQUEST_TIMEOUT
        );
    }

    #[test]
    fn who_reads_gzip_says_so() {
        let reads = |value: &'static str| {
            reads_gzip(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))]))
        };
        for value in ["gzip", "br, GZIP", "deflate;q=1, gzip;q=0.2", "gzip; q=1.0"] {
            assert!(reads(value), "{value}");
        }
        for value in ["", "br", "identity;q=0", "gzip;q=0", "gzip; q=0.000, *", "gzip;q=x", "xgzip"] {
            assert!(!reads(value), "{value}");
        }
        assert!(!reads_gzip(&HeaderMap::new()));
    }

    #[test]
    fn a_request_keeps_its_id_or_gets_one_of_its_own() {
        let mut headers = HeaderMap::new();
        let (one, other) = (request_id(&headers), request_id(&headers));
        assert!(one != other && Uuid::parse_str(one.to_str().unwrap()).is_ok());
        headers.insert(REQUEST_ID, HeaderValue::from_static("mine"));
        assert_eq!(request_id(&headers), "mine");
    }
}
