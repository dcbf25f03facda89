//! Connections that notice within seconds when the other side is gone.

use std::{future::Future, time::Duration};

use anyhow::{Context as _, ensure};
use tokio_postgres::{Client, Connection, Socket, config::TargetSessionAttrs, tls::MakeTlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::tls::Tls;

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

type TlsStream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

/// Where the log is.
#[derive(Clone)]
pub struct Database {
    config: tokio_postgres::Config,
    connector: MakeRustlsConnect,
}

impl Database {
    /// Reads a `postgres://` URL, with `sslmode` `disable`, `prefer` (the default), `require` or `verify-full`, and
    /// `sslrootcert`, a file of certificates.
    ///
    /// # Errors
    /// It is none, or what it says of TLS cannot be done.
    pub fn parse(url: &str) -> anyhow::Result<Self> {
        let is_postgres = ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
        ensure!(is_postgres, "database.url: expected postgres://user:password@host:port/name");
        let (url, tls) = Tls::split_from(url)?;
        let mut config: tokio_postgres::Config =
            url.parse().context("database.url: cannot be read as a Postgres URL")?;
        config.ssl_mode(tls.mode);
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
        Ok(Self { config, connector: tls.connector })
    }

    /// For a pool of one's own. `application_name` is what pg_stat_activity shows.
    pub fn config(&self, application_name: &str) -> tokio_postgres::Config {
        let mut config = self.config.clone();
        config.application_name(application_name);
        // Whoever waited has gone by then; what nobody waits for must not go on. Nor must the transaction of a process that
        // is stopped, for which a partition that is to be dropped would wait.
        let options = config.get_options().map(|given| format!("{given} ")).unwrap_or_default();
        config
            .options(format!("{options}-c statement_timeout=35s -c idle_in_transaction_session_timeout=35s"));
        config
    }

    /// For a pool of one's own.
    pub fn connector(&self) -> MakeRustlsConnect {
        self.connector.clone()
    }

    /// A new connection, which somebody has to drive.
    pub(crate) async fn connect(
        &self,
        application_name: &str,
    ) -> Result<(Client, Connection<Socket, TlsStream>), Error> {
        // `connect_timeout` covers the socket alone, not a server that accepts and stays silent.
        // Boxed, since a TLS handshake is large and every follower of the log would carry it.
        let config = self.config(application_name);
        within(CONNECT_TIMEOUT, Box::pin(config.connect(self.connector()))).await
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
    fn what_cannot_be_done_is_refused_in_words() {
        let refusal = |url: &str| Database::parse(url).err().map(|e| format!("{e:#}")).unwrap_or_default();
        for fine in [
            "",
            "?sslmode=disable",
            "?sslmode=prefer&options=-c%20a%3Db",
            "?sslmode=require",
            "?sslmode=verify-full",
        ] {
            assert_eq!(refusal(&format!("postgres://a:b@c/d{fine}")), "", "{fine}");
        }
        for (url, reason) in [
            ("postgres://a@b/c?sslmode=verify-ca", "verify-full"),
            ("postgres://a@b/c?sslmode=verify-full&sslrootcert=/nowhere", "sslrootcert: /nowhere"),
            ("postgres://a@b/c?sslcert=x", "client certificates"),
            ("mysql://a@b/c", "expected postgres://"),
            ("host=b user=a", "expected postgres://"),
        ] {
            let refusal = refusal(url);
            assert!(refusal.starts_with("database.url: ") && refusal.contains(reason), "{url}: {refusal}");
        }
    }

    #[test]
    fn the_rest_of_the_url_stays_as_it_is_written() {
        let (rest, _) = Tls::split_from("postgres://a@b,c/d?options=-c%20x&sslmode=require&y=1+2").unwrap();
        assert_eq!(rest, "postgres://a@b,c/d?options=-c%20x&y=1+2");
    }
}
