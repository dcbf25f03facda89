//! Consumers of the event log: effects of what happened that no request waits for. Each has a
//! position in every shard, is led by one node at a time, and has a file under `consumers/`.
//!
//! The invariant: a position moves from a known value in the transaction of the effect. A leader
//! that was deposed without knowing fails there. So each event takes effect in the database once,
//! also when processes die.
//!
//! A new consumer begins at the end of the log, and so does one that events were lost to: jobs
//! derive what was before from the tables.

mod workspace_usage;

use std::{convert::Infallible, time::Duration};

use anyhow::Context as _;
use chat_core::{Shard, lifecycle::Lifecycle};
use event_log::{Database, Head, Heads, LogRow, Reader};
use sqlx::PgConnection;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::{db, state::AppState};

/// How long a node leads without a renewal. Another one takes over after that.
const LEASE: Duration = Duration::from_secs(10);
const RENEW_EVERY: Duration = Duration::from_secs(3);
/// A consumer reads when this node's tail of the log has seen rows, and at least this often.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// The shortest time between two reads: under load one transaction takes many events.
const READ_SPACING: Duration = Duration::from_millis(50);
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// A transaction that takes longer is given up with its leader.
const APPLY_TIMEOUT: Duration = Duration::from_secs(60);

/// What follows from the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumer {
    /// Messages and bytes by chat and day.
    WorkspaceUsage,
}

impl Consumer {
    pub const ALL: [Self; 1] = [Self::WorkspaceUsage];

    /// As in the column `name`.
    pub fn name(self) -> &'static str {
        match self {
            Self::WorkspaceUsage => "workspace_usage",
        }
    }

    /// Whether the effect needs the payloads of the events.
    fn reads_payloads(self) -> bool {
        match self {
            Self::WorkspaceUsage => false,
        }
    }

    /// Does what follows from `rows`, all of one shard, which are exactly the events after
    /// `before`.
    async fn apply(self, db: &mut PgConnection, before: Head, rows: &[LogRow]) -> sqlx::Result<()> {
        match self {
            Self::WorkspaceUsage => workspace_usage::apply(db, before, rows).await,
        }
    }

    /// Begins at the end of a shard's log again, with a new backfill. A leader that is reading the
    /// shard fails at its next commit and reads the positions again.
    pub async fn begin_anew(self, db: &mut PgConnection, shard: Shard) -> anyhow::Result<()> {
        db::consumers::forget_position(&mut *db, self.name(), shard).await?;
        self.begin(&mut *db).await?;
        db::consumers::mark_broken(&mut *db, self.name(), shard).await?;
        Ok(())
    }

    /// Gives the consumer a position in each shard where it has none.
    async fn begin(self, db: &mut PgConnection) -> anyhow::Result<()> {
        for beginning in db::consumers::begin(&mut *db, self.name()).await? {
            let shard =
                Shard::new(beginning.shard.into()).context("a shard that this version does not know")?;
            self.start_derivation(db, shard, beginning.began_after).await?;
        }
        Ok(())
    }

    /// Forgets what was derived from a shard, and adds the jobs that derive it from the tables as
    /// it was after the event `began_after`.
    async fn start_derivation(
        self,
        db: &mut PgConnection,
        shard: Shard,
        began_after: i64,
    ) -> sqlx::Result<()> {
        match self {
            Self::WorkspaceUsage => db::usage::start_anew(db, shard, began_after).await,
        }
    }
}

/// Leads a consumer whenever no other node does, until dropped.
pub async fn run(
    state: AppState,
    database: Database,
    consumer: Consumer,
    lifecycle: Lifecycle,
) -> anyhow::Result<()> {
    let node = Uuid::new_v4();
    let name = consumer.name();
    loop {
        match db::consumers::hold_lease(&state.background, name, node, LEASE.as_secs_f64()).await {
            Ok(true) => {
                let mut leader =
                    Leader { state: &state, consumer, node, renew_at: Instant::now() + RENEW_EVERY };
                let Err(e) = leader.lead(&database, &lifecycle).await;
                state.metrics.consumer_lag(name, 0.0);
                warn!(consumer = name, "the consumer pauses: {e:#}");
                let _ = db::consumers::release_lease(&state.background, name, node).await;
            }
            Ok(false) => {}
            Err(e) => warn!(consumer = name, "the consumer has no leader: {e}"),
        }
        sleep(RETRY_PAUSE).await;
    }
}

/// This node while it holds the lease.
struct Leader<'a> {
    state: &'a AppState,
    consumer: Consumer,
    node: Uuid,
    renew_at: Instant,
}

impl Leader<'_> {
    /// Leads until something fails. Everything is read from the database again then.
    async fn lead(&mut self, database: &Database, lifecycle: &Lifecycle) -> anyhow::Result<Infallible> {
        let (db, name) = (&self.state.background, self.consumer.name());
        let application = format!("parlor {name}");
        let reader =
            Reader::connect(database, &application, self.consumer.reads_payloads(), lifecycle).await?;
        let mut tx = db.begin().await?;
        self.consumer.begin(&mut tx).await?;
        tx.commit().await?;
        let db::consumers::Positions { heads: mut positions, of_other_generation } =
            db::consumers::list_positions(db, name).await?;
        let mut lost = of_other_generation;
        lost.extend(reader.lost(&positions).await?);
        lost.sort_unstable();
        lost.dedup();
        info!(consumer = name, "leading");
        loop {
            for shard in lost {
                positions.by_shard[shard.index()] = self.start_anew(shard, positions.of(shard)).await?;
            }
            let read_at = Instant::now();
            if read_at >= self.renew_at {
                self.renew(&positions).await?;
            }
            let seen = self.state.log_news.subscribe();
            let batch = reader.after(&positions).await?;
            let is_idle = batch.rows.is_empty() && batch.lost.is_empty();
            self.note_lag(&batch.rows);
            let mut failed = false;
            for rows in batch.rows.chunk_by(|a, b| a.shard == b.shard) {
                let shard = rows[0].shard;
                match self.apply(positions.of(shard), rows).await {
                    Ok(position) => positions.by_shard[shard.index()] = position,
                    // Such as a locked chat: the other shards go on.
                    Err(e) if is_of_statement(&e) => {
                        warn!(consumer = name, shard = shard.number(), "a shard is retried: {e:#}");
                        failed = true;
                    }
                    Err(e) => return Err(e),
                }
            }
            if failed {
                sleep(RETRY_PAUSE).await;
            }
            lost = batch.lost;
            if is_idle {
                let mut seen = seen;
                let _ = timeout(POLL_EVERY, seen.changed()).await;
            }
            sleep_until(read_at + READ_SPACING).await;
        }
    }

    /// Events after the position are gone: begins at the end of the shard again. Where that is.
    async fn start_anew(&self, shard: Shard, position: Head) -> anyhow::Result<Head> {
        let name = self.consumer.name();
        error!(
            consumer = name,
            shard = shard.number(),
            position = position.id,
            "events were lost to the consumer: what it derived is derived from the tables again"
        );
        self.state.metrics.consumer_broke(name);
        let mut tx = self.state.background.begin().await?;
        let current = db::consumers::lock_position(&mut *tx, name, shard).await?;
        anyhow::ensure!(current == Some(position.id), "another node leads");
        self.consumer.begin_anew(&mut tx, shard).await?;
        let positions = db::consumers::list_positions(&mut *tx, name).await?;
        tx.commit().await?;
        Ok(positions.heads.of(shard))
    }

    async fn renew(&mut self, positions: &Heads) -> anyhow::Result<()> {
        let (db, name) = (&self.state.background, self.consumer.name());
        let is_held = db::consumers::hold_lease(db, name, self.node, LEASE.as_secs_f64()).await?;
        anyhow::ensure!(is_held, "another node leads");
        let current = db::consumers::list_positions(db, name).await?;
        anyhow::ensure!(current.heads.generation == positions.generation, "the log has another generation");
        self.renew_at = Instant::now() + RENEW_EVERY;
        Ok(())
    }

    /// Applies rows of one shard. Where the position is then.
    async fn apply(&self, before: Head, rows: &[LogRow]) -> anyhow::Result<Head> {
        match self.transact(before, rows, true).await {
            Err(e) if is_about_data(&e) && rows.len() > 1 => {
                // One of them cannot take effect; the others must.
                let mut position = before;
                for row in rows {
                    position = Box::pin(self.apply(position, std::slice::from_ref(row))).await?;
                }
                Ok(position)
            }
            Err(e) if is_about_data(&e) => {
                let name = self.consumer.name();
                error!(
                    consumer = name,
                    shard = rows[0].shard.number(),
                    id = rows[0].id,
                    "an event cannot take effect and is left out: {e:#}"
                );
                self.state.metrics.consumer_skipped(name);
                self.transact(before, rows, false).await
            }
            done => done,
        }
    }

    /// Moves the position past `rows`, in one transaction with their effect or without it.
    async fn transact(&self, before: Head, rows: &[LogRow], with_effect: bool) -> anyhow::Result<Head> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(before) };
        let after = Head { id: last.id, timeline: last.timeline };
        let work = async {
            let mut tx = self.state.background.begin().await?;
            db::consumers::commit_without_flush(&mut *tx).await?;
            let is_leader =
                db::consumers::advance(&mut tx, self.consumer.name(), first.shard, before, after).await?;
            anyhow::ensure!(is_leader, "another node leads");
            if with_effect {
                self.consumer.apply(&mut tx, before, rows).await?;
            }
            tx.commit().await?;
            Ok(after)
        };
        timeout(APPLY_TIMEOUT, work).await.context("no answer from the database")?
    }

    fn note_lag(&self, rows: &[LogRow]) {
        let oldest = rows.iter().map(|row| row.at).min();
        let lag = oldest.map_or(0.0, |at| (time::OffsetDateTime::now_utc() - at).as_seconds_f64().max(0.0));
        self.state.metrics.consumer_lag(self.consumer.name(), lag);
    }
}

/// Whether the statement failed because of what is in the rows, so that it would fail again:
/// SQLSTATE classes 22 (data) and 23 (constraints).
fn is_about_data(error: &anyhow::Error) -> bool {
    code_of(error).is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
}

/// Whether a statement failed and the connection may be good: no SQLSTATE of classes 08 and 57P.
fn is_of_statement(error: &anyhow::Error) -> bool {
    code_of(error).is_some_and(|code| !code.starts_with("08") && !code.starts_with("57P"))
}

fn code_of(error: &anyhow::Error) -> Option<String> {
    let error = error.downcast_ref::<sqlx::Error>().and_then(sqlx::Error::as_database_error)?;
    Some(error.code()?.into_owned())
}
