//! Rows that a NOTIFY carries: equal to the rows of the table, accepted only from writers of the
//! log, and only where they follow.

use std::{
    collections::{HashMap, HashSet},
    future::poll_fn,
};

use chat_core::{MessageId, Shard};
use event_log::{LogRow, Tail, TailEvent, TailHealth, read};
use serde_json::{Value, json};
use tokio_postgres::{AsyncMessage, Client, NoTls};
use uuid::Uuid;

use crate::support::{Fixture, TestChat, bodies, connect, make_test_chat, next, say, take_rows, until};

/// More than the number of polls that may come first.
const TRIES: usize = 50;

const SEND_MESSAGES: &str = "select from
    send_messages(array(select n from jsonb_populate_recordset(null::new_message, $1::text::jsonb) n), $2)";

/// Sends a message as chat_server does.
async fn send(db: &Client, test_chat: TestChat, body: &str, notify: bool) {
    send_messages(db, &[test_chat], body, notify).await;
}

/// Sends several messages in one transaction, as chat_server does.
async fn send_batch(db: &Client, test_chats: &[TestChat], body: &str) {
    send_messages(db, test_chats, body, true).await;
}

async fn send_messages(db: &Client, test_chats: &[TestChat], body: &str, notify: bool) {
    let mut test_chats = test_chats.to_vec();
    test_chats.sort_unstable_by_key(|test_chat| (Shard::of(test_chat.workspace), test_chat.chat));
    let mut heads: HashMap<i16, usize> = HashMap::new();
    let (mut chats, mut batch) = (HashSet::new(), Vec::new());
    for (index, test_chat) in test_chats.iter().enumerate() {
        let of_chat =
            |others: &[TestChat]| others.iter().filter(|other| other.chat == test_chat.chat).count();
        let (nth, later) = (of_chat(&test_chats[..=index]), of_chat(&test_chats[index + 1..]));
        let shard = i16::from(Shard::of(test_chat.workspace).number());
        let in_shard = heads.entry(shard).or_default();
        *in_shard += 1;
        chats.insert(test_chat.chat);
        batch.push(json!({
            "id": MessageId::generate(), "workspace_id": test_chat.workspace, "chat_id": test_chat.chat,
            "sender_id": test_chat.user, "body": body, "position": index + 1, "shard": shard,
            "nth_in_shard": *in_shard, "nth_in_chat": nth, "later_in_chat": later,
            "nth_in_main_line": nth, "later_in_main_line": later, "also_in_chat": false, "replies": 0,
            "is_senders_last_in_chat": later == 0, "chats": chats.len(), "members": chats.len(),
        }));
    }
    let batch = Value::from(batch).to_string();
    let sent = db.query(SEND_MESSAGES, &[&batch, &notify]).await.unwrap();
    assert_eq!(sent.len(), test_chats.len());
}

/// A tail that knows which backends may write.
async fn listening(fixture: &Fixture) -> (Tail, TailHealth) {
    let (tail, health) = fixture.tail().await;
    until("the doorbell is heard", async || health.doorbell_round_trip().is_some()).await;
    (tail, health)
}

async fn as_read(fixture: &Fixture, rows: &[LogRow]) -> Vec<LogRow> {
    let mut read = Vec::new();
    for row in rows {
        read.extend(read::newest(&fixture.db, row.shard, row.id, 1, 1 << 20).await.unwrap());
    }
    read
}

#[tokio::test]
async fn a_row_that_comes_with_a_ring_is_the_one_in_the_log() {
    let fixture = Fixture::new().await;
    let elsewhere = make_test_chat(&fixture.db, 6).await;
    let (mut tail, health) = listening(&fixture).await;
    for n in 1.. {
        assert!(n < TRIES, "no row ever comes with its ring");
        let body = "line one\nline \"two\" \\ \u{1f4e8} 7 8";
        send(&fixture.db, fixture.test_chat, body, true).await;
        let rows = take_rows(&mut tail, 1).await;
        assert_eq!(rows, as_read(&fixture, &rows).await);
        let rung = health.notify_rows();
        send_batch(&fixture.db, &[fixture.test_chat, elsewhere, fixture.test_chat], "several").await;
        let rows = take_rows(&mut tail, 3).await;
        assert_eq!(rows, as_read(&fixture, &rows).await);
        if rung > 0 && health.notify_rows() == rung + 3 {
            break;
        }
    }
}

#[tokio::test]
async fn an_invalidation_reader_takes_it_without_what_was_said() {
    let fixture = Fixture::new().await;
    let (tail, health) = Tail::start(&fixture.url, &fixture.lifecycle, Vec::new()).unwrap();
    let mut tail = tail.invalidations_only();
    assert!(matches!(next(&mut tail).await, TailEvent::Ready(_)));
    until("the doorbell is heard", async || health.doorbell_round_trip().is_some()).await;
    for n in 1.. {
        assert!(n < TRIES, "no row ever comes with its ring");
        send(&fixture.db, fixture.test_chat, "unsaid", true).await;
        let row = take_rows(&mut tail, 1).await.remove(0);
        assert!(row.message_id.is_some() && row.payload.is_empty());
        if health.notify_rows() > 0 {
            break;
        }
    }
}

#[tokio::test]
async fn what_nobody_rang_for_comes_before_a_row_that_came_with_a_ring() {
    let fixture = Fixture::new().await;
    let (mut tail, _) = listening(&fixture).await;
    for _ in 0..TRIES {
        send(&fixture.db, fixture.test_chat, "in silence", false).await;
        send(&fixture.db, fixture.test_chat, "with a ring", true).await;
        let rows = take_rows(&mut tail, 2).await;
        assert_eq!(bodies(&rows), ["in silence", "with a ring"]);
        assert_eq!(rows[1].prev_id, rows[0].id);
    }
}

#[tokio::test]
async fn a_row_too_long_for_a_ring_is_read() {
    let fixture = Fixture::new().await;
    let (mut tail, _) = listening(&fixture).await;
    for length in [7_000, 7_500, 8_000, 60_000] {
        send(&fixture.db, fixture.test_chat, &"x".repeat(length), true).await;
        assert_eq!(bodies(&take_rows(&mut tail, 1).await)[0].len(), length);
    }
}

/// A forged row that would be the next one after `row`.
fn forged(row: &LogRow, timeline: i32) -> String {
    let id = |id: Option<Uuid>| id.unwrap();
    format!(
        "{} {} {} {timeline} 0 {} {} {} {} {{\"type\":\"message.new\",\"message\":{{\"body\":\"forged\"}}}}",
        row.shard.number(),
        row.id + 1,
        row.id,
        id(row.workspace_id.map(|id| id.0)),
        id(row.chat_id.map(|id| id.0)),
        id(row.user_id.map(|id| id.0)),
        id(row.message_id.map(|id| id.0)),
    )
}

#[tokio::test]
async fn only_who_may_write_the_log_is_believed_and_only_on_its_timeline() {
    let fixture = Fixture::new().await;
    let (mut tail, health) = listening(&fixture).await;
    say(&fixture.db, fixture.test_chat, "true").await;
    let row = take_rows(&mut tail, 1).await.remove(0);

    let reader = Role::new(&fixture, "grant select on log_meta, event_log to").await;
    let stranger = connect(&fixture.lifecycle, &reader.url).await;
    let notify = "select pg_notify((select rows_channel from log_meta), $1)";
    for _ in 0..TRIES {
        stranger.query(notify, &[&forged(&row, row.timeline)]).await.unwrap();
        fixture.db.query(notify, &[&forged(&row, row.timeline + 1)]).await.unwrap();
    }
    say(&fixture.db, fixture.test_chat, "true as well").await;
    let next = take_rows(&mut tail, 1).await.remove(0);
    assert!(next.payload.contains("true as well") && next.prev_id == row.id, "{next:?}");
    assert_eq!(health.notify_rows(), 0);

    // The owner's NOTIFY of the same payload is accepted: the payload was refused above only
    // because of its sender. Repeated, since a row that arrives when the poll is due is read from
    // the log instead.
    let forged = forged(&next, next.timeline);
    let rings = async {
        loop {
            fixture.db.query(notify, &[&forged]).await.unwrap();
        }
    };
    tokio::select! {
        rows = take_rows(&mut tail, 1) => assert_eq!(bodies(&rows), ["forged"]),
        () = rings => {}
    }
    drop(stranger);
    reader.end(&fixture).await;
}

/// A role that may log in, and its grants.
struct Role {
    name: String,
    url: String,
}

impl Role {
    async fn new(fixture: &Fixture, grant: &str) -> Self {
        let name = format!("stranger_{}", Uuid::new_v4().simple());
        fixture.execute(&format!("create role {name} login password 'x'")).await;
        if !grant.is_empty() {
            fixture.execute(&format!("{grant} {name}")).await;
        }
        let (_, at) = fixture.url.rsplit_once('@').unwrap();
        let url = format!("postgres://{name}:x@{at}");
        Self { name, url }
    }

    async fn end(self, fixture: &Fixture) {
        fixture.execute(&format!("drop owned by {0}; drop role {0}", self.name)).await;
    }
}

#[tokio::test]
async fn a_reader_who_may_only_read_gets_what_comes_with_rings() {
    let fixture = Fixture::new().await;
    let reader = Role::new(&fixture, "grant select on all tables in schema public to").await;
    let (mut tail, health) = fixture.tail_of(&reader.url).await;
    until("the doorbell is heard", async || health.doorbell_round_trip().is_some()).await;
    for n in 1.. {
        assert!(n < TRIES, "no row ever comes with its ring");
        send(&fixture.db, fixture.test_chat, "to be read", true).await;
        assert_eq!(bodies(&take_rows(&mut tail, 1).await), ["to be read"]);
        if health.notify_rows() > 0 {
            break;
        }
    }
    drop(tail);
    reader.end(&fixture).await;
}

#[tokio::test]
async fn who_may_not_read_the_log_hears_nothing_of_what_is_said() {
    let fixture = Fixture::new().await;
    let stranger = Role::new(&fixture, "").await;
    let (client, mut connection) = tokio_postgres::connect(&stranger.url, NoTls).await.unwrap();
    let (tell, mut told) = tokio::sync::mpsc::channel(8);
    fixture.lifecycle.spawn_connection(async move {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(n) = message {
                let _ = tell.send(n.payload().to_owned()).await;
            }
        }
    });
    assert!(client.query("select rows_channel from log_meta", &[]).await.is_err());
    assert!(client.query("select log_listen()", &[]).await.is_err());
    client.batch_execute("listen parlor_log").await.unwrap();
    for body in ["a secret".to_owned(), "x".repeat(8_000)] {
        send(&fixture.db, fixture.test_chat, &body, true).await;
    }
    // The first NOTIFY heard is the large message's, with the shard alone. The small one went to
    // the secret channel.
    assert_eq!(told.recv().await.unwrap(), fixture.test_chat.shard().number().to_string());
    drop(client);
    stranger.end(&fixture).await;
}
