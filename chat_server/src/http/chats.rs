//! Chats: mine, and what can be done to one. Those that I could join are in `channels`.

use std::collections::HashMap;

use axum::{extract::State, http::StatusCode, response::Response};
use chat_core::{
    ChatId, ChatKind, ChatRole, UserId, WorkspaceRole,
    chat::MEMBERS_PER_REQUEST_MAX,
    permission::{ChatAction, Standing},
    text::{ChatDescription, ChatName},
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Ids, Limit};
use crate::{
    auth::{CurrentUser, VisibleChat, lock_chat, lock_user, session_over},
    client_address::ClientAddress,
    db::{
        self, Page,
        auto_join::AUTO_JOIN_MAX,
        chats::{Chat, ChatJson, ChatWithLast, ChatsWithLast, JOINED_MAX, NewChat, PER_USER_MAX},
        members::{Member, Membership},
        messages::{Message, MessageJson, TEXT_BYTES_MAX, system::SystemLine},
    },
    error::{ApiError, ConstraintExt as _, InvalidField, Problem, Result},
    etag::{IfNoneMatch, WithEtag},
    extract::{ApiJson, ApiQuery, JsonResponse, created, ok},
    security::{SecurityEvent, SecurityKind},
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list_chats, create_chat))
        .routes(routes!(list_may))
        .routes(routes!(get_chat, update_chat, delete_chat))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatRequest {
    pub kind: ChatKind,
    /// Required for channels, optional for groups.
    pub name: Option<ChatName>,
    pub description: Option<ChatDescription>,
    /// The members. The caller is one in any case and may be left out.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub members: Vec<UserId>,
}

/// Fields that are left out do not change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatChanges {
    pub name: Option<ChatName>,
    pub description: Option<ChatDescription>,
    /// Whether those who join the workspace from now on become members. Only for a public channel,
    /// and only owners and admins of the workspace change it; at most 10 channels have it.
    pub auto_join: Option<bool>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ChatPage {
    /// The last chat of the page before.
    pub after: Option<ChatId>,
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    pub limit: Limit,
}

/// A chat as the caller sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChatListItem {
    #[schema(value_type = Chat)]
    pub chat: ChatJson,
    /// The caller's membership. Null for a public channel that they are not in.
    pub member: Option<Member>,
    /// What a list shows of it: the newest message of a person, or else the newest system line. Null
    /// where there is neither, and where the caller is not a member.
    #[schema(value_type = Option<Message>)]
    pub last_message: Option<MessageJson>,
    /// The `seq` up to which the caller has read.
    pub read_seq: i64,
    /// How many messages of the main line came after that and are not deleted.
    pub unread_count: i64,
    /// What the caller may do in it. Never in an event: after one that can change it, ask
    /// `GET /api/chat/may`.
    pub may: Vec<ChatAction>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct MayQuery {
    /// The chats, separated by commas. Unknown chats and those that the caller may not see are left
    /// out.
    #[param(value_type = Vec<ChatId>, style = Form, explode = false, max_items = 200)]
    pub ids: Ids<ChatId>,
}

/// What the caller may do in one chat.
#[derive(Serialize, ToSchema)]
pub struct May {
    pub chat_id: ChatId,
    pub may: Vec<ChatAction>,
}

/// What the caller may do in several chats.
#[derive(Serialize, ToSchema)]
pub struct MayList {
    pub items: Vec<May>,
}

/// List the caller's chats, newest first
#[utoipa::path(get, path = "/api/chat", tag = "chats", params(ChatPage),
    responses((status = 200, body = Page<ChatListItem>, headers(("ETag" = String)))))]
pub async fn list_chats(
    State(state): State<AppState>,
    user: CurrentUser,
    ApiQuery(page): ApiQuery<ChatPage>,
    known: IfNoneMatch,
) -> Result<Response> {
    let limit = page.limit.get()?;
    let memberships = state.caches.memberships(&state.db, user.id).await?;
    let (shown, has_more) = page_of(&memberships, page.after, limit);
    let ids: Vec<ChatId> = shown.iter().map(|m| m.chat_id).collect();
    let found = state.caches.chats(&state.db, &ids).await?;
    let is_stale =
        |m: &Membership| found.chats.get(&m.chat_id).is_some_and(|found| !unread_is_known(found, m));
    if shown.iter().any(is_stale) {
        return list_uncached(&state, &user, page.after, limit, &known).await;
    }
    let has_room = |membership: &&Membership| found.no_room_for != Some(membership.chat_id);
    let items = shown.iter().take_while(has_room).filter_map(|membership| {
        Some(item(found.chats.get(&membership.chat_id)?.as_ref().clone(), membership, user.role))
    });
    let (items, is_cut) = cut(items);
    let has_more = has_more || is_cut || found.no_room_for.is_some();
    Ok(WithEtag::new(&Page { items, has_more })?.answer(&known))
}

/// A deletion changes the unread counts of many members, whose cached memberships it does not
/// invalidate. The first list after it notices, and comes here.
async fn list_uncached(
    state: &AppState,
    user: &CurrentUser,
    after: Option<ChatId>,
    limit: i64,
    known: &IfNoneMatch,
) -> Result<Response> {
    state.caches.invalidate_memberships(user.id);
    let mut tx = state.db.begin_with(db::BEGIN_SNAPSHOT).await?;
    let memberships = db::members::list_of_user(&mut *tx, user.id, PER_USER_MAX).await?;
    let (shown, has_more) = page_of(&memberships, after, limit);
    let ids: Vec<ChatId> = shown.iter().map(|m| m.chat_id).collect();
    let chats = db::chats::list_with_last(&mut *tx, &ids).await?;
    tx.commit().await?;
    let page = items(shown, has_more, chats, user.role);
    Ok(WithEtag::new(&page)?.answer(known))
}

/// Chats as their member sees them, in the order of the memberships, as far as there was room for
/// them. Both were read in one snapshot.
pub fn items(
    memberships: &[Membership],
    has_more: bool,
    found: ChatsWithLast,
    role: WorkspaceRole,
) -> Page<ChatListItem> {
    let has_more = has_more || found.no_room_for.is_some();
    let mut chats: HashMap<_, _> = found.chats.into_iter().map(|found| (found.facts.id, found)).collect();
    let of = |membership: &Membership| Some(item(chats.remove(&membership.chat_id)?, membership, role));
    Page { items: memberships.iter().filter_map(of).collect(), has_more }
}

/// Ends a list with the message that reaches [`TEXT_BYTES_MAX`], as queries do, and says if there was
/// more.
fn cut(items: impl IntoIterator<Item = ChatListItem>) -> (Vec<ChatListItem>, bool) {
    let (mut list, mut bytes) = (Vec::new(), 0);
    for item in items {
        if bytes >= usize::try_from(TEXT_BYTES_MAX).unwrap_or(usize::MAX) {
            return (list, true);
        }
        bytes += item.last_message.as_ref().map_or(0, |message| message.get().len());
        list.push(item);
    }
    (list, false)
}

/// A page of memberships, and whether there are more.
fn page_of(memberships: &[Membership], after: Option<ChatId>, limit: i64) -> (&[Membership], bool) {
    let start = after.map_or(0, |after| memberships.partition_point(|m| m.chat_id >= after));
    let end = memberships.len().min(start + usize::try_from(limit).unwrap_or(usize::MAX));
    (&memberships[start..end], end < memberships.len())
}

/// Whether the unread count follows from the two: no message was deleted between the reads of them.
fn unread_is_known(found: &ChatWithLast, membership: &Membership) -> bool {
    found.facts.deleted_count == membership.deleted_count
}

/// A chat as its member sees it, who has `role` in the workspace.
fn item(found: ChatWithLast, membership: &Membership, role: WorkspaceRole) -> ChatListItem {
    ChatListItem {
        may: may(found.facts.kind, role, Some(membership.member.role)),
        member: Some(membership.member.clone()),
        last_message: found.last_message,
        read_seq: membership.read_seq.min(found.facts.last_seq),
        unread_count: (found.facts.last_root_no - membership.not_unread_count).max(0),
        chat: found.chat,
    }
}

fn may(kind: ChatKind, workspace_role: WorkspaceRole, chat_role: Option<ChatRole>) -> Vec<ChatAction> {
    Standing { kind, workspace_role, chat_role }.allowed()
}

/// Get what the caller may do in chats
#[utoipa::path(get, path = "/api/chat/may", tag = "chats", params(MayQuery), responses((status = 200, body = MayList)))]
pub async fn list_may(
    State(state): State<AppState>,
    user: CurrentUser,
    ApiQuery(query): ApiQuery<MayQuery>,
) -> Result<JsonResponse<MayList>> {
    let standings = db::chats::list_standings(&state.db, user.id, query.ids.get()?).await?;
    let items = standings
        .into_iter()
        .filter(|(_, standing)| standing.may(ChatAction::See))
        .map(|(chat_id, standing)| May { chat_id, may: standing.allowed() })
        .collect();
    Ok(ok(MayList { items }))
}

/// Create a chat, or get the single chat that exists already
#[utoipa::path(post, path = "/api/chat", tag = "chats", request_body = ChatRequest,
    responses((status = 201, body = ChatListItem), (status = 200, body = ChatListItem, description = "the single chat that exists"),
        (status = 409, body = Problem, description = "chat_name_taken, too_many_chats")))]
pub async fn create_chat(
    State(state): State<AppState>,
    user: CurrentUser,
    ApiJson(input): ApiJson<ChatRequest>,
) -> Result<JsonResponse<ChatListItem>> {
    let members = check_request(&input, user.id)?;
    let single_key = (input.kind == ChatKind::Single).then(|| {
        let mut pair: Vec<String> = members.iter().map(UserId::to_string).collect();
        pair.sort_unstable();
        pair.join(":")
    });
    let new = NewChat {
        id: ChatId::generate(),
        workspace_id: user.workspace_id,
        kind: input.kind,
        name: input.name.as_ref(),
        description: input.description.as_ref().map_or("", ChatDescription::as_str),
        single_key: single_key.as_deref(),
        auto_join: false,
        created_by: user.id,
    };
    let mut tx = state.db.begin().await?;
    check_users(&mut tx, &user, &members, "/members").await?;
    if !db::chats::insert(&mut *tx, &new).await.on_constraint("chats_channel_name_key", name_taken)? {
        let there = db::chats::find_single(&mut *tx, new.single_key.unwrap_or_default()).await?;
        tx.commit().await?;
        let there = there.ok_or(ApiError::NotFound("chat"))?;
        return find(&state, &user, there).await.map(ok);
    }
    let others: Vec<UserId> = members.iter().copied().filter(|id| *id != user.id).collect();
    // Only now: to find a single chat that exists is not to create one.
    state.limits.new_chats.check(&user.account_id)?;
    state.limits.added_members.check_many(&user.account_id, others.len())?;
    check_own_chats(&state, &mut tx, user.id).await?;
    check_not_full(&state, &mut tx, &others).await?;
    let (workspace, mine) = (user.workspace_id, [user.id]);
    let my_role = if input.kind == ChatKind::Single { ChatRole::Member } else { ChatRole::Owner };
    db::members::insert(&mut tx, workspace, new.id, &mine, my_role, None).await?;
    db::members::insert(&mut tx, workspace, new.id, &others, ChatRole::Member, Some(user.id)).await?;
    db::messages::system::write(&mut tx, new.id, user.id, &SystemLine::Made).await?;
    tx.commit().await?;
    state.caches.invalidate_chat(new.id, &members);
    find(&state, &user, new.id).await.map(created)
}

/// The rules of each kind. Who will be in it, the creator included, each once.
fn check_request(input: &ChatRequest, creator: UserId) -> Result<Vec<UserId>> {
    let mut members = input.members.clone();
    members.push(creator);
    members.sort_unstable();
    members.dedup();
    if input.members.len() > MEMBERS_PER_REQUEST_MAX {
        let rule = format!("at most {MEMBERS_PER_REQUEST_MAX} at once; add more later");
        return Err(ApiError::wrong_count("/members", 0, MEMBERS_PER_REQUEST_MAX, rule));
    }
    if members.len() < input.kind.members_min() || members.len() > input.kind.members_max_at_creation() {
        let rule = match input.kind {
            ChatKind::Single => "a single chat has exactly two members: name one other person",
            ChatKind::Group => "a group has at least three members: name two other people or more",
            ChatKind::PrivateChannel | ChatKind::PublicChannel => "too many members",
        };
        // Those whom one names: oneself is in it anyway.
        let (min, max) = (input.kind.members_min() - 1, input.kind.members_max_at_creation() - 1);
        return Err(ApiError::wrong_count("/members", min, max, rule));
    }
    match (input.kind.is_channel(), &input.name) {
        (true, None) => Err(ApiError::invalid("/name", "missing", "a channel needs a name")),
        (false, Some(_)) if input.kind == ChatKind::Single => {
            Err(ApiError::invalid("/name", "not_wanted", "a single chat goes by the other person's name"))
        }
        _ => Ok(members),
    }
}

/// Each must be an active user of the caller's workspace, and stays so until the transaction ends.
///
/// # Errors
/// 422 that points at the first few who are not; 401 when one of them is the caller.
pub async fn check_users(
    tx: &mut PgConnection,
    user: &CurrentUser,
    ids: &[UserId],
    pointer: &str,
) -> Result<()> {
    let active = db::users::lock_active_ids(&mut *tx, user.workspace_id, ids).await?;
    if ids.contains(&user.id) && !active.contains(&user.id) {
        return Err(session_over());
    }
    let errors: Vec<InvalidField> = ids
        .iter()
        .filter(|id| !active.contains(id))
        .take(10)
        .map(|id| {
            InvalidField::new(pointer, "unknown_user", format!("{id} is no active user of this workspace"))
        })
        .collect();
    if errors.is_empty() {
        return Ok(());
    }
    Err(ApiError::Invalid {
        code: "unknown_user",
        detail: "some of them are no active users of this workspace".into(),
        errors,
    })
}

/// The chats that the caller made, with the new one, and those that they made or joined.
///
/// # Errors
/// 409 when there are as many as there may be.
async fn check_own_chats(state: &AppState, tx: &mut PgConnection, id: UserId) -> Result<()> {
    let max = i64::from(state.config.limits.chats_per_creator);
    if db::chats::count_created_by(&mut *tx, id).await? > max {
        let detail = format!("you have made {max} chats, the most there may be: delete some first");
        return Err(too_many_chats(state, detail));
    }
    check_may_join(state, tx, id).await
}

fn too_many_chats(state: &AppState, detail: String) -> ApiError {
    state.metrics.bounds.chats_refused.inc();
    ApiError::conflict("too_many_chats", detail)
}

/// # Errors
/// 409 when the caller has made or joined as many chats as one may be in.
pub async fn check_may_join(state: &AppState, tx: &mut PgConnection, id: UserId) -> Result<()> {
    if db::members::count_joined(tx, id).await? >= JOINED_MAX {
        let detail =
            format!("you made or joined {JOINED_MAX} chats, the most there may be: leave some first");
        return Err(too_many_chats(state, detail));
    }
    Ok(())
}

/// # Errors
/// 409 when one of them is in as many chats as one may be.
pub async fn check_not_full(state: &AppState, tx: &mut PgConnection, ids: &[UserId]) -> Result<()> {
    // What each of them may still make or join stays free.
    let max = PER_USER_MAX - JOINED_MAX;
    match db::members::list_full(&mut *tx, ids, max).await?.first() {
        None => Ok(()),
        Some(id) => {
            let detail = format!("{id} is in {max} chats, the most into which others may put a person");
            Err(too_many_chats(state, detail))
        }
    }
}

fn name_taken() -> ApiError {
    ApiError::conflict("chat_name_taken", "there is a channel of this name in the workspace")
}

/// Get a chat
#[utoipa::path(get, path = "/api/chat/{id}", tag = "chats", params(("id" = ChatId, Path)), responses((status = 200, body = ChatListItem)))]
pub async fn get_chat(
    State(state): State<AppState>,
    chat: VisibleChat,
) -> Result<JsonResponse<ChatListItem>> {
    find(&state, &chat.user, chat.id).await.map(ok)
}

/// Change the name or description of a chat, or who becomes a member of a channel
#[utoipa::path(patch, path = "/api/chat/{id}", tag = "chats", params(("id" = ChatId, Path)), request_body = ChatChanges,
    responses((status = 200, body = ChatListItem), (status = 403, body = Problem), (status = 409, body = Problem, description = "chat_name_taken, too_many_auto_join")))]
pub async fn update_chat(
    State(state): State<AppState>,
    chat: VisibleChat,
    ApiJson(input): ApiJson<ChatChanges>,
) -> Result<JsonResponse<ChatListItem>> {
    state.limits.chat_changes.check(&chat.user.account_id)?;
    let mut tx = state.db.begin().await?;
    if input.auto_join == Some(true) {
        // One at a time, so that two do not both take the last place.
        lock_user(&mut tx, &chat.user).await?;
        db::workspaces::lock(&mut *tx, chat.user.workspace_id).await?;
    }
    let locked = lock_chat(&mut tx, &chat.user, chat.id, ChatAction::Update).await?;
    let new_name = input.name.as_ref().map(|name| name.as_str().to_owned());
    if let Some(new_name) = new_name.filter(|name| locked.name.as_ref() != Some(name)) {
        let line = SystemLine::Renamed { old_name: locked.name, new_name };
        db::messages::system::write(&mut tx, chat.id, chat.user.id, &line).await?;
    }
    if let Some(auto_join) = input.auto_join {
        check_auto_join(&mut tx, &chat, auto_join).await?;
    }
    db::chats::update(&mut *tx, chat.id, input.name.as_ref(), input.description.as_ref(), input.auto_join)
        .await
        .on_constraint("chats_channel_name_key", name_taken)?;
    tx.commit().await?;
    state.caches.invalidate_chat(chat.id, &[]);
    find(&state, &chat.user, chat.id).await.map(ok)
}

/// # Errors
/// 422 for a chat that is no public channel; 403 for who may not decide it; 409 when as many others
/// have it as may.
async fn check_auto_join(tx: &mut PgConnection, chat: &VisibleChat, auto_join: bool) -> Result<()> {
    if !chat.standing.kind.is_open() {
        return Err(ApiError::invalid("/auto_join", "not_public", "only public channels can have it"));
    }
    lock_chat(&mut *tx, &chat.user, chat.id, ChatAction::SetAutoJoin).await?;
    let others = db::auto_join::count_others(&mut *tx, chat.user.workspace_id, chat.id).await?;
    if auto_join && others >= AUTO_JOIN_MAX {
        let detail = format!("{AUTO_JOIN_MAX} channels have it, the most there may be");
        return Err(ApiError::conflict("too_many_auto_join", detail));
    }
    Ok(())
}

/// Delete a chat with all its messages
#[utoipa::path(delete, path = "/api/chat/{id}", tag = "chats", params(("id" = ChatId, Path)),
    responses((status = 204), (status = 403, body = Problem)))]
pub async fn delete_chat(
    State(state): State<AppState>,
    chat: VisibleChat,
    address: ClientAddress,
) -> Result<StatusCode> {
    let mut tx = state.db.begin().await?;
    lock_chat(&mut tx, &chat.user, chat.id, ChatAction::Delete).await?;
    db::chats::mark_deleted(&mut *tx, chat.id).await?;
    let deleted = SecurityEvent::by(&chat.user, SecurityKind::ChatDeleted, address);
    deleted.with(chat.id.to_string()).record(&mut *tx).await?;
    tx.commit().await?;
    state.caches.invalidate_chat(chat.id, &[chat.user.id]);
    Ok(StatusCode::NO_CONTENT)
}

/// The chat as the database has it now.
pub async fn find(state: &AppState, user: &CurrentUser, id: ChatId) -> Result<ChatListItem> {
    let mut tx = state.db.begin_with(db::BEGIN_SNAPSHOT).await?;
    let membership = db::members::find(&mut *tx, id, user.id).await?;
    let found =
        db::chats::list_with_last(&mut *tx, &[id]).await?.chats.pop().ok_or(ApiError::NotFound("chat"))?;
    tx.commit().await?;
    let Some(membership) = membership else {
        return Ok(ChatListItem {
            may: may(found.facts.kind, user.role, None),
            chat: found.chat,
            member: None,
            last_message: None,
            read_seq: 0,
            unread_count: 0,
        });
    };
    Ok(item(found, &membership, user.role))
}
