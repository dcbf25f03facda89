//! All routes and what every request passes through.

use axum::{Router, middleware, routing::get};
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config as SwaggerConfig, SwaggerUi};

use crate::{
    around::{self, Around},
    conditional::{IfNoneMatch, Tagged},
    error::Result,
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
    // One layer: each is cloned for each request.
    let around = middleware::from_fn_with_state(Around::new(state.clone()), around::handle);
    Ok(api.merge(pages).layer(around).with_state(state))
}
