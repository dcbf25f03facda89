//! Sign-up: a new account, with a new workspace or by an invitation.

use axum::{extract::State, http::HeaderMap, response::IntoResponse};
use chat_core::{
    AccountId, ChatId, UserId, WorkspaceId, WorkspaceRole,
    text::{Email, FullName, Password, WorkspaceName, fold},
};
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    cookies::BrowserCookies,
    credentials::words_of,
    invites::{another_address, checked, deactivated_there, invite_invalid, require_fitting},
    sign_in::{guesser, on_this_device},
    signed_in::{SignedIn, TokenPlace, sign_in_to, start_session},
    workspaces::{too_many_workspaces, workspace_taken},
};
use crate::{
    client_address::ClientAddress,
    db::{self, invites::Admission},
    error::{ApiError, ConstraintExt as _, Problem, Result},
    extract::{ApiJson, created},
    mail::{self, Mail},
    security::{SecurityEvent, SecurityKind},
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
    #[serde(default)]
    pub refresh_token_in: TokenPlace,
}

/// Sign up: create a workspace, or join one by invitation
///
/// With the e-mail address and password of an account that exists, that account gets the workspace. Otherwise the
/// address is only claimed until it is verified, and another account may have verified it.
#[utoipa::path(post, path = "/api/signup", tag = "account", security(()), request_body = SignUp,
    responses((status = 201, body = SignedIn), (status = 409, body = Problem, description = "email_taken, workspace_taken")))]
pub async fn signup(
    State(state): State<AppState>,
    address: ClientAddress,
    headers: HeaderMap,
    cookies: BrowserCookies,
    ApiJson(input): ApiJson<SignUp>,
) -> Result<impl IntoResponse> {
    state.limits.check_signin(&address)?;
    let guesser = guesser(&state, &address, &cookies, &input.email).await?;
    let permit = state.hasher.admit(guesser)?;
    // It counts whether the address is known or not: else sign-ups could guess passwords.
    let guess = state.guesses.charge(&fold(input.email.as_str()), guesser)?;
    let about = words_of(&input.email)
        .chain([input.fullname.as_str().to_owned()])
        .chain(input.workspace.iter().map(|name| name.as_str().to_owned()));
    let salt = state.instance.salt(&input.email);
    let password_hash = permit.hash_new("/password", input.password.clone(), about.collect(), salt).await?;

    let mut tx = state.db.begin().await?;
    let place = match &input.invite {
        Some(code) => enter_by_invite(&mut tx, code, &input).await?,
        None => make_workspace(&mut tx, &state, input.workspace.as_ref()).await?,
    };
    let known = db::accounts::find_by_password(&mut *tx, &input.email, &password_hash, None).await?;
    let account = match known {
        Some(account) => {
            guess.was_right();
            require_room_for(&mut tx, account, place.workspace).await?;
            account
        }
        None => AccountId::generate(),
    };
    if known.is_none() {
        db::accounts::insert(&mut *tx, account, &input.email, &password_hash).await?;
    }
    if place.proves_email {
        db::accounts::verify_email(&mut *tx, account)
            .await
            .on_constraint("accounts_email_verified", email_taken)?;
    }
    if let Some(admission) = &place.admission {
        // Who has an invitation sees the people there anyway.
        if known.is_none()
            && !place.proves_email
            && db::accounts::is_verified_in(&mut *tx, &input.email, place.workspace).await?
        {
            return Err(email_taken());
        }
        require_fitting(&mut tx, account, admission).await?;
    }
    let user = UserId::generate();
    db::users::insert(&mut *tx, user, place.workspace, account, input.fullname.as_str(), place.role)
        .await
        .on_constraint("users_workspace_id_account_id_key", email_taken)?;
    if known.is_none() && !place.proves_email {
        mail::add(&mut *tx, &state, &Mail::VerifyEmail { account }).await?;
    }
    let (session, refresh_token) = start_session(&mut tx, &state, account, user, &headers).await?;
    let event = |kind| {
        let event = SecurityEvent::new(kind, address).in_workspace(place.workspace);
        event.of_account(Some(account)).of_user(user, session)
    };
    if input.invite.is_some() {
        event(SecurityKind::InviteUsed).with(place.role.as_str()).record(&mut *tx).await?;
    }
    event(SecurityKind::SignedUp).record(&mut *tx).await?;
    let entered = enter_chats(&mut tx, &place, user).await?;
    tx.commit().await?;
    for chat in entered {
        state.caches.invalidate_chat(chat, &[user]);
    }

    let signed_in = sign_in_to(&state, account, session, user, place.workspace, None).await?;
    let (jar, signed_in) = on_this_device(&state, account, signed_in, refresh_token, input.refresh_token_in);
    Ok((jar, created(signed_in)))
}

/// Gives a new workspace its first channel, and makes a newcomer a member where they are to be one.
/// Which channels others see changed.
async fn enter_chats(tx: &mut PgConnection, place: &Place, user: UserId) -> Result<Vec<ChatId>> {
    if place.admission.is_some() {
        return Ok(db::auto_join::add_newcomer(tx, place.workspace, user, place.role).await?);
    }
    db::auto_join::make_general(tx, place.workspace, user).await?;
    Ok(Vec::new())
}

/// The workspace that a sign-up leads to.
struct Place {
    workspace: WorkspaceId,
    role: WorkspaceRole,
    admission: Option<Admission>,
    /// The code of the invitation was mailed to the address and nowhere else.
    proves_email: bool,
}

async fn enter_by_invite(tx: &mut PgConnection, code: &str, input: &SignUp) -> Result<Place> {
    let code = checked(code).map_err(|_| invite_invalid())?;
    let admission = db::invites::take_use(tx, code).await?.ok_or_else(invite_invalid)?;
    if input.workspace.as_ref().is_some_and(|name| fold(name.as_str()) != fold(&admission.workspace_name)) {
        return Err(ApiError::invalid(
            "/workspace",
            "another_workspace",
            "the invitation is for another workspace",
        ));
    }
    if admission.email_folded.as_ref().is_some_and(|email| *email != fold(input.email.as_str())) {
        return Err(another_address());
    }
    Ok(Place {
        workspace: admission.workspace_id,
        role: admission.role,
        proves_email: admission.was_mailed,
        admission: Some(admission),
    })
}

async fn make_workspace(
    tx: &mut PgConnection,
    state: &AppState,
    name: Option<&WorkspaceName>,
) -> Result<Place> {
    let name = name.ok_or_else(|| {
        ApiError::invalid("/workspace", "missing", "send workspace to create one, or invite to join one")
    })?;
    if !state.config.auth.open_signup && db::workspaces::any(&mut *tx).await? {
        return Err(ApiError::Forbidden {
            code: "signup_closed",
            detail: "this server takes people by invitation alone",
        });
    }
    let workspace = WorkspaceId::generate();
    db::workspaces::insert(tx, workspace, name)
        .await
        .on_constraint("workspaces_name_key", workspace_taken)?;
    Ok(Place { workspace, role: WorkspaceRole::Owner, admission: None, proves_email: false })
}

/// Refuses an account that exists and cannot get the workspace.
async fn require_room_for(tx: &mut PgConnection, account: AccountId, workspace: WorkspaceId) -> Result<()> {
    match db::users::find_of_account(&mut *tx, account, workspace).await? {
        Some(there) if there.active => return Err(email_taken()),
        Some(_) => return Err(deactivated_there()),
        None => {}
    }
    let count = db::workspaces::list_of_account(&mut *tx, account).await?.len();
    if count >= db::workspaces::PER_ACCOUNT_MAX { Err(too_many_workspaces()) } else { Ok(()) }
}

fn email_taken() -> ApiError {
    ApiError::conflict("email_taken", "an account with this e-mail address exists: sign in")
}
