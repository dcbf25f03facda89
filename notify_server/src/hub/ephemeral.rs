//! Hands out what is true only now. It needs no place in the log: a notice that comes while its
//! workspace is not in memory, or is about a chat whose members this server does not know yet, is
//! ignored.

use chat_core::{
    Shard,
    ephemeral::{Interest, Notice, Typing},
};

use super::Hub;
use crate::{frame::Shared, outgoing::Outgoing, stream::Offered};

impl Hub {
    /// Takes the payload of a NOTIFY.
    pub fn hear(&self, payload: &str) {
        match serde_json::from_str::<Notice>(payload) {
            Ok(Notice::Typing(typing)) => self.tell_typing(&typing),
            Ok(Notice::Interest(interest)) => self.set_interest(interest),
            // Also a notice that only a newer chat_server knows.
            Err(_) => {
                self.metrics.ephemeral_malformed.inc();
            }
        }
    }

    /// Tells the members of the chat, but not the one who types.
    fn tell_typing(&self, typing: &Typing) {
        let state = self.lock(Shard::of(typing.workspace));
        let Some(workspace) = state.workspaces.get(&typing.workspace) else { return };
        if !workspace.is_member(typing.user, typing.chat) {
            return;
        }
        let mut frames = Shared::new(|encoding| Outgoing::typing(typing).encode(encoding));
        for stream in workspace.streams_of_chat(typing.chat).filter(|stream| stream.user != typing.user) {
            match stream.offer_ephemeral(typing.chat, frames.get(stream.encoding)) {
                Offered::Queued => {
                    self.metrics.ephemeral_delivered.inc();
                }
                Offered::NoRoom => {
                    self.metrics.ephemeral_dropped.inc();
                }
                Offered::Overflowed | Offered::Passed => {}
            }
        }
    }

    /// The stream may be on another server, or belong to another user.
    fn set_interest(&self, interest: Interest) {
        let state = self.lock(Shard::of(interest.workspace));
        let Some(workspace) = state.workspaces.get(&interest.workspace) else { return };
        if let Some(stream) = workspace.stream(interest.user, interest.stream) {
            stream.set_interest(interest);
        }
    }
}
