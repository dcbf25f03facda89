//! Threads: what is counted where, who follows, and who is refused.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Actor, Chat, Device, with_app};

fn path(message: &Value) -> String {
    let [chat, id] = ["chat_id", "id"].map(|key| message[key].as_str().unwrap());
    format!("/api/chat/{chat}/messages/{id}")
}

async fn thread(actor: &Actor, root: &Value) -> Value {
    actor.call(&format!("GET {}/thread", path(root))).await.ok()
}

fn bodies(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["body"].as_str().unwrap()).collect()
}

/// The state of a thread as its follower's snapshot has it; null if it is not there.
async fn followed(actor: &Actor, root: &Value) -> Value {
    let snapshot = actor.call("GET /api/sync").await.ok();
    let threads = snapshot["threads"]["items"].as_array().unwrap();
    threads.iter().find(|thread| thread["root_id"] == root["id"]).cloned().unwrap_or_default()
}

async fn unread(actor: &Actor, root: &Value) -> Value {
    followed(actor, root).await["unread_count"].clone()
}

#[tokio::test]
async fn replies_stand_in_their_thread_and_not_in_the_main_line() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let [bob, cid] = [app.invite(&ann, "Bob").await, app.invite(&ann, "Cid").await];
        let chat = ann.private_channel("design", &[&bob, &cid]).await;
        let root = ann.post(&chat, "lunch?").await;
        cid.mark_read(&chat, root["seq"].as_i64().unwrap()).await;
        let before = cid.listed(&chat).await;
        let first = bob.reply(&root, "yes").await;
        let told = [&first["root_id"], &first["thread_no"], &first["also_in_chat"]];
        assert_eq!(told, [&root["id"], &json!(1), &json!(false)]);
        // A reply to a reply belongs to the same thread.
        let second = ann.reply(&first, "at noon").await;
        assert_eq!((&second["root_id"], &second["thread_no"]), (&root["id"], &json!(2)));
        let after = cid.listed(&chat).await;
        for same in ["unread_count", "read_seq"] {
            assert_eq!(before[same], after[same], "{same}");
        }
        assert_eq!(before["chat"]["last_root_no"], after["chat"]["last_root_no"]);
        assert_eq!(
            after["chat"]["last_seq"].as_i64(),
            before["chat"]["last_seq"].as_i64().map(|seq| seq + 2)
        );
        // The list shows the root with its thread.
        assert_eq!(after["last_message"]["id"], root["id"]);
        let listed = cid.call(&format!("GET /api/chat/{chat}/messages")).await.ok();
        let last = listed["items"].as_array().unwrap().last().unwrap();
        assert_eq!(last["id"], root["id"]);
        assert_eq!(last["thread"]["reply_count"], 2);
        assert_eq!(last["thread"]["participants"], json!([bob.id, ann.id]));
        assert_eq!(
            (&last["thread"]["following"], &last["thread"]["unread_count"]),
            (&json!(false), &json!(0))
        );
        for message in [&root, &second] {
            let replies = thread(&cid, message).await;
            assert_eq!((bodies(&replies), &replies["root"]["id"]), (vec!["yes", "at noon"], &root["id"]));
            assert_eq!(replies["thread"], Value::Null, "never followed");
        }
        // What comes next in the main line goes on from there.
        let next = cid.post(&chat, "what?").await;
        assert_eq!(next["seq"].as_i64(), second["seq"].as_i64().map(|seq| seq + 1));
        assert_eq!(ann.listed(&chat).await["unread_count"], 1);
    })
    .await;
}

#[tokio::test]
async fn a_reply_that_is_also_sent_to_the_chat_is_unread_there() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let chat = ann.private_channel("design", &[&bob]).await;
        let root = ann.post(&chat, "lunch?").await;
        ann.reply(&root, "in the thread").await;
        let reply = json!({ "body": "for all", "also_in_chat": true });
        let shown = bob.try_reply(&root, reply).await.created();
        let listed = ann.listed(&chat).await;
        assert_eq!((&listed["unread_count"], &listed["last_message"]["id"]), (&json!(1), &shown["id"]));
        // To write in the main line is to have read it.
        assert_eq!(bob.listed(&chat).await["unread_count"], 0);
        let page = ann.call(&format!("GET /api/chat/{chat}/messages?after={}", root["seq"])).await.ok();
        assert_eq!(bodies(&page), ["for all"]);
        assert_eq!(bodies(&thread(&ann, &root).await), ["in the thread", "for all"]);
        bob.call(&format!("DELETE {}", path(&shown))).await.no_content();
        assert_eq!(ann.listed(&chat).await["unread_count"], 0);
        assert_eq!(unread(&ann, &root).await, 0);
    })
    .await;
}

#[tokio::test]
async fn who_writes_follows_and_unread_counts_are_those_of_a_recount() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let [bob, cid] = [app.invite(&ann, "Bob").await, app.invite(&ann, "Cid").await];
        let chat = ann.private_channel("design", &[&bob, &cid]).await;
        let root = ann.post(&chat, "lunch?").await;
        let mut replies = Vec::new();
        for n in 0..5 {
            replies.push(bob.reply(&root, &format!("b{n}")).await);
        }
        assert_eq!([unread(&ann, &root).await, unread(&bob, &root).await], [json!(5), json!(0)]);
        assert_eq!(followed(&cid, &root).await, Value::Null);
        // Deleted ones are unread to nobody; so much is read.
        bob.call(&format!("DELETE {}", path(&replies[3]))).await.no_content();
        assert_eq!(unread(&ann, &root).await, 4);
        let read = json!({ "thread_no": 2 });
        let state = ann.call_with(&format!("POST {}/thread/read", path(&root)), read.clone()).await.ok();
        assert_eq!((&state["read_no"], &state["unread_count"]), (&json!(2), &json!(2)));
        assert_eq!(state, followed(&ann, &root).await);
        let back = json!({ "thread_no": 1 });
        let state = ann.call_with(&format!("POST {}/thread/read", path(&root)), back).await.ok();
        assert_eq!(state["read_no"], 2, "never back");
        // Nobody reads for others.
        let none = cid.call_with(&format!("POST {}/thread/read", path(&root)), read).await.ok();
        assert_eq!(none, Value::Null);
        // Who asks to follow has read what is there.
        cid.call(&format!("PUT {}/thread/follow", path(&replies[0]))).await.no_content();
        bob.reply(&root, "more").await;
        assert_eq!(unread(&cid, &root).await, 1);
        let all = cid.call("GET /api/threads?unread=true").await.ok();
        assert_eq!(all["items"][0]["last_reply"]["body"], "more");
        assert_eq!(all["items"][0]["root"]["thread"]["unread_count"], 1);
        cid.call(&format!("DELETE {}/thread/follow", path(&root))).await.no_content();
        bob.reply(&root, "and more").await;
        assert_eq!(followed(&cid, &root).await, Value::Null);
        assert_eq!(cid.call("GET /api/threads").await.ok()["items"], json!([]));
        // A reply follows again, with all read.
        cid.reply(&root, "me too").await;
        assert_eq!(unread(&cid, &root).await, 0);
        // Who leaves the chat leaves its threads, for good.
        cid.call(&format!("POST /api/chat/{chat}/leave")).await.no_content();
        ann.add(&chat, &[&cid]).await;
        bob.reply(&root, "still here").await;
        assert_eq!(followed(&cid, &root).await, Value::Null);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_root_keeps_its_thread_and_takes_no_reply() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let chat = ann.private_channel("design", &[&bob]).await;
        let root = ann.post(&chat, "lunch?").await;
        let reply = json!({ "body": "yes", "client_id": "once" });
        let first = bob.try_reply(&root, reply.clone()).await.created();
        ann.call(&format!("DELETE {}", path(&root))).await.no_content();
        let list = thread(&bob, &root).await;
        assert_eq!((bodies(&list), &list["root"]["body"]), (vec!["yes"], &json!("")));
        assert_eq!(list["root"]["thread"]["reply_count"], 1);
        let refused = bob.try_reply(&root, json!({ "body": "too late" })).await;
        assert_eq!((refused.status, &refused.body["code"]), (409, &json!("message_deleted")));
        // The same send again is the same reply.
        let again = bob.try_reply(&root, reply).await;
        assert_eq!((again.status, &again.body["id"]), (200, &first["id"]));
        let another = json!({ "body": "yes", "client_id": "once", "also_in_chat": true });
        assert_eq!(bob.try_reply(&root, another).await.body["code"], "idempotency_key_reused");
    })
    .await;
}

#[tokio::test]
async fn what_is_no_message_of_the_chat_has_no_thread() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let [bob, eve] = [app.invite(&ann, "Bob").await, app.sign_up("evil", "Eve").await];
        let chat = ann.private_channel("design", &[&bob]).await;
        let root = ann.post(&chat, "lunch?").await;
        let theirs = eve.private_channel("hers", &[]).await;
        let hers = eve.post(&theirs, "mine").await;
        let crossed = json!({ "chat_id": chat.0, "id": hers["id"] });
        let into = json!({ "chat_id": theirs.0, "id": root["id"] });
        for (actor, message, status) in [(&ann, &crossed, 404), (&eve, &into, 404), (&eve, &root, 404)] {
            assert_eq!(actor.try_reply(message, json!({ "body": "x" })).await.status, status);
            assert_eq!(actor.call(&format!("GET {}/thread", path(message))).await.status, status);
            assert_eq!(actor.call(&format!("PUT {}/thread/follow", path(message))).await.status, status);
        }
        let listed = ann.call(&format!("GET /api/chat/{chat}/messages")).await.ok();
        let line = &listed["items"][0];
        assert_eq!(line["kind"], "system");
        let refused = ann.try_reply(line, json!({ "body": "x" })).await;
        assert_eq!((refused.status, &refused.body["code"]), (409, &json!("system_message")));
        assert_eq!(
            ann.call(&format!("PUT {}/thread/follow", path(&root))).await.status,
            404,
            "no thread yet"
        );
        assert_eq!(thread(&ann, &root).await["items"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn the_list_of_threads_ends_where_its_texts_are_long_and_goes_on_from_there() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let chat = ann.private_channel("design", &[]).await;
        let long = "\u{1F600}".repeat(8000);
        let mut roots = Vec::new();
        for _ in 0..20 {
            let root = ann.post(&chat, &long).await;
            ann.reply(&root, &long).await;
            roots.insert(0, root["id"].clone());
        }
        let (mut listed, mut pages, mut after) = (Vec::new(), 0, String::new());
        loop {
            let page = ann.call(&format!("GET /api/threads?limit=200{after}")).await.ok();
            assert!(page.to_string().len() < 1024 * 1024);
            listed.extend(page["items"].as_array().unwrap().iter().map(|item| item["root"]["id"].clone()));
            pages += 1;
            if page["has_more"] == false {
                break;
            }
            after = format!("&after={}", listed.last().unwrap().as_str().unwrap());
        }
        assert_eq!((listed, pages), (roots, 3));
    })
    .await;
}

#[tokio::test]
async fn no_thread_written_by_hand_crosses_a_wall() {
    with_app(async |app| {
        let [ann, eve] = [app.sign_up("acme", "Ann").await, app.sign_up("evil", "Eve").await];
        let [chat, theirs] = [ann.private_channel("one", &[]).await, eve.private_channel("two", &[]).await];
        let root = ann.post(&chat, "lunch?").await;
        let reply = ann.reply(&root, "yes").await;
        let insert = "insert into threads (root_id, workspace_id, chat_id, last_no, last_reply_at, participants)
            select $1::uuid, c.workspace_id, c.id, 1, now(), '{}' from chats c where c.id = $2::uuid";
        for (of, to) in [(&root, &theirs), (&reply, &chat)] {
            let id = of["id"].as_str().unwrap();
            let refused = sqlx::query(insert).bind(id).bind(&to.0).execute(&app.db).await.unwrap_err();
            assert!(refused.to_string().contains("a message of its chat that is no reply"), "{refused}");
        }
        // Who is no member of the chat follows nothing there.
        let follow = "insert into thread_members (root_id, user_id, chat_id, workspace_id, following, read_no)
            select t.root_id, $2::uuid, t.chat_id, t.workspace_id, true, 0 from threads t where t.root_id = $1::uuid";
        let id = root["id"].as_str().unwrap();
        let refused = sqlx::query(follow).bind(id).bind(&eve.id).execute(&app.db).await.unwrap_err();
        assert!(refused.to_string().contains("foreign key"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn replies_that_come_at_once_are_numbered_without_gaps() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let chat: Chat = ann.private_channel("design", &[&bob]).await;
        let roots = [ann.post(&chat, "one").await, ann.post(&chat, "two").await];
        let node = app.start_notify_server().await;
        let mut device = Device::connect(&bob, &node).await;
        let sends = (0..60).map(|n| {
            let (actor, root) = ([&ann, &bob][n % 2], &roots[n / 2 % 2]);
            let chat = &chat;
            async move {
                match n % 3 {
                    0 => actor.post(chat, "in the main line").await,
                    1 => actor.reply(root, "in a thread").await,
                    _ => {
                        let reply = json!({ "body": "in both", "also_in_chat": true });
                        actor.try_reply(root, reply).await.created()
                    }
                }
            }
        });
        let sent = join_all(sends).await;
        let recount = "select (select count(*) from messages m join chats c on c.id = m.chat_id
                where m.kind = 'user' and (m.root_id is null or m.also_in_chat)
                  and m.root_no <> (select count(*) from messages b where b.chat_id = m.chat_id and b.seq <= m.seq
                                    and b.kind = 'user' and (b.root_id is null or b.also_in_chat)))
            + (select count(*) from messages m where m.root_id is not null
                  and m.thread_no <> (select count(*) from messages b where b.root_id = m.root_id and b.seq <= m.seq))
            + (select count(*) from threads t where t.last_no <> (select count(*) from messages m where m.root_id = t.root_id))
            + (select count(*) from chats c where c.last_root_no <> (select count(*) from messages m where m.chat_id = c.id
                  and m.kind = 'user' and (m.root_id is null or m.also_in_chat)))
            + (select count(*) from messages m where m.root_id is not null and not m.also_in_chat and m.shown_seq is distinct from (
                  select max(b.seq) from messages b where b.chat_id = m.chat_id and b.seq < m.seq
                  and b.kind = 'user' and (b.root_id is null or b.also_in_chat)))";
        let wrong: i64 = sqlx::query_scalar(recount).fetch_one(&app.db).await.unwrap();
        assert_eq!(wrong, 0);
        // Each arrives, in the order of the chat, with the thread as it then was.
        for _ in 0..sent.len() {
            device.next_event().await;
        }
        let seqs: Vec<_> = device.events.iter().map(|event| event.data["message"]["seq"].as_i64()).collect();
        assert!(seqs.is_sorted());
        for event in device.events.iter().filter(|event| event.data["message"].get("root_id").is_some()) {
            let thread = &event.data["thread"];
            assert_eq!(thread["root_id"], event.data["message"]["root_id"]);
            assert!(thread["last_no"].as_i64() >= event.data["message"]["thread_no"].as_i64());
        }
    })
    .await;
}

#[tokio::test]
async fn a_thread_is_read_page_by_page() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let chat = ann.private_channel("design", &[]).await;
        let root = ann.post(&chat, "lunch?").await;
        for n in 1..=7 {
            ann.reply(&root, &n.to_string()).await;
            ann.post(&chat, "between").await;
        }
        for (query, expected, more) in [
            ("limit=3", vec!["5", "6", "7"], (true, false)),
            ("before=5&limit=3", vec!["2", "3", "4"], (true, true)),
            ("before=2&limit=3", vec!["1"], (false, true)),
            ("after=5&limit=3", vec!["6", "7"], (true, false)),
            ("around=4&limit=3", vec!["3", "4", "5"], (true, true)),
        ] {
            let list = ann.call(&format!("GET {}/thread?{query}", path(&root))).await.ok();
            assert_eq!(bodies(&list), expected, "{query}");
            let found = (&list["has_more_before"], &list["has_more_after"]);
            assert_eq!(found, (&json!(more.0), &json!(more.1)), "{query}");
        }
        for query in ["before=1&after=1", "before=-1", "limit=0", "limit=201"] {
            assert_eq!(ann.call(&format!("GET {}/thread?{query}", path(&root))).await.status, 422, "{query}");
        }
    })
    .await;
}
