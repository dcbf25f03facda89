//! One row of the log. A row with a column that cannot be read does not stop the reader.

use chat_core::{
    ChatId, MessageId, SessionId, Shard, UserId, WorkspaceId,
    event::{Audience, Effect},
};
use time::OffsetDateTime;
use tokio_postgres::{Row, types::FromSql};
use tracing::error;
use uuid::Uuid;

use crate::database::Error;

/// One event of the log.
///
/// If a column cannot be read, such as an audience that only a newer chat_server knows, the payload
/// is empty (no valid JSON) and the audience is the whole workspace: its members must learn that an
/// event is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    pub shard: Shard,
    pub id: i64,
    /// The id before this one in the shard; 0 for the first.
    pub prev_id: i64,
    pub timeline: i32,
    pub at: OffsetDateTime,
    /// None for ticks.
    pub workspace_id: Option<WorkspaceId>,
    /// As written: a newer chat_server may know more kinds.
    pub kind: String,
    pub audience: Audience,
    /// For [`Audience::Users`].
    pub users: Vec<UserId>,
    pub chat_id: Option<ChatId>,
    /// The user that the event is about.
    pub user_id: Option<UserId>,
    pub session_id: Option<SessionId>,
    /// The message whose body the payload carries.
    pub message_id: Option<MessageId>,
    /// One JSON object, unless a row was written by hand.
    pub payload: String,
}

/// The columns that [`LogRow::read`] takes.
pub(crate) const COLUMNS: &str = "e.shard, e.id, e.prev_id, e.timeline, e.at, e.workspace_id, e.kind, e.audience, \
     e.users, e.chat_id, e.user_id, e.session_id, e.message_id, e.payload";

impl LogRow {
    /// The meaning of the event for its readers.
    pub fn effect(&self) -> Effect {
        Effect::of(&self.kind, self.audience)
    }

    /// # Errors
    /// Not even the row's position can be read.
    pub(crate) fn read(row: &Row) -> Result<Self, Error> {
        let number: i16 = row.try_get("shard")?;
        let mut fault = None;
        let audience = column::<&str>(row, "audience", &mut fault).and_then(Audience::parse);
        let users =
            column::<Option<Vec<Option<Uuid>>>>(row, "users", &mut fault).flatten().unwrap_or_default();
        let mut read = Self {
            shard: Shard::new(number.into()).ok_or(Error::NoSuchShard(number))?,
            id: row.try_get("id")?,
            prev_id: row.try_get("prev_id")?,
            timeline: row.try_get("timeline")?,
            at: column(row, "at", &mut fault).unwrap_or(OffsetDateTime::UNIX_EPOCH),
            workspace_id: id(row, "workspace_id", &mut fault),
            kind: column(row, "kind", &mut fault).unwrap_or_default(),
            audience: audience.unwrap_or(Audience::Workspace),
            users: users.into_iter().flatten().map(UserId).collect(),
            chat_id: id(row, "chat_id", &mut fault),
            user_id: id(row, "user_id", &mut fault),
            session_id: id(row, "session_id", &mut fault),
            message_id: id(row, "message_id", &mut fault),
            payload: column(row, "payload", &mut fault).unwrap_or_default(),
        };
        if audience.is_none() {
            fault = Some("audience");
        }
        if let Some(column) = fault {
            error!(shard = number, id = read.id, column, "an event cannot be read");
            read.audience = Audience::Workspace;
            read.payload.clear();
        }
        Ok(read)
    }
}

fn column<'a, T: FromSql<'a>>(
    row: &'a Row,
    name: &'static str,
    fault: &mut Option<&'static str>,
) -> Option<T> {
    row.try_get(name).map_err(|_| *fault = Some(name)).ok()
}

fn id<T: From<Uuid>>(row: &Row, name: &'static str, fault: &mut Option<&'static str>) -> Option<T> {
    column::<Option<Uuid>>(row, name, fault).flatten().map(T::from)
}
