//! What the reader of a mail does with the code in it: confirm an address, or choose a password. A
//! code comes in the body of a POST: programs that look into mails follow links, and must not
//! confirm anything.

use axum::{extract::State, http::StatusCode, response::IntoResponse};
use axum_extra::extract::cookie::CookieJar;
use chat_core::{
    AccountId,
    text::{Email, Password, fold},
    token::secret_hash,
};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{cookies, credentials::words_of, invites::email_taken};
use crate::{
    auth::CurrentUser,
    client_address::ClientAddress,
    db::{self, account_codes::Purpose, accounts::AccountPlace},
    error::{ApiError, ConstraintExt as _, InvalidField, Problem, Result},
    extract::{ApiJson, JsonResponse, ok},
    guesses::Guesser,
    mail::{self, Mail},
    security::{SecurityEvent, SecurityKind},
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(ask_for_verification))
        .routes(routes!(preview_email))
        .routes(routes!(confirm_email))
        .routes(routes!(forgot_password))
        .routes(routes!(reset_password))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailCode {
    pub code: String,
}

/// What a code would confirm.
#[derive(Serialize, ToSchema)]
pub struct EmailPreview {
    pub email: String,
    /// As whom the account is known, in its first five workspaces.
    pub places: Vec<AccountPlace>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgottenPassword {
    pub email: Email,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordReset {
    pub code: String,
    pub password: Password,
}

/// Send the mail that verifies the caller's address again
#[utoipa::path(post, path = "/api/account/verification", tag = "account",
    responses((status = 202), (status = 409, body = Problem, description = "no_mail, already_verified")))]
pub async fn ask_for_verification(State(state): State<AppState>, user: CurrentUser) -> Result<StatusCode> {
    require_mail(&state)?;
    let account =
        db::accounts::find(&state.db, user.account_id).await?.ok_or_else(crate::auth::session_over)?;
    let mail = match account.new_email {
        Some(_) => Mail::ChangeEmail { account: user.account_id },
        None if account.email_verified => {
            return Err(ApiError::conflict("already_verified", "the address is verified"));
        }
        None => Mail::VerifyEmail { account: user.account_id },
    };
    mail::add(&state.db, &state, &mail).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Preview what a code that was mailed would confirm
///
/// Whose account it is: a stranger may have named the address, and only their own is for its reader to confirm.
#[utoipa::path(post, path = "/api/email/preview", tag = "account", security(()), request_body = EmailCode,
    responses((status = 200, body = EmailPreview), (status = 422, body = Problem, description = "code_invalid")))]
pub async fn preview_email(
    State(state): State<AppState>,
    address: ClientAddress,
    ApiJson(input): ApiJson<EmailCode>,
) -> Result<JsonResponse<EmailPreview>> {
    state.limits.check_signin(&address)?;
    let code =
        db::account_codes::find(&state.db, &secret_hash(&input.code)).await?.ok_or_else(code_invalid)?;
    let account = db::accounts::find_for_mail(&state.db, code.account_id).await?.ok_or_else(code_invalid)?;
    let places = account.places.0;
    let email = match code.purpose {
        Purpose::VerifyEmail => Some(account.email),
        Purpose::ChangeEmail => account.new_email,
        Purpose::ResetPassword => None,
    };
    let email = email.filter(|email| fold(email) == code.email_folded).ok_or_else(code_invalid)?;
    Ok(ok(EmailPreview { email, places }))
}

/// Confirm an e-mail address by the code that was mailed to it
#[utoipa::path(post, path = "/api/email/confirm", tag = "account", security(()), request_body = EmailCode,
    responses((status = 204), (status = 409, body = Problem, description = "email_taken"),
              (status = 422, body = Problem, description = "code_invalid")))]
pub async fn confirm_email(
    State(state): State<AppState>,
    address: ClientAddress,
    ApiJson(input): ApiJson<EmailCode>,
) -> Result<StatusCode> {
    state.limits.check_signin(&address)?;
    let mut tx = state.db.begin().await?;
    let code =
        db::account_codes::take(&mut *tx, &secret_hash(&input.code)).await?.ok_or_else(code_invalid)?;
    match code.purpose {
        Purpose::VerifyEmail => {
            let confirmed = db::accounts::confirm_email(&mut *tx, code.account_id, &code.email_folded).await;
            if !confirmed.on_constraint("accounts_email_verified", email_taken)? {
                return Err(code_invalid());
            }
            record(&mut tx, SecurityKind::EmailVerified, address, code.account_id).await?;
        }
        Purpose::ChangeEmail => {
            let changed = db::accounts::take_new_email(&mut *tx, code.account_id, &code.email_folded).await;
            let old =
                changed.on_constraint("accounts_email_verified", email_taken)?.ok_or_else(code_invalid)?;
            db::account_codes::void_all(&mut *tx, code.account_id).await?;
            if old.was_verified {
                let mail = Mail::EmailChanged { account: code.account_id, to: old.email };
                mail::add(&mut *tx, &state, &mail).await?;
            }
            record(&mut tx, SecurityKind::EmailChanged, address, code.account_id).await?;
        }
        Purpose::ResetPassword => return Err(code_invalid()),
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for a mail by which to choose a new password
///
/// The answer is the same whether the address is known or not.
#[utoipa::path(post, path = "/api/password/forgot", tag = "account", security(()), request_body = ForgottenPassword,
    responses((status = 202), (status = 409, body = Problem, description = "no_mail")))]
pub async fn forgot_password(
    State(state): State<AppState>,
    address: ClientAddress,
    ApiJson(input): ApiJson<ForgottenPassword>,
) -> Result<StatusCode> {
    state.limits.check_signin(&address)?;
    require_mail(&state)?;
    mail::add(&state.db, &state, &Mail::ResetPassword { to: input.email.as_str().to_owned() }).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Choose a new password by a code, which ends all sessions
#[utoipa::path(post, path = "/api/password/reset", tag = "account", security(()), request_body = PasswordReset,
    responses((status = 204), (status = 422, body = Problem, description = "code_invalid, common_password")))]
pub async fn reset_password(
    State(state): State<AppState>,
    address: ClientAddress,
    ApiJson(input): ApiJson<PasswordReset>,
) -> Result<impl IntoResponse> {
    state.limits.check_signin(&address)?;
    let permit = state.hasher.admit(Guesser::Stranger(address.network()))?;
    let hash = secret_hash(&input.code);
    let code = db::account_codes::find(&state.db, &hash).await?;
    let code = code.filter(|code| code.purpose == Purpose::ResetPassword).ok_or_else(code_invalid)?;
    let account = db::accounts::find(&state.db, code.account_id).await?.ok_or_else(code_invalid)?;
    let email = Email::parse(&account.email).map_err(|e| anyhow::anyhow!("stored address: {e}"))?;
    let about = words_of(&email).collect();
    let salt = state.instance.salt(&email);
    let password_hash = permit.hash_new("/password", input.password, about, salt).await?;

    let mut tx = state.db.begin().await?;
    let code = db::account_codes::take(&mut *tx, &hash).await?.ok_or_else(code_invalid)?;
    // The salt is the address's, which may have changed in the meantime.
    if !db::accounts::reset_password(&mut *tx, code.account_id, &code.email_folded, &password_hash).await? {
        return Err(code_invalid());
    }
    if code.was_mailed
        && db::accounts::verify_email(&mut *tx, code.account_id)
            .await
            .on_constraint("accounts_email_verified", email_taken)?
    {
        record(&mut tx, SecurityKind::EmailVerified, address, code.account_id).await?;
    }
    db::account_codes::void_all(&mut *tx, code.account_id).await?;
    db::sessions::revoke_others(&mut *tx, code.account_id, None).await?;
    mail::add(&mut *tx, &state, &Mail::PasswordChanged { account: code.account_id }).await?;
    record(&mut tx, SecurityKind::PasswordReset, address, code.account_id).await?;
    tx.commit().await?;
    state.caches.invalidate_users();
    // Guessers may have used up what strangers have at this account; its owner is none.
    let jar = cookies::set_device(&state, CookieJar::default(), code.account_id);
    Ok((jar, StatusCode::NO_CONTENT))
}

async fn record(
    tx: &mut PgConnection,
    kind: SecurityKind,
    address: ClientAddress,
    account: AccountId,
) -> Result<()> {
    Ok(SecurityEvent::new(kind, address).of_account(Some(account)).record(tx).await?)
}

/// # Errors
/// 409 if this server sends no mail.
pub fn require_mail(state: &AppState) -> Result<()> {
    if state.mailer.is_some() {
        return Ok(());
    }
    Err(ApiError::conflict("no_mail", "this server sends no mail: ask those who run it"))
}

/// The error for a code that is unknown, used, expired or void. The caller does not learn which.
fn code_invalid() -> ApiError {
    let field = InvalidField::new("/code", "code_invalid", "the code is not valid");
    ApiError::Invalid { code: field.code, detail: field.detail.clone(), errors: vec![field] }
}
