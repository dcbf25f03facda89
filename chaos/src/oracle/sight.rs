//! Derives which events one person may see, from the rows of the log and the rules of
//! docs/events.md and docs/decisions/0004. It shares no code with the servers.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::{
    archive::ArchivedRow,
    history::{History, Time},
};

/// One person's view of their workspace's log.
pub struct Sight {
    /// The positions of events that the person could see when they happened.
    pub visible: Vec<i64>,
    /// When the person left each chat or it was deleted: the position, and a time before the
    /// commit.
    departures: HashMap<Uuid, Vec<(i64, Time)>>,
    arrivals: HashMap<Uuid, Vec<(i64, Time)>>,
}

impl Sight {
    pub fn new(me: Uuid, rows: &[&ArchivedRow], history: &History) -> Self {
        let mut chats: HashSet<Uuid> = HashSet::new();
        let mut sight = Self { visible: Vec::new(), departures: HashMap::new(), arrivals: HashMap::new() };
        for row in rows {
            let at = history.time_of(row.at);
            let listed = row.users.contains(&me);
            let about_me = row.user_id == Some(me);
            let sees = match (row.kind.as_str(), row.chat_id) {
                ("chat.created", Some(chat)) if listed => sight.comes(&mut chats, chat, row.id, at),
                ("member.joined", Some(chat)) if about_me => sight.comes(&mut chats, chat, row.id, at),
                ("member.left", Some(chat)) if about_me => sight.goes(&mut chats, chat, row.id, at),
                ("chat.deleted", Some(chat)) => sight.goes(&mut chats, chat, row.id, at),
                (_, chat) => match row.audience.as_str() {
                    "chat" => chat.is_some_and(|chat| chats.contains(&chat)),
                    "workspace" => true,
                    "users" => listed && chat.is_none_or(|chat| chats.contains(&chat)),
                    _ => false,
                },
            };
            if sees {
                sight.visible.push(row.id);
            }
        }
        sight
    }

    fn comes(&mut self, chats: &mut HashSet<Uuid>, chat: Uuid, id: i64, at: Time) -> bool {
        self.arrivals.entry(chat).or_default().push((id, at));
        chats.insert(chat);
        true
    }

    fn goes(&mut self, chats: &mut HashSet<Uuid>, chat: Uuid, id: i64, at: Time) -> bool {
        let was_in = chats.remove(&chat);
        if was_in {
            self.departures.entry(chat).or_default().push((id, at));
        }
        was_in
    }

    pub fn sees(&self, position: i64) -> bool {
        self.visible.binary_search(&position).is_ok()
    }

    /// When the person first left the chat of `row` after it. None: never.
    pub fn left_after(&self, row: &ArchivedRow) -> Option<Time> {
        let departures = row.chat_id.and_then(|chat| self.departures.get(&chat))?;
        departures.iter().find(|(id, _)| *id > row.id).map(|(_, at)| *at)
    }

    /// Whether the person was certainly in a chat from one time to another. Rows have a time before
    /// their commit.
    pub fn was_in(&self, chat: Uuid, from: Time, to: Time) -> bool {
        let before = |of: &HashMap<Uuid, Vec<(i64, Time)>>, time: Time| {
            of.get(&chat).into_iter().flatten().filter(|(_, at)| *at <= time).count()
        };
        before(&self.arrivals, from) > before(&self.departures, to)
    }

    /// Whether the person may have come into a chat before a time.
    pub fn came_before(&self, chat: Uuid, time: Time) -> bool {
        self.arrivals.get(&chat).into_iter().flatten().any(|(_, at)| *at <= time)
    }

    /// Whether a server at position `known` must withhold `row`: the person had left the chat.
    /// Joining again does not bring back the time before.
    pub fn must_be_withheld(&self, row: &ArchivedRow, known: i64) -> bool {
        let Some(chat) = row.chat_id else { return false };
        // The event that removes the person from the chat is for the person.
        if matches!(row.kind.as_str(), "member.left" | "chat.deleted") {
            return false;
        }
        let departures = self.departures.get(&chat).into_iter().flatten();
        departures.into_iter().any(|(id, _)| *id > row.id && *id <= known)
    }

    /// The chats of the person at a position.
    pub fn chats_at(&self, position: i64) -> impl Iterator<Item = Uuid> {
        let count = move |of: &HashMap<Uuid, Vec<(i64, Time)>>, chat: &Uuid| {
            of.get(chat).into_iter().flatten().filter(|(id, _)| *id <= position).count()
        };
        let is_in = move |chat: &&Uuid| count(&self.arrivals, chat) > count(&self.departures, chat);
        self.arrivals.keys().filter(is_in).copied()
    }
}
