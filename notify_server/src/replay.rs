//! Which events after a cursor a returning user is to get: those that they could see when they happened, and that are of
//! chats they are in now. What a chat said before they were removed from it is not shown to them any more.

use std::collections::HashSet;

use chat_core::{ChatId, EventKind, UserId, WorkspaceId, event::Audience};

use crate::{
    ring::Entry,
    workspace::{Workspace, membership_change},
};

/// A walk along the log for one user.
pub struct Replay {
    user: UserId,
    workspace: WorkspaceId,
    /// The last event that was looked at.
    pub cursor: i64,
    /// What the user was a member of at `cursor`.
    chats: HashSet<ChatId>,
}

impl Replay {
    pub fn new(user: UserId, workspace: WorkspaceId, cursor: i64, chats_then: HashSet<ChatId>) -> Self {
        Self { user, workspace, cursor, chats: chats_then }
    }

    /// Moves on over `entry`. Whether it is for the user; `now` says what they are a member of by now.
    pub fn passes(&mut self, entry: &Entry, now: &Workspace) -> bool {
        self.cursor = entry.id;
        if entry.workspace != Some(self.workspace) {
            return false;
        }
        let was_member = entry.chat.is_some_and(|chat| self.chats.contains(&chat));
        let is_member = entry.chat.is_some_and(|chat| now.is_member(self.user, chat));
        if let Some(change) = membership_change(entry, self.user) {
            if change.joined {
                self.chats.insert(change.chat_id);
                return is_member;
            }
            self.chats.remove(&change.chat_id);
            return was_member;
        }
        match entry.audience {
            Audience::Nobody => false,
            Audience::Workspace => true,
            Audience::Users => {
                entry.users.contains(&self.user) && (entry.chat.is_none() || (was_member && is_member))
            }
            Audience::Chat if entry.kind == Some(EventKind::ChatDeleted) => was_member,
            Audience::Chat => was_member && is_member,
        }
    }

    /// What the user was a member of at the cursor.
    pub fn chats(&self) -> Vec<ChatId> {
        self.chats.iter().copied().collect()
    }
}
