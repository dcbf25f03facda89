//! Removes the messages of a deleted chat. The trigger of the chat's deletion adds the job.

use anyhow::Context as _;
use chat_core::ChatId;
use serde::Deserialize;
use sqlx::PgConnection;

use super::Progress;
use crate::db::{self, jobs::TakenJob};

/// Messages removed in one transaction; a larger one would hold the lock of a shard for long.
const BATCH: i64 = 200;

#[derive(Deserialize)]
struct Payload {
    chat_id: ChatId,
}

pub(super) async fn run(db: &mut PgConnection, job: &TakenJob) -> anyhow::Result<Progress> {
    let Payload { chat_id } = Payload::deserialize(&job.payload).context("payload")?;
    let removed = db::chats::delete_messages(db, chat_id, BATCH).await?;
    Ok(if removed == 0 { Progress::Done } else { Progress::Part(job.payload.clone()) })
}
