//! What the caller signs in with: the password and the e-mail address.

use axum::{extract::State, http::StatusCode};
use chat_core::text::{Email, Password, fold};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    invites::{email_domain, email_taken, email_unverified},
    my_account::{self, MyAccount},
};
use crate::{
    auth::CurrentUser,
    client_address::ClientAddress,
    db,
    error::{ApiError, Problem, Result},
    extract::{ApiJson, JsonResponse, ok},
    guesses::Guesser,
    mail::{self, Mail},
    security::{SecurityEvent, SecurityKind},
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(change_password)).routes(routes!(change_email))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    pub current_password: Password,
    pub new_password: Password,
}

/// Change the password, which ends all other sessions
#[utoipa::path(post, path = "/api/account/password", tag = "account", request_body = PasswordChange,
    responses((status = 204), (status = 422, body = Problem, description = "wrong_password, common_password")))]
pub async fn change_password(
    State(state): State<AppState>,
    user: CurrentUser,
    address: ClientAddress,
    ApiJson(input): ApiJson<PasswordChange>,
) -> Result<StatusCode> {
    let current = input.current_password;
    let (email, current_hash) = prove(&state, &user, address, "/current_password", current).await?;
    let about = words_about(&state, &user, &email).await?;
    let permit = state.hasher.admit(Guesser::Known(user.account_id))?;
    let salt = state.instance.salt(&email);
    let new_hash = permit.hash_new("/new_password", input.new_password, about, salt).await?;

    let mut tx = state.db.begin().await?;
    if !db::accounts::set_password(&mut tx, user.account_id, &current_hash, &new_hash).await? {
        return Err(wrong_password("/current_password"));
    }
    db::sessions::revoke_others(&mut *tx, user.account_id, Some(user.session_id)).await?;
    mail::add(&mut *tx, &state, &Mail::PasswordChanged { account: user.account_id }).await?;
    SecurityEvent::by(&user, SecurityKind::PasswordChanged, address).record(&mut *tx).await?;
    tx.commit().await?;
    state.caches.invalidate_users();
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailChange {
    pub email: Email,
    pub password: Password,
}

/// Change the e-mail address
///
/// If this server sends mail, the address changes once it is confirmed by the mail that is sent there, and the old address
/// is told. Otherwise it changes at once and is not verified.
#[utoipa::path(post, path = "/api/account/email", tag = "account", request_body = EmailChange,
    responses((status = 200, body = MyAccount), (status = 403, body = Problem, description = "email_domain, email_unverified"),
              (status = 409, body = Problem, description = "email_taken"), (status = 422, body = Problem, description = "wrong_password")))]
pub async fn change_email(
    State(state): State<AppState>,
    user: CurrentUser,
    address: ClientAddress,
    ApiJson(input): ApiJson<EmailChange>,
) -> Result<JsonResponse<MyAccount>> {
    let (old, _) = prove(&state, &user, address, "/password", input.password.clone()).await?;
    for demand in db::accounts::list_demands(&state.db, user.account_id).await? {
        if !db::workspaces::is_email_welcome(&demand.email_domains, input.email.as_str()) {
            return Err(email_domain());
        }
        if demand.verified_only && state.mailer.is_none() {
            return Err(email_unverified());
        }
    }
    if fold(old.as_str()) == fold(input.email.as_str()) {
        return my_account::find(&state, &user).await.map(ok);
    }
    let permit = state.hasher.admit(Guesser::Known(user.account_id))?;
    let hash = permit.hash(input.password, state.instance.salt(&input.email)).await?;
    let mut tx = state.db.begin().await?;
    if state.mailer.is_some() {
        db::accounts::set_new_email(&mut *tx, user.account_id, &input.email, &hash).await?;
        mail::add(&mut *tx, &state, &Mail::ChangeEmail { account: user.account_id }).await?;
        mail::add(&mut *tx, &state, &Mail::EmailChangeAsked { account: user.account_id }).await?;
        SecurityEvent::by(&user, SecurityKind::EmailChangeAsked, address).record(&mut *tx).await?;
    } else {
        // Nobody is asked whether the address is theirs. A colleague whose it is sees this one anyway.
        if db::accounts::is_verified_beside(&mut *tx, user.account_id, &input.email).await? {
            return Err(email_taken());
        }
        db::accounts::set_email(&mut *tx, user.account_id, &input.email, &hash).await?;
        db::account_codes::void_all(&mut *tx, user.account_id).await?;
        SecurityEvent::by(&user, SecurityKind::EmailChanged, address).record(&mut *tx).await?;
    }
    tx.commit().await?;
    my_account::find(&state, &user).await.map(ok)
}

/// The address and the password's hash of the caller, who has just typed the password in the field
/// at `pointer`: a session that was left open, or a stolen token, is not enough.
///
/// # Errors
/// 422 if the password is wrong, 429 after too many wrong ones.
pub async fn prove(
    state: &AppState,
    user: &CurrentUser,
    address: ClientAddress,
    pointer: &str,
    password: Password,
) -> Result<(Email, String)> {
    state.limits.check_signin(&address)?;
    let account =
        db::accounts::find(&state.db, user.account_id).await?.ok_or_else(crate::auth::session_over)?;
    let email = Email::parse(&account.email).map_err(|e| anyhow::anyhow!("stored address: {e}"))?;
    let guesser = Guesser::Known(user.account_id);
    let permit = state.hasher.admit(guesser)?;
    // Apart from sign-ins: a thief of the session must not lock the owner's devices out.
    let guess = state.guesses.charge(&format!("session of {}", fold(email.as_str())), guesser)?;
    let hash = permit.hash(password, state.instance.salt(&email)).await?;
    if !db::accounts::has_password(&state.db, user.account_id, &hash).await? {
        guess.was_wrong();
        SecurityEvent::by(user, SecurityKind::PasswordRefused, address).record_aside(state).await;
        return Err(wrong_password(pointer));
    }
    guess.was_right();
    Ok((email, hash))
}

/// What a guesser knows of the caller.
async fn words_about(state: &AppState, user: &CurrentUser, email: &Email) -> Result<Vec<String>> {
    let me = db::users::find(&state.db, user.id, user.id).await?.ok_or(ApiError::NotFound("user"))?;
    let workspace = db::workspaces::find(&state.db, user.workspace_id).await?;
    Ok(words_of(email).chain([me.fullname, workspace.name]).collect())
}

/// An address, and what stands before the @.
pub fn words_of(email: &Email) -> impl Iterator<Item = String> {
    let local = email.as_str().split('@').next().unwrap_or_default().to_owned();
    [email.as_str().to_owned(), local].into_iter()
}

fn wrong_password(pointer: &str) -> ApiError {
    ApiError::invalid(pointer, "wrong_password", "is not the current password")
}
