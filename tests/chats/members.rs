//! The members of a chat: joining, leaving, ownership.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{four, member_ids, transfer};
use crate::support::{actor::ids, with_app};

#[tokio::test]
async fn adding_people_twice_or_nobody() {
    with_app(async |app| {
        let (ann, bob, cid, _) = four(app).await;
        let chat = ann.private_channel("plans", &[&bob]).await;
        let add = format!("POST /api/chat/{chat}/members");
        let added = ann.call_with(&add, json!({ "user_ids": ids(&[&bob, &cid, &cid]) })).await.ok();
        assert_eq!(added["items"].as_array().unwrap().len(), 1, "{added}");
        assert_eq!(added["items"][0]["user_id"], cid.id.as_str());
        ann.call_with(&add, json!({ "user_ids": [] })).await.refused_at(422, "invalid", "/user_ids");
        ann.call_with(&add, json!({ "user_ids": [uuid::Uuid::now_v7()] })).await.refused_at(
            422,
            "unknown_user",
            "/user_ids",
        );
        assert_eq!(ann.listed(&chat).await["chat"]["member_count"], 3);
    })
    .await;
}

#[tokio::test]
async fn removing_people_one_or_many() {
    with_app(async |app| {
        let (ann, bob, cid, dora) = four(app).await;
        let chat = ann.private_channel("plans", &[&bob, &cid, &dora]).await;
        let many = format!("DELETE /api/chat/{chat}/members");
        ann.call_with(&many, json!({ "user_ids": ids(&[&bob, &cid]) })).await.no_content();
        ann.call_with(&many, json!({ "user_ids": ids(&[&bob]) })).await.no_content();
        ann.call(&format!("{many}/{}", bob.id)).await.refused(404, "not_found");
        ann.call_with(&many, json!({ "user_ids": ids(&[&dora, &ann]) })).await.refused(409, "owner_stays");
        ann.call(&format!("{many}/{}", ann.id)).await.refused(409, "owner_stays");
        assert_eq!(member_ids(&ann, &chat).await, ids(&[&ann, &dora]), "refused as a whole");
        bob.try_post(&chat, json!({ "body": "hi" })).await.refused(404, "not_found");
        assert_eq!(bob.listed(&chat).await, Value::Null);
    })
    .await;
}

#[tokio::test]
async fn an_owner_leaves_after_handing_over() {
    with_app(async |app| {
        let (ann, bob, cid, _) = four(app).await;
        let chat = bob.private_channel("plans", &[&cid]).await;
        bob.call(&format!("POST /api/chat/{chat}/leave")).await.refused(409, "owner_must_transfer");
        transfer(&cid, &chat, &cid).await.refused(403, "forbidden");
        transfer(&bob, &chat, &ann).await.refused(404, "not_found");
        bob.call_with(&format!("PATCH /api/chat/{chat}/members/{}", cid.id), json!({ "role": "member" }))
            .await
            .refused_at(422, "invalid", "/role");

        assert_eq!(transfer(&bob, &chat, &cid).await.ok()["role"], "owner");
        assert_eq!(transfer(&cid, &chat, &cid).await.ok()["role"], "owner", "again changes nothing");
        assert_eq!(bob.listed(&chat).await["member"]["role"], "member");
        assert_eq!(bob.listed(&chat).await["chat"]["owner_id"], cid.id.as_str());
        transfer(&bob, &chat, &bob).await.refused(403, "forbidden");
        bob.call(&format!("POST /api/chat/{chat}/leave")).await.no_content();
        bob.call(&format!("POST /api/chat/{chat}/leave")).await.refused(404, "not_found");
        assert_eq!(member_ids(&cid, &chat).await, [cid.id.as_str()]);
    })
    .await;
}

#[tokio::test]
async fn two_transfers_at_once_leave_one_owner() {
    with_app(async |app| {
        let (ann, bob, cid, dora) = four(app).await;
        let chat = ann.public_channel("general", &[&bob, &cid, &dora]).await;
        for _ in 0..3 {
            // Ann may always do it: she owns the workspace.
            let replies = join_all([&bob, &cid, &dora].map(|to| transfer(&ann, &chat, to))).await;
            assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
            let page = ann.call(&format!("GET /api/chat/{chat}/members")).await.ok();
            let owners = page["items"].as_array().unwrap().iter().filter(|m| m["role"] == "owner").count();
            assert_eq!(owners, 1);
        }
    })
    .await;
}

#[tokio::test]
async fn a_group_is_not_cut_down_below_three_by_two_at_once() {
    with_app(async |app| {
        let (ann, bob, cid, dora) = four(app).await;
        for _ in 0..4 {
            let chat = ann.group(&[&bob, &cid, &dora]).await;
            let removals = [&bob, &cid, &dora].map(|actor| {
                let operation = format!("DELETE /api/chat/{chat}/members/{}", actor.id);
                async { ann.call(&{ operation }).await }
            });
            let replies = join_all(removals).await;
            let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
            statuses.sort_unstable();
            assert_eq!(statuses, [204, 409, 409]);
            assert_eq!(ann.listed(&chat).await["chat"]["member_count"], 3);
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_is_given_a_chat_while_leaving_it_either_owns_it_or_is_gone() {
    with_app(async |app| {
        let (ann, bob, cid, _) = four(app).await;
        for _ in 0..6 {
            let chat = bob.group(&[&ann, &cid]).await;
            let leave = format!("POST /api/chat/{chat}/leave");
            let (given, left) = futures_util::join!(transfer(&bob, &chat, &cid), cid.call(&leave));
            match (given.status, left.status) {
                (200, 409) => assert_eq!(cid.listed(&chat).await["chat"]["owner_id"], cid.id.as_str()),
                (404, 204) => assert_eq!(bob.listed(&chat).await["chat"]["owner_id"], bob.id.as_str()),
                _ => panic!("{given} {left}"),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_send_that_races_with_the_sender_s_removal_comes_before_it_or_not_at_all() {
    with_app(async |app| {
        let (ann, bob, ..) = four(app).await;
        let there = bob.at(&app.start_chat_server().await);
        let chat = ann.private_channel("plans", &[]).await;
        for _ in 0..10 {
            ann.add(&chat, &[&bob]).await;
            let sends = join_all((0..6).map(|_| there.try_post(&chat, json!({ "body": "last words" }))));
            let (replies, ()) = futures_util::join!(sends, ann.remove(&chat, &bob));
            for reply in replies {
                assert!(matches!(reply.status, 201 | 404), "{reply}");
            }
        }
        let kinds: Vec<(String, bool)> = sqlx::query_as(
            "select kind, user_id = $2 from event_log where chat_id = $1 and kind <> 'chat.created' order by id",
        )
        .bind(chat.0.parse::<uuid::Uuid>().unwrap())
        .bind(bob.id.parse::<uuid::Uuid>().unwrap())
        .fetch_all(&app.db)
        .await
        .unwrap();
        let mut is_member = false;
        for (kind, about_bob) in kinds {
            match kind.as_str() {
                "member.joined" if about_bob => is_member = true,
                "member.left" if about_bob => is_member = false,
                "message.new" if about_bob => assert!(is_member, "said after the removal"),
                _ => {}
            }
        }
    })
    .await;
}
