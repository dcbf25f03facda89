//! The task that turns waiting messages into batches, runs them, and decides what a failed batch
//! means.

use std::{collections::HashMap, future::Future, pin::Pin, time::Duration};

use chat_core::{Shard, cursor::Shards};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{
    Failure, Outcome,
    lines::{Line, LineError, Lines},
    queue::{BATCH_MAX, Queue, Suspect, Waiting},
};
use crate::{
    db::messages::{
        NewMessage,
        send::{Locked, Notify, PIPELINED_MAX, SendError, StoredMessage},
    },
    doorbell::Doorbell,
    error::is_away,
    metrics::Metrics,
};

/// Batches on the main line at the same time. Postgres begins the second as soon as it has
/// committed the first; it need not wait for this process.
const MAIN_LINE_BATCHES: usize = PIPELINED_MAX as usize;
/// Larger batches send their NOTIFY after the commit: one read of so many events costs a reader
/// less than one NOTIFY each, and a NOTIFY in a transaction makes other notifying transactions wait
/// for its flush.
const NOTIFY_IN_TRANSACTION_MAX: usize = 8;
/// How often the queue is searched for messages that have waited too long.
const EXPIRY_INTERVAL: Duration = Duration::from_millis(250);

pub struct Dispatcher {
    inbox: mpsc::Receiver<Waiting>,
    closed: CancellationToken,
    queue: Queue,
    lines: Lines,
    /// Batches that run on the main line.
    on_main_line: usize,
    /// Messages in them.
    messages_on_main_line: usize,
    wait_max: Duration,
    doorbell: Doorbell,
    metrics: Metrics,
}

type Running = Pin<Box<dyn Future<Output = Finished> + Send>>;

/// A finished batch.
struct Finished {
    line: Line,
    /// None on the main line.
    suspect: Option<Suspect>,
    batch: Vec<Waiting>,
    notify: Notify,
    result: Result<Vec<StoredMessage>, LineError>,
}

impl Dispatcher {
    pub fn new(
        inbox: mpsc::Receiver<Waiting>,
        closed: CancellationToken,
        lines: Lines,
        wait_max: Duration,
        doorbell: Doorbell,
        metrics: Metrics,
    ) -> Self {
        let queue = Queue::default();
        Self {
            inbox,
            closed,
            queue,
            lines,
            on_main_line: 0,
            messages_on_main_line: 0,
            wait_max,
            doorbell,
            metrics,
        }
    }

    /// Until it is closed, and every message is answered.
    pub async fn run(mut self) {
        let mut running = FuturesUnordered::<Running>::new();
        let mut arrived = Vec::with_capacity(BATCH_MAX);
        let mut expiry = interval(EXPIRY_INTERVAL);
        expiry.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.start_batches(&running);
            let is_idle = running.is_empty() && self.queue.is_empty();
            let may_receive = !self.inbox.is_closed() || !self.inbox.is_empty();
            tokio::select! {
                biased;
                Some(finished) = running.next() => self.finish(finished),
                count = self.inbox.recv_many(&mut arrived, BATCH_MAX), if may_receive => {
                    for waiting in arrived.drain(..count) {
                        self.queue.push(waiting);
                    }
                }
                () = self.closed.cancelled(), if !self.inbox.is_closed() => self.inbox.close(),
                _ = expiry.tick(), if !is_idle => {
                    for waiting in self.queue.take_expired(self.wait_max) {
                        waiting.answer(Outcome::Failed(Failure::WaitedTooLong));
                    }
                }
                // Closed, nothing waits and nothing runs: every branch is off.
                else => return,
            }
        }
    }

    fn start_batches(&mut self, running: &FuturesUnordered<Running>) {
        while self.on_main_line < MAIN_LINE_BATCHES {
            let batch = self.queue.next_healthy(self.messages_on_main_line);
            if batch.is_empty() {
                break;
            }
            self.on_main_line += 1;
            self.messages_on_main_line += batch.len();
            running.push(self.start(self.lines.main.clone(), None, batch));
        }
        while let Some(line) = self.lines.isolated.pop() {
            let Some((suspect, batch)) = self.queue.next_isolated() else {
                self.lines.isolated.push(line);
                break;
            };
            running.push(self.start(line, Some(suspect), batch));
        }
    }

    fn start(&self, line: Line, suspect: Option<Suspect>, batch: Vec<Waiting>) -> Running {
        self.metrics.send_batches.inc();
        let in_transaction =
            batch.len() <= NOTIFY_IN_TRANSACTION_MAX && self.doorbell.may_notify_in_transaction();
        let notify = if in_transaction { Notify::InTransaction } else { Notify::AfterCommit };
        Box::pin(async move {
            let new: Vec<&NewMessage> = batch.iter().map(|waiting| waiting.new.as_ref()).collect();
            let result = line.send(&new, notify).await;
            drop(new);
            Finished { line, suspect, batch, notify, result }
        })
    }

    fn finish(&mut self, finished: Finished) {
        let Finished { line, suspect, batch, notify, result } = finished;
        if suspect.is_some() {
            self.lines.isolated.push(line);
        } else {
            self.on_main_line -= 1;
            self.messages_on_main_line -= batch.len();
        }
        match result {
            Ok(stored) => {
                if let Some(suspect) = suspect {
                    self.queue.release(suspect);
                }
                if notify == Notify::AfterCommit {
                    self.doorbell.ring(shards_of(&batch));
                }
                let mut stored: HashMap<_, _> = stored.into_iter().collect();
                for waiting in batch {
                    match stored.remove(&waiting.new.id) {
                        Some(Some(message)) => waiting.answer(Outcome::Stored(message)),
                        Some(None) => waiting.answer(Outcome::NotSendable),
                        // A batch with a message that may not be sent stores nothing, and the
                        // answer names only such messages.
                        None => self.queue_again(waiting),
                    }
                }
            }
            Err(LineError::NoConnection) => self.give_up(batch, suspect, Failure::DatabaseAway),
            Err(LineError::Send(e)) => self.fail(&e, batch, suspect, notify),
        }
    }

    fn fail(&mut self, e: &SendError, batch: Vec<Waiting>, suspect: Option<Suspect>, notify: Notify) {
        let count = batch.len();
        if notify == Notify::InTransaction && e.is_notify_queue_full() {
            warn!("{count} messages are stored without a NOTIFY: {e}");
            self.doorbell.notify_queue_is_full();
            self.put_back(batch, suspect);
        } else if let Some(locked) = e.locked() {
            warn!("{count} messages wait for what another transaction has locked ({locked:?}): {e}");
            for Waiting { new, .. } in &batch {
                self.queue.isolate(match locked {
                    Locked::Shard => Suspect::Shard(Shard::of(new.workspace_id)),
                    Locked::Chat => Suspect::Chat(new.chat_id),
                    Locked::Sender => Suspect::Sender(new.sender_id),
                });
            }
            self.put_back(batch, suspect);
        } else if e.is_bad_message() && !matches!(suspect, Some(Suspect::Message(_))) {
            // A message alone is tried once more too: another node may have stored its client id
            // meanwhile.
            warn!("{count} messages are stored one by one: {e}");
            for waiting in &batch {
                self.queue.isolate(Suspect::Message(waiting.new.id));
            }
            self.put_back(batch, suspect);
        } else {
            error!("{count} messages could not be stored: {e}");
            let failure = failure_of(e);
            if matches!(failure, Failure::Unknown) {
                self.doorbell.ring(shards_of(&batch)); // in case they were
            }
            self.give_up(batch, suspect, failure);
        }
    }

    fn put_back(&mut self, batch: Vec<Waiting>, suspect: Option<Suspect>) {
        if let Some(suspect) = suspect {
            self.queue.try_later(suspect);
        }
        for waiting in batch {
            self.queue_again(waiting);
        }
    }

    fn queue_again(&mut self, waiting: Waiting) {
        // Checked here too: the expiry never sees a message that is retried at once.
        if waiting.since.elapsed() > self.wait_max {
            waiting.answer(Outcome::Failed(Failure::WaitedTooLong));
        } else {
            self.queue.push(waiting);
        }
    }

    fn give_up(&mut self, batch: Vec<Waiting>, suspect: Option<Suspect>, failure: Failure) {
        if let Some(suspect) = suspect {
            self.queue.try_later(suspect);
        }
        for waiting in batch {
            waiting.answer(Outcome::Failed(failure));
        }
    }
}

/// What an error means for a batch if neither a lock nor one bad message caused it.
fn failure_of(error: &SendError) -> Failure {
    let Some(reported) = error.reported() else { return Failure::Unknown };
    let code = reported.code().code();
    // An error while the database shuts down or crashes does not say that the commit was undone.
    if ["08", "57P", "58", "XX"].iter().any(|class| code.starts_with(class)) {
        Failure::Unknown
    } else if is_away(code, reported.constraint().is_some()) {
        Failure::DatabaseAway
    } else {
        Failure::Internal
    }
}

fn shards_of(batch: &[Waiting]) -> Shards {
    batch.iter().map(|waiting| Shard::of(waiting.new.workspace_id)).collect()
}
