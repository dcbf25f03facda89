//! All routes and what every request passes through.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use chat_core::config::Config;
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    cors::{AllowOrigin, CorsLayer},
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    set_header::SetResponseHeaderLayer,
    timeout::TimeoutLayer,
};
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config as SwaggerConfig, SwaggerUi};

use crate::{
    conditional::{IfNoneMatch, Tagged},
    error::{Result, render_problem},
    extract::BODY_BYTES_MAX,
    http,
    openapi::{Base, complete},
    state::AppState,
    web,
};

/// From the first byte of a request's head to the last of its answer's head; body included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const DOCUMENT_PATH: &str = "/api/openapi.json";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Everything that chat_server answers.
pub fn router(state: AppState) -> Result<Router> {
    let (api, mut document) =
        OpenApiRouter::with_openapi(Base::openapi()).merge(http::router()).split_for_parts();
    complete(&mut document);
    let document = Tagged::new(&document)?;
    let pages = Router::new()
        .merge(SwaggerUi::new("/api/docs").config(SwaggerConfig::from(DOCUMENT_PATH)))
        .route(DOCUMENT_PATH, get(async move |has: IfNoneMatch| document.answer_publicly(&has)))
        .merge(web::router(&state.config));
    let around = ServiceBuilder::new()
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(middleware::from_fn_with_state(state.clone(), observe))
        .layer(cors(&state.config))
        .layer(CompressionLayer::new())
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        ))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
    Ok(api.merge(pages).layer(around).with_state(state))
}

/// Counts and logs each request: its route, never its path with ids, nor its query. Writes what went wrong.
async fn observe(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route: Arc<str> =
        request.extensions().get::<MatchedPath>().map_or("(none)", MatchedPath::as_str).into();
    let id = request.extensions().get::<RequestId>().cloned();
    let response = next.run(request).await;
    let id = id.as_ref().and_then(|id| id.header_value().to_str().ok());
    let response = render_problem(response, id);
    let (status, took) = (response.status().as_u16(), started.elapsed());
    let label = label(&method);
    state.metrics.observe_request(label, &route, status, took);
    let id = id.unwrap_or_default();
    let route = &*route;
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if status >= 500 {
        tracing::warn!(request.id = id, method = label, route, status, took_ms, "request failed");
    } else if route.starts_with("/health") || route == "/metrics" {
        tracing::trace!(request.id = id, method = label, route, status, took_ms, "request");
    } else {
        tracing::debug!(request.id = id, method = label, route, status, took_ms, "request");
    }
    response
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
