//! Extractors and answers whose refusals are our problem+json.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, OptionalFromRequest, Request, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::error::{ApiError, InvalidField};

/// Most bytes of a JSON body. A message of 16,000 characters, each escaped in JSON, fits.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

/// A JSON body.
pub struct ApiJson<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let is_json = is_json(request.headers());
        let bytes = read_body(request, state).await?;
        if !is_json {
            return Err(ApiError::UnsupportedMediaType);
        }
        parse(&bytes).map(Self)
    }
}

/// None when there is no body at all.
impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, ApiError> {
        let is_json = is_json(request.headers());
        let bytes = read_body(request, state).await?;
        if bytes.is_empty() || (is_json && bytes.trim_ascii() == b"null") {
            return Ok(None);
        }
        if !is_json {
            return Err(ApiError::UnsupportedMediaType);
        }
        parse(&bytes).map(|value| Some(Self(value)))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split(';').next().unwrap_or_default().trim())
        .is_some_and(|mime| mime.eq_ignore_ascii_case("application/json"))
}

async fn read_body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(e) if e.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::TooLarge { max_bytes: BODY_BYTES_MAX }
        }
        _ => ApiError::Malformed("the body did not arrive whole".into()),
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // Serde would read the fields of an object from an array as well, by their order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(ApiError::invalid("", "must be an object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|e| {
        let pointer = pointer(e.path());
        let inner = e.into_inner();
        if inner.is_data() {
            // serde_json adds where in the text it stopped, which says nothing to whoever built the body by program.
            let text = inner.to_string();
            let detail = text.rsplit_once(" at line ").map_or(text.as_str(), |(detail, _)| detail).to_owned();
            let errors = vec![InvalidField { pointer, detail: detail.clone() }];
            ApiError::Invalid { code: "invalid", detail, errors }
        } else {
            ApiError::Malformed(format!("the body is not JSON: {inner}"))
        }
    })?;
    deserializer.end().map_err(|e| ApiError::Malformed(format!("the body is not JSON: {e}")))?;
    Ok(value)
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { .. } | Segment::Unknown => String::new(),
        })
        .collect()
}

/// Parameters in the path. One that cannot be an id names nothing: 404.
pub struct ApiPath<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for ApiPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        #[expect(clippy::disallowed_types, reason = "wrapped here so that nobody else needs it")]
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|value| Self(value.0)).map_err(|_| ApiError::NotFound("path"))
    }
}

/// Parameters in the query string.
pub struct ApiQuery<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        #[expect(clippy::disallowed_types, reason = "wrapped here so that nobody else needs it")]
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        query.map(|value| Self(value.0)).map_err(|e| {
            // The inner error names the parameter.
            let text = e.body_text();
            let detail = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            let (pointer, detail) = detail.split_once(": ").unwrap_or(("query", detail));
            ApiError::invalid(pointer, detail)
        })
    }
}

/// A JSON answer with a status.
pub struct Answer<T>(pub StatusCode, pub T);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        (self.0, axum::Json(self.1)).into_response()
    }
}

/// 200 with JSON.
pub fn ok<T>(value: T) -> Answer<T> {
    Answer(StatusCode::OK, value)
}

/// 201 with JSON.
pub fn created<T>(value: T) -> Answer<T> {
    Answer(StatusCode::CREATED, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[expect(dead_code)]
        names: Vec<chat_core::text::ChatName>,
    }

    #[test]
    fn a_wrong_value_is_named_by_its_pointer() {
        let Err(ApiError::Invalid { errors, .. }) = parse::<Body>(br#"{"names":["a",""]}"#) else { panic!() };
        assert_eq!(
            (errors[0].pointer.as_str(), errors[0].detail.as_str()),
            ("/names/1", "must not be empty")
        );
    }

    #[test]
    fn what_is_not_json_is_told_apart() {
        assert!(matches!(parse::<Body>(b"{"), Err(ApiError::Malformed(_))));
        assert!(matches!(parse::<Body>(br#"{"names":[]} x"#), Err(ApiError::Malformed(_))));
        assert!(matches!(parse::<Body>(br#"{"nmaes":[]}"#), Err(ApiError::Invalid { .. })));
        assert!(matches!(parse::<Body>(br#" [["a"]]"#), Err(ApiError::Invalid { .. })));
    }
}
