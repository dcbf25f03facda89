//! Which variables of the environment set keys. The prefix is not Parlor's alone: Kubernetes and
//! Docker describe a Service called `parlor` in variables that begin alike.

use super::ConfigError;

/// `PARLOR_SERVER__PORT=7000` sets `server.port`.
const PREFIX: &str = "PARLOR_";
const DATABASE_URL: &str = "DATABASE_URL";

/// A variable that sets a key.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    pub section: String,
    pub key: String,
}

/// Whether a variable is of libpq, whose defaults sqlx takes for its own.
pub fn is_of_libpq(name: &str) -> bool {
    name.starts_with("PG")
}

/// Whether a variable may be meant for Parlor.
pub fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX) || name == DATABASE_URL
}

/// The key that a variable sets; `None` if it describes a Service or is empty where that means
/// nothing.
///
/// # Errors
/// The variable is no key and describes no Service: it may be a key with a slip.
pub fn read(name: &str, value: &str) -> Result<Option<Setting>, ConfigError> {
    if name == DATABASE_URL {
        let setting = Setting { section: "database".into(), key: "url".into() };
        return Ok((!value.is_empty()).then_some(setting));
    }
    let rest = name.strip_prefix(PREFIX).unwrap_or(name);
    if describes_service(rest, value) {
        return Ok(None);
    }
    let path = rest.to_lowercase();
    let (section, key) = path
        .split_once("__")
        .ok_or_else(|| ConfigError(format!("{name}: a variable for a key is spelled PARLOR_SECTION__KEY")))?;
    Ok(Some(Setting { section: section.to_owned(), key: key.to_owned() }))
}

/// Whether Kubernetes or Docker made the variable. For a Service `parlor` these are
/// `PARLOR_SERVICE_HOST`, `PARLOR_SERVICE_PORT`, `PARLOR_SERVICE_PORT_HTTP`, `PARLOR_PORT` with a URL
/// as its value, and `PARLOR_PORT_6688_TCP`, also with `_PROTO`, `_PORT` and `_ADDR`. Docker's links
/// add `PARLOR_NAME`, the path of a container, and `PARLOR_ENV_…`. The Service may be called
/// `parlor-chat`, so words may come before. No key of Parlor looks like one of these.
fn describes_service(rest: &str, value: &str) -> bool {
    // With a `_` in front, the first word is found like the others.
    let rest = format!("_{rest}");
    let is_url = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    rest.ends_with("_SERVICE_HOST")
        || rest.ends_with("_SERVICE_PORT")
        || rest.contains("_SERVICE_PORT_")
        || (rest.ends_with("_PORT") && is_url)
        || (rest.ends_with("_NAME") && value.starts_with('/'))
        || rest.contains("_ENV_")
        || has_numbered_port(&rest)
}

/// `_PORT_6688_TCP`, alone or followed by more.
fn has_numbered_port(rest: &str) -> bool {
    rest.split("_PORT_").skip(1).any(|after| {
        let (port, protocol) = after.split_once('_').unwrap_or((after, ""));
        let is_protocol = ["TCP", "UDP", "SCTP"].iter().any(|name| {
            protocol.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        });
        port.parse::<u16>().is_ok() && is_protocol
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_services_and_links_are_passed_over() {
        for (name, value) in [
            ("PARLOR_SERVICE_HOST", "10.0.0.1"),
            ("PARLOR_SERVICE_PORT", "6688"),
            ("PARLOR_SERVICE_PORT_HTTP", "6688"),
            ("PARLOR_SERVICE_PORT_EVENTS_TLS", "6687"),
            ("PARLOR_PORT", "tcp://10.0.0.1:6688"),
            ("PARLOR_PORT", "udp://10.0.0.1:6688"),
            ("PARLOR_PORT_6688_TCP", "tcp://10.0.0.1:6688"),
            ("PARLOR_PORT_6688_TCP_PROTO", "tcp"),
            ("PARLOR_PORT_6688_TCP_PORT", "6688"),
            ("PARLOR_PORT_6688_TCP_ADDR", "10.0.0.1"),
            ("PARLOR_PORT_6688_SCTP_ADDR", "10.0.0.1"),
            ("PARLOR_PORT_6600_TCP_PORT_END", "6699"),
            ("PARLOR_SERVER_SERVICE_HOST", "10.0.0.1"),
            ("PARLOR_SERVER_PORT", "tcp://10.0.0.1:6688"),
            ("PARLOR_SERVER_PORT_6688_TCP_ADDR", "10.0.0.1"),
            ("PARLOR_SERVER__PORT_SERVICE_HOST", "10.0.0.1"),
            ("PARLOR_DATABASE_SERVICE_PORT_PSQL", "5432"),
            ("PARLOR_NAME", "/web/parlor"),
            ("PARLOR_ENV_PATH", "/bin"),
            ("DATABASE_URL", ""),
        ] {
            assert_eq!(read(name, value).unwrap(), None, "{name}={value}");
        }
    }

    #[test]
    fn a_key_with_a_slip_is_no_service() {
        for (name, value) in [
            ("PARLOR_SERVER_PORT", "7000"),
            ("PARLOR_PORT", "7000"),
            ("PARLOR_PORT_HTTP", "7000"),
            ("PARLOR_PORT_x_TCP", "7000"),
            ("PARLOR_PORT_99999_TCP", "7000"),
            ("PARLOR_DATABASE_URL", "postgres://x"),
            ("PARLOR_NAME", "parlor"),
            ("PARLOR_SERVICE", "x"),
            ("PARLOR_", ""),
        ] {
            assert!(read(name, value).is_err(), "{name}={value}");
        }
    }
}
