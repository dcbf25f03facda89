//! All routes and what every request passes through.

use std::time::Duration;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, Method, header},
    middleware,
    routing::get,
};
use chat_core::config::Config;
use tower::ServiceBuilder;
use tower_http::{
    compression::CompressionLayer,
    cors::{AllowOrigin, CorsLayer},
};
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config as SwaggerConfig, SwaggerUi};

use crate::{
    around::{self, REQUEST_ID},
    conditional::{IfNoneMatch, Tagged},
    error::Result,
    extract::BODY_BYTES_MAX,
    http,
    openapi::{Base, complete},
    state::AppState,
    web,
};

const DOCUMENT_PATH: &str = "/api/openapi.json";

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
    // Few layers: each is cloned for each request.
    let around = ServiceBuilder::new()
        .layer(cors(&state.config))
        .layer(middleware::from_fn_with_state(state.clone(), around::handle))
        .layer(CompressionLayer::new())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
    Ok(api.merge(pages).layer(around).with_state(state))
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
