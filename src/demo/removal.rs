//! `parlor demo remove`: takes the demo out of a database, so that nobody can sign in with a password
//! that everybody knows.

use chat_core::{
    config::Secret,
    text::{fold, look_alike},
};
use chat_server::{
    connect::Connect,
    security::{SecurityEvent, SecurityKind},
};
use sqlx::{Connection as _, PgConnection};

use super::{WORKSPACE, conversations::Person};

pub const HINT: &str = "The people of the demo are in this database, with a password that everybody knows. \
                        `parlor demo remove` removes them.\n";

/// Whether accounts of the demo are in the database.
pub async fn is_there(url: &Secret) -> anyhow::Result<bool> {
    let mut db = connect(url).await?;
    let found = accounts(&mut db).await?;
    db.close().await?;
    Ok(!found.is_empty())
}

/// Removes the demo's accounts and sessions, and the chats of its workspace; its people stay as
/// deactivated users. False if there is none.
pub async fn remove(url: &Secret) -> anyhow::Result<bool> {
    let mut db = connect(url).await?;
    let accounts = accounts(&mut db).await?;
    if accounts.is_empty() {
        return Ok(false);
    }
    // Told by events first, so that servers which run forget what they know.
    let mut tx = db.begin().await?;
    for sql in [
        "update sessions set revoked_at = now() where account_id = any ($1) and revoked_at is null",
        "update chats set deleted_at = now() where deleted_at is null and workspace_id in
             (select id from workspaces where name_folded = $2)",
        "update users set deactivated_at = now() where deactivated_at is null and account_id = any ($1)",
    ] {
        let query = sqlx::query(sql).bind(&accounts);
        let query = if sql.contains("$2") { query.bind(look_alike(WORKSPACE)) } else { query };
        query.execute(&mut *tx).await?;
    }
    tx.commit().await?;
    let mut tx = db.begin().await?;
    for sql in [
        "delete from refresh_tokens where session_id in (select id from sessions where account_id = any ($1))",
        "delete from sessions where account_id = any ($1)",
        "update users set account_id = null where account_id = any ($1)",
        "delete from accounts where id = any ($1)",
    ] {
        sqlx::query(sql).bind(&accounts).execute(&mut *tx).await?;
    }
    // Another demo may take the name.
    let sql = "update workspaces set name = name || ' ' || left(id::text, 8), name_folded = name_folded || ' ' || id
               where name_folded = $1";
    sqlx::query(sql).bind(look_alike(WORKSPACE)).execute(&mut *tx).await?;
    SecurityEvent::by_operator(SecurityKind::OperatorRemovedDemo).record(&mut *tx).await?;
    tx.commit().await?;
    db.close().await?;
    Ok(true)
}

async fn connect(url: &Secret) -> anyhow::Result<PgConnection> {
    Ok(Connect::parse(url)?.named("parlor demo").connect().await?)
}

/// The ids of the accounts of the demo that have a user in its workspace.
async fn accounts(db: &mut PgConnection) -> sqlx::Result<Vec<uuid::Uuid>> {
    let migrated: bool =
        sqlx::query_scalar("select to_regclass('accounts') is not null").fetch_one(&mut *db).await?;
    if !migrated {
        return Ok(Vec::new());
    }
    let emails: Vec<String> = Person::ALL.iter().map(|person| fold(&person.email())).collect();
    let sql = "select distinct a.id from accounts a join users u on u.account_id = a.id
               join workspaces w on w.id = u.workspace_id
               where a.email_folded = any ($1) and w.name_folded = $2";
    sqlx::query_scalar(sql).bind(emails).bind(look_alike(WORKSPACE)).fetch_all(db).await
}
