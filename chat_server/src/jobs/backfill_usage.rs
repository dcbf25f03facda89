//! Counts what was written in a workspace before the consumer of usage began: see
//! [`crate::consumers`].

use anyhow::Context as _;
use chat_core::{ChatId, Shard, WorkspaceId};
use serde::Deserialize;
use serde_json::json;
use sqlx::PgConnection;

use super::Progress;
use crate::{
    consumers::Consumer,
    db::{self, jobs::TakenJob},
};

/// Chats counted in one transaction. One may have millions of messages.
const BATCH: i64 = 1;

/// Added by [`db::usage::start_anew`].
#[derive(Deserialize)]
struct Payload {
    workspace_id: WorkspaceId,
    /// Where the consumer began. Another value: it has begun anew, with a job of its own.
    began_after: i64,
    /// Chats up to this one are counted.
    #[serde(default)]
    chat_id: Option<ChatId>,
}

pub(super) async fn run(db: &mut PgConnection, job: &TakenJob) -> anyhow::Result<Progress> {
    let payload = Payload::deserialize(&job.payload).context("payload")?;
    let shard = Shard::of(payload.workspace_id);
    let began = db::consumers::lock_beginning(&mut *db, Consumer::WorkspaceUsage.name(), shard).await?;
    if began != Some(payload.began_after) {
        return Ok(Progress::Done);
    }
    if !db::consumers::is_log_whole_after(&mut *db, shard, payload.began_after).await? {
        // This job waited for longer than the log is kept. What the consumer has counted since cannot
        // be told from what was before.
        Consumer::WorkspaceUsage.begin_anew(&mut *db, shard).await?;
        return Ok(Progress::Replaced);
    }
    db::usage::allow_long_statements(&mut *db).await?;
    let chats = db::usage::list_chats(&mut *db, payload.workspace_id, payload.chat_id, BATCH).await?;
    let Some(last) = chats.last() else { return Ok(Progress::Done) };
    db::usage::backfill(&mut *db, shard, payload.began_after, &chats).await?;
    let mut next = job.payload.clone();
    next["chat_id"] = json!(last);
    Ok(Progress::Part(next))
}
