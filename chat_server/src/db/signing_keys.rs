//! The public keys that verify tokens.

use sqlx::{PgExecutor, Result};

/// Publishes this server's key, or renews the time at which its owner was last seen.
pub async fn publish(db: impl PgExecutor<'_>, kid: &str, public_key: &[u8]) -> Result<()> {
    sqlx::query!(
        "insert into signing_keys (kid, public_key) values ($1, $2) on conflict (kid) do update set seen_at = now()",
        kid,
        public_key
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Key id and raw public key of each server seen within a day.
pub async fn list(db: impl PgExecutor<'_>) -> Result<Vec<(String, Vec<u8>)>> {
    let rows = sqlx::query!(
        "select kid, public_key from signing_keys where seen_at > now() - interval '1 day' order by kid limit 1000"
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.kid, row.public_key)).collect())
}
