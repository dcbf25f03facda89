//! The layers around all routes: metrics and access log, compression, panics, the
//! time limit. The layers that both servers share are outside of these, in `http_server`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{
        HeaderName, HeaderValue, Method, StatusCode,
        header::{self, Entry},
    },
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use chat_core::config::Config;
use http_server::{conformance::AllowedHosts, request_id::REQUEST_ID};
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer, compression::CompressionLayer, cors::CorsLayer, timeout::TimeoutLayer,
};

use crate::metrics::Metrics;

/// From the head of the request to the head of the response, including the body of the request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The label in metrics and logs of requests that match no route.
const NO_ROUTE: &str = "(none)";

/// Adds the layers to all routes and to the fallback.
pub fn wrap(router: Router, metrics: Arc<Metrics>, config: &Config) -> Router {
    let hosts = AllowedHosts::new(&config.server.allowed_hosts);
    let router = with_limits(router, metrics, REQUEST_TIMEOUT);
    http_server::middleware::wrap(router, cors(config), hosts, config.is_https())
}

fn with_limits(router: Router, metrics: Arc<Metrics>, within: Duration) -> Router {
    router.layer(
        ServiceBuilder::new()
            .layer(from_fn_with_state(metrics, observe))
            .map_request(accept_identity)
            .layer(CompressionLayer::new())
            // The panic hook logs the panic.
            .layer(CatchPanicLayer::custom(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response()))
            .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, within)),
    )
}

fn cors(config: &Config) -> CorsLayer {
    http_server::middleware::cors(config)
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
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
}

/// Counts and logs a request by its route. Never by its path, which contains ids, or its query.
async fn observe(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let id = request.headers().get(REQUEST_ID).cloned();
    let response = next.run(request).await;
    let (took, status) = (started.elapsed(), response.status().as_u16());
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let id = id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
    metrics.observe_request(method, route, status, took);
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if status >= 500 {
        tracing::warn!(request.id = id, method, route, status, took_ms, "request failed");
    } else if route.starts_with("/health") || route == "/metrics" {
        tracing::trace!(request.id = id, method, route, status, took_ms, "request");
    } else {
        tracing::debug!(request.id = id, method, route, status, took_ms, "request");
    }
    response
}

/// A client may invent methods. An unknown one must not become a label.
fn method_label(method: &Method) -> &'static str {
    const METHODS: [&str; 7] = ["GET", "POST", "PATCH", "DELETE", "OPTIONS", "HEAD", "PUT"];
    METHODS.into_iter().find(|label| *label == method.as_str()).unwrap_or("OTHER")
}

/// Makes an uncompressed response acceptable to every client, as the last resort. Otherwise
/// `CompressionLayer` responds 406 to `Accept-Encoding: identity;q=0` after the handler has run,
/// and a message that was stored would seem refused.
fn accept_identity(mut request: Request) -> Request {
    if let Entry::Occupied(mut entry) = request.headers_mut().entry(header::ACCEPT_ENCODING) {
        // Inserted first, because the first mention of an encoding counts.
        let given: Vec<_> = entry.insert_mult(HeaderValue::from_static("identity;q=0.001")).collect();
        for value in given {
            entry.append(value);
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, routing::get};
    use tower::ServiceExt as _;

    use super::*;

    /// The response of the layers around routes that return, panic or never return; and the
    /// metrics.
    async fn ask(path: &str, encodings: &'static str) -> (Response, String) {
        let router = Router::new()
            .route("/notes/{id}", get(async || "x".repeat(1000)))
            .route("/panics", get(async || -> StatusCode { panic!("on purpose") }))
            .route("/hangs", get(async || std::future::pending::<StatusCode>().await));
        let metrics = Arc::new(Metrics::default());
        let router = with_limits(router, Arc::clone(&metrics), Duration::from_millis(50));
        let request = Request::builder().uri(path).header(header::ACCEPT_ENCODING, encodings);
        let Ok(response) = router.oneshot(request.body(Body::empty()).unwrap()).await;
        (response, metrics.render().unwrap())
    }

    #[tokio::test]
    async fn a_handler_that_panics_or_hangs_is_answered_for() {
        assert_eq!(ask("/panics", "").await.0.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(ask("/hangs", "").await.0.status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test]
    async fn a_path_is_counted_by_its_route_and_not_by_itself() {
        for (path, route, status) in [
            ("/notes/0193", "/notes/{id}", 200),
            ("/hangs?x", "/hangs", 408),
            ("/nowhere/0193", NO_ROUTE, 404),
        ] {
            let (_, metrics) = ask(path, "").await;
            let line = format!("requests_total{{method=\"GET\",route=\"{route}\",status=\"{status}\"}} 1");
            assert!(metrics.contains(&line) && !metrics.contains("0193"), "{metrics}");
        }
    }

    #[tokio::test]
    async fn only_clients_that_accept_gzip_get_it_and_none_is_refused() {
        for (encodings, encoded) in [
            ("gzip", true),
            ("br, GZIP", true),
            ("deflate;q=1, gzip;q=0.2", true),
            ("*", true),
            ("", false),
            ("br", false),
            ("identity;q=0", false),
            ("gzip;q=0", false),
            ("*;q=0", false),
            ("identity;q=0, *;q=0", false),
        ] {
            let response = ask("/notes/1", encodings).await.0;
            assert_eq!(response.status(), StatusCode::OK, "{encodings}");
            assert_eq!(response.headers().contains_key(header::CONTENT_ENCODING), encoded, "{encodings}");
        }
    }
}
