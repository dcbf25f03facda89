//! The wire contract of the stream: which events there are. Their payloads are rendered by the database's triggers, in
//! the shapes that REST gives the same things; docs/events.md shows each.

/// The NOTIFY channel. Its payload is a list of shard numbers, only a hint of where to look.
pub const DOORBELL_CHANNEL: &str = "parlor_log";

/// What happened. `as_str` is the `event:` line of a frame and the `type` in its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    MessageNew,
    MessageEdited,
    MessageDeleted,
    ChatCreated,
    ChatUpdated,
    ChatDeleted,
    ChatRead,
    MemberJoined,
    MemberLeft,
    MemberUpdated,
    UserJoined,
    UserUpdated,
    UserDeactivated,
    WorkspaceUpdated,
    SessionRevoked,
    /// In the log alone: a sign of life, sent to nobody.
    Tick,
}

impl EventKind {
    pub const ALL: [Self; 16] = [
        Self::MessageNew,
        Self::MessageEdited,
        Self::MessageDeleted,
        Self::ChatCreated,
        Self::ChatUpdated,
        Self::ChatDeleted,
        Self::ChatRead,
        Self::MemberJoined,
        Self::MemberLeft,
        Self::MemberUpdated,
        Self::UserJoined,
        Self::UserUpdated,
        Self::UserDeactivated,
        Self::WorkspaceUpdated,
        Self::SessionRevoked,
        Self::Tick,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::MessageNew => "message.new",
            Self::MessageEdited => "message.edited",
            Self::MessageDeleted => "message.deleted",
            Self::ChatCreated => "chat.created",
            Self::ChatUpdated => "chat.updated",
            Self::ChatDeleted => "chat.deleted",
            Self::ChatRead => "chat.read",
            Self::MemberJoined => "member.joined",
            Self::MemberLeft => "member.left",
            Self::MemberUpdated => "member.updated",
            Self::UserJoined => "user.joined",
            Self::UserUpdated => "user.updated",
            Self::UserDeactivated => "user.deactivated",
            Self::WorkspaceUpdated => "workspace.updated",
            Self::SessionRevoked => "session.revoked",
            Self::Tick => "tick",
        }
    }

    /// None for a kind that a newer chat_server writes: such a row is passed on by its audience alone.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Frames that are not in the log: they say something about the stream itself.
pub mod control {
    /// First frame of each stream; carries the cursor that the stream goes on from.
    pub const CONNECTED: &str = "connected";
    /// About every 25 s when nothing else is sent; carries the current cursor.
    pub const HEARTBEAT: &str = "heartbeat";
    /// The cursor cannot be continued: take a new snapshot from `/api/sync`.
    pub const RESET: &str = "reset";
}

/// Who gets an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The members of its chat, and the user it is about (who may just have left).
    Chat,
    Workspace,
    /// The users it lists.
    Users,
    Nobody,
}

impl Audience {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "chat" => Some(Self::Chat),
            "workspace" => Some(Self::Workspace),
            "users" => Some(Self::Users),
            "none" => Some(Self::Nobody),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_name_and_is_read_back() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::parse(kind.as_str()), Some(kind));
        }
    }
}
