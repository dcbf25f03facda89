//! The cookies of browsers: the refresh token, and which account was signed in to on the device. No
//! script can read them, and no other site makes a browser send them.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use chat_core::AccountId;

use crate::{error::ApiError, instance::CookieNames, state::AppState};

/// How long a device stays known.
const DEVICE_DAYS: i64 = 400;

/// The cookies that a request carries.
#[derive(Debug, Default)]
pub struct BrowserCookies {
    /// None if there is none, and if there are several: one of them was set by another site, such
    /// as a sibling subdomain, and would swap the session.
    pub refresh_token: Option<String>,
    /// The account that was last signed in to on this device.
    pub device: Option<AccountId>,
}

impl FromRequestParts<AppState> for BrowserCookies {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let names = &state.instance.cookies;
        Ok(Self {
            refresh_token: only(&parts.headers, &names.refresh),
            device: only(&parts.headers, &names.device).and_then(|sealed| state.instance.unseal(&sealed)),
        })
    }
}

/// The value of a cookie, unless the request has several values of it.
fn only(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let cookies = lines.flat_map(|line| Cookie::split_parse(line.to_owned())).filter_map(Result::ok);
    let mut values = cookies.filter(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned());
    let first = values.next()?;
    values.all(|other| other == first).then_some(first)
}

/// Cookies to set.
pub fn set_refresh_token(state: &AppState, jar: CookieJar, token: String, ttl_seconds: i64) -> CookieJar {
    let names = &state.instance.cookies;
    jar.add(cookie(names, &names.refresh, token, time::Duration::seconds(ttl_seconds)))
}

pub fn forget_refresh_token(state: &AppState, jar: CookieJar) -> CookieJar {
    let names = &state.instance.cookies;
    jar.add(cookie(names, &names.refresh, String::new(), time::Duration::ZERO))
}

pub fn set_device(state: &AppState, jar: CookieJar, account: AccountId) -> CookieJar {
    let names = &state.instance.cookies;
    jar.add(cookie(names, &names.device, state.instance.seal(account), time::Duration::days(DEVICE_DAYS)))
}

fn cookie(names: &CookieNames, name: &str, value: String, age: time::Duration) -> Cookie<'static> {
    Cookie::build((name.to_owned(), value))
        // `__Host-` cookies are for the whole host.
        .path(if names.is_secure { "/" } else { "/api" })
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(names.is_secure)
        .max_age(age)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_values_none_is_taken() {
        let headers = |lines: &[&'static str]| {
            lines.iter().map(|line| (header::COOKIE, line.parse().unwrap())).collect::<HeaderMap>()
        };
        assert_eq!(only(&headers(&["a=1; t=x; b=2"]), "t").as_deref(), Some("x"));
        assert_eq!(only(&headers(&["t=x; t=x"]), "t").as_deref(), Some("x"));
        assert_eq!(only(&headers(&["t=x; t=y"]), "t"), None);
        assert_eq!(only(&headers(&["t=x", "t=y"]), "t"), None);
        assert_eq!(only(&headers(&["other=x; T=x"]), "t"), None);
    }
}
