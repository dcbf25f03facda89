//! Sends a mail. What it says is decided when it is due: the account may have changed since, and an
//! address gets only so many. The mail goes out before the job completes, so it may go out twice; a
//! code is made anew each time, and the older one is void.

use std::time::Duration;

use anyhow::Context as _;
use chat_core::{
    AccountId,
    text::fold,
    token::{random_secret, secret_hash},
};
use serde::Deserialize as _;
use sqlx::PgConnection;
use tracing::{debug, warn};

use super::TooEarly;
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

/// Mails that prove an address, within an hour: for one account, with one for each other account
/// that names the address.
const LETTERS_PER_HOUR: i64 = 5;
/// Mails by which passwords of the accounts of an address are reset, within an hour.
const RESETS_PER_HOUR: i64 = 5;
/// Accounts that one mail to reset a password is about.
const ACCOUNTS_MAX: i64 = 5;
/// Accounts that one mail to prove an address is about.
const CLAIMS_MAX: i64 = 20;
const DAY_SECONDS: i32 = 24 * 3600;
const HOUR_SECONDS: i32 = 3600;

/// A mail that is to go out now.
struct Composed {
    to: String,
    letter: Letter,
    /// The hashes of the codes in it.
    codes: Vec<Vec<u8>>,
}

impl Composed {
    fn without_codes(to: String, letter: Letter) -> Self {
        Self { to, letter, codes: Vec::new() }
    }
}

pub(super) async fn send(state: &AppState, job: &TakenJob) -> anyhow::Result<()> {
    let Some(mailer) = &state.mailer else {
        debug!("a mail is dropped: this server sends none any more");
        return Ok(());
    };
    let mail = Mail::deserialize(&job.payload).context("payload")?;
    let Some(Composed { to, letter, codes }) = compose(state, mailer, &mail).await? else { return Ok(()) };
    let id = format!("{}-{}", job.kind, job.id);
    let outcome = mailer.send(&to, &letter, &id).await;
    if outcome.is_err() {
        // Nobody has got them, so they must not count among the mails to the address.
        db::account_codes::delete(&state.background, &codes).await?;
    }
    match outcome {
        Ok(()) => Ok(()),
        Err(SendError::Refused(why)) => {
            warn!(id = job.id, "a mail is not sent: the mail server refused it for good ({why})");
            Ok(())
        }
        Err(failed @ SendError::Failed(_)) => Err(failed.into()),
    }
}

/// The address and the text; none if there is nothing to say any more.
async fn compose(state: &AppState, mailer: &Mailer, mail: &Mail) -> anyhow::Result<Option<Composed>> {
    let db = &state.background;
    let (sign_in, forgot) = (mailer.page("signin"), mailer.page("forgot"));
    let account = async |id: AccountId| db::accounts::find_for_mail(db, id).await;
    Ok(match mail {
        Mail::VerifyEmail { account: id } => match account(*id).await? {
            Some(account) if !account.email_verified => {
                let to = account.email.clone();
                to_prove(state, mailer, account, to).await?
            }
            _ => None,
        },
        Mail::ChangeEmail { account: id } => match account(*id).await? {
            Some(account) => match account.new_email.clone() {
                Some(to) => to_prove(state, mailer, account, to).await?,
                None => None,
            },
            None => None,
        },
        Mail::EmailChangeAsked { account } => {
            let letter = |account: &MailAccount| {
                let new = account.new_email.as_deref()?;
                Some(Letter::email_change_asked(new, forgot))
            };
            tell(state, *account, letter).await?
        }
        Mail::EmailChanged { account: id, to } => account(*id)
            .await?
            .map(|account| Composed::without_codes(to.clone(), Letter::email_changed(&account.email))),
        Mail::PasswordChanged { account } => {
            tell(state, *account, |_| Some(Letter::password_changed(forgot))).await?
        }
        Mail::NewSignIn { account, user_agent } => {
            tell(state, *account, |_| Some(Letter::new_sign_in(user_agent, sign_in))).await?
        }
        Mail::ResetPassword { to } => reset(state, mailer, to).await?,
        Mail::Invitation { invite } => db::invites::find_for_mail(db, *invite).await?.map(|found| {
            let link = mailer.invitation_link(&found.code);
            let letter = Letter::invitation(&found.inviter, &found.workspace_name, link);
            Composed::without_codes(found.email, letter)
        }),
    })
}

/// A letter to an account, if its address is verified.
async fn tell(
    state: &AppState,
    id: AccountId,
    letter: impl FnOnce(&MailAccount) -> Option<Letter> + Send,
) -> anyhow::Result<Option<Composed>> {
    let found = db::accounts::find_for_mail(&state.background, id).await?;
    let found = found.filter(|account| account.email_verified);
    let letter = found.as_ref().and_then(letter);
    Ok(found.zip(letter).map(|(account, letter)| Composed::without_codes(account.email, letter)))
}

/// A letter with a code that proves an address of an account, or one to the account that has it
/// verified. It says as whom the account is known: a stranger may have named the address, and its
/// reader must not prove it for them.
///
/// Others who name the address take one place each, however often they ask. Once all places are
/// taken, one letter has a link for each of them, so that strangers cannot keep the owner's from
/// arriving; the next one waits for an hour.
async fn to_prove(
    state: &AppState,
    mailer: &Mailer,
    account: MailAccount,
    to: String,
) -> anyhow::Result<Option<Composed>> {
    let mut tx = state.background.begin().await?;
    db::account_codes::lock_address(&mut *tx, &to).await?;
    let places = db::account_codes::count_mailed(&mut *tx, &to, account.id).await?;
    let is_known = db::accounts::is_verified(&mut *tx, &to).await?;
    let is_full = places.of_account + places.other_accounts >= LETTERS_PER_HOUR;
    if is_full && (is_known || places.of_account > 0) {
        state.metrics.bounds.mails_withheld.inc();
        warn!("a mail with a code is not sent: its address got enough within the hour");
        return Ok(None);
    }
    if is_full && let Some(pause) = places.pause_seconds {
        state.metrics.bounds.mails_withheld.inc();
        return Err(TooEarly(Duration::from_secs_f64(pause.clamp(1.0, f64::from(HOUR_SECONDS)))).into());
    }
    let claims = if is_full {
        db::accounts::list_claims(&mut *tx, &fold(&to), account.id, CLAIMS_MAX).await?
    } else {
        vec![account]
    };
    let (mut links, mut codes) = (Vec::with_capacity(claims.len()), Vec::with_capacity(claims.len()));
    for claim in claims {
        let is_change = claim.new_email.as_deref().is_some_and(|new| fold(new) == fold(&to));
        let purpose = if is_change { Purpose::ChangeEmail } else { Purpose::VerifyEmail };
        // Made also for an address that is known, and told to nobody: the letters to an address count.
        let (code, hash) = make_code(&mut tx, claim.id, &to, purpose, DAY_SECONDS).await?;
        links.push((claim.places.0, is_change, mailer.link("verify", &code)));
        codes.push(hash);
    }
    tx.commit().await?;
    let letter = match <[_; 1]>::try_from(links) {
        _ if is_known => Letter::already_known(mailer.page("signin"), mailer.page("forgot")),
        Ok([(places, true, link)]) => Letter::change_email(&places, link),
        Ok([(places, false, link)]) => Letter::verify_email(&places, link),
        Err(links) => {
            Letter::verify_claims(links.into_iter().map(|(places, _, link)| (places, link)).collect())
        }
    };
    Ok(Some(Composed { to, letter, codes }))
}

async fn reset(state: &AppState, mailer: &Mailer, to: &str) -> anyhow::Result<Option<Composed>> {
    let mut tx = state.background.begin().await?;
    db::account_codes::lock_address(&mut *tx, to).await?;
    let accounts = db::accounts::list_of_email(&mut *tx, &fold(to), ACCOUNTS_MAX).await?;
    let Some(to) = accounts.first().map(|account| account.email.clone()) else { return Ok(None) };
    if db::account_codes::count_resets(&mut *tx, &to).await? >= RESETS_PER_HOUR {
        state.metrics.bounds.mails_withheld.inc();
        warn!("a mail to reset a password is not sent: its address got enough within the hour");
        return Ok(None);
    }
    let (mut links, mut codes) = (Vec::with_capacity(accounts.len()), Vec::with_capacity(accounts.len()));
    for account in accounts {
        let (code, hash) = make_code(&mut tx, account.id, &to, Purpose::ResetPassword, HOUR_SECONDS).await?;
        links.push((account.places.0, mailer.link("reset", &code)));
        codes.push(hash);
    }
    tx.commit().await?;
    Ok(Some(Composed { to, letter: Letter::reset_password(links), codes }))
}

/// The code, and the hash that is stored of it.
async fn make_code(
    db: &mut PgConnection,
    account: AccountId,
    email: &str,
    purpose: Purpose,
    ttl_seconds: i32,
) -> anyhow::Result<(String, Vec<u8>)> {
    let code = random_secret();
    let hash = secret_hash(&code).to_vec();
    let new = NewCode { hash: &hash, account, purpose, email, was_mailed: true, ttl_seconds };
    db::account_codes::insert(db, &new).await?;
    Ok((code, hash))
}
