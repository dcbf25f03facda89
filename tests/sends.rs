//! Concurrent sends are stored in one batch. Each gets its own answer, whatever happens to the
//! others.

use futures_util::{future::join_all, join};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::task::JoinSet;

use crate::support::{
    Actor, App, Chat, Device, Node, Reply,
    actor::{anonymous, bodies, seqs},
    eventually, with_app, with_app_configured,
};

/// A message with this body blocks its batch until the gate is opened. Sends in the meantime queue
/// up.
const GATE: &str = "gate";
const GATE_KEY: i64 = 42;

/// Blocks the batches that contain a message of the gate.
struct Gate(PgConnection);

/// The batches in progress of one shard, and so of one workspace.
const BATCHES: i64 = 1;

impl Gate {
    async fn close(app: &App) -> Self {
        let url = app.config.database.url.as_ref().unwrap().expose();
        let mut db = PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(format!(
            "create or replace function gate() returns trigger language plpgsql as $$ begin
                 perform set_config('lock_timeout', '0', true), pg_advisory_xact_lock({GATE_KEY});
                 return new;
             end $$;
             create or replace trigger gate before insert on messages
                 for each row when (new.body = '{GATE}') execute function gate();
             select pg_advisory_lock({GATE_KEY})"
        )))
        .execute(&mut db)
        .await
        .unwrap();
        Self(db)
    }

    /// Waits until this many of its messages are blocked.
    async fn until_at_it(&mut self, count: i64) {
        eventually(async || {
            let there: i64 = sqlx::query_scalar(
                "select count(*) from pg_locks where locktype = 'advisory' and objid = 42 and not granted
                 and database = (select oid from pg_database where datname = current_database())",
            )
            .fetch_one(&mut self.0)
            .await
            .unwrap();
            if there == count { Ok(()) } else { Err(format!("{there} of {count} are at the gate")) }
        })
        .await;
    }

    async fn open(self) {
        self.0.close().await.unwrap();
    }
}

async fn metric(app: &App, node: &Node, name: &str) -> i64 {
    let text = anonymous(&app.client, &node.url, "GET /metrics", None).await.body;
    let text = text.as_str().unwrap();
    let line =
        text.lines().find(|line| line.split(' ').next() == Some(name)).unwrap_or_else(|| panic!("{text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

async fn until_under_way(app: &App, count: i64) {
    eventually(async || {
        let now = metric(app, &app.chat, "parlor_chat_sends_under_way").await;
        if now == count { Ok(()) } else { Err(format!("{now} of {count} under way")) }
    })
    .await;
}

/// Sends a blocked message for each batch in progress, in chats of their own. Returns once all are
/// blocked. The returned future completes when they are sent.
async fn at_the_gate(gatekeeper: &Actor, gate: &mut Gate) -> impl Future<Output = Vec<Value>> + use<> {
    let mut held = JoinSet::new();
    for count in 1..=BATCHES {
        let gatekeeper = gatekeeper.clone();
        held.spawn(async move {
            let name = format!("gate {}", uuid::Uuid::now_v7());
            let chat = gatekeeper.private_channel(&name, &[]).await;
            gatekeeper.post(&chat, GATE).await
        });
        // Otherwise the next would be in the same batch.
        gate.until_at_it(count).await;
    }
    held.join_all()
}

/// Blocks all batches, queues all of `sends`, runs `meanwhile`, then unblocks them. Returns the
/// answers to `sends`.
async fn together(
    app: &App,
    gatekeeper: &Actor,
    sends: Vec<impl Future<Output = Reply>>,
    meanwhile: impl AsyncFnOnce(),
) -> Vec<Reply> {
    let mut gate = Gate::close(app).await;
    let held = at_the_gate(gatekeeper, &mut gate).await;
    let count = i64::try_from(sends.len()).unwrap();
    let open = async {
        until_under_way(app, count + BATCHES).await;
        meanwhile().await;
        gate.open().await;
    };
    join!(held, join_all(sends), open).1
}

async fn two(app: &App) -> (Actor, Actor, Chat, Chat) {
    let ann = app.sign_up("acme", "Ann").await;
    let bob = app.invite(&ann, "Bob").await;
    let one = ann.public_channel("one", &[&bob]).await;
    let two = ann.public_channel("two", &[&bob]).await;
    (ann, bob, one, two)
}

/// The `seq`s of the first messages of a channel: the line that it was made comes before them.
fn first_seqs(count: i64) -> Vec<i64> {
    (1..=count + 1).collect()
}

/// Checks that in each chat the order of seq is the order of the log, and that each row names the
/// one before it.
async fn check_log(app: &App) {
    let swapped: i64 = sqlx::query_scalar(
        "select count(*) from (
             select m.seq, lag(m.seq) over (partition by m.chat_id order by e.id) as before
             from messages m join event_log e on e.message_id = m.id and e.kind = 'message.new') x
         where seq <> coalesce(before, 0) + 1",
    )
    .fetch_one(&app.db)
    .await
    .unwrap();
    let broken: i64 = sqlx::query_scalar(
        "select count(*) from (select prev_id, lag(id) over (partition by shard order by id) as before from event_log) x
         where prev_id <> coalesce(before, 0)",
    )
    .fetch_one(&app.db)
    .await
    .unwrap();
    let unlogged: i64 = sqlx::query_scalar(
        "select count(*) from messages m where 1 <> (select count(*) from event_log e where e.message_id = m.id)",
    )
    .fetch_one(&app.db)
    .await
    .unwrap();
    assert_eq!((swapped, broken, unlogged), (0, 0, 0));
}

#[tokio::test]
async fn what_gathers_is_stored_at_once_and_told_in_order() {
    with_app(async |app| {
        let (ann, bob, one, two) = two(app).await;
        let node = app.start_notify_server().await;
        let mut device = Device::connect(&bob, &node).await;
        let sends: Vec<_> = (0..20)
            .map(|n| {
                let (sender, chat) =
                    (if n % 3 == 0 { &ann } else { &bob }, if n % 2 == 0 { &one } else { &two });
                sender.try_post(chat, json!({ "body": format!("m{n}"), "client_id": format!("c{n}") }))
            })
            .collect();
        let batches = async || metric(app, &app.chat, "parlor_chat_send_batches_total").await;
        let before = batches().await;
        let replies = together(app, &ann, sends, async || {}).await;
        // The batch of the gate, the one behind it with the first message, and two halves of all
        // others.
        let batches = batches().await - before;
        assert!((BATCHES + 2..=BATCHES + 3).contains(&batches), "{batches}");
        for reply in replies {
            let sent = reply.created();
            let chat = Chat(sent["chat_id"].as_str().unwrap().into());
            let id = sent["id"].as_str().unwrap();
            assert_eq!(bob.call(&format!("GET /api/chat/{chat}/messages/{id}")).await.ok(), sent);
        }
        for (chat, count) in [(&one, 10), (&two, 10)] {
            let page = bob.call(&format!("GET /api/chat/{chat}/messages?limit=200")).await.ok();
            assert_eq!(seqs(&page), first_seqs(count));
            let list = bob.listed(chat).await;
            let last_seq = json!(count + 1);
            assert_eq!((&list["chat"]["last_seq"], &list["last_message"]["seq"]), (&last_seq, &last_seq));
        }
        for _ in 0..20 {
            device.next_event().await;
        }
        for chat in [&one, &two] {
            let events = device.events.iter().filter(|frame| frame.data["chat_id"] == chat.0.as_str());
            let told: Vec<i64> = events.map(|frame| frame.data["message"]["seq"].as_i64().unwrap()).collect();
            assert!(told.is_sorted(), "{told:?}");
        }
        check_log(app).await;
    })
    .await;
}

#[tokio::test]
async fn the_same_client_id_twice_in_a_batch_is_one_message() {
    with_app(async |app| {
        let (ann, bob, one, two) = two(app).await;
        let send = json!({ "body": "once", "client_id": "k" });
        let mut sends: Vec<_> = (0..5).map(|_| ann.try_post(&one, send.clone())).collect();
        sends.push(ann.try_post(&two, send.clone())); // another message with the same client id
        sends.push(bob.try_post(&one, send.clone())); // the client id of another sender
        let replies = together(app, &ann, sends, async || {}).await;
        let statuses = |replies: &[Reply]| replies.iter().map(|reply| reply.status).collect::<Vec<_>>();
        let mine = statuses(&replies[..6]);
        assert_eq!(mine.iter().filter(|status| **status == 201).count(), 1, "{mine:?}");
        // One of the two messages came first; the other is refused.
        assert!(mine.contains(&422), "{mine:?}");
        assert!(mine.iter().all(|status| matches!(status, 200 | 201 | 422)), "{mine:?}");
        assert_eq!(replies[6].status, 201);
        let stored: i64 = sqlx::query_scalar("select count(*) from messages where client_id = 'k'")
            .fetch_one(&app.db)
            .await
            .unwrap();
        assert_eq!(stored, 2);
        check_log(app).await;
    })
    .await;
}

#[tokio::test]
async fn one_bad_message_does_not_take_its_batch_along() {
    with_app(async |app| {
        let (ann, bob, one, two) = two(app).await;
        let cid = app.invite(&ann, "Cid").await;
        // One message makes the statement fail, another one its commit.
        sqlx::raw_sql(
            "alter table messages add constraint no_poison check (body <> 'poison');
             create function fail_late() returns trigger language plpgsql as $$ begin
                 raise 'too late' using errcode = '23514', constraint = 'late';
             end $$;
             create constraint trigger late after insert on messages deferrable initially deferred
                 for each row when (new.body = 'late poison') execute function fail_late()",
        )
        .execute(&app.db)
        .await
        .unwrap();
        for poison in ["poison", "late poison"] {
            let sends = vec![
                ann.try_post(&one, json!({ "body": "good" })),
                bob.try_post(&one, json!({ "body": poison })),
                cid.try_post(&one, json!({ "body": "not a member" })),
                bob.try_post(&two, json!({ "body": "good" })),
                bob.try_post(&two, json!({ "body": "no such", "reply_to": uuid::Uuid::now_v7() })),
                ann.try_post(&one, json!({ "body": "good too" })),
            ];
            let replies = together(app, &ann, sends, async || {}).await;
            let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
            assert_eq!(statuses, [201, 500, 403, 201, 422, 201], "{replies:?}");
        }
        let page = ann.call(&format!("GET /api/chat/{one}/messages")).await.ok();
        assert_eq!(
            (seqs(&page), bodies(&page).iter().all(|body| body.starts_with("good"))),
            (first_seqs(4), true)
        );
        check_log(app).await;
    })
    .await;
}

#[tokio::test]
async fn a_chat_that_somebody_keeps_locked_holds_up_no_other() {
    with_app(async |app| {
        let (ann, bob, one, two) = two(app).await;
        let mut locker =
            PgConnection::connect(app.config.database.url.as_ref().unwrap().expose()).await.unwrap();
        let mut tx = locker.begin().await.unwrap();
        sqlx::query("select from chats where id = $1::uuid for update")
            .bind(&one.0)
            .execute(&mut *tx)
            .await
            .unwrap();
        let stuck = ann.try_post(&one, json!({ "body": "stuck", "client_id": "k" }));
        let others = async {
            until_under_way(app, 1).await;
            for n in 0..20 {
                bob.post(&two, &format!("m{n}")).await;
            }
        };
        let (stuck, ()) = join!(stuck, others);
        // It timed out on the lock, or can still be sent; never both.
        assert_eq!(stuck.header("retry-after"), Some("1"), "{stuck:?}");
        stuck.refused(503, "unavailable");
        tx.rollback().await.unwrap();
        assert_eq!(
            ann.try_post(&one, json!({ "body": "stuck", "client_id": "k" })).await.created()["seq"],
            2
        );
        check_log(app).await;
    })
    .await;
}

#[tokio::test]
async fn many_sends_to_a_locked_chat_hold_up_nobody_of_their_batch() {
    with_app(async |app| {
        let (ann, bob, one, two) = two(app).await;
        let mut locker =
            PgConnection::connect(app.config.database.url.as_ref().unwrap().expose()).await.unwrap();
        let mut tx = locker.begin().await.unwrap();
        sqlx::query("select from chats where id = $1::uuid for update")
            .bind(&one.0)
            .execute(&mut *tx)
            .await
            .unwrap();
        let mut gate = Gate::close(app).await;
        let held = at_the_gate(&ann, &mut gate).await;
        let stuck = join_all((0..24).map(|n| ann.try_post(&one, json!({ "body": format!("m{n}") }))));
        let others = async {
            until_under_way(app, 24 + BATCHES).await;
            let others = (0..8).map(|n| bob.try_post(&two, json!({ "body": format!("m{n}") })));
            let open = async {
                until_under_way(app, 32 + BATCHES).await;
                gate.open().await;
            };
            let (others, ()) = join!(join_all(others), open);
            assert!(others.iter().all(|reply| reply.status == 201), "{others:?}");
            // Each send to the locked chat waits for two seconds, one after the other.
            let waiting = metric(app, &app.chat, "parlor_chat_sends_under_way").await;
            assert!(waiting >= 16, "{waiting}");
            tx.rollback().await.unwrap();
        };
        let (_, stuck, ()) = join!(held, stuck, others);
        assert!(stuck.iter().filter(|reply| reply.status == 201).count() >= 16, "{stuck:?}");
        check_log(app).await;
    })
    .await;
}

#[tokio::test]
async fn two_nodes_over_the_same_chats_are_no_deadlock() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let there = app.start_chat_server().await;
        let (ann_there, bob_there) = (ann.at(&there), bob.at(&there));
        let mut chats = Vec::new();
        for n in 0..8 {
            chats.push(ann.public_channel(&format!("c{n}"), &[&bob]).await);
        }
        for round in 0..15 {
            // The same sends on both nodes, in opposite orders: every client id is used on both.
            let send = |actor: &Actor, n: usize| {
                let message = json!({ "body": format!("m{n}"), "client_id": format!("{round}-{n}") });
                let (actor, chat) = (actor.clone(), chats[n % 8].clone());
                async move { actor.try_post(&chat, message).await }
            };
            let here = join_all((0..16).map(|n| send(if n % 3 == 0 { &ann } else { &bob }, n)));
            let there =
                join_all((0..16).rev().map(|n| send(if n % 3 == 0 { &ann_there } else { &bob_there }, n)));
            let (here, mut there) = join!(here, there);
            there.reverse();
            for (a, b) in here.iter().zip(&there) {
                let mut statuses = [a.status, b.status];
                statuses.sort_unstable();
                assert_eq!(statuses, [200, 201], "{a:?} {b:?}");
                assert_eq!(a.body, b.body);
            }
        }
        for chat in &chats {
            let page = ann.call(&format!("GET /api/chat/{chat}/messages?limit=200")).await.ok();
            assert_eq!(seqs(&page), first_seqs(30));
        }
        let deadlocks: i64 =
            sqlx::query_scalar("select deadlocks from pg_stat_database where datname = current_database()")
                .fetch_one(&app.db)
                .await
                .unwrap();
        assert_eq!(deadlocks, 0);
        check_log(app).await;
    })
    .await;
}

#[tokio::test]
async fn a_sender_removed_or_deactivated_while_their_send_waits_is_refused() {
    with_app(async |app| {
        let (ann, bob, one, two) = two(app).await;
        let cid = app.invite(&ann, "Cid").await;
        let dan = app.invite(&ann, "Dan").await;
        ann.add(&one, &[&cid]).await;
        ann.add(&two, &[&dan]).await;
        let sends = vec![
            bob.try_post(&one, json!({ "body": "removed" })),
            cid.try_post(&one, json!({ "body": "deactivated" })),
            ann.try_post(&one, json!({ "body": "still there" })),
        ];
        let replies = together(app, &dan, sends, async || {
            ann.remove(&one, &bob).await;
            ann.call_with(&format!("PATCH /api/users/{}", cid.id), json!({ "active": false })).await.ok();
        })
        .await;
        let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
        assert_eq!(statuses, [403, 401, 201], "{replies:?}");
        let page = ann.call(&format!("GET /api/chat/{one}/messages")).await.ok();
        assert_eq!(bodies(&page), ["still there"]);
    })
    .await;
}

#[tokio::test]
async fn a_full_queue_is_refused_at_once_and_who_waits_is_stored() {
    with_app_configured(
        // One is for the gate.
        |config| config.limits.waiting_sends = 5,
        async |app| {
            let (ann, bob, one, _) = two(app).await;
            let sends: Vec<_> =
                (0..4).map(|n| ann.try_post(&one, json!({ "body": format!("m{n}") }))).collect();
            let replies = together(app, &ann, sends, async || {
                let refused = bob.try_post(&one, json!({ "body": "one too many" })).await;
                assert_eq!(refused.header("retry-after"), Some("1"), "{refused:?}");
                refused.refused(503, "unavailable");
            })
            .await;
            assert!(replies.iter().all(|reply| reply.status == 201), "{replies:?}");
            assert_eq!(bob.post(&one, "now").await["seq"], 6);
        },
    )
    .await;
}

#[tokio::test]
async fn a_send_that_nobody_can_tell_the_end_of_may_be_repeated() {
    with_app(async |app| {
        let (ann, _, one, _) = two(app).await;
        let mut gate = Gate::close(app).await;
        let send = json!({ "body": GATE, "client_id": "k" });
        let cut = async {
            gate.until_at_it(1).await;
            sqlx::query(
                "select pg_terminate_backend(pid) from pg_locks
                 where locktype = 'advisory' and objid = 42 and not granted
                 and database = (select oid from pg_database where datname = current_database())",
            )
            .execute(&app.db)
            .await
            .unwrap();
        };
        let (reply, ()) = join!(ann.try_post(&one, send.clone()), cut);
        let problem = reply.refused(503, "unavailable");
        assert!(problem["detail"].as_str().unwrap().contains("not known"), "{problem}");
        gate.open().await;
        // Stored once, by the first attempt or by this one.
        eventually(async || {
            let again = ann.try_post(&one, send.clone()).await;
            if matches!(again.status, 200 | 201) { Ok(()) } else { Err(again.to_string()) }
        })
        .await;
        let page = ann.call(&format!("GET /api/chat/{one}/messages")).await.ok();
        assert_eq!(seqs(&page), first_seqs(1));
        check_log(app).await;
    })
    .await;
}

#[tokio::test]
async fn a_server_that_stops_stores_what_waits() {
    with_app(async |app| {
        let (ann, _, one, _) = two(app).await;
        let node = app.start_chat_server().await;
        let there = ann.at(&node);
        let mut gate = Gate::close(app).await;
        let held = at_the_gate(&there, &mut gate).await;
        let sends = join_all((0..4).map(|n| there.try_post(&one, json!({ "body": format!("m{n}") }))));
        let stop = async {
            eventually(async || {
                let now = metric(app, &node, "parlor_chat_sends_under_way").await;
                if now == 4 + BATCHES { Ok(()) } else { Err(format!("{now} under way")) }
            })
            .await;
            let open = async {
                // It no longer listens: it is stopping.
                eventually(async || {
                    let asked = app.client.get(format!("{}/health/live", node.url)).send().await;
                    if asked.is_err() { Ok(()) } else { Err("it still answers".into()) }
                })
                .await;
                gate.open().await;
            };
            join!(app.stop_node(&node), open);
        };
        let (_, sent, ()) = join!(held, sends, stop);
        assert!(sent.iter().all(|reply| reply.status == 201), "{sent:?}");
        let page = ann.call(&format!("GET /api/chat/{one}/messages")).await.ok();
        assert_eq!(seqs(&page), first_seqs(4));
    })
    .await;
}
