//! Takes a deleted account out of its workspaces, one in each part: the user has no name, is
//! deactivated, and owns nothing any more. What they wrote stays; what they kept for themselves goes.

use anyhow::Context as _;
use chat_core::{AccountId, WorkspaceRole};
use serde::Deserialize;
use sqlx::PgConnection;

use super::Progress;
use crate::db::{self, jobs::TakenJob};

/// The name of everybody who has deleted their account.
const NOBODY: &str = "Deleted account";

#[derive(Deserialize)]
struct Payload {
    account_id: AccountId,
}

pub(super) async fn run(db: &mut PgConnection, job: &TakenJob) -> anyhow::Result<Progress> {
    let Payload { account_id } = Payload::deserialize(&job.payload).context("payload")?;
    let Some(user) = db::users::find_to_forget(&mut *db, account_id, NOBODY).await? else {
        return Ok(Progress::Done);
    };
    let (id, workspace) = (user.id, user.workspace_id);
    let locked = db::users::lock_for_update(&mut *db, workspace, &[id], true).await?;
    let owns = locked.iter().any(|found| found.id == id && found.role == WorkspaceRole::Owner);
    let others =
        locked.iter().any(|found| found.id != id && found.active && found.role == WorkspaceRole::Owner);
    // The request was refused for this, so it has become so since.
    if owns
        && !others
        && let Some(heir) = db::users::find_heir(&mut *db, workspace, id).await?
    {
        db::users::set_role(&mut *db, heir, WorkspaceRole::Owner).await?;
    }
    db::invites::revoke_of_user(&mut *db, workspace, id).await?;
    db::users::forget(&mut *db, id, NOBODY).await?;
    db::messages::saved::remove_all(&mut *db, id).await?;
    db::chats::hand_over(&mut *db, id, id).await?;
    Ok(Progress::Part(job.payload.clone()))
}
