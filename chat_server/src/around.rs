//! What happens around every request: its id, its time limit, the headers of all answers, its figures and its line in the log;
//! for web pages of other origins what lets them read it, and compression where it is asked for. Functions around the router rather
//! than layers within it, which are cloned and boxed for each request; the two layers that come from a library are made when a
//! request needs them.

use std::{
    convert::Infallible,
    future::poll_fn,
    panic::AssertUnwindSafe,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use chat_core::config::Config;
use futures_util::FutureExt as _;
use http_server::Answer;
use tokio::{task::unconstrained, time::sleep};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::{
    compression::CompressionLayer,
    cors::{AllowOrigin, CorsLayer},
};
use uuid::Uuid;

use crate::{auth::LastBearer, error::render_problem, metrics::RouteFigures, routes::Routes};

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// From a request's head to its answer's; body included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const ORIGIN: HeaderValue = HeaderValue::from_static("origin");

/// Answers every request of a server.
pub struct Around {
    router: Router,
    known_routes: Routes,
    cors: CorsLayer,
}

impl Around {
    /// `known_routes` are those of the router.
    pub fn new(router: Router, known_routes: Routes, config: &Config) -> Self {
        Self { router, known_routes, cors: cors(config) }
    }

    async fn answer_across_origins(&self, request: Request) -> Response {
        let answer = service_fn(|request| async { Ok::<_, Infallible>(self.answer_here(request).await) });
        let Ok(response) = self.cors.layer(answer).oneshot(request).await;
        response
    }

    async fn answer_here(&self, request: Request) -> Response {
        let started = Instant::now();
        let method = request.method().clone();
        let route = self.known_routes.find(request.uri().path());
        let id = request_id(request.headers());
        let response = whatever_comes(REQUEST_TIMEOUT, self.route(request)).await;
        let mut response = render_problem(response, id.to_str().ok());
        let headers = response.headers_mut();
        headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
        headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(NOSNIFF);
        observe(route, &method, id.to_str().unwrap_or_default(), response.status(), started.elapsed());
        response.headers_mut().insert(REQUEST_ID, id);
        response
    }

    /// What the routes answer, compressed if the client says that it reads that.
    async fn route(&self, request: Request) -> Response {
        let router = self.router.clone();
        // What the router answers to HEAD has no body any more.
        if request.method() != Method::HEAD && reads_gzip(request.headers()) {
            let Ok(response) = Box::pin(CompressionLayer::new().layer(router).oneshot(request)).await;
            return response.map(Body::new);
        }
        let Ok(response) = router.oneshot(request).await;
        response
    }
}

impl Answer for Around {
    type Kept = LastBearer;

    /// There is an answer, whatever comes of the request. Preflights are answered here, without an id and a line in the log.
    async fn answer(&self, request: Request) -> Response {
        if request.method() == Method::OPTIONS || request.headers().contains_key(header::ORIGIN) {
            return Box::pin(self.answer_across_origins(request)).await;
        }
        let mut response = self.answer_here(request).await;
        // Another origin is answered with other headers.
        response.headers_mut().append(header::VARY, ORIGIN);
        response
    }
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
    let mut answer = pin!(AssertUnwindSafe(answer).catch_unwind());
    // Most answers are there at once, and need no timer.
    let mut timer = None;
    poll_fn(|cx| match answer.as_mut().poll(cx) {
        Poll::Ready(Ok(response)) => Poll::Ready(response),
        // The panic hook has logged it.
        Poll::Ready(Err(_panic)) => Poll::Ready(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
        Poll::Pending => {
            let timer = timer.get_or_insert_with(|| Box::pin(sleep(within)));
            // Also of a task that has used up its budget, as a handler may that never waits.
            let late = pin!(unconstrained(timer.as_mut())).poll(cx);
            late.map(|()| StatusCode::REQUEST_TIMEOUT.into_response())
        }
    })
    .await
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
fn observe(route: &RouteFigures, method: &Method, id: &str, status: StatusCode, took: Duration) {
    let method = route.observe(method, status, took);
    let (route, status) = (&*route.name, status.as_u16());
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if status >= 500 {
        tracing::warn!(request.id = id, method, route, status, took_ms, "request failed");
    } else if route.starts_with("/health") || route == "/metrics" {
        tracing::trace!(request.id = id, method, route, status, took_ms, "request");
    } else {
        tracing::debug!(request.id = id, method, route, status, took_ms, "request");
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
