//! Sends a mail. What it says is decided when it is due: the account may have changed since, and an
//! address gets only so many. The mail goes out before the job completes, so it may go out twice; a
//! code is made anew each time, and the older one is void.

use anyhow::Context as _;
use chat_core::{
    AccountId,
    text::fold,
    token::{random_secret, secret_hash},
};
use serde::Deserialize as _;
use tracing::{debug, warn};

use crate::{
    db::{
        self,
        account_codes::{NewCode, Purpose},
        accounts::MailAccount,
        jobs::TakenJob,
    },
    mail::{Letter, Mail, Mailer, SendError},
    state::AppState,
};

/// Codes that are mailed to one address within an hour, for all requests together.
const CODES_PER_HOUR: i64 = 5;
/// Accounts that one mail for an address is about.
const ACCOUNTS_MAX: i64 = 5;
const DAY_SECONDS: i32 = 24 * 3600;
const HOUR_SECONDS: i32 = 3600;

pub(super) async fn send(state: &AppState, job: &TakenJob) -> anyhow::Result<()> {
    let Some(mailer) = &state.mailer else {
        debug!("a mail is dropped: this server sends none any more");
        return Ok(());
    };
    let mail = Mail::deserialize(&job.payload).context("payload")?;
    let Some((to, letter)) = compose(state, mailer, &mail).await? else { return Ok(()) };
    let id = format!("{}-{}", job.kind, job.id);
    match mailer.send(&to, &letter, &id).await {
        Ok(()) => Ok(()),
        Err(SendError::Refused(why)) => {
            warn!(id = job.id, "a mail is not sent: the mail server refused it for good ({why})");
            Ok(())
        }
        Err(failed @ SendError::Failed(_)) => Err(failed.into()),
    }
}

/// The address and the text; none if there is nothing to say any more.
async fn compose(state: &AppState, mailer: &Mailer, mail: &Mail) -> anyhow::Result<Option<(String, Letter)>> {
    let db = &state.background;
    let (sign_in, forgot) = (mailer.page("signin"), mailer.page("forgot"));
    let account = async |id: AccountId| db::accounts::find_for_mail(db, id).await;
    Ok(match mail {
        Mail::VerifyEmail { account: id } => match account(*id).await? {
            Some(account) if !account.email_verified => {
                let to = account.email.clone();
                to_prove(state, mailer, &account, to, Purpose::VerifyEmail).await?
            }
            _ => None,
        },
        Mail::ChangeEmail { account: id } => match account(*id).await? {
            Some(MailAccount { new_email: Some(to), .. }) => {
                let Some(account) = account(*id).await? else { return Ok(None) };
                to_prove(state, mailer, &account, to, Purpose::ChangeEmail).await?
            }
            _ => None,
        },
        Mail::EmailChangeAsked { account: id } => match account(*id).await? {
            Some(MailAccount { email, email_verified: true, new_email: Some(new), .. }) => {
                Some((email, Letter::email_change_asked(&new, forgot)))
            }
            _ => None,
        },
        Mail::EmailChanged { account: id, to } => {
            account(*id).await?.map(|account| (to.clone(), Letter::email_changed(&account.email)))
        }
        Mail::PasswordChanged { account: id } => match account(*id).await? {
            Some(MailAccount { email, email_verified: true, .. }) => {
                Some((email, Letter::password_changed(forgot)))
            }
            _ => None,
        },
        Mail::NewSignIn { account: id, user_agent } => match account(*id).await? {
            Some(MailAccount { email, email_verified: true, .. }) => {
                Some((email, Letter::new_sign_in(user_agent, sign_in)))
            }
            _ => None,
        },
        Mail::ResetPassword { to } => reset(state, mailer, to).await?,
        Mail::Invitation { invite } => db::invites::find_for_mail(db, *invite).await?.map(|found| {
            let link = mailer.invitation_link(&found.code);
            (found.email, Letter::invitation(&found.inviter, &found.workspace_name, link))
        }),
    })
}

/// A letter with a code that proves an address, or one to the account that has it verified.
async fn to_prove(
    state: &AppState,
    mailer: &Mailer,
    account: &MailAccount,
    to: String,
    purpose: Purpose,
) -> anyhow::Result<Option<(String, Letter)>> {
    if is_enough(state, &to).await? {
        return Ok(None);
    }
    let is_known = db::accounts::is_verified(&state.background, &to).await?;
    // Made also for an address that is known, and told to nobody: the letters to an address count.
    let code = make_code(state, account.id, &to, purpose, DAY_SECONDS).await?;
    let letter = match purpose {
        _ if is_known => Letter::already_known(mailer.page("signin"), mailer.page("forgot")),
        Purpose::ChangeEmail => Letter::change_email(mailer.link("verify", &code)),
        Purpose::VerifyEmail | Purpose::ResetPassword => Letter::verify_email(mailer.link("verify", &code)),
    };
    Ok(Some((to, letter)))
}

async fn reset(state: &AppState, mailer: &Mailer, to: &str) -> anyhow::Result<Option<(String, Letter)>> {
    let accounts = db::accounts::list_of_email(&state.background, &fold(to), ACCOUNTS_MAX).await?;
    let Some(to) = accounts.first().map(|account| account.email.clone()) else { return Ok(None) };
    if is_enough(state, &to).await? {
        return Ok(None);
    }
    let mut links = Vec::with_capacity(accounts.len());
    for account in accounts {
        let code = make_code(state, account.id, &to, Purpose::ResetPassword, HOUR_SECONDS).await?;
        links.push((account.workspaces, mailer.link("reset", &code)));
    }
    Ok(Some((to, Letter::reset_password(links))))
}

async fn is_enough(state: &AppState, to: &str) -> anyhow::Result<bool> {
    let mailed = db::account_codes::count_mailed(&state.background, to).await?;
    if mailed >= CODES_PER_HOUR {
        warn!("a mail with a code is not sent: its address got {mailed} within the hour");
    }
    Ok(mailed >= CODES_PER_HOUR)
}

async fn make_code(
    state: &AppState,
    account: AccountId,
    email: &str,
    purpose: Purpose,
    ttl_seconds: i32,
) -> anyhow::Result<String> {
    let code = random_secret();
    let mut tx = state.background.begin().await?;
    let hash = secret_hash(&code);
    let new = NewCode { hash: &hash, account, purpose, email, was_mailed: true, ttl_seconds };
    db::account_codes::insert(&mut tx, &new).await?;
    tx.commit().await?;
    Ok(code)
}
