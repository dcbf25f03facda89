//! Group commit: sends that come while a batch is being committed are committed together in the next. Alone, a send is a
//! batch of one and waits for nothing.
//!
//! A combiner for each shard of the log, since the shard's lock lets one transaction commit at a time anyway; one batch of
//! it is under way, the next gathers. What a batch may not send is left out by its SQL; if the statement itself
//! fails on account of one message (a chat that somebody keeps locked), each is sent apart, by whoever asked for it.

mod apart;
mod connections;
mod queue;

use std::{collections::HashMap, sync::Arc, time::Duration};

use anyhow::anyhow;
use chat_core::{Shard, config::LimitsConfig, lifecycle::Lifecycle};
use prometheus_client::metrics::gauge::Gauge;
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgDatabaseError},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use self::{
    apart::Apart,
    connections::{Connections, InUse},
    queue::{Batch, Consumer, Producer, Refused, Waiting, queue},
};
use crate::{
    db::messages::{self, NewMessage, Stored},
    doorbell::Doorbell,
    error::{ApiError, Result},
    metrics::Metrics,
};

/// Batches under way at once, each on a connection of its own.
const CONNECTIONS: usize = 4;
/// How long a batch waits for one of them.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(3);
/// Most messages of a batch: with more, those that come first wait for longer than is gained.
const BATCH_MAX: usize = 64;
/// How long a batch waits for a chat or sender that somebody else has locked. Longer than another node's batch takes;
/// short, since all others wait with it.
const BATCH_PATIENCE: Duration = Duration::from_millis(250);
/// From the end of a statement to its answer.
const ANSWER_MARGIN: Duration = Duration::from_secs(2);

/// How long a batch may run: others wait for it, so as long as they would and once more.
pub fn statement_timeout(limits: &LimitsConfig) -> Duration {
    Duration::from_secs((2 * limits.send_wait_seconds).max(10))
}

/// Handle for those who send. Clones are the same.
#[derive(Clone)]
pub struct Sends(Arc<Shared>);

struct Shared {
    /// By [`Shard::index`].
    queues: Vec<Producer<Arc<NewMessage>, Answer>>,
    /// A send that was not taken into a batch by then is 503. Nothing of it was stored.
    wait_max: Duration,
    closing: CancellationToken,
    /// Of requests, for sends apart.
    db: PgPool,
    doorbell: Doorbell,
    metrics: Metrics,
    apart: Apart,
}

/// What a batch says to one of its members.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Stored(Stored),
    /// Not allowed, or stored before.
    LeftOut,
    /// The batch failed, perhaps on account of another: nothing of it was stored.
    SendApart,
    Failed(Failure),
}

#[derive(Clone, Copy, Debug)]
enum Failure {
    Late,
    NotStored(&'static str),
    /// The connection was lost before the answer came.
    Unknown,
    Internal,
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Late => Self::Unavailable("too many are sending: nothing was stored, send again"),
            Failure::NotStored(detail) => Self::Unavailable(detail),
            Failure::Unknown => Self::Unavailable(
                "whether the message was stored is not known: send it again, under the same client_id",
            ),
            Failure::Internal => {
                Self::Internal(anyhow!("a batch of sends failed; its error was logged before"))
            }
        }
    }
}

impl Sends {
    /// Starts the combiners. `options` are those of their own connections, `db` is for sends apart. They run until
    /// [`Sends::close`], and then until all that was taken in is answered.
    pub fn start(
        options: PgConnectOptions,
        db: PgPool,
        limits: &LimitsConfig,
        doorbell: Doorbell,
        metrics: Metrics,
        lifecycle: &Lifecycle,
    ) -> Self {
        let closing = CancellationToken::new();
        let wait_max = Duration::from_secs(limits.send_wait_seconds);
        let answer_max = statement_timeout(limits) + ANSWER_MARGIN;
        let connections = Arc::new(Connections::new(options, CONNECTIONS));
        let mut queues = Vec::new();
        for shard in Shard::all() {
            let (producer, consumer) = queue(limits.waiting_sends, closing.clone());
            queues.push(producer);
            let combiner = Combiner {
                shard,
                consumer,
                wait_max,
                answer_max,
                doorbell: doorbell.clone(),
                metrics: metrics.clone(),
            };
            let connections = Arc::clone(&connections);
            lifecycle.spawn("sends", async move {
                combiner.run(&connections).await;
                Ok(())
            });
        }
        let apart = Apart::new(db.options().get_max_connections());
        Self(Arc::new(Shared { queues, wait_max, closing, db, doorbell, metrics, apart }))
    }

    /// Takes nothing in any more. To be called when no request is under way.
    pub fn close(&self) {
        self.0.closing.cancel();
    }

    /// Stores a message and has it told. None: the sender may not, or the client id was used before.
    ///
    /// # Errors
    /// 503 when too many are sending, the database is away, or the chat stays locked; it says so if the message may
    /// have been stored all the same.
    pub async fn send(&self, new: &Arc<NewMessage>) -> Result<Option<Stored>> {
        let shared = &self.0;
        let _under_way = UnderWay::enter(&shared.metrics.sends_under_way);
        if !shared.apart.has(new.chat_id) {
            let queue = &shared.queues[Shard::of(new.workspace_id).index()];
            let answer = queue.put(Arc::clone(new)).map_err(|refused| match refused {
                Refused::Full => {
                    shared.metrics.sends_refused.inc();
                    ApiError::Unavailable("too many are sending: nothing was stored, send again")
                }
                Refused::Closed => ApiError::Unavailable("this server is stopping"),
            })?;
            match answer.await.unwrap_or(Answer::Failed(Failure::Unknown)) {
                Answer::Stored(stored) => return Ok(Some(stored)),
                Answer::LeftOut => return Ok(None),
                Answer::Failed(failure) => return Err(failure.into()),
                Answer::SendApart => {}
            }
        }
        shared.send_apart(new).await
    }
}

impl Shared {
    async fn send_apart(&self, new: &NewMessage) -> Result<Option<Stored>> {
        let here = self.apart.enter(new.chat_id);
        let Some(_place) = here.place(self.wait_max).await else { return Err(Failure::Late.into()) };
        let shard = Shard::of(new.workspace_id);
        match messages::insert_all(&self.db, shard, &[new], None).await {
            Ok(stored) => {
                here.came_through();
                self.doorbell.ring(shard);
                Ok(stored.first().copied())
            }
            Err(e) if is_used_client_id(&e) => Ok(None),
            Err(e) if is_certain(&e) => Err(e.into()),
            Err(e) => {
                error!("a send failed, and whether it was stored is not known: {e}");
                Err(Failure::Unknown.into())
            }
        }
    }
}

/// Counts a send for as long as somebody waits for it.
struct UnderWay<'a>(&'a Gauge);

impl<'a> UnderWay<'a> {
    fn enter(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Commits the sends of one shard, batch by batch.
struct Combiner {
    shard: Shard,
    consumer: Consumer<Arc<NewMessage>, Answer>,
    wait_max: Duration,
    /// A database that is silent for longer than it lets a statement run is gone, though nobody has said so.
    answer_max: Duration,
    doorbell: Doorbell,
    metrics: Metrics,
}

impl Combiner {
    async fn run(mut self, connections: &Connections) {
        while self.consumer.ready().await {
            // First the connection: what comes while it is waited for goes along.
            let connection = connections.take(CONNECTION_PATIENCE).await;
            let same_send = |new: &Arc<NewMessage>| Some((new.sender_id, new.client_id.clone()?));
            let Batch { items, late } = self.consumer.take(BATCH_MAX, self.wait_max, same_send);
            answer_all(late, Answer::Failed(Failure::Late));
            if items.is_empty() {
                continue;
            }
            match connection {
                Ok(connection) => self.store(connection, items).await,
                Err(e) => {
                    error!("no connection for a batch of {} sends: {e}", items.len());
                    answer_all(
                        items,
                        Answer::Failed(Failure::NotStored("the database is not available now")),
                    );
                }
            }
        }
    }

    async fn store(&self, mut db: InUse<'_>, items: Vec<Waiting<Arc<NewMessage>, Answer>>) {
        let new: Vec<&NewMessage> = items.iter().map(|waiting| waiting.item.as_ref()).collect();
        let insert = messages::insert_all(&mut db.connection, self.shard, &new, Some(BATCH_PATIENCE));
        let outcome = timeout(self.answer_max, insert).await;
        self.metrics.send_batches.inc();
        let Ok(outcome) = outcome else {
            error!("a batch of {} sends failed: the database is silent", items.len());
            // Closed, not given back: whatever comes over it is too late.
            return answer_all(items, Answer::Failed(Failure::Unknown));
        };
        match outcome {
            Ok(stored) => {
                db.give_back();
                self.doorbell.ring(self.shard);
                let stored: HashMap<_, _> = stored.into_iter().map(|stored| (stored.id, stored)).collect();
                for waiting in items {
                    let answer = stored.get(&waiting.item.id).copied();
                    waiting.answer(answer.map_or(Answer::LeftOut, Answer::Stored));
                }
            }
            Err(e) if is_about_one(&e) => {
                db.give_back();
                warn!("a batch of {} sends is sent one by one: {e}", items.len());
                answer_all(items, Answer::SendApart);
            }
            Err(e) => {
                let certain = is_certain(&e);
                error!("a batch of {} sends failed: {e}", items.len());
                let failure = match ApiError::from(e) {
                    ApiError::Unavailable(detail) if certain => Failure::NotStored(detail),
                    _ if certain => Failure::Internal,
                    _ => Failure::Unknown,
                };
                answer_all(items, Answer::Failed(failure));
            }
        }
    }
}

fn answer_all(items: Vec<Waiting<Arc<NewMessage>, Answer>>, answer: Answer) {
    for waiting in items {
        waiting.answer(answer);
    }
}

/// Whether the database said that it did not commit. It says nothing of that when a connection breaks, and is not to be
/// believed when it is being shut down.
fn is_certain(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(e) => e
            .code()
            .is_some_and(|code| !["08", "57P", "58", "XX"].iter().any(|class| code.starts_with(class))),
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Encode(_) => true,
        _ => false,
    }
}

/// Whether one message may have failed all: a value that breaks a rule, or a chat's or sender's lock that was waited for
/// in vain. The shard's lock is waited for by whoever sends there, apart or not.
fn is_about_one(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(e) = error else { return false };
    let at_shard = || {
        let context = e.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::r#where);
        context.is_some_and(|context| context.contains("log_lock"))
    };
    e.code().is_some_and(|code| {
        ["40001", "40P01"].contains(&code.as_ref())
            || (code == "55P03" && !at_shard())
            || code.starts_with("22")
            // Without a constraint's name: the event log has no partition for the next id.
            || (code.starts_with("23") && e.constraint().is_some())
    })
}

/// Somebody else has used it at the same moment for another chat.
fn is_used_client_id(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(e) if e.constraint() == Some("messages_sender_id_client_id_key"))
}

#[cfg(test)]
mod tests {
    use chat_core::{ChatId, MessageId, UserId, WorkspaceId, config::Secret, text::MessageBody};
    use private_postgres::testing::TestDatabase;
    use sqlx::{Connection as _, PgConnection};

    use super::*;
    use crate::db;

    const CHAT: &str = "
        insert into workspaces (id, name) values ('01930000-0000-7000-8000-000000000000', 'acme');
        insert into users (id, workspace_id, fullname, role)
            select '01930000-0000-7000-8000-000000000001', id, 'Ann', 'owner' from workspaces;
        insert into chats (id, workspace_id, kind, name)
            select '01930000-0000-7000-8000-000000000002', id, 'public_channel', 'general' from workspaces;
        insert into chat_members (chat_id, user_id, workspace_id, role)
            select c.id, u.id, u.workspace_id, 'owner' from chats c, users u;";

    fn id(last: u8) -> uuid::Uuid {
        uuid::Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0000 | u128::from(last))
    }

    fn hello() -> NewMessage {
        NewMessage {
            id: MessageId::generate(),
            workspace_id: WorkspaceId(id(0)),
            sender_id: UserId(id(1)),
            chat_id: ChatId(id(2)),
            body: MessageBody::parse("hello").unwrap(),
            client_id: None,
            request_hash: None,
            reply_to: None,
        }
    }

    async fn connect(database: &TestDatabase) -> PgConnection {
        let options = db::connect_options(&Secret::new(database.url())).unwrap();
        let options = db::send_options(options, &LimitsConfig::default()).options([("lock_timeout", "50ms")]);
        let mut db = PgConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(CHAT).execute(&mut db).await.unwrap();
        db
    }

    #[tokio::test]
    async fn a_send_reads_one_membership_however_many_chats_its_sender_is_in() {
        let database = TestDatabase::new().await.unwrap();
        let mut db = connect(&database).await;
        sqlx::raw_sql(
            "insert into chats (id, workspace_id, kind, name)
                 select gen_random_uuid(), w.id, 'public_channel', n::text from workspaces w, generate_series(1, 200) n;
             insert into chat_members (chat_id, user_id, workspace_id, role)
                 select c.id, u.id, u.workspace_id, 'owner' from chats c, users u on conflict do nothing",
        )
        .execute(&mut db)
        .await
        .unwrap();
        let new = hello();
        // Counted from here: what this connection has done before may still be in its figures.
        let read = async |tx: &mut PgConnection| -> i64 {
            let sql = "select coalesce(idx_tup_fetch, 0) + seq_tup_read
                       from pg_stat_xact_user_tables where relname = 'chat_members'";
            sqlx::query_scalar(sql).fetch_one(tx).await.unwrap()
        };
        let mut tx = db.begin().await.unwrap();
        let before = read(&mut tx).await;
        let sent = messages::insert_all(&mut *tx, Shard::of(new.workspace_id), &[&new], None).await.unwrap();
        assert_eq!(sent.len(), 1);
        let read = read(&mut tx).await - before;
        assert!(read < 10, "{read} of 201");
    }

    #[tokio::test]
    async fn a_batch_is_dissolved_over_a_locked_chat_or_sender_and_not_over_the_locked_shard() {
        let database = TestDatabase::new().await.unwrap();
        let mut db = connect(&database).await;
        let new = hello();
        let shard = Shard::of(new.workspace_id);
        for (lock, dissolves) in [
            ("select from chats for update", true),
            ("select from users for update", true),
            ("select log_lock(workspace_shard(id)) from workspaces", false),
        ] {
            let mut locker = PgConnection::connect(database.url()).await.unwrap();
            let mut tx = locker.begin().await.unwrap();
            sqlx::query(lock).execute(&mut *tx).await.unwrap();
            let failed = messages::insert_all(&mut db, shard, &[&new], None).await.unwrap_err();
            let sqlx::Error::Database(e) = &failed else { panic!("{lock}: {failed}") };
            assert_eq!(
                (e.code().as_deref(), is_about_one(&failed)),
                (Some("55P03"), dissolves),
                "{lock}: {e}"
            );
            assert!(is_certain(&failed));
            tx.rollback().await.unwrap();
        }
        assert_eq!(messages::insert_all(&mut db, shard, &[&new], None).await.unwrap().len(), 1);
    }
}
