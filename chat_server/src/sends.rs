//! Group commit: messages that arrive while a batch is being committed are committed together in
//! the next one. A message that arrives alone is a batch of one and waits for nothing.
//!
//! A request puts its message into the inbox and waits for the outcome. The [`dispatcher`], one
//! task, moves messages from the inbox into its [`queue`], takes batches from there and runs them
//! over its [`lines`] to Postgres: the main line carries two batches at a time, one behind the
//! other. A batch that fails because of a lock or of one bad message is put back, and each possible
//! cause (a suspect) is retried in batches of its own, on other lines, until Postgres answers one of
//! them without an error. So a
//! locked chat or sender, a locked shard of the log or a bad message fails alone, and delays other
//! messages once.

mod dispatcher;
mod lines;
mod queue;

use std::{sync::Arc, time::Duration};

use anyhow::anyhow;
use chat_core::{config::LimitsConfig, lifecycle::Lifecycle};
use prometheus_client::metrics::gauge::Gauge;
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use self::{dispatcher::Dispatcher, lines::Lines, queue::Waiting};
use crate::{
    db::messages::{NewMessage, send::Connector},
    doorbell::Doorbell,
    error::{ApiError, Result},
    metrics::Metrics,
};

/// The statement timeout of a batch: twice as long as a message may wait.
pub fn statement_timeout(limits: &LimitsConfig) -> Duration {
    Duration::from_secs((2 * limits.send_wait_seconds).max(10))
}

/// Handle for senders. Clones share the queue.
#[derive(Clone)]
pub struct Sends {
    inbox: mpsc::Sender<Waiting>,
    /// One permit for each message that may wait.
    room: Arc<Semaphore>,
    closed: CancellationToken,
    metrics: Metrics,
}

/// The outcome of a send.
#[derive(Debug)]
enum Outcome {
    /// Its JSON, as `message_json` renders it.
    Stored(String),
    /// The sender may not send it, `reply_to` cannot be answered, or it was stored before.
    NotSendable,
    Failed(Failure),
}

/// Why a message was not stored, or may not have been.
#[derive(Clone, Copy, Debug)]
enum Failure {
    WaitedTooLong,
    DatabaseAway,
    /// The connection was lost before the answer came.
    Unknown,
    Internal,
}

impl Sends {
    /// Starts the dispatcher. It runs until [`Sends::close`], and then until every message in its
    /// queue is answered.
    pub fn start(
        connector: &Connector,
        limits: &LimitsConfig,
        doorbell: Doorbell,
        metrics: Metrics,
        lifecycle: &Lifecycle,
    ) -> Self {
        let (inbox, arriving) = mpsc::channel(limits.waiting_sends.max(1));
        let closed = CancellationToken::new();
        let dispatcher = Dispatcher::new(
            arriving,
            closed.clone(),
            Lines::new(connector),
            Duration::from_secs(limits.send_wait_seconds),
            doorbell,
            metrics.clone(),
        );
        lifecycle.spawn("sends", async move {
            dispatcher.run().await;
            Ok(())
        });
        Self { inbox, room: Arc::new(Semaphore::new(limits.waiting_sends)), closed, metrics }
    }

    /// Refuses further messages. Call it when no request is being handled.
    pub fn close(&self) {
        self.closed.cancel();
    }

    /// Stores a message and tells its readers. The answer is its JSON. None: the sender may not
    /// send it, `reply_to` cannot be answered, or the client id was used before.
    ///
    /// # Errors
    /// 503 when too many messages wait, the database is away, or the chat stays locked. The text
    /// says so if the message may have been stored nevertheless.
    pub async fn send(&self, new: Arc<NewMessage>) -> Result<Option<String>> {
        let _under_way = Counted::new(&self.metrics.sends_under_way);
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            self.metrics.sends_refused.inc();
            return Err(Failure::WaitedTooLong.into());
        };
        let (answer, outcome) = oneshot::channel();
        let waiting = Waiting { new, since: Instant::now(), answer, _room: room };
        if self.inbox.try_send(waiting).is_err() {
            return Err(ApiError::Unavailable("this server is stopping"));
        }
        match outcome.await.unwrap_or(Outcome::Failed(Failure::Unknown)) {
            Outcome::Stored(message) => Ok(Some(message)),
            Outcome::NotSendable => Ok(None),
            Outcome::Failed(failure) => Err(failure.into()),
        }
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::WaitedTooLong => {
                Self::Unavailable("too many messages are waiting: nothing was stored, send again")
            }
            Failure::DatabaseAway => Self::Unavailable(crate::error::DATABASE_AWAY),
            Failure::Unknown => Self::Unavailable(
                "whether the message was stored is not known: send it again, under the same client_id",
            ),
            Failure::Internal => {
                Self::Internal(anyhow!("a message could not be stored; the cause was logged"))
            }
        }
    }
}

/// Counts a send for as long as its request waits.
struct Counted<'a>(&'a Gauge);

impl<'a> Counted<'a> {
    fn new(gauge: &'a Gauge) -> Self {
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
