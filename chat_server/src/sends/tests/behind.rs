//! A batch that is sent before the one ahead of it is answered.

use super::*;

#[tokio::test]
async fn the_next_send_is_with_postgres_before_the_one_before_it_is_answered() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, _) = connect(&database).await;
    let (sends, _, lifecycle) = start(&database).await;
    let waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted
                   and database = (select oid from pg_database where datname = current_database())";
    let kill = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid() and query like '%send_single%'";
    // On a machine that stops for a moment the second is not sent within the head start of the first.
    for _ in 0..20 {
        // Connects, after the last round.
        assert!(sends.send(&Arc::new(hello())).await.unwrap().is_some());
        let held = hold(&database, "select log_lock(0::smallint)").await;
        let mut tasks = JoinSet::new();
        for _ in 0..2 {
            let sends = sends.clone();
            tasks.spawn(async move { sends.send(&Arc::new(hello())).await });
            for _ in 0..10 {
                tokio::task::yield_now().await; // it is taken
            }
        }
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut db).await.unwrap() < 1 {
            tokio::task::yield_now().await;
        }
        let killed: i64 = sqlx::query_scalar(kill).fetch_one(&mut db).await.unwrap();
        assert_eq!(killed, 1);
        held.rollback().await.unwrap();
        let outcomes = tasks.join_all().await;
        let is_unknown = |outcome: &Result<Option<Stored>>| {
            outcome.as_ref().is_err_and(|e| e.to_string().contains("is not known"))
        };
        assert!(is_unknown(&outcomes[0]), "{:?}", outcomes[0]);
        if is_unknown(&outcomes[1]) {
            // It was on its way over the connection that was lost, and what comes now goes over another.
            assert!(sends.send(&Arc::new(hello())).await.unwrap().is_some());
            sends.close();
            lifecycle.stop();
            return;
        }
    }
    panic!("the second always waited for the first");
}

#[tokio::test]
async fn a_batch_that_fails_takes_the_one_behind_it_not_along() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, _) = connect(&database).await;
    sqlx::raw_sql(
        "insert into chats (id, workspace_id, kind, name)
             select overlay(id::text placing '4' from 35)::uuid, id, 'public_channel', 'other' from workspaces;
         insert into chat_members (chat_id, user_id, workspace_id, role)
             select c.id, u.id, u.workspace_id, 'owner' from chats c join users u using (workspace_id) where c.name = 'other'",
    )
    .execute(&mut db)
    .await
    .unwrap();
    let (sends, _, lifecycle) = start(&database).await;
    // Waits for the chat until the batch has lost its patience, and then by itself.
    let held = hold(&database, "select from chats where name = 'general' for update").await;
    let stuck = tokio::join!(
        async {
            let stuck = sends.send(&Arc::new(hello())).await;
            stuck.unwrap().unwrap().seq
        },
        async {
            for _ in 0..10 {
                tokio::task::yield_now().await; // the first is taken
            }
            let behind = NewMessage { chat_id: ChatId(id(0x40)), ..hello() };
            assert_eq!(sends.send(&Arc::new(behind)).await.unwrap().unwrap().seq, 1);
            held.rollback().await.unwrap();
        }
    );
    assert_eq!(stuck.0, 1);
    sends.close();
    lifecycle.stop();
}
