//! Batches against a real database: what is stored and told, what is refused, what waits for whom.

mod behind;
mod look_ups;

use chat_core::{
    ChatId, MessageId, Timestamp, UserId, WorkspaceId, event::DOORBELL_CHANNEL, text::MessageBody,
};
use private_postgres::testing::TestDatabase;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres, postgres::PgListener};
use tokio::task::JoinSet;

use super::{
    failure::{is_about_shard, is_about_some},
    *,
};
use crate::db::messages::pipeline::{SendError, Sender};

/// Workspaces of six shards, each with a person in a chat.
const SHARDS: [u8; 6] = [0, 1, 2, 3, 4, 5];
const CHATS: &str = "
    create temp table n on commit drop as select generate_series(0, 5) as n;
    insert into workspaces (id, name)
        select overlay('01930000-0000-7000-8000-000000000000' placing to_hex(n) from 36)::uuid, 'w' || n from n;
    insert into users (id, workspace_id, fullname, role)
        select overlay(id::text placing '1' from 35)::uuid, id, 'Ann', 'owner' from workspaces;
    insert into chats (id, workspace_id, kind, name)
        select overlay(id::text placing '2' from 35)::uuid, id, 'public_channel', 'general' from workspaces;
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
    }
}

fn hello() -> NewMessage {
    hello_in(0)
}

fn connector(database: &TestDatabase) -> Connector {
    Connector::new(database.url(), &LimitsConfig::default()).unwrap()
}

/// Of a database with chats: for whatever is to be asked, and to send over.
async fn connect(database: &TestDatabase) -> (PgConnection, Sender) {
    let mut db = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql(CHATS).execute(&mut db).await.unwrap();
    let (sender, link) = connector(database).with("lock_timeout", "50ms").connect().await.unwrap();
    Lifecycle::new().spawn_connection(async {
        let _ = link.await; // over with its test
    });
    (db, sender)
}

/// Combiners at work.
async fn start(database: &TestDatabase) -> (Sends, Metrics, Lifecycle) {
    let (lifecycle, metrics) = (Lifecycle::new(), Metrics::default());
    let sends = Sends::start(
        connector(database),
        PgPool::connect(database.url()).await.unwrap(),
        &LimitsConfig::default(),
        Doorbell::default(),
        metrics.clone(),
        &lifecycle,
    );
    (sends, metrics, lifecycle)
}

/// What became of a batch that can be stored.
async fn store(
    sender: &Sender,
    new: &[&NewMessage],
    patience: Option<Duration>,
    bell: Bell,
) -> std::result::Result<Vec<Stored>, SendError> {
    sender.insert_all(new, patience, bell).await.map(Option::unwrap)
}

async fn hold(database: &TestDatabase, lock: &str) -> sqlx::Transaction<'static, Postgres> {
    let pool = PgPool::connect(database.url()).await.unwrap();
    let mut tx = pool.begin().await.unwrap();
    sqlx::query(AssertSqlSafe(lock)).execute(&mut *tx).await.unwrap();
    tx
}

#[tokio::test]
async fn a_batch_of_several_shards_goes_on_where_each_of_them_was() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, sender) = connect(&database).await;
    let stranger = NewMessage { sender_id: UserId(id(0x13)), ..hello() };
    for (size, refused) in [(12, None), (12, Some(&stranger)), (2, None)] {
        let new: Vec<_> = SHARDS.iter().chain(&SHARDS).map(|shard| hello_in(*shard)).collect();
        for new in new.chunks(size) {
            let new: Vec<_> = new.iter().chain(refused).collect();
            let stored = store(&sender, &new, None, Bell::IsLeftToCaller).await.unwrap();
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
async fn a_shard_that_somebody_holds_holds_up_no_other_of_the_batch() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, _) = connect(&database).await;
    let (sends, metrics, lifecycle) = start(&database).await;
    let mut tasks = JoinSet::new();
    let mut send = |shard| {
        let sends = sends.clone();
        tasks.spawn(async move {
            assert!(sends.send(&Arc::new(hello_in(shard))).await.unwrap().is_some());
            shard
        });
    };
    let mut held = Vec::new();
    for shard in SHARDS.into_iter().take(COMBINERS + 1) {
        held.push(hold(&database, &format!("select log_lock({shard}::smallint)")).await);
    }
    // A batch of one for each combiner; what gathers meanwhile is one batch of two.
    let waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted
                   and database = (select oid from pg_database where datname = current_database())";
    for (shard, count) in SHARDS.into_iter().take(COMBINERS).zip(1..) {
        send(shard);
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut db).await.unwrap() < count {
            tokio::task::yield_now().await;
        }
    }
    let [.., stuck, other] = SHARDS;
    send(stuck);
    send(other);
    while metrics.sends_under_way.get() < i64::try_from(SHARDS.len()).unwrap() {
        tokio::task::yield_now().await;
    }
    let last = held.pop().unwrap();
    for held in held {
        held.rollback().await.unwrap();
    }
    for _ in 0..=COMBINERS {
        assert_ne!(tasks.join_next().await.unwrap().unwrap(), stuck);
    }
    last.rollback().await.unwrap();
    assert_eq!(tasks.join_next().await.unwrap().unwrap(), stuck);
    sends.close();
    lifecycle.stop();
}

#[tokio::test]
async fn what_may_not_be_sent_leaves_no_gap() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, sender) = connect(&database).await;
    sqlx::raw_sql(
        "insert into users (id, workspace_id, fullname, role)
             select overlay(id::text placing '3' from 35)::uuid, id, 'Eve', 'member' from workspaces",
    )
    .execute(&mut db)
    .await
    .unwrap();
    let named = || NewMessage {
        client_id: Some(ClientId::parse("c-1").unwrap()),
        request_hash: Some([0; 32]),
        ..hello()
    };
    let send = async |new: Vec<NewMessage>| -> Vec<i64> {
        let new: Vec<_> = new.iter().collect();
        let stored = store(&sender, &new, None, Bell::RingsWithCommit).await.unwrap();
        stored.iter().map(|stored| stored.seq).collect()
    };
    assert_eq!(send(vec![named()]).await, [1]);
    let refused = [
        named(),
        NewMessage { sender_id: UserId(id(0x30)), ..hello() },
        NewMessage { sender_id: UserId(id(0x11)), ..hello() },
        NewMessage { workspace_id: WorkspaceId(id(1)), ..hello() },
        NewMessage { reply_to: Some(MessageId::generate()), ..hello() },
    ];
    for new in &refused {
        assert_eq!(send(vec![new.clone()]).await, [0; 0], "{new:?}");
    }
    assert_eq!(send(vec![hello()]).await, [2]);
    assert_eq!(send([&refused[..], &[hello(), hello()]].concat()).await, [3, 4]);
    for new in refused.chunks(2) {
        assert_eq!(send(new.to_vec()).await, [0; 0]);
    }
    assert_eq!(send(vec![hello(), refused[0].clone(), hello()]).await, [5, 6]);
    assert_eq!(send(vec![hello()]).await, [7]);
    // Of a workspace that comes before or after the chat's, fewer and more than those that may be sent.
    for (shard, wrong) in [(0, 1), (1, 0)] {
        for (right_ones, wrong_ones) in [(3, 1), (1, 3)] {
            let wrong = NewMessage { workspace_id: WorkspaceId(id(wrong)), ..hello_in(shard) };
            let new = [vec![hello_in(shard); right_ones], vec![wrong; wrong_ones]].concat();
            let new = new.into_iter().map(|new| NewMessage { id: MessageId::generate(), ..new }).collect();
            assert_eq!(send(new).await.len(), right_ones, "{shard}: {right_ones} and {wrong_ones}");
        }
    }
    let miscounted: i64 = sqlx::query_scalar(
        "select (select count(*) from chats c
                 where last_seq <> (select coalesce(max(seq), 0) from messages m where m.chat_id = c.id)
                    or last_seq <> (select count(*) from messages m where m.chat_id = c.id))
              + (select count(*) from chat_members c where sent_seq <> (
                     select coalesce(max(seq), 0) from messages m where (m.chat_id, m.sender_id) = (c.chat_id, c.user_id)))",
    )
    .fetch_one(&mut db)
    .await
    .unwrap();
    assert_eq!(miscounted, 0);
}

#[tokio::test]
async fn a_batch_that_cannot_shrink_ends() {
    let database = TestDatabase::new().await.unwrap();
    let (_, sender) = connect(&database).await;
    let good = hello();
    let stranger = NewMessage { sender_id: UserId(id(0x11)), ..good.clone() };
    let new = [&good, &stranger];
    assert_eq!(sender.insert_all(&new, None, Bell::IsLeftToCaller).await.unwrap(), None);
}

#[tokio::test]
async fn a_batch_that_keeps_being_refused_is_sent_one_by_one() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, _) = connect(&database).await;
    // Messages by themselves pass. What was counted by a sequence is not undone.
    sqlx::raw_sql(
        "create sequence refused;
         create function refuse_batches() returns trigger language plpgsql as $$ begin
             if current_query() like '%send_batch%' then perform nextval('refused'); raise sqlstate 'PL001'; end if;
             return null;
         end $$;
         create trigger refuse before update on chat_members execute function refuse_batches()",
    )
    .execute(&mut db)
    .await
    .unwrap();
    let (sends, metrics, lifecycle) = start(&database).await;
    let held = hold(&database, "select log_lock(0::smallint)").await;
    let mut tasks = JoinSet::new();
    // One is with Postgres, one may be behind it; the others gather.
    for under_way in 1..=4 {
        let sends = sends.clone();
        tasks.spawn(async move { sends.send(&Arc::new(hello())).await.unwrap() });
        while metrics.sends_under_way.get() < under_way {
            tokio::task::yield_now().await;
        }
    }
    held.rollback().await.unwrap();
    let mut seqs: Vec<i64> = tasks.join_all().await.into_iter().map(|stored| stored.unwrap().seq).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, [1, 2, 3, 4]);
    let refused: i64 =
        sqlx::query_scalar("select case when is_called then last_value else 0 end from refused")
            .fetch_one(&mut db)
            .await
            .unwrap();
    assert!(refused > 0 && refused % 3 == 0, "{refused}");
    sends.close();
    lifecycle.stop();
}

#[tokio::test]
async fn a_batch_that_may_be_sent_a_moment_later_is_sent_whole() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, sender) = connect(&database).await;
    // What was counted by a sequence is not undone.
    sqlx::raw_sql(
        "create sequence attempts;
         create function refuse_once() returns trigger language plpgsql as
             $$ begin if nextval('attempts') = 1 then raise sqlstate 'PL001'; end if; return null; end $$;
         create trigger refuse before update on chat_members execute function refuse_once()",
    )
    .execute(&mut db)
    .await
    .unwrap();
    let new = [hello(), hello()];
    let new: Vec<_> = new.iter().collect();
    let stored = store(&sender, &new, None, Bell::IsLeftToCaller).await.unwrap();
    assert_eq!(stored.iter().map(|stored| stored.seq).collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test]
async fn what_is_told_of_a_send_is_what_was_stored() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, sender) = connect(&database).await;
    let odd = |client_id: &str, reply_to| NewMessage {
        body: MessageBody::parse("line one\nline \"two\" \\ \u{1f4e8} \u{1}").unwrap(),
        client_id: Some(ClientId::parse(client_id).unwrap()),
        request_hash: Some([0; 32]),
        reply_to,
        ..hello()
    };
    let first = odd("c-1", None);
    let answer = odd("c-2", Some(first.id));
    for new in [vec![&first], vec![&answer], vec![&hello(), &odd("c-3", Some(first.id)), &hello_in(1)]] {
        let stored = store(&sender, &new, None, Bell::IsLeftToCaller).await.unwrap();
        assert_eq!(stored.len(), new.len());
        for stored in stored {
            let (told, expected, seq, at): (String, String, i64, Timestamp) = sqlx::query_as(
                r#"select e.payload,
                          '{"type":"message.new","at":"' || json_time(e.at) || '","chat_id":"' || m.chat_id
                              || '","message":' || message_json(m) || '}',
                          m.seq, m.created_at
                   from messages m join event_log e on e.message_id = m.id where m.id = $1"#,
            )
            .bind(stored.id.0)
            .fetch_one(&mut db)
            .await
            .unwrap();
            assert_eq!(told, expected);
            assert_eq!((stored.seq, stored.created_at), (seq, at));
        }
    }
}

#[tokio::test]
async fn sends_leave_the_settings_of_a_transaction_as_they_were() {
    let database = TestDatabase::new().await.unwrap();
    let (_, sender) = connect(&database).await;
    let stranger = || NewMessage { sender_id: UserId(id(0x11)), ..hello() };
    for new in [vec![hello()], vec![stranger()], vec![hello(), hello()], vec![hello(), stranger(), hello()]] {
        let new: Vec<_> = new.iter().collect();
        sender.client().batch_execute("begin").await.unwrap();
        let bell = Bell::IsLeftToCaller;
        store(&sender, &new, Some(Duration::from_millis(7)), bell).await.unwrap();
        let settings =
            "select current_setting('lock_timeout'), coalesce(current_setting('parlor.events', true), '')";
        let row = sender.client().query_one(settings, &[]).await.unwrap();
        let settings: (String, String) = (row.get(0), row.get(1));
        sender.client().batch_execute("rollback").await.unwrap();
        assert_eq!(settings, ("50ms".to_owned(), String::new()), "{new:?}");
    }
}

#[tokio::test]
async fn a_batch_waits_for_a_reader_before_it_has_the_shard() {
    let database = TestDatabase::new().await.unwrap();
    let (_, sender) = connect(&database).await;
    sender.client().batch_execute("set lock_timeout = '30s'").await.unwrap();
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
        let sending = store(&sender, &new, None, Bell::IsLeftToCaller);
        assert_eq!(tokio::join!(sending, reading).0.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_few_messages_ring_with_their_commit_and_bring_their_events() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, sender) = connect(&database).await;
    let mut listener = PgListener::connect(database.url()).await.unwrap();
    let rows_channel: String =
        sqlx::query_scalar("select rows_channel from log_meta").fetch_one(&mut db).await.unwrap();
    listener.listen_all([DOORBELL_CHANNEL, &rows_channel]).await.unwrap();
    // By itself, all at once, and at the second attempt, for one that may not be sent.
    for (size, refused) in [(1, 0), (2, 0), (5, 0), (2, 1)] {
        for (shard, bell) in [(1, Bell::IsLeftToCaller), (2, Bell::RingsWithCommit)] {
            let stranger = NewMessage { sender_id: UserId(id(0x13)), ..hello_in(shard) };
            let new = [vec![hello_in(shard); size], vec![stranger; refused]].concat();
            let new: Vec<_> =
                new.into_iter().map(|new| NewMessage { id: MessageId::generate(), ..new }).collect();
            let stored = store(&sender, &new.iter().collect::<Vec<_>>(), None, bell).await.unwrap();
            assert_eq!(stored.len(), size);
        }
        for _ in 0..size {
            let rung = listener.recv().await.unwrap();
            assert!(
                rung.payload().starts_with("2 "),
                "the first are their caller's to ring: {}",
                rung.payload()
            );
            assert!(rung.payload().ends_with('}'), "with its event: {}", rung.payload());
        }
    }

    let long = NewMessage { body: MessageBody::parse(&"x".repeat(7_800)).unwrap(), ..hello_in(3) };
    store(&sender, &[&long], None, Bell::RingsWithCommit).await.unwrap();
    assert_eq!(listener.recv().await.unwrap().payload(), "3", "what NOTIFY does not take is read");
}

#[tokio::test]
async fn a_batch_is_dissolved_over_what_somebody_has_locked() {
    let database = TestDatabase::new().await.unwrap();
    let (_, sender) = connect(&database).await;
    for shards in [&SHARDS[..], &SHARDS[..3], &SHARDS[..1]] {
        let new: Vec<_> = shards.iter().copied().map(hello_in).collect();
        let new: Vec<_> = new.iter().collect();
        for lock in [
            "select from chats for update",
            "select from users for update",
            "select log_lock(workspace_shard(id)) from workspaces",
        ] {
            let tx = hold(&database, lock).await;
            let failed = store(&sender, &new, None, Bell::IsLeftToCaller).await.unwrap_err();
            assert_eq!(failed.said().map(|e| e.code().code()), Some("55P03"), "{lock}: {failed}");
            assert_eq!(is_about_shard(&failed), lock.contains("log_lock"));
            assert!(is_about_some(&failed) && matches!(Failure::of(&failed), Failure::NotStored(_)));
            tx.rollback().await.unwrap();
        }
        assert_eq!(store(&sender, &new, None, Bell::IsLeftToCaller).await.unwrap().len(), new.len());
    }
}
