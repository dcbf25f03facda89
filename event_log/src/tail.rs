//! Follows the whole log from its end on. The tail reports each row once and in order of id within
//! its shard, or a [`TailEvent::Gap`] where it cannot prove that none is missing.
//!
//! It reads when the doorbell rings or a poll is due. A row that a NOTIFY carried is taken without
//! a read only if it follows the last row of its shard.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use chat_core::{Shard, cursor::Shards, lifecycle::Lifecycle};
use tokio::time::{Instant, sleep_until};
use tokio_postgres::{Client, Statement};
use tracing::{error, info, warn};

use crate::{
    backoff::Backoff,
    database::{Database, Error, READ_TIMEOUT, within},
    doorbell::{self, Channel, Doorbell, Pending},
    health::TailHealth,
    read::{self, BYTES_MAX, Head, Heads, ROWS_MAX},
    row::LogRow,
};

/// The pause between two polls of all shards. It starts short after a poll that found rows, since
/// more tend to follow, and doubles after each that found none. The longest pause bounds how late
/// an event can be when its NOTIFY is lost.
const POLL_FIRST: Duration = Duration::from_millis(10);
const POLL_LONGEST: Duration = Duration::from_millis(250);
/// The shortest time between the starts of two reads: under load one read serves many NOTIFYs.
const READ_SPACING: Duration = Duration::from_millis(1);
/// The same for [`Tail::invalidations_only`]. A read after a quiet time waits in neither case.
const INVALIDATION_READ_SPACING: Duration = Duration::from_millis(10);

/// What [`Tail::next`] reports.
#[derive(Debug)]
pub enum TailEvent {
    /// Connected. The next rows come after these heads: the end of the log the first time, and
    /// after a reconnect the last rows that were reported.
    Ready(Heads),
    /// The next rows. In each shard they directly follow the rows reported before, in order of id.
    Rows(Vec<LogRow>),
    /// Rows of this shard are lost to this reader, dropped by retention, a failover or a restore.
    /// It continues after `head`; state that was derived from the shard's rows must be rebuilt.
    Gap { shard: Shard, head: Head },
    /// The log cannot be read; the tail reconnects and keeps its positions.
    Disconnected,
}

/// One reader of the whole log. It reads only while [`Tail::next`] is awaited, so a busy consumer
/// is not flooded.
pub struct Tail {
    database: Database,
    lifecycle: Lifecycle,
    health: TailHealth,
    doorbell: Arc<Doorbell>,
    read_spacing: Duration,
    with_payloads: bool,
    /// Shards to read before the next poll: notified, or with more rows than one read returns.
    due: Shards,
    /// The doorbell rang for some of `due`.
    is_notified: bool,
    /// Reads before it takes more rows from NOTIFYs, so that a stream of these cannot delay other
    /// reads.
    reads_next: bool,
    reader: Option<Reader>,
    reached: Option<Reached>,
    events: VecDeque<TailEvent>,
    backoff: Backoff,
    retry_at: Instant,
    read_at: Instant,
    /// The start of the last read of all shards.
    polled_at: Instant,
    pause: Duration,
}

/// The connection that reads, and its prepared query.
struct Reader {
    client: Client,
    after: Statement,
}

/// How far the tail has read.
struct Reached {
    heads: Heads,
    /// The highest timeline that the server was seen on.
    timeline: i32,
}

impl Tail {
    /// A tail that begins at the end of the log at its first connection, which [`Tail::next`]
    /// makes. Its connections and its doorbell belong to `lifecycle`. The doorbell listens to
    /// `channels` as well.
    ///
    /// # Errors
    /// `url` cannot be used. A database that does not answer is no error.
    pub fn start(
        url: &str,
        lifecycle: &Lifecycle,
        channels: Vec<Channel>,
    ) -> anyhow::Result<(Self, TailHealth)> {
        let database = Database::parse(url)?;
        let health = TailHealth::new();
        let doorbell = Arc::new(Doorbell::default());
        lifecycle.spawn("doorbell", {
            let (database, doorbell, health) = (database.clone(), Arc::clone(&doorbell), health.clone());
            let stop = lifecycle.token();
            async move {
                tokio::select! {
                    () = stop.cancelled() => Ok(()),
                    never = doorbell::listen(&database, &doorbell, &channels, &health) => match never {},
                }
            }
        });
        let tail = Self {
            database,
            lifecycle: lifecycle.clone(),
            health: health.clone(),
            doorbell,
            read_spacing: READ_SPACING,
            with_payloads: true,
            due: Shards::NONE,
            is_notified: false,
            reads_next: false,
            reader: None,
            reached: None,
            events: VecDeque::new(),
            backoff: Backoff::new(),
            retry_at: Instant::now(),
            read_at: Instant::now(),
            polled_at: Instant::now(),
            pause: POLL_FIRST,
        };
        Ok((tail, health))
    }

    /// For a consumer that only invalidates caches: payloads are empty, and under load it reads
    /// more rows at once, some milliseconds later.
    #[must_use]
    pub fn invalidations_only(self) -> Self {
        Self { read_spacing: INVALIDATION_READ_SPACING, with_payloads: false, ..self }
    }

    /// Waits for the next event. Cancel-safe: dropping the future loses nothing.
    pub async fn next(&mut self) -> TailEvent {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            if self.reader.is_none() {
                sleep_until(self.retry_at).await;
                match self.connect().await {
                    Ok(()) => self.health.set_connected(true),
                    Err(e) => {
                        warn!("the event log cannot be read: {:#}", anyhow::Error::new(e));
                        self.retry_at = Instant::now() + self.backoff.next();
                    }
                }
                continue;
            }
            self.wait_until_due().await;
            if !self.reads_next {
                let rows = self.take_pending();
                self.reads_next = !self.due.is_empty() || self.is_poll_due();
                if !rows.is_empty() {
                    return TailEvent::Rows(rows);
                }
            }
            if !self.reads_next {
                continue;
            }
            sleep_until(self.read_at + self.read_spacing).await;
            self.reads_next = false;
            match self.read_due().await {
                Ok(rows) if rows.is_empty() => {}
                Ok(rows) => return TailEvent::Rows(rows),
                Err(e) => {
                    warn!("the event log cannot be read any more: {:#}", anyhow::Error::new(e));
                    self.reader = None;
                    self.health.set_connected(false);
                    self.retry_at = Instant::now() + self.backoff.next();
                    return TailEvent::Disconnected;
                }
            }
        }
    }

    /// Opens the reading connection and checks that this log contains the rows read so far.
    async fn connect(&mut self) -> Result<(), Error> {
        let (client, connection) = self.database.connect("parlor tail").await?;
        let stop = self.lifecycle.token();
        self.lifecycle.spawn_connection(async move {
            // An error of the connection also fails the query in flight.
            tokio::select! { _ = connection => {}, () = stop.cancelled() => {} }
        });
        let seen = self.reached.as_ref();
        let checked = async {
            client.batch_execute(read::USE_INDEXES).await?;
            let timeline = read::primary_timeline(&client).await?.ok_or(Error::Standby)?;
            let heads = read::heads(&client).await?;
            let lost = match seen {
                Some(seen) if seen.heads.generation == heads.generation => {
                    if timeline < seen.timeline {
                        return Err(Error::OldTimeline { seen: seen.timeline, found: timeline });
                    }
                    read::lost(&client, &seen.heads.by_shard).await?
                }
                // The log was restored from a backup: no position from before is valid.
                Some(_) => Shard::all().collect(),
                None => Vec::new(),
            };
            let after = read::prepare_after(&client, self.with_payloads).await?;
            Ok((timeline, heads, lost, after))
        };
        let (timeline, heads, lost, after) = within(READ_TIMEOUT, checked).await?;

        info!(generation = heads.generation, timeline, "reading the event log");
        let mut from = self.reached.take().map_or_else(|| heads.clone(), |reached| reached.heads);
        from.generation = heads.generation;
        self.reader = Some(Reader { client, after });
        self.reached = Some(Reached { heads: from.clone(), timeline });
        self.events.push_back(TailEvent::Ready(from));
        for shard in lost {
            self.report_gap(shard, heads.of(shard));
        }
        self.backoff = Backoff::new();
        self.pause = POLL_FIRST;
        // Pending rows may be from before a restore, or deleted since. Everything is read instead.
        let _discarded = self.doorbell.take();
        self.due = Shards::ALL;
        Ok(())
    }

    /// Waits until the doorbell rings or the poll is due.
    async fn wait_until_due(&self) {
        if !self.due.is_empty() {
            return;
        }
        tokio::select! {
            () = self.doorbell.wait_for_ring() => {}
            () = sleep_until(self.polled_at + self.pause) => {}
        }
    }

    fn is_poll_due(&self) -> bool {
        Instant::now() >= self.polled_at + self.pause
    }

    /// Takes what was notified. Returns the rows that directly follow the last row of their shard,
    /// and marks the shards of all others as due.
    fn take_pending(&mut self) -> Vec<LogRow> {
        let Pending { shards, mut rows } = self.doorbell.take();
        let Some(reached) = &mut self.reached else { return Vec::new() };
        let mut due = shards;
        rows.retain(|row| {
            let head = &mut reached.heads.by_shard[row.shard.index()];
            if row.id <= head.id {
                return false; // was read already
            }
            // A row of another timeline may be one that a failover lost.
            let follows = row.prev_id == head.id && row.timeline == reached.timeline;
            if follows {
                *head = Head { id: row.id, timeline: row.timeline };
            } else {
                due = due.union(row.shard.into());
            }
            follows
        });
        self.is_notified |= !due.is_empty();
        self.due = self.due.union(due);
        self.health.note_notify_rows(rows.len());
        if !self.with_payloads {
            for row in &mut rows {
                row.payload.clear();
            }
        }
        rows
    }

    /// Reads the due shards once, all of them when the poll is due, and moves the positions.
    async fn read_due(&mut self) -> Result<Vec<LogRow>, Error> {
        // Pending rows are discarded: this read returns them.
        let pending = self.doorbell.take();
        self.is_notified |= !pending.is_empty();
        self.due = self.due.union(pending.all_shards());
        let is_poll = self.is_poll_due();
        self.read_at = Instant::now();
        let shards = if is_poll { Shards::ALL } else { self.due };
        let mut rows = self.read(shards).await?;
        let mut broken = self.broken_shards(&rows);
        if !broken.is_empty() {
            // Impossible while writers take the shard's lock. Read again before a gap is reported.
            error!(?broken, "rows are missing in the event log");
            rows = self.read(shards).await?;
            broken = self.broken_shards(&rows);
        }
        self.health.note_read(rows.len(), std::mem::take(&mut self.is_notified));
        if is_poll {
            self.polled_at = self.read_at;
            self.pause = if rows.is_empty() { (self.pause * 2).min(POLL_LONGEST) } else { POLL_FIRST };
        }
        self.due = cut_shards(&rows).chain(broken.iter().copied()).collect();
        if !broken.is_empty() {
            let (Some(reader), Some(_)) = (&self.reader, &self.reached) else { return Err(Error::Closed) };
            let heads = within(READ_TIMEOUT, read::heads(&reader.client)).await?;
            rows.retain(|row| !broken.contains(&row.shard));
            for shard in broken {
                self.report_gap(shard, heads.of(shard));
            }
        }
        if let Some(reached) = &mut self.reached {
            for row in &rows {
                reached.heads.by_shard[row.shard.index()] = Head { id: row.id, timeline: row.timeline };
            }
        }
        Ok(rows)
    }

    fn broken_shards(&self, rows: &[LogRow]) -> Vec<Shard> {
        self.reached
            .as_ref()
            .map(|reached| read::broken_shards(&reached.heads.by_shard, rows))
            .unwrap_or_default()
    }

    async fn read(&self, shards: Shards) -> Result<Vec<LogRow>, Error> {
        let (Some(reader), Some(reached)) = (&self.reader, &self.reached) else {
            return Err(Error::Closed);
        };
        within(READ_TIMEOUT, read::after(&reader.client, &reader.after, &reached.heads.by_shard, shards))
            .await
    }

    fn report_gap(&mut self, shard: Shard, head: Head) {
        error!(shard = shard.number(), head = head.id, "events of this shard are lost to this reader");
        self.health.note_gap();
        if let Some(reached) = &mut self.reached {
            reached.heads.by_shard[shard.index()] = head;
        }
        self.events.push_back(TailEvent::Gap { shard, head });
    }
}

/// The shards in which a limit of [`read::after`] may have withheld rows.
fn cut_shards(rows: &[LogRow]) -> impl Iterator<Item = Shard> {
    rows.chunk_by(|a, b| a.shard == b.shard).filter_map(|rows| {
        let bytes = || rows.iter().map(|row| row.payload.len()).sum::<usize>();
        (rows.len() >= ROWS_MAX || bytes() >= BYTES_MAX).then_some(rows[0].shard)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify_row::Wakeup;
    use private_postgres::testing::TestDatabase;

    #[tokio::test]
    async fn rows_from_notifies_do_not_delay_other_reads() {
        let database = TestDatabase::new().await.unwrap();
        let lifecycle = Lifecycle::new();
        let (mut tail, _) = Tail::start(database.url(), &lifecycle, Vec::new()).unwrap();
        assert!(matches!(tail.next().await, TailEvent::Ready(_)));
        let (writer, connection) =
            tokio_postgres::connect(database.url(), tokio_postgres::NoTls).await.unwrap();
        lifecycle.spawn_connection(async move { drop(connection.await) });
        // In another shard, and without a NOTIFY.
        writer.batch_execute("set parlor.doorbell = 'after'; select log_tick(6::smallint)").await.unwrap();
        let nil = "00000000-0000-0000-0000-000000000005";
        let starved = async {
            for id in 1_000.. {
                // The next row is always pending.
                let ring = format!(
                    "5 {id} {} 1 0 {nil} {nil} {nil} {nil} {{}}",
                    if id == 1_000 { 0 } else { id - 1 }
                );
                tail.doorbell.ring(Wakeup::parse(&ring));
                let TailEvent::Rows(rows) = tail.next().await else { panic!("no rows") };
                if rows.iter().any(|row| row.shard.number() == 6) {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), starved).await.expect("it is never read");
    }

    #[tokio::test]
    async fn a_former_primary_that_comes_back_is_refused() {
        let database = TestDatabase::new().await.unwrap();
        let (mut tail, health) = Tail::start(database.url(), &Lifecycle::new(), Vec::new()).unwrap();
        assert!(matches!(tail.next().await, TailEvent::Ready(_)));
        tail.reached.as_mut().unwrap().timeline = 9;
        tail.reader = None;
        assert!(matches!(tail.connect().await, Err(Error::OldTimeline { seen: 9, found: 1 })));
        assert!(tail.reached.is_some(), "the next attempt must know it too");
        assert!(!health.is_fresh(Duration::from_secs(60)));
    }
}
