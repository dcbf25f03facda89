//! All routes.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderValue, header},
    middleware::from_fn_with_state,
    response::IntoResponse,
    routing::get,
};
use chat_core::Timestamp;
use time::OffsetDateTime;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config as SwaggerConfig, SwaggerUi};

use crate::{
    error::{ApiError, Result},
    etag::{IfNoneMatch, WithEtag},
    fair_share, http, middleware,
    openapi::{Base, complete},
    security,
    state::AppState,
    web,
};

const SECURITY_TXT_LIFE: time::Duration = time::Duration::days(180);
const DOCUMENT_PATH: &str = "/api/openapi.json";
const DOCUMENT_PAGE: &str = "/api/docs";
/// Swagger UI styles its elements one by one and draws its icons from data.
const DOCUMENT_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// To whom weaknesses are reported (RFC 9116).
async fn security_txt(State(state): State<AppState>) -> Result<impl IntoResponse> {
    let server = &state.config.server;
    let contact = server.security_contact.as_ref().ok_or(ApiError::NotFound("path"))?;
    // A reader must not trust the text for longer than this.
    let expires = Timestamp(OffsetDateTime::now_utc() + SECURITY_TXT_LIFE);
    let expires = serde_json::to_value(expires).map_err(anyhow::Error::new)?;
    let text = format!(
        "Contact: {contact}\nExpires: {}\nCanonical: {}/.well-known/security.txt\n",
        expires.as_str().unwrap_or_default(),
        server.public_url
    );
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text))
}

/// All routes with their layers.
pub fn router(state: AppState) -> Result<Router> {
    let (api, mut document) =
        OpenApiRouter::with_openapi(Base::openapi()).merge(http::router()).split_for_parts();
    complete(&mut document);
    let document = WithEtag::new(&document)?;
    let pages = Router::new()
        .merge(
            Router::new()
                .merge(SwaggerUi::new(DOCUMENT_PAGE).config(SwaggerConfig::from(DOCUMENT_PATH)))
                .layer(SetResponseHeaderLayer::overriding(header::CONTENT_SECURITY_POLICY, DOCUMENT_POLICY)),
        )
        .route("/.well-known/security.txt", get(security_txt))
        .route(DOCUMENT_PATH, get(async move |known: IfNoneMatch| document.answer_publicly(&known)))
        .merge(web::router(&state.config));
    let api = api
        .layer(from_fn_with_state(state.clone(), security::record_refusals))
        .layer(from_fn_with_state(Arc::clone(&state.shares), fair_share::hold));
    let (metrics, config) = (Arc::new(state.metrics.clone()), state.config.clone());
    Ok(middleware::wrap(api.merge(pages).with_state(state), metrics, &config))
}
