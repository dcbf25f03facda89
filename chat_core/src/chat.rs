//! The four kinds of chat and what each allows. Every rule is an exhaustive `match`, so for a new
//! kind the compiler lists each decision.

use serde::{Deserialize, Serialize};

/// The kind of a chat. It never changes, since the members agreed to its kind of privacy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "text", rename_all = "snake_case"))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChatKind {
    /// Exactly two people. Creating it again for the same pair returns the same chat.
    Single,
    /// A few people, three or more with the creator.
    Group,
    /// A topic, by invitation.
    PrivateChannel,
    /// A topic that every member of the workspace may find and join.
    PublicChannel,
}

/// The most members that one request may name, to create a chat or to add or remove members.
pub const MEMBERS_PER_REQUEST_MAX: usize = 100;

impl ChatKind {
    pub const ALL: [Self; 4] = [Self::Single, Self::Group, Self::PrivateChannel, Self::PublicChannel];

    /// Channels have a name that is unique in their workspace; groups may have a name.
    pub fn is_channel(self) -> bool {
        match self {
            Self::Single | Self::Group => false,
            Self::PrivateChannel | Self::PublicChannel => true,
        }
    }

    /// Whether a person may find the chat and join it without an invitation.
    pub fn is_open(self) -> bool {
        match self {
            Self::Single | Self::Group | Self::PrivateChannel => false,
            Self::PublicChannel => true,
        }
    }

    /// Whether the chat can be renamed, described and left, and its members changed.
    pub fn is_changeable(self) -> bool {
        match self {
            Self::Single => false,
            Self::Group | Self::PrivateChannel | Self::PublicChannel => true,
        }
    }

    /// The fewest members, including the creator, at creation and after a removal. Leaving is
    /// allowed in any case.
    pub fn members_min(self) -> usize {
        match self {
            Self::Single => 2,
            Self::Group => 3,
            Self::PrivateChannel | Self::PublicChannel => 1,
        }
    }

    /// The most members, including the creator, at creation.
    pub fn members_max_at_creation(self) -> usize {
        match self {
            Self::Single => 2,
            Self::Group | Self::PrivateChannel | Self::PublicChannel => MEMBERS_PER_REQUEST_MAX + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_channels_need_names_and_only_public_ones_are_open() {
        assert_eq!(ChatKind::ALL.map(ChatKind::is_channel), [false, false, true, true]);
        assert_eq!(ChatKind::ALL.map(ChatKind::is_open), [false, false, false, true]);
    }

    #[test]
    fn sizes() {
        assert_eq!(ChatKind::ALL.map(ChatKind::members_min), [2, 3, 1, 1]);
        assert_eq!(ChatKind::Single.members_max_at_creation(), 2);
    }
}
