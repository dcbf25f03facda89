//! Checks (a) that each acknowledged send is stored exactly once, and (e) that the log is one
//! chain.

use std::collections::{BTreeMap, HashMap, HashSet};

use sqlx::FromRow;
use uuid::Uuid;

use super::{Sight, Violation};
use crate::{
    archive::ArchivedRow,
    history::{SendRecord, Time},
    world::World,
};

/// After this time every server sees that a person has joined: locks delay the commit after the
/// time in the row.
const COMMITTED_WITHIN: Time = 10_000_000;

/// Check (e): each row names the one before it, from the first on. The archive keeps rows that
/// retention dropped.
pub fn chain(rows: &[ArchivedRow]) -> Vec<Violation> {
    let mut last: BTreeMap<i16, i64> = BTreeMap::new();
    let mut violations = Vec::new();
    for row in rows {
        let expected = last.insert(row.shard, row.id).unwrap_or(0);
        if row.prev_id != expected {
            let what = format!(
                "row {} of shard {} names {} before it, not {expected}",
                row.id, row.shard, row.prev_id
            );
            violations.push(Violation::new('e', what).trace(&[&format!("\"frame\":{},", row.id)]));
        }
    }
    violations
}

#[derive(FromRow)]
struct StoredMessage {
    id: Uuid,
    chat_id: Uuid,
    sender_id: Uuid,
    seq: i64,
    body: String,
    client_id: Option<String>,
    is_changed: bool,
}

/// Check (a), by the answers, the table and the log.
pub async fn sends(world: &World, rows: &[ArchivedRow]) -> anyhow::Result<Vec<Violation>> {
    let mut db = world.psql().await?;
    let stored: Vec<StoredMessage> = sqlx::query_as(
        "select id, chat_id, sender_id, seq, body, client_id, edited_at is not null or deleted_at is not null as is_changed
         from messages",
    )
    .fetch_all(&mut db)
    .await?;
    let mut by_client_id: HashMap<&str, Vec<&StoredMessage>> = HashMap::new();
    for message in &stored {
        by_client_id.entry(message.client_id.as_deref().unwrap_or_default()).or_default().push(message);
    }
    let mut told: HashMap<&str, Vec<&ArchivedRow>> = HashMap::new();
    for row in rows.iter().filter(|row| row.kind == "message.new") {
        told.entry(row.client_id.as_deref().unwrap_or_default()).or_default().push(row);
    }
    // The messages of deleted chats are removed in the background.
    let gone: HashSet<Uuid> =
        rows.iter().filter(|row| row.kind == "chat.deleted").filter_map(|row| row.chat_id).collect();

    let mut refusals = Refusals { rows, world, sights: HashMap::new() };
    let mut violations = Vec::new();
    for (client_id, send) in world.history.sends() {
        let mut wrong = |what: String| {
            let what = format!("send {client_id}: {what}");
            violations.push(Violation::new('a', what).trace(&[&format!("\"send\":\"{client_id}\"")]));
        };
        let found = by_client_id.get(client_id.as_str()).map_or(&[][..], Vec::as_slice);
        let events = told.get(client_id.as_str()).map_or(0, Vec::len);
        if found.len() > 1 || events > 1 {
            wrong(format!("{} rows, {events} events", found.len()));
        }
        let Some((id, seq)) = send.answers.first() else {
            if let Some(what) = refusals.wrong(&send, found.first().map(|message| message.chat_id)) {
                wrong(what);
            }
            continue;
        };
        if let Some(other) = send.answers.iter().find(|other| *other != &(id.clone(), *seq)) {
            wrong(format!("answered as {id} (seq {seq}) and as {} (seq {})", other.0, other.1));
        }
        if events == 0 {
            wrong(format!("acknowledged as {id}, and no event tells of it"));
        }
        match found {
            [message] => {
                let is_right = message.id.to_string() == *id
                    && message.seq == *seq
                    && send.chat_ids.contains(&message.chat_id.to_string())
                    && message.sender_id.to_string() == send.sender_id
                    && (message.is_changed || message.body == send.body);
                if !is_right {
                    wrong(format!(
                        "acknowledged as {id} (seq {seq}), stored as {} (seq {})",
                        message.id, message.seq
                    ));
                }
            }
            [] if send.chat_ids.iter().any(|id| id.parse().is_ok_and(|chat| gone.contains(&chat))) => {}
            [] => wrong(format!("acknowledged as {id}, and not stored")),
            _ => {}
        }
    }
    violations.extend(sequence(rows));
    Ok(violations)
}

/// Judges sends that were refused.
struct Refusals<'a> {
    rows: &'a [ArchivedRow],
    world: &'a World,
    sights: HashMap<Uuid, Sight>,
}

impl Refusals<'_> {
    /// What was wrong about a final refusal of a send. It is right only for a person who is not in
    /// the chat or has left it. `stored` is the message, if there is one.
    fn wrong(&mut self, send: &SendRecord, stored: Option<Uuid>) -> Option<String> {
        let (status, at) = send.refused?;
        // With several chats for one client id, the last refusal is the one that counts.
        let chat: Uuid = send.chat_ids.last()?.parse().ok()?;
        let sender: Uuid = send.sender_id.parse().ok()?;
        let (rows, world) = (self.rows, self.world);
        let sight = self.sights.entry(sender).or_insert_with(|| {
            let workspace = world.tenants.iter().flat_map(|tenant| &tenant.people);
            let workspace = workspace.filter(|person| person.id == send.sender_id);
            let workspace: Option<Uuid> =
                workspace.into_iter().find_map(|person| person.workspace_id.parse().ok());
            let rows: Vec<&ArchivedRow> = rows.iter().filter(|row| row.workspace_id == workspace).collect();
            Sight::new(sender, &rows, &world.history)
        });
        // A person who was a member when it was stored may have left before the retry.
        let from = if stored.is_some() { at } else { send.began };
        let is_wrong = sight.was_in(chat, from.saturating_sub(COMMITTED_WITHIN), at);
        is_wrong.then(|| {
            let stored = if stored.is_some() { "stored and " } else { "" };
            format!("{stored}refused by {status}, and its sender was in the chat")
        })
    }
}

/// In each chat the log has the seqs 1, 2, 3 ... in this order.
fn sequence(rows: &[ArchivedRow]) -> Vec<Violation> {
    let mut last: HashMap<Uuid, i64> = HashMap::new();
    let mut violations = Vec::new();
    for row in rows.iter().filter(|row| row.kind == "message.new" && !row.is_poison) {
        let (Some(chat), Some(seq)) = (row.chat_id, row.seq) else { continue };
        let expected = last.insert(chat, seq).unwrap_or(0) + 1;
        if seq != expected {
            let what = format!("row {}: message {seq} of chat {chat} where {expected} was due", row.id);
            violations.push(Violation::new('a', what).trace(&[&format!("\"frame\":{},", row.id)]));
        }
    }
    violations
}
