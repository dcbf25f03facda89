//! docs/events.md shows each event in the shape that the triggers really write.

use std::collections::{BTreeMap, BTreeSet};

use chat_core::{
    AccountId, ChatId, EventKind, MessageId, SessionId, UserId, WorkspaceId,
    event::control::{self, ResetReason},
};
use event_log::read;
use serde_json::Value;

use crate::support::World;

const PAGE: &str = include_str!("../../docs/events.md");

#[test]
fn each_kind_of_frame_has_its_section() {
    let shown = examples();
    let mut documented: Vec<&str> = shown.keys().map(String::as_str).collect();
    let kinds = EventKind::ALL.into_iter().filter(|kind| *kind != EventKind::Tick).map(EventKind::as_str);
    let mut known: Vec<&str> = kinds.chain(control::ALL).collect();
    documented.sort_unstable();
    known.sort_unstable();
    assert_eq!(documented, known);
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
    let world = World::new().await;
    let workspace = make_everything_happen(&world).await;
    let written = read::newest(&world.db, world.place.shard(), i64::MAX, 1000, usize::MAX).await.unwrap();
    let mut written: BTreeMap<String, Value> = written
        .into_iter()
        .filter(|row| row.workspace_id == Some(workspace))
        .map(|row| (row.kind, serde_json::from_str(&row.payload).unwrap()))
        .collect();
    for (kind, example) in examples() {
        if control::ALL.contains(&kind.as_str()) {
            continue;
        }
        let real = written.remove(&kind).unwrap_or_else(|| panic!("the test makes no {kind}"));
        assert_eq!(example["type"], kind);
        assert_alike(&kind, &example, &real);
    }
    assert!(written.is_empty(), "not documented: {written:?}");
}

/// The JSON blocks by the kind that the heading before them names.
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

/// The same keys and types all the way down. Null goes with anything.
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

/// One of each event, in a new workspace of the same shard.
async fn make_everything_happen(world: &World) -> WorkspaceId {
    let crate::support::Place { workspace, user: ann, chat } = world.place;
    let (account, bob, session) = (AccountId::generate(), UserId::generate(), SessionId::generate());
    let (second, message) = (ChatId::generate(), MessageId::generate());
    for sql in [
        format!("insert into accounts (id, email, email_folded, password_hash)
             values ('{account}', 'bob@acme.example', 'bob@acme.example', 'x')"),
        format!("insert into users (id, workspace_id, account_id, fullname, fullname_folded, role)
             values ('{bob}', '{workspace}', '{account}', 'Bob', 'bob', 'member')"),
        format!(
            "begin; update chats set last_seq = 1, last_root_no = 1 where id = '{chat}';
             insert into messages (id, workspace_id, chat_id, seq, root_no, sender_id, body)
             values ('{message}', '{workspace}', '{chat}', 1, 1, '{ann}', 'Hello'); commit"
        ),
        format!("insert into chat_members (chat_id, user_id, workspace_id, role) values ('{chat}', '{bob}', '{workspace}', 'member')"),
        format!("update chat_members set read_seq = 1 where user_id = '{bob}'"),
        format!("update chat_members set role = 'member' where user_id = '{ann}'"),
        format!("update messages set body = 'Hi', edited_at = now() where id = '{message}'"),
        format!("update messages set body = '', deleted_at = now() where id = '{message}'"),
        format!("update chats set description = 'all of us' where id = '{chat}'"),
        format!("delete from chat_members where user_id = '{bob}'"),
        format!(
            "begin; insert into chats (id, workspace_id, kind, name, name_folded)
             values ('{second}', '{workspace}', 'private_channel', 'x', 'x');
             insert into chat_members (chat_id, user_id, workspace_id, role) values ('{second}', '{ann}', '{workspace}', 'owner'); commit"
        ),
        format!("update chats set deleted_at = now() where id = '{second}'"),
        format!("update workspaces set name = 'Acme Corp' where id = '{workspace}'"),
        format!("update users set fullname = 'Robert' where id = '{bob}'"),
        format!("insert into sessions (id, account_id, user_id, user_agent, expires_at) values ('{session}', '{account}', '{bob}', 'x', now())"),
        format!("update sessions set revoked_at = now() where id = '{session}'"),
        format!("update users set deactivated_at = now() where id = '{bob}'"),
    ] {
        world.execute(&sql).await;
    }
    workspace
}
