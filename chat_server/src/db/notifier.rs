//! Sends NOTIFY over its own connection, in transactions that write nothing and so flush no WAL. A
//! connection that failed is made again with the next call.

use std::time::Duration;

use sqlx::{PgConnection, Result};
use tokio::time::timeout;

use crate::connect::Connect;

/// A NOTIFY that takes longer is abandoned, and its connection is closed.
const TIMEOUT: Duration = Duration::from_secs(2);

pub struct Notifier {
    connect: Connect,
    connection: Option<PgConnection>,
}

impl Notifier {
    pub fn new(connect: Connect) -> Self {
        Self { connect, connection: None }
    }

    /// Sends the payloads in one transaction. False: none was sent, or it is not known.
    pub async fn notify(&mut self, channel: &str, payloads: &[String]) -> bool {
        let sent = matches!(timeout(TIMEOUT, self.try_notify(channel, payloads)).await, Ok(Ok(())));
        if !sent {
            self.connection = None;
        }
        sent
    }

    async fn try_notify(&mut self, channel: &str, payloads: &[String]) -> Result<()> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self.connection.insert(self.connect.connect().await?),
        };
        sqlx::query!("select pg_notify($1, payload) from unnest($2::text[]) payload", channel, payloads)
            .execute(connection)
            .await?;
        Ok(())
    }
}
