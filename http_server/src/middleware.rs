//! The layers that both servers share: CORS, request id, problem+json.

use std::time::Duration;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header, uri::Authority},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use chat_core::config::{Config, is_loopback_host};
use tower::ServiceBuilder;
use tower_http::{
    cors::{AllowOrigin, CorsLayer},
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
};

use crate::{
    conformance::{self, AllowedHosts},
    problem,
    request_id::{self, REQUEST_ID},
};

const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(3600);

/// Where pages are served over plain http to other machines, browsers ignore it and complain.
static OPENER_POLICY: (HeaderName, HeaderValue) =
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));

/// The headers of every response, for browsers: it is no page, no part of another page and no script,
/// and is kept nowhere. A page says otherwise itself.
static HEADERS: [(HeaderName, HeaderValue); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    // Requests by CORS are not concerned.
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
    ),
];

/// Adds the layers to all routes and to the fallback. `cors` responds to preflight requests, which
/// reach none of the other layers. `is_https`: people reach the server by https.
pub fn wrap(router: Router, cors: CorsLayer, hosts: AllowedHosts, is_https: bool) -> Router {
    router.layer(
        ServiceBuilder::new()
            .layer(from_fn_with_state(is_https, add_headers))
            .layer(cors)
            .map_response(problem::render)
            .map_request(request_id::drop_unless_plain)
            .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
            .layer(PropagateRequestIdLayer::new(REQUEST_ID))
            .layer(from_fn_with_state(hosts, conformance::check)),
    )
}

/// Adds what a response does not say itself.
async fn add_headers(State(is_https): State<bool>, request: Request, next: Next) -> Response {
    let isolates = is_https || is_of_this_machine(request.headers());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let (name, value) = &OPENER_POLICY;
    if isolates {
        headers.entry(name).or_insert_with(|| value.clone());
    }
    for (name, value) in &HEADERS {
        headers.entry(name).or_insert_with(|| value.clone());
    }
    response
}

/// Whether the browser is on this machine, and so trusts plain http.
fn is_of_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.parse::<Authority>().ok());
    host.is_some_and(|host| is_loopback_host(host.host().trim_matches(['[', ']'])))
}

/// The origins that may call a server: its own and those in the configuration. The caller adds the
/// methods and headers.
pub fn cors(config: &Config) -> CorsLayer {
    let origins = config.web_origins().into_iter().filter_map(|origin| origin.parse().ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .vary([header::ORIGIN])
        .max_age(PREFLIGHT_MAX_AGE)
}
