//! The people of the workspace.

use axum::{extract::State, response::Response};
use chat_core::{UserId, WorkspaceRole, permission::WorkspaceAction, text::FullName};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Ids, Limit, search, search_text};
use crate::{
    auth::{CurrentUser, forbidden},
    client_address::ClientAddress,
    db::{
        self, Page,
        users::{LockedUser, User},
    },
    error::{ApiError, Problem, Result},
    etag::{IfNoneMatch, WithEtag},
    extract::{ApiJson, ApiPath, ApiQuery, JsonResponse, ok},
    security::{SecurityEvent, SecurityKind},
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list_users))
        .routes(routes!(get_me, update_me))
        .routes(routes!(get_user, update_user))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct UserPage {
    /// Part of a name or an e-mail address.
    #[param(max_length = 100)]
    pub query: Option<String>,
    /// Only these, separated by commas; those who are not in the workspace are left out. For the names behind the ids in
    /// chats and messages.
    #[param(value_type = Option<Vec<UserId>>, style = Form, explode = false, max_items = 200)]
    pub ids: Option<Ids<UserId>>,
    /// The last user of the page before.
    pub after: Option<UserId>,
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    pub limit: Limit,
}

/// Fields that are left out do not change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MyChanges {
    pub fullname: Option<FullName>,
}

/// Fields that are left out do not change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChanges {
    pub role: Option<WorkspaceRole>,
    /// False ends all access at once. What the user held, sessions and invitations, does not come back with true; the
    /// messages stay.
    pub active: Option<bool>,
}

/// List the users of the workspace, in the order in which they joined
#[utoipa::path(get, path = "/api/users", tag = "users", params(UserPage),
    responses((status = 200, body = Page<User>, headers(("ETag" = String)))))]
pub async fn list_users(
    State(state): State<AppState>,
    user: CurrentUser,
    ApiQuery(page): ApiQuery<UserPage>,
    known: IfNoneMatch,
) -> Result<Response> {
    let limit = page.limit.get()?;
    let (text, after) = (search_text(page.query.as_deref())?, page.after);
    let rows = match (&page.ids, &text) {
        (Some(ids), text) => {
            db::users::list_of(&state.db, user.id, ids.get()?, text.as_ref(), after, limit).await?
        }
        (None, Some(text)) => {
            let (workspace, id) = (user.workspace_id, user.id);
            search(&state, &user, async |db| db::users::search(db, workspace, id, text, after, limit).await)
                .await?
        }
        (None, None) => db::users::list(&state.db, user.id, after, limit).await?,
    };
    Ok(WithEtag::new(&Page::from_rows(rows, limit))?.answer(&known))
}

/// Get the caller's user
#[utoipa::path(get, path = "/api/users/me", tag = "users", responses((status = 200, body = User)))]
pub async fn get_me(State(state): State<AppState>, user: CurrentUser) -> Result<JsonResponse<User>> {
    find(&state, &user, user.id).await
}

/// Change the caller's profile
#[utoipa::path(patch, path = "/api/users/me", tag = "users", request_body = MyChanges, responses((status = 200, body = User)))]
pub async fn update_me(
    State(state): State<AppState>,
    user: CurrentUser,
    ApiJson(input): ApiJson<MyChanges>,
) -> Result<JsonResponse<User>> {
    if let Some(fullname) = input.fullname {
        state.limits.chat_changes.check(&user.account_id)?;
        db::users::set_fullname(&state.db, user.id, &fullname).await?;
    }
    find(&state, &user, user.id).await
}

/// Get a user
#[utoipa::path(get, path = "/api/users/{id}", tag = "users", params(("id" = UserId, Path)), responses((status = 200, body = User)))]
pub async fn get_user(
    State(state): State<AppState>,
    user: CurrentUser,
    ApiPath(id): ApiPath<UserId>,
) -> Result<JsonResponse<User>> {
    find(&state, &user, id).await
}

/// Change a user's role, deactivate or reactivate them
#[utoipa::path(patch, path = "/api/users/{id}", tag = "users", params(("id" = UserId, Path)), request_body = UserChanges,
    responses((status = 200, body = User), (status = 403, body = Problem), (status = 409, body = Problem, description = "last_owner")))]
pub async fn update_user(
    State(state): State<AppState>,
    user: CurrentUser,
    address: ClientAddress,
    ApiPath(id): ApiPath<UserId>,
    ApiJson(input): ApiJson<UserChanges>,
) -> Result<JsonResponse<User>> {
    state.limits.chat_changes.check(&user.account_id)?;
    let mut tx = state.db.begin().await?;
    let locked =
        db::users::lock_for_update(&mut tx, user.workspace_id, &[user.id, id], input.role.is_some()).await?;
    let find_locked = |wanted: UserId| locked.iter().find(|found| found.id == wanted);
    let my_role = find_locked(user.id).filter(|me| me.active).ok_or_else(forbidden)?.role;
    let LockedUser { role, active, .. } = *find_locked(id).ok_or(ApiError::NotFound("user"))?;
    if !my_role.is_admin() {
        return Err(forbidden());
    }
    let mut handed_over = Vec::new();

    if let Some(new) = input.role.filter(|new| *new != role) {
        if !my_role.may(WorkspaceAction::ChangeRole { target: role, new }) {
            return Err(forbidden());
        }
        let is_other_owner =
            |other: &LockedUser| other.id != id && other.active && other.role == WorkspaceRole::Owner;
        if role == WorkspaceRole::Owner && !locked.iter().any(is_other_owner) {
            return Err(ApiError::conflict("last_owner", "make another user an owner first"));
        }
        db::users::set_role(&mut *tx, id, new).await?;
        if !new.may(WorkspaceAction::Invite) {
            db::invites::revoke_of_user(&mut *tx, user.workspace_id, id).await?;
        }
        let changed = SecurityEvent::by(&user, SecurityKind::RoleChanged, address);
        changed.about(id).with(new.as_str()).record(&mut *tx).await?;
    }
    if let Some(now_active) = input.active.filter(|now_active| *now_active != active) {
        if !my_role.may(WorkspaceAction::Deactivate { target: input.role.unwrap_or(role) }) {
            return Err(forbidden());
        }
        db::users::set_active(&mut *tx, id, now_active).await?;
        let kind = if now_active { SecurityKind::UserReactivated } else { SecurityKind::UserDeactivated };
        SecurityEvent::by(&user, kind, address).about(id).record(&mut *tx).await?;
        if !now_active {
            db::invites::revoke_of_user(&mut *tx, user.workspace_id, id).await?;
            db::sessions::revoke_if_useless(&mut *tx, id).await?;
            handed_over = db::chats::hand_over(&mut tx, id, user.id).await?;
            db::event_log::lock_shards_of_account(&mut *tx, id).await?;
        }
    }
    tx.commit().await?;
    state.caches.invalidate_users();
    for (chat, heir) in handed_over {
        state.caches.invalidate_chat(chat, &[id, heir]);
    }
    find(&state, &user, id).await
}

async fn find(state: &AppState, user: &CurrentUser, id: UserId) -> Result<JsonResponse<User>> {
    let found = db::users::find(&state.db, user.id, id).await?;
    found.map(ok).ok_or(ApiError::NotFound("user"))
}
