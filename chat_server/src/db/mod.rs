//! All SQL of chat_server, one file for each noun: free functions with the executor first. No
//! function begins or commits a transaction; the caller does.

pub mod account_codes;
pub mod accounts;
pub mod auto_join;
pub mod chats;
pub mod consumers;
pub mod event_log;
pub mod exports;
pub mod invites;
pub mod jobs;
pub mod members;
pub mod messages;
pub mod migrate;
pub mod notifier;
#[cfg(test)]
mod permissions;
pub mod security_events;
pub mod sessions;
pub mod signing_keys;
pub mod usage;
pub mod users;
pub mod workspaces;

pub use migrate::{MIGRATOR, migrate};

use chat_core::text::fold;
use serde::Serialize;
use sqlx::{PgExecutor, PgPool};
use utoipa::ToSchema;

/// Connections of each node for consumers and jobs, which must not wait for requests, nor requests
/// for them.
pub const BACKGROUND_CONNECTIONS: u32 = 5;

/// How Postgres plans for sends and for background work, besides without JIT: once for the life of a connection, perhaps
/// while the tables are empty. So it must look rows up by index, whatever the statistics say.
pub static PLANNER_SETTINGS: [(&str, &str); 5] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];
/// Begins a transaction whose reads are all of one moment.
pub const BEGIN_SNAPSHOT: &str = "begin isolation level repeatable read read only";

/// The length of a page if the caller names no limit, and the largest limit.
pub const PAGE_DEFAULT: i64 = 50;
pub const PAGE_MAX: i64 = 200;

/// Part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Whether the list goes on after the last item.
    pub has_more: bool,
}

impl<T> Page<T> {
    /// From up to `limit + 1` rows, as every list query fetches them.
    pub fn from_rows(mut items: Vec<T>, limit: i64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = items.len() > limit;
        items.truncate(limit);
        Self { items, has_more }
    }
}

/// Gives the statements of this transaction the time limit of a search.
pub async fn limit_search(db: impl PgExecutor<'_>) -> sqlx::Result<()> {
    sqlx::query!("set local statement_timeout = '500ms'").execute(db).await?;
    Ok(())
}

/// A text to be searched for, anywhere in names and the like.
#[derive(Clone, Debug)]
pub struct SearchText {
    folded: String,
    pattern: String,
}

impl SearchText {
    pub fn new(text: &str) -> Self {
        let folded = fold(text);
        let escaped = folded.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        Self { pattern: format!("%{escaped}%"), folded }
    }

    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// As a `like` pattern, in which every character stands for itself.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }
}

/// Whether the database responds.
pub async fn ping(db: &PgPool) -> sqlx::Result<()> {
    sqlx::query!("select 1 as one").fetch_one(db).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use private_postgres::testing::TestDatabase;
    use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
    use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

    use super::*;

    /// The number of random searches to compare with Postgres.
    const SEARCHES: usize = 2000;

    #[tokio::test]
    async fn a_search_finds_what_has_its_text_and_nothing_else() {
        let mut runner = TestRunner::default();
        // Few characters, so that searches find something, and all characters that `like` treats
        // specially.
        let texts = (r"[a-bA-B%_\\'ß界]{0,8}", r"[a-b%_\\界]{1,3}");
        let mut texts = || texts.new_tree(&mut runner).unwrap().current();
        let (texts, searches): (Vec<String>, Vec<String>) = (0..SEARCHES).map(|_| texts()).unzip();
        let patterns: Vec<String> = searches.iter().map(|search| SearchText::new(search).pattern).collect();
        let folded: Vec<String> = texts.iter().map(|text| fold(text)).collect();
        let database = TestDatabase::new().await.unwrap();
        let mut db = PgConnection::connect(database.url()).await.unwrap();
        let sql = "select text like pattern from unnest($1::text[], $2::text[]) as t (text, pattern)";
        let found: Vec<bool> =
            sqlx::query_scalar(sql).bind(&folded).bind(&patterns).fetch_all(&mut db).await.unwrap();
        for ((text, search), found) in texts.iter().zip(&searches).zip(&found) {
            assert_eq!(*found, fold(text).contains(&fold(search)), "{search:?} in {text:?}");
        }
        assert!(found.contains(&true) && found.contains(&false));
    }

    #[tokio::test]
    async fn the_database_takes_no_chat_or_member_that_is_none() {
        let database = TestDatabase::new().await.unwrap();
        let mut db = PgConnection::connect(database.url()).await.unwrap();
        sqlx::raw_sql(
            "create function a() returns uuid language sql return '01930000-0000-7000-8000-000000000000'::uuid;
             insert into workspaces (id, name, name_folded) values (a(), 'acme', 'acme');
             insert into users (id, workspace_id, fullname, fullname_folded, role) values (a(), a(), 'Ann', 'ann', 'owner');
             insert into chats (id, workspace_id, kind, name, name_folded)
                 values (a(), a(), 'public_channel', 'general', 'general');
             insert into chat_members (chat_id, user_id, workspace_id, role) values (a(), a(), a(), 'owner')",
        )
        .execute(&mut db)
        .await
        .unwrap();
        let chat = "insert into chats (id, workspace_id, kind, name, name_folded, single_key) values (gen_random_uuid(), a(), ";
        for (rule, sql) in [
            ("chats_kind_check", format!("{chat} 'town_square', 'x', 'x', null)")),
            ("chats_check", format!("{chat} 'private_channel', null, null, null)")),
            ("chats_check", format!("{chat} 'single', null, null, null)")),
            ("chats_check", format!("{chat} 'group', null, null, 'key')")),
            ("chats_kind_check", "update chats set kind = 'town_square'".to_owned()),
            ("chats_check", "update chats set name = null, name_folded = null".to_owned()),
            ("chats_check", "update chats set name_folded = null".to_owned()),
            ("chats_check", "update chats set single_key = 'key'".to_owned()),
            ("chats_check", "update chats set kind = 'private_channel', auto_join = true".to_owned()),
            ("chat_members_role_check", "update chat_members set role = 'boss'".to_owned()),
            (
                "chat_members_role_check",
                "insert into users (id, workspace_id, fullname, fullname_folded, role)
                     values (gen_random_uuid(), a(), 'Bob', 'bob', 'member');
                 insert into chat_members (chat_id, user_id, workspace_id, role)
                     select a(), id, a(), 'boss' from users where fullname = 'Bob'"
                    .to_owned(),
            ),
        ] {
            // Also while a logical copy of the database is loaded (`replica`).
            for role in ["origin", "replica"] {
                let sql = format!("set session_replication_role = {role}; {sql}");
                let failed = sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut db).await.unwrap_err();
                let failed = failed.as_database_error().unwrap();
                assert_eq!(
                    (failed.code().as_deref(), failed.constraint()),
                    (Some("23514"), Some(rule)),
                    "{sql}"
                );
            }
        }
    }
}
