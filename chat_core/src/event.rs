//! Which events there are, and what each one means to those who read the log: [`EventKind::effect`]
//! is the one table.
//!
//! The servers ask the table and match no kinds themselves, so that a new kind is complete once it
//! has its row here. The database's triggers write the events; docs/events.md shows each.

/// The NOTIFY channel. Its payload is a list of shard numbers, only a hint of where to look.
pub const DOORBELL_CHANNEL: &str = "parlor_log";

/// What happened. `as_str` is the `event:` line of a frame and the `type` in its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    MessageNew,
    MessageEdited,
    MessageDeleted,
    ReactionAdded,
    ReactionRemoved,
    MessagePinned,
    MessageUnpinned,
    MessageSaved,
    MessageUnsaved,
    ThreadUpdated,
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
    pub const ALL: [Self; 23] = [
        Self::MessageNew,
        Self::MessageEdited,
        Self::MessageDeleted,
        Self::ReactionAdded,
        Self::ReactionRemoved,
        Self::MessagePinned,
        Self::MessageUnpinned,
        Self::MessageSaved,
        Self::MessageUnsaved,
        Self::ThreadUpdated,
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
            Self::ReactionAdded => "reaction.added",
            Self::ReactionRemoved => "reaction.removed",
            Self::MessagePinned => "message.pinned",
            Self::MessageUnpinned => "message.unpinned",
            Self::MessageSaved => "message.saved",
            Self::MessageUnsaved => "message.unsaved",
            Self::ThreadUpdated => "thread.updated",
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

    /// None for a kind that a newer chat_server writes: see [`Effect::of`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// What the event means. `user`, `users`, `chat` and `session` are the columns of its row in
    /// the log.
    #[expect(clippy::too_many_lines, reason = "one row for each kind")]
    pub fn effect(self) -> Effect {
        match self {
            Self::MessageNew => Effect {
                invalidates: &[Cached::Chat, Cached::Memberships],
                ..Effect::only_told_to(Audience::Chat)
            },
            Self::MessageEdited | Self::MessageDeleted => Effect {
                invalidates: &[Cached::Chat, Cached::Memberships],
                erases_text: true,
                ..Effect::only_told_to(Audience::Chat)
            },
            Self::ChatCreated => Effect {
                membership: Membership::Begins,
                invalidates: &[Cached::Memberships],
                changes_may: MayChange::InChat,
                ..Effect::only_told_to(Audience::Users)
            },
            // It may be to the message that the list shows. The kind of a chat never changes, and nothing
            // else of it decides who may do what.
            Self::ReactionAdded
            | Self::ReactionRemoved
            | Self::MessagePinned
            | Self::MessageUnpinned
            | Self::ChatUpdated => {
                Effect { invalidates: &[Cached::Chat], ..Effect::only_told_to(Audience::Chat) }
            }
            // No cache has threads, or what is of one viewer alone.
            Self::ThreadUpdated | Self::MessageSaved | Self::MessageUnsaved => {
                Effect::only_told_to(Audience::Users)
            }
            // Nothing is left in which anyone may do anything.
            Self::ChatDeleted => Effect {
                membership: Membership::Ends,
                invalidates: &[Cached::Chat, Cached::Memberships],
                ..Effect::only_told_to(Audience::Chat)
            },
            Self::ChatRead => Effect {
                invalidates: &[Cached::Chat, Cached::Memberships],
                ..Effect::only_told_to(Audience::Users)
            },
            Self::MemberJoined => Effect {
                membership: Membership::Joins,
                invalidates: &[Cached::Chat, Cached::Memberships],
                changes_may: MayChange::OfMember,
                ..Effect::only_told_to(Audience::Chat)
            },
            Self::MemberLeft => Effect {
                membership: Membership::Leaves,
                invalidates: &[Cached::Chat, Cached::Memberships],
                changes_may: MayChange::OfMember,
                ..Effect::only_told_to(Audience::Chat)
            },
            Self::MemberUpdated => Effect {
                invalidates: &[Cached::Chat, Cached::Memberships],
                changes_may: MayChange::OfMember,
                ..Effect::only_told_to(Audience::Chat)
            },
            // Until they have joined, nothing about them is cached.
            Self::UserJoined | Self::WorkspaceUpdated => Effect::only_told_to(Audience::Workspace),
            Self::UserUpdated => Effect {
                access: Access::UserMayReturn,
                invalidates: &[Cached::SessionsOfUser],
                changes_may: MayChange::OfUser,
                ..Effect::only_told_to(Audience::Workspace)
            },
            Self::UserDeactivated => Effect {
                access: Access::UserEnds,
                invalidates: &[Cached::SessionsOfUser],
                changes_may: MayChange::OfUser,
                ..Effect::only_told_to(Audience::Workspace)
            },
            Self::SessionRevoked => Effect {
                access: Access::SessionEnds,
                invalidates: &[Cached::Session],
                ..Effect::only_told_to(Audience::Users)
            },
            Self::Tick => Effect::only_told_to(Audience::Nobody),
        }
    }
}

/// What an event means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    /// The writer of the event writes this into the column `audience` of its row, and the row
    /// decides.
    pub audience: Audience,
    pub membership: Membership,
    pub access: Access,
    /// What a cache of the database must forget.
    pub invalidates: &'static [Cached],
    pub changes_may: MayChange,
    /// The text of its message is to be taken out of the events before it, too.
    pub erases_text: bool,
}

impl Effect {
    /// Of a row of the log. A kind that only a newer server knows goes to the audience that its row
    /// names, and no cache survives it.
    pub fn of(kind: &str, audience: Audience) -> Self {
        match EventKind::parse(kind) {
            Some(kind) => Self { audience, ..kind.effect() },
            None => Self { invalidates: &[Cached::Everything], ..Self::only_told_to(audience) },
        }
    }

    fn only_told_to(audience: Audience) -> Self {
        Self {
            audience,
            membership: Membership::Unchanged,
            access: Access::Unchanged,
            invalidates: &[],
            changes_may: MayChange::Nowhere,
            erases_text: false,
        }
    }
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
    /// As in the column `audience` of the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Workspace => "workspace",
            Self::Users => "users",
            Self::Nobody => "none",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Chat, Self::Workspace, Self::Users, Self::Nobody].into_iter().find(|a| a.as_str() == text)
    }
}

/// How an event changes who is in its `chat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    Unchanged,
    /// The chat is new, with `users` as its members.
    Begins,
    /// `user` comes in.
    Joins,
    /// `user` is in it no more.
    Leaves,
    /// The chat is gone.
    Ends,
}

impl Membership {
    /// Whether people come into the chat.
    pub fn adds_members(self) -> bool {
        match self {
            Self::Begins | Self::Joins => true,
            Self::Unchanged | Self::Leaves | Self::Ends => false,
        }
    }
}

/// How an event changes who may have a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Unchanged,
    /// `session` is over.
    SessionEnds,
    /// `user` is deactivated.
    UserEnds,
    /// `user` may have been activated again: the payload says.
    UserMayReturn,
}

/// A cached value that an event makes stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cached {
    /// `chat`, with its newest message.
    Chat,
    /// The list of chats of `user` and of each of `users`.
    Memberships,
    /// `session`.
    Session,
    /// Every session of `user`.
    SessionsOfUser,
    Everything,
}

/// Whose permissions in which chats an event can change. After one that can, a client asks for its
/// `may` again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MayChange {
    Nowhere,
    /// Everyone's, in `chat`.
    InChat,
    /// Those of `user`, in `chat`.
    OfMember,
    /// Those of `user`, in every chat.
    OfUser,
}

impl MayChange {
    /// The extension `x-changes-may` of the event's schema in the OpenAPI document.
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Nowhere => None,
            Self::InChat => Some("chat"),
            Self::OfMember => Some("member"),
            Self::OfUser => Some("user"),
        }
    }
}

/// Frames that are not in the log: they say something about the stream itself.
pub mod control {
    use serde::{Deserialize, Serialize};

    /// First frame of each stream; carries the cursor that the stream goes on from.
    pub const CONNECTED: &str = "connected";
    /// About every 25 s when nothing else is sent; carries the current cursor.
    pub const HEARTBEAT: &str = "heartbeat";
    /// The cursor cannot be continued: take a new snapshot from `/api/sync`.
    pub const RESET: &str = "reset";

    pub const ALL: [&str; 3] = [CONNECTED, HEARTBEAT, RESET];

    /// Why a stream cannot go on from a client's cursor.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
    #[serde(rename_all = "snake_case")]
    pub enum ResetReason {
        /// There is no such event: older than retention, or lost in a failover.
        Unknown,
        /// Events after the cursor are older than retention.
        Expired,
        /// The database was restored from a backup.
        OtherGeneration,
        /// The cursor is from another workspace.
        OtherWorkspace,
        /// That is no cursor.
        Malformed,
        /// The server lost track of the log.
        Gap,
        /// An event for this client cannot be shown.
        UnreadableEvent,
    }

    impl ResetReason {
        pub const ALL: [Self; 7] = [
            Self::Unknown,
            Self::Expired,
            Self::OtherGeneration,
            Self::OtherWorkspace,
            Self::Malformed,
            Self::Gap,
            Self::UnreadableEvent,
        ];

        /// As in JSON.
        pub fn as_str(self) -> &'static str {
            match self {
                Self::Unknown => "unknown",
                Self::Expired => "expired",
                Self::OtherGeneration => "other_generation",
                Self::OtherWorkspace => "other_workspace",
                Self::Malformed => "malformed",
                Self::Gap => "gap",
                Self::UnreadableEvent => "unreadable_event",
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_name_and_is_read_back() {
        for (index, kind) in EventKind::ALL.into_iter().enumerate() {
            assert_eq!(EventKind::parse(kind.as_str()), Some(kind));
            assert_eq!(kind as usize, index);
        }
        // The last variant: none is left out of `ALL`.
        assert_eq!(EventKind::ALL.len(), EventKind::Tick as usize + 1);
    }

    #[test]
    fn the_columns_of_the_table_agree() {
        for kind in EventKind::ALL {
            let effect = kind.effect();
            if effect.membership != Membership::Unchanged {
                assert!(effect.invalidates.contains(&Cached::Memberships), "{kind:?}");
                let may = effect.changes_may != MayChange::Nowhere;
                assert!(may || effect.membership == Membership::Ends, "{kind:?}");
            }
            let session = match effect.access {
                Access::Unchanged => None,
                Access::SessionEnds => Some(Cached::Session),
                Access::UserEnds | Access::UserMayReturn => Some(Cached::SessionsOfUser),
            };
            assert!(session.is_none_or(|session| effect.invalidates.contains(&session)), "{kind:?}");
            assert_eq!(Audience::parse(effect.audience.as_str()), Some(effect.audience));
        }
    }

    #[test]
    fn reasons_are_spelled_alike_in_json_and_metrics() {
        for reason in control::ResetReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }

    #[test]
    fn a_kind_of_a_newer_server_goes_to_its_audience_and_empties_every_cache() {
        let effect = Effect::of("poll.closed", Audience::Chat);
        assert_eq!((effect.audience, effect.invalidates), (Audience::Chat, &[Cached::Everything][..]));
        assert_eq!((effect.membership, effect.access), (Membership::Unchanged, Access::Unchanged));
        let known = Effect::of("member.joined", Audience::Workspace);
        assert_eq!((known.audience, known.membership), (Audience::Workspace, Membership::Joins));
    }
}
