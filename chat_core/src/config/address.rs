//! Addresses in the configuration, brought to the one form that browsers send, or refused. An origin
//! in another form would match nothing, and nobody would be told.

use std::net::IpAddr;

use url::{Host, Url};

use super::ConfigError;

/// A URL that people or browsers use, without a slash at the end.
///
/// # Errors
/// One line: it is no http address, or has parts that no such address has.
pub fn public_url(key: &str, text: &str) -> Result<String, ConfigError> {
    let url = parse(key, text)?;
    Ok(format!("{}{}", url.origin().ascii_serialization(), url.path().trim_end_matches('/')))
}

/// A scheme, a host and a port, as in the header `Origin` (RFC 6454, section 6.2).
///
/// # Errors
/// One line: it is no such address, or has a path.
pub fn origin(key: &str, text: &str) -> Result<String, ConfigError> {
    if text.contains('*') || text == "null" {
        return Err(ConfigError(format!(
            "{key}: {text:?} would let in any page: name each origin, such as https://chat.example.com"
        )));
    }
    let url = parse(key, text)?;
    if url.path().trim_end_matches('/').is_empty() {
        Ok(url.origin().ascii_serialization())
    } else {
        Err(ConfigError(format!("{key}: {text:?} must be without a path, such as https://chat.example.com")))
    }
}

/// The origin of a URL that was checked.
pub fn origin_of(url: &str) -> String {
    Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.origin().ascii_serialization())
}

/// The origins of the same page by the other names of this machine, if the origin is of this
/// machine.
pub fn loopback_names(origin: &str) -> Vec<String> {
    let Ok(url) = Url::parse(origin) else { return Vec::new() };
    if !url.host().as_ref().is_some_and(is_loopback) {
        return Vec::new();
    }
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    ["localhost", "127.0.0.1", "[::1]"].map(|host| format!("{}://{host}{port}", url.scheme())).into()
}

/// Whether only this machine reaches a server that listens on `host`.
pub fn is_loopback_host(host: &str) -> bool {
    host.parse::<IpAddr>().map_or_else(|_| is_loopback(&Host::Domain(host)), |address| address.is_loopback())
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// An address to listen on: an IP address or a name, without brackets.
///
/// # Errors
/// One line: it has a port, or is a URL.
pub fn host(key: &str, text: &str) -> Result<String, ConfigError> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let is_name = !bare.is_empty() && !bare.contains([':', '/', ' ', '[', ']', '@', '*']);
    if bare.parse::<IpAddr>().is_ok() || is_name {
        return Ok(bare.to_owned());
    }
    Err(ConfigError(format!(
        "{key}: {text:?} is no address to listen on: expected one such as 127.0.0.1 or ::, without a port"
    )))
}

/// A name by which a server may be asked, with or without a port, as in the header `Host`.
///
/// # Errors
/// One line: it is more than a name and a port, or not one that a client could send.
pub fn allowed_host(key: &str, text: &str) -> Result<String, ConfigError> {
    let refused = || {
        ConfigError(format!(
            "{key}: {text:?} is no host: expected one such as chat.example.com, 10.0.0.1:6688 or [::1], without a scheme \
             or a path"
        ))
    };
    if let Ok(IpAddr::V6(address)) = text.parse() {
        return Ok(format!("[{address}]"));
    }
    // A colon within brackets belongs to the address.
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (text, None),
    };
    let port = port.map(str::parse::<u16>).transpose().map_err(|_| refused())?;
    let is_plain = !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '*');
    let host = Host::parse(name.strip_suffix('.').unwrap_or(name)).ok().filter(|_| is_plain);
    let host = host.ok_or_else(refused)?;
    Ok(port.map_or_else(|| host.to_string(), |port| format!("{host}:{port}")))
}

/// Where people write to, in one line of a text (RFC 9116, section 2.5.3).
///
/// # Errors
/// One line: it is no URL of the kinds that are meant.
pub fn contact(key: &str, text: &str) -> Result<(), ConfigError> {
    let is_kind = ["mailto:", "https://", "tel:"].iter().any(|scheme| text.starts_with(scheme));
    if is_kind && !text.contains(|c: char| c.is_whitespace() || c.is_control()) && Url::parse(text).is_ok() {
        return Ok(());
    }
    Err(ConfigError(format!("{key}: {text:?} must be a URL such as mailto:security@example.com")))
}

fn parse(key: &str, text: &str) -> Result<Url, ConfigError> {
    let refused = |why: &str| ConfigError(format!("{key}: {text:?} {why}, such as https://chat.example.com"));
    // The parser also mends what was not meant: backslashes, white space, a missing slash.
    let is_http = ["http://", "https://"]
        .iter()
        .any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    let is_plain = !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\');
    if !is_http || !is_plain {
        return Err(refused("must start with http:// or https://"));
    }
    let url = Url::parse(text).map_err(|_| refused("is no address"))?;
    let has_more = !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some();
    if has_more || text.contains('@') {
        return Err(refused("must be an address alone, without a user, a query or a fragment"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_brought_to_the_form_that_browsers_send() {
        for (given, sent) in [
            ("https://chat.example", "https://chat.example"),
            ("https://chat.example/", "https://chat.example"),
            ("https://Chat.Example", "https://chat.example"),
            ("HTTPS://chat.example", "https://chat.example"),
            ("https://chat.example:443", "https://chat.example"),
            ("http://chat.example:80/", "http://chat.example"),
            ("http://chat.example:443", "http://chat.example:443"),
            ("https://chat.example:8443", "https://chat.example:8443"),
            ("https://b\u{fc}cher.example", "https://xn--bcher-kva.example"),
            ("http://[2001:DB8:0::1]:80", "http://[2001:db8::1]"),
            ("http://127.1:7000", "http://127.0.0.1:7000"),
        ] {
            assert_eq!(origin("cors.origins", given).unwrap(), sent, "{given}");
        }
    }

    #[test]
    fn what_can_never_match_is_refused_in_one_line() {
        for given in [
            "*",
            "null",
            "https://*.example.com",
            "chat.example",
            "//chat.example",
            "ws://chat.example",
            "ftp://chat.example",
            "https://",
            "https:///",
            "https://chat.example/parlor",
            "https://chat.example?x",
            "https://chat.example#x",
            "https://ann@chat.example",
            "https://@chat.example",
            "https://chat.example:99999",
            "https://chat.example, https://b.example",
            " https://chat.example",
            "https:\\\\chat.example",
            "https://chat.example\n",
            "",
        ] {
            let refusal = origin("cors.origins", given).unwrap_err().to_string();
            assert!(
                refusal.starts_with("cors.origins: ") && refusal.lines().count() == 1,
                "{given}: {refusal}"
            );
        }
    }

    #[test]
    fn a_public_url_has_no_slash_at_its_end() {
        for (given, kept) in [
            ("https://Chat.Example:443/", "https://chat.example"),
            ("https://chat.example/notify/", "https://chat.example/notify"),
            ("https://chat.example/a/../notify", "https://chat.example/notify"),
        ] {
            assert_eq!(public_url("notify.public_url", given).unwrap(), kept);
        }
        assert!(public_url("notify.public_url", "https://chat.example?x").is_err());
    }

    #[test]
    fn a_contact_is_a_url_in_one_line() {
        for good in ["mailto:security@example.com", "https://example.com/report", "tel:+1-201-555-0123"] {
            assert!(contact("key", good).is_ok(), "{good}");
        }
        for bad in ["security@example.com", "http://example.com", "mailto:a@b\nExpires: never", ""] {
            assert!(contact("key", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_host_is_brought_to_the_form_that_clients_send() {
        for (given, sent) in [
            ("chat.example", "chat.example"),
            ("Chat.Example:443", "chat.example:443"),
            ("chat.example.", "chat.example"),
            ("b\u{fc}cher.example", "xn--bcher-kva.example"),
            ("b\u{fc}cher.example:7000", "xn--bcher-kva.example:7000"),
            ("10.0.0.1", "10.0.0.1"),
            ("10.0.0.1:7000", "10.0.0.1:7000"),
            ("::1", "[::1]"),
            ("[::1]", "[::1]"),
            ("2001:DB8:0::1", "[2001:db8::1]"),
            ("[2001:DB8:0::1]:7000", "[2001:db8::1]:7000"),
        ] {
            assert_eq!(allowed_host("server.allowed_hosts", given).unwrap(), sent, "{given}");
        }
        for given in [
            "",
            "*",
            "*.example",
            "https://chat.example",
            "chat.example/",
            "//chat.example",
            "ann@chat.example",
            "chat.example:",
            "chat.example:x",
            "chat.example:99999",
            ":7000",
            "[::1",
            "::1]:7000",
            "chat.example, b.example",
            "chat example",
        ] {
            let refusal = allowed_host("server.allowed_hosts", given).unwrap_err().to_string();
            assert!(
                refusal.starts_with("server.allowed_hosts: ") && refusal.lines().count() == 1,
                "{given}: {refusal}"
            );
        }
    }

    #[test]
    fn this_machine_has_three_names() {
        let names = loopback_names("http://localhost:6688");
        assert_eq!(names, ["http://localhost:6688", "http://127.0.0.1:6688", "http://[::1]:6688"]);
        assert_eq!(loopback_names("http://127.0.0.1:6688"), names);
        for other in ["https://localhost.example", "https://chat.example", "http://10.0.0.1"] {
            assert!(loopback_names(other).is_empty(), "{other}");
        }
        for (host, is_loopback) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("localhost", true),
            ("0.0.0.0", false),
            ("::", false),
            ("a", false),
        ] {
            assert_eq!(is_loopback_host(host), is_loopback, "{host}");
        }
    }

    #[test]
    fn an_address_to_listen_on_has_no_port() {
        for (given, kept) in
            [("127.0.0.1", "127.0.0.1"), ("[::1]", "::1"), ("::", "::"), ("localhost", "localhost")]
        {
            assert_eq!(host("server.host", given).unwrap(), kept);
        }
        for given in ["", "*", "0.0.0.0:6688", "[::1]:6688", "http://localhost", "a b"] {
            assert!(host("server.host", given).is_err(), "{given}");
        }
    }
}
