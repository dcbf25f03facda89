//! Follows the log from now on.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use chat_core::{Shard, cursor::Shards, lifecycle::Lifecycle};
use tokio::time::{Instant, sleep_until};
use tokio_postgres::{Client, Statement};
use tracing::{error, info, warn};

use crate::{
    backoff::Backoff,
    bell::{self, Bell, Rings},
    database::{Database, Error, READ_TIMEOUT, within},
    health::TailHealth,
    read::{self, BYTES_MAX, Head, Heads, ROWS_MAX},
    row::LogRow,
};

/// The poll, of all shards: soon after it has found rows, since more tend to follow, then less and less often. The longest
/// pause is how late an event can be when the doorbell is not heard, whatever else it rings for.
const POLL_FIRST: Duration = Duration::from_millis(10);
const POLL_LONGEST: Duration = Duration::from_millis(250);
/// Reads begin at least this far apart: under load one read takes what many rings announce.
const READ_SPACING: Duration = Duration::from_millis(1);
/// The same for a reader that only forgets what has changed. The first read after a while does not wait in either case.
const SPARING_READ_SPACING: Duration = Duration::from_millis(10);

/// What [`Tail::next`] reports.
#[derive(Debug)]
pub enum TailEvent {
    /// Connected. The next rows come after these: the end of the log the first time, later where it had stopped.
    Ready(Heads),
    /// The next rows; in each shard they go on, in order of id, exactly where the last ones ended.
    Rows(Vec<LogRow>),
    /// Rows of this shard are lost to this reader (dropped by retention, or by a failover or restore): it goes on from
    /// `head`. Whatever was derived from the shard's rows must be built again.
    Gap { shard: Shard, head: Head },
    /// The log cannot be read; trying again. Positions are kept.
    Disconnected,
}

/// One reader of the whole log. Reads only while [`Tail::next`] is awaited, so a consumer that is busy is not flooded.
pub struct Tail {
    database: Database,
    lifecycle: Lifecycle,
    health: TailHealth,
    bell: Arc<Bell>,
    read_spacing: Duration,
    with_payloads: bool,
    /// To be read whether or not the poll is due: the bell has rung for them, or there was more than one read gives.
    due: Shards,
    /// The bell has rung for some of what is due.
    is_rung: bool,
    /// Before it takes more of what the bell has brought: rows that come with rings do not keep it from reading.
    reads_next: bool,
    session: Option<Session>,
    reached: Option<Reached>,
    events: VecDeque<TailEvent>,
    backoff: Backoff,
    retry_at: Instant,
    read_at: Instant,
    /// When all shards were read last.
    polled_at: Instant,
    pause: Duration,
}

/// The connection that reads.
struct Session {
    client: Client,
    after: Statement,
}

/// How far it has come.
struct Reached {
    heads: Heads,
    /// The highest that the server was seen on.
    timeline: i32,
}

impl Tail {
    /// A tail that begins at the end of the log as it is when it first connects, which it does in [`Tail::next`]. Its
    /// connections and its doorbell belong to `lifecycle`.
    ///
    /// # Errors
    /// `url` cannot be used. That the database is away is no error.
    pub fn start(url: &str, lifecycle: &Lifecycle) -> anyhow::Result<(Self, TailHealth)> {
        let database = Database::parse(url)?;
        let health = TailHealth::new();
        let bell = Arc::new(Bell::default());
        lifecycle.spawn("doorbell", {
            let (database, bell, health) = (database.clone(), Arc::clone(&bell), health.clone());
            let stop = lifecycle.token();
            async move {
                tokio::select! {
                    () = stop.cancelled() => Ok(()),
                    never = bell::listen(&database, &bell, &health) => match never {},
                }
            }
        });
        let tail = Self {
            database,
            lifecycle: lifecycle.clone(),
            health: health.clone(),
            bell,
            read_spacing: READ_SPACING,
            with_payloads: true,
            due: Shards::NONE,
            is_rung: false,
            reads_next: false,
            session: None,
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

    /// For a reader that wants to know what has changed and not into what: payloads are empty, and while much is written
    /// the rows that it has to read come some milliseconds later, many at once.
    #[must_use]
    pub fn sparing(self) -> Self {
        Self { read_spacing: SPARING_READ_SPACING, with_payloads: false, ..self }
    }

    /// Waits for what happens next. May be dropped and called again: nothing is lost by that.
    pub async fn next(&mut self) -> TailEvent {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            if self.session.is_none() {
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
            self.wait_to_look().await;
            if !self.reads_next {
                let rows = self.take_rung();
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
            match self.look().await {
                Ok(rows) if rows.is_empty() => {}
                Ok(rows) => return TailEvent::Rows(rows),
                Err(e) => {
                    warn!("the event log cannot be read any more: {:#}", anyhow::Error::new(e));
                    self.session = None;
                    self.health.set_connected(false);
                    self.retry_at = Instant::now() + self.backoff.next();
                    return TailEvent::Disconnected;
                }
            }
        }
    }

    /// Opens the reading connection and checks that the log still is the one that was read before.
    async fn connect(&mut self) -> Result<(), Error> {
        let (client, connection) = self.database.connect("parlor tail").await?;
        let stop = self.lifecycle.token();
        self.lifecycle.spawn_connection(async move {
            // Its errors reach whoever waits for an answer.
            tokio::select! { _ = connection => {}, () = stop.cancelled() => {} }
        });
        let seen = self.reached.as_ref();
        let checked = async {
            // Its one query is planned once, perhaps while a partition is empty: by the index, then, whatever the
            // statistics say. They may be a minute old, in which a partition fills.
            client.batch_execute("set enable_seqscan = off; set enable_bitmapscan = off").await?;
            let timeline = read::primary_timeline(&client).await?.ok_or(Error::Standby)?;
            let heads = read::heads(&client).await?;
            let lost = match seen {
                Some(seen) if seen.heads.generation == heads.generation => {
                    if timeline < seen.timeline {
                        return Err(Error::OldTimeline { seen: seen.timeline, found: timeline });
                    }
                    read::lost(&client, &seen.heads.by_shard).await?
                }
                // Somebody has restored a backup and said so: nothing that was read before holds.
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
        self.session = Some(Session { client, after });
        self.reached = Some(Reached { heads: from.clone(), timeline });
        self.events.push_back(TailEvent::Ready(from));
        for shard in lost {
            self.report_gap(shard, heads.of(shard));
        }
        self.backoff = Backoff::new();
        self.pause = POLL_FIRST;
        // What came along meanwhile may be of before a restore, or have been deleted since. All is read.
        let _before = self.bell.take();
        self.due = Shards::ALL;
        Ok(())
    }

    /// Until the bell rings or the poll is due.
    async fn wait_to_look(&self) {
        if !self.due.is_empty() {
            return;
        }
        tokio::select! {
            () = self.bell.rung() => {}
            () = sleep_until(self.polled_at + self.pause) => {}
        }
    }

    fn is_poll_due(&self) -> bool {
        Instant::now() >= self.polled_at + self.pause
    }

    /// Takes what the bell has rung for: the rows that go on where their shards were read to. Where else something is said to
    /// be is noted as due.
    fn take_rung(&mut self) -> Vec<LogRow> {
        let Rings { shards, mut rows } = self.bell.take();
        let Some(reached) = &mut self.reached else { return Vec::new() };
        let mut due = shards;
        rows.retain(|row| {
            let head = &mut reached.heads.by_shard[row.shard.index()];
            if row.id <= head.id {
                return false; // has been read
            }
            // A row of another timeline may be one that a failover has lost.
            let goes_on = row.prev_id == head.id && row.timeline == reached.timeline;
            if goes_on {
                *head = Head { id: row.id, timeline: row.timeline };
            } else {
                due = due.union(row.shard.into());
            }
            goes_on
        });
        self.is_rung |= !due.is_empty();
        self.due = self.due.union(due);
        self.health.note_rung(rows.len());
        if !self.with_payloads {
            for row in &mut rows {
                row.payload.clear();
            }
        }
        rows
    }

    /// Reads once what is there, and moves on behind it.
    async fn look(&mut self) -> Result<Vec<LogRow>, Error> {
        // What would come along is read.
        let rings = self.bell.take();
        self.is_rung |= !rings.is_empty();
        self.due = self.due.union(rings.everywhere());
        let is_poll = self.is_poll_due();
        self.read_at = Instant::now();
        let shards = if is_poll { Shards::ALL } else { self.due };
        let mut rows = self.read(shards).await?;
        let mut broken = self.broken_shards(&rows);
        if !broken.is_empty() {
            // Cannot happen while writers take the shard's lock. Once more, lest it was a moment's doing.
            error!(?broken, "rows are missing in the event log");
            rows = self.read(shards).await?;
            broken = self.broken_shards(&rows);
        }
        self.health.note_read(rows.len(), std::mem::take(&mut self.is_rung));
        if is_poll {
            self.polled_at = self.read_at;
            self.pause = if rows.is_empty() { (self.pause * 2).min(POLL_LONGEST) } else { POLL_FIRST };
        }
        self.due = cut_shards(&rows).chain(broken.iter().copied()).collect();
        if !broken.is_empty() {
            let (Some(session), Some(_)) = (&self.session, &self.reached) else { return Err(Error::Closed) };
            let heads = within(READ_TIMEOUT, read::heads(&session.client)).await?;
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

    async fn read(&self, shards: Shards) -> Result<Vec<LogRow>, Error> {
        let (Some(session), Some(reached)) = (&self.session, &self.reached) else {
            return Err(Error::Closed);
        };
        within(READ_TIMEOUT, read::after(&session.client, &session.after, &reached.heads.by_shard, shards))
            .await
    }

    /// The shards in which some row does not follow the one before it.
    fn broken_shards(&self, rows: &[LogRow]) -> Vec<Shard> {
        let Some(reached) = &self.reached else { return Vec::new() };
        let mut ends = reached.heads.by_shard.map(|head| head.id);
        let mut broken = Vec::new();
        for row in rows {
            let end = &mut ends[row.shard.index()];
            if row.prev_id != *end && broken.last() != Some(&row.shard) {
                broken.push(row.shard);
            }
            *end = row.id;
        }
        broken
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

/// Where a limit of [`read::after`] may have kept rows back.
fn cut_shards(rows: &[LogRow]) -> impl Iterator<Item = Shard> {
    rows.chunk_by(|a, b| a.shard == b.shard).filter_map(|rows| {
        let bytes = || rows.iter().map(|row| row.payload.len()).sum::<usize>();
        (rows.len() >= ROWS_MAX || bytes() >= BYTES_MAX).then_some(rows[0].shard)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rung::Ring;
    use private_postgres::testing::TestDatabase;

    #[tokio::test]
    async fn rows_that_come_with_rings_do_not_keep_others_from_being_read() {
        let database = TestDatabase::new().await.unwrap();
        let lifecycle = Lifecycle::new();
        let (mut tail, _) = Tail::start(database.url(), &lifecycle).unwrap();
        assert!(matches!(tail.next().await, TailEvent::Ready(_)));
        let (writer, connection) =
            tokio_postgres::connect(database.url(), tokio_postgres::NoTls).await.unwrap();
        lifecycle.spawn_connection(async move { drop(connection.await) });
        // Of another shard than those that ring, and nobody rings for it.
        writer.batch_execute("set parlor.doorbell = 'after'; select log_tick(6::smallint)").await.unwrap();
        let nil = "00000000-0000-0000-0000-000000000005";
        let starved = async {
            for id in 1_000.. {
                // There is always one more.
                let ring = format!(
                    "5 {id} {} 1 0 {nil} {nil} {nil} {nil} {{}}",
                    if id == 1_000 { 0 } else { id - 1 }
                );
                tail.bell.ring(Ring::with_row(&ring));
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
        let (mut tail, health) = Tail::start(database.url(), &Lifecycle::new()).unwrap();
        assert!(matches!(tail.next().await, TailEvent::Ready(_)));
        tail.reached.as_mut().unwrap().timeline = 9;
        tail.session = None;
        assert!(matches!(tail.connect().await, Err(Error::OldTimeline { seen: 9, found: 1 })));
        assert!(tail.reached.is_some(), "the next attempt must know, too");
        assert!(!health.is_fresh(Duration::from_secs(60)));
    }
}
