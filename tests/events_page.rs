//! docs/events.md shows each event in the shape in which it is really sent.

use std::collections::{BTreeMap, BTreeSet};

use chat_core::{
    EventKind,
    ephemeral::EphemeralKind,
    event::control::{self, ResetReason},
};
use serde_json::Value;

use crate::support::{Device, everything_happens, with_app};

const PAGE: &str = include_str!("../docs/events.md");

#[test]
fn each_kind_of_frame_has_its_section() {
    let shown = examples();
    let documented: BTreeSet<&str> = shown.keys().map(String::as_str).collect();
    let kinds = EventKind::ALL.into_iter().filter(|kind| *kind != EventKind::Tick).map(EventKind::as_str);
    let unlogged = control::ALL.into_iter().chain(EphemeralKind::ALL.map(EphemeralKind::as_str));
    assert_eq!(documented, kinds.chain(unlogged).collect());
}

#[test]
fn each_reason_of_a_reset_is_explained() {
    let (_, rest) = PAGE.split_once("| reason | |\n|---|---|\n").unwrap();
    let rows = rest.lines().take_while(|line| line.starts_with("| `"));
    let documented: BTreeSet<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    assert_eq!(documented, BTreeSet::from(ResetReason::ALL.map(ResetReason::as_str)));
}

#[tokio::test]
async fn each_example_looks_like_the_real_event() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let cid = app.invite(&ann, "Cid").await;
        everything_happens(app, &ann, &bob, &cid).await;
        let written: Vec<(String, String)> =
            sqlx::query_as("select kind, payload from event_log where audience <> 'none'")
                .fetch_all(&app.db)
                .await
                .unwrap();
        let examples = examples();
        let lines = lines();
        let reply = reply();
        let mut untold_replies = true;
        let mut untold: BTreeSet<&str> = lines.keys().map(String::as_str).collect();
        let mut unseen: BTreeSet<&str> = examples.keys().map(String::as_str).collect();
        for (kind, payload) in &written {
            let example = examples.get(kind).unwrap_or_else(|| panic!("not documented: {payload}"));
            assert_eq!(example["type"], *kind);
            let mut payload: Value = serde_json::from_str(payload).unwrap();
            if kind == "message.new" && payload.get("thread").is_some() {
                assert_alike("a reply", &reply, &payload);
                untold_replies = false;
                continue;
            }
            if kind == "message.deleted"
                && let Some(thread) = payload.as_object_mut().and_then(|payload| payload.remove("thread"))
            {
                assert_alike("the thread of a deletion", &reply["thread"], &thread);
            }
            for part in ["message", "last_message"] {
                let Some(message) = payload.get_mut(part).and_then(Value::as_object_mut) else { continue };
                for field in ["root_id", "thread_no", "also_in_chat"] {
                    message.remove(field);
                }
                if let Some(mut thread) = message.remove("thread") {
                    for field in ["root_id", "root_seq", "root_sender_id"] {
                        thread[field] = Value::Null;
                    }
                    assert_alike("the thread of a root", &reply["thread"], &thread);
                }
                let Some(line) = message.remove("system") else { continue };
                let (kind, _) = lines.get_key_value(line["type"].as_str().unwrap()).unwrap();
                assert_alike(kind, &lines[kind], &line);
                untold.remove(kind.as_str());
            }
            assert_alike(kind, example, &payload);
            unseen.remove(kind.as_str());
        }
        assert_eq!(untold, BTreeSet::new(), "no such system line was written");
        assert!(!untold_replies, "no reply was written");
        for kind in control::ALL {
            unseen.remove(kind);
        }
        let chat = ann.group(&[&bob, &cid]).await;
        let node = app.start_notify_server().await;
        let mut device = Device::connect_live(&bob, &node).await;
        ann.call(&format!("POST /api/chat/{chat}/typing")).await.no_content();
        let frame = device.next_ephemeral().await;
        assert_alike(&frame.event, &examples[&frame.event], &frame.data);
        unseen.remove(frame.event.as_str());
        assert_eq!(unseen, BTreeSet::new(), "did not happen");
    })
    .await;
}

/// The JSON blocks of the page, by the kind in the heading before them.
fn examples() -> BTreeMap<String, Value> {
    PAGE.split("\n### `")
        .skip(1)
        .map(|section| {
            let (kind, text) = section.split_once('`').unwrap();
            let json = text.split("```json\n").nth(1).and_then(|rest| rest.split("\n```").next());
            let json = json.unwrap_or_else(|| panic!("{kind} has no example"));
            (kind.to_owned(), serde_json::from_str(json).unwrap_or_else(|e| panic!("{kind}: {e}")))
        })
        .collect()
}

/// The example of a reply in a thread.
fn reply() -> Value {
    let (_, section) = PAGE.split_once("#### Replies in threads\n").unwrap();
    serde_json::from_str(section.split("```json\n").nth(1).unwrap().split("\n```").next().unwrap()).unwrap()
}

/// The examples of what a system line tells, by their type.
fn lines() -> BTreeMap<String, Value> {
    let (_, rest) = PAGE.split_once("| `system` | |\n|---|---|\n").unwrap();
    let rows = rest.lines().take_while(|line| line.starts_with("| `"));
    rows.map(|row| {
        let line: Value = serde_json::from_str(row.split('`').nth(1).unwrap()).unwrap();
        (line["type"].as_str().unwrap().to_owned(), line)
    })
    .collect()
}

/// Checks that both have the same keys and types at every depth. Null matches any type.
fn assert_alike(path: &str, example: &Value, real: &Value) {
    match (example, real) {
        (Value::Null, _) | (_, Value::Null) => {}
        (Value::Object(example), Value::Object(real)) => {
            let keys = |object: &serde_json::Map<String, Value>| object.keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(example), keys(real), "{path}");
            for (key, value) in example {
                assert_alike(&format!("{path}.{key}"), value, &real[key]);
            }
        }
        (Value::Array(example), Value::Array(real)) => {
            if let (Some(example), Some(real)) = (example.first(), real.first()) {
                assert_alike(&format!("{path}[0]"), example, real);
            }
        }
        _ => assert_eq!(
            std::mem::discriminant(example),
            std::mem::discriminant(real),
            "{path}: {example} is not like {real}"
        ),
    }
}
