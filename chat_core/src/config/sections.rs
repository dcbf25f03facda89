//! The sections of the configuration, with their defaults.

use std::{fmt, path::PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::address;

/// chat_server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    pub host: String,
    /// 0: any free port.
    pub port: u16,
    /// The URL for people, without a slash at the end. With https, cookies are sent over https
    /// only. The default follows `port`.
    pub public_url: String,
    /// Names by which the server may be asked, with or without a port. Empty: any.
    pub allowed_hosts: Vec<String>,
    /// Proxies in front that each add an address to X-Forwarded-For. 0: the header is ignored.
    pub trusted_proxies: usize,
    pub drain_seconds: u64,
    /// Where `/metrics` is served, instead of beside everything else.
    pub metrics_address: Option<ListenAddress>,
    /// To whom weaknesses are reported, for /.well-known/security.txt: a `mailto:` or `https:` URL.
    pub security_contact: Option<String>,
    /// The folder of the built web client. If it is missing, a page says so.
    pub web_dir: PathBuf,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 6688,
            public_url: "http://localhost:6688".into(),
            allowed_hosts: Vec::new(),
            trusted_proxies: 0,
            drain_seconds: 5,
            metrics_address: None,
            security_contact: None,
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
    /// The URL for browsers, without a slash at the end. The default follows `port`.
    pub public_url: String,
    /// As `server.allowed_hosts`.
    pub allowed_hosts: Vec<String>,
    /// The most streams of this process; further clients are told to retry.
    pub max_streams: usize,
    /// The most streams of one account; further ones are told to retry.
    pub max_streams_per_account: usize,
    /// How many streams one account may open in a minute, or at once; further ones are told to
    /// retry.
    pub stream_opens_per_minute: u32,
    pub heartbeat_seconds: u64,
    /// A stream is closed after this time, less up to a fifth of it at random; the client
    /// reconnects.
    pub max_stream_age_seconds: u64,
    /// A client that reads nothing for this long is disconnected.
    pub slow_client_seconds: u64,
    /// The time over which streams are closed when the process stops.
    pub drain_seconds: u64,
    /// Where `/metrics` is served, instead of beside everything else.
    pub metrics_address: Option<ListenAddress>,
    /// Events kept in memory for each of the 16 shards.
    pub ring_events: usize,
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 6687,
            public_url: "http://localhost:6687".into(),
            allowed_hosts: Vec::new(),
            max_streams: 20_000,
            max_streams_per_account: 50,
            stream_opens_per_minute: 300,
            heartbeat_seconds: 25,
            max_stream_age_seconds: 900,
            slow_client_seconds: 30,
            drain_seconds: 5,
            metrics_address: None,
            ring_events: 4096,
        }
    }
}

/// Where Postgres is, or how to run the private one.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// None: the launcher runs a private Postgres; a server started alone refuses to.
    pub url: Option<Secret>,
    pub max_connections: u32,
    /// The folder of the private cluster and, by default, the signing key.
    pub data_dir: PathBuf,
    /// The folder of `initdb` and `postgres` for the private cluster.
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
    /// The private key that signs tokens, created on the first run. None: `signing_key.pem` in
    /// `database.data_dir`.
    pub key_file: Option<PathBuf>,
    pub access_token_seconds: u64,
    /// A session ends when unused for this long.
    pub refresh_token_seconds: u64,
    /// Whether any person may create a workspace.
    pub open_signup: bool,
    /// How many passwords are hashed at the same time, and half as many again for known devices; each
    /// takes 19 MiB of memory.
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

/// E-mail. Without a server none is sent, and people hand links on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailConfig {
    /// `smtps://user:password@host`, or `smtp://user:password@host:587?tls=required`.
    pub smtp_url: Option<Secret>,
    /// The sender: `Parlor <parlor@example.com>`.
    pub from: Option<String>,
}

/// Rate limits: this many at once, then this many a minute.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Sign-ups, sign-ins and look-ups of invitations from one address; twenty times as many token
    /// refreshes.
    pub signin_per_minute: u32,
    /// Wrong passwords for one account from one network, half of them at once; three times as many
    /// from all networks together. A device that was signed in before counts for itself.
    pub guesses_per_hour: u32,
    /// Messages by one account, sent and edited.
    pub send_per_minute: u32,
    /// Kilobytes of text in the messages that one account sends and edits.
    pub text_kb_per_minute: u32,
    /// Reactions, pins and saved messages that one account gives or takes back.
    pub reactions_per_minute: u32,
    /// Typing notices by one account, and as many changes of what its streams want.
    pub typing_per_minute: u32,
    /// All other requests by one account.
    pub requests_per_minute: u32,
    /// Messages that may wait to be stored; further ones get 503.
    pub waiting_sends: usize,
    /// The longest that a message waits; then it gets 503.
    pub send_wait_seconds: u64,
    /// The most open connections of chat_server.
    pub max_connections: usize,
    /// The most open connections of one address (of an IPv6 /64) to each server. Not counted behind
    /// a proxy (`server.trusted_proxies`).
    pub max_connections_per_address: usize,
    /// Requests of one account that are handled at once; further ones wait for their turn.
    pub requests_at_once: usize,
    /// Searches for people and channels by one account.
    pub searches_per_minute: u32,
    /// Chats created by one account.
    pub new_chats_per_minute: u32,
    /// Members that one account adds to chats, those of new chats included.
    pub added_members_per_minute: u32,
    /// Times that one account joins, leaves, changes or transfers a chat, removes members, or changes
    /// a person or the workspace.
    pub chat_changes_per_minute: u32,
    /// The most chats created by one user that are not deleted.
    pub chats_per_creator: u32,
    /// The most megabytes of large responses that wait until their clients take them.
    pub waiting_response_mb: usize,
    /// The same for the responses to one account.
    pub waiting_response_mb_per_account: usize,
    /// How long the server waits for a client to take its response, in all. Each 16 KB that it takes
    /// earn a second back.
    pub slow_response_seconds: u64,
    /// The most megabytes of message text in a workspace; then nothing more can be sent there. 0: no
    /// limit.
    pub storage_mb_per_workspace: u64,
    /// The most megabytes of chats that are cached.
    pub cache_mb: u64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            signin_per_minute: 30,
            guesses_per_hour: 20,
            send_per_minute: 600,
            text_kb_per_minute: 8192,
            reactions_per_minute: 120,
            typing_per_minute: 60,
            requests_per_minute: 3000,
            waiting_sends: 4096,
            send_wait_seconds: 5,
            max_connections: 10_000,
            max_connections_per_address: 2000,
            requests_at_once: 16,
            searches_per_minute: 300,
            new_chats_per_minute: 30,
            added_members_per_minute: 300,
            chat_changes_per_minute: 120,
            chats_per_creator: 500,
            waiting_response_mb: 256,
            waiting_response_mb_per_account: 16,
            slow_response_seconds: 30,
            storage_mb_per_workspace: 10 * 1024,
            cache_mb: 64,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventLogConfig {
    /// Clients that were away for longer must take a new snapshot.
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
    /// Origins of web pages that may call the servers, in addition to `server.public_url`.
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

/// A host and a port to listen on, such as `127.0.0.1:9100` or `[::1]:9100`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ListenAddress {
    pub host: String,
    /// 0: any free port.
    pub port: u16,
}

impl TryFrom<String> for ListenAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts = text.rsplit_once(':').and_then(|(host, port)| {
            let host = address::host("", host).ok()?;
            Some(Self { host, port: port.parse().ok()? })
        });
        parts.ok_or_else(|| format!("{text:?}: expected a host and a port, such as 127.0.0.1:9100"))
    }
}

/// A value that is never logged, such as a URL with a password.
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
