//! Chat lists and tokens are cached by each node and are right on every node.

use std::time::{SystemTime, UNIX_EPOCH};

use chat_core::token::{Claims, Purpose};
use serde_json::{Value, json};

use crate::support::{Actor, App, Chat, Node, Reply, eventually, raw::Raw, with_app};

async fn on_two_nodes(app: &App) -> (Actor, Actor, Node) {
    let ann = app.sign_up("acme", "Ann").await;
    let bob = app.invite(&ann, "Bob").await;
    let second = app.start_chat_server().await;
    // The caches are used once the tail of the log is followed.
    for node in [&app.chat, &second] {
        eventually(async || {
            let reply = ann.at(node).call("GET /health/ready").await;
            if reply.status == 200 { Ok(()) } else { Err(reply.to_string()) }
        })
        .await;
    }
    (ann, bob, second)
}

/// Waits until a person's list on their node shows the expected state.
async fn list_shows(actor: &Actor, chat: &Chat, what: &str, is: impl Fn(&Value) -> bool) {
    eventually(async || {
        let item = actor.listed(chat).await;
        if is(&item) { Ok(()) } else { Err(format!("{what}: {item}")) }
    })
    .await;
}

#[tokio::test]
async fn what_one_node_writes_the_other_shows() {
    with_app(async |app| {
        let (ann, bob, second) = on_two_nodes(app).await;
        let there = bob.at(&second);
        assert_eq!(there.call("GET /api/chat").await.ok()["items"], json!([]));

        let chat = ann.public_channel("general", &[&bob]).await;
        list_shows(&there, &chat, "created", |item| item["chat"]["name"] == "general").await;
        let sent = ann.post(&chat, "helo").await;
        list_shows(&there, &chat, "message", |item| {
            item["last_message"] == sent && item["unread_count"] == 1
        })
        .await;
        let path = format!("/api/chat/{chat}/messages/{}", sent["id"].as_str().unwrap());
        let edited = ann.call_with(&format!("PATCH {path}"), json!({ "body": "hello" })).await.ok();
        list_shows(&there, &chat, "edit", |item| item["last_message"] == edited).await;
        ann.call(&format!("DELETE {path}")).await.no_content();
        list_shows(&there, &chat, "deletion", |item| {
            item["last_message"]["body"] == "" && item["unread_count"] == 0
        })
        .await;
        ann.post(&chat, "again").await;
        // Bob's other device, at the first node.
        bob.mark_read(&chat, 3).await;
        list_shows(&there, &chat, "read position", |item| item["unread_count"] == 0).await;
        ann.call_with(&format!("PATCH /api/chat/{chat}"), json!({ "name": "town hall" })).await.ok();
        list_shows(&there, &chat, "rename", |item| item["chat"]["name"] == "town hall").await;
        ann.call_with(&format!("PATCH /api/chat/{chat}/members/{}", bob.id), json!({ "role": "owner" }))
            .await
            .ok();
        list_shows(&there, &chat, "transfer", |item| item["member"]["role"] == "owner").await;
        let cid = app.invite(&ann, "Cid").await;
        cid.call(&format!("POST /api/chat/{chat}/join")).await.ok();
        list_shows(&there, &chat, "join", |item| item["chat"]["member_count"] == 3).await;
        bob.call_with(&format!("PATCH /api/chat/{chat}/members/{}", ann.id), json!({ "role": "owner" }))
            .await
            .ok();
        ann.remove(&chat, &bob).await;
        list_shows(&there, &chat, "removal", Value::is_null).await;
        ann.add(&chat, &[&bob]).await;
        list_shows(&there, &chat, "addition", Value::is_object).await;
        ann.call(&format!("DELETE /api/chat/{chat}")).await.no_content();
        list_shows(&there, &chat, "chat deletion", Value::is_null).await;
    })
    .await;
}

#[tokio::test]
async fn on_one_node_everyone_reads_what_was_written_at_once() {
    with_app(async |app| {
        let (ann, bob, _) = on_two_nodes(app).await;
        let chat = ann.public_channel("general", &[&bob]).await;
        for n in 1..=30 {
            let (writer, reader) = if n % 2 == 0 { (&ann, &bob) } else { (&bob, &ann) };
            let sent = writer.post(&chat, &format!("m{n}")).await;
            for actor in [writer, reader] {
                assert_eq!(actor.listed(&chat).await["last_message"], sent);
            }
            assert_eq!(writer.listed(&chat).await["unread_count"], 0);
            let unread = reader.listed(&chat).await;
            assert_eq!(unread["unread_count"], 1, "{unread}");
            // The line that the channel was made comes first.
            reader.mark_read(&chat, n + 1).await;
            assert_eq!(reader.listed(&chat).await["unread_count"], 0);
        }
        let name = json!({ "name": "town hall" });
        ann.call_with(&format!("PATCH /api/chat/{chat}"), name).await.ok();
        assert_eq!(bob.listed(&chat).await["chat"]["name"], "town hall");
        ann.remove(&chat, &bob).await;
        assert_eq!(bob.listed(&chat).await, Value::Null);
        assert_eq!(ann.listed(&chat).await["chat"]["member_count"], 1);
        bob.call(&format!("POST /api/chat/{chat}/join")).await.ok();
        assert_eq!(ann.listed(&chat).await["chat"]["member_count"], 2);
        ann.call(&format!("DELETE /api/chat/{chat}")).await.no_content();
        assert_eq!(bob.listed(&chat).await, Value::Null);
    })
    .await;
}

#[tokio::test]
async fn a_role_or_a_session_taken_away_is_gone_on_every_node() {
    with_app(async |app| {
        let (ann, bob, second) = on_two_nodes(app).await;
        let refused = async |actor: &Actor, operation: &str, status: u16| {
            eventually(async || {
                let reply = actor.call(operation).await;
                if reply.status == status { Ok(()) } else { Err(reply.to_string()) }
            })
            .await;
        };
        let there = bob.at(&second);
        ann.call_with(&format!("PATCH /api/users/{}", bob.id), json!({ "role": "admin" })).await.ok();
        refused(&there, "GET /api/invites", 200).await;
        ann.call_with(&format!("PATCH /api/users/{}", bob.id), json!({ "role": "member" })).await.ok();
        refused(&there, "GET /api/invites", 403).await;

        let phone = app.sign_in(&bob).await.at(&second);
        phone.call("GET /api/users/me").await.ok();
        bob.call(&format!("DELETE /api/sessions/{}", phone.claims().sid)).await.no_content();
        refused(&phone, "GET /api/users/me", 401).await;
        there.call("GET /api/users/me").await.ok();
        ann.call_with(&format!("PATCH /api/users/{}", bob.id), json!({ "active": false })).await.ok();
        refused(&there, "GET /api/users/me", 401).await;
    })
    .await;
}

#[tokio::test]
async fn over_one_connection_each_token_counts_for_itself_and_while_it_is_good() {
    with_app(async |app| {
        let (ann, bob, other) = on_two_nodes(app).await;
        let eve = app.sign_up("other", "Eve").await;
        let mut raw = Raw::connect(&app.chat).await;
        let mut me = async |token: &str| raw.call("GET /api/users/me", token).await;
        for who in [&ann, &ann, &eve, &ann, &eve, &eve] {
            let reply = me(&who.token).await;
            assert!(reply.status == 200 && reply.body.contains(&who.id), "{reply:?}");
            // The same token but for its last letters, which belong to the signature.
            me(&format!("{}AAAA", &who.token[..who.token.len() - 4])).await.refused(401, "unauthenticated");
        }
        for elsewhere in [false, true] {
            let phone = app.sign_in(&ann).await;
            for _ in 0..3 {
                assert_eq!(me(&phone.token).await.status, 200);
            }
            let node = if elsewhere { &other } else { &app.chat };
            ann.at(node).call(&format!("DELETE /api/sessions/{}", phone.claims().sid)).await.no_content();
            if elsewhere {
                // Until the event has reached this node.
                eventually(async || match me(&phone.token).await.status {
                    401 => Ok(()),
                    status => Err(format!("still {status}")),
                })
                .await;
            }
            me(&phone.token).await.refused(401, "session_over");
            assert_eq!(me(&ann.token).await.status, 200);
        }
        assert_eq!(me(&bob.token).await.status, 200);
        ann.call_with(&format!("PATCH /api/users/{}", bob.id), json!({ "active": false })).await.ok();
        me(&bob.token).await.refused(401, "session_over");

        let soon = ann.claims().exp.min(now() + 1);
        let short = app.sign(Claims { exp: soon, ..ann.claims() }, Purpose::Access);
        assert_eq!(me(&short).await.status, 200);
        eventually(async || match me(&short).await {
            reply if reply.status == 401 => Ok(reply),
            reply => Err(format!("still {}", reply.status)),
        })
        .await
        .refused(401, "token_expired");
    })
    .await;
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Asks for a list again with its tag. Returns the list, or None if it has not changed.
async fn again(actor: &Actor, path: &str, tag: &str) -> Option<Value> {
    let reply = actor.request(&format!("GET {path}"), &[("if-none-match", tag)], None).await;
    assert_eq!(reply.header("cache-control"), Some("private, no-cache"), "{reply:?}");
    assert!(reply.header("vary").is_some_and(|vary| vary.contains("authorization")), "{reply:?}");
    let shown = tag.contains(reply.header("etag").unwrap());
    if reply.status == 304 {
        assert!(shown && reply.body.is_null(), "{reply:?}");
        return None;
    }
    assert!(!shown, "{reply:?}");
    Some(reply.ok())
}

async fn tag_of(actor: &Actor, path: &str) -> String {
    let reply = actor.call(&format!("GET {path}")).await;
    let tag = reply.header("etag").unwrap_or_else(|| panic!("{reply:?}")).to_owned();
    reply.ok();
    tag
}

#[tokio::test]
async fn a_list_that_is_still_the_same_is_not_sent_again() {
    with_app(async |app| {
        let (ann, bob, second) = on_two_nodes(app).await;
        let chat = ann.public_channel("general", &[&bob]).await;
        ann.public_channel("another", &[]).await;
        let members = format!("/api/chat/{chat}/members");
        for path in ["/api/chat", "/api/chat?limit=1", "/api/channels", "/api/users", &members] {
            let tag = tag_of(&bob, path).await;
            assert_eq!(again(&bob, path, &tag).await, None);
            assert_eq!(again(&bob, path, &format!("\"other\", {tag}")).await, None);
            assert_eq!(tag_of(&bob, path).await, tag, "and whole for who does not ask so");
            assert!(again(&bob, path, "\"other\"").await.is_some());
            // The tag gives no access.
            let stranger = app.sign_up(&format!("other{}", path.len()), "Eve").await;
            let theirs = stranger.request(&format!("GET {path}"), &[("if-none-match", &tag)], None).await;
            assert_ne!(theirs.status, 304, "{path}: {theirs}");
            let nobody = app.call(&format!("GET {path}")).await;
            nobody.refused(401, "unauthenticated");
        }
        // Both nodes give the same response the same tag.
        let there = bob.at(&second);
        list_shows(&there, &chat, "created", Value::is_object).await;
        let tag = tag_of(&bob, "/api/chat").await;
        assert_eq!(again(&there, "/api/chat", &tag).await, None);

        // The tag changes with everything that the list shows: a message, a read position, a name,
        // the members.
        let mut tag = tag;
        let mut changed = async |what: &str| {
            assert!(again(&bob, "/api/chat", &tag).await.is_some(), "{what}");
            tag = tag_of(&bob, "/api/chat").await;
        };
        ann.post(&chat, "hello").await;
        changed("message").await;
        bob.mark_read(&chat, 2).await;
        changed("read").await;
        ann.call_with(&format!("PATCH /api/chat/{chat}"), json!({ "name": "town hall" })).await.ok();
        changed("name").await;
        let cid = app.invite(&ann, "Cid").await;
        ann.add(&chat, &[&cid]).await;
        changed("member").await;
        ann.remove(&chat, &bob).await;
        changed("removal").await;
    })
    .await;
}

#[tokio::test]
async fn the_document_of_the_interface_is_sent_once() {
    with_app(async |app| {
        let first = app.call("GET /api/openapi.json").await;
        let tag = first.header("etag").unwrap().to_owned();
        assert_eq!(first.header("cache-control"), Some("public, no-cache"));
        let asked =
            app.client.get(format!("{}/api/openapi.json", app.chat.url)).header("if-none-match", &tag);
        let again = Reply::of("openapi.json again", asked).await;
        assert_eq!((again.status, &again.body), (304, &Value::Null));
    })
    .await;
}

#[tokio::test]
async fn rows_written_by_anyone_are_shown() {
    with_app(async |app| {
        let (ann, bob, second) = on_two_nodes(app).await;
        let chat = ann.public_channel("general", &[&bob]).await;
        let there = bob.at(&second);
        list_shows(&there, &chat, "created", Value::is_object).await;
        sqlx::query("update chats set name = 'by hand' where id = $1")
            .bind(chat.0.parse::<uuid::Uuid>().unwrap())
            .execute(&app.db)
            .await
            .unwrap();
        for actor in [&there, &bob] {
            list_shows(actor, &chat, "rename by hand", |item| item["chat"]["name"] == "by hand").await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_node_whose_tail_was_cut_off_does_not_show_what_is_stale() {
    with_app(async |app| {
        let (ann, bob, second) = on_two_nodes(app).await;
        let chat = ann.public_channel("general", &[&bob]).await;
        let there = bob.at(&second);
        for round in 0..3 {
            list_shows(&there, &chat, "before", Value::is_object).await;
            // Ends every backend of the database but ours: pools, listeners and doorbells must
            // reconnect.
            sqlx::query(
                "select pg_terminate_backend(pid) from pg_stat_activity
                 where datname = current_database() and pid <> pg_backend_pid()",
            )
            .execute(&app.db)
            .await
            .unwrap();
            let sent = eventually(async || {
                let body = json!({ "body": format!("m{round}"), "client_id": format!("r{round}") });
                let reply = ann.try_post(&chat, body).await;
                if reply.status < 300 { Ok(reply.body) } else { Err(reply.to_string()) }
            })
            .await;
            eventually(async || {
                let reply = there.call("GET /api/chat").await;
                let shown = &reply.body["items"][0]["last_message"];
                if *shown == sent { Ok(()) } else { Err(reply.to_string()) }
            })
            .await;
        }
    })
    .await;
}
