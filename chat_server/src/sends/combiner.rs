//! What takes sends out of the queue and commits them.

use std::{collections::HashMap, pin::pin, sync::Arc, time::Duration};

use chat_core::{Shard, cursor::Shards};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::{Instant, sleep};
use tracing::{error, warn};

use super::{
    Answer,
    connections::{Connection, Connections},
    failure::{Failure, is_about_bell, is_about_shard, is_about_some},
    queue::{Batch, DEPTH, Queue, UnderWay, Waiting},
};
use crate::{
    db::messages::{Bell, NewMessage, pipeline::Sender},
    doorbell::Doorbell,
    error::DATABASE_AWAY,
    metrics::Metrics,
};

type Entry = Waiting<Arc<NewMessage>, Answer>;
type Place = UnderWay<Arc<NewMessage>, Answer>;

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
    /// A database that says nothing for longer than it lets a statement run is gone, though nobody has said so. A batch that is sent
    /// again without some of it has no more time.
    pub answer_max: Duration,
    pub doorbell: Doorbell,
    pub metrics: Metrics,
}

impl Combiner {
    /// Until the queue is closed and all of it is answered.
    pub async fn run(self) {
        while let Some(batch) = self.queue.take(BATCH_MAX, self.wait_max).await {
            let Some((items, under_way)) = in_time(batch) else { continue };
            match self.connections.take(CONNECTION_PATIENCE).await {
                Ok(db) => self.store_all(db, items, under_way).await,
                Err(e) => {
                    error!("no connection for a batch of {} sends: {e:#}", items.len());
                    answer_all(items, Answer::Failed(Failure::NotStored(DATABASE_AWAY)));
                }
            }
        }
    }

    /// A batch, and those that gather behind it.
    async fn store_all(&self, mut db: Connection, items: Vec<Entry>, under_way: Place) {
        // The batch that was begun last. Its lanes are those of all that are still under way here, or some of them.
        let mut ahead = under_way.ahead();
        let mut is_usable = true;
        let mut silence = pin!(sleep(self.answer_max));
        let mut batches = FuturesUnordered::new();
        batches.push(self.store(db.sender(), items, under_way));
        loop {
            let may_follow = is_usable && db.is_open() && batches.len() < DEPTH;
            tokio::select! {
                biased;
                Some((is_well, under_way)) = batches.next() => {
                    is_usable &= is_well;
                    if batches.is_empty() {
                        // Before others may take: whoever is next uses the same connection.
                        if is_usable && db.is_open() {
                            self.connections.give_back(db);
                        }
                        drop(under_way);
                        return;
                    }
                    silence.as_mut().reset(Instant::now() + self.answer_max);
                }
                () = db.drive() => {}
                () = &mut silence, if db.is_open() => {
                    error!("the database is silent: the connection of the sends is given up");
                    db.close(); // whatever came over it now would be too late
                }
                batch = self.queue.take_behind(&ahead, BATCH_MAX, self.wait_max), if may_follow => {
                    let Some((items, under_way)) = in_time(batch) else { continue };
                    ahead = under_way.ahead();
                    batches.push(self.store(db.sender(), items, under_way));
                }
            }
        }
    }

    /// Whether all is well with the connection, and others may come over it.
    async fn store(&self, db: Arc<Sender>, items: Vec<Entry>, under_way: Place) -> (bool, Place) {
        let new: Vec<&NewMessage> = items.iter().map(|waiting| waiting.item.as_ref()).collect();
        let shards: Shards = new.iter().map(|new| Shard::of(new.workspace_id)).collect();
        let rings = new.len() <= RINGS_MAX && self.doorbell.may_ring_within();
        let bell = if rings { Bell::RingsWithCommit } else { Bell::IsLeftToCaller };
        let outcome = db.insert_all(&new, Some(BATCH_PATIENCE), bell).await;
        self.metrics.send_batches.inc();
        match outcome {
            Ok(None) => {
                warn!(
                    "a batch of {} sends is sent one by one: whether all of it may be sent keeps changing",
                    items.len()
                );
                answer_all(items, Answer::SendApart);
            }
            Ok(Some(stored)) => {
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
                warn!("a batch of {} sends waits for the log: {e}", items.len());
                under_way.held_up(true);
                self.queue.put_back(items);
            }
            Err(e) if rings && is_about_bell(&e) => {
                warn!("a batch of {} sends is stored without a ring: {e}", items.len());
                self.doorbell.be_quiet();
                self.queue.put_back(items);
            }
            Err(e) if is_about_some(&e) => {
                warn!("a batch of {} sends is sent one by one: {e}", items.len());
                answer_all(items, Answer::SendApart);
            }
            Err(e) => {
                error!("a batch of {} sends failed: {e}", items.len());
                let failure = Failure::of(&e);
                if matches!(failure, Failure::Unknown) {
                    self.doorbell.ring(shards); // should it have been stored
                }
                answer_all(items, Answer::Failed(failure));
                return (false, under_way);
            }
        }
        (true, under_way)
    }
}

/// Those of a batch that are not late, if there are any.
fn in_time(batch: Batch<Arc<NewMessage>, Answer>) -> Option<(Vec<Entry>, Place)> {
    answer_all(batch.late, Answer::Failed(Failure::Late));
    (!batch.items.is_empty()).then_some((batch.items, batch.under_way))
}

fn answer_all(items: Vec<Entry>, answer: Answer) {
    for waiting in items {
        waiting.answer(answer);
    }
}
