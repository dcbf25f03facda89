//! The background maintenance of chat_server disturbs no request.

use chat_core::ChatId;
use chat_server::db;
use private_postgres::testing::TestDatabase;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

/// Two workspaces in different shards, each with a deleted chat of two messages.
const TWO_DELETED_CHATS: &str = "
    insert into workspaces (id, name, name_folded)
        select ('00000000-0000-7000-8000-00000000000' || n)::uuid, 'w' || n, 'w' || n
        from generate_series(1, 2) n;
    insert into users (id, workspace_id, fullname, fullname_folded, role)
        select gen_random_uuid(), id, 'Ann', 'ann', 'owner' from workspaces;
    insert into chats (id, workspace_id, kind, name, name_folded)
        select gen_random_uuid(), id, 'public_channel', 'c', 'c' from workspaces;
    insert into messages (id, workspace_id, chat_id, seq, root_no, sender_id, body)
        select gen_random_uuid(), c.workspace_id, c.id, n, n, u.id, 'hi'
        from chats c join users u using (workspace_id) cross join generate_series(1, 2) n;
    update chats set deleted_at = now();";

#[tokio::test]
async fn the_messages_of_a_deleted_chat_go_by_the_lock_of_its_shard_alone() {
    let database = TestDatabase::new().await.unwrap();
    let mut db = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql(TWO_DELETED_CHATS).execute(&mut db).await.unwrap();
    let chats: Vec<Uuid> = sqlx::query_scalar("select id from chats").fetch_all(&mut db).await.unwrap();
    for (chat, left) in chats.into_iter().map(ChatId).zip([2_i64, 0]) {
        let mut tx = db.begin().await.unwrap();
        assert_eq!(db::chats::delete_messages(&mut *tx, chat, 200).await.unwrap(), 2);
        // Runs the log's triggers now instead of at commit. A transaction that holds one shard and
        // waits for another can deadlock with the end of a session, which needs several shards.
        sqlx::raw_sql("set constraints all immediate").execute(&mut *tx).await.unwrap();
        let shards: i64 = sqlx::query_scalar(
            "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()",
        )
        .fetch_one(&mut *tx)
        .await
        .unwrap();
        assert_eq!(shards, 1);
        tx.commit().await.unwrap();
        let messages: i64 =
            sqlx::query_scalar("select count(*) from messages").fetch_one(&mut db).await.unwrap();
        assert_eq!(messages, left);
        assert_eq!(db::chats::delete_messages(&mut db, chat, 200).await.unwrap(), 0);
    }
    let jobs: i64 = sqlx::query_scalar("select count(*) from jobs where kind = 'delete_messages'")
        .fetch_one(&mut db)
        .await
        .unwrap();
    assert_eq!(jobs, 2, "a deletion by hand adds the job too");
    // A chat is kept for as long as the log may have events of it, then deleted, one at a time.
    assert!(!db::chats::delete_forgotten(&mut db, 3600.0).await.unwrap());
    assert!(db::chats::delete_forgotten(&mut db, -1.0).await.unwrap());
}
