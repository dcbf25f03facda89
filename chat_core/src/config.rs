//! Loads the configuration of the launcher and both servers: one YAML file, overridden by the
//! environment. Every key has a default; an unknown key is an error that names it. Only this module
//! reads the environment.

mod address;
mod environment;
mod sections;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::{Map, Value};

pub use address::is_loopback_host;
pub use sections::{
    AuthConfig, CorsConfig, DatabaseConfig, EventLogConfig, LimitsConfig, ListenAddress, LogConfig,
    LogFormat, MailConfig, NotifyConfig, Secret, ServerConfig,
};

/// The file that is read if none is named and this one exists.
pub const DEFAULT_FILE: &str = "app.yml";
/// The most characters of an error, which may quote a long value.
const LINE_MAX: usize = 500;

/// Everything that can be configured. app.yml.example explains each key.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub server: ServerConfig,
    pub notify: NotifyConfig,
    pub database: DatabaseConfig,
    pub auth: AuthConfig,
    pub mail: MailConfig,
    pub limits: LimitsConfig,
    pub event_log: EventLogConfig,
    pub cors: CorsConfig,
    pub log: LogConfig,
}

/// A configuration that cannot be used. One line says what to change.
#[derive(Debug, thiserror::Error)]
#[error("{}", one_line(_0))]
pub struct ConfigError(String);

/// Joins the lines of an error of the YAML reader, which shows the faulty place, and shortens it.
fn one_line(text: &str) -> String {
    let line =
        text.split(char::is_control).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>();
    let line = line.join(" ");
    if line.chars().count() <= LINE_MAX { line } else { line.chars().take(LINE_MAX).chain(['…']).collect() }
}

impl Config {
    /// Reads `file`, or app.yml in the current folder if there is one, then the environment:
    /// `PARLOR_SECTION__KEY`, and `DATABASE_URL` for `database.url`.
    ///
    /// # Errors
    /// The file cannot be read, or a key in it or in the environment is unknown or has a wrong
    /// value.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        let text = if file.is_some() || path.exists() { read(path)? } else { String::new() };
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        let environment = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .filter(|(k, _)| environment::is_ours(k))
            .collect();
        Self::parse(&path.display().to_string(), &text, environment)
    }

    /// `environment` holds the variables that set keys, by name.
    fn parse(name: &str, text: &str, environment: BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let mut root = if text.lines().all(|l| l.trim().is_empty() || l.trim_start().starts_with('#')) {
            Value::Object(Map::new())
        } else {
            serde_saphyr::from_str::<Value>(text)
                .map_err(|e| ConfigError(format!("{name}: not readable as YAML: {e}")))?
        };
        // A section with only comments reads as null, and counts as left out.
        if let Value::Object(sections) = &mut root {
            sections.retain(|_, section| !section.is_null());
        }
        check(&root, name)?;
        for (variable, value) in environment {
            let Some(environment::Setting { section, key }) = environment::read(&variable, &value)? else {
                continue;
            };
            // A value is read as text first, so that a password of digits stays text, and else as
            // YAML.
            let parsed = serde_saphyr::from_str::<Value>(&value).unwrap_or(Value::Null);
            let attempts = [parsed, Value::String(value)].map(|candidate| {
                let mut attempt = root.clone();
                let sections =
                    attempt.as_object_mut().ok_or_else(|| ConfigError(format!("{name}: not sections")))?;
                let section = sections.entry(section.clone()).or_insert_with(|| Value::Object(Map::new()));
                if let Some(section) = section.as_object_mut() {
                    section.insert(key.clone(), candidate);
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
        self.check_bounds()?;
        self.server.host = address::host("server.host", &self.server.host)?;
        self.notify.host = address::host("notify.host", &self.notify.host)?;
        self.server.public_url = address::origin("server.public_url", &self.server.public_url)?;
        self.notify.public_url = address::public_url("notify.public_url", &self.notify.public_url)?;
        for (key, hosts) in [
            ("server.allowed_hosts", &mut self.server.allowed_hosts),
            ("notify.allowed_hosts", &mut self.notify.allowed_hosts),
        ] {
            for host in hosts {
                *host = address::allowed_host(key, host)?;
            }
        }
        if let Some(contact) = &self.server.security_contact {
            address::contact("server.security_contact", contact)?;
        }
        for origin in &mut self.cors.origins {
            *origin = address::origin("cors.origins", origin)?;
        }
        Ok(self)
    }

    /// Numbers within what the program can do.
    fn check_bounds(&self) -> Result<(), ConfigError> {
        let at_least_one = [
            ("database.max_connections", u64::from(self.database.max_connections)),
            ("notify.max_streams_per_account", self.notify.max_streams_per_account as u64),
            ("notify.stream_opens_per_minute", u64::from(self.notify.stream_opens_per_minute)),
            ("notify.heartbeat_seconds", self.notify.heartbeat_seconds),
            ("notify.max_stream_age_seconds", self.notify.max_stream_age_seconds),
            ("notify.slow_client_seconds", self.notify.slow_client_seconds),
            ("notify.ring_events", self.notify.ring_events as u64),
            ("auth.access_token_seconds", self.auth.access_token_seconds),
            ("auth.refresh_token_seconds", self.auth.refresh_token_seconds),
            ("auth.hashing_parallelism", self.auth.hashing_parallelism as u64),
            ("limits.signin_per_minute", u64::from(self.limits.signin_per_minute)),
            ("limits.guesses_per_hour", u64::from(self.limits.guesses_per_hour)),
            ("limits.send_per_minute", u64::from(self.limits.send_per_minute)),
            ("limits.text_kb_per_minute", u64::from(self.limits.text_kb_per_minute)),
            ("limits.reactions_per_minute", u64::from(self.limits.reactions_per_minute)),
            ("limits.typing_per_minute", u64::from(self.limits.typing_per_minute)),
            ("limits.requests_per_minute", u64::from(self.limits.requests_per_minute)),
            ("limits.waiting_sends", self.limits.waiting_sends as u64),
            ("limits.send_wait_seconds", self.limits.send_wait_seconds),
            ("limits.max_connections", self.limits.max_connections as u64),
            ("limits.max_connections_per_address", self.limits.max_connections_per_address as u64),
            ("limits.requests_at_once", self.limits.requests_at_once as u64),
            ("limits.searches_per_minute", u64::from(self.limits.searches_per_minute)),
            ("limits.new_chats_per_minute", u64::from(self.limits.new_chats_per_minute)),
            ("limits.added_members_per_minute", u64::from(self.limits.added_members_per_minute)),
            ("limits.chat_changes_per_minute", u64::from(self.limits.chat_changes_per_minute)),
            ("limits.chats_per_creator", u64::from(self.limits.chats_per_creator)),
            ("limits.waiting_response_mb", self.limits.waiting_response_mb as u64),
            ("limits.waiting_response_mb_per_account", self.limits.waiting_response_mb_per_account as u64),
            ("limits.slow_response_seconds", self.limits.slow_response_seconds),
            ("limits.cache_mb", self.limits.cache_mb),
            ("event_log.retention_days", u64::from(self.event_log.retention_days)),
        ];
        // These limits keep sums of times within their types. An access token cannot be revoked
        // everywhere at once, so it must be short-lived.
        let at_most = [
            ("auth.access_token_seconds", self.auth.access_token_seconds, 3600),
            ("auth.refresh_token_seconds", self.auth.refresh_token_seconds, 10 * 365 * 24 * 3600),
            ("notify.heartbeat_seconds", self.notify.heartbeat_seconds, 3600),
            ("notify.max_stream_age_seconds", self.notify.max_stream_age_seconds, 24 * 3600),
            ("notify.slow_client_seconds", self.notify.slow_client_seconds, 3600),
            ("notify.drain_seconds", self.notify.drain_seconds, 3600),
            ("server.drain_seconds", self.server.drain_seconds, 3600),
            // What a rate can count in bytes.
            ("limits.text_kb_per_minute", u64::from(self.limits.text_kb_per_minute), 4_000_000),
            ("limits.slow_response_seconds", self.limits.slow_response_seconds, 3600),
            // Less than the time limit of a request, 30 seconds.
            ("limits.send_wait_seconds", self.limits.send_wait_seconds, 25),
            ("limits.requests_at_once", self.limits.requests_at_once as u64, 10_000),
            // What a semaphore can count in kilobytes on every machine.
            ("limits.waiting_response_mb", self.limits.waiting_response_mb as u64, 100_000),
            (
                "limits.waiting_response_mb_per_account",
                self.limits.waiting_response_mb_per_account as u64,
                100_000,
            ),
            ("limits.storage_mb_per_workspace", self.limits.storage_mb_per_workspace, 1_000_000_000),
            ("limits.cache_mb", self.limits.cache_mb, 1_000_000),
            ("event_log.retention_days", u64::from(self.event_log.retention_days), 3650),
        ];
        if let Some((key, _, most)) = at_most.iter().find(|(_, value, most)| value > most) {
            return Err(ConfigError(format!("{key}: must be at most {most}")));
        }
        if let Some((key, _)) = at_least_one.iter().find(|(_, value)| *value == 0) {
            return Err(ConfigError(format!("{key}: must be at least 1")));
        }
        Ok(())
    }

    /// The variables of libpq in the environment, such as PGSSLMODE.
    pub fn libpq_variables() -> Vec<OsString> {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        let names = std::env::vars_os().map(|(name, _)| name);
        names.filter(|name| name.to_str().is_some_and(environment::is_of_libpq)).collect()
    }

    /// What works, and is not safe: one line each.
    pub fn warnings(&self) -> Vec<String> {
        let open = [
            ("server", &self.server.host, &self.server.public_url),
            ("notify", &self.notify.host, &self.notify.public_url),
        ];
        let exposed = open
            .into_iter()
            .filter(|(_, host, url)| !address::is_loopback_host(host) && url.starts_with("http://"));
        exposed
            .map(|(section, host, url)| {
                format!(
                    "{section}.host is {host} and {section}.public_url is {url}: other machines reach it, and passwords \
                     and tokens cross the network unencrypted; put a TLS proxy in front and name its https address"
                )
            })
            .collect()
    }

    /// Origins of web pages that may call the servers: `server.public_url`, with all names of this
    /// machine if it is one of them, and the configured ones.
    pub fn web_origins(&self) -> Vec<String> {
        let own = self.server.public_url.clone();
        let names = address::loopback_names(&own);
        self.cors.origins.iter().cloned().chain([own]).chain(names).collect()
    }

    /// Whether people reach chat_server by https.
    pub fn is_https(&self) -> bool {
        self.server.public_url.starts_with("https://")
    }

    /// The origin of notify_server's public URL, which may have a path.
    pub fn notify_origin(&self) -> String {
        address::origin_of(&self.notify.public_url)
    }

    /// None behind a proxy, from which all connections come.
    pub fn max_connections_per_address(&self) -> Option<usize> {
        (self.server.trusted_proxies == 0).then_some(self.limits.max_connections_per_address)
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
