//! Sign-up: a new account, with a new workspace or by an invitation.

use axum::{extract::State, http::HeaderMap, response::IntoResponse};
use axum_extra::extract::cookie::CookieJar;
use chat_core::{
    AccountId, UserId, WorkspaceId, WorkspaceRole,
    text::{Email, FullName, Password, WorkspaceName},
};
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    invites::{checked, invite_invalid},
    signed_in::{SignedIn, sign_in_to, start_session, with_cookie},
    workspaces::workspace_taken,
};
use crate::{
    auth::ClientAddress,
    db,
    error::{ApiError, ConstraintExt as _, Problem, Result},
    extract::{ApiJson, created},
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(signup))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignUp {
    /// The workspace to create. Leave it out with `invite`, or name that of the invitation.
    pub workspace: Option<WorkspaceName>,
    pub fullname: FullName,
    pub email: Email,
    pub password: Password,
    /// The code of an invitation to an existing workspace.
    pub invite: Option<String>,
}

/// Sign up: create a workspace, or join one by invitation
#[utoipa::path(post, path = "/api/signup", tag = "account", security(()), request_body = SignUp,
    responses((status = 201, body = SignedIn), (status = 409, body = Problem, description = "email_taken, workspace_taken")))]
pub async fn signup(
    State(state): State<AppState>,
    address: ClientAddress,
    headers: HeaderMap,
    jar: CookieJar,
    ApiJson(input): ApiJson<SignUp>,
) -> Result<impl IntoResponse> {
    state.limits.signin.check(&address.0)?;
    let password_hash = state.hasher.admit()?.hash(input.password.clone()).await?;
    let (account, user) = (AccountId::generate(), UserId::generate());

    let mut tx = state.db.begin().await?;
    let (workspace, role) = match &input.invite {
        Some(code) => enter_by_invite(&mut tx, code, input.workspace.as_ref()).await?,
        None => make_workspace(&mut tx, &state, input.workspace.as_ref()).await?,
    };
    db::accounts::insert(&mut *tx, account, &input.email, &password_hash)
        .await
        .on_constraint("accounts_email_key", || {
            ApiError::conflict("email_taken", "an account with this e-mail address exists: sign in")
        })?;
    db::users::insert(&mut *tx, user, workspace, account, input.fullname.as_str(), role).await?;
    let (session, refresh_token) = start_session(&mut tx, &state, account, user, &headers).await?;
    tx.commit().await?;

    let signed_in = sign_in_to(&state, account, session, user, workspace, Some(refresh_token)).await?;
    Ok((with_cookie(jar, &state, &signed_in), created(signed_in)))
}

async fn enter_by_invite(
    tx: &mut PgConnection,
    code: &str,
    expected: Option<&WorkspaceName>,
) -> Result<(WorkspaceId, WorkspaceRole)> {
    let code = checked(code).map_err(|_| invite_invalid())?;
    let admission = db::invites::take_use(tx, code).await?.ok_or_else(invite_invalid)?;
    if expected.is_some_and(|name| name.as_str().to_lowercase() != admission.workspace_name.to_lowercase()) {
        return Err(ApiError::invalid(
            "/workspace",
            "another_workspace",
            "the invitation is for another workspace",
        ));
    }
    Ok((admission.workspace_id, admission.role))
}

async fn make_workspace(
    tx: &mut PgConnection,
    state: &AppState,
    name: Option<&WorkspaceName>,
) -> Result<(WorkspaceId, WorkspaceRole)> {
    let name = name.ok_or_else(|| {
        ApiError::invalid("/workspace", "missing", "send workspace to create one, or invite to join one")
    })?;
    if !state.config.auth.open_signup && db::workspaces::any(&mut *tx).await? {
        return Err(ApiError::Forbidden {
            code: "signup_closed",
            detail: "this server takes people by invitation alone",
        });
    }
    let id = WorkspaceId::generate();
    db::workspaces::insert(tx, id, name).await.on_constraint("workspaces_name_key", workspace_taken)?;
    Ok((id, WorkspaceRole::Owner))
}
