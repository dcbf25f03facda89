//! The web client's files, as built into a folder, with the headers that keep message content from ever being run.

use std::{
    io,
    path::{Path, PathBuf},
};

use axum::{
    Router,
    http::{HeaderValue, header},
    response::IntoResponse,
    routing::get,
};
use chat_core::config::Config;
use tower::ServiceBuilder;
use tower_http::{
    services::{ServeDir, ServeFile},
    set_header::SetResponseHeaderLayer,
};

use crate::state::AppState;

/// Serves the client if it has been built, else a page that says what there is.
pub fn router(config: &Config) -> Router<AppState> {
    let folder = &config.server.web_dir;
    if !folder.join("index.html").is_file() {
        return Router::new().route("/", get(welcome));
    }
    let page = ServiceBuilder::new()
        .layer(header_layer(header::CONTENT_SECURITY_POLICY, &content_security_policy(config)))
        .layer(header_layer(header::REFERRER_POLICY, "no-referrer"))
        .layer(header_layer(header::CACHE_CONTROL, "no-cache"))
        .service(ServeFile::new(folder.join("index.html")));
    // Their names change with their content.
    let assets = ServiceBuilder::new()
        .layer(header_layer(header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .service(ServeDir::new(folder.join("assets")));
    let mut router = Router::new().nest_service("/assets", assets);
    // The client's own addresses; everything else stays 404.
    for path in ["/", "/signin", "/signup", "/c/{*rest}"] {
        router = router.route_service(path, page.clone());
    }
    for file in root_files(folder).unwrap_or_default() {
        if let Some(name) =
            file.file_name().and_then(|name| name.to_str()).filter(|name| *name != "index.html")
        {
            router = router.route_service(&format!("/{name}"), ServeFile::new(&file));
        }
    }
    router
}

/// The files beside index.html: icons, the manifest.
fn root_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in folder.read_dir()? {
        let path = entry?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

/// Nothing inline and nothing from elsewhere, but for the stream.
fn content_security_policy(config: &Config) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; manifest-src 'self'; \
         connect-src 'self' {}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        config.notify.public_url
    )
}

fn header_layer(name: header::HeaderName, value: &str) -> SetResponseHeaderLayer<Option<HeaderValue>> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_str(value).ok())
}

async fn welcome() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], include_str!("welcome.html"))
}
