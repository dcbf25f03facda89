//! The client embedded in the program, with the feature `embed-web`.

use axum::response::Response;

use crate::etag::IfNoneMatch;

#[cfg(not(feature = "embed-web"))]
pub fn file(_path: &str, _known: &IfNoneMatch) -> Option<Response> {
    None
}

#[cfg(feature = "embed-web")]
pub fn file(path: &str, known: &IfNoneMatch) -> Option<Response> {
    #[derive(rust_embed::RustEmbed)]
    #[folder = "../web/dist/"]
    struct Files;

    let file = Files::get(path)?;
    answer(known, &file.metadata.sha256_hash(), file.metadata.mimetype(), file.data)
}

/// The file, or that the client has it.
#[cfg(any(test, feature = "embed-web"))]
fn answer(
    known: &IfNoneMatch,
    hash: &[u8; 32],
    kind: &str,
    data: std::borrow::Cow<'static, [u8]>,
) -> Option<Response> {
    use axum::{
        http::{HeaderValue, StatusCode, header},
        response::IntoResponse as _,
    };

    let digest = u64::from_be_bytes(*hash.first_chunk()?);
    // Weak, because compression changes the bytes.
    let tag = HeaderValue::from_str(&format!("W/\"{digest:016x}\"")).ok()?;
    if known.includes(&tag) {
        return Some((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let kind = HeaderValue::from_str(kind).ok()?;
    Some(([(header::CONTENT_TYPE, kind), (header::ETAG, tag)], data).into_response())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::*;

    #[test]
    fn who_has_the_file_is_told_so_however_they_ask() {
        let status = |lines: &[&'static str]| {
            let headers: HeaderMap =
                lines.iter().map(|line| (header::IF_NONE_MATCH, HeaderValue::from_static(line))).collect();
            let data = b"text".as_slice().into();
            answer(&IfNoneMatch::of(&headers), &[7; 32], "text/plain", data).unwrap().status().as_u16()
        };
        for known in [
            &["W/\"0707070707070707\""][..],
            &["\"0707070707070707\""],
            &["*"],
            &["\"x\", W/\"0707070707070707\""],
            &["\"x\"", "W/\"0707070707070707\""],
        ] {
            assert_eq!(status(known), 304, "{known:?}");
        }
        for other in [&[][..], &["\"x\""], &["0707070707070707"]] {
            assert_eq!(status(other), 200, "{other:?}");
        }
    }
}
