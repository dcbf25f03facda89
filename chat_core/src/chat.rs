//! The four kinds of chat and what each allows. Pure: adding a kind makes the compiler list every decision.

use serde::{Deserialize, Serialize};

/// What a chat is for, fixed when it is made: the people in it agreed to that kind of privacy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "text", rename_all = "snake_case"))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChatKind {
    /// Two people, exactly. Asking again for the same pair gives the same chat.
    Single,
    /// A few people, three or more with the creator.
    Group,
    /// A topic, by invitation.
    PrivateChannel,
    /// A topic that anyone in the workspace may find and join.
    PublicChannel,
}

/// Members that one request may name, for a new chat or to add or remove.
pub const MEMBERS_PER_REQUEST_MAX: usize = 100;

impl ChatKind {
    pub const ALL: [Self; 4] = [Self::Single, Self::Group, Self::PrivateChannel, Self::PublicChannel];

    /// Channels have a name, unique in their workspace; groups may have one.
    pub fn is_channel(self) -> bool {
        match self {
            Self::Single | Self::Group => false,
            Self::PrivateChannel | Self::PublicChannel => true,
        }
    }

    /// Whether a person may come in without being asked, and see the chat before that.
    pub fn is_open(self) -> bool {
        match self {
            Self::Single | Self::Group | Self::PrivateChannel => false,
            Self::PublicChannel => true,
        }
    }

    /// Whether it can be renamed, described, left and its members changed.
    pub fn is_changeable(self) -> bool {
        match self {
            Self::Single => false,
            Self::Group | Self::PrivateChannel | Self::PublicChannel => true,
        }
    }

    /// The fewest members, creator included, that it may be made with and cut down to by removing people. Leaving is
    /// always allowed: nobody is kept in a group.
    pub fn members_min(self) -> usize {
        match self {
            Self::Single => 2,
            Self::Group => 3,
            Self::PrivateChannel | Self::PublicChannel => 1,
        }
    }

    /// The most members, creator included, that it may be made with.
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
