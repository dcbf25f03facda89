//! Group commit: sends that come while a batch is being committed are committed together in the next. Alone, a send is a
//! batch of one and waits for nothing.
//!
//! A combiner for each shard of the log, since the shard's lock lets one transaction commit at a time anyway; one batch of
//! it is under way, the next gathers. What a batch may not send is left out by its SQL; if the statement itself
//! fails on account of one message (a chat that somebody keeps locked), each is sent apart, by whoever asked for it.

mod queue;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::anyhow;
use chat_core::{ChatId, Shard, config::LimitsConfig, lifecycle::Lifecycle};
use prometheus_client::metrics::gauge::Gauge;
use sqlx::{PgPool, Postgres, pool::PoolConnection};
use tokio::{sync::Semaphore, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use self::queue::{Batch, Consumer, Producer, Refused, Waiting, queue};
use crate::{
    db::messages::{self, NewMessage, Stored},
    doorbell::Doorbell,
    error::{ApiError, Result},
    metrics::Metrics,
};

/// Batches under way at once, each on a connection of its own.
pub const CONNECTIONS: u32 = 4;
/// Most messages of a batch: with more, those that come first wait for longer than is gained.
const BATCH_MAX: usize = 64;
/// How long a batch waits for a chat or sender that somebody else has locked. Longer than another node's batch takes;
/// short, since all others wait with it.
const BATCH_PATIENCE: Duration = Duration::from_millis(250);
/// From the end of a statement to its answer.
const ANSWER_MARGIN: Duration = Duration::from_secs(2);
/// Sends at once that wait apart for as long as the connection lets them.
const APART_MAX: usize = 4;

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
    /// Chats that somebody waits for apart, and how many do: sends to them would hold up a batch.
    apart: Mutex<HashMap<ChatId, usize>>,
    places_apart: Semaphore,
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
    /// Starts the combiners. `pool` is for their batches alone, `db` for sends apart. They run until [`Sends::close`], and then until all that was taken in is answered.
    pub fn start(
        pool: &PgPool,
        db: PgPool,
        limits: &LimitsConfig,
        doorbell: Doorbell,
        metrics: Metrics,
        lifecycle: &Lifecycle,
    ) -> Self {
        let closing = CancellationToken::new();
        let wait_max = Duration::from_secs(limits.send_wait_seconds);
        let answer_max = statement_timeout(limits) + ANSWER_MARGIN;
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
            let pool = pool.clone();
            lifecycle.spawn("sends", async move {
                combiner.run(&pool).await;
                Ok(())
            });
        }
        let places_apart = Semaphore::new(APART_MAX);
        Self(Arc::new(Shared {
            queues,
            wait_max,
            closing,
            db,
            doorbell,
            metrics,
            apart: Mutex::default(),
            places_apart,
        }))
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
        if !shared.is_apart(new.chat_id) {
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
    fn is_apart(&self, chat: ChatId) -> bool {
        self.apart.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&chat)
    }

    async fn send_apart(&self, new: &NewMessage) -> Result<Option<Stored>> {
        let _here = Apart::enter(self, new.chat_id);
        let place = timeout(self.wait_max, self.places_apart.acquire()).await;
        let Ok(Ok(_place)) = place else { return Err(Failure::Late.into()) };
        let shard = Shard::of(new.workspace_id);
        match messages::insert_all(&self.db, shard, &[new], None).await {
            Ok(stored) => {
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

/// One send that waits apart, for as long as this is kept.
struct Apart<'a> {
    shared: &'a Shared,
    chat: ChatId,
}

impl<'a> Apart<'a> {
    fn enter(shared: &'a Shared, chat: ChatId) -> Self {
        *shared.apart.lock().unwrap_or_else(PoisonError::into_inner).entry(chat).or_default() += 1;
        Self { shared, chat }
    }
}

impl Drop for Apart<'_> {
    fn drop(&mut self) {
        let mut apart = self.shared.apart.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = apart.get_mut(&self.chat) {
            *count -= 1;
            if *count == 0 {
                apart.remove(&self.chat);
            }
        }
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
    async fn run(mut self, pool: &PgPool) {
        while self.consumer.ready().await {
            // First the connection: what comes while it is waited for goes along.
            let connection = pool.acquire().await;
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

    async fn store(&self, mut db: PoolConnection<Postgres>, items: Vec<Waiting<Arc<NewMessage>, Answer>>) {
        let new: Vec<&NewMessage> = items.iter().map(|waiting| waiting.item.as_ref()).collect();
        let insert = messages::insert_all(&mut *db, self.shard, &new, Some(BATCH_PATIENCE));
        let outcome = timeout(self.answer_max, insert).await;
        self.metrics.send_batches.inc();
        let Ok(outcome) = outcome else {
            error!("a batch of {} sends failed: the database is silent", items.len());
            // Closed, not given back: whatever comes over it is too late.
            drop(db.detach());
            return answer_all(items, Answer::Failed(Failure::Unknown));
        };
        match outcome {
            Ok(stored) => {
                self.doorbell.ring(self.shard);
                let stored: HashMap<_, _> = stored.into_iter().map(|stored| (stored.id, stored)).collect();
                for waiting in items {
                    let answer = stored.get(&waiting.item.id).copied();
                    waiting.answer(answer.map_or(Answer::LeftOut, Answer::Stored));
                }
            }
            Err(e) if is_about_one(&e) => {
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

/// Whether one message may have failed all: a value that breaks a rule, or a lock that was waited for in vain.
fn is_about_one(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(e) = error else { return false };
    e.code().is_some_and(|code| {
        ["40001", "40P01", "55P03"].contains(&code.as_ref())
            || code.starts_with("22")
            // Without a constraint's name: the event log has no partition for the next id.
            || (code.starts_with("23") && e.constraint().is_some())
    })
}

/// Somebody else has used it at the same moment for another chat.
fn is_used_client_id(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(e) if e.constraint() == Some("messages_sender_id_client_id_key"))
}
