//! The snapshot from which a client starts before it follows the stream.

use axum::extract::State;
use chat_core::{Cursor, Shard};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Limit,
    chats::{ChatListItem, items},
    stream::events_url,
};
use crate::{
    auth::CurrentUser,
    db::{
        self, PAGE_MAX, Page,
        messages::threads::{self, ThreadState, ThreadStateJson},
        users::User,
        workspaces::Workspace,
    },
    error::{ApiError, Result},
    extract::{ApiQuery, JsonResponse, ok},
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(sync))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SyncQuery {
    /// How many chats to answer with, the most recently active first.
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    pub limit: Limit,
}

/// What a client begins with, all of one moment, and the position in the stream that belongs to it. Bounded however much
/// there is: people come by `GET /api/users?ids=` as they are needed, chats beyond the limit by `GET /api/chat`.
#[derive(Serialize, ToSchema)]
pub struct Snapshot {
    /// Connect the stream with this: what comes is exactly what happened since.
    pub cursor: String,
    /// The address of the stream.
    pub events_url: String,
    pub user: User,
    pub workspace: Workspace,
    /// The caller's chats, the most recently active first: by their newest message, or by a later join.
    pub chats: ChatPart,
    /// The threads that the caller follows, the one with the newest reply first.
    pub threads: ThreadPart,
}

/// The threads with the newest replies that the caller follows, at most 200.
#[derive(Serialize, ToSchema)]
pub struct ThreadPart {
    #[schema(value_type = Vec<ThreadState>)]
    pub items: Vec<Json<ThreadStateJson>>,
    /// Whether the caller follows more. `GET /api/threads` lists all of them.
    pub has_more: bool,
}

/// The caller's chats that were active last.
#[derive(Serialize, ToSchema)]
pub struct ChatPart {
    pub items: Vec<ChatListItem>,
    /// Whether the caller is in more chats. `GET /api/chat` lists all of them.
    pub has_more: bool,
}

/// Get a snapshot of the caller's state
#[utoipa::path(get, path = "/api/sync", tag = "stream", params(SyncQuery), responses((status = 200, body = Snapshot)))]
pub async fn sync(
    State(state): State<AppState>,
    user: CurrentUser,
    ApiQuery(query): ApiQuery<SyncQuery>,
) -> Result<JsonResponse<Snapshot>> {
    let limit = query.limit.get()?;
    let mut tx = state.db.begin_with(db::BEGIN_SNAPSHOT).await?;
    let shard = Shard::of(user.workspace_id);
    let head = db::event_log::head(&mut *tx, shard).await?;
    let me = db::users::find(&mut *tx, user.id, user.id).await?.ok_or(ApiError::NotFound("user"))?;
    let workspace = db::workspaces::find(&mut *tx, user.workspace_id).await?;
    let memberships = db::members::list_most_active(&mut *tx, user.id, limit + 1).await?;
    let Page { items: memberships, has_more } = Page::from_rows(memberships, limit);
    let ids: Vec<_> = memberships.iter().map(|m| m.chat_id).collect();
    let chats = db::chats::list_with_last(&mut *tx, &ids).await?;
    let threads = threads::list_states(&mut *tx, user.id, PAGE_MAX).await?;
    tx.commit().await?;
    let Page { items: followed, has_more: follows_more } = Page::from_rows(threads, PAGE_MAX);
    let threads = ThreadPart { items: followed, has_more: follows_more };
    let Page { items, has_more } = items(&memberships, has_more, chats, me.role);
    let cursor =
        Cursor { generation: head.generation, timeline: head.timeline, shard, id: head.id }.to_string();
    let events_url = events_url(&state);
    Ok(ok(Snapshot { cursor, events_url, user: me, workspace, chats: ChatPart { items, has_more }, threads }))
}
