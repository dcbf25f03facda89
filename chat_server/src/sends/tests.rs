//! Batches against a real database: what is stored and told, what is refused, what waits for what.

mod look_ups;
mod stored;

use std::collections::HashMap;

use chat_core::{
    ChatId, MessageId, UserId, WorkspaceId,
    event::DOORBELL_CHANNEL,
    text::{ClientId, MessageBody},
};
use private_postgres::testing::TestDatabase;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, Postgres, postgres::PgListener};
use tokio::task::JoinSet;

use super::*;
use crate::db::messages::{
    RequestHash,
    send::{Connection, Locked, Notify, SendError, batch},
};

/// Workspaces of six shards, each with a person in a chat.
const SHARDS: [u8; 6] = [0, 1, 2, 3, 4, 5];
const CHATS: &str = "
    create temp table n on commit drop as select generate_series(0, 5) as n;
    insert into workspaces (id, name, name_folded)
        select overlay('01930000-0000-7000-8000-000000000000' placing to_hex(n) from 36)::uuid, 'w' || n, 'w' || n from n;
    insert into users (id, workspace_id, fullname, fullname_folded, role)
        select overlay(id::text placing '1' from 35)::uuid, id, 'Ann', 'ann', 'owner' from workspaces;
    insert into chats (id, workspace_id, kind, name, name_folded)
        select overlay(id::text placing '2' from 35)::uuid, id, 'public_channel', 'general', 'general' from workspaces;
    insert into chat_members (chat_id, user_id, workspace_id, role)
        select c.id, u.id, u.workspace_id, 'owner' from chats c join users u using (workspace_id);";

fn id(last: u8) -> uuid::Uuid {
    uuid::Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0000 | u128::from(last))
}

fn hello_in(shard: u8) -> NewMessage {
    NewMessage {
        id: MessageId::generate(),
        workspace_id: WorkspaceId(id(shard)),
        sender_id: UserId(id(0x10 | shard)),
        chat_id: ChatId(id(0x20 | shard)),
        body: MessageBody::parse("hello").unwrap(),
        client_id: None,
        request_hash: None,
        reply_to: None,
        thread: None,
    }
}

fn hello() -> NewMessage {
    hello_in(0)
}

fn connector(database: &TestDatabase, lifecycle: &Lifecycle) -> Connector {
    Connector::new(database.url(), statement_timeout(&LimitsConfig::default()), lifecycle).unwrap()
}

/// To a database with chats: for questions, and to send over.
async fn connect(database: &TestDatabase) -> (PgConnection, Connection) {
    let mut db = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql(CHATS).execute(&mut db).await.unwrap();
    (db, connect_to_send(database).await)
}

async fn connect_to_send(database: &TestDatabase) -> Connection {
    let connector = connector(database, &Lifecycle::new());
    connector.with_lock_timeout(Duration::from_millis(250)).connect().await.unwrap()
}

/// A dispatcher at work.
fn start(database: &TestDatabase) -> (Sends, Metrics, Lifecycle) {
    let (lifecycle, metrics) = (Lifecycle::new(), Metrics::default());
    let connector = connector(database, &lifecycle);
    let doorbell = Doorbell::default();
    let sends = Sends::start(&connector, &LimitsConfig::default(), doorbell, metrics.clone(), &lifecycle);
    (sends, metrics, lifecycle)
}

/// Stores those that may be sent, as the dispatcher does. They are in the order of their ids.
async fn store(db: &Connection, new: &[&NewMessage], notify: Notify) -> Result<Vec<Value>, SendError> {
    let mut new = new.to_vec();
    while !new.is_empty() {
        let answer: HashMap<_, _> = db.send(&new, notify).await?.into_iter().collect();
        if answer.values().all(Option::is_some) {
            assert_eq!(answer.len(), new.len());
            new.sort_unstable_by_key(|new| new.id);
            let json = |new: &&NewMessage| serde_json::from_str(answer[&new.id].as_ref().unwrap()).unwrap();
            return Ok(new.iter().map(json).collect());
        }
        assert!(answer.values().all(Option::is_none), "nothing is stored unless all are");
        new.retain(|new| !answer.contains_key(&new.id));
    }
    Ok(Vec::new())
}

fn seqs(stored: &[Value]) -> Vec<i64> {
    stored.iter().map(|message| message["seq"].as_i64().unwrap()).collect()
}

async fn hold(database: &TestDatabase, lock: &str) -> sqlx::Transaction<'static, Postgres> {
    let pool = PgPool::connect(database.url()).await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    sqlx::query(AssertSqlSafe(lock)).execute(&mut *tx).await.unwrap();
    tx
}

/// Waits until so many backends of the database wait for a lock.
async fn until_waiting(db: &mut PgConnection, count: i64) {
    let waiting = "select count(distinct pid) from pg_locks where not granted
                   and pid in (select pid from pg_stat_activity where datname = current_database())";
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut *db).await.unwrap() < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_batch_of_several_shards_goes_on_where_each_of_them_was() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, connection) = connect(&database).await;
    let stranger = NewMessage { sender_id: UserId(id(0x13)), ..hello() };
    for (size, refused) in [(12, None), (12, Some(&stranger)), (2, None)] {
        let new: Vec<_> = SHARDS.iter().chain(&SHARDS).map(|shard| hello_in(*shard)).collect();
        for new in new.chunks(size) {
            let new: Vec<_> = new.iter().chain(refused).collect();
            let stored = store(&connection, &new, Notify::AfterCommit).await.unwrap();
            assert_eq!(stored.len(), size);
        }
    }
    let broken: i64 = sqlx::query_scalar(
        "select count(*) from (
             select prev_id, lag(id, 1, 0::bigint) over (partition by shard order by id) as before from event_log
         ) e where prev_id <> before",
    )
    .fetch_one(&mut db)
    .await
    .unwrap();
    let told: Vec<(i16, i64)> = sqlx::query_as(
        "select shard, count(*) from event_log where kind = 'message.new' and shard = workspace_shard(workspace_id)
         group by shard order by shard",
    )
    .fetch_all(&mut db)
    .await
    .unwrap();
    assert_eq!((broken, told), (0, SHARDS.map(|shard| (i16::from(shard), 6)).to_vec()));
}

#[tokio::test]
async fn a_held_shard_of_the_log_delays_other_shards_once() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, _) = connect(&database).await;
    let (sends, metrics, lifecycle) = start(&database);
    let mut held = Vec::new();
    // As many as there are lines for isolated batches.
    for shard in [0, 1, 2] {
        held.push(hold(&database, &format!("select log_lock({shard}::smallint)")).await);
    }
    let mut stuck = JoinSet::new();
    let mut others = JoinSet::new();
    for shard in SHARDS {
        let sends = sends.clone();
        let tasks = if shard < 3 { &mut stuck } else { &mut others };
        tasks.spawn(async move { sends.send(Arc::new(hello_in(shard))).await.unwrap().is_some() });
    }
    assert!(others.join_all().await.into_iter().all(|is_stored| is_stored));
    // From now on they do not even share a batch.
    until_waiting(&mut db, 3).await;
    let before = metrics.send_batches.get();
    for shard in [3, 4, 5] {
        assert!(sends.send(Arc::new(hello_in(shard))).await.unwrap().is_some());
    }
    assert!(metrics.send_batches.get() >= before + 3);
    assert_eq!(metrics.sends_under_way.get(), 3);
    drop(held);
    assert!(stuck.join_all().await.into_iter().all(|is_stored| is_stored));
    sends.close();
    lifecycle.stop();
}

#[tokio::test]
async fn a_locked_chat_fails_alone_and_only_after_its_wait() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, _) = connect(&database).await;
    let (sends, _, lifecycle) = start(&database);
    let held = hold(&database, "select from chats where workspace_id::text like '%0' for update").await;
    let mut stuck = JoinSet::new();
    for _ in 0..10 {
        let sends = sends.clone();
        stuck.spawn(async move { sends.send(Arc::new(hello())).await.unwrap().is_some() });
    }
    until_waiting(&mut db, 1).await;
    for shard in [1, 2, 3, 1, 2, 3] {
        assert!(sends.send(Arc::new(hello_in(shard))).await.unwrap().is_some());
    }
    assert_eq!(stuck.len(), 10);
    assert!(stuck.try_join_next().is_none());
    held.rollback().await.unwrap();
    assert!(stuck.join_all().await.into_iter().all(|is_stored| is_stored));
    sends.close();
    lifecycle.stop();
}

#[tokio::test]
async fn a_locked_sender_holds_up_nobody_else_of_their_chat() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, _) = connect(&database).await;
    let bob = "insert into users (id, workspace_id, fullname, fullname_folded, role)
                   select overlay(id::text placing '3' from 35)::uuid, id, 'Bob', 'bob', 'member' from workspaces;
               insert into chat_members (chat_id, user_id, workspace_id, role)
                   select c.id, u.id, u.workspace_id, 'member' from chats c join users u using (workspace_id)
                   where u.fullname = 'Bob'";
    sqlx::raw_sql(bob).execute(&mut db).await.unwrap();
    // While one waits for a member it has the chat, so others get through between two tries only.
    for (lock, of_others) in [("users", 10), ("chat_members", 2)] {
        let (sends, _, lifecycle) = start(&database);
        let column = if lock == "users" { "id" } else { "user_id" };
        let held =
            hold(&database, &format!("select from {lock} where {column} = '{}' for update", id(0x10))).await;
        let mut stuck = JoinSet::new();
        for _ in 0..3 {
            let sends = sends.clone();
            stuck.spawn(async move { sends.send(Arc::new(hello())).await.unwrap().is_some() });
        }
        until_waiting(&mut db, 1).await;
        // Each again in the chat that has the locked sender's messages.
        for _ in 0..of_others {
            let of_bob = NewMessage { sender_id: UserId(id(0x30)), ..hello() };
            assert!(sends.send(Arc::new(of_bob)).await.unwrap().is_some());
        }
        assert!(stuck.try_join_next().is_none());
        held.rollback().await.unwrap();
        assert!(stuck.join_all().await.into_iter().all(|is_stored| is_stored));
        sends.close();
        lifecycle.stop();
    }
}

#[tokio::test]
async fn a_message_that_waits_too_long_is_refused_and_not_stored() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, _) = connect(&database).await;
    let (lifecycle, metrics) = (Lifecycle::new(), Metrics::default());
    let limits = LimitsConfig { send_wait_seconds: 0, ..LimitsConfig::default() };
    let connector = connector(&database, &lifecycle);
    let sends = Sends::start(&connector, &limits, Doorbell::default(), metrics, &lifecycle);
    let held = hold(&database, "select from chats for update").await;
    let refused = sends.send(Arc::new(hello())).await.unwrap_err();
    assert!(refused.to_string().contains("nothing was stored"), "{refused}");
    held.rollback().await.unwrap();
    let stored: i64 = sqlx::query_scalar("select count(*) from messages").fetch_one(&mut db).await.unwrap();
    assert_eq!(stored, 0);
    sends.close();
    lifecycle.stop();
}

#[tokio::test]
async fn more_messages_than_may_wait_are_refused() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, _) = connect(&database).await;
    let (lifecycle, metrics) = (Lifecycle::new(), Metrics::default());
    let limits = LimitsConfig { waiting_sends: 2, ..LimitsConfig::default() };
    let connector = connector(&database, &lifecycle);
    let sends = Sends::start(&connector, &limits, Doorbell::default(), metrics.clone(), &lifecycle);
    let held = hold(&database, "select from chats for update").await;
    let mut waiting = JoinSet::new();
    for _ in 0..2 {
        let sends = sends.clone();
        waiting.spawn(async move { sends.send(Arc::new(hello())).await.unwrap().is_some() });
    }
    until_waiting(&mut db, 1).await;
    while metrics.sends_under_way.get() < 2 {
        tokio::task::yield_now().await;
    }
    let refused = sends.send(Arc::new(hello())).await.unwrap_err();
    assert!(refused.to_string().contains("too many"), "{refused}");
    assert_eq!(metrics.sends_refused.get(), 1);
    held.rollback().await.unwrap();
    assert!(waiting.join_all().await.into_iter().all(|is_stored| is_stored));
    sends.close();
    lifecycle.stop();
}

#[tokio::test]
async fn the_next_batch_is_with_postgres_before_the_one_before_it_is_answered() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, _) = connect(&database).await;
    let (sends, metrics, lifecycle) = start(&database);
    assert!(sends.send(Arc::new(hello())).await.unwrap().is_some()); // connects
    let held = hold(&database, "select log_lock(0::smallint)").await;
    let mut tasks = JoinSet::new();
    for count in [1, 2] {
        let sends = sends.clone();
        tasks.spawn(async move { sends.send(Arc::new(hello())).await });
        while metrics.send_batches.get() < 1 + count {
            tokio::task::yield_now().await;
        }
    }
    until_waiting(&mut db, 1).await;
    let kill = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid() and query like '%send_messages%'";
    let killed: i64 = sqlx::query_scalar(kill).fetch_one(&mut db).await.unwrap();
    assert_eq!(killed, 1, "one connection carries both");
    held.rollback().await.unwrap();
    for outcome in tasks.join_all().await {
        let refused = outcome.unwrap_err().to_string();
        assert!(refused.contains("is not known"), "{refused}");
    }
    assert!(sends.send(Arc::new(hello())).await.unwrap().is_some(), "over another connection");
    sends.close();
    lifecycle.stop();
}

#[tokio::test]
async fn closing_stores_what_was_taken_in_and_takes_no_more() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, _) = connect(&database).await;
    let (sends, metrics, lifecycle) = start(&database);
    let held = hold(&database, "select log_lock(0::smallint)").await;
    let sending = {
        let sends = sends.clone();
        async move { sends.send(Arc::new(hello())).await.unwrap().is_some() }
    };
    let closing = async {
        until_waiting(&mut db, 1).await;
        sends.close();
        lifecycle.stop();
        held.rollback().await.unwrap();
    };
    assert!(tokio::join!(sending, closing).0);
    while metrics.sends_under_way.get() > 0 {
        tokio::task::yield_now().await;
    }
    lifecycle.finish(Duration::from_secs(5)).await.unwrap();
    let refused = sends.send(Arc::new(hello())).await.unwrap_err();
    assert!(refused.to_string().contains("stopping"), "{refused}");
}

#[tokio::test]
async fn a_batch_waits_for_a_reader_before_it_has_the_shard() {
    let database = TestDatabase::new().await.unwrap();
    let (_, connection) = connect(&database).await;
    let stranger = NewMessage { sender_id: UserId(id(0x11)), ..hello() };
    for refused in [None, Some(&stranger)] {
        let new = [hello(), hello()];
        let new: Vec<_> = new.iter().chain(refused).collect();
        // Takes the shard at its commit.
        let mut reader = hold(&database, "update chat_members set read_seq = read_seq + 1").await;
        let reading = async {
            let waiting = "select exists (select from pg_locks where not granted and locktype in ('tuple', 'transactionid')
                           and pid in (select pid from pg_stat_activity where datname = current_database()))";
            while !sqlx::query_scalar::<_, bool>(waiting).fetch_one(&mut *reader).await.unwrap() {
                tokio::task::yield_now().await;
            }
            reader.commit().await.unwrap();
        };
        let sending = store(&connection, &new, Notify::AfterCommit);
        assert_eq!(tokio::join!(sending, reading).0.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_notify_in_the_transaction_carries_the_events() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, connection) = connect(&database).await;
    let mut listener = PgListener::connect(database.url()).await.unwrap();
    let rows_channel: String =
        sqlx::query_scalar("select rows_channel from log_meta").fetch_one(&mut db).await.unwrap();
    listener.listen_all([DOORBELL_CHANNEL, &rows_channel]).await.unwrap();
    // Alone, together, and beside one that may not be sent.
    for (size, refused) in [(1, 0), (2, 0), (5, 0), (2, 1)] {
        for (shard, notify) in [(1, Notify::AfterCommit), (2, Notify::InTransaction)] {
            let stranger = NewMessage { sender_id: UserId(id(0x13)), ..hello_in(shard) };
            let new = [vec![hello_in(shard); size], vec![stranger; refused]].concat();
            let new: Vec<_> =
                new.into_iter().map(|new| NewMessage { id: MessageId::generate(), ..new }).collect();
            let stored = store(&connection, &new.iter().collect::<Vec<_>>(), notify).await.unwrap();
            assert_eq!(stored.len(), size);
        }
        for _ in 0..size {
            let notification = listener.recv().await.unwrap();
            assert!(
                notification.payload().starts_with("2 "),
                "for the first ones the caller notifies: {}",
                notification.payload()
            );
            assert!(notification.payload().ends_with('}'), "with its event: {}", notification.payload());
        }
    }

    let long = NewMessage { body: MessageBody::parse(&"x".repeat(7_800)).unwrap(), ..hello_in(3) };
    store(&connection, &[&long], Notify::InTransaction).await.unwrap();
    assert_eq!(listener.recv().await.unwrap().payload(), "3", "a row too long for NOTIFY is read");
}

#[tokio::test]
async fn a_lock_that_is_held_fails_the_batch_and_says_what_it_was() {
    let database = TestDatabase::new().await.unwrap();
    let (_, connection) = connect(&database).await;
    let another = connect_to_send(&database).await;
    for shards in [&SHARDS[..], &SHARDS[..1]] {
        let new: Vec<_> = shards.iter().copied().map(hello_in).collect();
        let new: Vec<_> = new.iter().collect();
        for (lock, locked) in [
            ("select from chats for update", Locked::Chat),
            ("select from users for update", Locked::Sender),
            ("select from chat_members for update", Locked::Sender),
            ("select log_lock(workspace_shard(id)) from workspaces", Locked::Shard),
        ] {
            let tx = hold(&database, lock).await;
            let stored = async |by: &Connection| store(by, &new, Notify::AfterCommit).await.unwrap_err();
            // A second batch has its place behind the first, and so waits for another lock than the
            // row's. It meets the chat first, which a batch has while it waits for a member or shard.
            let failed = if lock.contains("chats") || lock.contains("users") {
                let (first, second) = tokio::join!(stored(&connection), stored(&another));
                vec![first, second]
            } else {
                vec![stored(&connection).await]
            };
            for failed in failed {
                assert_eq!(failed.reported().map(|e| e.code().code()), Some("55P03"), "{lock}: {failed}");
                assert_eq!((failed.locked(), failed.is_bad_message()), (Some(locked), false), "{lock}");
            }
            tx.rollback().await.unwrap();
        }
        assert_eq!(store(&connection, &new, Notify::AfterCommit).await.unwrap().len(), new.len());
    }
}
