//! Checks Host, Expect and conditional headers as RFC 9110 and 9112 require. hyper checks the syntax.

use std::{str::FromStr as _, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Version, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use crate::problem::Problem;

/// Names by which a server may be asked; any if there are none.
#[derive(Clone, Debug, Default)]
pub struct AllowedHosts(Arc<[String]>);

impl AllowedHosts {
    /// Names in lower case, with or without a port.
    pub fn new(names: &[String]) -> Self {
        Self(names.into())
    }

    fn include(&self, host: &Authority) -> bool {
        let is = |name: &String| {
            name.eq_ignore_ascii_case(host.as_str()) || name.eq_ignore_ascii_case(host.host())
        };
        self.0.is_empty() || self.0.iter().any(is)
    }
}

/// Refuses a request that must not be served.
pub async fn check(State(allowed): State<AllowedHosts>, request: Request, next: Next) -> Response {
    match refuse(&allowed, &request) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

fn refuse(allowed: &AllowedHosts, request: &Request) -> Option<Problem> {
    let headers = request.headers();
    let host = match host(headers, request.version()) {
        Ok(host) => host,
        Err(detail) => return Some(Problem::new(StatusCode::BAD_REQUEST, "bad_host", detail)),
    };
    // Probes ask by the address of the machine.
    let is_probe = request.uri().path().starts_with("/health/");
    // In the absolute form the request line names the host (RFC 9112, section 3.2.2).
    let asked = request.uri().authority().or(host.as_ref());
    if !is_probe && !allowed.0.is_empty() && !asked.is_some_and(|host| allowed.include(host)) {
        let detail = "this server does not answer for that host";
        return Some(Problem::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", detail));
    }
    let expects = headers.get_all(header::EXPECT).iter();
    let is_unknown =
        |value: &axum::http::HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    if request.version() >= Version::HTTP_11 && expects.into_iter().any(is_unknown) {
        let detail = "the only expectation that can be met is 100-continue";
        return Some(Problem::new(StatusCode::EXPECTATION_FAILED, "expectation_failed", detail));
    }
    // Our tags are weak, and If-Match compares strongly: only `*` matches (RFC 9110, section 13.1.1).
    let mut conditions = headers.get_all(header::IF_MATCH).iter();
    if conditions.any(|value| value.as_bytes().trim_ascii() != b"*") {
        let detail = "nothing here has a tag that If-Match could name";
        return Some(Problem::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", detail));
    }
    None
}

/// The host in the headers, which a request of HTTP/1.1 names once (RFC 9112, section 3.2).
fn host(headers: &HeaderMap, version: Version) -> Result<Option<Authority>, &'static str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let Some(host) = hosts.next() else {
        return if version >= Version::HTTP_11 { Err("the header Host is missing") } else { Ok(None) };
    };
    if hosts.next().is_some() {
        return Err("the header Host is there twice");
    }
    let authority = host.to_str().ok().filter(|host| !host.contains('@'));
    let authority = authority.and_then(|host| Authority::from_str(host).ok());
    // The parser takes anything for a port.
    let has_port = |host: &Authority| host.as_str().len() == host.host().len() || host.port_u16().is_some();
    let authority = authority.filter(|authority| !authority.host().is_empty() && has_port(authority));
    authority.map(Some).ok_or("the header Host is no host")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn refused(allowed: &[&str], uri: &str, hosts: &[&str]) -> Option<&'static str> {
        let allowed = AllowedHosts::new(&allowed.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        refuse(&allowed, &request.body(Body::empty()).unwrap()).map(|problem| problem.code)
    }

    #[test]
    fn a_server_answers_for_the_hosts_that_it_knows() {
        let known = ["chat.example", "10.0.0.1:7000"];
        for host in ["chat.example", "Chat.Example:443", "10.0.0.1:7000"] {
            assert_eq!(refused(&known, "/", &[host]), None, "{host}");
        }
        for host in ["evil.example", "chat.example.evil.example", "10.0.0.1", "10.0.0.1:7001"] {
            assert_eq!(refused(&known, "/", &[host]), Some("misdirected"), "{host}");
            assert_eq!(refused(&known, "/health/live", &[host]), None, "{host}");
            assert_eq!(refused(&[], "/", &[host]), None, "{host}");
        }
        assert_eq!(refused(&known, "http://evil.example/", &["chat.example"]), Some("misdirected"));
        assert_eq!(refused(&known, "http://chat.example/", &["evil.example"]), None);
    }

    #[test]
    fn a_request_names_one_host() {
        for hosts in
            [&[][..], &["a", "a"], &["a", "b"], &[""], &["a b"], &["u@a"], &["a/b"], &["a:x"], &[":80"]]
        {
            assert_eq!(refused(&[], "/", hosts), Some("bad_host"), "{hosts:?}");
        }
        for host in ["a", "a:80", "127.0.0.1:6688", "[::1]:6688", "xn--bcher-kva.example"] {
            assert_eq!(refused(&[], "/", &[host]), None, "{host}");
        }
    }
}
