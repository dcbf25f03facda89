//! Which events after a cursor a returning user is to get: those that they could see when they happened, of chats that they
//! have not left since. What a chat said before they were removed from it is not shown to them any more, not even if they
//! have come back to it: of each stay they get what comes first, up to where their leaving became known, and no more. So
//! nothing of a stay comes to a client that was not told of its beginning, wherever between two pages, or between two
//! connections, the leaving and coming back has happened.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chat_core::{
    ChatId, UserId, WorkspaceId,
    event::{Audience, Membership},
};
use event_log::read::MembershipChange;

use crate::{
    frame::Frame,
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
    /// How far the hub had come when something was last withheld for a leaving, and those who gave the first cursor.
    pub judged_at: i64,
    /// The last time that they came into each chat between the first cursor and the beginning of this walk.
    joined: HashMap<ChatId, i64>,
}

impl Replay {
    /// From `cursor` on, before which it was judged by what was known at `judged_at`. `now` is what the user is a member of after `changes`, which are all that came after the cursor.
    pub fn new(
        user: UserId,
        workspace: WorkspaceId,
        cursor: i64,
        judged_at: i64,
        now: HashSet<ChatId>,
        changes: impl IntoIterator<Item = MembershipChange>,
    ) -> Self {
        let mut chats = now;
        let mut joined = HashMap::new();
        let mut seen = HashSet::new();
        for change in changes {
            // The first change of a chat tells what was before it.
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
        Self { user, workspace, cursor, chats, judged_at, joined }
    }

    /// Moves on over `entry`. Whether it is for the user; `now` says what they are a member of by now, which is at `head`.
    pub fn passes(&mut self, entry: &Entry, now: &Workspace, head: i64) -> bool {
        self.cursor = entry.id;
        if entry.workspace != Some(self.workspace) {
            return false;
        }
        let was_member = entry.chat.is_some_and(|chat| self.chats.contains(&chat));
        let stays = entry.chat.is_some_and(|chat| self.stays(chat, entry.id, now));
        let comes_in = membership_change(entry, self.user).is_some_and(|change| change.joined);
        if (was_member || comes_in) && !stays {
            self.judged_at = head;
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

    /// A frame as this client is to get it.
    pub fn frame(&self, frame: &Arc<Frame>) -> Arc<Frame> {
        if self.judged_at > frame.id { Arc::new(frame.judged_at(self.judged_at)) } else { Arc::clone(frame) }
    }

    /// Whether the user is in the chat and has not left it since the event `id`.
    fn stays(&self, chat: ChatId, id: i64, now: &Workspace) -> bool {
        // The hub knows when they came in if it has seen it, else it was before this walk began.
        let joined = self.joined.get(&chat).copied().unwrap_or(0);
        now.member_since(self.user, chat).is_some_and(|since| since.max(joined) <= id)
    }

    /// What the user was a member of at the cursor.
    pub fn chats(&self) -> Vec<ChatId> {
        self.chats.iter().copied().collect()
    }
}
