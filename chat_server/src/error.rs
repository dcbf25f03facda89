//! The errors of requests, named by what they mean to the caller. Every error becomes a [`Problem`]
//! with a stable `code`. Internal causes are logged once and never sent.

use std::{borrow::Cow, time::Duration};

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
pub use http_server::problem::{InvalidField, Problem};
use tracing::error;

pub type Result<T, E = ApiError> = std::result::Result<T, E>;

/// An error of a request: a refusal or a failure.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// 400: the request cannot be parsed.
    #[error("{0}")]
    Malformed(String),
    /// 401: the credentials are missing or not valid.
    #[error("{detail}")]
    Unauthenticated { code: &'static str, detail: &'static str },
    /// 403: the caller may know of it but not do this.
    #[error("{detail}")]
    Forbidden { code: &'static str, detail: &'static str },
    /// 404: it does not exist, or the caller may not know that it does.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// 409: it conflicts with the current state.
    #[error("{detail}")]
    Conflict { code: &'static str, detail: Cow<'static, str> },
    /// 413.
    #[error("the body must have at most {max_bytes} bytes")]
    TooLarge { max_bytes: usize },
    /// 415.
    #[error("send the body as application/json, in UTF-8")]
    UnsupportedMediaType,
    /// 422: it can be parsed but is not valid.
    #[error("{detail}")]
    Invalid { code: &'static str, detail: String, errors: Vec<InvalidField> },
    /// 429.
    #[error("too many requests")]
    RateLimited { retry_after: Duration, policy: String },
    /// 429: the responses that the caller has not taken yet are too large.
    #[error("you have not taken large responses that you asked for: take them first")]
    TooManyResponses,
    /// 503: a retry may succeed.
    #[error("{0}")]
    Unavailable(&'static str),
    /// 500.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
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

    /// 422 for a list with too few or too many entries.
    pub fn wrong_count(pointer: &str, min: usize, max: usize, detail: impl Into<String>) -> Self {
        let [min, max] = [min, max].map(|bound| i64::try_from(bound).ok());
        InvalidField { min, max, ..InvalidField::new(pointer, "wrong_count", detail) }.into()
    }

    /// 409 with its own code.
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
            Self::TooManyResponses => (StatusCode::TOO_MANY_REQUESTS, "too_many_responses"),
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
    /// A database that is away or overloaded is 503, which a client may retry. Any other error is
    /// our fault.
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

/// Whether a retry of a statement that failed with this SQLSTATE may succeed.
pub fn is_away(code: &str, names_constraint: bool) -> bool {
    // Lost connections, no resources (a full disk too), shutdown, a standby, and the losers of a
    // deadlock or lock timeout.
    ["08", "53", "57P"].iter().any(|class| code.starts_with(class))
        || ["25006", "25P03", "40001", "40P01", "55P03", "57014"].contains(&code)
        // Without a constraint's name: the event log has no partition for the next id.
        || (code == "23514" && !names_constraint)
}

/// Turns a violation of a named constraint into an error for the caller.
pub trait ConstraintExt<T> {
    /// # Errors
    /// `to_error()` if the constraint was violated, else the original error.
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
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        let mut problem = Problem::new(status, code, self.to_string());
        let mut headers = HeaderMap::new();
        match self {
            Self::Internal(e) => {
                error!("{e:#}");
                problem.detail = "internal error; the server's log has the cause under request_id".into();
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
            Self::Unavailable(_) | Self::TooManyResponses => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::Invalid { errors, .. } => problem.errors = errors,
            Self::Malformed(_)
            | Self::Forbidden { .. }
            | Self::NotFound(_)
            | Self::Conflict { .. }
            | Self::TooLarge { .. }
            | Self::UnsupportedMediaType => {}
        }
        (headers, problem).into_response()
    }
}
