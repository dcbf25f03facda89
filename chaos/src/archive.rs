//! Reads the event log straight from Postgres, by a query of its own, and keeps the rows after
//! retention drops them. The oracle compares with these rows, not with what the servers say.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use sqlx::{Connection as _, PgConnection, Row as _, postgres::PgRow};
use time::OffsetDateTime;
use tokio::time::{sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::{
    device::hash,
    history::{History, Time},
};

const LOOK_EVERY: Duration = Duration::from_millis(200);
const LOOK_TIMEOUT: Duration = Duration::from_secs(20);
const SHARDS: usize = 16;
const COLUMNS: &str = "e.shard, e.id, e.prev_id, e.at, e.workspace_id, e.kind, e.audience, e.users, e.chat_id, \
                       e.user_id, e.message_id, e.payload";

/// A row of the log.
#[derive(Clone, Debug)]
pub struct ArchivedRow {
    pub shard: i16,
    pub id: i64,
    pub prev_id: i64,
    pub at: OffsetDateTime,
    pub workspace_id: Option<Uuid>,
    pub kind: String,
    pub audience: String,
    pub users: Vec<Uuid>,
    pub chat_id: Option<Uuid>,
    pub user_id: Option<Uuid>,
    pub message_id: Option<Uuid>,
    /// The hash of the payload when it was first read. A deletion removes bodies from it later.
    pub hash: u64,
    /// When it had been read.
    pub read_at: Time,
    /// Of a `message.new`.
    pub client_id: Option<String>,
    pub seq: Option<i64>,
    /// Written by hand; no client may see it.
    pub is_poison: bool,
}

/// A partition that was dropped.
#[derive(Clone, Copy, Debug)]
pub struct Dropped {
    /// A time before the drop.
    pub at: Time,
    /// Every id below this one is in this partition or an earlier one.
    pub edge: i64,
    /// A server that was down may not have read the partition to its end.
    pub may_be_unseen: bool,
}

/// All rows so far, by id.
pub struct Archive {
    history: Arc<History>,
    url: Arc<RwLock<String>>,
    rows: Arc<Mutex<BTreeMap<i64, ArchivedRow>>>,
    drops: Mutex<Vec<Dropped>>,
    stop: CancellationToken,
}

impl Archive {
    /// Reads along until dropped.
    pub fn start(url: &Arc<RwLock<String>>, history: &Arc<History>) -> Self {
        let rows = Arc::<Mutex<BTreeMap<i64, ArchivedRow>>>::default();
        let stop = CancellationToken::new();
        let reading = read_along(Arc::clone(url), Arc::clone(&rows), Arc::clone(history));
        TaskTracker::new().spawn(stop.clone().run_until_cancelled_owned(reading));
        let (url, history) = (Arc::clone(url), Arc::clone(history));
        Self { history, url, rows, drops: Mutex::default(), stop }
    }

    /// Reads all rows that are in the log now.
    pub async fn catch_up(&self) -> anyhow::Result<()> {
        let mut db = PgConnection::connect(&current(&self.url)).await?;
        // From the start, since a row may become visible after rows with higher ids.
        let sql = format!("select {COLUMNS} from event_log e order by id");
        let found = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut db).await?;
        keep(&self.rows, &found, self.history.now())?;
        db.close().await?;
        Ok(())
    }

    /// Records that a partition is about to be dropped. All of its rows are in the archive.
    pub fn drops(&self, edge: i64, may_be_unseen: bool) {
        lock(&self.drops).push(Dropped { at: self.history.now(), edge, may_be_unseen });
    }

    pub fn dropped(&self) -> Vec<Dropped> {
        lock(&self.drops).clone()
    }

    pub fn rows(&self) -> MutexGuard<'_, BTreeMap<i64, ArchivedRow>> {
        lock(&self.rows)
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn read_along(
    url: Arc<RwLock<String>>,
    rows: Arc<Mutex<BTreeMap<i64, ArchivedRow>>>,
    history: Arc<History>,
) {
    let mut after = [0_i64; SHARDS];
    let mut connection: Option<PgConnection> = None;
    loop {
        // Postgres may be down or silent, as for any reader.
        let looked =
            timeout(LOOK_TIMEOUT, look(&current(&url), &mut connection, &mut after, &rows, &history)).await;
        if !matches!(looked, Ok(Ok(()))) {
            connection = None;
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn look(
    url: &str,
    connection: &mut Option<PgConnection>,
    after: &mut [i64; SHARDS],
    rows: &Mutex<BTreeMap<i64, ArchivedRow>>,
    history: &History,
) -> anyhow::Result<()> {
    let db = match connection {
        Some(db) => db,
        None => connection.insert(PgConnection::connect(url).await?),
    };
    let sql = format!(
        "select {COLUMNS} from unnest($1::bigint[]) with ordinality c(id, shard), lateral (
             select * from event_log e where e.shard = (c.shard - 1)::smallint and e.id > c.id order by e.id limit 5000
         ) e"
    );
    let found = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(after.to_vec()).fetch_all(db).await?;
    for row in keep(rows, &found, history.now())? {
        let shard = usize::try_from(row.0)?;
        after[shard] = after[shard].max(row.1);
    }
    Ok(())
}

/// Adds rows, by shard and id.
fn keep(
    rows: &Mutex<BTreeMap<i64, ArchivedRow>>,
    found: &[PgRow],
    read_at: Time,
) -> anyhow::Result<Vec<(i16, i64)>> {
    let mut kept = Vec::with_capacity(found.len());
    let mut rows = lock(rows);
    for row in found {
        let row = read(row, read_at)?;
        kept.push((row.shard, row.id));
        rows.entry(row.id).or_insert(row);
    }
    Ok(kept)
}

fn read(row: &PgRow, read_at: Time) -> sqlx::Result<ArchivedRow> {
    let payload: String = row.try_get("payload")?;
    let kind: String = row.try_get("kind")?;
    let data: Option<serde_json::Value> = serde_json::from_str(&payload).ok();
    let audience: String = row.try_get("audience")?;
    let message = data.as_ref().filter(|_| kind == "message.new").map(|data| &data["message"]);
    Ok(ArchivedRow {
        shard: row.try_get("shard")?,
        id: row.try_get("id")?,
        prev_id: row.try_get("prev_id")?,
        at: row.try_get("at")?,
        workspace_id: row.try_get("workspace_id")?,
        users: row.try_get::<Option<Vec<Uuid>>, _>("users")?.unwrap_or_default(),
        chat_id: row.try_get("chat_id")?,
        user_id: row.try_get("user_id")?,
        message_id: row.try_get("message_id")?,
        hash: hash(&payload),
        read_at,
        client_id: message.and_then(|message| message["client_id"].as_str()).map(str::to_owned),
        seq: message.and_then(|message| message["seq"].as_i64()),
        is_poison: audience != "none" && !data.is_some_and(|data| data.is_object()),
        kind,
        audience,
    })
}

fn current(url: &RwLock<String>) -> String {
    url.read().unwrap_or_else(PoisonError::into_inner).clone()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
