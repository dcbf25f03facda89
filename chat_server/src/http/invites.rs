//! Invitation links, by which people join a workspace.

use axum::{extract::State, http::StatusCode};
use chat_core::{
    AccountId, InviteId, Timestamp, UserId, WorkspaceRole,
    permission::WorkspaceAction,
    text::{Email, fold},
    token::random_secret,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Limit,
    signed_in::{SignedIn, sign_in_to},
    workspaces::too_many_workspaces,
};
use crate::{
    auth::{CurrentUser, forbidden, lock_user, require_in_workspace, session_over},
    client_address::ClientAddress,
    db::{
        self, Page,
        invites::{Admission, Invite, NewInvite, OPEN_MAX},
    },
    error::{ApiError, ConstraintExt as _, InvalidField, Problem, Result},
    extract::{ApiJson, ApiPath, ApiQuery, JsonResponse, created, ok, whole_or_none},
    mail::{self, Mail},
    security::{SecurityEvent, SecurityKind},
    state::AppState,
};

const TTL_SECONDS_DEFAULT: i32 = 7 * 24 * 3600;
const TTL_SECONDS_MAX: i32 = 90 * 24 * 3600;
const USES_MAX: i32 = 10_000;
/// Invitations that one account may have mailed within a day, and that one address may get from all.
const MAILED_MAX: i64 = 100;
const MAILED_TO_ADDRESS_MAX: i64 = 5;

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(list_invites, create_invite))
        .routes(routes!(show_invite, revoke_invite))
        .routes(routes!(accept_invite))
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteRequest {
    /// Seconds until it ends; a week if left out, 90 days at most.
    #[schema(minimum = 60, maximum = 7_776_000)]
    #[serde(default, deserialize_with = "whole_or_none")]
    pub expires_in: Option<i32>,
    /// How many people may use it; one if left out.
    #[schema(minimum = 1, maximum = 10_000)]
    #[serde(default, deserialize_with = "whole_or_none")]
    pub max_uses: Option<i32>,
    /// The only address that may use it, and then once. The server mails the code there, if it sends mail, and tells
    /// it to nobody else.
    pub email: Option<Email>,
    /// The role of those who join: `member` if left out. Only admins may choose `admin`.
    pub role: Option<InvitedRole>,
}

/// Owners are made by owners, not by invitation.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvitedRole {
    #[default]
    Member,
    Admin,
}

impl From<InvitedRole> for WorkspaceRole {
    fn from(role: InvitedRole) -> Self {
        match role {
            InvitedRole::Member => Self::Member,
            InvitedRole::Admin => Self::Admin,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct InvitePage {
    /// The last invitation of the page before.
    pub before: Option<InviteId>,
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    pub limit: Limit,
}

/// What the code of an invitation tells about it.
#[derive(Serialize, ToSchema)]
pub struct InvitePreview {
    pub workspace_name: String,
    /// The only address that may use it.
    pub email: Option<String>,
    pub expires_at: Timestamp,
}

/// Create an invitation
#[utoipa::path(post, path = "/api/invites", tag = "invites", request_body = Option<InviteRequest>,
    responses((status = 201, body = Invite), (status = 403, body = Problem)))]
pub async fn create_invite(
    State(state): State<AppState>,
    user: CurrentUser,
    address: ClientAddress,
    input: Option<ApiJson<InviteRequest>>,
) -> Result<JsonResponse<Invite>> {
    let input = input.map(|ApiJson(input)| input).unwrap_or_default();
    let ttl_seconds = input.expires_in.unwrap_or(TTL_SECONDS_DEFAULT);
    if !(60..=TTL_SECONDS_MAX).contains(&ttl_seconds) {
        return Err(ApiError::out_of_range("/expires_in", 60, i64::from(TTL_SECONDS_MAX)));
    }
    let max_uses = input.max_uses.unwrap_or(1);
    if !(1..=USES_MAX).contains(&max_uses) {
        return Err(ApiError::out_of_range("/max_uses", 1, i64::from(USES_MAX)));
    }
    if input.email.is_some() && max_uses != 1 {
        return Err(ApiError::invalid(
            "/max_uses",
            "one_address",
            "an invitation of one address has one use",
        ));
    }
    let role = WorkspaceRole::from(input.role.unwrap_or_default());
    let is_mailed = input.email.is_some() && state.mailer.is_some();
    let mut tx = state.db.begin().await?;
    if !lock_user(&mut tx, &user).await?.may(WorkspaceAction::Invite) {
        SecurityEvent::by(&user, SecurityKind::Refused, address).with("invite").log();
        return Err(forbidden());
    }
    if db::invites::count_open(&mut *tx, user.workspace_id).await? >= OPEN_MAX {
        return Err(ApiError::conflict(
            "too_many_invites",
            format!("{OPEN_MAX} invitations are open: withdraw some"),
        ));
    }
    if let (Some(email), true) = (&input.email, is_mailed) {
        let (by_account, to_address) = db::invites::count_mailed(&mut *tx, user.account_id, email).await?;
        if by_account >= MAILED_MAX || to_address >= MAILED_TO_ADDRESS_MAX {
            return Err(ApiError::conflict(
                "too_many_mails",
                "no more invitations can be mailed within a day: invite by link",
            ));
        }
    }
    let new = NewInvite {
        workspace_id: user.workspace_id,
        code: random_secret(),
        email: input.email,
        is_mailed,
        role,
        created_by: user.id,
        ttl_seconds,
        max_uses,
    };
    let invite = db::invites::insert(&mut *tx, &new).await?;
    if is_mailed {
        mail::add(&mut *tx, &state, &Mail::Invitation { invite: invite.id }).await?;
    }
    let made = SecurityEvent::by(&user, SecurityKind::InviteCreated, address);
    made.with(role.as_str()).record(&mut *tx).await?;
    tx.commit().await?;
    Ok(created(invite))
}

/// List the invitations that can still be used, newest first
#[utoipa::path(get, path = "/api/invites", tag = "invites", params(InvitePage),
    responses((status = 200, body = Page<Invite>), (status = 403, body = Problem)))]
pub async fn list_invites(
    State(state): State<AppState>,
    user: CurrentUser,
    ApiQuery(page): ApiQuery<InvitePage>,
) -> Result<JsonResponse<Page<Invite>>> {
    if !user.role.may(WorkspaceAction::Invite) {
        return Err(forbidden());
    }
    let limit = page.limit.get()?;
    let rows = db::invites::list(&state.db, user.id, page.before, limit).await?;
    Ok(ok(Page::from_rows(rows, limit)))
}

/// Preview an invitation; its code is enough, without a token
#[utoipa::path(get, path = "/api/invites/{code}", tag = "invites", security(()), params(("code" = String, Path)),
    responses((status = 200, body = InvitePreview)))]
pub async fn show_invite(
    State(state): State<AppState>,
    address: ClientAddress,
    ApiPath(code): ApiPath<String>,
) -> Result<JsonResponse<InvitePreview>> {
    state.limits.check_signin(&address)?;
    let found =
        db::invites::find_open(&state.db, checked(&code)?).await?.ok_or(ApiError::NotFound("invitation"))?;
    Ok(ok(InvitePreview {
        workspace_name: found.workspace_name,
        email: found.email,
        expires_at: found.expires_at,
    }))
}

/// Withdraw an invitation, by its code or its id
#[utoipa::path(delete, path = "/api/invites/{code}", tag = "invites", params(("code" = String, Path)),
    responses((status = 204), (status = 403, body = Problem)))]
pub async fn revoke_invite(
    State(state): State<AppState>,
    user: CurrentUser,
    address: ClientAddress,
    ApiPath(code): ApiPath<String>,
) -> Result<StatusCode> {
    let mut tx = state.db.begin().await?;
    require_in_workspace(&mut tx, &user, WorkspaceAction::Invite).await?;
    if !db::invites::revoke(&mut *tx, user.workspace_id, checked(&code)?).await? {
        return Err(ApiError::NotFound("invitation"));
    }
    SecurityEvent::by(&user, SecurityKind::InviteRevoked, address).record(&mut *tx).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Accept an invitation with the signed-in account
#[utoipa::path(post, path = "/api/invites/{code}/accept", tag = "invites", params(("code" = String, Path)),
    responses((status = 200, body = SignedIn), (status = 422, body = Problem, description = "invite_invalid")))]
pub async fn accept_invite(
    State(state): State<AppState>,
    user: CurrentUser,
    address: ClientAddress,
    ApiPath(code): ApiPath<String>,
) -> Result<JsonResponse<SignedIn>> {
    let code = checked(&code)?;
    let found = db::invites::find_open(&state.db, code).await?.ok_or_else(invite_invalid)?;
    let mut tx = state.db.begin().await?;
    let there = db::users::find_of_account(&mut *tx, user.account_id, found.workspace_id).await?;
    let mut joined_as = None;
    let id = match there {
        // Already a member: no use is taken.
        Some(there) if there.active => there.id,
        Some(_) => return Err(deactivated_there()),
        None => {
            let me = db::users::find(&mut *tx, user.id, user.id).await?.ok_or(ApiError::NotFound("user"))?;
            if db::workspaces::list_of_account(&mut *tx, user.account_id).await?.len()
                >= db::workspaces::PER_ACCOUNT_MAX
            {
                return Err(too_many_workspaces());
            }
            let admission = db::invites::take_use(&mut *tx, code).await?.ok_or_else(invite_invalid)?;
            require_fitting(&mut tx, user.account_id, &admission).await?;
            let id = UserId::generate();
            db::users::insert(
                &mut *tx,
                id,
                admission.workspace_id,
                user.account_id,
                &me.fullname,
                admission.role,
            )
            .await
            .on_constraint("users_workspace_id_account_id_key", || {
                ApiError::conflict("already_in", "the account joined by another request")
            })?;
            SecurityEvent::by(&user, SecurityKind::InviteUsed, address)
                .in_workspace(admission.workspace_id)
                .of_user(id, user.session_id)
                .with(admission.role.as_str())
                .record(&mut *tx)
                .await?;
            joined_as = Some(admission.role);
            id
        }
    };
    db::sessions::set_user(&mut *tx, user.session_id, id).await?;
    let entered = match joined_as {
        Some(role) => db::auto_join::add_newcomer(&mut tx, found.workspace_id, id, role).await?,
        None => Vec::new(),
    };
    tx.commit().await?;
    for chat in entered {
        state.caches.invalidate_chat(chat, &[id]);
    }
    let until = Some(user.token_expires);
    sign_in_to(&state, user.account_id, user.session_id, id, found.workspace_id, until).await.map(ok)
}

/// Checks the account against whom the invitation is for and what the workspace demands. A code
/// that was mailed to the account's address verifies it.
pub async fn require_fitting(tx: &mut PgConnection, account: AccountId, admission: &Admission) -> Result<()> {
    let Some(email) = db::accounts::find(&mut *tx, account).await?.map(|account| account.email) else {
        return Err(session_over());
    };
    if admission.email_folded.as_ref().is_some_and(|only| *only != fold(&email)) {
        return Err(another_address());
    }
    if admission.was_mailed {
        db::accounts::verify_email(&mut *tx, account).await.on_constraint(
            "accounts_email_verified",
            || {
                ApiError::conflict(
                    "email_taken",
                    "another account has shown that the address is its own: sign in there",
                )
            },
        )?;
    }
    let is_verified = db::accounts::find(&mut *tx, account).await?.is_some_and(|found| found.email_verified);
    if admission.verified_only && !is_verified {
        return Err(email_unverified());
    }
    if !db::workspaces::is_email_welcome(&admission.email_domains, &email) {
        return Err(email_domain());
    }
    Ok(())
}

/// The error for an address that is not verified, though the workspace demands it.
pub fn email_unverified() -> ApiError {
    ApiError::Forbidden {
        code: "email_unverified",
        detail: "the workspace takes verified addresses alone: verify yours, or ask for an invitation to it",
    }
}

/// The error for an address of a domain that the workspace does not take.
pub fn email_domain() -> ApiError {
    ApiError::Forbidden {
        code: "email_domain",
        detail: "the workspace takes e-mail addresses of certain domains alone",
    }
}

/// The error for an account whose user in the workspace is deactivated.
pub fn deactivated_there() -> ApiError {
    ApiError::Forbidden { code: "deactivated", detail: "an admin there has deactivated the account" }
}

/// The error for an invitation of one address that another one uses.
pub fn another_address() -> ApiError {
    ApiError::invalid("/email", "another_address", "the invitation is for another e-mail address")
}

/// Refuses a text that cannot be a code, before it reaches Postgres.
pub fn checked(code: &str) -> Result<&str> {
    if code.len() > 100 || code.contains('\0') { Err(ApiError::NotFound("invitation")) } else { Ok(code) }
}

/// The error for a code that is unknown, withdrawn, expired or used up. The caller does not learn
/// which.
pub fn invite_invalid() -> ApiError {
    let field = InvalidField::new("/invite", "invite_invalid", "the invitation is not valid");
    ApiError::Invalid { code: field.code, detail: field.detail.clone(), errors: vec![field] }
}
