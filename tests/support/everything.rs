//! The one scenario that causes every kind of event. A new kind gets its action here, and the tests
//! of the stream, the snapshot and docs/events.md then cover it.

use serde_json::json;

use super::{Actor, App};

/// Causes at least one event of each kind, with people who join and leave.
pub async fn everything_happens(app: &App, ann: &Actor, bob: &Actor, cid: &Actor) {
    let chat = ann.public_channel("general", &[bob]).await;
    let plans = bob.private_channel("plans", &[ann]).await;
    let single = ann.single(bob).await;
    ann.group(&[bob, cid]).await;
    for n in 0..5 {
        ann.post(&chat, &format!("a{n}")).await;
        bob.post(&single, &format!("b{n}")).await;
    }
    let sent = bob.post(&plans, "helo").await;
    let path = format!("/api/chat/{plans}/messages/{}", sent["id"].as_str().unwrap());
    bob.call_with(&format!("PATCH {path}"), json!({ "body": "hello" })).await.ok();
    for method in ["PUT", "DELETE", "PUT"] {
        bob.call(&format!("{method} {path}/reactions/%F0%9F%91%8D")).await.no_content();
    }
    for method in ["PUT", "DELETE", "PUT"] {
        bob.call(&format!("{method} {path}/pin")).await.no_content();
        ann.call(&format!("{method} /api/saved/{}", sent["id"].as_str().unwrap())).await.no_content();
    }
    let reply = ann.reply(&sent, "in a thread").await;
    bob.call(&format!("DELETE {path}/thread/follow")).await.no_content();
    let reply = format!("/api/chat/{plans}/messages/{}", reply["id"].as_str().unwrap());
    ann.call(&format!("DELETE {reply}")).await.no_content();
    bob.call(&format!("DELETE {path}")).await.no_content();
    bob.call_with(&format!("PATCH /api/chat/{plans}"), json!({ "name": "new plans" })).await.ok();
    cid.call(&format!("POST /api/chat/{chat}/join")).await.ok();
    cid.post(&chat, "hi all").await;
    ann.mark_read(&single, 3).await;
    ann.call_with(&format!("PATCH /api/chat/{chat}/members/{}", bob.id), json!({ "role": "owner" }))
        .await
        .ok();
    ann.remove(&chat, cid).await;
    ann.post(&chat, "he is gone").await;
    ann.call_with(&format!("PATCH /api/chat/{chat}"), json!({ "name": "everybody" })).await.ok();
    ann.add(&chat, &[cid]).await;
    cid.call(&format!("POST /api/chat/{chat}/leave")).await.no_content();
    bob.call(&format!("DELETE /api/chat/{plans}")).await.no_content();
    let zoe = app.invite(ann, "Zoe").await;
    ann.call_with(&format!("PATCH /api/users/{}", zoe.id), json!({ "active": false })).await.ok();
    ann.call_with(&format!("PATCH /api/workspaces/{}", ann.workspace_id), json!({ "name": "Acme" }))
        .await
        .ok();
    bob.call_with("PATCH /api/users/me", json!({ "fullname": "Robert" })).await.ok();
    let phone = app.sign_in(bob).await;
    bob.call(&format!("DELETE /api/sessions/{}", phone.claims().sid)).await.no_content();
}
