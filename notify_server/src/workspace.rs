//! One workspace in memory: the members of its chats as of the shard's position, and its open
//! streams.
//!
//! It follows the same log that feeds the streams. So on every server, a member who is removed by
//! event N does not get event N + 1.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use chat_core::{
    ChatId, SessionId, UserId,
    ephemeral::StreamId,
    event::{Access, Membership},
};
use event_log::read::MembershipChange;
use serde_json::Value;
use tokio::time::Instant;

use crate::{ring::Entry, stream::Stream};

/// Open streams by their id.
type Streams = HashMap<StreamId, Arc<Stream>>;

/// Members and streams of one workspace.
#[derive(Default)]
pub struct Workspace {
    /// Each chat with the event by which the membership began; 0: before the workspace was loaded.
    /// A deleted chat stays for as long as the log may hold its events.
    chats_of: HashMap<UserId, HashMap<ChatId, i64>>,
    /// When this server learnt of each deletion.
    deleted: HashMap<ChatId, Instant>,
    inactive: HashSet<UserId>,
    /// Sessions whose access tokens may not have expired yet.
    revoked: HashMap<SessionId, Instant>,
    /// Whose sessions are, as the database said, and when they last had a stream.
    sessions: HashMap<(SessionId, UserId), Instant>,
    streams_of_chat: HashMap<ChatId, Streams>,
    streams_of_user: HashMap<UserId, Streams>,
    /// Since when the workspace has no stream.
    pub idle_since: Option<Instant>,
}

impl Workspace {
    /// As loaded from the database.
    pub fn new(
        members: impl IntoIterator<Item = (UserId, ChatId)>,
        deleted: HashSet<ChatId>,
        inactive: HashSet<UserId>,
        revoked: HashSet<SessionId>,
    ) -> Self {
        let mut chats_of: HashMap<UserId, HashMap<ChatId, i64>> = HashMap::new();
        for (user, chat) in members {
            chats_of.entry(user).or_default().insert(chat, 0);
        }
        let now = Instant::now();
        let revoked = revoked.into_iter().map(|session| (session, now)).collect();
        let deleted = deleted.into_iter().map(|chat| (chat, now)).collect();
        Self { chats_of, deleted, inactive, revoked, idle_since: Some(now), ..Self::default() }
    }

    /// The same workspace, in which these sessions are known to be their users'.
    #[must_use]
    pub fn with_sessions(mut self, sessions: impl IntoIterator<Item = (SessionId, UserId)>) -> Self {
        let now = Instant::now();
        self.sessions.extend(sessions.into_iter().map(|session| (session, now)));
        self
    }

    /// Notes that a session is the user's, after the database has said so.
    pub fn know(&mut self, session: SessionId, user: UserId) {
        self.sessions.insert((session, user), Instant::now());
    }

    /// Whether a session is known to be the user's. It may have ended: see [`Self::admits`].
    pub fn knows(&mut self, session: SessionId, user: UserId) -> bool {
        self.sessions.get_mut(&(session, user)).map(|used| *used = Instant::now()).is_some()
    }

    /// Drops what is known of sessions that had no new stream for some time; the database is asked
    /// again when they come back.
    pub fn forget_sessions(&mut self, idle: Duration) {
        self.sessions.retain(|_, used| used.elapsed() < idle);
    }

    /// Whether the bearer of a token may have a stream.
    pub fn admits(&self, user: UserId, session: SessionId) -> bool {
        !self.inactive.contains(&user) && !self.revoked.contains_key(&session)
    }

    /// Applies an event to members, users and sessions.
    pub fn apply(&mut self, entry: &Entry) {
        if let Some(chat) = entry.chat {
            match entry.effect.membership {
                Membership::Unchanged => {}
                Membership::Begins => {
                    for user in &entry.users {
                        self.join(*user, chat, entry.cursor.id);
                    }
                }
                Membership::Joins => {
                    entry.user.iter().for_each(|user| self.join(*user, chat, entry.cursor.id));
                }
                Membership::Leaves => entry.user.iter().for_each(|user| self.leave(*user, chat)),
                Membership::Ends => {
                    self.deleted.insert(chat, Instant::now());
                    self.streams_of_chat.remove(&chat);
                }
            }
        }
        match entry.effect.access {
            Access::Unchanged => {}
            Access::SessionEnds => {
                self.revoked.extend(entry.session.map(|session| (session, Instant::now())));
                if let (Some(session), Some(user)) = (entry.session, entry.user) {
                    self.sessions.remove(&(session, user));
                }
            }
            Access::UserEnds => {
                self.inactive.extend(entry.user);
                // If the user returns, these give no access.
                self.sessions.retain(|(_, user), _| Some(*user) != entry.user);
            }
            Access::UserMayReturn => {
                if entry.user.is_some_and(|user| self.inactive.contains(&user)) {
                    let payload = serde_json::from_str::<Value>(&entry.payload).unwrap_or_default();
                    if payload["user"]["active"] == Value::Bool(true) {
                        entry.user.iter().for_each(|user| _ = self.inactive.remove(user));
                    }
                }
            }
        }
    }

    /// Drops the revoked sessions whose tokens have expired by now.
    pub fn forget_revoked(&mut self, token_life: Duration) {
        self.revoked.retain(|_, since| since.elapsed() < token_life);
    }

    /// Drops the deleted chats whose events the log no longer holds, with their members.
    pub fn forget_deleted(&mut self, log_life: Duration) {
        let is_over = |since: &Instant| since.elapsed() >= log_life;
        let over: HashSet<ChatId> =
            self.deleted.iter().filter(|(_, since)| is_over(since)).map(|(chat, _)| *chat).collect();
        if over.is_empty() {
            return;
        }
        self.deleted.retain(|chat, _| !over.contains(chat));
        for chats in self.chats_of.values_mut() {
            chats.retain(|chat, _| !over.contains(chat));
        }
        self.chats_of.retain(|_, chats| !chats.is_empty());
    }

    fn join(&mut self, user: UserId, chat: ChatId, since: i64) {
        self.chats_of.entry(user).or_default().insert(chat, since);
        if let Some(streams) = self.streams_of_user.get(&user) {
            let followers = self.streams_of_chat.entry(chat).or_default();
            followers.extend(streams.iter().map(|(id, stream)| (*id, Arc::clone(stream))));
        }
    }

    fn leave(&mut self, user: UserId, chat: ChatId) {
        if let Some(chats) = self.chats_of.get_mut(&user) {
            chats.remove(&chat);
        }
        let streams = self.streams_of_user.get(&user);
        if let (Some(streams), Some(followers)) = (streams, self.streams_of_chat.get_mut(&chat)) {
            followers.retain(|id, _| !streams.contains_key(id));
        }
        self.drop_empty(chat);
    }

    pub fn connect(&mut self, stream: &Arc<Stream>) {
        for chat in self.chats_of.get(&stream.user).into_iter().flat_map(HashMap::keys) {
            if !self.deleted.contains_key(chat) {
                self.streams_of_chat.entry(*chat).or_default().insert(stream.id, Arc::clone(stream));
            }
        }
        self.streams_of_user.entry(stream.user).or_default().insert(stream.id, Arc::clone(stream));
        self.idle_since = None;
    }

    pub fn disconnect(&mut self, stream: &Stream) {
        for chat in self.chats_of(stream.user) {
            if let Some(followers) = self.streams_of_chat.get_mut(&chat) {
                followers.remove(&stream.id);
            }
            self.drop_empty(chat);
        }
        if let Some(streams) = self.streams_of_user.get_mut(&stream.user) {
            streams.remove(&stream.id);
            if streams.is_empty() {
                self.streams_of_user.remove(&stream.user);
            }
        }
        if self.streams_of_user.is_empty() {
            self.streams_of_user.shrink_to_fit();
            self.idle_since = Some(Instant::now());
        }
    }

    fn drop_empty(&mut self, chat: ChatId) {
        if self.streams_of_chat.get(&chat).is_some_and(HashMap::is_empty) {
            self.streams_of_chat.remove(&chat);
        }
    }

    pub fn streams_of_chat(&self, chat: ChatId) -> impl Iterator<Item = &Arc<Stream>> {
        self.streams_of_chat.get(&chat).into_iter().flat_map(HashMap::values)
    }

    pub fn streams_of_user(&self, user: UserId) -> impl Iterator<Item = &Arc<Stream>> {
        self.streams_of_user.get(&user).into_iter().flat_map(HashMap::values)
    }

    pub fn stream(&self, user: UserId, id: StreamId) -> Option<&Arc<Stream>> {
        self.streams_of_user.get(&user)?.get(&id)
    }

    pub fn streams(&self) -> impl Iterator<Item = &Arc<Stream>> {
        self.streams_of_user.values().flat_map(HashMap::values)
    }

    /// Whether the user is a member of the chat now, and it is not deleted.
    pub fn is_member(&self, user: UserId, chat: ChatId) -> bool {
        self.member_since(user, chat).is_some()
    }

    /// The event by which the user joined the chat, if they are in it now; 0: before the workspace
    /// was loaded.
    pub fn member_since(&self, user: UserId, chat: ChatId) -> Option<i64> {
        let since = self.chats_of.get(&user)?.get(&chat)?;
        (!self.deleted.contains_key(&chat)).then_some(*since)
    }

    /// All of a user's chats now, deleted ones included.
    pub fn chats_of(&self, user: UserId) -> HashSet<ChatId> {
        self.chats_of.get(&user).into_iter().flat_map(HashMap::keys).copied().collect()
    }
}

/// How an event changes the memberships of `user`.
pub fn membership_change(entry: &Entry, user: UserId) -> Option<MembershipChange> {
    let chat_id = entry.chat?;
    let joined = match entry.effect.membership {
        Membership::Begins if entry.users.contains(&user) => true,
        Membership::Joins if entry.user == Some(user) => true,
        Membership::Leaves if entry.user == Some(user) => false,
        _ => return None,
    };
    Some(MembershipChange { id: entry.cursor.id, chat_id, joined })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn deleted_chats_and_revoked_sessions_are_forgotten_in_the_end() {
        let (ann, bob) = (UserId::generate(), UserId::generate());
        let (kept, gone) = (ChatId::generate(), ChatId::generate());
        let session = SessionId::generate();
        let members = [(ann, kept), (ann, gone), (bob, gone)];
        let mut workspace =
            Workspace::new(members, HashSet::from([gone]), HashSet::new(), HashSet::from([session]));
        let life = Duration::from_secs(100);
        tokio::time::advance(Duration::from_secs(99)).await;
        workspace.forget_deleted(life);
        workspace.forget_revoked(life);
        assert!(workspace.chats_of(bob).contains(&gone), "a replay may still come to its messages");
        assert!(!workspace.admits(ann, session));
        tokio::time::advance(Duration::from_secs(1)).await;
        workspace.forget_deleted(life);
        workspace.forget_revoked(life);
        assert!(workspace.deleted.is_empty() && !workspace.chats_of.contains_key(&bob));
        assert_eq!(workspace.chats_of(ann), HashSet::from([kept]));
        assert!(workspace.is_member(ann, kept) && !workspace.is_member(bob, gone));
        assert!(workspace.revoked.is_empty());
    }
}
