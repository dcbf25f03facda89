//! Rows that a ring carries, so that the newest row of a shard need not be read.
//!
//! What is said here decides nothing: a row counts only where it goes on exactly where its shard was read to, and only
//! from a connection of somebody who may write the log. All else is a ring as any other. They come on a channel whose name
//! is known to those who may read the log: anybody who may connect may LISTEN and NOTIFY.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chat_core::{EventKind, Shard, cursor::Shards};
use time::OffsetDateTime;
use tokio_postgres::{Client, Notification};
use uuid::Uuid;

use crate::{database::Error, row::LogRow};

/// What a notification says.
#[derive(Debug, PartialEq, Eq)]
pub enum Ring {
    /// There is something in these.
    In(Shards),
    /// This is the newest row of its shard, a message that was sent.
    With(Box<LogRow>),
}

impl Ring {
    /// Reads what the function `log_ring` of the database writes. Anything else is a ring for all shards.
    pub fn with_row(payload: &str) -> Self {
        row(payload).map_or(Self::In(Shards::ALL), |row| Self::With(Box::new(row)))
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

/// The backends of those who may write the log.
#[derive(Debug, Default)]
pub struct Writers(Mutex<HashSet<i32>>);

impl Writers {
    /// Whether `notification` comes from one, as far as was known when they were read last.
    pub fn include(&self, notification: &Notification) -> bool {
        self.pids().contains(&notification.process_id())
    }

    /// Asks the database for them.
    pub async fn read(&self, db: &Client) -> Result<(), Error> {
        // What kind of backend it is, only some may see; those of Postgres itself have no user.
        let sql = "select pid from pg_stat_activity where datname = current_database()
                   and has_table_privilege(usesysid, 'event_log', 'insert')";
        let pids =
            db.query_typed(sql, &[]).await?.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        *self.pids() = pids;
        Ok(())
    }

    /// Nobody is known any more.
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
        let Ring::With(row) = Ring::with_row(ROW) else { panic!("no row") };
        assert_eq!((row.shard.number(), row.id, row.prev_id, row.timeline), (5, 12, 11, 1));
        assert_eq!(row.at.unix_timestamp_nanos(), 1_700_000_000_000_001_000);
        assert_eq!(row.payload, r#"{"a b": "c  d"}"#);
    }

    #[test]
    fn what_is_no_row_is_a_ring_for_all() {
        // All but the payload, which may say anything.
        let head = ROW.len() - r#"{"a b": "c  d"}"#.len();
        for end in 0..head {
            assert_eq!(Ring::with_row(&ROW[..end]), Ring::In(Shards::ALL), "{end}");
        }
        for broken in
            [ROW.replacen("5 ", "16 ", 1), ROW.replacen(" 12 ", " 1e9 ", 1), ROW.replacen(' ', "  ", 1)]
        {
            assert_eq!(Ring::with_row(&broken), Ring::In(Shards::ALL), "{broken}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_rung_panics(text in any::<String>(), at in any::<i64>()) {
            let _ = Ring::with_row(&text);
            let _ = Ring::with_row(&ROW.replace("1700000000000001", &at.to_string()));
        }
    }
}
