//! A send reads the rows it is about, however many others there are.

use sqlx::{postgres::PgConnectOptions, types::Json};

use super::*;
use crate::db::{PLANNER_SETTINGS, messages::send::batch};

const SEND: &str = "select count(*) from
    send_messages(array(select n from jsonb_populate_recordset(null::new_message, $1) n), false)";

/// A session that plans as those of the sends do.
async fn connect_as_sends(database: &TestDatabase) -> PgConnection {
    let options: PgConnectOptions = database.url().parse().unwrap();
    let options = options.options(PLANNER_SETTINGS).options([("jit", "off")]);
    PgConnection::connect_with(&options).await.unwrap()
}

/// Sends in a transaction of its own: how many rows it answered, and by how much what `figure` counts has grown.
async fn count_while_sending(db: &mut PgConnection, new: &[NewMessage], figure: &str) -> (i64, i64) {
    let mut tx = db.begin().await.unwrap();
    // Counted from here: the figures may still have what this session did before.
    let before: i64 = sqlx::query_scalar(AssertSqlSafe(figure)).fetch_one(&mut *tx).await.unwrap();
    let stored: i64 = sqlx::query_scalar(SEND)
        .bind(Json(batch(&new.iter().collect::<Vec<_>>())))
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    let after: i64 = sqlx::query_scalar(AssertSqlSafe(figure)).fetch_one(&mut *tx).await.unwrap();
    tx.rollback().await.unwrap();
    (stored, after - before)
}

#[tokio::test]
async fn a_send_reads_one_membership_however_many_chats_its_sender_is_in() {
    let database = TestDatabase::new().await.unwrap();
    connect(&database).await;
    let mut db = connect_as_sends(&database).await;
    sqlx::raw_sql(
        "insert into chats (id, workspace_id, kind, name, name_folded)
             select gen_random_uuid(), w.id, 'public_channel', n::text, n::text from workspaces w, generate_series(1, 200) n;
         insert into chat_members (chat_id, user_id, workspace_id, role)
             select c.id, u.id, u.workspace_id, 'owner' from chats c join users u using (workspace_id)
             on conflict do nothing",
    )
    .execute(&mut db)
    .await
    .unwrap();
    let figure = "select coalesce(idx_tup_fetch, 0) + seq_tup_read
                  from pg_stat_xact_user_tables where relname = 'chat_members'";
    let (stored, read) = count_while_sending(&mut db, &[hello()], figure).await;
    assert_eq!(stored, 1);
    assert!(read < 10, "{read} of 201");
}

#[tokio::test]
async fn a_batch_with_a_refused_message_reads_few_memberships_however_many_members_its_chat_has() {
    let database = TestDatabase::new().await.unwrap();
    connect(&database).await;
    let mut db = connect_as_sends(&database).await;
    sqlx::raw_sql(
        // Many chats of twenty, so that the statistics expect few members, and one of all. Without triggers, which would
        // write events.
        "set session_replication_role = replica;
         insert into users (id, workspace_id, fullname, fullname_folded, role)
             select gen_random_uuid(), w.id, 'n', 'n', 'member' from (select id from workspaces limit 1) w, generate_series(1, 5000);
         insert into chats (id, workspace_id, kind, name, name_folded)
             select gen_random_uuid(), w.id, 'public_channel', n::text, n::text
             from (select id from workspaces limit 1) w, generate_series(1, 1000) n;
         insert into chat_members (chat_id, user_id, workspace_id, role)
             select c.id, u.id, u.workspace_id, 'member' from users u join chats c using (workspace_id)
             where c.name = 'general' and u.fullname = 'n';
         insert into chat_members (chat_id, user_id, workspace_id, role)
             select c.id, u.id, u.workspace_id, 'member'
             from (select *, row_number() over () n from users where fullname = 'n') u join chats c using (workspace_id)
             where c.name <> 'general' and (u.n - c.name::int * 5) between 1 and 20;
         set session_replication_role = origin",
    )
    .execute(&mut db)
    .await
    .unwrap();
    sqlx::raw_sql("vacuum analyze").execute(&mut db).await.unwrap();
    let figure = "select sum(pg_stat_get_xact_tuples_returned(indexrelid))::bigint
                  from pg_index where indrelid = 'chat_members'::regclass";
    let stranger = NewMessage { sender_id: UserId(id(0x11)), ..hello() };
    let new: Vec<_> = (0..8).map(|_| hello()).chain([stranger]).collect();
    let (refused, read) = count_while_sending(&mut db, &new, figure).await;
    assert_eq!(refused, 1);
    assert!(read < 40, "{read} of 5,001");
}
