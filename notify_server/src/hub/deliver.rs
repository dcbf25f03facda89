//! Applies an event to a shard and hands it to the streams that may see it. The caller holds the
//! lock of the shard.

use std::sync::Arc;

use chat_core::event::{Access, Audience};

use super::ShardState;
use crate::{
    frame::{Encoding, Frame, Shared},
    metrics::Metrics,
    ring::Entry,
    stream::{Offered, Stream},
    workspace::Workspace,
};

impl ShardState {
    pub(super) fn apply(
        &mut self,
        entry: &Arc<Entry>,
        frames: &mut Shared<impl Fn(Encoding) -> Arc<Frame>>,
        metrics: &Metrics,
    ) {
        if entry.effect.erases_text {
            self.ring.scrub(entry);
        }
        let previous = self.ring.head().id;
        self.ring.push(Arc::clone(entry));
        let Some(workspace) = entry.workspace.and_then(|id| self.workspaces.get_mut(&id)) else { return };
        // The event of joining or leaving goes to the member whom it is about as well.
        let comes_in = entry.effect.membership.adds_members();
        if comes_in {
            workspace.apply(entry);
        }
        deliver(workspace, previous, entry, frames, metrics);
        if !comes_in {
            workspace.apply(entry);
        }
        match entry.effect.access {
            Access::Unchanged | Access::UserMayReturn => {}
            Access::SessionEnds => {
                for stream in entry.users.iter().flat_map(|user| workspace.streams_of_user(*user)) {
                    if Some(stream.session) == entry.session {
                        stream.close(None, false);
                    }
                }
            }
            Access::UserEnds => {
                for stream in entry.user.iter().flat_map(|user| workspace.streams_of_user(*user)) {
                    stream.close(None, false);
                }
            }
        }
    }
}

/// Hands an event to the live streams of its audience.
fn deliver(
    workspace: &Workspace,
    previous: i64,
    entry: &Entry,
    frames: &mut Shared<impl Fn(Encoding) -> Arc<Frame>>,
    metrics: &Metrics,
) {
    let mut offer = |stream: &Arc<Stream>| match stream.offer(previous, frames.get(stream.encoding)) {
        Offered::Queued => {
            metrics.delivered.inc();
        }
        Offered::Overflowed => {
            metrics.overflows.inc();
        }
        Offered::Passed | Offered::NoRoom => {}
    };
    match entry.effect.audience {
        Audience::Nobody => {}
        Audience::Workspace => workspace.streams().for_each(offer),
        Audience::Users => {
            for user in &entry.users {
                let may_see = entry.chat.is_none_or(|chat| workspace.is_member(*user, chat));
                if may_see {
                    workspace.streams_of_user(*user).for_each(&mut offer);
                }
            }
        }
        Audience::Chat => {
            if let Some(chat) = entry.chat {
                workspace.streams_of_chat(chat).for_each(offer);
            }
        }
    }
}
