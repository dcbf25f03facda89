//! All routes.

use std::sync::Arc;

use axum::{Router, middleware::from_fn_with_state, routing::get};
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config as SwaggerConfig, SwaggerUi};

use crate::{
    error::Result,
    etag::{IfNoneMatch, WithEtag},
    fair_share, http, middleware,
    openapi::{Base, complete},
    state::AppState,
    web,
};

const DOCUMENT_PATH: &str = "/api/openapi.json";
const DOCUMENT_PAGE: &str = "/api/docs";

/// All routes with their layers.
pub fn router(state: AppState) -> Result<Router> {
    let (api, mut document) =
        OpenApiRouter::with_openapi(Base::openapi()).merge(http::router()).split_for_parts();
    complete(&mut document);
    let document = WithEtag::new(&document)?;
    let pages = Router::new()
        .merge(SwaggerUi::new(DOCUMENT_PAGE).config(SwaggerConfig::from(DOCUMENT_PATH)))
        .route(DOCUMENT_PATH, get(async move |known: IfNoneMatch| document.answer_publicly(&known)))
        .merge(web::router(&state.config));
    let api = api.layer(from_fn_with_state(Arc::clone(&state.shares), fair_share::hold));
    let (metrics, config) = (Arc::new(state.metrics.clone()), state.config.clone());
    Ok(middleware::wrap(api.merge(pages).with_state(state), metrics, &config))
}
