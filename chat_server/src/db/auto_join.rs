//! The channels in which people are from the start: `general`, which each workspace begins with, and
//! those that its owners and admins choose.

use chat_core::{ChatId, ChatKind, ChatRole, UserId, WorkspaceId, WorkspaceRole, text::ChatName};
use sqlx::{PgConnection, PgExecutor, Result};

use super::{
    chats::NewChat,
    messages::system::{self, SystemLine},
};

/// The most channels of a workspace that have `auto_join`.
pub const AUTO_JOIN_MAX: i64 = 10;

/// Makes the first channel of a workspace, with its owner as the only member.
pub async fn make_general(db: &mut PgConnection, workspace: WorkspaceId, owner: UserId) -> Result<()> {
    let name = ChatName::general();
    let new = NewChat {
        id: ChatId::generate(),
        workspace_id: workspace,
        kind: ChatKind::PublicChannel,
        name: Some(&name),
        description: "",
        single_key: None,
        auto_join: true,
        created_by: owner,
    };
    super::chats::insert(&mut *db, &new).await?;
    super::members::insert(&mut *db, workspace, new.id, &[owner], ChatRole::Owner, None).await?;
    system::write(db, new.id, owner, &SystemLine::Made).await
}

/// Makes a user who has just joined the workspace a member of its channels with `auto_join`. Call
/// this last in the transaction, since it holds the locks of these channels until the end. Which
/// they are, for the caches.
pub async fn add_newcomer(
    db: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
    role: WorkspaceRole,
) -> Result<Vec<ChatId>> {
    if !role.is_auto_joined() {
        return Ok(Vec::new());
    }
    let chats = lock(&mut *db, workspace).await?;
    for chat in &chats {
        // Counted after all of them were locked, so that nobody else joins meanwhile.
        if system::tells_joins(true, super::members::count(&mut *db, *chat).await?) {
            let line = SystemLine::Joined { user_ids: vec![user] };
            system::write(&mut *db, *chat, user, &line).await?;
        }
        super::members::insert(&mut *db, workspace, *chat, &[user], ChatRole::Member, None).await?;
    }
    Ok(chats)
}

/// Locks the channels of a workspace that have `auto_join`, in order of id.
async fn lock(db: impl PgExecutor<'_>, workspace: WorkspaceId) -> Result<Vec<ChatId>> {
    sqlx::query_scalar!(
        r#"select id as "id: ChatId" from chats
           where workspace_id = $1 and auto_join and deleted_at is null order by id limit $2 for update"#,
        workspace.0,
        AUTO_JOIN_MAX
    )
    .fetch_all(db)
    .await
}

/// How many channels have `auto_join` besides this one.
pub async fn count_others(db: impl PgExecutor<'_>, workspace: WorkspaceId, besides: ChatId) -> Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from chats
           where workspace_id = $1 and auto_join and deleted_at is null and id <> $2"#,
        workspace.0,
        besides.0
    )
    .fetch_one(db)
    .await
}
