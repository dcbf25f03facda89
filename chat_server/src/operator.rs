//! What the operator may do to accounts, directly in the database: `parlor account …`. It is
//! the way that is left where no mail is sent, and for what people cannot prove by themselves.

use anyhow::{Context as _, bail};
use chat_core::{
    AccountId,
    config::Config,
    token::{random_secret, secret_hash},
};
use sqlx::{PgConnection, PgPool};

use crate::{
    connect::Connect,
    db::{
        self, SearchText,
        account_codes::{NewCode, Purpose},
        accounts::ListedAccount,
    },
    mail,
    security::{SecurityEvent, SecurityKind},
};

/// Accounts that are listed at once.
const LISTED_MAX: i64 = 1000;
/// A link that is handed over may be used later than one that is mailed.
const RESET_SECONDS: i32 = 24 * 3600;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountCommand {
    /// Lists accounts whose address contains the text, or all.
    List { text: Option<String> },
    /// Makes a link to choose a new password.
    ResetPassword { who: String },
    /// Says that the address is the account's own.
    Verify { who: String },
    /// Says that the address is nobody's, so that another account can verify it.
    Release { who: String },
}

/// Does it, and returns what to tell.
///
/// # Errors
/// One line: there is no such account, there are several, or the database cannot be reached.
pub async fn run(config: &Config, command: &AccountCommand) -> anyhow::Result<String> {
    let url = config.database.url.as_ref().context("database.url: the address of a Postgres is needed")?;
    let db = Connect::parse(url)?.pool(1);
    let told = run_on(&db, &config.server.public_url, command).await;
    db.close().await;
    told
}

async fn run_on(db: &PgPool, public_url: &str, command: &AccountCommand) -> anyhow::Result<String> {
    match command {
        AccountCommand::List { text } => {
            let text = text.as_deref().map(SearchText::new);
            let pattern = text.as_ref().map(SearchText::pattern);
            let found = db::accounts::list_for_operator(db, None, pattern, LISTED_MAX).await?;
            if found.is_empty() {
                return Ok("no accounts".into());
            }
            Ok(lines(&found))
        }
        AccountCommand::ResetPassword { who } => {
            let account = only(db, who).await?;
            let code = random_secret();
            let hash = secret_hash(&code);
            let new = NewCode {
                hash: &hash,
                account: account.id,
                purpose: Purpose::ResetPassword,
                email: &account.email,
                was_mailed: false,
                ttl_seconds: RESET_SECONDS,
            };
            let mut tx = db.begin().await?;
            db::account_codes::insert(&mut tx, &new).await?;
            record(&mut tx, SecurityKind::OperatorMadeResetLink, account.id).await?;
            tx.commit().await?;
            let link = mail::link(public_url, "reset", &code);
            Ok(format!(
                "The holder of this link can choose a new password for {}, once, within a day. Hand it to its owner alone:\n\
                 {link}",
                account.email
            ))
        }
        AccountCommand::Verify { who } => {
            let account = only(db, who).await?;
            let mut tx = db.begin().await?;
            match db::accounts::verify_email(&mut *tx, account.id).await {
                Err(sqlx::Error::Database(e)) if e.constraint() == Some("accounts_email_verified") => {
                    bail!(
                        "another account has the address {} verified: release that one first",
                        account.email
                    )
                }
                done => _ = done?,
            }
            record(&mut tx, SecurityKind::OperatorVerifiedEmail, account.id).await?;
            tx.commit().await?;
            Ok(format!("{} is now the verified address of {}", account.email, account.id))
        }
        AccountCommand::Release { who } => {
            let account = only(db, who).await?;
            if !account.email_verified {
                return Ok(format!(
                    "{} is not verified: its reader can verify it for another account already",
                    account.email
                ));
            }
            let mut tx = db.begin().await?;
            db::accounts::unverify_email(&mut *tx, account.id).await?;
            record(&mut tx, SecurityKind::OperatorReleasedEmail, account.id).await?;
            tx.commit().await?;
            Ok(format!("{} is free: another account can verify it now", account.email))
        }
    }
}

async fn record(tx: &mut PgConnection, kind: SecurityKind, account: AccountId) -> sqlx::Result<()> {
    SecurityEvent::by_operator(kind).of_account(Some(account)).record(tx).await
}

/// The one account that is meant; an address may be claimed by several.
async fn only(db: &PgPool, who: &str) -> anyhow::Result<ListedAccount> {
    let mut found = db::accounts::list_for_operator(db, Some(who), None, LISTED_MAX).await?;
    if let Some(verified) = found.iter().position(|account| account.email_verified) {
        return Ok(found.swap_remove(verified));
    }
    match found.len() {
        0 => bail!("no account has the address or the id {who}"),
        1 => Ok(found.swap_remove(0)),
        _ => bail!("several accounts claim {who}: name one by its id: {}", ids(&found)),
    }
}

fn ids(found: &[ListedAccount]) -> String {
    found.iter().map(|account| account.id.to_string()).collect::<Vec<_>>().join(", ")
}

fn lines(found: &[ListedAccount]) -> String {
    let line = |account: &ListedAccount| {
        let state = if account.email_verified { "verified" } else { "claimed" };
        let ListedAccount { id, email, created_at, workspaces, .. } = account;
        format!("{id}  {state:<8}  {created_at}  {email}  {}", workspaces.join(", "))
    };
    found.iter().map(line).collect::<Vec<_>>().join("\n")
}
