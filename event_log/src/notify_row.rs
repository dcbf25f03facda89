//! Reads the event that a NOTIFY may carry, so that the newest row of a shard need not be queried.
//!
//! Any role that may connect to the database may also NOTIFY, so a payload alone proves nothing.
//! The channel has a name that only readers of the log can ask for, the doorbell accepts a row only
//! from the backend of a role that may write the log ([`Writers`]), and the tail takes it only if
//! it is exactly the next row of its shard. Any other NOTIFY only says which shards to read.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chat_core::{EventKind, Shard, cursor::Shards};
use time::OffsetDateTime;
use tokio_postgres::{Client, Notification};
use uuid::Uuid;

use crate::{database::Error, row::LogRow};

/// What one NOTIFY tells the tail.
#[derive(Debug, PartialEq, Eq)]
pub enum Wakeup {
    /// These shards have new rows.
    Read(Shards),
    /// The newest row of its shard, a `message.new`.
    Row(Box<LogRow>),
}

impl Wakeup {
    /// Parses a payload of the database's function `log_notify_row`. Any other text means: read all
    /// shards.
    pub fn parse(payload: &str) -> Self {
        row(payload).map_or(Self::Read(Shards::ALL), |row| Self::Row(Box::new(row)))
    }
}

fn row(text: &str) -> Option<LogRow> {
    let mut fields = text.splitn(10, ' ');
    let shard = Shard::new(fields.next()?.parse().ok()?)?;
    let mut number = || fields.next()?.parse::<i64>().ok();
    let (id, prev_id, timeline, microseconds) = (number()?, number()?, number()?, number()?);
    let mut uuid = || fields.next()?.parse::<Uuid>().ok();
    let (workspace, chat, sender, message) = (uuid()?, uuid()?, uuid()?, uuid()?);
    Some(LogRow {
        shard,
        id,
        prev_id,
        timeline: timeline.try_into().ok()?,
        at: OffsetDateTime::from_unix_timestamp_nanos(i128::from(microseconds) * 1000).ok()?,
        workspace_id: Some(workspace.into()),
        kind: EventKind::MessageNew.as_str().to_owned(),
        audience: EventKind::MessageNew.effect().audience,
        users: Vec::new(),
        chat_id: Some(chat.into()),
        user_id: Some(sender.into()),
        session_id: None,
        message_id: Some(message.into()),
        payload: fields.next()?.to_owned(),
    })
}

/// The backends whose role may write the log, as of the last [`Writers::read`].
#[derive(Debug, Default)]
pub struct Writers(Mutex<HashSet<i32>>);

impl Writers {
    /// Whether `notification` was sent by such a backend.
    pub fn include(&self, notification: &Notification) -> bool {
        self.pids().contains(&notification.process_id())
    }

    /// Reads the list from the database.
    pub async fn read(&self, db: &Client) -> Result<(), Error> {
        // Only privileged roles see `backend_type`. Postgres's own processes have no user.
        let sql = "select pid from pg_stat_activity where datname = current_database()
                   and has_table_privilege(usesysid, 'event_log', 'insert')";
        let pids =
            db.query_typed(sql, &[]).await?.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        *self.pids() = pids;
        Ok(())
    }

    /// Accepts no rows until the list is read again.
    pub fn forget(&self) {
        self.pids().clear();
    }

    fn pids(&self) -> MutexGuard<'_, HashSet<i32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROW: &str = "5 12 11 1 1700000000000001 018f0000-0000-7000-8000-000000000005 018f0000-0000-7000-8000-000000000002 \
                       018f0000-0000-7000-8000-000000000003 018f0000-0000-7000-8000-000000000004 {\"a b\": \"c  d\"}";

    #[test]
    fn a_row_is_read_whole() {
        let Wakeup::Row(row) = Wakeup::parse(ROW) else { panic!("no row") };
        assert_eq!((row.shard.number(), row.id, row.prev_id, row.timeline), (5, 12, 11, 1));
        assert_eq!(row.at.unix_timestamp_nanos(), 1_700_000_000_000_001_000);
        assert_eq!(row.payload, r#"{"a b": "c  d"}"#);
    }

    #[test]
    fn a_payload_that_is_no_row_means_reading_all_shards() {
        // Without the event's own payload, which is any text.
        let head = ROW.len() - r#"{"a b": "c  d"}"#.len();
        for end in 0..head {
            assert_eq!(Wakeup::parse(&ROW[..end]), Wakeup::Read(Shards::ALL), "{end}");
        }
        for broken in
            [ROW.replacen("5 ", "16 ", 1), ROW.replacen(" 12 ", " 1e9 ", 1), ROW.replacen(' ', "  ", 1)]
        {
            assert_eq!(Wakeup::parse(&broken), Wakeup::Read(Shards::ALL), "{broken}");
        }
    }

    proptest! {
        #[test]
        fn no_payload_panics(text in any::<String>(), at in any::<i64>()) {
            let _ = Wakeup::parse(&text);
            let _ = Wakeup::parse(&ROW.replace("1700000000000001", &at.to_string()));
        }
    }
}
