//! What a send reads is what it is about, however much there is of the rest.

use super::*;

#[tokio::test]
async fn a_send_reads_one_membership_however_many_chats_its_sender_is_in() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, sender) = connect(&database).await;
    sqlx::raw_sql(
        "insert into chats (id, workspace_id, kind, name)
             select gen_random_uuid(), w.id, 'public_channel', n::text from workspaces w, generate_series(1, 200) n;
         insert into chat_members (chat_id, user_id, workspace_id, role)
             select c.id, u.id, u.workspace_id, 'owner' from chats c join users u using (workspace_id)
             on conflict do nothing",
    )
    .execute(&mut db)
    .await
    .unwrap();
    let new = hello();
    // Counted from here: what this connection has done before may still be in its figures.
    let read = async || -> i64 {
        let sql = "select coalesce(idx_tup_fetch, 0) + seq_tup_read
                   from pg_stat_xact_user_tables where relname = 'chat_members'";
        sender.client().query_one(sql, &[]).await.unwrap().get(0)
    };
    sender.client().batch_execute("begin").await.unwrap();
    let before = read().await;
    let sent = store(&sender, &[&new], None, Bell::IsLeftToCaller).await.unwrap();
    assert_eq!(sent.len(), 1);
    let read = read().await - before;
    assert!(read < 10, "{read} of 201");
}

#[tokio::test]
async fn a_refusal_reads_few_memberships_however_many_members_its_chat_has() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, sender) = connect(&database).await;
    sqlx::raw_sql(
        // Many chats of twenty, so that a chat has few members as a rule, and one of all. Without triggers, which would write events.
        "set session_replication_role = replica;
         insert into users (id, workspace_id, fullname, role)
             select gen_random_uuid(), w.id, 'n', 'member' from (select id from workspaces limit 1) w, generate_series(1, 5000);
         insert into chats (id, workspace_id, kind, name)
             select gen_random_uuid(), w.id, 'public_channel', n::text from (select id from workspaces limit 1) w, generate_series(1, 1000) n;
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
    let read = async || -> i64 {
        let sql = "select sum(pg_stat_get_xact_tuples_returned(indexrelid))::bigint
                   from pg_index where indrelid = 'chat_members'::regclass";
        sender.client().query_one(sql, &[]).await.unwrap().get(0)
    };
    let stranger = NewMessage { sender_id: UserId(id(0x11)), ..hello() };
    let new: Vec<_> = (0..8).map(|_| hello()).chain([stranger]).collect();
    sender.client().batch_execute("begin").await.unwrap();
    let before = read().await;
    let sent = store(&sender, &new.iter().collect::<Vec<_>>(), None, Bell::IsLeftToCaller).await.unwrap();
    assert_eq!(sent.len(), 8);
    let read = read().await - before;
    assert!(read < 40, "{read} of 5,001");
}
