//! Sending (with repeats), reading by pages, editing, deleting, replies and read positions.

mod reading;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    Actor, App, Chat, Reply,
    actor::{bodies, seqs},
    with_app,
};

async fn three(app: &App) -> (Actor, Actor, Actor, Chat) {
    let ann = app.sign_up("acme", "Ann").await;
    let bob = app.invite(&ann, "Bob").await;
    let cid = app.invite(&ann, "Cid").await;
    let chat = ann.public_channel("general", &[&bob]).await;
    (ann, bob, cid, chat)
}

/// The `seq`s of the first messages of a channel: the line that it was made comes before them.
fn first_seqs(count: i64) -> Vec<i64> {
    (1..=count + 1).collect()
}

async fn page(actor: &Actor, chat: &Chat, query: &str) -> Value {
    actor.call(&format!("GET /api/chat/{chat}/messages?{query}")).await.ok()
}

fn path(chat: &Chat, message: &Value) -> String {
    format!("/api/chat/{chat}/messages/{}", message["id"].as_str().unwrap())
}

async fn edit(actor: &Actor, chat: &Chat, message: &Value, body: &str) -> Reply {
    actor.call_with(&format!("PATCH {}", path(chat, message)), json!({ "body": body })).await
}

async fn delete(actor: &Actor, chat: &Chat, message: &Value) -> Reply {
    actor.call(&format!("DELETE {}", path(chat, message))).await
}

async fn count(app: &App, chat: &Chat) -> i64 {
    sqlx::query_scalar("select count(*) from messages where chat_id = $1 and kind = 'user'")
        .bind(chat.0.parse::<uuid::Uuid>().unwrap())
        .fetch_one(&app.db)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_is_sent_is_read_as_written() {
    with_app(async |app| {
        let (ann, bob, _, chat) = three(app).await;
        let body = " **bold**\r\n<script>alert('x')</script> \u{202e}\t\\u0000 \u{1F600} ";
        let sent = ann.try_post(&chat, json!({ "body": body, "client_id": "a-1" })).await.created();
        assert_eq!(sent["body"], body);
        assert_eq!(
            (&sent["seq"], &sent["sender_id"], &sent["client_id"]),
            (&json!(2), &json!(ann.id), &json!("a-1"))
        );
        for null in ["reply_to", "edited_at", "deleted_at"] {
            assert_eq!(sent[null], Value::Null);
        }
        assert_eq!(bob.call(&format!("GET {}", path(&chat, &sent))).await.ok(), sent);
        assert_eq!(page(&bob, &chat, "").await["items"][1], sent);
        assert_eq!(bob.listed(&chat).await["last_message"], sent);
    })
    .await;
}

#[tokio::test]
async fn outsiders_cannot_send_or_read() {
    with_app(async |app| {
        let (ann, _, cid, chat) = three(app).await;
        let private = ann.private_channel("private", &[]).await;
        let message = ann.post(&private, "secret").await;
        cid.try_post(&chat, json!({ "body": "hi" })).await.refused(403, "not_a_member");
        cid.try_post(&private, json!({ "body": "hi" })).await.refused(404, "not_found");
        for operation in ["GET", "DELETE"] {
            cid.call(&format!("{operation} {}", path(&private, &message))).await.refused(404, "not_found");
        }
        edit(&cid, &private, &message, "mine").await.refused(404, "not_found");
        // A chat that one is in gives no access either.
        let own = cid.private_channel("own", &[]).await;
        for operation in ["GET", "DELETE"] {
            cid.call(&format!("{operation} {}", path(&own, &message))).await.refused(404, "not_found");
        }
        edit(&cid, &own, &message, "mine").await.refused(404, "not_found");
        cid.try_post(&own, json!({ "body": "re", "reply_to": message["id"] })).await.refused_at(
            422,
            "invalid",
            "/reply_to",
        );
        cid.call_with(&format!("POST /api/chat/{private}/read"), json!({ "seq": 1 }))
            .await
            .refused(404, "not_found");
        assert_eq!(count(app, &private).await, 1);
    })
    .await;
}

#[tokio::test]
async fn the_same_send_again_is_the_same_message() {
    with_app(async |app| {
        let (ann, bob, _, chat) = three(app).await;
        let send = json!({ "body": "hi", "client_id": "a-1" });
        let first = ann.try_post(&chat, send.clone()).await;
        assert_eq!(first.header("idempotent-replayed"), None);
        let first = first.created();
        let again = ann.try_post(&chat, send.clone()).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
        assert_eq!(again.ok(), first);
        // With the header, quoted as the draft standard has it, and bare.
        for key in ["a-1", "\"a-1\""] {
            let reply = ann
                .request(
                    &format!("POST /api/chat/{chat}/messages"),
                    &[("idempotency-key", key)],
                    Some(json!({ "body": "hi" })),
                )
                .await;
            assert_eq!(reply.ok(), first);
        }
        // The same key of another person is another key.
        let bobs = bob.try_post(&chat, send).await.created();
        assert_ne!(bobs["id"], first["id"]);
        assert_eq!(seqs(&page(&ann, &chat, "").await), first_seqs(2));
    })
    .await;
}

#[tokio::test]
async fn sixteen_sends_of_one_message_over_two_nodes_are_one_row() {
    with_app(async |app| {
        let (ann, _, _, chat) = three(app).await;
        let there = ann.at(&app.start_chat_server().await);
        for round in 0..3 {
            let send = json!({ "body": "once", "client_id": format!("a-{round}") });
            let sends =
                (0..16).map(|n| (if n % 2 == 0 { &ann } else { &there }).try_post(&chat, send.clone()));
            let replies = join_all(sends).await;
            let created = replies.iter().filter(|reply| reply.status == 201).count();
            assert_eq!(created, 1, "{replies:?}");
            assert!(replies.iter().all(|reply| matches!(reply.status, 200 | 201)), "{replies:?}");
            assert!(replies.iter().all(|reply| reply.body == replies[0].body));
            assert_eq!(count(app, &chat).await, round + 1);
        }
        assert_eq!(seqs(&page(&ann, &chat, "").await), first_seqs(3), "a repeated send leaves no gap");
    })
    .await;
}

#[tokio::test]
async fn the_same_key_for_another_message_is_refused() {
    with_app(async |app| {
        let (ann, _, _, chat) = three(app).await;
        let other = ann.private_channel("other", &[]).await;
        let first = ann.try_post(&chat, json!({ "body": "one", "client_id": "k" })).await.created();
        for (chat, send) in [
            (&chat, json!({ "body": "two", "client_id": "k" })),
            (&chat, json!({ "body": "one", "client_id": "k", "reply_to": first["id"] })),
            (&other, json!({ "body": "one", "client_id": "k" })),
        ] {
            ann.try_post(chat, send).await.refused(422, "idempotency_key_reused");
        }
        let reply = ann
            .request(
                &format!("POST /api/chat/{chat}/messages"),
                &[("idempotency-key", "other")],
                Some(json!({ "body": "one", "client_id": "k" })),
            )
            .await;
        reply.refused_at(422, "invalid", "Idempotency-Key");
        assert_eq!(count(app, &chat).await + count(app, &other).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_retry_is_answered_whatever_happened_to_the_message_since() {
    with_app(async |app| {
        let (ann, bob, _, chat) = three(app).await;
        let answered = bob.post(&chat, "question").await;
        let send = json!({ "body": "first", "client_id": "k", "reply_to": answered["id"] });
        let first = ann.try_post(&chat, send.clone()).await.created();
        edit(&ann, &chat, &first, "second").await.ok();
        let again = ann.try_post(&chat, send.clone()).await;
        assert_eq!(
            (again.status, &again.body["id"], &again.body["body"]),
            (200, &first["id"], &json!("second"))
        );
        // The hash of what was sent would confirm a guess of it.
        let hashes = "select count(*) from messages where request_hash is not null";
        assert_eq!(sqlx::query_scalar::<_, i64>(hashes).fetch_one(&app.db).await.unwrap(), 0);
        delete(&ann, &chat, &first).await.no_content();
        let again = ann.try_post(&chat, send.clone()).await;
        assert_eq!((again.status, &again.body["id"], &again.body["body"]), (200, &first["id"], &json!("")));
        // The message that it replied to is deleted: a new reply is refused, a repeat of the old
        // one is not.
        delete(&bob, &chat, &answered).await.no_content();
        let again = ann.try_post(&chat, send.clone()).await;
        assert_eq!((again.status, &again.body["id"]), (200, &first["id"]), "{again}");
        assert_eq!(count(app, &chat).await, 2);

        // A repeat is refused if the sender may no longer see the chat.
        let group = ann.private_channel("plans", &[&bob]).await;
        let send = json!({ "body": "hi", "client_id": "b" });
        bob.try_post(&group, send.clone()).await.created();
        ann.remove(&group, &bob).await;
        bob.try_post(&group, send).await.refused(404, "not_found");
    })
    .await;
}

#[tokio::test]
async fn sizes_are_limited_and_over_them_nothing_is_written() {
    with_app(async |app| {
        let (ann, _, _, chat) = three(app).await;
        let longest = "\u{1F600}".repeat(16_000);
        assert_eq!(ann.post(&chat, &longest).await["body"], longest.as_str());
        ann.try_post(&chat, json!({ "body": "x".repeat(16_001) })).await.refused_at(422, "invalid", "/body");
        ann.try_post(&chat, json!({ "body": "x".repeat(300_000) })).await.refused(413, "too_large");
        for (field, value) in [
            ("body", json!("")),
            ("body", json!(" \n\t ")),
            ("body", json!("a\u{0}b")),
            ("body", json!(1)),
            ("client_id", json!("")),
            ("client_id", json!("x".repeat(65))),
            ("client_id", json!("a\u{0}")),
            ("reply_to", json!("x")),
            ("colour", json!("red")),
        ] {
            let mut send = json!({ "body": "hi" });
            send[field] = value;
            ann.try_post(&chat, send).await.refused_at(422, "invalid", &format!("/{field}"));
        }
        let send = format!("POST /api/chat/{chat}/messages");
        ann.request(&send, &[("content-type", "text/plain")], None)
            .await
            .refused(415, "unsupported_media_type");
        ann.request(&send, &[("content-type", "application/json")], None).await.refused(400, "malformed");
        assert_eq!(count(app, &chat).await, 1);
    })
    .await;
}

#[tokio::test]
async fn messages_of_many_senders_are_numbered_without_gaps() {
    with_app(async |app| {
        let (ann, bob, _, chat) = three(app).await;
        let there = bob.at(&app.start_chat_server().await);
        let sends = (0..40).map(|n| {
            let sender = if n % 2 == 0 { &ann } else { &there };
            // Some are refused in between; those use no seq.
            let reply_to = if n % 8 == 3 { json!(uuid::Uuid::now_v7()) } else { Value::Null };
            sender.try_post(&chat, json!({ "body": format!("m{n}"), "reply_to": reply_to }))
        });
        let sent = join_all(sends).await.into_iter().filter(|reply| reply.status == 201).count();
        assert_eq!(sent, 35);
        assert_eq!(seqs(&page(&ann, &chat, "limit=200").await), first_seqs(35));
    })
    .await;
}

#[tokio::test]
async fn authors_edit_their_own_messages_and_nobody_else_does() {
    with_app(async |app| {
        let (ann, bob, _, chat) = three(app).await;
        let sent = bob.post(&chat, "helo").await;
        let edited = edit(&bob, &chat, &sent, "hello").await.ok();
        assert_eq!((&edited["body"], &edited["seq"]), (&json!("hello"), &json!(2)));
        assert_ne!(edited["edited_at"], Value::Null);
        assert_eq!(edit(&bob, &chat, &sent, "hello").await.ok(), edited, "the same text is no edit");
        assert_eq!(ann.listed(&chat).await["last_message"], edited);
        // Not even the owner of the channel and the workspace may.
        edit(&ann, &chat, &sent, "mine").await.refused(403, "forbidden");
        edit(&bob, &chat, &sent, " ").await.refused_at(422, "invalid", "/body");
        edit(&bob, &chat, &json!({ "id": uuid::Uuid::now_v7().to_string() }), "x")
            .await
            .refused(404, "not_found");
        delete(&bob, &chat, &sent).await.no_content();
        edit(&bob, &chat, &sent, "back").await.refused(409, "message_deleted");
        ann.remove(&chat, &bob).await;
        edit(&bob, &chat, &sent, "hello").await.refused(403, "not_a_member");
        delete(&bob, &chat, &sent).await.refused(403, "not_a_member");
    })
    .await;
}

#[tokio::test]
async fn a_deleted_message_leaves_a_mark_and_no_text() {
    with_app(async |app| {
        let (ann, bob, cid, chat) = three(app).await;
        ann.add(&chat, &[&cid]).await;
        let first = bob.post(&chat, "regret this").await;
        let second = bob.post(&chat, "and this").await;
        delete(&cid, &chat, &first).await.refused(403, "forbidden");
        delete(&bob, &chat, &first).await.no_content();
        delete(&bob, &chat, &first).await.no_content();
        // A moderator of the channel deletes messages of others.
        delete(&ann, &chat, &second).await.no_content();
        let list = page(&cid, &chat, "").await;
        // After the lines that the channel was made and Cid added.
        assert_eq!((bodies(&list), seqs(&list)), (vec![String::new(), String::new()], vec![1, 2, 3, 4]));
        assert!(
            list["items"].as_array().unwrap()[2..].iter().all(|message| message["deleted_at"].is_string())
        );
        let left: i64 = sqlx::query_scalar("select count(*) from event_log where payload like '% this%'")
            .fetch_one(&app.db)
            .await
            .unwrap();
        assert_eq!(left, 0, "the log keeps no text of deleted messages");

        // In a group no member deletes messages of others.
        let group = ann.group(&[&bob, &cid]).await;
        let sent = bob.post(&group, "mine").await;
        delete(&ann, &group, &sent).await.refused(403, "forbidden");
    })
    .await;
}

#[tokio::test]
async fn a_reply_names_a_message_of_its_chat() {
    with_app(async |app| {
        let (ann, bob, _, chat) = three(app).await;
        let other = ann.private_channel("other", &[]).await;
        let question = ann.post(&chat, "lunch?").await;
        let elsewhere = ann.post(&other, "elsewhere").await;
        let reply = bob.try_post(&chat, json!({ "body": "yes", "reply_to": question["id"] })).await.created();
        assert_eq!(reply["reply_to"], question["id"]);
        let deleted = ann.post(&chat, "oops").await;
        delete(&ann, &chat, &deleted).await.no_content();
        for target in [&elsewhere["id"], &deleted["id"], &json!(uuid::Uuid::now_v7())] {
            ann.try_post(&chat, json!({ "body": "re", "reply_to": target })).await.refused_at(
                422,
                "invalid",
                "/reply_to",
            );
        }
        assert_eq!(seqs(&page(&ann, &chat, "").await), first_seqs(3));
    })
    .await;
}

#[tokio::test]
async fn what_is_edited_and_deleted_at_once_stays_deleted() {
    with_app(async |app| {
        let (ann, bob, _, chat) = three(app).await;
        let there = bob.at(&app.start_chat_server().await);
        for round in 0..8 {
            let sent = bob.post(&chat, "helo").await;
            let (edited, deleted, again) = futures_util::join!(
                edit(&bob, &chat, &sent, "regretted"),
                delete(&ann, &chat, &sent),
                edit(&there, &chat, &sent, "regretted too"),
            );
            for reply in [edited, again] {
                assert!(matches!(reply.status, 200 | 409), "{reply}");
            }
            deleted.no_content();
            let list = page(&ann, &chat, "").await;
            assert_eq!(bodies(&list), vec![""; round + 1]);
        }
        let left: i64 = sqlx::query_scalar("select count(*) from event_log where payload like '%regretted%'")
            .fetch_one(&app.db)
            .await
            .unwrap();
        assert_eq!(left, 0, "nor does the log keep what was deleted");
    })
    .await;
}
