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

/// How many codes were mailed to an address within the last hour.
pub async fn count_mailed(db: impl PgExecutor<'_>, email: &str) -> Result<i64> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from account_codes
           where email_folded = $1 and was_mailed and created_at > now() - interval '1 hour'"#,
        fold(email)
    )
    .fetch_one(db)
    .await
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
