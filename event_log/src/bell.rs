//! The doorbell: one connection that listens, and tries again for ever. It says when to look, and brings the newest row
//! along where it can (see [`rung`](crate::rung)), so that losing it costs time and no event.

use std::{
    convert::Infallible,
    future::poll_fn,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chat_core::{cursor::Shards, event::DOORBELL_CHANNEL};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};
use tokio_postgres::AsyncMessage;
use tracing::{info, warn};

use crate::{
    backoff::Backoff,
    database::{Database, Error, within},
    health::TailHealth,
    row::LogRow,
    rung::{Ring, Writers},
};

/// How often the connection has to prove that a NOTIFY comes through.
const ECHO_INTERVAL: Duration = Duration::from_secs(5);
const ECHO_TIMEOUT: Duration = Duration::from_secs(3);

/// The least pause between two looks at who may write the log, however many strangers ring.
const WRITERS_PAUSE: Duration = Duration::from_secs(1);
/// Rows that wait to be taken, beyond which rings only say where to look.
const RUNG_ROWS_MAX: usize = 256;

/// Remembers what it has rung for until that is taken.
#[derive(Debug, Default)]
pub struct Bell {
    rings: Mutex<Rings>,
    rung: Notify,
}

/// What a bell has rung for.
#[derive(Debug)]
pub struct Rings {
    /// Where there is something to be read.
    pub shards: Shards,
    /// Rows that came with the rings, in their order.
    pub rows: Vec<LogRow>,
}

impl Rings {
    pub fn is_empty(&self) -> bool {
        self.shards.is_empty() && self.rows.is_empty()
    }

    /// Where there is something, if what came along is not taken.
    pub fn everywhere(&self) -> Shards {
        self.rows.iter().map(|row| row.shard).collect::<Shards>().union(self.shards)
    }
}

impl Default for Rings {
    fn default() -> Self {
        Self { shards: Shards::NONE, rows: Vec::new() }
    }
}

impl Bell {
    /// What it has rung for since this was asked last.
    pub fn take(&self) -> Rings {
        mem::take(&mut *self.rings())
    }

    /// Completes once there is something to take.
    pub async fn rung(&self) {
        loop {
            if !self.rings().is_empty() {
                return;
            }
            self.rung.notified().await;
        }
    }

    pub(crate) fn ring(&self, ring: Ring) {
        {
            let mut rings = self.rings();
            match ring {
                Ring::With(row) if rings.rows.len() < RUNG_ROWS_MAX => rings.rows.push(*row),
                Ring::With(row) => rings.shards = rings.shards.union(row.shard.into()),
                Ring::In(shards) => rings.shards = rings.shards.union(shards),
            }
        }
        self.rung.notify_one();
    }

    fn rings(&self) -> MutexGuard<'_, Rings> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Listens until dropped.
pub async fn listen(database: &Database, bell: &Bell, health: &TailHealth) -> Infallible {
    let mut backoff = Backoff::new();
    loop {
        let began = Instant::now();
        let Err(e) = listen_once(database, bell, health).await;
        health.set_listening(false);
        if began.elapsed() > ECHO_INTERVAL {
            backoff = Backoff::new();
        }
        warn!("the doorbell is not heard, events are found by polling: {:#}", anyhow::Error::new(e));
        sleep(backoff.next()).await;
    }
}

async fn listen_once(database: &Database, bell: &Bell, health: &TailHealth) -> Result<Infallible, Error> {
    let (client, mut connection) = database.connect("parlor doorbell").await?;
    // A channel of this connection's own: what comes back on it was sent by this connection.
    let echo_channel = format!("parlor_echo_{:016x}", rand::random::<u64>());
    let echo = Notify::new();
    let writers = Writers::default();
    let stranger = Notify::new();
    // Nothing moves on a connection, notifications included, unless somebody polls it.
    let drive = async {
        loop {
            match poll_fn(|cx| connection.poll_message(cx)).await {
                Some(Ok(AsyncMessage::Notification(n))) if n.channel() == echo_channel => echo.notify_one(),
                Some(Ok(AsyncMessage::Notification(n))) if n.channel() == DOORBELL_CHANNEL => {
                    bell.ring(Ring::In(Shards::of_ring(n.payload())));
                }
                Some(Ok(AsyncMessage::Notification(n))) => match Ring::with_row(n.payload()) {
                    Ring::With(row) if !writers.include(&n) => {
                        bell.ring(Ring::In(row.shard.into()));
                        stranger.notify_one();
                    }
                    ring => bell.ring(ring),
                },
                Some(Ok(_)) => {}
                Some(Err(e)) => return Err(Error::from(e)),
                None => return Err(Error::Closed),
            }
        }
    };
    let converse = async {
        let listen = format!("listen {DOORBELL_CHANNEL}; listen {echo_channel}; select log_listen()");
        within(ECHO_TIMEOUT, client.batch_execute(&listen)).await?;
        info!("listening for the doorbell");
        health.set_listening(true);
        // What was written before this moment may have rung for nobody: look once.
        bell.ring(Ring::In(Shards::ALL));
        loop {
            match within(ECHO_TIMEOUT, writers.read(&client)).await {
                // Who may not ask reads every row, as if none came along.
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
            tokio::select! { () = next_echo => {}, () = stranger.notified() => {} }
        }
    };
    tokio::select! { ended = drive => ended, ended = converse => ended }
}
