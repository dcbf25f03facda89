//! All routes.

use axum::{Router, routing::get};
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config as SwaggerConfig, SwaggerUi};

use crate::{
    conditional::{IfNoneMatch, Tagged},
    error::Result,
    http,
    openapi::{Base, complete},
    routes::Routes,
    state::AppState,
    web,
};

const DOCUMENT_PATH: &str = "/api/openapi.json";
/// What is there to read the document in, and the document.
const PAGES: [&str; 4] = ["/api/docs", "/api/docs/", "/api/docs/{*rest}", DOCUMENT_PATH];

/// Everything that chat_server answers, and its routes by name.
pub fn router(state: AppState) -> Result<(Router, Routes)> {
    let (api, mut document) =
        OpenApiRouter::with_openapi(Base::openapi()).merge(http::router()).split_for_parts();
    complete(&mut document);
    let pages = PAGES.into_iter().chain(web::routes()).map(str::to_owned);
    let routes = Routes::new(document.paths.paths.keys().cloned().chain(pages), &state.metrics)?;
    let document = Tagged::new(&document)?;
    let pages = Router::new()
        .merge(SwaggerUi::new(PAGES[0]).config(SwaggerConfig::from(DOCUMENT_PATH)))
        .route(DOCUMENT_PATH, get(async move |has: IfNoneMatch| document.answer_publicly(&has)))
        .merge(web::router(&state.config));
    Ok((api.merge(pages).with_state(state), routes))
}
