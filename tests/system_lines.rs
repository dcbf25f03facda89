//! System lines: what happens in a chat is told there, in its order, and is unread to nobody.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Actor, App, Chat, Device, actor::ids, with_app, with_app_configured};

/// The messages of a chat, oldest first.
async fn messages(actor: &Actor, chat: &Chat) -> Vec<Value> {
    let list = actor.call(&format!("GET /api/chat/{chat}/messages?limit=200")).await.ok();
    list["items"].as_array().unwrap().clone()
}

/// What the lines of a chat tell, each with its sender.
async fn lines(actor: &Actor, chat: &Chat) -> Vec<(String, Value)> {
    let all = messages(actor, chat).await;
    let lines = all.iter().filter(|message| message["kind"] == "system");
    lines.map(|line| (line["sender_id"].as_str().unwrap().to_owned(), line["system"].clone())).collect()
}

fn told(by: &Actor, what: Value) -> (String, Value) {
    (by.id.clone(), what)
}

async fn three(app: &App) -> (Actor, Actor, Actor) {
    let ann = app.sign_up("acme", "Ann").await;
    let bob = app.invite(&ann, "Bob").await;
    let cid = app.invite(&ann, "Cid").await;
    (ann, bob, cid)
}

#[tokio::test]
async fn what_happens_in_a_channel_is_told_there() {
    with_app(async |app| {
        let (ann, bob, cid) = three(app).await;
        let chat = ann.public_channel("plans", &[]).await;
        bob.call(&format!("POST /api/chat/{chat}/join")).await.ok();
        let rename = format!("PATCH /api/chat/{chat}");
        ann.call_with(&rename, json!({ "name": "new plans", "description": "at noon" })).await.ok();
        ann.add(&chat, &[&bob, &cid]).await;
        let transfer = format!("PATCH /api/chat/{chat}/members/{}", bob.id);
        ann.call_with(&transfer, json!({ "role": "owner" })).await.ok();
        bob.remove(&chat, &cid).await;
        ann.call(&format!("POST /api/chat/{chat}/leave")).await.no_content();
        let expected = [
            told(&ann, json!({ "type": "made" })),
            told(&bob, json!({ "type": "joined", "user_ids": [bob.id] })),
            told(&ann, json!({ "type": "renamed", "old_name": "plans", "new_name": "new plans" })),
            told(&ann, json!({ "type": "joined", "user_ids": [cid.id] })),
            told(&ann, json!({ "type": "ownership_passed", "from": ann.id, "to": bob.id })),
            told(&bob, json!({ "type": "left", "user_ids": [cid.id] })),
            told(&ann, json!({ "type": "left", "user_ids": [ann.id] })),
        ];
        assert_eq!(lines(&bob, &chat).await, expected);
        let all = messages(&bob, &chat).await;
        let seqs: Vec<i64> = all.iter().map(|line| line["seq"].as_i64().unwrap()).collect();
        assert_eq!(seqs, (1..=7).collect::<Vec<_>>());
        assert_eq!((&all[0]["body"], &all[0]["client_id"]), (&json!(""), &Value::Null));

        // What changes nothing, and what is refused, is not told.
        bob.call(&format!("POST /api/chat/{chat}/join")).await.ok();
        bob.call_with(&rename, json!({ "name": "new plans", "description": "at one" })).await.ok();
        bob.call_with(&rename, json!({ "description": "at two" })).await.ok();
        bob.call_with(&transfer, json!({ "role": "owner" })).await.ok();
        bob.call(&format!("POST /api/chat/{chat}/leave")).await.refused(409, "owner_must_transfer");
        bob.call(&format!("DELETE /api/chat/{chat}/members/{}", cid.id)).await.refused(404, "not_found");
        let nobody = json!({ "user_ids": [cid.id] });
        bob.call_with(&format!("DELETE /api/chat/{chat}/members"), nobody).await.no_content();
        cid.call(&format!("POST /api/chat/{chat}/leave")).await.refused(403, "not_a_member");
        bob.public_channel("taken", &[]).await;
        bob.call_with(&rename, json!({ "name": "taken" })).await.refused(409, "chat_name_taken");
        assert_eq!(lines(&bob, &chat).await, expected);
    })
    .await;
}

#[tokio::test]
async fn a_group_may_get_a_name_and_a_chat_of_two_has_no_lines() {
    with_app(async |app| {
        let (ann, bob, cid) = three(app).await;
        let group = ann.group(&[&bob, &cid]).await;
        bob.call_with(&format!("PATCH /api/chat/{group}"), json!({ "name": "lunch" })).await.ok();
        let expected = [
            told(&ann, json!({ "type": "made" })),
            told(&bob, json!({ "type": "renamed", "old_name": null, "new_name": "lunch" })),
        ];
        assert_eq!(lines(&cid, &group).await, expected);
        let single = ann.single(&bob).await;
        assert_eq!(messages(&bob, &single).await, [Value::Null; 0]);
        assert_eq!(ann.listed(&single).await["chat"]["last_seq"], 0);
    })
    .await;
}

#[tokio::test]
async fn what_somebody_owned_before_they_were_deactivated_is_told_to_be_anothers() {
    with_app(async |app| {
        let (ann, bob, cid) = three(app).await;
        let chat = bob.private_channel("plans", &[&cid]).await;
        ann.call_with(&format!("PATCH /api/users/{}", bob.id), json!({ "active": false })).await.ok();
        let line = lines(&cid, &chat).await.pop().unwrap();
        assert_eq!(line, told(&ann, json!({ "type": "ownership_passed", "from": bob.id, "to": cid.id })));
    })
    .await;
}

#[tokio::test]
async fn a_line_is_unread_to_nobody_and_brings_no_chat_up() {
    with_app(async |app| {
        let (ann, bob, cid) = three(app).await;
        let chat = ann.public_channel("plans", &[&bob]).await;
        let made = ann.listed(&chat).await;
        assert_eq!(
            (&made["last_message"]["system"]["type"], &made["unread_count"]),
            (&json!("made"), &json!(0))
        );
        let hello = ann.post(&chat, "hello").await;
        let other = ann.private_channel("other", &[&bob]).await;
        bob.post(&other, "here").await;
        cid.call(&format!("POST /api/chat/{chat}/join")).await.ok();
        bob.call(&format!("POST /api/chat/{chat}/leave")).await.no_content();
        ann.add(&chat, &[&bob]).await;
        let of = |item: &Value| (item["chat"]["last_seq"].clone(), item["chat"]["last_root_no"].clone());
        for person in [&ann, &bob, &cid] {
            let item = person.listed(&chat).await;
            assert_eq!(of(&item), (json!(5), json!(1)), "{}", person.name);
            assert_eq!((&item["last_message"]["id"], &item["unread_count"]), (&hello["id"], &json!(0)));
        }
        let sync = ann.call("GET /api/sync").await.ok();
        assert_eq!(sync["chats"]["items"][0]["chat"]["id"], other.0.as_str());
        let total = bob.call("GET /api/workspaces").await.ok();
        assert_eq!(total["items"][0]["unread"], 0);

        // A message after it is unread, once.
        ann.post(&chat, "again").await;
        cid.call(&format!("POST /api/chat/{chat}/leave")).await.no_content();
        let item = bob.listed(&chat).await;
        assert_eq!((&item["unread_count"], &item["last_message"]["body"]), (&json!(1), &json!("again")));
        // The author of a line has not read what came before it.
        bob.add(&chat, &[&cid]).await;
        assert_eq!(bob.listed(&chat).await["unread_count"], 1);
        let read = bob.mark_read(&chat, 8).await;
        assert_eq!(
            (&read["unread_count"], &read["last_seq"], &read["last_root_no"]),
            (&json!(0), &json!(8), &json!(2))
        );
    })
    .await;
}

#[tokio::test]
async fn a_line_cannot_be_edited_deleted_or_replied_to() {
    with_app(async |app| {
        let (ann, bob, _) = three(app).await;
        let chat = ann.public_channel("plans", &[&bob]).await;
        let line = messages(&ann, &chat).await[0].clone();
        let path = format!("/api/chat/{chat}/messages/{}", line["id"].as_str().unwrap());
        // Not by who did it, and not by others.
        for person in [&ann, &bob] {
            person
                .call_with(&format!("PATCH {path}"), json!({ "body": "no" }))
                .await
                .refused(409, "system_message");
            person.call(&format!("DELETE {path}")).await.refused(409, "system_message");
            let reply = json!({ "body": "why?", "reply_to": line["id"] });
            let refused = person.try_post(&chat, reply).await.refused(422, "invalid");
            assert_eq!(refused["errors"][0]["code"], "system_message");
            assert_eq!(refused["errors"][0]["pointer"], "/reply_to");
        }
        assert_eq!(messages(&ann, &chat).await, std::slice::from_ref(&line));
        assert_eq!(ann.call(&format!("GET {path}")).await.ok(), line);
        // Nor by hand.
        for sql in [
            "update messages set deleted_at = now()",
            "insert into messages (id, workspace_id, chat_id, seq, root_no, kind, sender_id, body)
             select gen_random_uuid(), workspace_id, chat_id, 2, 0, 'system', sender_id, '' from messages",
        ] {
            let failed = sqlx::raw_sql(sql).execute(&app.db).await.unwrap_err();
            let constraint = failed.as_database_error().unwrap().constraint();
            assert_eq!(constraint, Some("messages_system_line"), "{sql}");
        }
    })
    .await;
}

#[tokio::test]
async fn those_who_are_there_hear_the_line_and_then_the_change_and_the_newcomer_the_change_alone() {
    with_app(async |app| {
        let (ann, bob, cid) = three(app).await;
        let node = app.start_notify_server().await;
        let chat = ann.public_channel("plans", &[&bob]).await;
        ann.mark("begin").await;
        let mut devices = Vec::new();
        for person in [&bob, &cid] {
            devices.push(Device::connect_live(person, &node).await);
        }
        cid.call(&format!("POST /api/chat/{chat}/join")).await.ok();
        bob.call(&format!("POST /api/chat/{chat}/leave")).await.no_content();
        ann.mark("end").await;
        let mut heard = Vec::new();
        for device in &mut devices {
            device.until_mark("end").await;
            let of_chat = device.events.iter().filter(|event| event.data["chat_id"] == chat.0.as_str());
            let short = |data: &Value| {
                let seq = data["message"]["seq"].as_i64().or(data["chat"]["last_seq"].as_i64());
                (data["type"].as_str().unwrap().to_owned(), seq.unwrap())
            };
            heard.push(of_chat.map(|event| short(&event.data)).collect::<Vec<_>>());
        }
        let event = |kind: &str, seq: i64| (kind.to_owned(), seq);
        let leaves = [event("message.new", 3), event("member.left", 3)];
        let joins = [event("message.new", 2), event("member.joined", 2)];
        assert_eq!(heard[0], [joins, leaves.clone()].concat(), "Bob, who leaves");
        assert_eq!(heard[1], [vec![event("member.joined", 2)], leaves.to_vec()].concat(), "Cid, who joins");
    })
    .await;
}

#[tokio::test]
async fn lines_and_messages_that_come_at_once_have_one_order() {
    with_app(async |app| {
        let (ann, bob, cid) = three(app).await;
        let chat = ann.public_channel("plans", &[&bob]).await;
        let other = bob.public_channel("other", &[&ann]).await;
        let there = ann.at(&app.start_chat_server().await);
        let sends = (0..40).map(|n| {
            let (who, chat) = if n % 2 == 0 { (&there, &chat) } else { (&bob, &other) };
            who.try_post(chat, json!({ "body": format!("m{n}") }))
        });
        let changes = (0..12).map(|n| {
            let (cid, chat) = (cid.clone(), if n % 2 == 0 { &chat } else { &other });
            let operation = format!("POST /api/chat/{chat}/{}", if n % 3 == 2 { "leave" } else { "join" });
            async move { cid.call(&operation).await }
        });
        let (sent, others) = futures_util::join!(join_all(sends), join_all(changes));
        // A busy machine makes some wait too long for the chat, and that is all.
        assert!(
            sent.iter().chain(&others).all(|reply| reply.status < 500 || reply.status == 503),
            "{others:?}"
        );
        let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
        assert_eq!(sqlx::query_scalar::<_, i64>(deadlocks).fetch_one(&app.db).await.unwrap(), 0);
        let told: Vec<(String, i64)> = sqlx::query_as(
            "select chat_id::text, (payload::jsonb -> 'message' ->> 'seq')::bigint from event_log
             where kind = 'message.new' order by shard, id",
        )
        .fetch_all(&app.db)
        .await
        .unwrap();
        for chat in [&chat, &other] {
            let seqs: Vec<i64> = told.iter().filter(|(id, _)| *id == chat.0).map(|(_, seq)| *seq).collect();
            assert_eq!(seqs, (1..).take(seqs.len()).collect::<Vec<i64>>(), "in the log");
            let all = messages(&ann, chat).await;
            assert_eq!(all.len(), seqs.len());
            let people = all.iter().filter(|message| message["kind"] == "user").count();
            assert_eq!(ann.listed(chat).await["chat"]["last_root_no"], people);
            let unread =
                all.iter().filter(|m| m["kind"] == "user" && m["sender_id"] != ann.id.as_str()).count();
            assert!(ann.listed(chat).await["unread_count"].as_u64().unwrap() <= unread as u64);
        }
    })
    .await;
}

#[tokio::test]
async fn a_large_channel_that_all_are_in_tells_nothing_of_those_who_join() {
    with_app(async |app| {
        let ann = app.sign_up_with_general("acme", "Ann").await;
        let general = ann.general().await;
        let fill = "with people as (
                 insert into users (id, workspace_id, fullname, fullname_folded, role)
                 select gen_random_uuid(), $1::uuid, 'P', 'p', 'member' from generate_series(1, $3) returning id)
             insert into chat_members (chat_id, user_id, workspace_id, role) select $2::uuid, id, $1::uuid, 'member' from people";
        let add = async |count: i32| {
            sqlx::query(fill).bind(&ann.workspace_id).bind(&general.0).bind(count).execute(&app.db).await.unwrap();
        };
        add(199).await;
        let bob = app.invite(&ann, "Bob").await;
        assert_eq!(lines(&ann, &general).await.len(), 2, "with 200 members");
        let cid = app.invite(&ann, "Cid").await;
        bob.call(&format!("POST /api/chat/{general}/leave")).await.no_content();
        bob.call(&format!("POST /api/chat/{general}/join")).await.ok();
        let told: Vec<Value> = lines(&ann, &general).await.into_iter().map(|(_, line)| line["type"].clone()).collect();
        assert_eq!(told, ["made", "joined", "left"], "with more");
        assert_eq!(cid.listed(&general).await["chat"]["member_count"], 202);
        // Any other channel tells it.
        let news = ann.public_channel("news", &[]).await;
        let everybody = "insert into chat_members (chat_id, user_id, workspace_id, role)
                         select $1::uuid, id, workspace_id, 'member' from users on conflict do nothing";
        sqlx::query(everybody).bind(&news.0).execute(&app.db).await.unwrap();
        let dora = app.invite(&ann, "Dora").await;
        dora.call(&format!("POST /api/chat/{news}/join")).await.ok();
        assert_eq!(lines(&ann, &news).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn lines_are_no_way_around_the_limits() {
    with_app_configured(
        |config| config.limits.chat_changes_per_minute = 4,
        async |app| {
            let (ann, bob, _) = three(app).await;
            let chat = ann.public_channel("plans", &[]).await;
            for operation in ["join", "leave", "join", "leave"] {
                let reply = bob.call(&format!("POST /api/chat/{chat}/{operation}")).await;
                assert!(reply.status < 300, "{reply}");
            }
            bob.call(&format!("POST /api/chat/{chat}/join")).await.refused(429, "rate_limited");
            for n in 0..2 {
                let rename = format!("PATCH /api/chat/{chat}");
                ann.call_with(&rename, json!({ "name": format!("plans {n}") })).await.ok();
                // A description writes no line, and is told to all as a name is.
                ann.call_with(&rename, json!({ "description": format!("{n}") })).await.ok();
            }
            for (operation, body) in [
                (format!("PATCH /api/chat/{chat}"), json!({ "name": "once more" })),
                (format!("PATCH /api/chat/{chat}/members/{}", bob.id), json!({ "role": "owner" })),
                (format!("DELETE /api/chat/{chat}/members"), json!({ "user_ids": ids(&[&bob]) })),
            ] {
                ann.call_with(&operation, body).await.refused(429, "rate_limited");
            }
            // Sends have their own.
            ann.post(&chat, "still here").await;
        },
    )
    .await;
}
