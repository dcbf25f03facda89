//! The queries on the log. Each runs on the connection or transaction it is given and sets no time
//! limit: callers do ([`crate::READ_TIMEOUT`]).

use chat_core::{
    ChatId, EventKind, Shard, UserId, WorkspaceId,
    cursor::{SHARDS, Shards},
    event::Membership,
};
use tokio_postgres::{GenericClient, Statement};
use uuid::Uuid;

use crate::{
    database::Error,
    row::{COLUMNS, LogRow},
};

/// The most rows of one shard that [`after`] returns.
pub const ROWS_MAX: usize = 500;
/// The most bytes of payload of one shard that [`after`] returns; always at least one row.
pub const BYTES_MAX: usize = 1024 * 1024;

/// The query of [`after`] is planned once, perhaps while a partition is empty, and statistics lag
/// behind a partition that fills. So the plan must use the index whatever the statistics say.
pub(crate) const USE_INDEXES: &str = "set enable_seqscan = off; set enable_bitmapscan = off";

/// The last row of a shard that a reader knows. Id 0: none yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub id: i64,
    /// Of the row at `id`.
    pub timeline: i32,
}

/// The last row of each shard, and the generation that cursors must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heads {
    pub generation: i32,
    /// By [`Shard::index`].
    pub by_shard: Box<[Head; SHARDS as usize]>,
}

impl Heads {
    pub fn of(&self, shard: Shard) -> Head {
        self.by_shard[shard.index()]
    }
}

/// The last row of each shard in the snapshot of the connection.
pub async fn heads(db: &impl GenericClient) -> Result<Heads, Error> {
    let rows = db
        .query_typed(
            "select m.generation, s.shard, coalesce(e.id, 0) as id, coalesce(e.timeline, 0) as timeline
             from log_meta m cross join generate_series(0, 15) s(shard) left join lateral (
                 select e.id, e.timeline from event_log e
                 where e.shard = s.shard::smallint order by e.id desc limit 1
             ) e on true",
            &[],
        )
        .await?;
    let mut heads = Heads { generation: 0, by_shard: Box::new([Head::default(); SHARDS as usize]) };
    for row in &rows {
        heads.generation = row.try_get("generation")?;
        let shard: i32 = row.try_get("shard")?;
        if let Some(shard) = Shard::new(shard.into()) {
            heads.by_shard[shard.index()] =
                Head { id: row.try_get("id")?, timeline: row.try_get("timeline")? };
        }
    }
    Ok(heads)
}

/// The timeline that the server writes on. None on a standby, whose log may lag.
pub(crate) async fn primary_timeline(db: &impl GenericClient) -> Result<Option<i32>, Error> {
    let sql = "select case when not pg_is_in_recovery()
               then ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int end";
    Ok(db.query_one(sql, &[]).await?.try_get(0)?)
}

/// Prepares [`after`] on a connection. `with_payloads` false: payloads are returned empty.
pub(crate) async fn prepare_after(db: &impl GenericClient, with_payloads: bool) -> Result<Statement, Error> {
    if !with_payloads {
        let columns = COLUMNS.replace("e.payload", "'' as payload");
        let sql = format!(
            "select {columns} from unnest($1::smallint[], $2::bigint[]) c(shard, id), lateral (
                 select e.* from event_log e where e.shard = c.shard and e.id > c.id order by e.id limit {ROWS_MAX}
             ) e"
        );
        return Ok(db.prepare(&sql).await?);
    }
    let sql = format!(
        "select {COLUMNS} from unnest($1::smallint[], $2::bigint[]) c(shard, id), lateral (
             select w.*, sum(octet_length(w.payload)) over (order by w.id) - octet_length(w.payload) as bytes_before
             from (select e.* from event_log e where e.shard = c.shard and e.id > c.id order by e.id limit {ROWS_MAX}) w
         ) e where e.bytes_before < {BYTES_MAX}"
    );
    Ok(db.prepare(&sql).await?)
}

/// The rows of `shards` after `cursors` (by [`Shard::index`]), ordered by shard and id.
pub(crate) async fn after(
    db: &impl GenericClient,
    prepared: &Statement,
    cursors: &[Head; SHARDS as usize],
    shards: Shards,
) -> Result<Vec<LogRow>, Error> {
    let numbers: Vec<i16> = shards.iter().map(|shard| shard.number().into()).collect();
    let ids: Vec<i64> = shards.iter().map(|shard| cursors[shard.index()].id).collect();
    let rows = db.query(prepared, &[&numbers, &ids]).await?;
    let mut rows = rows.iter().map(LogRow::read).collect::<Result<Vec<_>, _>>()?;
    rows.sort_unstable_by_key(|row| (row.shard, row.id));
    Ok(rows)
}

/// The shards with a row that does not follow the row before it, the first one that at the cursor.
pub(crate) fn broken_shards(cursors: &[Head; SHARDS as usize], rows: &[LogRow]) -> Vec<Shard> {
    let mut ends = cursors.map(|head| head.id);
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

/// The shards whose row at the cursor is missing or is another row.
pub(crate) async fn lost(
    db: &impl GenericClient,
    cursors: &[Head; SHARDS as usize],
) -> Result<Vec<Shard>, Error> {
    let shards: Vec<i16> = Shard::all().map(|shard| shard.number().into()).collect();
    let ids: Vec<i64> = cursors.iter().map(|cursor| cursor.id).collect();
    let timelines: Vec<i32> = cursors.iter().map(|cursor| cursor.timeline).collect();
    let rows = db
        .query(
            "select c.shard from unnest($1::smallint[], $2::bigint[], $3::int[]) c(shard, id, timeline)
             where c.id > 0 and not exists (
                 select from event_log e where e.shard = c.shard and e.id = c.id and e.timeline = c.timeline)",
            &[&shards, &ids, &timelines],
        )
        .await?;
    let numbers = rows.iter().map(|row| row.try_get::<_, i16>(0)).collect::<Result<Vec<_>, _>>()?;
    Ok(numbers.into_iter().filter_map(|number| Shard::new(number.into())).collect())
}

/// The timeline of one row; None when there is no such row.
pub async fn find_timeline(db: &impl GenericClient, shard: Shard, id: i64) -> Result<Option<i32>, Error> {
    let sql = "select e.timeline from event_log e where e.shard = $1 and e.id = $2";
    let row = db.query_opt(sql, &[&i16::from(shard.number()), &id]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// The last rows of a shard up to `until`, in order: at most `rows_max` rows and `bytes_max` bytes
/// of payload, but always one row.
pub async fn newest(
    db: &impl GenericClient,
    shard: Shard,
    until: i64,
    rows_max: usize,
    bytes_max: usize,
) -> Result<Vec<LogRow>, Error> {
    let sql = format!(
        "select {COLUMNS} from (
             select w.*, sum(octet_length(w.payload)) over (order by w.id desc) - octet_length(w.payload) as bytes_before
             from (select e.* from event_log e where e.shard = $1 and e.id <= $2 order by e.id desc limit $3) w
         ) e where e.bytes_before < $4 order by e.id"
    );
    let rows_max = i64::try_from(rows_max).unwrap_or(i64::MAX);
    let bytes_max = i64::try_from(bytes_max).unwrap_or(i64::MAX);
    let shard = i16::from(shard.number());
    let rows = db.query(&sql, &[&shard, &until, &rows_max, &bytes_max]).await?;
    rows.iter().map(LogRow::read).collect()
}

/// A row of a replay for one user.
#[derive(Clone, Debug)]
pub struct ReplayRow {
    pub row: LogRow,
    /// The row seemed not to be for the user, so its payload was left out.
    pub withheld: bool,
}

/// The user that a replay is for.
#[derive(Clone, Debug)]
pub struct ReplayFor<'a> {
    pub workspace_id: WorkspaceId,
    pub user_id: UserId,
    /// The chats whose payloads to fetch. Only an optimisation: see [`ReplayRow::withheld`].
    pub chats: &'a [ChatId],
}

/// The next rows of a shard after `after`, with payloads for one user. Rows of other workspaces are
/// included, without payloads, so that `prev_id` proves that none is missing. At most `rows_max`
/// rows and `bytes_max` bytes of payload, but always one row.
pub async fn replay(
    db: &impl GenericClient,
    shard: Shard,
    after: i64,
    whom: &ReplayFor<'_>,
    rows_max: usize,
    bytes_max: usize,
) -> Result<Vec<ReplayRow>, Error> {
    let leaves = kinds(&[Membership::Leaves]);
    let sql = format!(
        "select {COLUMNS}, e.withheld from (
             select w.shard, w.id, w.prev_id, w.timeline, w.at, w.workspace_id, w.kind, w.audience, w.users, w.chat_id,
                    w.user_id, w.session_id, w.message_id, w.withheld,
                    case when w.withheld then '' else w.payload end as payload,
                    sum(w.bytes) over (order by w.id) - w.bytes as bytes_before
             from (
                 select f.*, case when f.withheld then 0 else octet_length(f.payload) end as bytes
                 from (
                     select e.*, (case e.workspace_id is distinct from $3 when true then true else case e.audience
                         when 'workspace' then false
                         when 'users' then not coalesce($4 = any(e.users), false)
                         when 'chat' then not coalesce(e.chat_id = any($5) or (e.kind in ({leaves}) and e.user_id = $4), false)
                         else e.audience = 'none' end end) as withheld
                     from event_log e where e.shard = $1 and e.id > $2 order by e.id limit $6
                 ) f
             ) w
         ) e where e.bytes_before < $7 order by e.id"
    );
    let rows_max = i64::try_from(rows_max).unwrap_or(i64::MAX);
    let bytes_max = i64::try_from(bytes_max).unwrap_or(i64::MAX);
    let chats: Vec<Uuid> = whom.chats.iter().map(|chat| chat.0).collect();
    let shard = i16::from(shard.number());
    let (workspace, user) = (whom.workspace_id.0, whom.user_id.0);
    let rows = db.query(&sql, &[&shard, &after, &workspace, &user, &chats, &rows_max, &bytes_max]).await?;
    rows.iter()
        .map(|row| Ok(ReplayRow { withheld: row.try_get("withheld")?, row: LogRow::read(row)? }))
        .collect()
}

/// A user joined or left a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MembershipChange {
    pub id: i64,
    pub chat_id: ChatId,
    /// False: the user left.
    pub joined: bool,
}

/// Each time `user` joined or left a chat, in order, with ids above `after` and up to `until`.
pub async fn membership_changes(
    db: &impl GenericClient,
    shard: Shard,
    workspace: WorkspaceId,
    user: UserId,
    after: i64,
    until: i64,
) -> Result<Vec<MembershipChange>, Error> {
    let (comes_or_goes, begins) =
        (kinds(&[Membership::Joins, Membership::Leaves]), kinds(&[Membership::Begins]));
    // An index of its own serves each half.
    let sql = format!(
        "select e.id, e.chat_id, e.kind from event_log e
         where e.shard = $1 and e.id > $2 and e.id <= $3 and e.workspace_id = $4 and e.chat_id is not null
           and e.kind in ({comes_or_goes}) and e.user_id = $5
         union all
         select e.id, e.chat_id, e.kind from event_log e
         where e.shard = $1 and e.id > $2 and e.id <= $3 and e.workspace_id = $4 and e.chat_id is not null
           and e.kind in ({begins}) and $5 = any(e.users)
         order by 1"
    );
    let rows = db.query(&sql, &[&i16::from(shard.number()), &after, &until, &workspace.0, &user.0]).await?;
    rows.iter()
        .map(|row| {
            Ok(MembershipChange {
                id: row.try_get(0)?,
                chat_id: ChatId(row.try_get(1)?),
                joined: EventKind::parse(row.try_get(2)?)
                    .is_some_and(|kind| kind.effect().membership.adds_members()),
            })
        })
        .collect()
}

/// The kinds that change who is in a chat in one of these ways, as a list in SQL.
fn kinds(changes: &[Membership]) -> String {
    let kinds = EventKind::ALL.into_iter().filter(|kind| changes.contains(&kind.effect().membership));
    kinds.map(|kind| format!("'{}'", kind.as_str())).collect::<Vec<_>>().join(", ")
}
