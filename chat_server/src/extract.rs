//! Extractors whose rejections are problem+json, and JSON responses.

use std::error::Error as _;

use axum::{
    body::{Bytes, HttpBody as _, to_bytes},
    extract::{FromRequest, FromRequestParts, OptionalFromRequest, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use chat_core::text::TextError;
use http_body_util::LengthLimitError;
use serde::{
    Deserialize as _, Deserializer, Serialize,
    de::{self, DeserializeOwned},
};

use crate::{
    error::{ApiError, InvalidField},
    fair_share::Turn,
};

/// Most bytes of a JSON body. A message of 16,000 characters, each escaped in JSON, fits.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// The same for a caller who is not signed in, and so has no share that bounds what is received at
/// once.
pub const ANONYMOUS_BYTES_MAX: usize = 16 * 1024;

/// A JSON body.
pub struct ApiJson<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let is_json = is_json(request.headers());
        let bytes = read_body(request).await?;
        if !is_json {
            return Err(ApiError::UnsupportedMediaType);
        }
        parse(&bytes).map(Self)
    }
}

/// None when there is no body at all.
impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Option<Self>, ApiError> {
        let is_json = is_json(request.headers());
        let bytes = read_body(request).await?;
        if bytes.is_empty() || (is_json && bytes.trim_ascii() == b"null") {
            return Ok(None);
        }
        if !is_json {
            return Err(ApiError::UnsupportedMediaType);
        }
        parse(&bytes).map(|value| Some(Self(value)))
    }
}

/// JSON is UTF-8 (RFC 8259, section 8.1). A body that declares another charset or a coding would be
/// misread.
fn is_json(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let value = types.next().and_then(|value| value.to_str().ok());
    let (Some(value), None) = (value, types.next()) else { return false };
    if !codings.all(|coding| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity")) {
        return false;
    }
    let mut parts = value.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|mime| mime.eq_ignore_ascii_case("application/json"));
    let mut charsets = parts
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    is_json && charsets.all(|(_, value)| value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8"))
}

async fn read_body(request: Request) -> Result<Bytes, ApiError> {
    // A handler names its caller before the body.
    let is_signed_in = request.extensions().get::<Turn>().is_some_and(Turn::is_taken);
    let max_bytes = if is_signed_in { BODY_BYTES_MAX } else { ANONYMOUS_BYTES_MAX };
    let body = request.into_body();
    // Its length is announced, so it is refused before it arrives.
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(ApiError::TooLarge { max_bytes });
    }
    to_bytes(body, max_bytes).await.map_err(|e| match e.source() {
        Some(cause) if cause.is::<LengthLimitError>() => ApiError::TooLarge { max_bytes },
        _ => ApiError::Malformed("the body is incomplete".into()),
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // Serde would also read an object's fields from an array, by their order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(ApiError::invalid("", "invalid", "must be an object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|e| {
        let pointer = pointer(e.path());
        let inner = e.into_inner();
        if inner.is_data() {
            // serde_json appends the position at which it stopped, which means nothing to a program
            // that built the body.
            let text = inner.to_string();
            let detail = text.rsplit_once(" at line ").map_or(text.as_str(), |(detail, _)| detail);
            refused_by_serde(pointer, detail).into()
        } else {
            ApiError::Malformed(format!("the body is not JSON: {inner}"))
        }
    })?;
    deserializer.end().map_err(|e| ApiError::Malformed(format!("the body is not JSON: {e}")))?;
    Ok(value)
}

/// Serde passes errors on as text only.
fn refused_by_serde(pointer: String, detail: &str) -> InvalidField {
    if let Some(error) = TextError::from_words(detail) {
        return InvalidField::text(pointer, error);
    }
    let code = [("missing field", "missing"), ("unknown field", "unknown_field")]
        .into_iter()
        .find(|(words, _)| detail.starts_with(words))
        .map_or("invalid", |(_, code)| code);
    InvalidField::new(pointer, code, detail)
}

/// For `deserialize_with`: an integer in any spelling. In JSON Schema 5.0 is an integer, and some
/// languages write it so.
pub fn whole<'de, D: Deserializer<'de>, T: TryFrom<i64>>(deserializer: D) -> Result<T, D::Error> {
    whole_of(&serde_json::Number::deserialize(deserializer)?)
}

/// The same for an optional field; needs `default` as well.
pub fn whole_or_none<'de, D: Deserializer<'de>, T: TryFrom<i64>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::<serde_json::Number>::deserialize(deserializer)?.as_ref().map(whole_of).transpose()
}

fn whole_of<T: TryFrom<i64>, E: de::Error>(number: &serde_json::Number) -> Result<T, E> {
    /// Above this a float cannot represent every integer.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and is within the exact ones")]
    let from_float = |float: f64| (float.fract() == 0.0 && float.abs() <= EXACT_MAX).then_some(float as i64);
    let whole = number.as_i64().or_else(|| number.as_f64().and_then(from_float));
    whole
        .and_then(|whole| T::try_from(whole).ok())
        .ok_or_else(|| E::custom("must be a whole number, not too large"))
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

/// Parameters in the path. One that is not a valid id gives 404.
pub struct ApiPath<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for ApiPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        #[expect(clippy::disallowed_types, reason = "wrapped here for all handlers")]
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|value| Self(value.0)).map_err(|_| ApiError::NotFound("path"))
    }
}

/// Parameters in the query string.
pub struct ApiQuery<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        #[expect(clippy::disallowed_types, reason = "wrapped here for all handlers")]
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        query.map(|value| Self(value.0)).map_err(|e| {
            // The inner error names the parameter.
            let text = e.body_text();
            let detail = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            let named = detail.split_once(": ").filter(|(name, _)| !name.is_empty());
            let (pointer, detail) = named.unwrap_or(("query", detail));
            refused_by_serde(pointer.to_owned(), detail).into()
        })
    }
}

/// A JSON response with a status.
pub struct JsonResponse<T>(pub StatusCode, pub T);

impl<T: Serialize> IntoResponse for JsonResponse<T> {
    fn into_response(self) -> Response {
        (self.0, axum::Json(self.1)).into_response()
    }
}

/// 200 with JSON.
pub fn ok<T>(value: T) -> JsonResponse<T> {
    JsonResponse(StatusCode::OK, value)
}

/// 201 with JSON.
pub fn created<T>(value: T) -> JsonResponse<T> {
    JsonResponse(StatusCode::CREATED, value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[expect(dead_code)]
        names: Vec<chat_core::text::ChatName>,
    }

    #[test]
    fn a_wrong_value_is_named_by_its_pointer_and_the_rule_by_a_code() {
        let long = format!(r#"{{"names":["{}"]}}"#, "x".repeat(81));
        for (body, pointer, code, max, detail) in [
            (r#"{"names":["a",""]}"#, "/names/1", "empty", None, "must not be empty"),
            (&long, "/names/0", "too_long", Some(80), "must have at most 80 characters"),
            (r"{}", "", "missing", None, "missing field `names`"),
            (
                r#"{"names":[],"nmaes":[]}"#,
                "/nmaes",
                "unknown_field",
                None,
                "unknown field `nmaes`, expected `names`",
            ),
            (r#"{"names":5}"#, "/names", "invalid", None, "invalid type: integer `5`, expected a sequence"),
        ] {
            let Err(ApiError::Invalid { errors, .. }) = parse::<Body>(body.as_bytes()) else {
                panic!("{body}")
            };
            let [field] = errors.as_slice() else { panic!("{errors:?}") };
            assert_eq!(
                (field.pointer.as_str(), field.code, field.max, field.detail.as_str()),
                (pointer, code, max, detail)
            );
        }
    }

    #[test]
    fn whole_numbers_may_be_written_with_a_point() {
        #[derive(Debug, Deserialize, PartialEq)]
        struct Numbers {
            #[serde(deserialize_with = "whole")]
            seq: i64,
            #[serde(default, deserialize_with = "whole_or_none")]
            uses: Option<i32>,
        }
        let read = |json: &str| parse::<Numbers>(json.as_bytes());
        assert_eq!(read(r#"{"seq":5.0,"uses":3e2}"#).unwrap(), Numbers { seq: 5, uses: Some(300) });
        let largest = Numbers { seq: i64::MAX, uses: None };
        assert_eq!(read(r#"{"seq":9223372036854775807,"uses":null}"#).unwrap(), largest);
        for bad in ["5.5", "1e300", "9223372036854775808", "\"5\"", "true", "null"] {
            let Err(ApiError::Invalid { errors, .. }) = read(&format!(r#"{{"seq":{bad}}}"#)) else {
                panic!("{bad}")
            };
            assert_eq!(errors[0].pointer, "/seq", "{bad}");
        }
        assert!(read(r#"{"seq":1,"uses":2147483648}"#).is_err());
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nested {
        #[serde(default)]
        #[expect(dead_code)]
        send: Option<crate::http::messages::SendMessage>,
        #[serde(default)]
        #[expect(dead_code)]
        read: Vec<crate::http::read_positions::MarkRead>,
    }

    proptest! {
        #[test]
        fn any_body_is_read_or_refused_with_a_code(body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..80),
            "[\\[\\]{}\",:a-z0-9.e+-]{0,40}".prop_map(String::into_bytes),
            any::<String>().prop_map(|text| format!(r#"{{"send":{{"body":{text:?}}}}}"#).into_bytes()),
            any::<f64>().prop_map(|seq| format!(r#"{{"read":[{{"seq":{seq:e}}}]}}"#).into_bytes()),
            (0..300_usize).prop_map(|depth| "[".repeat(depth).into_bytes()),
            (0..300_usize).prop_map(|depth| r#"{"send":"#.repeat(depth).into_bytes()),
        ]) {
            match parse::<Nested>(&body) {
                Ok(_) => prop_assert!(serde_json::from_slice::<serde_json::Value>(&body).unwrap().is_object()),
                Err(ApiError::Malformed(_)) => {
                    prop_assert!(serde_json::from_slice::<serde_json::Value>(&body).is_err(), "it is JSON");
                }
                Err(ApiError::Invalid { code, errors, .. }) => {
                    prop_assert_eq!((code, errors.len()), ("invalid", 1));
                    prop_assert!(errors[0].pointer.is_empty() || errors[0].pointer.starts_with('/'));
                }
                Err(other) => prop_assert!(false, "{:?}", other),
            }
        }

        #[test]
        fn any_query_is_read_within_its_limits_or_refused_by_name(query in prop_oneof![
            "[ -~&&[^ #\"<>`{}|\\\\^]]{0,40}",
            (
                prop::sample::select(vec!["limit", "before", "after", "around", "anchor", "nonsense"]),
                prop_oneof![any::<i64>().prop_map(|n| n.to_string()), "[0-9a-z_%.+-]{0,24}", Just("first_unread".to_owned())],
            ).prop_map(|(key, value)| format!("{key}={value}")),
        ]) {
            let Ok(uri) = format!("/?{query}").parse::<axum::http::Uri>() else { return Ok(()) };
            let (mut parts, ()) = axum::http::Request::builder().uri(uri).body(()).unwrap().into_parts();
            let read = ApiQuery::<crate::http::messages::MessagePage>::from_request_parts(&mut parts, &());
            let read = futures_util::FutureExt::now_or_never(read).unwrap();
            match read.and_then(|ApiQuery(page)| page.limit.get()) {
                Ok(limit) => prop_assert!((1..=crate::db::PAGE_MAX).contains(&limit)),
                Err(ApiError::Invalid { code, errors, .. }) => {
                    prop_assert!(code == "invalid" && !errors[0].pointer.is_empty());
                }
                Err(other) => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn json_is_utf_8() {
        let accepts = |value: &'static str| {
            is_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, value.parse().unwrap())]))
        };
        for good in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
            "application/json; x=1",
        ] {
            assert!(accepts(good), "{good}");
        }
        for bad in [
            "",
            "text/json",
            "application/json-patch+json",
            "application/json; charset=utf-16",
            "application/json; charset=utf-8; charset=latin1",
        ] {
            assert!(!accepts(bad), "{bad}");
        }
    }

    #[test]
    fn what_is_not_json_is_told_apart() {
        assert!(matches!(parse::<Body>(b"{"), Err(ApiError::Malformed(_))));
        assert!(matches!(parse::<Body>(br#"{"names":[]} x"#), Err(ApiError::Malformed(_))));
        assert!(matches!(parse::<Body>(br#"{"nmaes":[]}"#), Err(ApiError::Invalid { .. })));
        assert!(matches!(parse::<Body>(br#" [["a"]]"#), Err(ApiError::Invalid { .. })));
    }
}
