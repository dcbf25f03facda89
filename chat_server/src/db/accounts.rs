//! Logins, and this installation that they belong to.

use chat_core::{
    AccountId, Timestamp, WorkspaceId,
    text::{Email, fold, look_alike},
};
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, PgExecutor, Result, types::Json};
use utoipa::ToSchema;
use uuid::Uuid;

/// The row of `instance`.
pub struct InstanceRow {
    pub id: Uuid,
    pub secret: Vec<u8>,
}

/// The caller's account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    pub email: String,
    pub email_verified: bool,
    /// The address that it is to have once that is confirmed by the mail sent there.
    pub new_email: Option<String>,
    pub created_at: Timestamp,
}

pub async fn find_instance(db: impl PgExecutor<'_>) -> Result<InstanceRow> {
    sqlx::query_as!(InstanceRow, "select id, secret from instance").fetch_one(db).await
}

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

/// None: it is deleted.
pub async fn find(db: impl PgExecutor<'_>, id: AccountId) -> Result<Option<Account>> {
    sqlx::query_as!(
        Account,
        r#"select email as "email!", email_verified_at is not null as "email_verified!", new_email,
                  created_at as "created_at: Timestamp"
           from accounts where id = $1 and deleted_at is null"#,
        id.0
    )
    .fetch_optional(db)
    .await
}

/// The account of an address and a password, by its hash. Several may claim an address: the
/// verified one comes first, then the oldest. One that is in no such `workspace` comes last.
pub async fn find_by_password(
    db: impl PgExecutor<'_>,
    email: &Email,
    password_hash: &str,
    workspace: Option<&str>,
) -> Result<Option<AccountId>> {
    sqlx::query_scalar!(
        r#"select a.id as "id: AccountId" from accounts a where a.email_folded = $1 and a.password_hash = $2
           order by $3::text is not null and not exists (
                        select from users u join workspaces w on w.id = u.workspace_id
                        where u.account_id = a.id and u.deactivated_at is null
                          and (w.name_folded = $3 or w.id::text = $4)),
                    a.email_verified_at is null, a.created_at, a.id
           limit 1"#,
        fold(email.as_str()),
        password_hash,
        workspace.map(look_alike),
        workspace.map(fold)
    )
    .fetch_optional(db)
    .await
}

/// Whether these are the account's address and password, and it is in that `workspace`, if one is
/// named.
pub async fn is_password_of(
    db: impl PgExecutor<'_>,
    id: AccountId,
    email: &Email,
    password_hash: &str,
    workspace: Option<&str>,
) -> Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (
               select from accounts a where a.id = $1 and a.email_folded = $2 and a.password_hash = $3
                 and ($4::text is null or exists (
                     select from users u join workspaces w on w.id = u.workspace_id
                     where u.account_id = a.id and u.deactivated_at is null
                       and (w.name_folded = $4 or w.id::text = $5)))) as "is!""#,
        id.0,
        fold(email.as_str()),
        password_hash,
        workspace.map(look_alike),
        workspace.map(fold)
    )
    .fetch_one(db)
    .await
}

/// Whether the account has the address, verified or not.
pub async fn has_email(db: impl PgExecutor<'_>, id: AccountId, email: &Email) -> Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from accounts where id = $1 and email_folded = $2) as "has!""#,
        id.0,
        fold(email.as_str())
    )
    .fetch_one(db)
    .await
}

/// Whether an active user of the workspace has the address, verified.
pub async fn is_verified_in(db: impl PgExecutor<'_>, email: &str, workspace: WorkspaceId) -> Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (
               select from accounts a join users u on u.account_id = a.id
               where a.email_folded = $1 and a.email_verified_at is not null
                 and u.workspace_id = $2 and u.deactivated_at is null) as "is!""#,
        fold(email),
        workspace.0
    )
    .fetch_one(db)
    .await
}

/// Whether another account has the address, verified, with an active user in one of the account's
/// workspaces.
pub async fn is_verified_beside(db: impl PgExecutor<'_>, id: AccountId, email: &Email) -> Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (
               select from accounts a join users u on u.account_id = a.id
                    join users mine on mine.workspace_id = u.workspace_id
               where a.email_folded = $2 and a.email_verified_at is not null and a.id <> $1
                 and u.deactivated_at is null and mine.account_id = $1 and mine.deactivated_at is null) as "is!""#,
        id.0,
        fold(email.as_str())
    )
    .fetch_one(db)
    .await
}

/// Says that the account's address is its own, if that was not known. Violates
/// `accounts_email_verified` if it is another account's.
pub async fn verify_email(db: impl PgExecutor<'_>, id: AccountId) -> Result<bool> {
    let done = sqlx::query!(
        "update accounts set email_verified_at = now()
         where id = $1 and email is not null and email_verified_at is null",
        id.0
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Sets a password and forgets what was asked for with the old one: a change of address, and codes.
/// False: the account's password is no longer `current_hash`.
pub async fn set_password(
    db: &mut PgConnection,
    id: AccountId,
    current_hash: &str,
    password_hash: &str,
) -> Result<bool> {
    let done = sqlx::query!(
        "update accounts set password_hash = $3, new_email = null, new_email_folded = null, new_password_hash = null
         where id = $1 and deleted_at is null and password_hash = $2",
        id.0,
        current_hash,
        password_hash
    )
    .execute(&mut *db)
    .await?;
    super::account_codes::void_all(db, id).await?;
    Ok(done.rows_affected() == 1)
}

pub async fn has_password(db: impl PgExecutor<'_>, id: AccountId, password_hash: &str) -> Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from accounts where id = $1 and password_hash = $2) as "has!""#,
        id.0,
        password_hash
    )
    .fetch_one(db)
    .await
}

/// What a mail to an account needs to know of it.
pub struct MailAccount {
    pub id: AccountId,
    pub email: String,
    pub email_verified: bool,
    pub new_email: Option<String>,
    /// Its first five workspaces.
    pub places: Json<Vec<AccountPlace>>,
}

/// As whom an account is known in a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountPlace {
    pub workspace_name: String,
    pub fullname: String,
}

/// None: it is deleted.
pub async fn find_for_mail(db: impl PgExecutor<'_>, id: AccountId) -> Result<Option<MailAccount>> {
    sqlx::query_as!(
        MailAccount,
        r#"select a.id as "id: AccountId", a.email as "email!", a.email_verified_at is not null as "email_verified!",
                  a.new_email,
                  account_places(a.id) as "places!: Json<Vec<AccountPlace>>"
           from accounts a where a.id = $1 and a.email is not null"#,
        id.0
    )
    .fetch_optional(db)
    .await
}

/// The accounts that a reader of an address may mean: the one that has it verified, or else those
/// that claim it, oldest first.
pub async fn list_of_email(
    db: impl PgExecutor<'_>,
    email_folded: &str,
    limit: i64,
) -> Result<Vec<MailAccount>> {
    sqlx::query_as!(
        MailAccount,
        r#"select a.id as "id: AccountId", a.email as "email!", a.email_verified_at is not null as "email_verified!",
                  a.new_email,
                  account_places(a.id) as "places!: Json<Vec<AccountPlace>>"
           from accounts a
           where a.email_folded = $1 and (a.email_verified_at is not null or not exists (
               select from accounts v where v.email_folded = $1 and v.email_verified_at is not null))
           order by a.created_at, a.id limit $2"#,
        email_folded,
        limit
    )
    .fetch_all(db)
    .await
}

/// The accounts that claim an address or are to have it, newest first after `first`.
pub async fn list_claims(
    db: impl PgExecutor<'_>,
    email_folded: &str,
    first: AccountId,
    limit: i64,
) -> Result<Vec<MailAccount>> {
    sqlx::query_as!(
        MailAccount,
        r#"select a.id as "id: AccountId", a.email as "email!", a.email_verified_at is not null as "email_verified!",
                  a.new_email,
                  account_places(a.id) as "places!: Json<Vec<AccountPlace>>"
           from accounts a
           where (a.email_folded = $1 and a.email_verified_at is null) or a.new_email_folded = $1
           order by a.id <> $2, a.created_at desc, a.id limit $3"#,
        email_folded,
        first.0,
        limit
    )
    .fetch_all(db)
    .await
}

/// Whether an account has shown that the address is its own.
pub async fn is_verified(db: impl PgExecutor<'_>, email: &str) -> Result<bool> {
    sqlx::query_scalar!(
        r#"select exists (select from accounts where email_folded = $1 and email_verified_at is not null) as "is!""#,
        fold(email)
    )
    .fetch_one(db)
    .await
}

/// Says that the account's address is its own, if it still is `email_folded`. Violates
/// `accounts_email_verified` if it is another account's.
pub async fn confirm_email(db: impl PgExecutor<'_>, id: AccountId, email_folded: &str) -> Result<bool> {
    let done = sqlx::query!(
        "update accounts set email_verified_at = coalesce(email_verified_at, now()) where id = $1 and email_folded = $2",
        id.0,
        email_folded
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes the address that an account is to have, with its password hashed for that address.
pub async fn set_new_email(
    db: impl PgExecutor<'_>,
    id: AccountId,
    email: &Email,
    password_hash: &str,
) -> Result<()> {
    sqlx::query!(
        "update accounts set new_email = $2, new_email_folded = $3, new_password_hash = $4
         where id = $1 and deleted_at is null",
        id.0,
        email.as_str(),
        fold(email.as_str()),
        password_hash
    )
    .execute(db)
    .await?;
    Ok(())
}

/// An address that an account had.
pub struct OldEmail {
    pub email: String,
    pub was_verified: bool,
}

/// Gives an account the address that it was to have, verified, if that still is `email_folded`.
/// Returns the old one. Violates `accounts_email_verified` if the new one is another account's.
pub async fn take_new_email(
    db: impl PgExecutor<'_>,
    id: AccountId,
    email_folded: &str,
) -> Result<Option<OldEmail>> {
    sqlx::query_as!(
        OldEmail,
        r#"update accounts a set email = a.new_email, email_folded = a.new_email_folded,
                  password_hash = a.new_password_hash, email_verified_at = now(),
                  new_email = null, new_email_folded = null, new_password_hash = null
           from accounts old where a.id = $1 and old.id = a.id and a.new_email_folded = $2 and a.deleted_at is null
           returning old.email as "email!", old.email_verified_at is not null as "was_verified!""#,
        id.0,
        email_folded
    )
    .fetch_optional(db)
    .await
}

/// Changes the address at once, to one that is only claimed.
pub async fn set_email(
    db: impl PgExecutor<'_>,
    id: AccountId,
    email: &Email,
    password_hash: &str,
) -> Result<()> {
    sqlx::query!(
        "update accounts set email = $2, email_folded = $3, password_hash = $4, email_verified_at = null,
                new_email = null, new_email_folded = null, new_password_hash = null
         where id = $1 and deleted_at is null",
        id.0,
        email.as_str(),
        fold(email.as_str()),
        password_hash
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Sets a password that was hashed for `email_folded`, if that still is the account's address.
pub async fn reset_password(
    db: impl PgExecutor<'_>,
    id: AccountId,
    email_folded: &str,
    password_hash: &str,
) -> Result<bool> {
    let done = sqlx::query!(
        "update accounts set password_hash = $3, new_email = null, new_email_folded = null, new_password_hash = null
         where id = $1 and email_folded = $2",
        id.0,
        email_folded,
        password_hash
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What the workspaces of an account demand of its address.
pub struct Demand {
    pub verified_only: bool,
    pub email_domains: Vec<String>,
}

pub async fn list_demands(db: impl PgExecutor<'_>, id: AccountId) -> Result<Vec<Demand>> {
    sqlx::query_as!(
        Demand,
        "select w.verified_only, w.email_domains from users u join workspaces w on w.id = u.workspace_id
         where u.account_id = $1 and u.deactivated_at is null and (w.verified_only or w.email_domains <> '{}')",
        id.0
    )
    .fetch_all(db)
    .await
}

/// Takes everything from an account that says whose it was, and by which one could sign in.
pub async fn delete(db: impl PgExecutor<'_>, id: AccountId) -> Result<()> {
    sqlx::query!(
        "update accounts set email = null, email_folded = null, email_verified_at = null, password_hash = null,
                new_email = null, new_email_folded = null, new_password_hash = null, deleted_at = now()
         where id = $1 and deleted_at is null",
        id.0
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The names of the workspaces that the account alone owns though others are active in them.
pub async fn list_owned_alone(db: impl PgExecutor<'_>, id: AccountId) -> Result<Vec<String>> {
    sqlx::query_scalar!(
        "select w.name from users u join workspaces w on w.id = u.workspace_id
         where u.account_id = $1 and u.role = 'owner' and u.deactivated_at is null
           and not exists (select from users o where o.workspace_id = w.id and o.id <> u.id and o.role = 'owner'
                           and o.deactivated_at is null)
           and exists (select from users o where o.workspace_id = w.id and o.id <> u.id and o.deactivated_at is null)
         order by w.name limit 10",
        id.0
    )
    .fetch_all(db)
    .await
}

/// A login as the operator sees it.
#[derive(Clone, Debug)]
pub struct ListedAccount {
    pub id: AccountId,
    pub email: String,
    pub email_verified: bool,
    pub created_at: String,
    pub workspaces: Vec<String>,
}

/// The accounts whose id or whole address is `wanted`, or whose address matches the pattern, oldest
/// first. All with neither.
pub async fn list_for_operator(
    db: impl PgExecutor<'_>,
    wanted: Option<&str>,
    pattern: Option<&str>,
    limit: i64,
) -> Result<Vec<ListedAccount>> {
    sqlx::query_as!(
        ListedAccount,
        r#"select a.id as "id: AccountId", a.email as "email!", a.email_verified_at is not null as "email_verified!",
                  json_time(a.created_at) as "created_at!",
                  array(select w.name from users u join workspaces w on w.id = u.workspace_id
                        where u.account_id = a.id order by u.created_at limit 5) as "workspaces!"
           from accounts a
           where a.email is not null and ($1::text is null or a.email_folded = $1 or a.id::text = $1)
             and ($2::text is null or a.email_folded like $2)
           order by a.created_at, a.id limit $3"#,
        wanted.map(fold),
        pattern,
        limit
    )
    .fetch_all(db)
    .await
}

/// Says that an address is nobody's, so that another account may show that it is its own.
pub async fn unverify_email(db: impl PgExecutor<'_>, id: AccountId) -> Result<()> {
    sqlx::query!("update accounts set email_verified_at = null where id = $1", id.0).execute(db).await?;
    Ok(())
}
