//! Workspaces: list, create, change, and switch between them.

use axum::extract::State;
use chat_core::{
    UserId, WorkspaceId, WorkspaceRole,
    permission::WorkspaceAction,
    text::{EmailDomain, WorkspaceName},
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::signed_in::{SignedIn, sign_in_to};
use crate::{
    auth::{CurrentUser, require_in_workspace},
    client_address::ClientAddress,
    db::{
        self, Page,
        workspaces::{Workspace, WorkspaceWithUnread},
    },
    error::{ApiError, ConstraintExt as _, Problem, Result},
    extract::{ApiJson, ApiPath, JsonResponse, created, ok},
    security::{SecurityEvent, SecurityKind},
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list_workspaces, create_workspace))
        .routes(routes!(update_workspace))
        .routes(routes!(switch_workspace))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWorkspace {
    pub name: WorkspaceName,
}

/// Fields that are left out do not change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceChanges {
    pub name: Option<WorkspaceName>,
    /// Whether those who join from now on need a verified e-mail address.
    pub verified_only: Option<bool>,
    /// Whose e-mail addresses may join from now on; all if the list is empty.
    #[schema(max_items = 50)]
    pub email_domains: Option<Vec<EmailDomain>>,
}

const DOMAINS_MAX: usize = 50;

/// List the account's workspaces, in the order in which it joined them
///
/// With what is unread in each, so that a client needs no stream for the others.
#[utoipa::path(get, path = "/api/workspaces", tag = "workspaces", responses((status = 200, body = Page<WorkspaceWithUnread>)))]
pub async fn list_workspaces(
    State(state): State<AppState>,
    user: CurrentUser,
) -> Result<JsonResponse<Page<WorkspaceWithUnread>>> {
    let items = db::workspaces::list_with_unread(&state.db, user.account_id, user.session_id).await?;
    Ok(ok(Page { items, has_more: false }))
}

/// Create a workspace with the caller as its owner
#[utoipa::path(post, path = "/api/workspaces", tag = "workspaces", request_body = NewWorkspace,
    responses((status = 201, body = Workspace), (status = 409, body = Problem, description = "workspace_taken")))]
pub async fn create_workspace(
    State(state): State<AppState>,
    user: CurrentUser,
    ApiJson(input): ApiJson<NewWorkspace>,
) -> Result<JsonResponse<Workspace>> {
    if !state.config.auth.open_signup {
        return Err(ApiError::Forbidden {
            code: "signup_closed",
            detail: "new workspaces are not allowed on this server",
        });
    }
    let me = db::users::find(&state.db, user.id, user.id).await?.ok_or(ApiError::NotFound("user"))?;
    if db::workspaces::list_of_account(&state.db, user.account_id).await?.len()
        >= db::workspaces::PER_ACCOUNT_MAX
    {
        return Err(too_many_workspaces());
    }
    let id = WorkspaceId::generate();
    let mut tx = state.db.begin().await?;
    let workspace = db::workspaces::insert(&mut *tx, id, &input.name)
        .await
        .on_constraint("workspaces_name_key", workspace_taken)?;
    let owner = UserId::generate();
    db::users::insert(&mut *tx, owner, id, user.account_id, &me.fullname, WorkspaceRole::Owner).await?;
    db::auto_join::make_general(&mut tx, id, owner).await?;
    tx.commit().await?;
    Ok(created(workspace))
}

/// The error for a workspace name that is taken.
pub fn workspace_taken() -> ApiError {
    ApiError::conflict(
        "workspace_taken",
        "a workspace with this name exists: to join it, ask for an invitation",
    )
}

/// The error for an account that is in the most workspaces allowed.
pub fn too_many_workspaces() -> ApiError {
    ApiError::conflict("too_many_workspaces", "the account is in the most workspaces allowed")
}

/// Change the workspace of the access token
#[utoipa::path(patch, path = "/api/workspaces/{id}", tag = "workspaces", params(("id" = WorkspaceId, Path)),
    request_body = WorkspaceChanges, responses((status = 200, body = Workspace)))]
pub async fn update_workspace(
    State(state): State<AppState>,
    user: CurrentUser,
    address: ClientAddress,
    ApiPath(id): ApiPath<WorkspaceId>,
    ApiJson(input): ApiJson<WorkspaceChanges>,
) -> Result<JsonResponse<Workspace>> {
    let WorkspaceChanges { name, verified_only, email_domains } = input;
    let count = email_domains.as_ref().map_or(0, Vec::len);
    if count > DOMAINS_MAX {
        let detail = format!("at most {DOMAINS_MAX}");
        return Err(ApiError::wrong_count("/email_domains", 0, DOMAINS_MAX, detail));
    }
    if id != user.workspace_id {
        return Err(ApiError::NotFound("workspace"));
    }
    state.limits.chat_changes.check(&user.account_id)?;
    let mut tx = state.db.begin().await?;
    require_in_workspace(&mut tx, &user, WorkspaceAction::Change).await?;
    let rules = [
        verified_only.map(|only| if only { "verified_only" } else { "not verified_only" }),
        email_domains.as_ref().map(|all| if all.is_empty() { "any domain" } else { "certain domains" }),
    ];
    let changes = db::workspaces::Changes { name, verified_only, email_domains };
    let workspace = db::workspaces::change(&mut *tx, id, &changes)
        .await
        .on_constraint("workspaces_name_key", workspace_taken)?;
    let rules: Vec<&str> = rules.into_iter().flatten().collect();
    if !rules.is_empty() {
        let event = SecurityEvent::by(&user, SecurityKind::EntryRulesChanged, address);
        event.with(rules.join(", ")).record(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(ok(workspace))
}

/// Create an access token for another workspace of the account; it expires when the presented one does
#[utoipa::path(post, path = "/api/workspaces/{id}/token", tag = "workspaces", params(("id" = WorkspaceId, Path)),
    responses((status = 200, body = SignedIn)))]
pub async fn switch_workspace(
    State(state): State<AppState>,
    user: CurrentUser,
    ApiPath(id): ApiPath<WorkspaceId>,
) -> Result<JsonResponse<SignedIn>> {
    let there = db::users::find_of_session(&state.db, user.session_id, Some(id)).await?;
    let there = there.ok_or(ApiError::NotFound("workspace"))?;
    db::sessions::set_user(&state.db, user.session_id, there.id).await?;
    let until = Some(user.token_expires);
    sign_in_to(&state, user.account_id, user.session_id, there.id, id, until).await.map(ok)
}
