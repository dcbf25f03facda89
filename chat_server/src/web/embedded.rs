//! The client embedded in the program, with the feature `embed-web`.

use axum::{http::HeaderMap, response::Response};

#[cfg(not(feature = "embed-web"))]
pub fn file(_path: &str, _headers: &HeaderMap) -> Option<Response> {
    None
}

#[cfg(feature = "embed-web")]
pub fn file(path: &str, headers: &HeaderMap) -> Option<Response> {
    use axum::{
        http::{HeaderValue, StatusCode, header},
        response::IntoResponse as _,
    };

    #[derive(rust_embed::RustEmbed)]
    #[folder = "../web/dist/"]
    struct Files;

    let file = Files::get(path)?;
    let hash = file.metadata.sha256_hash();
    let digest = u64::from_be_bytes(*hash.first_chunk()?);
    let tag = HeaderValue::from_str(&format!("\"{digest:016x}\"")).ok()?;
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Some((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let kind = HeaderValue::from_str(file.metadata.mimetype()).ok()?;
    let answer = ([(header::CONTENT_TYPE, kind), (header::ETAG, tag)], file.data);
    Some(answer.into_response())
}
