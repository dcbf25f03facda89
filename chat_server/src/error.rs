//! What goes wrong, named by what it means to the caller. One envelope for all of it: RFC 9457 problem+json with a
//! stable `code`. Internals are logged once and never sent.

use std::{borrow::Cow, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use chat_core::text::TextError;
use serde::Serialize;
use tracing::error;
use utoipa::ToSchema;

pub type Result<T, E = ApiError> = std::result::Result<T, E>;

/// A refusal or a failure of a request.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// 400: not readable at all.
    #[error("{0}")]
    Malformed(String),
    /// 401: no proof of who is asking, or no good one.
    #[error("{detail}")]
    Unauthenticated { code: &'static str, detail: &'static str },
    /// 403: known, seen, and not allowed.
    #[error("{detail}")]
    Forbidden { code: &'static str, detail: &'static str },
    /// 404: not there, or not for the caller to know.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// 409: against what is there already.
    #[error("{detail}")]
    Conflict { code: &'static str, detail: Cow<'static, str> },
    /// 413.
    #[error("the body must have at most {max_bytes} bytes")]
    TooLarge { max_bytes: usize },
    /// 415.
    #[error("send the body as application/json, in UTF-8")]
    UnsupportedMediaType,
    /// 422: readable, but not a value that makes sense here.
    #[error("{detail}")]
    Invalid { code: &'static str, detail: String, errors: Vec<InvalidField> },
    /// 429.
    #[error("too many requests")]
    RateLimited { retry_after: Duration, policy: String },
    /// 503: later it may work.
    #[error("{0}")]
    Unavailable(&'static str),
    /// 500.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

/// What is wrong with one part of the request.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct InvalidField {
    /// JSON pointer into the body (RFC 6901), or the name of a parameter.
    pub pointer: String,
    /// The rule that it breaks. Stable; meant for programs.
    pub code: &'static str,
    /// The least that the rule allows: characters of a text, entries of a list, or the number itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub min: Option<i64>,
    /// The most that it allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub max: Option<i64>,
    /// For people; may change.
    pub detail: String,
}

impl InvalidField {
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code, min: None, max: None, detail: detail.into() }
    }

    /// A text that is not as its type says.
    pub fn text(pointer: impl Into<String>, error: TextError) -> Self {
        let (min, max) = error.bounds();
        let bound = |bound: Option<usize>| bound.and_then(|bound| i64::try_from(bound).ok());
        Self { min: bound(min), max: bound(max), ..Self::new(pointer, error.code(), error.to_string()) }
    }
}

/// The body of every refusal (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
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

impl ApiError {
    /// 422 for one field of the body or one parameter.
    pub fn invalid(pointer: &str, code: &'static str, detail: impl Into<String>) -> Self {
        InvalidField::new(pointer, code, detail).into()
    }

    /// 422 for a number that is too small or too large.
    pub fn out_of_range(pointer: &str, min: i64, max: impl Into<Option<i64>>) -> Self {
        let max = max.into();
        let detail = match max {
            Some(max) => format!("must be from {min} to {max}"),
            None => format!("must be at least {min}"),
        };
        InvalidField { min: Some(min), max, ..InvalidField::new(pointer, "out_of_range", detail) }.into()
    }

    /// 422 for a list of too few or too many.
    pub fn wrong_count(pointer: &str, min: usize, max: usize, detail: impl Into<String>) -> Self {
        let [min, max] = [min, max].map(|bound| i64::try_from(bound).ok());
        InvalidField { min, max, ..InvalidField::new(pointer, "wrong_count", detail) }.into()
    }

    /// 409 with a code of its own.
    pub fn conflict(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Conflict { code, detail: detail.into() }
    }

    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed"),
            Self::Unauthenticated { code, .. } => (StatusCode::UNAUTHORIZED, code),
            Self::Forbidden { code, .. } => (StatusCode::FORBIDDEN, code),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::Conflict { code, .. } => (StatusCode::CONFLICT, code),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Self::Invalid { code, .. } => (StatusCode::UNPROCESSABLE_ENTITY, code),
            Self::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }
}

impl From<InvalidField> for ApiError {
    fn from(field: InvalidField) -> Self {
        Self::Invalid { code: "invalid", detail: field.detail.clone(), errors: vec![field] }
    }
}

impl From<sqlx::Error> for ApiError {
    /// A database that is away or too busy is 503, which a client may retry; anything else is our fault.
    fn from(error: sqlx::Error) -> Self {
        let away = match &error {
            sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Io(_)
            | sqlx::Error::WorkerCrashed => true,
            sqlx::Error::Database(e) => e.code().is_some_and(|code| is_away(&code, e.constraint().is_some())),
            _ => false,
        };
        if away {
            error!("database: {error}");
            Self::Unavailable(DATABASE_AWAY)
        } else {
            Self::Internal(anyhow::Error::new(error).context("database"))
        }
    }
}

pub const DATABASE_AWAY: &str = "the database is not available now";

/// Whether a SQLSTATE says that the same may work a moment later.
pub fn is_away(code: &str, names_constraint: bool) -> bool {
    // Lost connections, no resources (disk full too), shutting down, and losers of a deadlock or lock wait.
    ["08", "53", "57P"].iter().any(|class| code.starts_with(class))
        || ["25P03", "40001", "40P01", "55P03", "57014"].contains(&code)
        // Without a constraint's name: the event log has no partition for the next id.
        || (code == "23514" && !names_constraint)
}

/// Lets a violated constraint, by its name in the schema, become an answer.
pub trait ConstraintExt<T> {
    /// # Errors
    /// `to_error()` when the constraint was violated, else whatever else went wrong.
    fn on_constraint(self, name: &str, to_error: impl FnOnce() -> ApiError) -> Result<T>;
}

impl<T> ConstraintExt<T> for std::result::Result<T, sqlx::Error> {
    fn on_constraint(self, name: &str, to_error: impl FnOnce() -> ApiError) -> Result<T> {
        self.map_err(|error| match &error {
            sqlx::Error::Database(e) if e.constraint() == Some(name) => to_error(),
            _ => error.into(),
        })
    }
}

impl IntoResponse for ApiError {
    /// The problem travels in the extensions: [`render_problem`] writes the body, since only it knows the request id.
    fn into_response(self) -> axum::response::Response {
        let (status, code) = self.status_and_code();
        let mut response = Response::builder().status(status).body(Body::empty()).unwrap_or_default();
        let headers = response.headers_mut();
        let mut detail = self.to_string();
        let mut errors = Vec::new();
        match self {
            Self::Internal(e) => {
                error!("{e:#}");
                detail = "something went wrong here; the log knows more under request_id".into();
            }
            Self::Unauthenticated { .. } => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::RateLimited { retry_after, policy } => {
                let seconds = retry_after.as_secs() + 1;
                headers.insert(header::RETRY_AFTER, seconds.into());
                let values =
                    [("ratelimit", format!("\"default\";r=0;t={seconds}")), ("ratelimit-policy", policy)];
                for (name, value) in values {
                    if let Ok(value) = HeaderValue::from_str(&value) {
                        headers.insert(name, value);
                    }
                }
            }
            Self::Unavailable(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::Invalid { errors: fields, .. } => errors = fields,
            Self::Malformed(_)
            | Self::Forbidden { .. }
            | Self::NotFound(_)
            | Self::Conflict { .. }
            | Self::TooLarge { .. }
            | Self::UnsupportedMediaType => {}
        }
        let title = status.canonical_reason().unwrap_or_default().to_owned();
        let problem = Problem {
            r#type: "about:blank",
            title,
            status: status.as_u16(),
            code,
            detail,
            errors,
            request_id: None,
        };
        response.extensions_mut().insert(problem);
        response
    }
}

/// Writes a problem as JSON with the request's id, and gives the framework's own bare refusals (no such path, wrong
/// method) the same form.
pub fn render_problem(
    mut response: axum::response::Response,
    request_id: Option<&str>,
) -> axum::response::Response {
    let status = response.status();
    let problem = response.extensions_mut().remove::<Problem>().or_else(|| {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => ("not_found", "there is no such path"),
            StatusCode::METHOD_NOT_ALLOWED => ("method_not_allowed", "the path does not know this method"),
            StatusCode::REQUEST_TIMEOUT => ("timeout", "the request took too long to arrive or to answer"),
            StatusCode::INTERNAL_SERVER_ERROR => ("internal", "something went wrong here"),
            _ => return None,
        };
        if response.headers().contains_key(header::CONTENT_TYPE)
            && status != StatusCode::INTERNAL_SERVER_ERROR
        {
            return None; // somebody has written a body of their own
        }
        let title = status.canonical_reason().unwrap_or_default().to_owned();
        let (detail, errors) = (detail.to_owned(), Vec::new());
        Some(Problem {
            r#type: "about:blank",
            title,
            status: status.as_u16(),
            code,
            detail,
            errors,
            request_id: None,
        })
    });
    if let Some(mut problem) = problem {
        problem.request_id = request_id.map(ToOwned::to_owned);
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        *response.body_mut() = Body::from(body);
    }
    response
}
