//! The body of every refusal: RFC 9457 problem+json with a stable `code`.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chat_core::text::TextError;
use serde::Serialize;

use crate::request_id::REQUEST_ID;

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// The body of every refusal (RFC 9457).
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Always `about:blank`: `code` tells the cases apart.
    pub r#type: &'static str,
    pub title: String,
    pub status: u16,
    /// Stable; meant for programs.
    pub code: &'static str,
    /// For people; may change.
    pub detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<InvalidField>,
    /// Names this request in the server's log.
    pub request_id: Option<String>,
}

/// What is wrong with one part of the request.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InvalidField {
    /// JSON pointer into the body (RFC 6901), or the name of a parameter.
    pub pointer: String,
    /// The rule that it breaks. Stable; meant for programs.
    pub code: &'static str,
    /// The least that the rule allows: characters of a text, entries of a list, or the number itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub min: Option<i64>,
    /// The most that it allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub max: Option<i64>,
    /// For people; may change.
    pub detail: String,
}

impl Problem {
    /// A problem without `errors`; [`render`] adds the request id.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or_default().to_owned(),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            errors: Vec::new(),
            request_id: None,
        }
    }

    /// The problem for a bare error status of the framework; `None` for any other status.
    fn of_status(status: StatusCode) -> Option<Self> {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => ("not_found", "there is no such path"),
            StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "the path does not know this method"),
            StatusCode::REQUEST_TIMEOUT => ("timeout", "the request took too long to arrive or to answer"),
            StatusCode::INTERNAL_SERVER_ERROR => ("internal", "something went wrong here"),
            _ => return None,
        };
        Some(Self::new(status, code, detail))
    }
}

impl InvalidField {
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, min: None, max: None, detail: detail.into() }
    }

    /// A text that violates a rule of its type.
    pub fn text(pointer: impl Into<String>, error: TextError) -> Self {
        let (min, max) = error.bounds();
        let bound = |bound: Option<usize>| bound.and_then(|bound| i64::try_from(bound).ok());
        Self { min: bound(min), max: bound(max), ..Self::new(pointer, error.code(), error.to_string()) }
    }
}

impl IntoResponse for Problem {
    /// The problem is passed on in the extensions. [`render`] writes the body, since the request id
    /// is known only there.
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes a problem as JSON with the request id, which is in the response's headers by then. The
/// framework's bare errors (unknown path, wrong method) get the same form.
pub fn render(mut response: Response) -> Response {
    let status = response.status();
    let has_body = response.headers().contains_key(header::CONTENT_TYPE);
    let problem = response.extensions_mut().remove::<Problem>().or_else(|| {
        let is_bare = !has_body || status == StatusCode::INTERNAL_SERVER_ERROR;
        Problem::of_status(status).filter(|_| is_bare)
    });
    let Some(mut problem) = problem else { return response };
    let headers = response.headers_mut();
    problem.request_id = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).map(ToOwned::to_owned);
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
    *response.body_mut() = Body::from(serde_json::to_vec(&problem).unwrap_or_default());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_refusals_become_problems_and_other_answers_stay() {
        let is_problem =
            |response: Response| render(response).headers().get(header::CONTENT_TYPE) == Some(&PROBLEM_JSON);
        for status in [404, 405, 408, 500] {
            assert!(is_problem(StatusCode::from_u16(status).unwrap().into_response()), "{status}");
        }
        for status in [200, 204, 304] {
            assert!(!is_problem(StatusCode::from_u16(status).unwrap().into_response()), "{status}");
        }
        assert!(!is_problem((StatusCode::NOT_FOUND, "a page of its own").into_response()));
        assert!(is_problem((StatusCode::INTERNAL_SERVER_ERROR, "internals").into_response()));
        assert!(is_problem(Problem::new(StatusCode::CONFLICT, "taken", "it is taken").into_response()));
    }
}
