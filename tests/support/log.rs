//! Derives the events that a person must receive from the rows of the log, by the rules of
//! docs/events.md.

use std::collections::HashSet;

use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use super::{actor::Actor, sse::Frame};

#[derive(sqlx::FromRow)]
struct Row {
    cursor: String,
    kind: String,
    audience: String,
    users: Option<Vec<Uuid>>,
    chat_id: Option<Uuid>,
    user_id: Option<Uuid>,
    payload: String,
}

/// All events that the person could see when they happened, as frames in order.
pub async fn events_for(db: &PgPool, actor: &Actor) -> Vec<Frame> {
    let rows: Vec<Row> = sqlx::query_as(
        "select concat_ws('.', generation, timeline, shard, id) as cursor, kind, audience, users, chat_id, user_id, payload
         from event_log, log_meta where workspace_id = $1 order by id",
    )
    .bind(actor.workspace_id.parse::<Uuid>().unwrap())
    .fetch_all(db)
    .await
    .unwrap();
    let me: Uuid = actor.id.parse().unwrap();
    let mut chats = HashSet::new();
    rows.into_iter().filter(|row| is_for(row, me, &mut chats)).map(frame).collect()
}

/// The same, after a cursor.
pub async fn events_after(db: &PgPool, actor: &Actor, cursor: &str) -> Vec<Frame> {
    let id = |cursor: &str| cursor.rsplit('.').next().unwrap().parse::<i64>().unwrap();
    let after = id(cursor);
    let events = events_for(db, actor).await.into_iter();
    events.filter(|event| event.id.as_deref().is_some_and(|own| id(own) > after)).collect()
}

fn is_for(row: &Row, me: Uuid, chats: &mut HashSet<Uuid>) -> bool {
    let listed = row.users.as_ref().is_some_and(|users| users.contains(&me));
    let about_me = row.user_id == Some(me);
    match (row.kind.as_str(), row.chat_id) {
        ("chat.created", Some(chat)) if listed => chats.insert(chat),
        ("member.joined", Some(chat)) if about_me => chats.insert(chat),
        ("member.left", Some(chat)) if about_me => chats.remove(&chat),
        _ => match row.audience.as_str() {
            "chat" => row.chat_id.is_some_and(|chat| chats.contains(&chat)),
            "workspace" => true,
            "users" => listed,
            _ => false,
        },
    }
}

fn frame(row: Row) -> Frame {
    let data: Value = serde_json::from_str(&row.payload).unwrap();
    Frame { id: Some(row.cursor), event: row.kind, data, retry_ms: None }
}
