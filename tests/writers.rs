//! Writers that are slow, overtake one another, or are other programs: every committed row is
//! delivered soon, in the order of commits.

use std::time::Duration;

use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::support::{Actor, App, Chat, Device, eventually, log::events_after, with_app};

async fn connect(app: &App) -> PgConnection {
    PgConnection::connect(app.config.database.url.as_ref().unwrap().expose()).await.unwrap()
}

/// Inserts a message as psql or another program would.
async fn insert(db: &mut PgConnection, sender: &Actor, chat: &Chat, body: &str) {
    sqlx::query(
        "with chat as (update chats set last_seq = last_seq + 1, last_root_no = last_root_no + 1 where id = $1 returning *)
         insert into messages (id, workspace_id, chat_id, seq, root_no, sender_id, body)
         select gen_random_uuid(), workspace_id, id, last_seq, last_root_no, $2, $3 from chat",
    )
    .bind(chat.0.parse::<Uuid>().unwrap())
    .bind(sender.id.parse::<Uuid>().unwrap())
    .bind(body)
    .execute(db)
    .await
    .unwrap();
}

fn bodies(device: &Device) -> Vec<&str> {
    device.events.iter().filter_map(|frame| frame.data["message"]["body"].as_str()).collect()
}

#[tokio::test]
async fn rows_that_anyone_writes_are_delivered() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let node = app.start_notify_server().await;
        let chat = ann.public_channel("general", &[]).await;
        let mut device = Device::connect(&ann, &node).await;
        let mut psql = connect(app).await;
        insert(&mut psql, &ann, &chat, "by hand").await;
        let event = device.next_event().await;
        assert_eq!(
            (&event.data["message"]["body"], &event.data["message"]["seq"]),
            (&json!("by hand"), &json!(2))
        );
        ann.post(&chat, "by REST").await;
        device.next_event().await;
        assert_eq!(bodies(&device), ["by hand", "by REST"]);
        // A transaction that is rolled back has no effect.
        let mut tx = psql.begin().await.unwrap();
        insert(&mut tx, &ann, &chat, "never").await;
        tx.rollback().await.unwrap();
        ann.post(&chat, "after").await;
        device.next_event().await;
        assert_eq!(bodies(&device), ["by hand", "by REST", "after"]);
    })
    .await;
}

#[tokio::test]
async fn a_chat_that_is_deleted_by_hand_is_told_to_its_members() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let node = app.start_notify_server().await;
        let chat = ann.public_channel("general", &[]).await;
        let mut device = Device::connect(&ann, &node).await;
        let mut psql = connect(app).await;
        let mut tx = psql.begin().await.unwrap();
        for sql in ["delete from messages where chat_id = $1::uuid", "delete from chats where id = $1::uuid"]
        {
            sqlx::query(sql).bind(&chat.0).execute(&mut *tx).await.unwrap();
        }
        tx.commit().await.unwrap();
        let event = device.next_event().await;
        assert_eq!(event.data["type"], "chat.deleted");
        assert_eq!(event.data["chat"]["id"], json!(chat.0));
    })
    .await;
}

/// The messages have no foreign keys: triggers are the wall for those who write by hand.
#[tokio::test]
async fn no_row_written_by_hand_crosses_the_wall_between_workspaces() {
    with_app(async |app| {
        let (ann, eve) = (app.sign_up("acme", "Ann").await, app.sign_up("evil", "Eve").await);
        let (chat, other) = (ann.public_channel("one", &[]).await, eve.public_channel("two", &[]).await);
        let mut psql = connect(app).await;
        let sql = "insert into messages (id, workspace_id, chat_id, seq, root_no, sender_id, body)
            select gen_random_uuid(), u.workspace_id, $1::uuid, 1000, 1000, u.id, 'x' from users u where u.id = $2::uuid";
        for (chat, sender, said) in [(&other, &ann, "no chat of its workspace"), (&chat, &eve, "no chat of its workspace")] {
            let error = sqlx::query(sql).bind(&chat.0).bind(&sender.id).execute(&mut psql).await.unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
        let sql = "insert into messages (id, workspace_id, chat_id, seq, root_no, sender_id, body)
            select gen_random_uuid(), c.workspace_id, c.id, 1000, 1000, $2::uuid, 'x' from chats c where c.id = $1::uuid";
        let error = sqlx::query(sql).bind(&chat.0).bind(&eve.id).execute(&mut psql).await.unwrap_err();
        assert!(error.to_string().contains("no user of its workspace"), "{error}");
        let sql = "delete from chats where id = $1::uuid";
        let error = sqlx::query(sql).bind(&chat.0).execute(&mut psql).await.unwrap_err();
        assert!(error.to_string().contains("has messages"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn who_begins_first_and_commits_last_loses_nothing() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let node = app.start_notify_server().await;
        let one = ann.public_channel("one", &[]).await;
        let two = ann.public_channel("two", &[]).await;
        let mut device = Device::connect(&ann, &node).await;
        let start = device.last_id.clone().unwrap();
        let (mut first, mut second) = (connect(app).await, connect(app).await);
        for round in 0..5 {
            let mut slow = first.begin().await.unwrap();
            insert(&mut slow, &ann, &one, &format!("slow {round}")).await;
            let mut quick = second.begin().await.unwrap();
            insert(&mut quick, &ann, &two, &format!("quick {round}")).await;
            quick.commit().await.unwrap();
            // The reader has passed its id before the other commits.
            assert_eq!(device.next_event().await.data["message"]["body"], format!("quick {round}"));
            slow.commit().await.unwrap();
            assert_eq!(device.next_event().await.data["message"]["body"], format!("slow {round}"));
        }
        assert_eq!(device.events, events_after(&app.db, &ann, &start).await);
        let mut again = Device::connect_after(&ann, &node, &start).await;
        for _ in 0..10 {
            again.next_event().await;
        }
        assert_eq!(again.events, device.events);
    })
    .await;
}

#[tokio::test]
async fn a_position_that_is_taken_and_not_yet_committed_is_not_passed_over() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let node = app.start_notify_server().await;
        let one = ann.public_channel("one", &[]).await;
        let two = ann.public_channel("two", &[]).await;
        let mut device = Device::connect(&ann, &node).await;
        let start = device.last_id.clone().unwrap();
        let mut first = connect(app).await;
        for round in 0..3 {
            let mut slow = first.begin().await.unwrap();
            insert(&mut slow, &ann, &one, &format!("slow {round}")).await;
            // Its row of the log is written now, with its id, and no other session can see it.
            sqlx::query("set constraints all immediate").execute(&mut *slow).await.unwrap();
            let body = format!("quick {round}");
            let quick = ann.post(&two, &body);
            let commit = async {
                // The other writer has reached its commit, and waits there or is done.
                eventually(async || {
                    let there: bool = sqlx::query_scalar(
                        "select exists (select from pg_locks where locktype = 'advisory' and not granted)
                             or exists (select from messages where body = $1)",
                    )
                    .bind(&body)
                    .fetch_one(&app.db)
                    .await
                    .unwrap();
                    if there { Ok(()) } else { Err("the other writer has not come".into()) }
                })
                .await;
                device.is_quiet_for(Duration::from_millis(50)).await;
                slow.commit().await.unwrap();
            };
            futures_util::join!(quick, commit);
            while bodies(&device).len() < 2 * (round + 1) {
                device.next_event().await;
            }
        }
        assert_eq!(device.events, events_after(&app.db, &ann, &start).await);
        let said = ["slow 0", "quick 0", "slow 1", "quick 1", "slow 2", "quick 2"];
        assert_eq!(bodies(&device), said);
    })
    .await;
}

#[tokio::test]
async fn an_idle_open_transaction_delays_nobody() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let node = app.start_notify_server().await;
        let chat = ann.public_channel("general", &[&bob]).await;
        let mut device = Device::connect(&bob, &node).await;
        // One session has written an event of another chat; one holds an old snapshot and an id of
        // its own.
        let (mut writer, mut reader) = (connect(app).await, connect(app).await);
        let other = ann.public_channel("other", &[]).await;
        let mut writing = writer.begin().await.unwrap();
        insert(&mut writing, &ann, &other, "dawdling").await;
        let mut reading = reader.begin_with("begin isolation level repeatable read").await.unwrap();
        sqlx::query("select pg_current_xact_id(), count(*) from messages")
            .execute(&mut *reading)
            .await
            .unwrap();

        // Received while both are still open: they block no other writer.
        for n in 0..20 {
            ann.post(&chat, &format!("m{n}")).await;
            device.until(|frame| frame.data["message"]["body"] == format!("m{n}")).await;
        }
        writing.commit().await.unwrap();
        reading.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_writer_that_does_not_ring_is_heard_all_the_same() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let node = app.start_notify_server().await;
        let chat = ann.public_channel("general", &[]).await;
        let mut device = Device::connect(&ann, &node).await;
        let mut psql = connect(app).await;
        // As a chat_server that dies after its commit and before its NOTIFY.
        let mut silent = psql.begin_with("begin; set local parlor.doorbell = 'after'").await.unwrap();
        insert(&mut silent, &ann, &chat, "unannounced").await;
        silent.commit().await.unwrap();
        assert_eq!(device.next_event().await.data["message"]["body"], "unannounced");
    })
    .await;
}

#[tokio::test]
async fn one_transaction_may_do_many_things() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let node = app.start_notify_server().await;
        let one = ann.public_channel("one", &[]).await;
        let two = ann.public_channel("two", &[]).await;
        let mut device = Device::connect(&ann, &node).await;
        let mut psql = connect(app).await;
        let mut tx = psql.begin().await.unwrap();
        for n in 0..300 {
            insert(&mut tx, &ann, if n % 2 == 0 { &one } else { &two }, &format!("m{n}")).await;
        }
        tx.commit().await.unwrap();
        for _ in 0..300 {
            device.next_event().await;
        }
        assert_eq!(bodies(&device), (0..300).map(|n| format!("m{n}")).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn a_row_that_is_no_json_stops_nobody_and_whoever_it_was_for_is_told() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let node = app.start_notify_server().await;
        let chat = ann.public_channel("general", &[]).await;
        let mut device = Device::connect(&ann, &node).await;
        sqlx::query(
            "do $$ begin
                 perform log_lock(s) from (select workspace_shard(id) as s from workspaces) w;
                 perform log_append(workspace_shard(id), id, 'message.new', 'workspace', null, null, null, null, null, '{\"a\":1}')
                 from workspaces;
                 update event_log set payload = 'no json' where payload like '%\"a\":1}';
             end $$",
        )
        .execute(&app.db)
        .await
        .unwrap();
        ann.post(&chat, "goes on").await;
        let reset = device.next_frame().await.unwrap();
        assert_eq!((reset.event.as_str(), &reset.data["reason"]), ("reset", &json!("unreadable_event")));
        assert_eq!(device.next_event().await.data["message"]["body"], "goes on");
    })
    .await;
}

/// An event takes the lock of the shard only at commit, so it is held for a moment, however long
/// the transaction lasts.
#[tokio::test]
async fn every_event_that_a_row_raises_is_raised_at_commit() {
    with_app(async |app| {
        let mut psql = connect(app).await;
        let raising: Vec<(String, bool)> = sqlx::query_as(
            "select t.tgname::text, t.tgconstraint <> 0 and t.tgdeferrable and t.tginitdeferred
             from pg_trigger t join pg_proc p on p.oid = t.tgfoid
             where not t.tgisinternal and p.prosrc ~ 'log_event|log_append|raise_event|event_log' order by 1",
        )
        .fetch_all(&mut psql)
        .await
        .unwrap();
        let (at_commit, at_once): (Vec<_>, Vec<_>) = raising.into_iter().partition(|(_, deferred)| *deferred);
        assert_eq!(at_once, []);
        assert!(at_commit.len() >= 14, "the query finds them: {at_commit:?}");
    })
    .await;
}

#[tokio::test]
async fn the_schema_refuses_a_chat_or_a_member_that_there_cannot_be() {
    with_app(async |app| {
        app.sign_up_with_general("acme", "Ann").await;
        let mut psql = connect(app).await;
        for sql in [
            "update chats set kind = 'secret_channel'",
            "update chats set name = null, name_folded = null",
            "update chats set name_folded = null",
            "update chats set single_key = 'a b'",
            "update chats set kind = 'single'",
            "update chat_members set role = 'guest'",
        ] {
            let refused = sqlx::query(sql).execute(&mut psql).await.expect_err(sql);
            assert_eq!(refused.into_database_error().unwrap().code().as_deref(), Some("23514"), "{sql}");
        }
    })
    .await;
}
