//! Group commit: sends that come while a batch is being committed are committed together in the next. Alone, a send is a
//! batch of one and waits for nothing.
//!
//! Combiners take from one queue, each with a connection of its own. As long as all goes well one batch is with Postgres, the next
//! gathers, and is sent after it as soon as it is as large. When a batch is held up, another combiner goes on with the shards of the log that are
//! not in it; a shard that stays locked is a batch of its own from then on. What a batch may not send is left out by its SQL; if
//! the statement itself fails on account of some of them (a chat that somebody keeps locked), each is sent apart, by whoever
//! asked for it.

mod apart;
mod at_once;
mod combiner;
mod connections;
mod failure;
mod queue;

use std::{sync::Arc, time::Duration};

use chat_core::{Shard, UserId, config::LimitsConfig, lifecycle::Lifecycle, text::ClientId};
use prometheus_client::metrics::gauge::Gauge;
use sqlx::PgPool;
use tracing::error;

use self::{
    apart::Apart,
    at_once::at_once,
    combiner::Combiner,
    connections::Connections,
    failure::{Failure, is_certain},
    queue::{Item, Queue, Refused},
};
use crate::{
    db::messages::{self, Bell, NewMessage, Stored, pipeline::Connector},
    doorbell::Doorbell,
    error::{ApiError, Result},
    metrics::Metrics,
};

/// Batches under way at once, at most.
const COMBINERS: usize = 4;
/// A batch that takes longer is held up: more than the disk of a small machine takes. Two batches that share the processors take
/// longer than one of all.
const HEAD_START: Duration = Duration::from_millis(20);
/// How long a batch waits for a shard of the log: longer than a disk falters.
pub const SHARD_PATIENCE: Duration = Duration::from_secs(1);
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
    queue: Queue<Arc<NewMessage>, Answer>,
    /// A send that was not taken into a batch by then is 503. Nothing of it was stored.
    wait_max: Duration,
    /// Of requests, for sends apart.
    db: PgPool,
    doorbell: Doorbell,
    metrics: Metrics,
    apart: Apart,
}

impl Item for Arc<NewMessage> {
    type Lane = Shard;
    type Name = (UserId, ClientId);

    fn lane(&self) -> Shard {
        Shard::of(self.workspace_id)
    }

    fn name(&self) -> Option<(UserId, ClientId)> {
        Some((self.sender_id, self.client_id.clone()?))
    }
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

impl Sends {
    /// Starts the combiners. `connector` makes their own connections, `db` is for sends apart. They run until
    /// [`Sends::close`], and then until all that was taken in is answered.
    pub fn start(
        connector: Connector,
        db: PgPool,
        limits: &LimitsConfig,
        doorbell: Doorbell,
        metrics: Metrics,
        lifecycle: &Lifecycle,
    ) -> Self {
        let wait_max = Duration::from_secs(limits.send_wait_seconds);
        let answer_max = statement_timeout(limits) + ANSWER_MARGIN;
        let queue = Queue::new(limits.waiting_sends, HEAD_START);
        let connections = Arc::new(Connections::new(connector));
        for _ in 0..COMBINERS {
            let combiner = Combiner {
                queue: queue.clone(),
                connections: Arc::clone(&connections),
                wait_max,
                answer_max,
                doorbell: doorbell.clone(),
                metrics: metrics.clone(),
            };
            lifecycle.spawn("sends", async move {
                at_once(combiner.run()).await;
                Ok(())
            });
        }
        let apart = Apart::new(db.options().get_max_connections());
        Self(Arc::new(Shared { queue, wait_max, db, doorbell, metrics, apart }))
    }

    /// Takes nothing in any more. To be called when no request is under way.
    pub fn close(&self) {
        self.0.queue.close();
    }

    /// Stores a message and has it told. None: the sender may not, or the client id was used before.
    ///
    /// # Errors
    /// 503 when too many are sending, the database is away, or the chat stays locked; it says so if the message may
    /// have been stored all the same.
    pub async fn send(&self, new: &Arc<NewMessage>) -> Result<Option<Stored>> {
        let shared = &self.0;
        let _under_way = Counted::enter(&shared.metrics.sends_under_way);
        if !shared.apart.has(new.chat_id) {
            let answer = shared.queue.put(Arc::clone(new)).map_err(|refused| match refused {
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
        Box::pin(shared.send_apart(new)).await // rare, and large
    }
}

impl Shared {
    async fn send_apart(&self, new: &NewMessage) -> Result<Option<Stored>> {
        let here = self.apart.enter(new.chat_id);
        let Some(_place) = here.place(self.wait_max).await else { return Err(Failure::Late.into()) };
        match messages::insert(&self.db, new, None, Bell::IsLeftToCaller).await {
            Ok(stored) => {
                here.came_through();
                self.doorbell.ring(Shard::of(new.workspace_id).into());
                Ok(stored)
            }
            Err(e) if is_certain(&e) => Err(e.into()),
            Err(e) => {
                error!("a send failed, and whether it was stored is not known: {e}");
                Err(Failure::Unknown.into())
            }
        }
    }
}

/// Counts a send for as long as somebody waits for it.
struct Counted<'a>(&'a Gauge);

impl<'a> Counted<'a> {
    fn enter(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests;
