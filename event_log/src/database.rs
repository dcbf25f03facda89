//! Connections that notice within seconds when the other side is gone.

use std::{future::Future, time::Duration};

use anyhow::{Context as _, bail};
use tokio_postgres::{
    Client, Connection, NoTls, Socket,
    config::{SslMode, TargetSessionAttrs},
    tls::NoTlsStream,
};

/// A query that takes longer is given up together with its connection.
pub const READ_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_RETRIES: u32 = 2;
/// What was sent and not acknowledged for this long breaks the connection; keepalives do not run meanwhile.
const USER_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the log could not be read. Trying again on a new connection is right for each of them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("database")]
    Postgres(#[from] tokio_postgres::Error),
    #[error("the database did not answer within {0:?}")]
    Timeout(Duration),
    #[error("the database is a standby, or being restored")]
    Standby,
    /// Somebody has started a former primary again; reading from it would take events back.
    #[error("the database is on timeline {found}, {seen} was seen before: not the primary any more")]
    OldTimeline { seen: i32, found: i32 },
    #[error("the log has a shard {0}: this server is too old for it")]
    NoSuchShard(i16),
    #[error("the connection was closed")]
    Closed,
}

/// Where the log is.
#[derive(Clone)]
pub struct Database(tokio_postgres::Config);

impl Database {
    /// Reads a `postgres://` URL or a `key=value` text.
    ///
    /// # Errors
    /// It is neither, or it asks for TLS.
    pub fn parse(url: &str) -> anyhow::Result<Self> {
        let mut config: tokio_postgres::Config =
            url.parse().context("database.url: cannot be read as a Postgres URL")?;
        if config.get_ssl_mode() == SslMode::Require {
            bail!("database.url: sslmode=require: TLS to Postgres is not supported yet");
        }
        config
            .connect_timeout(CONNECT_TIMEOUT)
            .keepalives(true)
            .keepalives_idle(KEEPALIVE_IDLE)
            .keepalives_interval(KEEPALIVE_INTERVAL)
            .keepalives_retries(KEEPALIVE_RETRIES)
            .tcp_user_timeout(USER_TIMEOUT);
        // Among several hosts, the primary. With one there is no choice, and a role that may only read must do.
        if config.get_hosts().len() > 1 {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        Ok(Self(config))
    }

    /// For a pool of one's own. `application_name` is what pg_stat_activity shows.
    pub fn config(&self, application_name: &str) -> tokio_postgres::Config {
        let mut config = self.0.clone();
        config.application_name(application_name);
        // Whoever waited has gone by then; what nobody waits for must not go on.
        let options = config.get_options().map(|given| format!("{given} ")).unwrap_or_default();
        config.options(format!("{options}-c statement_timeout=35s"));
        config
    }

    /// A new connection, which somebody has to drive.
    pub(crate) async fn connect(
        &self,
        application_name: &str,
    ) -> Result<(Client, Connection<Socket, NoTlsStream>), Error> {
        // `connect_timeout` covers the socket alone, not a server that accepts and stays silent.
        within(CONNECT_TIMEOUT, self.config(application_name).connect(NoTls)).await
    }
}

/// Waits for an answer, at most `limit`.
pub(crate) async fn within<T, E: Into<Error>>(
    limit: Duration,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, Error> {
    tokio::time::timeout(limit, answer).await.map_err(|_| Error::Timeout(limit))?.map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_refused_in_words() {
        let refusal = |url| Database::parse(url).err().map(|e| format!("{e:#}")).unwrap_or_default();
        assert!(refusal("postgres://a@b/c?sslmode=require").contains("TLS"));
        assert!(refusal("postgres://a@b/c?sslmode=verify-full").contains("database.url"));
        assert_eq!(refusal("postgres://a@b/c?sslmode=prefer"), "");
    }
}
