//! The channels in which those who join a workspace are from the start.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Actor, App, Chat, Device, app::PASSWORD, with_app};

/// The names of a person's chats, in order.
async fn names(actor: &Actor) -> Vec<String> {
    let list = actor.call("GET /api/chat").await.ok();
    let items = list["items"].as_array().unwrap();
    let mut names: Vec<_> =
        items.iter().filter_map(|item| item["chat"]["name"].as_str()).map(str::to_owned).collect();
    names.sort();
    names
}

async fn set(actor: &Actor, chat: &Chat, auto_join: bool) -> crate::support::Reply {
    actor.call_with(&format!("PATCH /api/chat/{chat}"), json!({ "auto_join": auto_join })).await
}

async fn accept(app: &App, host: &Actor, guest: &Actor) -> Actor {
    let code = host.invitation(json!({})).await;
    Actor::signed_in(app, &guest.call(&format!("POST /api/invites/{code}/accept")).await.ok())
}

#[tokio::test]
async fn a_workspace_begins_with_a_channel_that_all_who_join_are_in() {
    with_app(async |app| {
        let ann = app.sign_up_with_general("acme", "Ann").await;
        let general = ann.general().await;
        let item = ann.listed(&general).await;
        assert_eq!(
            (&item["chat"]["kind"], &item["chat"]["auto_join"]),
            (&json!("public_channel"), &json!(true))
        );
        assert_eq!((&item["chat"]["owner_id"], &item["chat"]["member_count"]), (&json!(ann.id), &json!(1)));

        // By an invitation with a new account, and with one that there is.
        let bob = app.invite(&ann, "Bob").await;
        let eve = app.sign_up_with_general("other", "Eve").await;
        let eve_here = accept(app, &ann, &eve).await;
        let code = ann.invitation(json!({})).await;
        let zoe =
            json!({ "fullname": "Zoe", "email": "eve@other.example", "password": PASSWORD, "invite": code });
        app.call_with("POST /api/signup", zoe).await.refused(409, "email_taken");
        let members = ann.call(&format!("GET /api/chat/{general}/members")).await.ok();
        let mut ids: Vec<&str> = members["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|member| member["user_id"].as_str().unwrap())
            .collect();
        ids.sort_unstable();
        let mut expected = [ann.id.as_str(), &bob.id, &eve_here.id];
        expected.sort_unstable();
        assert_eq!(ids, expected);
        for person in [&ann, &bob, &eve_here] {
            let listed = person.listed(&general).await;
            assert_eq!((&listed["chat"]["member_count"], &listed["unread_count"]), (&json!(3), &json!(0)));
        }
        bob.post(&general, "hello").await;
        // Nobody is in the channel of the other workspace.
        assert_eq!(eve.listed(&eve.general().await).await["chat"]["member_count"], 1);
        eve.call(&format!("GET /api/chat/{general}")).await.refused(404, "not_found");

        // A second workspace of an account begins with one as well, and so does one by sign-up.
        let second = ann.call_with("POST /api/workspaces", json!({ "name": "second" })).await.created();
        let there = ann.call(&format!("POST /api/workspaces/{}/token", second["id"].as_str().unwrap())).await;
        let there = Actor::signed_in(app, &there.ok());
        assert_eq!(names(&there).await, ["general"]);
        assert_eq!(there.listed(&there.general().await).await["chat"]["auto_join"], true);
    })
    .await;
}

#[tokio::test]
async fn other_channels_start_with_their_creator_until_an_admin_decides_otherwise() {
    with_app(async |app| {
        let ann = app.sign_up_with_general("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let eve = app.sign_up("other", "Eve").await;
        let news = bob.public_channel("news", &[]).await;
        assert_eq!(bob.listed(&news).await["chat"]["auto_join"], false);

        // Bob owns the channel and not the workspace.
        set(&bob, &news, true).await.refused(403, "forbidden");
        set(&eve, &news, true).await.refused(404, "not_found");
        let secret = ann.private_channel("secret", &[]).await;
        set(&ann, &secret, true).await.refused_at(422, "invalid", "/auto_join");
        assert!(!bob.listed(&news).await["may"].as_array().unwrap().contains(&json!("set_auto_join")));
        let may = ann.call(&format!("GET /api/chat/{news}")).await.ok()["may"].clone();
        assert!(may.as_array().unwrap().contains(&json!("set_auto_join")), "{may}");

        // Ann is not in the channel. Those who are there already stay as they are.
        let node = app.start_notify_server().await;
        let mut device = Device::connect_live(&bob, &node).await;
        assert_eq!(set(&ann, &news, true).await.ok()["chat"]["auto_join"], true);
        assert_eq!(names(&ann).await, ["general", "secret"]);
        let cid = app.invite(&ann, "Cid").await;
        assert_eq!(names(&cid).await, ["general", "news"]);
        ann.mark("told").await;
        device.until_mark("told").await;
        let told: Vec<&Value> = device
            .events
            .iter()
            .map(|event| &event.data)
            .filter(|data| data["chat_id"] == news.0.as_str())
            .collect();
        assert_eq!((&told[0]["type"], &told[0]["chat"]["auto_join"]), (&json!("chat.updated"), &json!(true)));
        let joined = told.iter().find(|data| data["type"] == "member.joined").unwrap();
        assert_eq!(joined["member"]["user_id"], cid.id.as_str());

        // Taken back, also from general; a deleted one is no more.
        set(&ann, &news, false).await.ok();
        let dora = app.invite(&ann, "Dora").await;
        assert_eq!(names(&dora).await, ["general"]);
        let general = ann.general().await;
        ann.call(&format!("DELETE /api/chat/{general}")).await.no_content();
        assert_eq!(names(&app.invite(&ann, "Emil").await).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_person_who_comes_back_keeps_the_chats_that_they_were_in() {
    with_app(async |app| {
        let ann = app.sign_up_with_general("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let general = ann.general().await;
        bob.call(&format!("POST /api/chat/{general}/leave")).await.no_content();
        for active in [false, true] {
            ann.call_with(&format!("PATCH /api/users/{}", bob.id), json!({ "active": active })).await.ok();
        }
        assert_eq!(names(&app.sign_in(&bob).await).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn at_most_ten_channels_have_it_also_when_two_are_chosen_at_once() {
    with_app(async |app| {
        let ann = app.sign_up_with_general("acme", "Ann").await;
        let mut channels = Vec::new();
        for n in 0..12 {
            channels.push(ann.public_channel(&format!("c{n:02}"), &[]).await);
        }
        for channel in &channels[..7] {
            set(&ann, channel, true).await.ok();
        }
        // Two places are left.
        let replies = join_all(channels[7..].iter().map(|channel| set(&ann, channel, true))).await;
        assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 2);
        for reply in replies.into_iter().filter(|reply| reply.status != 200) {
            reply.refused(409, "too_many_auto_join");
        }
        assert_eq!(names(&app.invite(&ann, "Bob").await).await.len(), 10);
        // One that has it may be told again.
        set(&ann, &channels[0], true).await.ok();
        set(&ann, &channels[0], false).await.ok();
        let rest = ann.public_channel("one more", &[]).await;
        set(&ann, &rest, true).await.ok();
    })
    .await;
}

#[tokio::test]
async fn joining_a_workspace_and_writing_in_its_channels_at_once_do_not_deadlock() {
    with_app(async |app| {
        let ann = app.sign_up_with_general("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let general = ann.general().await;
        let news = ann.public_channel("news", &[&bob]).await;
        set(&ann, &news, true).await.ok();
        let code = ann.invitation(json!({ "max_uses": 100 })).await;
        let newcomers = (0..6).map(|n| {
            app.try_sign_up(json!({
                "fullname": format!("N{n}"), "email": format!("n{n}@acme.example"), "password": PASSWORD, "invite": code,
            }))
        });
        let sends = (0..20).map(|n| {
            let chat = if n % 2 == 0 { &general } else { &news };
            bob.try_post(chat, json!({ "body": format!("m{n}") }))
        });
        let owners = join_all((0..4).map(|n| {
            let to = if n % 2 == 0 { &bob } else { &ann };
            let operation = format!("PATCH /api/chat/{news}/members/{}", to.id);
            let ann = ann.clone();
            async move { ann.call_with(&operation, json!({ "role": "owner" })).await }
        }));
        let (newcomers, sends, owners) = futures_util::join!(join_all(newcomers), join_all(sends), owners);
        for reply in newcomers.into_iter().chain(sends) {
            reply.created();
        }
        for reply in owners {
            reply.ok();
        }
        assert_eq!(ann.listed(&general).await["chat"]["member_count"], 8);
        assert_eq!(ann.listed(&news).await["chat"]["member_count"], 8);
    })
    .await;
}
