//! The doorbell: one connection that LISTENs and reconnects for ever. It tells the tail which
//! shards to read, and hands over rows that a NOTIFY carries ([`notify_row`](crate::notify_row)).
//!
//! It may lose any NOTIFY: that delays an event until the next poll, and loses none.

use std::{
    convert::Infallible,
    future::poll_fn,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chat_core::{cursor::Shards, event::DOORBELL_CHANNEL};
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep, timeout},
};
use tokio_postgres::AsyncMessage;
use tracing::{info, warn};

use crate::{
    backoff::Backoff,
    database::{Database, Error, within},
    health::TailHealth,
    notify_row::{Wakeup, Writers},
    row::LogRow,
};

/// How often the connection NOTIFYs itself to prove that it still receives.
const ECHO_INTERVAL: Duration = Duration::from_secs(5);
const ECHO_TIMEOUT: Duration = Duration::from_secs(3);

/// The shortest pause between two reads of the list of writers, however many unknown backends
/// NOTIFY.
const WRITERS_PAUSE: Duration = Duration::from_secs(1);
/// Rows kept until the tail takes them. Beyond it, a NOTIFY with a row only says which shard to
/// read.
const PENDING_ROWS_MAX: usize = 256;

/// Collects what was notified until the tail takes it.
#[derive(Debug, Default)]
pub struct Doorbell {
    pending: Mutex<Pending>,
    rang: Notify,
}

/// What was notified and is not taken yet.
#[derive(Debug)]
pub struct Pending {
    /// Shards to read.
    pub shards: Shards,
    /// Rows that NOTIFYs carried, in the order of arrival.
    pub rows: Vec<LogRow>,
}

impl Pending {
    pub fn is_empty(&self) -> bool {
        self.shards.is_empty() && self.rows.is_empty()
    }

    /// The shards to read if the rows are discarded.
    pub fn all_shards(&self) -> Shards {
        self.rows.iter().map(|row| row.shard).collect::<Shards>().union(self.shards)
    }
}

impl Default for Pending {
    fn default() -> Self {
        Self { shards: Shards::NONE, rows: Vec::new() }
    }
}

impl Doorbell {
    /// Everything that was notified since the last call.
    pub fn take(&self) -> Pending {
        mem::take(&mut *self.pending())
    }

    /// Completes once there is something to take.
    pub async fn wait_for_ring(&self) {
        loop {
            if !self.pending().is_empty() {
                return;
            }
            self.rang.notified().await;
        }
    }

    pub(crate) fn ring(&self, wakeup: Wakeup) {
        {
            let mut pending = self.pending();
            match wakeup {
                Wakeup::Row(row) if pending.rows.len() < PENDING_ROWS_MAX => pending.rows.push(*row),
                Wakeup::Row(row) => pending.shards = pending.shards.union(row.shard.into()),
                Wakeup::Read(shards) => pending.shards = pending.shards.union(shards),
            }
        }
        self.rang.notify_one();
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A channel besides the log's own that the doorbell's connection listens to.
#[derive(Clone, Debug)]
pub struct Channel {
    pub name: &'static str,
    /// Receives the payloads. One that finds no room is dropped: a NOTIFY is never more than a hint.
    pub payloads: mpsc::Sender<String>,
}

/// Listens until dropped.
pub async fn listen(
    database: &Database,
    doorbell: &Doorbell,
    channels: &[Channel],
    health: &TailHealth,
) -> Infallible {
    let mut backoff = Backoff::new();
    loop {
        let began = Instant::now();
        let Err(e) = listen_once(database, doorbell, channels, health).await;
        health.set_listening(false);
        if began.elapsed() > ECHO_INTERVAL {
            backoff = Backoff::new();
        }
        warn!("the doorbell is not heard, events are found by polling: {:#}", anyhow::Error::new(e));
        sleep(backoff.next()).await;
    }
}

async fn listen_once(
    database: &Database,
    doorbell: &Doorbell,
    channels: &[Channel],
    health: &TailHealth,
) -> Result<Infallible, Error> {
    let (client, mut connection) = database.connect("parlor doorbell").await?;
    // The name is random, so only this connection sends on the channel.
    let echo_channel = format!("parlor_echo_{:016x}", rand::random::<u64>());
    let echo = Notify::new();
    let writers = Writers::default();
    let unknown_writer = Notify::new();
    // A connection delivers notifications only while it is polled.
    let drive = async {
        loop {
            match poll_fn(|cx| connection.poll_message(cx)).await {
                Some(Ok(AsyncMessage::Notification(n))) if n.channel() == echo_channel => echo.notify_one(),
                Some(Ok(AsyncMessage::Notification(n))) if n.channel() == DOORBELL_CHANNEL => {
                    doorbell.ring(Wakeup::Read(Shards::from_notify(n.payload())));
                }
                Some(Ok(AsyncMessage::Notification(n))) if channels.iter().any(|c| c.name == n.channel()) => {
                    for channel in channels.iter().filter(|channel| channel.name == n.channel()) {
                        // No room: dropped.
                        let _ = channel.payloads.try_send(n.payload().to_owned());
                    }
                }
                Some(Ok(AsyncMessage::Notification(n))) => match Wakeup::parse(n.payload()) {
                    Wakeup::Row(row) if !writers.include(&n) => {
                        doorbell.ring(Wakeup::Read(row.shard.into()));
                        unknown_writer.notify_one();
                    }
                    wakeup => doorbell.ring(wakeup),
                },
                Some(Ok(_)) => {}
                Some(Err(e)) => return Err(Error::from(e)),
                None => return Err(Error::Closed),
            }
        }
    };
    let converse = async {
        let mut listen = format!("listen {DOORBELL_CHANNEL}; listen {echo_channel}; select log_listen()");
        for channel in channels {
            listen.push_str("; listen ");
            listen.push_str(channel.name);
        }
        within(ECHO_TIMEOUT, client.batch_execute(&listen)).await?;
        info!("listening for the doorbell");
        health.set_listening(true);
        // Rows that were committed before the LISTEN notified another session only: read once.
        doorbell.ring(Wakeup::Read(Shards::ALL));
        loop {
            match within(ECHO_TIMEOUT, writers.read(&client)).await {
                // Without the list, the tail reads every row from the table.
                Err(Error::Postgres(e)) if e.as_db_error().is_some() => {
                    warn!("who may write the log cannot be found out: {e}");
                    writers.forget();
                }
                read => read?,
            }
            let sent = Instant::now();
            let notify = format!("notify {echo_channel}");
            within(ECHO_TIMEOUT, client.batch_execute(&notify)).await?;
            timeout(ECHO_TIMEOUT, echo.notified()).await.map_err(|_| Error::Timeout(ECHO_TIMEOUT))?;
            health.note_round_trip(sent.elapsed());
            let next_echo = sleep(ECHO_INTERVAL);
            sleep(WRITERS_PAUSE).await;
            tokio::select! { () = next_echo => {}, () = unknown_writer.notified() => {} }
        }
    };
    tokio::select! { ended = drive => ended, ended = converse => ended }
}
