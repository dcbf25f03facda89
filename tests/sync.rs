//! A snapshot and the events after it give the next snapshot, for any actions, on every device,
//! live or resumed.

use std::{cmp::Reverse, collections::BTreeSet};

use chaos::fold::State;
use chat_core::EventKind;
use chat_core::event::MayChange;
use futures_util::future::join_all;
use rand::{Rng, RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::{Value, json};

use crate::support::{Actor, App, Chat, Device, Node, Reply, everything_happens, with_app};

const ROUNDS: usize = 6;
/// Groups of actions in a round. The actions of one group run at the same time.
const GROUPS: usize = 12;
const AT_ONCE: usize = 3;

/// A person's snapshot, and the device that keeps it current.
struct Follower {
    actor: Actor,
    first: Value,
    state: State,
    device: Device,
}

impl Follower {
    async fn new(actor: &Actor, node: &Node) -> Self {
        let first = actor.call("GET /api/sync").await.ok();
        let device = Device::connect_after(actor, node, first["cursor"].as_str().unwrap()).await;
        Self { actor: actor.clone(), state: State::of(&first).unwrap(), first, device }
    }

    async fn follow_until(&mut self, mark: &str) {
        let already = self.device.events.len();
        self.device.until_mark(mark).await;
        for event in &self.device.events[already..] {
            self.state.apply(&event.data).unwrap();
        }
    }
}

#[tokio::test]
async fn snapshot_holds_the_chats_that_were_active_last_and_says_where_the_stream_is() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let mut chats = Vec::new();
        for n in 0..4 {
            chats.push(ann.private_channel(&format!("c{n}"), &[]).await);
        }
        ann.post(&chats[1], "something happens").await;
        ann.post(&chats[0], "and here").await;
        let sync = ann.call("GET /api/sync?limit=3").await.ok();
        let items = sync["chats"]["items"].as_array().unwrap();
        let ids: Vec<&str> = items.iter().map(|item| item["chat"]["id"].as_str().unwrap()).collect();
        assert_eq!(ids, [&chats[0].0, &chats[1].0, &chats[3].0]);
        assert_eq!(sync["chats"]["has_more"], true);
        assert_eq!(ann.call("GET /api/sync?limit=4").await.ok()["chats"]["has_more"], false);
        let ticket = ann.call("POST /api/events/ticket").await.body;
        let url = sync["events_url"].as_str().unwrap();
        assert!(ticket["url"].as_str().unwrap().starts_with(&format!("{url}?ticket=")), "{ticket}");
        for query in ["limit=0", "limit=201"] {
            ann.call(&format!("GET /api/sync?{query}")).await.refused_at(422, "invalid", "limit");
        }
    })
    .await;
}

#[tokio::test]
async fn events_folded_onto_an_old_snapshot_are_the_new_snapshot() {
    // A failure prints the seed.
    for seed in [1, 2, rand::rng().random_range(3..u64::MAX)] {
        with_app(async |app| people_do_anything(app, seed).await).await;
    }
}

async fn people_do_anything(app: &App, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let ann = app.sign_up("acme", "Ann").await;
    let mut people = vec![ann.clone()];
    for name in ["Bob", "Cid", "Dora", "Emil"] {
        people.push(app.invite(&ann, name).await);
    }
    let second = app.start_chat_server().await;
    let nodes = [
        app.start_notify_server().await,
        app.start_notify_server_configured(|notify| notify.ring_events = 3).await,
    ];
    for group in 0..5 {
        join_all((0..AT_ONCE).map(|n| act(app, &people, &second, seed ^ group << 8 ^ n as u64))).await;
    }
    let mut followers = Vec::new();
    // Emil is deactivated and reactivated, so he has no stream that must stay open.
    for (n, actor) in people[..4].iter().enumerate() {
        followers.push(Follower::new(actor, &nodes[n % 2]).await);
    }
    let mut kinds = BTreeSet::new();
    for round in 0..ROUNDS {
        for _ in 0..GROUPS {
            let seeds: Vec<u64> = (0..AT_ONCE).map(|_| rng.next_u64()).collect();
            join_all(seeds.into_iter().map(|action| act(app, &people, &second, action))).await;
        }
        if round == 0 {
            everything_happens(app, &people[0], &people[1], &people[2]).await;
        }
        let mark = format!("round {round}");
        ann.mark(&mark).await;
        for follower in &mut followers {
            follower.follow_until(&mark).await;
            let name = &follower.actor.name;
            let now = State::of(&follower.actor.call("GET /api/sync").await.ok()).unwrap();
            let whose = format!("seed {seed}, round {round}, {name} live");
            assert_eq!(follower.state.difference(&now), None, "{whose}");
            ask_for_may(&follower.actor, &mut follower.state).await;
            assert_states(&follower.state, &now, &whose);
            let part = follower.actor.call("GET /api/sync?limit=3").await.ok();
            assert_eq!(
                part["chats"]["items"].as_array().unwrap(),
                &most_active(&follower.state, 3),
                "seed {seed}, round {round}, {name}: the most active chats, folded on the right"
            );
            assert_eq!(part["chats"]["has_more"], follower.state.chats.len() > 3);
            kinds.extend(follower.device.events.iter().map(|event| event.event.clone()));
        }
    }
    // The same for devices that were away the whole time, from memory and from the database.
    ann.mark("end").await;
    for follower in &mut followers {
        let now = State::of(&follower.actor.call("GET /api/sync").await.ok()).unwrap();
        for node in &nodes {
            let cursor = follower.first["cursor"].as_str().unwrap();
            let mut device = Device::connect_after(&follower.actor, node, cursor).await;
            device.until_mark("end").await;
            let mut state = State::of(&follower.first).unwrap();
            device.events.iter().for_each(|event| state.apply(&event.data).unwrap());
            assert_eq!(state.difference(&now), None);
            ask_for_may(&follower.actor, &mut state).await;
            assert_states(&state, &now, &format!("seed {seed}, {} caught up", follower.actor.name));
        }
        follower.device.cut();
    }
    for kind in EventKind::ALL.into_iter().filter(|kind| *kind != EventKind::Tick) {
        assert!(kinds.contains(kind.as_str()), "seed {seed}: {kind:?} did not occur");
    }
}

/// Asks for `may` again, as a client does after events that can change it.
async fn ask_for_may(actor: &Actor, state: &mut State) {
    let ids: Vec<String> = state.may_stale.iter().cloned().collect();
    let answer = actor.call(&format!("GET /api/chat/may?ids={}", ids.join(","))).await.ok();
    state.learn_may(&answer);
    assert!(state.may_stale.is_empty(), "asked for {ids:?}, got {answer}");
}

/// After a person leaves or is deactivated, nothing of theirs is left to compare. Every other kind
/// in the table is needed.
#[tokio::test]
async fn each_kind_that_can_change_what_one_may_do_is_in_the_table() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let node = app.start_notify_server().await;
        let cid = app.invite(&ann, "Cid").await;
        let group = ann.group(&[&bob, &cid]).await;
        ann.public_channel("general", &[&bob]).await;
        let first = bob.call("GET /api/sync").await.ok();
        let mut device = Device::connect_after(&bob, &node, first["cursor"].as_str().unwrap()).await;

        let needed = [
            (
                EventKind::ChatCreated,
                vec![("POST /api/chat".to_owned(), json!({ "kind": "single", "members": [bob.id] }))],
            ),
            (
                EventKind::MemberUpdated,
                vec![(format!("PATCH /api/chat/{group}/members/{}", bob.id), json!({ "role": "owner" }))],
            ),
            (
                EventKind::UserUpdated,
                vec![(format!("PATCH /api/users/{}", bob.id), json!({ "role": "admin" }))],
            ),
            (
                EventKind::MemberJoined,
                vec![
                    ("POST /api/chat".to_owned(), json!({ "kind": "private_channel", "name": "new" })),
                    (String::new(), json!({ "user_ids": [bob.id] })),
                ],
            ),
        ];
        for (kind, requests) in needed {
            let mut before = State::of(&bob.call("GET /api/sync").await.ok()).unwrap();
            let already = device.events.len();
            let mut made = Chat(String::new());
            for (operation, body) in requests {
                let operation = match operation.as_str() {
                    "" => format!("POST /api/chat/{made}/members"),
                    _ => operation,
                };
                let reply = ann.call_with(&operation, body).await;
                assert!(reply.status < 300, "{reply}");
                made = Chat(reply.body["chat"]["id"].as_str().unwrap_or_default().to_owned());
            }
            let mark = format!("{kind:?}");
            ann.mark(&mark).await;
            device.until_mark(&mark).await;
            let now = State::of(&bob.call("GET /api/sync").await.ok()).unwrap();
            let mut without = before.clone();
            for event in &device.events[already..] {
                before.apply(&event.data).unwrap();
                without
                    .apply_by(&event.data, |k| {
                        if k == kind { MayChange::Nowhere } else { k.effect().changes_may }
                    })
                    .unwrap();
            }
            assert_eq!(before.difference(&now), None, "{kind:?}");
            assert!(without.difference(&now).is_some(), "{kind:?} is not needed in the table");
            assert!(!before.may_stale.is_empty(), "{kind:?}");
        }
    })
    .await;
}

fn assert_states(folded: &State, fresh: &State, whose: &str) {
    assert_eq!(folded.user, fresh.user, "{whose}");
    assert_eq!(folded.workspace, fresh.workspace, "{whose}");
    let ids = |state: &State| state.chats.keys().cloned().collect::<Vec<_>>();
    assert_eq!(ids(folded), ids(fresh), "{whose}");
    assert_eq!(folded.threads, fresh.threads, "{whose}: threads, folded on the left");
    for (id, item) in &folded.chats {
        assert_eq!(item, &fresh.chats[id], "{whose}: chat {id}, folded on the left");
    }
}

/// The chats that `/api/sync` chooses if there are more than it returns.
fn most_active(state: &State, limit: usize) -> Vec<Value> {
    let mut items: Vec<&Value> = state.chats.values().collect();
    items.sort_by_key(|item| {
        let time = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let active = time(&item["last_message"]["created_at"]).max(time(&item["member"]["joined_at"]));
        Reverse((active, time(&item["chat"]["id"])))
    });
    items.into_iter().take(limit).cloned().collect()
}

/// Replies in the thread of a message, or changes what is there.
async fn act_in_thread(actor: &Actor, chat: &Chat, message: &str, rng: &mut StdRng) -> Reply {
    let path = format!("/api/chat/{chat}/messages/{message}/thread");
    let replies = actor.call(&format!("GET {path}")).await;
    let replies = replies.body["items"].as_array().cloned().unwrap_or_default();
    let reply = replies.choose(rng).cloned().unwrap_or_default();
    match rng.random_range(0..10) {
        0..6 => {
            let body = json!({ "body": "reply", "also_in_chat": rng.random_bool(0.3) });
            actor.call_with(&format!("POST {path}"), body).await
        }
        6 => {
            let id = reply["id"].as_str().unwrap_or("none");
            actor.call(&format!("DELETE /api/chat/{chat}/messages/{id}")).await
        }
        7 => {
            let body = json!({ "thread_no": rng.random_range(0..5) });
            actor.call_with(&format!("POST {path}/read"), body).await
        }
        8 => actor.call(&format!("PUT {path}/follow")).await,
        _ => actor.call(&format!("DELETE {path}/follow")).await,
    }
}

/// A random action, which may be refused. Only the agreement of events and snapshot matters.
async fn act(app: &App, people: &[Actor], second: &Node, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let actor = people.choose(&mut rng).unwrap();
    let actor = if rng.random() { actor.clone() } else { actor.at(second) };
    let other = people.choose(&mut rng).unwrap();
    let list = actor.call("GET /api/chat").await;
    let items = list.body["items"].as_array().cloned().unwrap_or_default();
    let item = items.choose(&mut rng).cloned().unwrap_or_default();
    let chat = Chat(item["chat"]["id"].as_str().unwrap_or("none").to_owned());
    let message = item["last_message"]["id"].as_str().unwrap_or("none").to_owned();
    let name = format!("n{}", rng.random_range(0..1_000_000));
    let reply: Reply = match rng.random_range(0..100) {
        0..22 => actor.try_post(&chat, json!({ "body": name })).await,
        22..35 => act_in_thread(&actor, &chat, &message, &mut rng).await,
        35..42 => {
            let edit = json!({ "body": format!("edited {name}") });
            actor.call_with(&format!("PATCH /api/chat/{chat}/messages/{message}"), edit).await
        }
        42..49 => actor.call(&format!("DELETE /api/chat/{chat}/messages/{message}")).await,
        49..57 => {
            let read = json!({ "seq": rng.random_range(0..20) });
            actor.call_with(&format!("POST /api/chat/{chat}/read"), read).await
        }
        57..67 => {
            let kind = ["single", "group", "private_channel", "public_channel"].choose(&mut rng).unwrap();
            let members: Vec<&str> =
                people.iter().filter(|_| rng.random_bool(0.4)).map(|person| person.id.as_str()).collect();
            let mut request = json!({ "kind": kind, "members": members });
            match *kind {
                "single" => request["members"] = json!([other.id]),
                "group" => {}
                _ => request["name"] = json!(name),
            }
            actor.call_with("POST /api/chat", request).await
        }
        67..72 => {
            let channels = actor.call("GET /api/channels").await;
            let channels = channels.body["items"].as_array().cloned().unwrap_or_default();
            let channel = channels.choose(&mut rng).cloned().unwrap_or_default();
            actor.call(&format!("POST /api/chat/{}/join", channel["id"].as_str().unwrap_or("none"))).await
        }
        72..77 => {
            let added = json!({ "user_ids": [other.id] });
            actor.call_with(&format!("POST /api/chat/{chat}/members"), added).await
        }
        77..82 => actor.call(&format!("DELETE /api/chat/{chat}/members/{}", other.id)).await,
        82..86 => actor.call(&format!("POST /api/chat/{chat}/leave")).await,
        86..90 => {
            let operation = format!("PATCH /api/chat/{chat}/members/{}", other.id);
            actor.call_with(&operation, json!({ "role": "owner" })).await
        }
        90..94 => actor.call_with(&format!("PATCH /api/chat/{chat}"), json!({ "description": name })).await,
        94..96 => actor.call(&format!("DELETE /api/chat/{chat}")).await,
        96..98 => actor.call_with("PATCH /api/users/me", json!({ "fullname": name })).await,
        98 => {
            // Emil is deactivated and reactivated; the others become admins and members in turn.
            let (who, change) = if rng.random() {
                (people.last().unwrap(), json!({ "active": rng.random::<bool>() }))
            } else {
                let role = ["admin", "member"].choose(&mut rng).unwrap();
                (people[1..4].choose(&mut rng).unwrap(), json!({ "role": role }))
            };
            people[0].call_with(&format!("PATCH /api/users/{}", who.id), change).await
        }
        _ => {
            let operation = format!("PATCH /api/workspaces/{}", people[0].workspace_id);
            people[0].call_with(&operation, json!({ "name": name })).await
        }
    };
    assert!(reply.status < 500, "{reply}, seed {seed}, {}", app.chat.url);
}
