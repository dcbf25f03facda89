//! All queries of notify_server except the tail's: workspaces, signing keys, and the log before the
//! ring. Every query has a time limit; a connection on which one failed is closed.

use std::{
    collections::{HashMap, HashSet},
    ops::{Deref, DerefMut},
    time::Duration,
};

use anyhow::Context as _;
use chat_core::{ChatId, SessionId, Shard, UserId, WorkspaceId};
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts,
};
use event_log::{
    Database, Heads, LogRow, READ_TIMEOUT,
    read::{self, MembershipChange, ReplayFor, ReplayRow},
    session,
};
use tokio::time::timeout;
use tokio_postgres::{Client, IsolationLevel};
use uuid::Uuid;

use crate::workspace::Workspace;

/// The size of the pool; a query waits up to `WAIT_MAX` for a free connection.
const CONNECTIONS_MAX: usize = 6;
const WAIT_MAX: Duration = Duration::from_secs(5);
/// A pooled connection is tested before it is reused; one that does not answer in time is closed.
const RECYCLE_MAX: Duration = Duration::from_secs(2);
/// Longer than other queries: loading many workspaces reads many rows.
const LOAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Longer than any access token lives (the configuration allows an hour), with room for clocks that
/// differ. Not as long as the configuration says: chat_server signs the tokens, by its own.
pub const TOKEN_LIFE: Duration = Duration::from_secs(2 * 3600);
/// Sessions that were used within this time are loaded with their workspace. After a restart they
/// come back all at once, and must not cost a query each.
const SESSION_LOAD: Duration = Duration::from_secs(24 * 3600);
/// Rows and bytes of one page of replay.
const PAGE_ROWS: usize = 500;
const PAGE_BYTES: usize = 256 * 1024;

/// The first table that may not be read, in words that follow "the database"; or null.
const RIGHTS_PROBLEM: &str = "select (select 'does not let the role ' || current_user || ' read the table ' || name
        || ': grant select on it'
    from unnest(array['chat_members', 'chats', 'event_log', 'log_meta', 'sessions', 'signing_keys', 'users']) name
    where to_regclass(name) is not null and not has_table_privilege(name, 'select')
    limit 1)";

/// The queries, with their connection pool. Clones share the pool.
#[derive(Clone)]
pub struct Queries {
    pool: Pool,
}

impl Queries {
    /// Connects when the first query runs.
    ///
    /// # Errors
    /// The URL cannot be used.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        let database = Database::parse(url)?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Verified };
        let pool = Pool::builder(Manager::from_config(
            database.config("notify_server"),
            database.connector(),
            recycling,
        ))
        .post_create(Hook::async_fn({
            let session = database.session().sql();
            move |client, _| {
                let session = session.clone();
                Box::pin(async move { client.batch_execute(&session).await.map_err(HookError::Backend) })
            }
        }))
        .max_size(CONNECTIONS_MAX)
        .timeouts(Timeouts { wait: Some(WAIT_MAX), create: Some(WAIT_MAX), recycle: Some(RECYCLE_MAX) })
        .runtime(Runtime::Tokio1)
        .build()
        .context("connection pool")?;
        Ok(Self { pool })
    }

    async fn run<T, F>(&self, limit: Duration, work: impl FnOnce(Borrowed) -> F) -> anyhow::Result<T>
    where
        F: Future<Output = anyhow::Result<(Borrowed, T)>>,
    {
        let connection = self.pool.get().await.context("no connection to the database")?;
        let (connection, answer) = timeout(limit, work(Borrowed(Some(connection))))
            .await
            .context("no answer from the database")??;
        connection.give_back();
        Ok(answer)
    }

    /// What of the database cannot be used, in words that follow "the database". Tables that are not
    /// there yet are no problem: a chat_server makes them.
    pub async fn problem(&self) -> anyhow::Result<Option<String>> {
        self.run(READ_TIMEOUT, |db| async move {
            for question in [session::PROBLEM, RIGHTS_PROBLEM] {
                let problem: Option<String> = db.query_one(question, &[]).await?.try_get(0)?;
                if problem.is_some() {
                    return Ok((db, problem));
                }
            }
            Ok((db, None))
        })
        .await
    }

    /// Key id and raw public key of each chat_server seen within a day.
    pub async fn signing_keys(&self) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        self.run(READ_TIMEOUT, |db| async move {
            let sql = "select kid, public_key from signing_keys where seen_at > now() - interval '1 day' limit 1000";
            let rows = db.query(sql, &[]).await?;
            let keys = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<anyhow::Result<_>>()?;
            Ok((db, keys))
        })
        .await
    }

    /// The newest rows of a shard up to `until`, oldest first.
    pub async fn newest(&self, shard: Shard, until: i64, rows_max: usize) -> anyhow::Result<Vec<LogRow>> {
        self.run(LOAD_TIMEOUT, |db| async move {
            let rows = read::newest(&*db, shard, until, rows_max, PAGE_BYTES * 16).await?;
            Ok((db, rows))
        })
        .await
    }

    /// Whether a session is a user's and has not ended.
    pub async fn is_session_of(
        &self,
        session: SessionId,
        user: UserId,
        workspace: WorkspaceId,
    ) -> anyhow::Result<bool> {
        self.run(READ_TIMEOUT, |db| async move {
            let found = db
                .query(
                    "select from sessions s join users u on u.account_id = s.account_id
                     where s.id = $1 and s.revoked_at is null and s.expires_at > now()
                       and u.id = $2 and u.workspace_id = $3 and u.deactivated_at is null
                       and (u.access_from is null or s.created_at > u.access_from)",
                    &[&session.0, &user.0, &workspace.0],
                )
                .await?;
            Ok((db, !found.is_empty()))
        })
        .await
    }

    pub async fn find_timeline(&self, shard: Shard, id: i64) -> anyhow::Result<Option<i32>> {
        self.run(READ_TIMEOUT, |db| async move {
            let found = read::find_timeline(&*db, shard, id).await?;
            Ok((db, found))
        })
        .await
    }

    pub async fn membership_changes(
        &self,
        workspace: WorkspaceId,
        user: UserId,
        after: i64,
        until: i64,
    ) -> anyhow::Result<Vec<MembershipChange>> {
        self.run(LOAD_TIMEOUT, |db| async move {
            let shard = Shard::of(workspace);
            let changes = read::membership_changes(&*db, shard, workspace, user, after, until).await?;
            Ok((db, changes))
        })
        .await
    }

    /// The next page of a shard after `after`, with payloads for one user.
    pub async fn replay(
        &self,
        workspace: WorkspaceId,
        user: UserId,
        chats: &[ChatId],
        after: i64,
    ) -> anyhow::Result<Vec<ReplayRow>> {
        self.run(READ_TIMEOUT, |db| async move {
            let whom = ReplayFor { workspace_id: workspace, user_id: user, chats };
            let rows = read::replay(&*db, Shard::of(workspace), after, &whom, PAGE_ROWS, PAGE_BYTES).await?;
            Ok((db, rows))
        })
        .await
    }

    /// Several workspaces and the heads of the log, read in one snapshot.
    pub async fn load(
        &self,
        ids: &[WorkspaceId],
    ) -> anyhow::Result<(Heads, HashMap<WorkspaceId, Workspace>)> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let revoked_within = TOKEN_LIFE.as_secs_f64();
        self.run(LOAD_TIMEOUT, |mut db| async move {
            let tx = db
                .build_transaction()
                .isolation_level(IsolationLevel::RepeatableRead)
                .read_only(true)
                .start()
                .await?;
            let heads = read::heads(&tx).await?;
            let members = tx
                .query("select workspace_id, user_id, chat_id from chat_members where workspace_id = any($1)", &[&ids])
                .await?;
            let deleted = tx
                .query("select workspace_id, id from chats where workspace_id = any($1) and deleted_at is not null", &[&ids])
                .await?;
            let inactive = tx
                .query("select workspace_id, id from users where workspace_id = any($1) and deactivated_at is not null", &[&ids])
                .await?;
            let revoked = tx
                .query(
                    "select u.workspace_id, s.id from sessions s join users u on u.account_id = s.account_id
                     where u.workspace_id = any($1) and s.revoked_at > now() - make_interval(secs => $2)",
                    &[&ids, &revoked_within],
                )
                .await?;
            let sessions = tx
                .query(
                    "select u.workspace_id, s.id, u.id from sessions s join users u on u.account_id = s.account_id
                     where u.workspace_id = any($1) and s.revoked_at is null and s.expires_at > now()
                       and u.deactivated_at is null and (u.access_from is null or s.created_at > u.access_from)
                       and s.last_used_at > now() - make_interval(secs => $2)",
                    &[&ids, &SESSION_LOAD.as_secs_f64()],
                )
                .await?;
            tx.commit().await?;

            let mut sessions_of: HashMap<Uuid, Vec<(SessionId, UserId)>> = HashMap::new();
            for row in &sessions {
                let session = (SessionId(row.try_get(1)?), UserId(row.try_get(2)?));
                sessions_of.entry(row.try_get(0)?).or_default().push(session);
            }
            let mut members_of: HashMap<Uuid, Vec<(UserId, ChatId)>> = HashMap::new();
            for row in &members {
                let member = (UserId(row.try_get(1)?), ChatId(row.try_get(2)?));
                members_of.entry(row.try_get(0)?).or_default().push(member);
            }
            let mut deleted = by_workspace(&deleted)?;
            let mut inactive = by_workspace(&inactive)?;
            let mut revoked = by_workspace(&revoked)?;
            let loaded = ids.iter().map(|id| {
                let workspace = Workspace::new(
                    members_of.remove(id).unwrap_or_default(),
                    take(&mut deleted, *id, ChatId),
                    take(&mut inactive, *id, UserId),
                    take(&mut revoked, *id, SessionId),
                )
                .with_sessions(sessions_of.remove(id).unwrap_or_default());
                (WorkspaceId(*id), workspace)
            });
            let loaded = loaded.collect();
            Ok((db, (heads, loaded)))
        })
        .await
    }
}

/// A pooled connection. It is closed when dropped, since a query may have hung or failed on it;
/// [`Borrowed::give_back`] returns it to the pool.
struct Borrowed(Option<Object>);

impl Borrowed {
    /// Call this when all answers have arrived.
    fn give_back(mut self) {
        self.0 = None;
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}

impl Deref for Borrowed {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.0.as_ref().unwrap_or_else(|| unreachable!("only `give_back` takes it"))
    }
}

impl DerefMut for Borrowed {
    fn deref_mut(&mut self) -> &mut Client {
        self.0.as_mut().unwrap_or_else(|| unreachable!("only `give_back` takes it"))
    }
}

fn by_workspace(rows: &[tokio_postgres::Row]) -> anyhow::Result<HashMap<Uuid, Vec<Uuid>>> {
    let mut found: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    for row in rows {
        found.entry(row.try_get(0)?).or_default().push(row.try_get(1)?);
    }
    Ok(found)
}

fn take<T: std::hash::Hash + Eq>(
    found: &mut HashMap<Uuid, Vec<Uuid>>,
    id: Uuid,
    wrap: impl Fn(Uuid) -> T,
) -> HashSet<T> {
    found.remove(&id).unwrap_or_default().into_iter().map(wrap).collect()
}
