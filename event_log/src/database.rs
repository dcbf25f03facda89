//! Connections to Postgres that notice within seconds when the server is gone, and the errors of
//! reading the log.

use std::{future::Future, time::Duration};

use anyhow::{Context as _, ensure};
use tokio_postgres::{Client, Connection, Socket, config::TargetSessionAttrs, tls::MakeTlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{session::Session, tls::Tls};

/// After this long a query is abandoned and its connection closed.
pub const READ_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// No caller waits longer than this for a statement. A transaction left open by a stopped process
/// would block the removal of an old partition.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(35);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_RETRIES: u32 = 2;
/// Unacknowledged data breaks the connection after this long; keepalives do not run meanwhile.
const USER_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the log could not be read. Each of them is retried on a new connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("database")]
    Postgres(#[from] tokio_postgres::Error),
    #[error("the database did not answer within {0:?}")]
    Timeout(Duration),
    #[error("the database is a standby, or being restored")]
    Standby,
    /// A former primary was started again; reading from it would repeat old events.
    #[error("the database is on timeline {found}, {seen} was seen before: not the primary any more")]
    OldTimeline { seen: i32, found: i32 },
    #[error("the log has a shard {0}: this server is too old for it")]
    NoSuchShard(i16),
    #[error("the connection was closed")]
    Closed,
}

type TlsStream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

/// How to connect to the database that holds the log.
#[derive(Clone)]
pub struct Database {
    config: tokio_postgres::Config,
    connector: MakeRustlsConnect,
    session: Session,
}

impl Database {
    /// Reads a `postgres://` URL, with `sslmode` `disable`, `prefer` (the default), `require` or
    /// `verify-full`, and `sslrootcert`, a file of certificates.
    ///
    /// # Errors
    /// The text is no such URL, or its TLS options cannot be used.
    pub fn parse(url: &str) -> anyhow::Result<Self> {
        let is_postgres = ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
        ensure!(is_postgres, "database.url: expected postgres://user:password@host:port/name");
        let session = Session::new(url, STATEMENT_TIMEOUT);
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
        // Of several hosts, connect to the primary. A single host may be reached by a read-only
        // role.
        if config.get_hosts().len() > 1 {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        Ok(Self { config, connector: tls.connector, session })
    }

    /// The configuration for a pool. `application_name` is shown by pg_stat_activity. The pool must
    /// begin each connection with [`Database::session`].
    pub fn config(&self, application_name: &str) -> tokio_postgres::Config {
        let mut config = self.config.clone();
        config.application_name(application_name);
        config
    }

    /// The settings of a connection.
    pub fn session(&self) -> Session {
        self.session.clone()
    }

    /// The TLS connector for a pool.
    pub fn connector(&self) -> MakeRustlsConnect {
        self.connector.clone()
    }

    /// A new connection. The caller must poll the returned [`Connection`].
    pub(crate) async fn connect(
        &self,
        application_name: &str,
    ) -> Result<(Client, Connection<Socket, TlsStream>), Error> {
        // `connect_timeout` covers the socket only, not a server that accepts and stays silent.
        // Boxed, since the future of a TLS handshake is large.
        let config = self.config(application_name);
        let (client, mut connection) =
            within(CONNECT_TIMEOUT, Box::pin(config.connect(self.connector()))).await?;
        let session = self.session.sql();
        within(CONNECT_TIMEOUT, async {
            // The client works while its connection is polled.
            tokio::select! {
                ended = &mut connection => ended.map_err(Error::from).and(Err(Error::Closed)),
                set = client.batch_execute(&session) => set.map_err(Error::from),
            }
        })
        .await?;
        Ok((client, connection))
    }
}

/// Waits at most `limit` for an answer.
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
    fn an_unusable_url_is_refused_with_a_reason() {
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
