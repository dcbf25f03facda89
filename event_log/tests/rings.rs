//! Rows that come with a ring: the same as they would be read, from those who may write them, and only where they go on.

use chat_core::MessageId;
use event_log::{LogRow, Tail, TailHealth, read};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::{Place, World, bodies, connect, make_place, say, take_rows, until};

/// More than the polls that may come first.
const TRIES: usize = 50;

/// Sends as chat_server does.
async fn send(db: &Client, place: Place, body: &str, rings: bool) {
    let Place { workspace, user, chat } = place;
    let shard = i16::from(place.shard().number());
    let none = None::<&str>;
    let sent = db
        .query(
            "select from send_single($1, $2, $3, $4, $5, $6, null, null, null, $7, $8)",
            &[&shard, &MessageId::generate().0, &workspace.0, &chat.0, &user.0, &body, &none, &rings],
        )
        .await
        .unwrap();
    assert_eq!(sent.len(), 1);
}

/// Several in one transaction, as chat_server does.
async fn send_batch(db: &Client, places: &[Place], body: &str) {
    let ids = |of: fn(&Place) -> Uuid| places.iter().map(of).collect::<Vec<_>>();
    let none = vec![None::<&str>; places.len()];
    let (no_hash, no_reply) = (vec![None::<&[u8]>; places.len()], vec![None::<Uuid>; places.len()]);
    let sent = db
        .query(
            "select from send_batch($1, $2, $3, $4, $5, $6, $7, $8, null, true)",
            &[
                &ids(|_| MessageId::generate().0),
                &ids(|place| place.workspace.0),
                &ids(|place| place.chat.0),
                &ids(|place| place.user.0),
                &vec![body; places.len()],
                &none,
                &no_hash,
                &no_reply,
            ],
        )
        .await
        .unwrap();
    assert_eq!(sent.len(), places.len());
}

/// A tail that knows who may write.
async fn listening(world: &World) -> (Tail, TailHealth) {
    let (tail, health) = world.tail().await;
    until("the bell is heard", async || health.doorbell_round_trip().is_some()).await;
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
        let rung = health.rung();
        send_batch(&world.db, &[world.place, elsewhere, world.place], "several").await;
        let rows = take_rows(&mut tail, 3).await;
        assert_eq!(rows, as_read(&world, &rows).await);
        if rung > 0 && health.rung() == rung + 3 {
            break;
        }
    }
}

#[tokio::test]
async fn a_sparing_reader_takes_it_without_what_was_said() {
    let world = World::new().await;
    let (tail, health) = listening(&world).await;
    let mut tail = tail.sparing();
    for n in 1.. {
        assert!(n < TRIES, "no row ever comes with its ring");
        send(&world.db, world.place, "unsaid", true).await;
        let row = take_rows(&mut tail, 1).await.remove(0);
        assert!(row.message_id.is_some() && row.payload.is_empty());
        if health.rung() > 0 {
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

#[tokio::test]
async fn rows_that_come_with_rings_do_not_keep_others_from_being_read() {
    let world = World::new().await;
    let elsewhere = make_place(&world.db, 6).await;
    let (mut tail, _) = listening(&world).await;
    let ringing = connect(&world.lifecycle, &world.url).await;
    let rings = async {
        loop {
            send(&ringing, world.place, "ringing", true).await;
        }
    };
    let silently = async {
        send(&world.db, elsewhere, "silently", false).await;
        while bodies(&take_rows_any(&mut tail).await).iter().all(|body| body != "silently") {}
    };
    tokio::select! { () = silently => {}, () = rings => {} }
}

async fn take_rows_any(tail: &mut Tail) -> Vec<LogRow> {
    match crate::support::next(tail).await {
        event_log::TailEvent::Rows(rows) => rows,
        other => panic!("{other:?} instead of rows"),
    }
}

/// What would be the next row after `row`, though nobody has written it.
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

    let role = format!("stranger_{}", Uuid::new_v4().simple());
    world
        .execute(&format!("create role {role} login password 'x'; grant select on event_log to {role}"))
        .await;
    let (_, at) = world.url.rsplit_once('@').unwrap();
    let stranger = connect(&world.lifecycle, &format!("postgres://{role}:x@{at}")).await;
    let notify = "select pg_notify('parlor_log', $1)";
    for _ in 0..TRIES {
        stranger.query(notify, &[&forged(&row, row.timeline)]).await.unwrap();
        world.db.query(notify, &[&forged(&row, row.timeline + 1)]).await.unwrap();
    }
    say(&world.db, world.place, "true as well").await;
    let next = take_rows(&mut tail, 1).await.remove(0);
    assert!(next.payload.contains("true as well") && next.prev_id == row.id, "{next:?}");
    assert_eq!(health.rung(), 0);

    // What was refused above is believed from its owner: it was refused for where it came from.
    world.db.query(notify, &[&forged(&next, next.timeline)]).await.unwrap();
    assert_eq!(bodies(&take_rows(&mut tail, 1).await), ["forged"]);
    drop(stranger);
    until("the role is gone", async || {
        let drop = format!("revoke all on event_log from {role}; drop role if exists {role}");
        world.db.batch_execute(&drop).await.is_ok()
    })
    .await;
}
