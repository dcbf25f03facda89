//! Tests that the rules in SQL equal those of [`chat_core::permission`], and that every query that
//! returns people asks them.

use std::{collections::BTreeSet, fs, path::Path};

use chat_core::{
    ChatKind, ChatRole, WorkspaceId, WorkspaceRole,
    permission::{ChatAction, Standing, can_see_user},
};
use private_postgres::testing::TestDatabase;
use serde::Serialize;
use serde_json::Value;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

/// The name in the database, which equals the name in JSON.
fn name(of: impl Serialize) -> String {
    serde_json::to_value(of).unwrap().as_str().unwrap().to_owned()
}

#[tokio::test]
async fn whether_one_may_post_is_the_same_in_sql() {
    let database = TestDatabase::new().await.unwrap();
    let mut db = PgConnection::connect(database.url()).await.unwrap();
    for kind in ChatKind::ALL {
        for workspace_role in [WorkspaceRole::Member, WorkspaceRole::Admin, WorkspaceRole::Owner] {
            for chat_role in [None, Some(ChatRole::Member), Some(ChatRole::Owner)] {
                let standing = Standing { kind, workspace_role, chat_role };
                let in_sql: bool = sqlx::query_scalar("select may_post($1, $2, $3)")
                    .bind(name(kind))
                    .bind(name(workspace_role))
                    .bind(chat_role.map(name))
                    .fetch_one(&mut db)
                    .await
                    .unwrap();
                assert_eq!(in_sql, standing.may(ChatAction::Post), "{standing:?}");
            }
        }
    }
}

#[tokio::test]
async fn whether_one_can_see_a_user_is_the_same_in_sql() {
    let database = TestDatabase::new().await.unwrap();
    let mut db = PgConnection::connect(database.url()).await.unwrap();
    let mut people = Vec::new();
    for workspace in [WorkspaceId::generate(), WorkspaceId::generate()] {
        sqlx::query("insert into workspaces (id, name, name_folded) values ($1, $1::text, $1::text)")
            .bind(workspace.0)
            .execute(&mut db)
            .await
            .unwrap();
        for role in ["owner", "admin", "member", "member"] {
            let id = Uuid::now_v7();
            sqlx::query(
                "insert into users (id, workspace_id, fullname, fullname_folded, role) values ($1, $2, 'x', 'x', $3)",
            )
                .bind(id)
                .bind(workspace.0)
                .bind(role)
                .execute(&mut db)
                .await
                .unwrap();
            people.push((id, workspace));
        }
    }
    for (viewer, of_viewer) in &people {
        let seen: Vec<Uuid> = sqlx::query_scalar("select id from users_seen_by($1) order by id")
            .bind(viewer)
            .fetch_all(&mut db)
            .await
            .unwrap();
        for (person, of_person) in &people {
            let in_sql: bool = sqlx::query_scalar("select can_see_user($1, $2)")
                .bind(viewer)
                .bind(person)
                .fetch_one(&mut db)
                .await
                .unwrap();
            assert_eq!(in_sql, can_see_user(*of_viewer, *of_person));
            assert_eq!(in_sql, seen.contains(person));
        }
    }
    let unknown: bool = sqlx::query_scalar("select can_see_user($1, $2)")
        .bind(Uuid::now_v7())
        .bind(people[0].0)
        .fetch_one(&mut db)
        .await
        .unwrap();
    assert!(!unknown);
}

#[tokio::test]
async fn the_people_one_sees_cost_no_call_of_a_function() {
    let database = TestDatabase::new().await.unwrap();
    let mut db = PgConnection::connect(database.url()).await.unwrap();
    let sql =
        "explain select id from users_seen_by('01930000-0000-7000-8000-000000000000') u order by id limit 50";
    let plan: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut db).await.unwrap();
    assert!(!plan.concat().contains("users_seen_by"), "{plan:#?}");
}

/// Queries that return people without asking whom the viewer can see, each with the reason.
const ALLOWED: [(&str, &str); 41] = [
    ("accounts::find", "the caller's own account"),
    ("accounts::find_for_mail", "for a mail to the account itself"),
    ("accounts::list_claims", "for a mail to the address itself"),
    ("accounts::list_for_operator", "for the operator"),
    ("accounts::list_of_email", "for a mail to the address itself"),
    ("accounts::take_new_email", "the address that the account itself had"),
    ("chats::list_with_last", "ids alone, the same for all who read the chat, as in events"),
    ("exports::chats", "one's own memberships"),
    ("exports::messages", "one's own messages"),
    ("invites::find_for_mail", "the address that the inviter named"),
    ("invites::find_open", "the address that the inviter named, for who has the code"),
    ("invites::insert", "one's own"),
    ("invites::take_use", "decides who may join, and is not shown"),
    ("members::delete", "ids that the caller named"),
    ("members::find", "oneself, or the member whom the caller named and made owner"),
    ("members::find_heir", "to hand a chat over"),
    ("members::find_owner", "to decide, under a lock"),
    ("members::insert", "ids that the caller named"),
    ("members::list_full", "ids that the caller named"),
    ("members::list_most_active", "one's own memberships"),
    ("members::list_of_user", "one's own memberships"),
    ("members::list_present", "ids that the caller named"),
    ("messages::find", "ids of senders, as in events"),
    ("messages::find_authorship", "decides who may change a message, and is not shown"),
    ("messages::find_sent", "one's own message"),
    ("messages::list_before", "ids of senders, as in events"),
    ("messages::list_from", "ids of senders, as in events"),
    ("pins::list", "ids of senders and of those who pinned, as in events"),
    ("reactions::list", "ids of those who reacted, as in events"),
    ("saved::list", "ids of senders, as in events"),
    ("sessions::revoke_by_token", "oneself"),
    ("sessions::revoke_reused", "oneself"),
    ("threads::list_before", "ids of senders, as in events"),
    ("threads::list_followed", "ids of senders, as in events"),
    ("threads::list_from", "ids of senders, as in events"),
    ("users::find_heir", "to hand a workspace over"),
    ("users::find_of_account", "oneself"),
    ("users::find_of_session", "oneself"),
    ("users::find_to_forget", "oneself, after the account was deleted"),
    ("users::lock_active_ids", "ids that the caller named, for a lock"),
    ("users::lock_for_update", "for a lock"),
];

/// A query of `db/`, as the last build stored it.
struct Stored {
    /// For example `users::list`.
    function: String,
    sql: String,
    columns: Vec<String>,
}

impl Stored {
    fn returns_people(&self) -> bool {
        let shows = |column: &String| {
            let plain = column.split([':', '?', '!']).next().unwrap_or_default();
            column.contains("UserId") || ["fullname", "email", "external_id"].contains(&plain)
        };
        // The JSON of a message names its sender.
        self.columns.iter().any(shows) || self.sql.contains("message_json(")
    }

    fn asks(&self) -> bool {
        ["users_seen_by(", "can_see_user("].iter().any(|call| self.sql.contains(call))
    }
}

/// The names of queries that return people and do not ask.
fn without_asking(queries: &[Stored]) -> BTreeSet<&str> {
    queries.iter().filter(|q| q.returns_people() && !q.asks()).map(|q| q.function.as_str()).collect()
}

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let noun = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            found.push((noun, code.to_owned()));
        }
    }
}

fn stored() -> Vec<Stored> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = Vec::new();
    sources(&package.join("src/db"), &mut code);
    code.retain(|(noun, _)| noun != "permissions");
    for (noun, code) in &code {
        for unchecked in ["sqlx::query(", "sqlx::query_as(", "sqlx::query_scalar("] {
            assert!(!code.contains(unchecked), "{noun}: a query that is not stored cannot be looked at");
        }
    }
    let mut queries = Vec::new();
    for entry in fs::read_dir(package.join("../.sqlx")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        let sql = json["query"].as_str().unwrap().to_owned();
        let columns = json["describe"]["columns"].as_array().unwrap();
        let columns = columns.iter().map(|column| column["name"].as_str().unwrap().to_owned()).collect();
        let place = code.iter().find_map(|(noun, code)| Some((noun, &code[..code.find(&sql)?])));
        let function = place.map_or(String::new(), |(noun, before)| {
            let name = before.rsplit("fn ").next().unwrap_or_default();
            format!("{noun}::{}", name.split(['(', '<']).next().unwrap_or_default())
        });
        queries.push(Stored { function, sql, columns });
    }
    queries
}

#[test]
fn every_query_that_answers_with_people_asks_whom_the_viewer_can_see() {
    let mut queries = stored();
    let allowed: BTreeSet<&str> = ALLOWED.iter().map(|(function, _)| *function).collect();
    assert_eq!(without_asking(&queries), allowed, "the queries on the left, those that may on the right");
    let asking: BTreeSet<String> =
        queries.iter().filter(|q| q.returns_people() && q.asks()).map(|q| q.function.clone()).collect();
    assert!(
        ["users::find", "users::list", "users::list_of", "members::list"].iter().all(|q| asking.contains(*q))
    );
    // Without its call, each query is found.
    for query in &mut queries {
        query.sql = query.sql.replace("users_seen_by(", "users(").replace("can_see_user(", "true or (");
    }
    let found = without_asking(&queries);
    assert!(asking.iter().all(|function| found.contains(function.as_str())), "{asking:?} {found:?}");
}
