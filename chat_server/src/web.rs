//! The web client's files, as built into a folder, with the headers that keep message content from ever being run.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    Extension, Router,
    extract::Request,
    http::{HeaderValue, Method, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use chat_core::config::Config;
use tower::{ServiceBuilder, ServiceExt as _};
use tower_http::{
    services::{ServeDir, ServeFile},
    set_header::SetResponseHeaderLayer,
};

use crate::{error::ApiError, extract::ApiPath, state::AppState};

/// Serves the client. Whether it has been built is looked at anew with each page: it may be in the making.
pub fn router(config: &Config) -> Router<AppState> {
    let client = Client { folder: config.server.web_dir.clone(), policy: content_security_policy(config) };
    // Their names change with their content.
    let assets = ServiceBuilder::new()
        .layer(header_layer(header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .service(ServeDir::new(client.folder.join("assets")));
    let mut router = Router::new();
    // The client's own addresses; everything else stays 404.
    for path in ["/", "/signin", "/signup", "/c/{*rest}"] {
        router = router.route(path, get(page));
    }
    router.route("/{file}", any(file)).layer(Extension(Arc::new(client))).nest_service("/assets", assets)
}

/// The built client.
struct Client {
    folder: PathBuf,
    policy: String,
}

async fn page(Extension(client): Extension<Arc<Client>>, request: Request) -> Response {
    let index = client.folder.join("index.html");
    if !index.is_file() {
        return welcome().into_response();
    }
    let mut response = serve(&index, request).await;
    let headers = [
        (header::CONTENT_SECURITY_POLICY, client.policy.as_str()),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// A file beside index.html: the icon.
async fn file(
    Extension(client): Extension<Arc<Client>>,
    ApiPath(name): ApiPath<String>,
    request: Request,
) -> Response {
    let readable = matches!(*request.method(), Method::GET | Method::HEAD);
    // A slash may come in disguise, and a dot may lead upwards or to what is nobody's business.
    let plain = !name.contains(['/', '\\']) && !name.starts_with('.') && name != "index.html";
    let path = client.folder.join(&name);
    if !(readable && plain && path.is_file()) {
        return ApiError::NotFound("page").into_response();
    }
    serve(&path, request).await
}

async fn serve(path: &Path, request: Request) -> Response {
    match ServeFile::new(path).oneshot(request).await {
        Ok(response) => response.into_response(),
        Err(never) => match never {},
    }
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

fn welcome() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], include_str!("welcome.html"))
}
