//! Messages that are sent at once, as the SQL function `send_batch` wants them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chat_core::{Shard, Timestamp, text::ClientId};
use uuid::Uuid;

use super::{NewMessage, Stored};

/// A field for each parameter of `send_batch` that is an array; its comment in `migrations` says what they mean.
#[derive(Debug, Default, PartialEq)]
pub struct Batch<'a> {
    pub ids: Vec<Uuid>,
    pub sender_ids: Vec<Uuid>,
    pub bodies: Vec<&'a str>,
    pub client_ids: Vec<Option<&'a str>>,
    pub request_hashes: Vec<Option<&'a [u8]>>,
    pub replies: Vec<Option<Uuid>>,

    pub chat_places: Vec<i32>,
    pub ordinals: Vec<i32>,
    pub shard_places: Vec<i32>,
    pub shard_prevs: Vec<Option<i32>>,

    pub chats: Vec<Uuid>,
    pub chat_workspaces: Vec<Uuid>,
    pub chat_counts: Vec<i32>,
    pub senders: Vec<Uuid>,
    pub shards: Vec<i16>,

    pub member_places: Vec<i32>,
    pub members: Vec<Uuid>,
    pub member_ordinals: Vec<i32>,
}

impl<'a> Batch<'a> {
    /// Of these messages, in the order of their ids.
    pub fn of(new: &[&'a NewMessage]) -> Self {
        let mut new = new.to_vec();
        new.sort_by_key(|new| new.id);
        let chats = places(new.iter().map(|new| chat(new)));
        let shards = places(new.iter().map(|new| shard(new)));
        let mut batch = Self {
            chats: chats.keys().map(|(chat, _)| *chat).collect(),
            chat_workspaces: chats.keys().map(|(_, workspace)| *workspace).collect(),
            senders: places(new.iter().map(|new| new.sender_id.0)).into_keys().collect(),
            shards: shards.keys().copied().collect(),
            ..Self::default()
        };
        let mut counts = BTreeMap::new();
        let mut members = BTreeMap::new();
        let mut prevs = HashMap::new();
        for (number, new) in (1..).zip(&new) {
            batch.ids.push(new.id.0);
            batch.sender_ids.push(new.sender_id.0);
            batch.bodies.push(new.body.as_str());
            batch.client_ids.push(new.client_id.as_ref().map(ClientId::as_str));
            batch.request_hashes.push(new.request_hash.as_ref().map(<[u8; 32]>::as_slice));
            batch.replies.push(new.reply_to.map(|id| id.0));
            let place = chats[&chat(new)];
            let count = counts.entry(place).or_insert(0);
            *count += 1;
            members.insert((place, new.sender_id.0), *count);
            batch.chat_places.push(place);
            batch.ordinals.push(*count);
            batch.shard_places.push(shards[&shard(new)]);
            batch.shard_prevs.push(prevs.insert(shard(new), number));
        }
        batch.chat_counts = counts.into_values().collect();
        for ((place, member), ordinal) in members {
            batch.member_places.push(place);
            batch.members.push(member);
            batch.member_ordinals.push(ordinal);
        }
        batch
    }

    /// What the messages have become, by what `send_batch` has answered; none if `bases` are not those of `chats`.
    pub fn stored(&self, bases: &[i64], created_at: Timestamp) -> Option<Vec<Stored>> {
        let numbers = self.ids.iter().zip(&self.chat_places).zip(&self.ordinals);
        let stored = numbers.map(|((id, place), ordinal)| {
            let base = bases.get(usize::try_from(place - 1).ok()?)?;
            Some(Stored { id: (*id).into(), seq: base + i64::from(*ordinal), created_at })
        });
        stored.collect()
    }
}

/// A chat that is named as of two workspaces is two chats.
fn chat(new: &NewMessage) -> (Uuid, Uuid) {
    (new.chat_id.0, new.workspace_id.0)
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
            message(6, 1, 30, 100),
            message(5, 3, 30, 100),
            message(1, 1, 30, 100),
            message(2, 2, 20, 200),
            message(3, 1, 10, 101),
            message(4, 1, 30, 101),
        ];
        let batch = Batch::of(&new.iter().collect::<Vec<_>>());
        let uuids = |ids: &[u128]| ids.iter().map(|id| Uuid::from_u128(*id)).collect::<Vec<_>>();
        let expected = Batch {
            ids: uuids(&[1, 2, 3, 4, 5, 6]),
            sender_ids: uuids(&[100, 200, 101, 101, 100, 100]),
            bodies: vec!["Hello"; 6],
            client_ids: vec![None; 6],
            request_hashes: vec![None; 6],
            replies: vec![None; 6],
            chat_places: vec![3, 2, 1, 3, 4, 3],
            ordinals: vec![1, 1, 1, 2, 1, 3],
            shard_places: vec![1, 2, 1, 1, 3, 1],
            shard_prevs: vec![None, None, Some(1), Some(3), None, Some(4)],
            chats: uuids(&[10, 20, 30, 30]),
            chat_workspaces: uuids(&[1, 2, 1, 3]),
            chat_counts: vec![1, 1, 3, 1],
            senders: uuids(&[100, 101, 200]),
            shards: vec![1, 2, 3],
            member_places: vec![1, 2, 3, 3, 4],
            members: uuids(&[101, 200, 100, 101, 100]),
            member_ordinals: vec![1, 1, 3, 2, 1],
        };
        assert_eq!(batch, expected);

        let at = Timestamp(time::OffsetDateTime::UNIX_EPOCH);
        let stored = batch.stored(&[7, 8, 20, 9], at).unwrap();
        assert_eq!(stored.iter().map(|stored| stored.seq).collect::<Vec<_>>(), [21, 9, 8, 22, 10, 23]);
        assert_eq!(batch.stored(&[7, 8, 20], at), None);
    }
}
