//! The doorbell: one connection that listens, and tries again for ever. It only says when to look, so that losing it
//! costs time and no event.

use std::{
    convert::Infallible,
    future::poll_fn,
    sync::atomic::{AtomicU16, Ordering::SeqCst},
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
};

/// How often the connection has to prove that a NOTIFY comes through.
const ECHO_INTERVAL: Duration = Duration::from_secs(5);
const ECHO_TIMEOUT: Duration = Duration::from_secs(3);

/// Remembers what it has rung for until that is taken.
#[derive(Debug, Default)]
pub struct Bell {
    shards: AtomicU16,
    rung: Notify,
}

impl Bell {
    /// The shards that it has rung for since this was asked last.
    pub fn take(&self) -> Shards {
        Shards::from_bits(self.shards.swap(0, SeqCst))
    }

    /// Completes once there is something to take.
    pub async fn rung(&self) {
        while self.shards.load(SeqCst) == 0 {
            self.rung.notified().await;
        }
    }

    fn ring(&self, shards: Shards) {
        self.shards.fetch_or(shards.bits(), SeqCst);
        self.rung.notify_one();
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
    // Nothing moves on a connection, notifications included, unless somebody polls it.
    let drive = async {
        loop {
            match poll_fn(|cx| connection.poll_message(cx)).await {
                Some(Ok(AsyncMessage::Notification(n))) if n.channel() == echo_channel => echo.notify_one(),
                Some(Ok(AsyncMessage::Notification(n))) => bell.ring(Shards::of_ring(n.payload())),
                Some(Ok(_)) => {}
                Some(Err(e)) => return Err(Error::from(e)),
                None => return Err(Error::Closed),
            }
        }
    };
    let converse = async {
        let listen = format!("listen {DOORBELL_CHANNEL}; listen {echo_channel}");
        within(ECHO_TIMEOUT, client.batch_execute(&listen)).await?;
        info!("listening for the doorbell");
        health.set_listening(true);
        // What was written before this moment may have rung for nobody: look once.
        bell.ring(Shards::ALL);
        loop {
            let sent = Instant::now();
            let notify = format!("notify {echo_channel}");
            within(ECHO_TIMEOUT, client.batch_execute(&notify)).await?;
            timeout(ECHO_TIMEOUT, echo.notified()).await.map_err(|_| Error::Timeout(ECHO_TIMEOUT))?;
            health.note_round_trip(sent.elapsed());
            sleep(ECHO_INTERVAL).await;
        }
    };
    tokio::select! { ended = drive => ended, ended = converse => ended }
}
