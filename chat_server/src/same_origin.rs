//! Requests whose proof is a cookie: browsers add it to whatever a page asks for, so the page must be
//! one of ours. `SameSite` alone lets pages of sibling domains pass.

use axum::http::{HeaderMap, HeaderName, header};
use chat_core::config::Config;

use crate::error::{ApiError, Result};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// # Errors
/// 403 if a page of another origin causes the request. Programs other than browsers send neither
/// header and pass.
pub fn require(headers: &HeaderMap, config: &Config) -> Result<()> {
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let is_ours = match text(&header::ORIGIN) {
        Some(origin) => config.web_origins().iter().any(|own| own == origin) || is_of_host(origin, headers),
        None => text(&SEC_FETCH_SITE).is_none_or(|site| matches!(site, "same-origin" | "none")),
    };
    if is_ours {
        return Ok(());
    }
    Err(ApiError::Forbidden {
        code: "foreign_origin",
        detail: "a page of another origin may not use the cookie: add it to cors.origins",
    })
}

/// Whether a page comes from the very server that it asks: under an address that is not configured,
/// such as that of the machine in a local network.
fn is_of_host(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    host.is_some() && host == authority
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_other_origins_may_not_use_the_cookie() {
        let mut config = Config::default();
        config.cors.origins = vec!["https://app.example".into()];
        let may = |headers: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            map.insert(header::HOST, "192.168.1.5:6688".parse().unwrap());
            for (name, value) in headers {
                map.insert(*name, value.parse().unwrap());
            }
            require(&map, &config).is_ok()
        };
        for headers in [
            &[][..],
            &[("origin", "http://localhost:6688")],
            &[("origin", "https://app.example"), ("sec-fetch-site", "cross-site")],
            &[("origin", "http://192.168.1.5:6688")],
            &[("sec-fetch-site", "same-origin")],
        ] {
            assert!(may(headers), "{headers:?}");
        }
        for headers in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "null")],
            &[("origin", "http://localhost:6689")],
            &[("origin", "http://192.168.1.5")],
            &[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
        ] {
            assert!(!may(headers), "{headers:?}");
        }
    }
}
