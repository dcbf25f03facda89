//! Connections over which messages are stored, one statement behind the other: Postgres has the next at hand when it has committed the one
//! before, and need not wait for chat_server to hear of that. sqlx sends nothing before it has its answer.

use std::{collections::HashSet, error::Error as _, fmt, future::Future, pin::pin, time::Duration};

use chat_core::{Shard, Timestamp, config::LimitsConfig, text::ClientId};
use event_log::Database;
use futures_util::future::{Either, select};
use tokio_postgres::{Client, Connection, Row, Socket, Statement, error::DbError, tls::MakeTlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

use super::{Batch, Bell, NewMessage, Stored, milliseconds};
use crate::sends;

const SEND_SINGLE: &str =
    "select id, seq, created_at from send_single($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const SEND_BATCH: &str = "select bases, created_at, sendable
    from send_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)";

/// Of a batch that was refused, and all of which might be sent the moment after: somebody has just been allowed to.
const ATTEMPTS_IN_VAIN: u32 = 3;

/// How to connect.
#[derive(Clone)]
pub struct Connector {
    config: tokio_postgres::Config,
    tls: MakeRustlsConnect,
}

/// Stores messages, by what its [`Link`] carries.
pub struct Sender {
    client: Client,
    single: Statement,
    batch: Statement,
}

/// Carries what a [`Sender`] asks for and what is answered, while it is polled. Ends when the connection is no more; what was asked
/// for is answered with an error when this is dropped.
pub type Link = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// Why messages were not stored, or may not have been.
pub enum SendError {
    Postgres(tokio_postgres::Error),
    /// A server of another version.
    Protocol,
}

impl Connector {
    /// To the database of `url`. The queries of these connections are planned once for each connection, not for each
    /// batch: arrays vary in length, which Postgres takes for a reason to plan again, for longer than the query runs.
    /// That plan must be good for tables of any size, though it may be made while they are empty: rows are looked up by
    /// indexes. (What is left: of members, while there are a handful, the index may be read whole, until Postgres analyses the table
    /// next, which makes the plan anew.)
    ///
    /// # Errors
    /// The URL cannot be read.
    pub fn new(url: &str, limits: &LimitsConfig) -> anyhow::Result<Self> {
        let database = Database::parse(url)?;
        let connector = Self { config: database.config("chat_server"), tls: database.connector() };
        Ok(connector
            .with("statement_timeout", &format!("{}s", sends::statement_timeout(limits).as_secs()))
            .with("lock_timeout", &format!("{}ms", sends::SHARD_PATIENCE.as_millis()))
            .with("idle_in_transaction_session_timeout", "10s")
            .with("plan_cache_mode", "force_generic_plan")
            .with("enable_seqscan", "off")
            .with("enable_bitmapscan", "off")
            .with("enable_hashjoin", "off")
            .with("enable_mergejoin", "off")
            .with("jit", "off"))
    }

    /// With a setting of the session, which must not have blanks in it.
    #[must_use]
    pub fn with(mut self, setting: &str, value: &str) -> Self {
        let others = self.config.get_options().unwrap_or_default();
        self.config.options(format!("{others} -c {setting}={value}"));
        self
    }

    pub async fn connect(&self) -> Result<(Sender, Link), tokio_postgres::Error> {
        let (client, mut link) = Box::pin(self.config.connect(self.tls.clone())).await?;
        let prepared = driven(&mut link, async {
            Ok((client.prepare(SEND_SINGLE).await?, client.prepare(SEND_BATCH).await?))
        });
        let (single, batch) = prepared.await?;
        Ok((Sender { client, single, batch }, link))
    }
}

impl Sender {
    /// Sends messages, of any workspaces, in the order of their ids, and writes their events. Those that may not be
    /// sent are left out of the answer: the sender is no active member of a chat that is there, `reply_to` is not in it, or
    /// the client id was used before. No id may be in `new` twice, nor a sender's client id.
    ///
    /// None: nothing is stored, though which of them may be sent was not to be found out; each is to be sent by itself.
    ///
    /// One transaction stores them: an error that the database reports means that none was sent. `patience` bounds the
    /// wait for a chat or sender that somebody else has locked (SQLSTATE 55P03); for the shards, and for all if it is None, the
    /// connection waits as long as it does.
    pub async fn insert_all(
        &self,
        new: &[&NewMessage],
        patience: Option<Duration>,
        bell: Bell,
    ) -> Result<Option<Vec<Stored>>, SendError> {
        let mut new = new.to_vec();
        let mut in_vain = 0;
        while in_vain < ATTEMPTS_IN_VAIN {
            match new[..] {
                [] => return Ok(Some(Vec::new())),
                [new] => return Ok(Some(self.insert(new, patience, bell).await?.into_iter().collect())),
                _ => {}
            }
            let batch = Batch::of(&new);
            let row = self.insert_whole(&batch, patience, bell).await?;
            let (bases, created_at) = (row.try_get::<_, Option<Vec<i64>>>(0)?, row.try_get(1)?);
            if let (Some(bases), Some(created_at)) = (bases, created_at) {
                return batch.stored(&bases, Timestamp(created_at)).map(Some).ok_or(SendError::Protocol);
            }
            // Nothing is stored: once more without those that may not be sent.
            let sendable: Option<Vec<Uuid>> = row.try_get(2)?;
            let sendable: HashSet<_> = sendable.into_iter().flatten().collect();
            let before = new.len();
            new.retain(|new| sendable.contains(&new.id.0));
            in_vain += u32::from(new.len() == before);
        }
        Ok(None)
    }

    async fn insert_whole(
        &self,
        batch: &Batch<'_>,
        patience: Option<Duration>,
        bell: Bell,
    ) -> Result<Row, tokio_postgres::Error> {
        self.client
            .query_one(
                &self.batch,
                &[
                    &batch.ids,
                    &batch.sender_ids,
                    &batch.bodies,
                    &batch.client_ids,
                    &batch.request_hashes,
                    &batch.replies,
                    &batch.chat_places,
                    &batch.ordinals,
                    &batch.shard_places,
                    &batch.shard_prevs,
                    &batch.chats,
                    &batch.chat_workspaces,
                    &batch.chat_counts,
                    &batch.senders,
                    &batch.shards,
                    &batch.member_places,
                    &batch.members,
                    &batch.member_ordinals,
                    &milliseconds(patience),
                    &(bell == Bell::RingsWithCommit),
                ],
            )
            .await
    }

    /// The same for one message, for less. None: it may not be sent.
    async fn insert(
        &self,
        new: &NewMessage,
        patience: Option<Duration>,
        bell: Bell,
    ) -> Result<Option<Stored>, tokio_postgres::Error> {
        let row = self
            .client
            .query_opt(
                &self.single,
                &[
                    &i16::from(Shard::of(new.workspace_id).number()),
                    &new.id.0,
                    &new.workspace_id.0,
                    &new.chat_id.0,
                    &new.sender_id.0,
                    &new.body.as_str(),
                    &new.client_id.as_ref().map(ClientId::as_str),
                    &new.request_hash.as_ref().map(<[u8; 32]>::as_slice),
                    &new.reply_to.map(|id| id.0),
                    &milliseconds(patience),
                    &(bell == Bell::RingsWithCommit),
                ],
            )
            .await?;
        let stored = |row: Row| {
            let (id, created_at) = (row.try_get::<_, Uuid>(0)?, row.try_get(2)?);
            Ok(Stored { id: id.into(), seq: row.try_get(1)?, created_at: Timestamp(created_at) })
        };
        row.map(stored).transpose()
    }

    /// Asks for nothing, to see whether there is an answer.
    pub async fn ping(&self, link: &mut Link) -> Result<(), tokio_postgres::Error> {
        driven(link, self.client.check_connection()).await
    }

    #[cfg(test)]
    pub fn client(&self) -> &Client {
        &self.client
    }
}

/// The outcome of `asked`, which goes over `link`.
async fn driven<T>(
    link: &mut Link,
    asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, tokio_postgres::Error> {
    match select(pin!(asked), link).await {
        Either::Left((outcome, _)) => outcome,
        // Without a client it would end so; but there is one.
        Either::Right((Ok(()), asked)) => asked.await,
        Either::Right((Err(e), _)) => Err(e),
    }
}

impl SendError {
    /// What the database said; none if the connection was lost.
    pub fn said(&self) -> Option<&DbError> {
        match self {
            Self::Postgres(e) => e.as_db_error(),
            Self::Protocol => None,
        }
    }
}

impl From<tokio_postgres::Error> for SendError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

/// Without what Postgres says in detail, which may be what somebody wrote.
impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(e) => match e.as_db_error() {
                Some(said) => write!(f, "{} (SQLSTATE {})", said.message(), said.code().code()),
                None => match e.source() {
                    Some(cause) => write!(f, "{e}: {cause}"),
                    None => write!(f, "{e}"),
                },
            },
            Self::Protocol => write!(f, "the database answered something else than it was asked for"),
        }
    }
}

impl fmt::Debug for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
