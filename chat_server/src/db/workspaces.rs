//! Tenants.

use chat_core::{
    AccountId, SessionId, Timestamp, WorkspaceId,
    text::{EmailDomain, WorkspaceName, fold, look_alike},
};
use serde::{Deserialize, Serialize};
use sqlx::{PgExecutor, Result};
use utoipa::ToSchema;

use super::chats::PER_USER_MAX;

/// A workspace as REST and events show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Workspace {
    pub id: WorkspaceId,
    pub name: String,
    /// Whether those who join need a verified e-mail address.
    pub verified_only: bool,
    /// Whose e-mail addresses may join; all if there are none.
    pub email_domains: Vec<String>,
    pub created_at: Timestamp,
}

/// A workspace of the caller's account, with what waits there.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct WorkspaceWithUnread {
    #[serde(flatten)]
    pub workspace: Workspace,
    /// The sum of the `unread_count` of the caller's chats there.
    pub unread: i64,
    /// How many of them are for the caller: those in single chats.
    pub mentions: i64,
}

/// Workspaces that one account may be in.
pub const PER_ACCOUNT_MAX: usize = 100;

/// Violates `workspaces_name_key` if the name is taken.
pub async fn insert(db: impl PgExecutor<'_>, id: WorkspaceId, name: &WorkspaceName) -> Result<Workspace> {
    sqlx::query_as!(
        Workspace,
        r#"insert into workspaces (id, name, name_folded) values ($1, $2, $3)
           returning id as "id: WorkspaceId", name, verified_only, email_domains, created_at as "created_at: Timestamp""#,
        id.0,
        name.as_str(),
        look_alike(name.as_str())
    )
    .fetch_one(db)
    .await
}

/// Locks the row until the transaction ends, after the user and before any chat. Rows that name
/// the workspace may be written.
pub async fn lock(db: impl PgExecutor<'_>, id: WorkspaceId) -> Result<()> {
    sqlx::query!("select from workspaces where id = $1 for no key update", id.0).execute(db).await?;
    Ok(())
}

/// What is left out does not change.
#[derive(Default)]
pub struct Changes {
    pub name: Option<WorkspaceName>,
    pub verified_only: Option<bool>,
    pub email_domains: Option<Vec<EmailDomain>>,
}

/// Violates `workspaces_name_key` if the name is taken.
pub async fn change(db: impl PgExecutor<'_>, id: WorkspaceId, changes: &Changes) -> Result<Workspace> {
    let name = changes.name.as_ref().map(WorkspaceName::as_str);
    let domains: Option<Vec<String>> = changes
        .email_domains
        .as_ref()
        .map(|all| all.iter().map(|domain| domain.as_str().to_owned()).collect());
    sqlx::query_as!(
        Workspace,
        r#"update workspaces set name = coalesce($2, name), name_folded = coalesce($3, name_folded),
                  verified_only = coalesce($4, verified_only), email_domains = coalesce($5, email_domains)
           where id = $1
           returning id as "id: WorkspaceId", name, verified_only, email_domains, created_at as "created_at: Timestamp""#,
        id.0,
        name,
        name.map(look_alike),
        changes.verified_only,
        domains.as_deref()
    )
    .fetch_one(db)
    .await
}

/// Whether an address is of one of these domains; any is if there are none. A subdomain is another
/// domain.
pub fn is_email_welcome(domains: &[String], email: &str) -> bool {
    let domain = email.rsplit_once('@').map(|(_, domain)| fold(domain));
    domains.is_empty() || domain.is_some_and(|domain| domains.iter().any(|welcome| fold(welcome) == domain))
}

pub async fn find(db: impl PgExecutor<'_>, id: WorkspaceId) -> Result<Workspace> {
    sqlx::query_as!(
        Workspace,
        r#"select id as "id: WorkspaceId", name, verified_only, email_domains, created_at as "created_at: Timestamp"
           from workspaces where id = $1"#,
        id.0
    )
    .fetch_one(db)
    .await
}

pub async fn any(db: impl PgExecutor<'_>) -> Result<bool> {
    sqlx::query_scalar!(r#"select exists (select from workspaces) as "any!""#).fetch_one(db).await
}

/// The workspaces in which an account has an active user, oldest membership first; at most
/// [`PER_ACCOUNT_MAX`].
pub async fn list_of_account(db: impl PgExecutor<'_>, account: AccountId) -> Result<Vec<Workspace>> {
    sqlx::query_as!(
        Workspace,
        r#"select w.id as "id: WorkspaceId", w.name, w.verified_only, w.email_domains, w.created_at as "created_at: Timestamp"
           from users u join workspaces w on w.id = u.workspace_id
           where u.account_id = $1 and u.deactivated_at is null
           order by u.created_at, u.id limit $2"#,
        account.0,
        i64::try_from(PER_ACCOUNT_MAX).unwrap_or(i64::MAX)
    )
    .fetch_all(db)
    .await
}

/// The same with what is unread there. A chat that is read to its end costs no count. Where the
/// session gives no access, because it began before its user was deactivated, nothing is counted.
pub async fn list_with_unread(
    db: impl PgExecutor<'_>,
    account: AccountId,
    session: SessionId,
) -> Result<Vec<WorkspaceWithUnread>> {
    let rows = sqlx::query!(
        r#"select w.id as "id: WorkspaceId", w.name, w.verified_only, w.email_domains, w.created_at as "created_at: Timestamp",
                  n.unread as "unread!", n.mentions as "mentions!"
           from (select u.* from users u where u.account_id = $1 and u.deactivated_at is null
                 order by u.created_at, u.id limit $3) u
           join workspaces w on w.id = u.workspace_id
           cross join lateral (
               select coalesce(sum(count), 0)::bigint as unread,
                      coalesce(sum(count) filter (where kind = 'single'), 0)::bigint as mentions
               from (
                   select c.kind, unread_count(c, greatest(m.read_seq, m.sent_seq)) as count
                   from (select * from chat_members where user_id = u.id order by chat_id desc limit $4) m
                   join chats c on c.id = m.chat_id
                   where c.deleted_at is null and c.last_seq > greatest(m.read_seq, m.sent_seq)
                     and exists (select from sessions s where s.id = $2 and (u.access_from is null or s.created_at > u.access_from))
               ) unread
           ) n
           order by u.created_at, u.id"#,
        account.0,
        session.0,
        i64::try_from(PER_ACCOUNT_MAX).unwrap_or(i64::MAX),
        PER_USER_MAX
    )
    .fetch_all(db)
    .await?;
    let items = rows.into_iter().map(|row| WorkspaceWithUnread {
        workspace: Workspace {
            id: row.id,
            name: row.name,
            verified_only: row.verified_only,
            email_domains: row.email_domains,
            created_at: row.created_at,
        },
        unread: row.unread,
        mentions: row.mentions,
    });
    Ok(items.collect())
}
