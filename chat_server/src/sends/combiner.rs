//! What takes sends out of the queue and commits them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chat_core::{Shard, cursor::Shards};
use sqlx::PgConnection;
use tokio::time::timeout;
use tracing::{error, warn};

use super::{
    Answer,
    connections::Connections,
    failure::{Failure, is_about_bell, is_about_shard, is_about_some, is_certain},
    queue::{Batch, Queue, UnderWay, Waiting},
};
use crate::{
    db::messages::{self, Bell, NewMessage},
    doorbell::Doorbell,
    error::ApiError,
    metrics::Metrics,
};

/// How long a batch waits for its connection.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(3);
/// Most messages of a batch: with more, those that come first wait for longer than is gained.
const BATCH_MAX: usize = 64;
/// How long a batch waits for a chat or sender that somebody else has locked. Longer than another node's batch takes;
/// short, since all others wait with it.
pub const BATCH_PATIENCE: Duration = Duration::from_millis(250);
/// Larger batches ring after their commit: for so many at once a reader's one read costs less than their rings, and whoever
/// else rings would wait for the flush.
const RINGS_MAX: usize = 8;

/// Commits sends, batch by batch.
pub struct Combiner {
    pub queue: Queue<Arc<NewMessage>, Answer>,
    pub connections: Arc<Connections>,
    pub wait_max: Duration,
    /// A database that is silent for longer than it lets a statement run is gone, though nobody has said so. A batch that is sent
    /// again without some of it has no more time.
    pub answer_max: Duration,
    pub doorbell: Doorbell,
    pub metrics: Metrics,
}

impl Combiner {
    /// Until the queue is closed and all of it is answered.
    pub async fn run(mut self) {
        while let Some(Batch { items, late, under_way }) = self.queue.take(BATCH_MAX, self.wait_max).await {
            answer_all(late, Answer::Failed(Failure::Late));
            if items.is_empty() {
                continue;
            }
            match self.connections.take(CONNECTION_PATIENCE).await {
                Ok(db) => self.store(db, items, &under_way).await,
                Err(e) => {
                    error!("no connection for a batch of {} sends: {e}", items.len());
                    answer_all(
                        items,
                        Answer::Failed(Failure::NotStored("the database is not available now")),
                    );
                }
            }
            drop(under_way);
        }
    }

    async fn store(
        &mut self,
        mut db: PgConnection,
        items: Vec<Waiting<Arc<NewMessage>, Answer>>,
        under_way: &UnderWay<Arc<NewMessage>, Answer>,
    ) {
        let new: Vec<&NewMessage> = items.iter().map(|waiting| waiting.item.as_ref()).collect();
        let shards: Shards = new.iter().map(|new| Shard::of(new.workspace_id)).collect();
        let rings = new.len() <= RINGS_MAX && self.doorbell.may_ring_within();
        let bell = if rings { Bell::RingsWithCommit } else { Bell::IsLeftToCaller };
        let insert = messages::insert_all(&mut db, &new, Some(BATCH_PATIENCE), bell);
        let outcome = timeout(self.answer_max, insert).await;
        self.metrics.send_batches.inc();
        let Ok(outcome) = outcome else {
            error!("a batch of {} sends failed: the database is silent", items.len());
            // Closed, not given back: whatever comes over it is too late.
            self.doorbell.ring(shards); // should it have been stored
            return answer_all(items, Answer::Failed(Failure::Unknown));
        };
        match outcome {
            Ok(None) => {
                self.connections.give_back(db);
                warn!(
                    "a batch of {} sends is sent one by one: whether all of it may be sent keeps changing",
                    items.len()
                );
                answer_all(items, Answer::SendApart);
            }
            Ok(Some(stored)) => {
                self.connections.give_back(db);
                under_way.held_up(false);
                if bell == Bell::IsLeftToCaller {
                    self.doorbell.ring(shards);
                }
                let stored: HashMap<_, _> = stored.into_iter().map(|stored| (stored.id, stored)).collect();
                for waiting in items {
                    let answer = stored.get(&waiting.item.id).copied();
                    waiting.answer(answer.map_or(Answer::LeftOut, Answer::Stored));
                }
            }
            Err(e) if is_about_shard(&e) => {
                self.connections.give_back(db);
                warn!("a batch of {} sends waits for the log: {e}", items.len());
                under_way.held_up(true);
                self.queue.put_back(items);
            }
            Err(e) if rings && is_about_bell(&e) => {
                self.connections.give_back(db);
                warn!("a batch of {} sends is stored without a ring: {e}", items.len());
                self.doorbell.be_quiet();
                self.queue.put_back(items);
            }
            Err(e) if is_about_some(&e) => {
                self.connections.give_back(db);
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
                if !certain {
                    self.doorbell.ring(shards); // should it have been stored
                }
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
