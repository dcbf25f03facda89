//! Logins.

use chat_core::{
    AccountId,
    text::{Email, fold},
};
use sqlx::{PgExecutor, Result};

/// What signing in needs.
pub struct Credentials {
    pub id: AccountId,
    pub password_hash: String,
}

/// Violates `accounts_email_key` when the address is taken.
pub async fn insert(
    db: impl PgExecutor<'_>,
    id: AccountId,
    email: &Email,
    password_hash: &str,
) -> Result<()> {
    sqlx::query!(
        "insert into accounts (id, email, email_folded, password_hash) values ($1, $2, $3, $4)",
        id.0,
        email.as_str(),
        fold(email.as_str()),
        password_hash
    )
    .execute(db)
    .await?;
    Ok(())
}

pub async fn find_credentials(db: impl PgExecutor<'_>, email: &Email) -> Result<Option<Credentials>> {
    sqlx::query_as!(
        Credentials,
        r#"select id as "id: AccountId", password_hash from accounts where email_folded = $1"#,
        fold(email.as_str())
    )
    .fetch_optional(db)
    .await
}
