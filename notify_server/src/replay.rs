//! Decides which events after a cursor a returning user gets: those that they could see when they
//! happened, of chats that they have not left since. `hub/catch_up.rs` reads the pages for it.
//!
//! Events of a chat from before the user left it are withheld, even if they have joined again. A
//! stay is the time from a join to the next leave. The invariant: a client gets no event of a stay
//! whose beginning it was not told, even if the leave and the join fall between two pages or two
//! connections.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chat_core::{
    ChatId, Cursor, UserId, WorkspaceId,
    event::{Audience, Membership},
};
use event_log::read::MembershipChange;

use crate::{
    frame::{Encoding, Frame},
    resume_point::ResumePoint,
    ring::Entry,
    workspace::{Workspace, membership_change},
};

/// A walk along the log for one user.
pub struct Replay {
    user: UserId,
    workspace: WorkspaceId,
    /// The last event that was looked at.
    pub cursor: i64,
    /// The user's chats at `cursor`.
    chats: HashSet<ChatId>,
    /// The newest event that the hub knew when an event was last withheld: see
    /// [`crate::resume_point`].
    pub filtered_as_of: i64,
    /// The event by which the user last joined each chat, between the cursor and the start of this
    /// walk.
    joined: HashMap<ChatId, i64>,
}

impl Replay {
    /// Starts after `cursor`. `now`: the user's chats today. `changes`: all joins and leaves since
    /// the cursor, from which the chats at the cursor are reconstructed. `filtered_as_of`: see
    /// [`crate::resume_point`].
    pub fn new(
        user: UserId,
        workspace: WorkspaceId,
        cursor: i64,
        filtered_as_of: i64,
        now: HashSet<ChatId>,
        changes: impl IntoIterator<Item = MembershipChange>,
    ) -> Self {
        let mut chats = now;
        let mut joined = HashMap::new();
        let mut seen = HashSet::new();
        for change in changes {
            // The first change of a chat tells whether the user was a member before.
            if seen.insert(change.chat_id) {
                if change.joined {
                    chats.remove(&change.chat_id);
                } else {
                    chats.insert(change.chat_id);
                }
            }
            if change.joined {
                joined.insert(change.chat_id, change.id);
            }
        }
        Self { user, workspace, cursor, chats, filtered_as_of, joined }
    }

    /// Moves past `entry` and returns whether the user gets it. `now`: the memberships at `head`.
    pub fn passes(&mut self, entry: &Entry, now: &Workspace, head: i64) -> bool {
        self.cursor = entry.cursor.id;
        if entry.workspace != Some(self.workspace) {
            return false;
        }
        let was_member = entry.chat.is_some_and(|chat| self.chats.contains(&chat));
        let stays = entry.chat.is_some_and(|chat| self.stays(chat, entry.cursor.id, now));
        let comes_in = membership_change(entry, self.user).is_some_and(|change| change.joined);
        if (was_member || comes_in) && !stays {
            self.filtered_as_of = head;
        }
        if let Some(change) = membership_change(entry, self.user) {
            if change.joined {
                self.chats.insert(change.chat_id);
                return stays;
            }
            self.chats.remove(&change.chat_id);
            return was_member;
        }
        match entry.effect.audience {
            Audience::Nobody => false,
            Audience::Workspace => true,
            Audience::Users => {
                entry.users.contains(&self.user) && (entry.chat.is_none() || (was_member && stays))
            }
            Audience::Chat if entry.effect.membership == Membership::Ends => was_member,
            Audience::Chat => was_member && stays,
        }
    }

    /// The frame with the resume point that this client needs.
    pub fn frame(&self, entry: &Entry, encoding: Encoding) -> Arc<Frame> {
        let at = self.resume_point(entry.cursor);
        if at == entry.cursor.into() { entry.frame(encoding) } else { entry.outgoing(at).encode(encoding) }
    }

    pub fn resume_point(&self, cursor: Cursor) -> ResumePoint {
        let filtered_as_of = if self.filtered_as_of > cursor.id { self.filtered_as_of } else { 0 };
        ResumePoint { cursor, filtered_as_of }
    }

    /// Whether the user is in the chat now and has not left it since the event `id`.
    fn stays(&self, chat: ChatId, id: i64, now: &Workspace) -> bool {
        // The hub knows the joins that it has seen; older ones are in `joined`.
        let joined = self.joined.get(&chat).copied().unwrap_or(0);
        now.member_since(self.user, chat).is_some_and(|since| since.max(joined) <= id)
    }

    /// The user's chats at the cursor.
    pub fn chats(&self) -> Vec<ChatId> {
        self.chats.iter().copied().collect()
    }
}
