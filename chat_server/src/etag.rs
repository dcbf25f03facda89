//! Entity tags (RFC 9110, section 13). A client sends the tag of the response that it has. While
//! that response is still current, it gets 304 without a body.

use std::convert::Infallible;

use anyhow::Context as _;
use axum::{
    body::{Body, Bytes},
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::Response,
};
use chat_core::token::base64url;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::error::Result;

/// For one user. A client may store it and must revalidate it each time.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");
/// The same for all users.
const PUBLIC: HeaderValue = HeaderValue::from_static("public, no-cache");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Bytes of the hash in the tag: enough that no two responses share one.
const TAG_BYTES: usize = 16;

/// A JSON body with its tag. Clones share the bytes.
#[derive(Clone, Debug)]
pub struct WithEtag {
    body: Bytes,
    /// A hash of the body alone, so that all nodes give the same. Weak, because compression changes
    /// the bytes.
    tag: HeaderValue,
}

impl WithEtag {
    /// # Errors
    /// The value cannot be written as JSON.
    pub fn new<T: Serialize>(value: &T) -> Result<Self> {
        let body = serde_json::to_vec(value).context("a response cannot be written as JSON")?;
        let hash = Sha256::digest(&body);
        let tag = format!("W/\"{}\"", base64url(&hash[..TAG_BYTES]));
        let tag = HeaderValue::try_from(tag).context("an entity tag is not a valid header")?;
        Ok(Self { body: body.into(), tag })
    }

    /// The response for one user.
    pub fn answer(&self, known: &IfNoneMatch) -> Response {
        let mut response = self.answer_with(known, PRIVATE);
        // A cache must not give it to another user.
        response.headers_mut().insert(header::VARY, header::AUTHORIZATION.into());
        response
    }

    /// The response for any caller.
    pub fn answer_publicly(&self, known: &IfNoneMatch) -> Response {
        self.answer_with(known, PUBLIC)
    }

    fn answer_with(&self, known: &IfNoneMatch, cache_control: HeaderValue) -> Response {
        let has_it = known.includes(&self.tag);
        let mut response = Response::new(if has_it { Body::empty() } else { Body::from(self.body.clone()) });
        if has_it {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = response.headers_mut();
        if !has_it {
            headers.insert(header::CONTENT_TYPE, JSON);
        }
        headers.insert(header::ETAG, self.tag.clone());
        headers.insert(header::CACHE_CONTROL, cache_control);
        response
    }
}

/// The tags of the responses that the client has.
#[derive(Debug, Default)]
pub struct IfNoneMatch(Vec<HeaderValue>);

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

impl IfNoneMatch {
    pub fn of(headers: &HeaderMap) -> Self {
        Self(headers.get_all(header::IF_NONE_MATCH).iter().cloned().collect())
    }

    /// The weak comparison. A list that cannot be parsed includes nothing.
    pub fn includes(&self, tag: &HeaderValue) -> bool {
        // Our own tags have no comma in them.
        self.0.iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).any(|given| {
            let given = given.trim_ascii();
            given == b"*" || opaque(given) == opaque(tag.as_bytes())
        })
    }
}

fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(values: &[&str]) -> IfNoneMatch {
        IfNoneMatch(values.iter().map(|value| HeaderValue::from_str(value).unwrap()).collect())
    }

    #[test]
    fn a_client_that_has_the_response_gets_no_body() {
        let list = WithEtag::new(&[1, 2]).unwrap();
        let tag = list.tag.to_str().unwrap();
        let strong = tag.strip_prefix("W/").unwrap();
        for having in [
            has(&[tag]),
            has(&[strong]),
            has(&["\"x\"", tag]),
            has(&[&format!("W/\"y\" , {tag}")]),
            has(&["*"]),
        ] {
            let answer = list.answer(&having);
            assert_eq!(answer.status(), StatusCode::NOT_MODIFIED, "{having:?}");
            assert_eq!(answer.headers()[header::ETAG], tag);
            assert!(!answer.headers().contains_key(header::CONTENT_TYPE));
        }
        let other = WithEtag::new(&[1, 2, 3]).unwrap();
        for having in [has(&[]), has(&[""]), has(&[other.tag.to_str().unwrap()]), has(&["W/\"", "\"\""])] {
            assert_eq!(list.answer(&having).status(), StatusCode::OK, "{having:?}");
        }
    }

    #[test]
    fn a_private_answer_says_that_it_is_one() {
        let list = WithEtag::new(&[1]).unwrap();
        for having in [has(&[]), has(&["*"])] {
            let answer = list.answer(&having);
            assert_eq!(answer.headers()[header::CACHE_CONTROL], "private, no-cache");
            assert_eq!(answer.headers()[header::VARY], "authorization");
            assert_eq!(list.answer_publicly(&having).headers()[header::CACHE_CONTROL], "public, no-cache");
        }
    }
}
