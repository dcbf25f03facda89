//! Reads the log after positions that the caller keeps: for consumers, whose positions are rows of
//! the database. [`crate::Tail`] is for readers that keep theirs in memory.

use chat_core::{Shard, cursor::Shards, lifecycle::Lifecycle};
use tokio_postgres::{Client, Statement};

use crate::{
    database::{Database, Error, READ_TIMEOUT, within},
    read::{self, Heads},
    row::LogRow,
};

/// A connection that reads the log of a primary.
pub struct Reader {
    client: Client,
    after: Statement,
}

/// What [`Reader::after`] found.
#[derive(Debug, Default)]
pub struct Batch {
    /// The next rows, ordered by shard and id. In each shard they directly follow the position.
    pub rows: Vec<LogRow>,
    /// Shards whose next rows cannot be read: rows after the position are gone.
    pub lost: Vec<Shard>,
}

impl Reader {
    /// Connects; the connection ends with `lifecycle`. `with_payloads` false: payloads are returned
    /// empty.
    ///
    /// # Errors
    /// The database does not answer, or is a standby.
    pub async fn connect(
        database: &Database,
        application_name: &str,
        with_payloads: bool,
        lifecycle: &Lifecycle,
    ) -> Result<Self, Error> {
        let (client, connection) = database.connect(application_name).await?;
        let stop = lifecycle.token();
        lifecycle.spawn_connection(async move {
            // An error of the connection also fails the query in flight.
            tokio::select! { _ = connection => {}, () = stop.cancelled() => {} }
        });
        let prepared = async {
            client.batch_execute(read::USE_INDEXES).await?;
            read::primary_timeline(&client).await?.ok_or(Error::Standby)?;
            read::prepare_after(&client, with_payloads).await
        };
        let after = within(READ_TIMEOUT, prepared).await?;
        Ok(Self { client, after })
    }

    /// The shards whose position is no row of this log: it was dropped, or belongs to another
    /// timeline.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn lost(&self, positions: &Heads) -> Result<Vec<Shard>, Error> {
        within(READ_TIMEOUT, read::lost(&self.client, &positions.by_shard)).await
    }

    /// Reads what comes after the positions, a bounded number of rows of each shard.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn after(&self, positions: &Heads) -> Result<Batch, Error> {
        let query = read::after(&self.client, &self.after, &positions.by_shard, Shards::ALL);
        let mut rows = within(READ_TIMEOUT, query).await?;
        let lost = read::broken_shards(&positions.by_shard, &rows);
        rows.retain(|row| !lost.contains(&row.shard));
        Ok(Batch { rows, lost })
    }
}
