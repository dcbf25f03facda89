//! Tells the notify_servers what is true only now ([`chat_core::ephemeral`]). Notices wait in a
//! bounded queue, and one task sends those that have gathered in one transaction that only
//! notifies. No request waits for that or fails by it: a notice that finds no room, or that
//! Postgres does not take, is dropped.

use std::time::Duration;

use chat_core::ephemeral::{CHANNEL, Notice};
use tokio::{sync::mpsc, time::sleep};
use tracing::warn;

use crate::{connect::Connect, db::notifier::Notifier, metrics::Metrics};

/// Notices that may wait: some seconds of many people who type.
const WAITING_MAX: usize = 2048;
/// Notices of one transaction. Each takes up to 8 KB of Postgres's queue of notifications.
const BATCH_MAX: usize = 256;
/// The pause between two transactions, in which notices gather. Each transaction holds a lock that
/// every other NOTIFY of the database waits for.
const PAUSE: Duration = Duration::from_millis(20);
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);

/// The handle of those who have something to tell.
pub struct Ephemeral {
    waiting: mpsc::Sender<Notice>,
    metrics: Metrics,
}

/// The notices that wait, for the task that sends them.
pub struct Waiting {
    notices: mpsc::Receiver<Notice>,
    metrics: Metrics,
}

pub fn channel(metrics: &Metrics) -> (Ephemeral, Waiting) {
    let (waiting, notices) = mpsc::channel(WAITING_MAX);
    (Ephemeral { waiting, metrics: metrics.clone() }, Waiting { notices, metrics: metrics.clone() })
}

impl Ephemeral {
    /// Never waits, and never fails.
    pub fn tell(&self, notice: Notice) {
        if self.waiting.try_send(notice).is_err() {
            self.metrics.ephemeral_dropped.inc();
        }
    }
}

impl Waiting {
    /// Sends until every [`Ephemeral`] is dropped.
    pub async fn run(mut self, connect: Connect) -> anyhow::Result<()> {
        let mut notifier = Notifier::new(connect);
        let mut batch = Vec::new();
        while self.notices.recv_many(&mut batch, BATCH_MAX).await > 0 {
            let texts = batch.drain(..).map(|notice| serde_json::to_string(&notice));
            let texts = texts.collect::<Result<Vec<String>, _>>()?;
            if notifier.notify(CHANNEL, &texts).await {
                self.metrics.ephemeral_sent.inc_by(texts.len() as u64);
                sleep(PAUSE).await;
            } else {
                warn!("{} notices of what is true only now could not be sent", texts.len());
                self.metrics.ephemeral_dropped.inc_by(texts.len() as u64);
                sleep(RECONNECT_PAUSE).await;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chat_core::{
        ChatId, UserId, WorkspaceId,
        ephemeral::{Notice, Typing},
    };

    use super::*;

    #[test]
    fn what_finds_no_room_is_dropped_and_counted() {
        let metrics = Metrics::default();
        let (ephemeral, mut waiting) = channel(&metrics);
        let typing = Typing {
            workspace: WorkspaceId::generate(),
            chat: ChatId::generate(),
            user: UserId::generate(),
            is_typing: true,
        };
        (0..WAITING_MAX + 3).for_each(|_| ephemeral.tell(Notice::Typing(typing)));
        assert_eq!(metrics.ephemeral_dropped.get(), 3);
        assert_eq!(waiting.notices.try_recv(), Ok(Notice::Typing(typing)));
    }
}
