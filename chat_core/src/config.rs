//! Configuration: one file of YAML sections for the launcher and both servers, then the environment on top. Every key
//! has a default; an unknown key is an error that names it. The environment is read here and nowhere else.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The file that is read when none is named and it exists.
pub const DEFAULT_FILE: &str = "app.yml";
/// `PARLOR_SERVER__PORT=7000` sets `server.port`.
const ENV_PREFIX: &str = "PARLOR_";
/// Most characters of an error: a mistake may stand anywhere in a long value.
const LINE_MAX: usize = 500;

/// Everything that can be configured. app.yml.example explains each key.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub server: ServerConfig,
    pub notify: NotifyConfig,
    pub database: DatabaseConfig,
    pub auth: AuthConfig,
    pub limits: LimitsConfig,
    pub event_log: EventLogConfig,
    pub cors: CorsConfig,
    pub log: LogConfig,
}

/// chat_server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    pub host: String,
    /// 0: any free port.
    pub port: u16,
    /// As people reach it; no slash at the end. With https, cookies are sent over https alone. Left as it is, it
    /// follows `port`.
    pub public_url: String,
    /// Proxies in front that each add an address to X-Forwarded-For. 0: the header is not believed.
    pub trusted_proxies: usize,
    pub drain_seconds: u64,
    /// Folder with the built web client. Where it is missing, there is a page that says so.
    pub web_dir: PathBuf,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            host: "0.0.0.0".into(),
            port: 6688,
            public_url: "http://localhost:6688".into(),
            trusted_proxies: 0,
            drain_seconds: 5,
            web_dir: "web/dist".into(),
        }
    }
}

/// notify_server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyConfig {
    pub host: String,
    /// 0: any free port.
    pub port: u16,
    /// As browsers reach it; no slash at the end. Left as it is, it follows `port`.
    pub public_url: String,
    /// Streams that one process holds; further ones are asked to come back.
    pub max_streams: usize,
    /// Streams of one user.
    pub max_streams_per_user: usize,
    pub heartbeat_seconds: u64,
    /// A stream is closed after this time, less up to a fifth of it at random; the client comes back by itself.
    pub max_stream_age_seconds: u64,
    /// A client that takes nothing for this long is disconnected.
    pub slow_client_seconds: u64,
    /// Over how long streams are closed when the process stops.
    pub drain_seconds: u64,
    /// Events kept in memory for each of the 16 shards.
    pub ring_events: usize,
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self {
            host: "0.0.0.0".into(),
            port: 6687,
            public_url: "http://localhost:6687".into(),
            max_streams: 20_000,
            max_streams_per_user: 50,
            heartbeat_seconds: 25,
            max_stream_age_seconds: 900,
            slow_client_seconds: 30,
            drain_seconds: 5,
            ring_events: 4096,
        }
    }
}

/// Where Postgres is, or how the private one is run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// None: the launcher runs a private Postgres; the servers alone refuse to start.
    pub url: Option<Secret>,
    pub max_connections: u32,
    /// Folder for the private cluster and, in `auth.key_file`'s default, the signing key.
    pub data_dir: PathBuf,
    /// Folder with `initdb` and `postgres` for the private cluster.
    pub bin_dir: Option<PathBuf>,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { url: None, max_connections: 20, data_dir: "data".into(), bin_dir: None }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// Private key that signs tokens; made on first run. None: `signing_key.pem` in `database.data_dir`.
    pub key_file: Option<PathBuf>,
    pub access_token_seconds: u64,
    /// A session unused for this long is over.
    pub refresh_token_seconds: u64,
    /// Whether anyone who reaches the server may make a workspace of their own.
    pub open_signup: bool,
    /// Passwords hashed at once; each takes 19 MiB and a core for some 20 ms.
    pub hashing_parallelism: usize,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            key_file: None,
            access_token_seconds: 900,
            refresh_token_seconds: 30 * 24 * 3600,
            open_signup: true,
            hashing_parallelism: 2,
        }
    }
}

/// Rates: so many at once, then so many a minute.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Sign-ups, sign-ins and look-ups of invitations from one address; refreshes twenty times as many.
    pub signin_per_minute: u32,
    /// Messages by one user.
    pub send_per_minute: u32,
    /// All other requests by one user.
    pub requests_per_minute: u32,
    /// Messages that wait to be stored; further ones are answered 503.
    pub waiting_sends: usize,
    /// How long a message waits at most; later it is answered 503.
    pub send_wait_seconds: u64,
    /// Connections that chat_server holds open.
    pub max_connections: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            signin_per_minute: 30,
            send_per_minute: 600,
            requests_per_minute: 3000,
            waiting_sends: 4096,
            send_wait_seconds: 5,
            max_connections: 10_000,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventLogConfig {
    /// Clients that were away for longer take a new snapshot.
    pub retention_days: u32,
}

impl Default for EventLogConfig {
    fn default() -> Self {
        Self { retention_days: 7 }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorsConfig {
    /// Origins of web pages that may call the servers, besides `server.public_url`.
    pub origins: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// As in RUST_LOG: `info`, or `warn,chat_server=debug`.
    pub level: String,
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Pretty }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Pretty,
    Json,
}

/// A value that no log shows, such as a URL with a password.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(SecretString);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// The configuration cannot be used. One line that says what to change.
#[derive(Debug, thiserror::Error)]
#[error("{}", one_line(_0))]
pub struct ConfigError(String);

/// What the YAML reader says has several lines, with a picture of the place; and it repeats what was written.
fn one_line(text: &str) -> String {
    let line =
        text.split(char::is_control).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>();
    let line = line.join(" ");
    if line.chars().count() <= LINE_MAX { line } else { line.chars().take(LINE_MAX).chain(['…']).collect() }
}

impl Config {
    /// Reads `file`, or app.yml in the current folder if there is one, then the environment: `PARLOR_SECTION__KEY`,
    /// and `DATABASE_URL` for `database.url`.
    ///
    /// # Errors
    /// The file cannot be read, or a key in it or in the environment is unknown or has a wrong value.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        let text = if file.is_some() || path.exists() { read(path)? } else { String::new() };
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        let environment = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .filter(|(k, _)| k.starts_with(ENV_PREFIX) || k == "DATABASE_URL")
            .collect();
        Self::parse(&path.display().to_string(), &text, environment)
    }

    /// `environment` holds the variables that count, by name.
    fn parse(name: &str, text: &str, environment: BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let mut root = if text.lines().all(|l| l.trim().is_empty() || l.trim_start().starts_with('#')) {
            Value::Object(Map::new())
        } else {
            serde_saphyr::from_str::<Value>(text)
                .map_err(|e| ConfigError(format!("{name}: not readable as YAML: {e}")))?
        };
        // A section of which every line is a comment reads as null: the same as left out.
        if let Value::Object(sections) = &mut root {
            sections.retain(|_, section| !section.is_null());
        }
        check(&root, name)?;
        for (variable, value) in environment {
            let path = if variable == "DATABASE_URL" {
                if value.is_empty() {
                    continue;
                }
                "database__url".into()
            } else {
                variable.trim_start_matches(ENV_PREFIX).to_lowercase()
            };
            let Some((section, key)) = path.split_once("__") else {
                return Err(ConfigError(format!(
                    "{variable}: a variable for a key is spelled PARLOR_SECTION__KEY"
                )));
            };
            // Text first: a password of digits stays text. What a key refuses as text is read as YAML.
            let parsed = serde_saphyr::from_str::<Value>(&value).unwrap_or(Value::Null);
            let attempts = [parsed, Value::String(value)].map(|candidate| {
                let mut attempt = root.clone();
                let sections =
                    attempt.as_object_mut().ok_or_else(|| ConfigError(format!("{name}: not sections")))?;
                let section = sections.entry(section).or_insert_with(|| Value::Object(Map::new()));
                if let Some(section) = section.as_object_mut() {
                    section.insert(key.to_owned(), candidate);
                }
                check(&attempt, &variable).map(|_| attempt)
            });
            let [as_yaml, as_text] = attempts;
            root = as_text.or(as_yaml)?;
        }
        let config = check(&root, name)?;
        config.validate()
    }

    fn validate(mut self) -> Result<Self, ConfigError> {
        let follow = |public_url: &mut String, default: &str, port: u16| {
            if public_url == default && port != 0 {
                *public_url = format!("http://localhost:{port}");
            }
        };
        follow(&mut self.server.public_url, &ServerConfig::default().public_url, self.server.port);
        follow(&mut self.notify.public_url, &NotifyConfig::default().public_url, self.notify.port);
        let at_least_one = [
            ("database.max_connections", u64::from(self.database.max_connections)),
            ("notify.heartbeat_seconds", self.notify.heartbeat_seconds),
            ("notify.max_stream_age_seconds", self.notify.max_stream_age_seconds),
            ("notify.slow_client_seconds", self.notify.slow_client_seconds),
            ("notify.ring_events", self.notify.ring_events as u64),
            ("auth.access_token_seconds", self.auth.access_token_seconds),
            ("auth.refresh_token_seconds", self.auth.refresh_token_seconds),
            ("auth.hashing_parallelism", self.auth.hashing_parallelism as u64),
            ("limits.signin_per_minute", u64::from(self.limits.signin_per_minute)),
            ("limits.send_per_minute", u64::from(self.limits.send_per_minute)),
            ("limits.requests_per_minute", u64::from(self.limits.requests_per_minute)),
            ("limits.waiting_sends", self.limits.waiting_sends as u64),
            ("limits.send_wait_seconds", self.limits.send_wait_seconds),
            ("limits.max_connections", self.limits.max_connections as u64),
            ("event_log.retention_days", u64::from(self.event_log.retention_days)),
        ];
        // The upper ones keep sums of times within their types; a token that cannot be taken back is short-lived.
        let at_most = [
            ("auth.access_token_seconds", self.auth.access_token_seconds, 3600),
            ("auth.refresh_token_seconds", self.auth.refresh_token_seconds, 10 * 365 * 24 * 3600),
            ("notify.heartbeat_seconds", self.notify.heartbeat_seconds, 3600),
            ("notify.max_stream_age_seconds", self.notify.max_stream_age_seconds, 24 * 3600),
            ("notify.slow_client_seconds", self.notify.slow_client_seconds, 3600),
            ("notify.drain_seconds", self.notify.drain_seconds, 3600),
            ("server.drain_seconds", self.server.drain_seconds, 3600),
            // A request has 30 seconds.
            ("limits.send_wait_seconds", self.limits.send_wait_seconds, 25),
            ("event_log.retention_days", u64::from(self.event_log.retention_days), 3650),
        ];
        if let Some((key, _, most)) = at_most.iter().find(|(_, value, most)| value > most) {
            return Err(ConfigError(format!("{key}: must be at most {most}")));
        }
        if let Some((key, _)) = at_least_one.iter().find(|(_, value)| *value == 0) {
            return Err(ConfigError(format!("{key}: must be at least 1")));
        }
        for (key, url) in
            [("server.public_url", &self.server.public_url), ("notify.public_url", &self.notify.public_url)]
        {
            if !(url.starts_with("http://") || url.starts_with("https://")) || url.ends_with('/') {
                return Err(ConfigError(format!(
                    "{key}: must start with http:// or https:// and have no slash at the end"
                )));
            }
        }
        Ok(self)
    }

    /// Origins of web pages that may call the servers: our own, by the name of this machine's loopback too, and those
    /// that are configured.
    pub fn web_origins(&self) -> Vec<String> {
        let own = self.server.public_url.clone();
        let loopback = own.contains("://localhost").then(|| own.replace("://localhost", "://127.0.0.1"));
        self.cors.origins.iter().cloned().chain([own]).chain(loopback).collect()
    }

    /// The file with the key that signs tokens.
    pub fn key_file(&self) -> PathBuf {
        self.auth.key_file.clone().unwrap_or_else(|| self.database.data_dir.join("signing_key.pem"))
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|e| ConfigError(format!("{}: cannot be read: {e}", path.display())))
}

fn check(root: &Value, name: &str) -> Result<Config, ConfigError> {
    serde_path_to_error::deserialize(root).map_err(|e| {
        let path = e.path().to_string();
        let place = if path == "." { String::new() } else { format!("{path}: ") };
        ConfigError(format!("{name}: {place}{}", e.into_inner()))
    })
}

#[cfg(test)]
mod tests;
