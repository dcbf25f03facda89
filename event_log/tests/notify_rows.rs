//! Rows that a NOTIFY carries: equal to the rows of the table, accepted only from writers of the
//! log, and only where they follow.

use std::future::poll_fn;

use chat_core::MessageId;
use event_log::{LogRow, Tail, TailEvent, TailHealth, read};
use serde_json::{Value, json};
use tokio_postgres::{AsyncMessage, Client, NoTls};
use uuid::Uuid;

use crate::support::{Place, World, bodies, connect, make_place, next, say, take_rows, until};

/// More than the number of polls that may come first.
const TRIES: usize = 50;

/// Sends a message as chat_server does.
async fn send(db: &Client, place: Place, body: &str, notify: bool) {
    send_messages(db, &[place], body, notify).await;
}

/// Sends several messages in one transaction, as chat_server does.
async fn send_batch(db: &Client, places: &[Place], body: &str) {
    send_messages(db, places, body, true).await;
}

async fn send_messages(db: &Client, places: &[Place], body: &str, notify: bool) {
    let batch = places.iter().map(|place| {
        json!({
            "id": MessageId::generate(), "workspace_id": place.workspace, "chat_id": place.chat,
            "sender_id": place.user, "body": body,
        })
    });
    let batch = batch.collect::<Value>().to_string();
    let sent = db.query("select from send_messages($1::text::jsonb, $2)", &[&batch, &notify]).await.unwrap();
    assert_eq!(sent.len(), places.len());
}

/// A tail that knows which backends may write.
async fn listening(world: &World) -> (Tail, TailHealth) {
    let (tail, health) = world.tail().await;
    until("the doorbell is heard", async || health.doorbell_round_trip().is_some()).await;
    (tail, health)
}

async fn as_read(world: &World, rows: &[LogRow]) -> Vec<LogRow> {
    let mut read = Vec::new();
    for row in rows {
        read.extend(read::newest(&world.db, row.shard, row.id, 1, 1 << 20).await.unwrap());
    }
    read
}

#[tokio::test]
async fn a_row_that_comes_with_a_ring_is_the_one_in_the_log() {
    let world = World::new().await;
    let elsewhere = make_place(&world.db, 6).await;
    let (mut tail, health) = listening(&world).await;
    for n in 1.. {
        assert!(n < TRIES, "no row ever comes with its ring");
        let body = "line one\nline \"two\" \\ \u{1f4e8} 7 8";
        send(&world.db, world.place, body, true).await;
        let rows = take_rows(&mut tail, 1).await;
        assert_eq!(rows, as_read(&world, &rows).await);
        let rung = health.notify_rows();
        send_batch(&world.db, &[world.place, elsewhere, world.place], "several").await;
        let rows = take_rows(&mut tail, 3).await;
        assert_eq!(rows, as_read(&world, &rows).await);
        if rung > 0 && health.notify_rows() == rung + 3 {
            break;
        }
    }
}

#[tokio::test]
async fn an_invalidation_reader_takes_it_without_what_was_said() {
    let world = World::new().await;
    let (tail, health) = Tail::start(&world.url, &world.lifecycle).unwrap();
    let mut tail = tail.invalidations_only();
    assert!(matches!(next(&mut tail).await, TailEvent::Ready(_)));
    until("the doorbell is heard", async || health.doorbell_round_trip().is_some()).await;
    for n in 1.. {
        assert!(n < TRIES, "no row ever comes with its ring");
        send(&world.db, world.place, "unsaid", true).await;
        let row = take_rows(&mut tail, 1).await.remove(0);
        assert!(row.message_id.is_some() && row.payload.is_empty());
        if health.notify_rows() > 0 {
            break;
        }
    }
}

#[tokio::test]
async fn what_nobody_rang_for_comes_before_a_row_that_came_with_a_ring() {
    let world = World::new().await;
    let (mut tail, _) = listening(&world).await;
    for _ in 0..TRIES {
        send(&world.db, world.place, "in silence", false).await;
        send(&world.db, world.place, "with a ring", true).await;
        let rows = take_rows(&mut tail, 2).await;
        assert_eq!(bodies(&rows), ["in silence", "with a ring"]);
        assert_eq!(rows[1].prev_id, rows[0].id);
    }
}

#[tokio::test]
async fn a_row_too_long_for_a_ring_is_read() {
    let world = World::new().await;
    let (mut tail, _) = listening(&world).await;
    for length in [7_000, 7_500, 8_000, 60_000] {
        send(&world.db, world.place, &"x".repeat(length), true).await;
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
    let world = World::new().await;
    let (mut tail, health) = listening(&world).await;
    say(&world.db, world.place, "true").await;
    let row = take_rows(&mut tail, 1).await.remove(0);

    let reader = Role::new(&world, "grant select on log_meta, event_log to").await;
    let stranger = connect(&world.lifecycle, &reader.url).await;
    let notify = "select pg_notify((select rows_channel from log_meta), $1)";
    for _ in 0..TRIES {
        stranger.query(notify, &[&forged(&row, row.timeline)]).await.unwrap();
        world.db.query(notify, &[&forged(&row, row.timeline + 1)]).await.unwrap();
    }
    say(&world.db, world.place, "true as well").await;
    let next = take_rows(&mut tail, 1).await.remove(0);
    assert!(next.payload.contains("true as well") && next.prev_id == row.id, "{next:?}");
    assert_eq!(health.notify_rows(), 0);

    // The owner's NOTIFY of the same payload is accepted: the payload was refused above only
    // because of its sender. Repeated, since a row that arrives when the poll is due is read from
    // the log instead.
    let forged = forged(&next, next.timeline);
    let rings = async {
        loop {
            world.db.query(notify, &[&forged]).await.unwrap();
        }
    };
    tokio::select! {
        rows = take_rows(&mut tail, 1) => assert_eq!(bodies(&rows), ["forged"]),
        () = rings => {}
    }
    drop(stranger);
    reader.end(&world).await;
}

/// A role that may log in, and its grants.
struct Role {
    name: String,
    url: String,
}

impl Role {
    async fn new(world: &World, grant: &str) -> Self {
        let name = format!("stranger_{}", Uuid::new_v4().simple());
        world.execute(&format!("create role {name} login password 'x'")).await;
        if !grant.is_empty() {
            world.execute(&format!("{grant} {name}")).await;
        }
        let (_, at) = world.url.rsplit_once('@').unwrap();
        let url = format!("postgres://{name}:x@{at}");
        Self { name, url }
    }

    async fn end(self, world: &World) {
        world.execute(&format!("drop owned by {0}; drop role {0}", self.name)).await;
    }
}

#[tokio::test]
async fn a_reader_who_may_only_read_gets_what_comes_with_rings() {
    let world = World::new().await;
    let reader = Role::new(&world, "grant select on all tables in schema public to").await;
    let (mut tail, health) = world.tail_of(&reader.url).await;
    until("the doorbell is heard", async || health.doorbell_round_trip().is_some()).await;
    for n in 1.. {
        assert!(n < TRIES, "no row ever comes with its ring");
        send(&world.db, world.place, "to be read", true).await;
        assert_eq!(bodies(&take_rows(&mut tail, 1).await), ["to be read"]);
        if health.notify_rows() > 0 {
            break;
        }
    }
    drop(tail);
    reader.end(&world).await;
}

#[tokio::test]
async fn who_may_not_read_the_log_hears_nothing_of_what_is_said() {
    let world = World::new().await;
    let stranger = Role::new(&world, "").await;
    let (client, mut connection) = tokio_postgres::connect(&stranger.url, NoTls).await.unwrap();
    let (tell, mut told) = tokio::sync::mpsc::channel(8);
    world.lifecycle.spawn_connection(async move {
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
        send(&world.db, world.place, &body, true).await;
    }
    // The first NOTIFY heard is the large message's, with the shard alone. The small one went to
    // the secret channel.
    assert_eq!(told.recv().await.unwrap(), world.place.shard().number().to_string());
    drop(client);
    stranger.end(&world).await;
}
