//! The members of a chat: who is in it, adding and removing, joining and leaving.

use axum::{extract::State, http::StatusCode, response::Response};
use chat_core::{ChatId, ChatRole, UserId, chat::MEMBERS_PER_REQUEST_MAX, permission::ChatAction};
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Limit,
    chats::{ChatListItem, check_may_join, check_not_full, check_users, find},
};
use crate::{
    auth::{AuthorisedChat, ChatMember, VisibleChat, lock_chat, lock_users},
    client_address::ClientAddress,
    db::{
        self, Page,
        members::Member,
        messages::system::{SystemLine, tells_joins},
    },
    error::{ApiError, Problem, Result},
    etag::{IfNoneMatch, WithEtag},
    extract::{ApiJson, ApiPath, ApiQuery, JsonResponse, ok},
    security::{SecurityEvent, SecurityKind},
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list_members, add_members, remove_members))
        .routes(routes!(update_member, remove_member))
        .routes(routes!(join_chat))
        .routes(routes!(leave_chat))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberIds {
    #[schema(min_items = 1, max_items = 100)]
    pub user_ids: Vec<UserId>,
}

/// `owner` transfers the chat to this member; the former owner becomes a member.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberChanges {
    pub role: ChatRole,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct MemberPage {
    /// The last member of the page before.
    pub after: Option<UserId>,
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    pub limit: Limit,
}

#[derive(Deserialize)]
pub struct MemberPath {
    member_id: UserId,
}

/// List the members of a chat, by user id
#[utoipa::path(get, path = "/api/chat/{id}/members", tag = "members", params(("id" = ChatId, Path), MemberPage),
    responses((status = 200, body = Page<Member>, headers(("ETag" = String))), (status = 403, body = Problem)))]
pub async fn list_members(
    State(state): State<AppState>,
    chat: ChatMember,
    ApiQuery(page): ApiQuery<MemberPage>,
    known: IfNoneMatch,
) -> Result<Response> {
    let limit = page.limit.get()?;
    let rows = db::members::list(&state.db, chat.user.id, chat.id, page.after, limit).await?;
    Ok(WithEtag::new(&Page::from_rows(rows, limit))?.answer(&known))
}

/// Add members to a chat; present members stay as they are
#[utoipa::path(post, path = "/api/chat/{id}/members", tag = "members", params(("id" = ChatId, Path)), request_body = MemberIds,
    responses((status = 200, body = Page<Member>, description = "the members who were added"), (status = 403, body = Problem)))]
pub async fn add_members(
    State(state): State<AppState>,
    chat: VisibleChat,
    ApiJson(input): ApiJson<MemberIds>,
) -> Result<JsonResponse<Page<Member>>> {
    check_count(&input)?;
    state.limits.added_members.check_many(&chat.user.account_id, input.user_ids.len())?;
    let mut tx = state.db.begin().await?;
    lock_users(&mut tx, &chat.user, &input.user_ids).await?;
    let locked = lock_chat(&mut tx, &chat.user, chat.id, ChatAction::AddMembers).await?;
    check_users(&mut tx, &chat.user, &input.user_ids, "/user_ids").await?;
    check_not_full(&state, &mut tx, &input.user_ids).await?;
    tell_joined(&mut tx, chat.id, chat.user.id, &locked, &input.user_ids).await?;
    let (workspace, role, by) = (chat.user.workspace_id, ChatRole::Member, chat.user.id);
    let added = db::members::insert(&mut tx, workspace, chat.id, &input.user_ids, role, Some(by)).await?;
    tx.commit().await?;
    state.caches.invalidate_chat(chat.id, &input.user_ids);
    Ok(ok(Page { items: added, has_more: false }))
}

/// Writes the line about those who are about to become members.
async fn tell_joined(
    tx: &mut PgConnection,
    chat: ChatId,
    actor: UserId,
    locked: &AuthorisedChat,
    ids: &[UserId],
) -> Result<()> {
    let present = db::members::list_present(&mut *tx, chat, ids).await?;
    let mut new: Vec<UserId> = ids.iter().copied().filter(|id| !present.contains(id)).collect();
    new.sort_unstable();
    new.dedup();
    if !new.is_empty() && tells_joins(locked.auto_join, locked.member_count) {
        let line = SystemLine::Joined { user_ids: new };
        db::messages::system::write(tx, chat, actor, &line).await?;
    }
    Ok(())
}

/// Remove members from a chat; people who are not in it are ignored
#[utoipa::path(delete, path = "/api/chat/{id}/members", tag = "members", params(("id" = ChatId, Path)), request_body = MemberIds,
    responses((status = 204), (status = 403, body = Problem), (status = 409, body = Problem, description = "owner_stays")))]
pub async fn remove_members(
    State(state): State<AppState>,
    chat: VisibleChat,
    ApiJson(input): ApiJson<MemberIds>,
) -> Result<StatusCode> {
    check_count(&input)?;
    remove(&state, &chat, &input.user_ids).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove a member from a chat
#[utoipa::path(delete, path = "/api/chat/{id}/members/{member_id}", tag = "members",
    params(("id" = ChatId, Path), ("member_id" = UserId, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 409, body = Problem, description = "owner_stays")))]
pub async fn remove_member(
    State(state): State<AppState>,
    chat: VisibleChat,
    ApiPath(path): ApiPath<MemberPath>,
) -> Result<StatusCode> {
    if remove(&state, &chat, &[path.member_id]).await?.is_empty() {
        return Err(ApiError::NotFound("member"));
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn remove(state: &AppState, chat: &VisibleChat, ids: &[UserId]) -> Result<Vec<UserId>> {
    state.limits.chat_changes.check(&chat.user.account_id)?;
    let mut tx = state.db.begin().await?;
    let locked = lock_chat(&mut tx, &chat.user, chat.id, ChatAction::RemoveMembers).await?;
    if db::members::find_owner(&mut *tx, chat.id).await?.is_some_and(|owner| ids.contains(&owner)) {
        return Err(ApiError::conflict(
            "owner_stays",
            "the owner cannot be removed: transfer ownership first",
        ));
    }
    let present = db::members::list_present(&mut *tx, chat.id, ids).await?;
    check_still_enough(&locked, present.len())?;
    if !present.is_empty() {
        let line = SystemLine::Left { user_ids: present };
        db::messages::system::write(&mut tx, chat.id, chat.user.id, &line).await?;
    }
    let removed = db::members::delete(&mut tx, chat.id, ids).await?;
    tx.commit().await?;
    state.caches.invalidate_chat(chat.id, ids);
    Ok(removed)
}

fn check_still_enough(chat: &AuthorisedChat, removed: usize) -> Result<()> {
    let left = usize::try_from(chat.member_count).unwrap_or(usize::MAX).saturating_sub(removed);
    if removed > 0 && left < chat.kind.members_min() {
        return Err(ApiError::conflict(
            "too_few_members",
            format!("at least {} must stay; delete the chat instead", chat.kind.members_min()),
        ));
    }
    Ok(())
}

/// Transfer the ownership of a chat
#[utoipa::path(patch, path = "/api/chat/{id}/members/{member_id}", tag = "members",
    params(("id" = ChatId, Path), ("member_id" = UserId, Path)), request_body = MemberChanges,
    responses((status = 200, body = Member), (status = 403, body = Problem)))]
pub async fn update_member(
    State(state): State<AppState>,
    chat: VisibleChat,
    address: ClientAddress,
    ApiPath(path): ApiPath<MemberPath>,
    ApiJson(input): ApiJson<MemberChanges>,
) -> Result<JsonResponse<Member>> {
    if input.role != ChatRole::Owner {
        return Err(ApiError::invalid(
            "/role",
            "invalid",
            "ownership can only be transferred: name the new owner",
        ));
    }
    state.limits.chat_changes.check(&chat.user.account_id)?;
    let mut tx = state.db.begin().await?;
    lock_users(&mut tx, &chat.user, &[path.member_id]).await?;
    lock_chat(&mut tx, &chat.user, chat.id, ChatAction::TransferOwnership).await?;
    check_users(&mut tx, &chat.user, &[path.member_id], "/member_id").await.map_err(|e| match e {
        ApiError::Invalid { .. } => ApiError::NotFound("member"),
        other => other,
    })?;
    let before = db::members::find_owner(&mut *tx, chat.id).await?;
    if before != Some(path.member_id) {
        let line = SystemLine::OwnershipPassed { from: before, to: path.member_id };
        db::messages::system::write(&mut tx, chat.id, chat.user.id, &line).await?;
        let passed = SecurityEvent::by(&chat.user, SecurityKind::OwnershipTransferred, address);
        passed.about(path.member_id).with(chat.id.to_string()).record(&mut *tx).await?;
    }
    if let Some(before) = before.filter(|before| *before != path.member_id) {
        db::members::set_role(&mut *tx, chat.id, before, ChatRole::Member).await?;
    }
    if before != Some(path.member_id)
        && !db::members::set_role(&mut *tx, chat.id, path.member_id, ChatRole::Owner).await?
    {
        return Err(ApiError::NotFound("member"));
    }
    let member =
        db::members::find(&mut *tx, chat.id, path.member_id).await?.ok_or(ApiError::NotFound("member"))?;
    tx.commit().await?;
    let changed: Vec<UserId> = before.into_iter().chain([path.member_id]).collect();
    state.caches.invalidate_chat(chat.id, &changed);
    Ok(ok(member.member))
}

fn check_count(input: &MemberIds) -> Result<()> {
    if (1..=MEMBERS_PER_REQUEST_MAX).contains(&input.user_ids.len()) {
        return Ok(());
    }
    let rule = format!("name from 1 to {MEMBERS_PER_REQUEST_MAX} people");
    Err(ApiError::wrong_count("/user_ids", 1, MEMBERS_PER_REQUEST_MAX, rule))
}

/// Join a public channel
#[utoipa::path(post, path = "/api/chat/{id}/join", tag = "chats", params(("id" = ChatId, Path)),
    responses((status = 200, body = ChatListItem, description = "also when the caller is a member already"), (status = 403, body = Problem)))]
pub async fn join_chat(
    State(state): State<AppState>,
    chat: VisibleChat,
) -> Result<JsonResponse<ChatListItem>> {
    state.limits.chat_changes.check(&chat.user.account_id)?;
    let mut tx = state.db.begin().await?;
    let locked = lock_chat(&mut tx, &chat.user, chat.id, ChatAction::Join).await?;
    check_may_join(&state, &mut tx, chat.user.id).await?;
    tell_joined(&mut tx, chat.id, chat.user.id, &locked, &[chat.user.id]).await?;
    let (workspace, mine) = (chat.user.workspace_id, [chat.user.id]);
    db::members::insert(&mut tx, workspace, chat.id, &mine, ChatRole::Member, None).await?;
    tx.commit().await?;
    state.caches.invalidate_chat(chat.id, &[chat.user.id]);
    find(&state, &chat.user, chat.id).await.map(ok)
}

/// Leave a group or channel
#[utoipa::path(post, path = "/api/chat/{id}/leave", tag = "chats", params(("id" = ChatId, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 409, body = Problem, description = "owner_must_transfer")))]
pub async fn leave_chat(State(state): State<AppState>, chat: VisibleChat) -> Result<StatusCode> {
    state.limits.chat_changes.check(&chat.user.account_id)?;
    let mut tx = state.db.begin().await?;
    let locked = lock_chat(&mut tx, &chat.user, chat.id, ChatAction::Leave).await?;
    if locked.chat_role == Some(ChatRole::Owner) {
        return Err(ApiError::conflict(
            "owner_must_transfer",
            "you own the chat: transfer ownership or delete the chat first",
        ));
    }
    let line = SystemLine::Left { user_ids: vec![chat.user.id] };
    db::messages::system::write(&mut tx, chat.id, chat.user.id, &line).await?;
    db::members::delete(&mut tx, chat.id, &[chat.user.id]).await?;
    tx.commit().await?;
    state.caches.invalidate_chat(chat.id, &[chat.user.id]);
    Ok(StatusCode::NO_CONTENT)
}
