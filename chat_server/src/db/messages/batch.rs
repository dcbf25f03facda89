//! Messages that are sent at once, as the SQL function `send_many` wants them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chat_core::{Shard, text::ClientId};
use uuid::Uuid;

use super::NewMessage;

/// A field for each parameter of `send_many` that is an array; its comment in `migrations` says what they mean.
#[derive(Debug, Default, PartialEq)]
pub struct Batch<'a> {
    pub ids: Vec<Uuid>,
    pub workspace_ids: Vec<Uuid>,
    pub chat_ids: Vec<Uuid>,
    pub sender_ids: Vec<Uuid>,
    pub bodies: Vec<&'a str>,
    pub client_ids: Vec<Option<&'a str>>,
    pub request_hashes: Vec<Option<&'a [u8]>>,
    pub replies: Vec<Option<Uuid>>,

    pub chat_places: Vec<i32>,
    pub ordinals: Vec<i32>,
    pub are_last: Vec<bool>,
    pub shard_places: Vec<i32>,
    pub shard_prevs: Vec<Option<i32>>,

    pub chats: Vec<Uuid>,
    pub chat_counts: Vec<i32>,
    pub shards: Vec<i16>,
}

impl<'a> Batch<'a> {
    /// Of these messages, in the order of their ids.
    pub fn of(new: &[&'a NewMessage]) -> Self {
        let mut new = new.to_vec();
        new.sort_by_key(|new| new.id);
        let chats = places(new.iter().map(|new| new.chat_id.0));
        let shards = places(new.iter().map(|new| shard(new)));
        let mut batch = Self {
            chats: chats.keys().copied().collect(),
            shards: shards.keys().copied().collect(),
            ..Self::default()
        };
        let mut counts = HashMap::new();
        let mut lasts = HashMap::new();
        let mut prevs = HashMap::new();
        for (number, new) in (1_i32..).zip(&new) {
            batch.ids.push(new.id.0);
            batch.workspace_ids.push(new.workspace_id.0);
            batch.chat_ids.push(new.chat_id.0);
            batch.sender_ids.push(new.sender_id.0);
            batch.bodies.push(new.body.as_str());
            batch.client_ids.push(new.client_id.as_ref().map(ClientId::as_str));
            batch.request_hashes.push(new.request_hash.as_ref().map(<[u8; 32]>::as_slice));
            batch.replies.push(new.reply_to.map(|id| id.0));
            let count = counts.entry(new.chat_id.0).or_insert(0);
            *count += 1;
            batch.ordinals.push(*count);
            batch.chat_places.push(chats[&new.chat_id.0]);
            batch.shard_places.push(shards[&shard(new)]);
            batch.shard_prevs.push(prevs.insert(shard(new), number));
            lasts.insert((new.chat_id, new.sender_id), number);
        }
        batch.are_last =
            (1_i32..).zip(&new).map(|(number, new)| lasts[&(new.chat_id, new.sender_id)] == number).collect();
        batch.chat_counts = chats.keys().map(|chat| counts[chat]).collect();
        batch
    }
}

fn shard(new: &NewMessage) -> i16 {
    Shard::of(new.workspace_id).number().into()
}

/// Each once, with its place in ascending order, from 1.
fn places<T: Ord>(items: impl Iterator<Item = T>) -> BTreeMap<T, i32> {
    items.collect::<BTreeSet<_>>().into_iter().zip(1..).collect()
}

#[cfg(test)]
mod tests {
    use chat_core::{ChatId, MessageId, UserId, WorkspaceId, text::MessageBody};

    use super::*;

    fn message(id: u128, workspace: u128, chat: u128, sender: u128) -> NewMessage {
        NewMessage {
            id: MessageId(Uuid::from_u128(id)),
            workspace_id: WorkspaceId(Uuid::from_u128(workspace)),
            chat_id: ChatId(Uuid::from_u128(chat)),
            sender_id: UserId(Uuid::from_u128(sender)),
            body: MessageBody::parse("Hello").unwrap(),
            client_id: None,
            request_hash: None,
            reply_to: None,
        }
    }

    #[test]
    fn each_message_knows_its_place_in_its_chat_and_shard() {
        let new = [
            message(5, 1, 30, 100),
            message(1, 1, 30, 100),
            message(2, 2, 20, 200),
            message(3, 1, 10, 101),
            message(4, 1, 30, 101),
        ];
        let batch = Batch::of(&new.iter().collect::<Vec<_>>());
        let uuids = |ids: &[u128]| ids.iter().map(|id| Uuid::from_u128(*id)).collect::<Vec<_>>();
        let expected = Batch {
            ids: uuids(&[1, 2, 3, 4, 5]),
            workspace_ids: uuids(&[1, 2, 1, 1, 1]),
            chat_ids: uuids(&[30, 20, 10, 30, 30]),
            sender_ids: uuids(&[100, 200, 101, 101, 100]),
            bodies: vec!["Hello"; 5],
            client_ids: vec![None; 5],
            request_hashes: vec![None; 5],
            replies: vec![None; 5],
            chat_places: vec![3, 2, 1, 3, 3],
            ordinals: vec![1, 1, 1, 2, 3],
            are_last: vec![false, true, true, true, true],
            shard_places: vec![1, 2, 1, 1, 1],
            shard_prevs: vec![None, None, Some(1), Some(3), Some(4)],
            chats: uuids(&[10, 20, 30]),
            chat_counts: vec![1, 1, 3],
            shards: vec![1, 2],
        };
        assert_eq!(batch, expected);
    }
}
