//! The request id: the client's own or a new UUID. It comes back in the response's headers, in
//! problems, and in the log.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
};

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Room for a UUID and for the trace ids of other systems.
const LENGTH_MAX: usize = 64;

/// Removes a request id that is not one short plain word, so that the server makes its own.
pub fn drop_unless_plain(mut request: Request) -> Request {
    let mut given = request.headers().get_all(&REQUEST_ID).iter();
    let is_plain = given.next().is_none_or(is_plain) && given.next().is_none();
    if !is_plain {
        request.headers_mut().remove(&REQUEST_ID);
    }
    request
}

fn is_plain(id: &HeaderValue) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    (1..=LENGTH_MAX).contains(&id.len()) && id.as_bytes().iter().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(values: &[&str]) -> bool {
        let mut request = Request::default();
        for value in values {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            request.headers_mut().append(REQUEST_ID, value);
        }
        drop_unless_plain(request).headers().contains_key(REQUEST_ID)
    }

    #[test]
    fn short_plain_words_are_kept_and_all_else_is_dropped() {
        assert!(kept(&["mine-1"]) && kept(&["0193b1c0-0000-7000-8000-000000000e01"]) && kept(&["a.b_C"]));
        assert!(kept(&[&"x".repeat(64)]) && !kept(&[&"x".repeat(65)]));
        for bad in ["", " ", "two words", "a\"b", "<script>", "a=b", "a;b", "a/b", "\u{e4}"] {
            assert!(!kept(&[bad]), "{bad}");
        }
        assert!(!kept(&["mine", "mine"]), "twice");
    }
}
