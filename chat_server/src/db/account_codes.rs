//! Codes that were mailed to an address, or that the operator hands over.

use chat_core::{AccountId, text::fold};
use sqlx::{PgConnection, PgExecutor, Result, Type};

/// What a code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Purpose {
    VerifyEmail,
    ChangeEmail,
    ResetPassword,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ChangeEmail => "change_email",
            Self::ResetPassword => "reset_password",
        }
    }
}

/// A code that can be used.
pub struct Code {
    pub account_id: AccountId,
    pub purpose: Purpose,
    /// The address that it was made for.
    pub email_folded: String,
    /// Whether it was mailed to the address and shown to nobody else, so that it proves the address.
    pub was_mailed: bool,
}

/// A code to be stored.
pub struct NewCode<'a> {
    pub hash: &'a [u8],
    pub account: AccountId,
    pub purpose: Purpose,
    pub email: &'a str,
    pub was_mailed: bool,
    pub ttl_seconds: i32,
}

/// Stores a code. Older ones of the account for the same purpose are void.
pub async fn insert(db: &mut PgConnection, new: &NewCode<'_>) -> Result<()> {
    sqlx::query!(
        "update account_codes set expires_at = now()
         where account_id = $1 and purpose = $2 and used_at is null and expires_at > now()",
        new.account.0,
        new.purpose.as_str()
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        "insert into account_codes (hash, account_id, purpose, email_folded, was_mailed, expires_at)
         values ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))",
        new.hash,
        new.account.0,
        new.purpose.as_str(),
        fold(new.email),
        new.was_mailed,
        f64::from(new.ttl_seconds)
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Makes mails with codes to an address wait for one another until the transaction ends, so that
/// they are counted.
pub async fn lock_address(db: impl PgExecutor<'_>, email: &str) -> Result<()> {
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended('mails to ' || $1, 0))", fold(email))
        .execute(db)
        .await?;
    Ok(())
}

/// The mails that were to prove an address, within the last hour. All codes of one mail are of the
/// same moment.
pub struct Mailed {
    /// Those about one account, alone or with others.
    pub of_account: i64,
    /// The other accounts that they were about.
    pub other_accounts: i64,
    /// How long it is until an hour has passed since one about several accounts. None: it has.
    pub pause_seconds: Option<f64>,
}

pub async fn count_mailed(db: impl PgExecutor<'_>, email: &str, account: AccountId) -> Result<Mailed> {
    sqlx::query_as!(
        Mailed,
        r#"select count(*) filter (where account_id = $2) as "of_account!",
                  count(distinct account_id) filter (where account_id <> $2) as "other_accounts!",
                  extract(epoch from max(created_at) filter (where codes > 1) + interval '1 hour' - now())::float8
                      as pause_seconds
           from (select account_id, created_at, count(*) over (partition by created_at) as codes
                 from account_codes
                 where email_folded = $1 and was_mailed and purpose <> 'reset_password'
                   and created_at > now() - interval '1 hour') mailed"#,
        fold(email),
        account.0
    )
    .fetch_one(db)
    .await
}

/// How many mails to reset a password an address got within the last hour.
pub async fn count_resets(db: impl PgExecutor<'_>, email: &str) -> Result<i64> {
    sqlx::query_scalar!(
        r#"select count(distinct created_at) as "count!" from account_codes
           where email_folded = $1 and was_mailed and purpose = 'reset_password'
             and created_at > now() - interval '1 hour'"#,
        fold(email)
    )
    .fetch_one(db)
    .await
}

/// Deletes codes that nobody has got.
pub async fn delete(db: impl PgExecutor<'_>, hashes: &[Vec<u8>]) -> Result<()> {
    sqlx::query!("delete from account_codes where hash = any($1)", hashes).execute(db).await?;
    Ok(())
}

/// None: it is unknown, used, expired or void.
pub async fn find(db: impl PgExecutor<'_>, hash: &[u8]) -> Result<Option<Code>> {
    sqlx::query_as!(
        Code,
        r#"select account_id as "account_id: AccountId", purpose as "purpose: Purpose", email_folded, was_mailed
           from account_codes where hash = $1 and used_at is null and expires_at > now()"#,
        hash
    )
    .fetch_optional(db)
    .await
}

/// Uses a code up. Of several who show it at once, one gets it.
pub async fn take(db: impl PgExecutor<'_>, hash: &[u8]) -> Result<Option<Code>> {
    sqlx::query_as!(
        Code,
        r#"update account_codes set used_at = now() where hash = $1 and used_at is null and expires_at > now()
           returning account_id as "account_id: AccountId", purpose as "purpose: Purpose", email_folded, was_mailed"#,
        hash
    )
    .fetch_optional(db)
    .await
}

/// Makes every code of an account void.
pub async fn void_all(db: impl PgExecutor<'_>, account: AccountId) -> Result<()> {
    sqlx::query!(
        "update account_codes set expires_at = now() where account_id = $1 and used_at is null and expires_at > now()",
        account.0
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes at most `limit` codes that no limit counts any more.
pub async fn delete_old(db: impl PgExecutor<'_>, limit: i64) -> Result<u64> {
    let done = sqlx::query!(
        "delete from account_codes where hash in (
             select hash from account_codes where created_at < now() - interval '2 days' limit $1)",
        limit
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
