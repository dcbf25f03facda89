//! Who may do what, as pure rules: roles in a workspace, roles in a chat, and a decision for each
//! action. Membership is a row in the database; these rules decide what that row allows. For sends,
//! `may_post` in `migrations/0005_send_messages.sql` repeats the rule of `Post`; a test compares them.

use serde::{Deserialize, Serialize};

use crate::{chat::ChatKind, ids::WorkspaceId};

/// A user's role in their workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "text", rename_all = "snake_case"))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WorkspaceRole {
    Member,
    Admin,
    Owner,
}

/// A member's role in one chat. A single chat has no owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "text", rename_all = "snake_case"))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChatRole {
    Owner,
    Member,
}

/// An action of a user on the workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkspaceAction {
    /// Create, list and withdraw invitations.
    Invite,
    /// Rename the workspace, or say who may join.
    Change,
    /// Change the role of a user who has `target` to `new`.
    ChangeRole { target: WorkspaceRole, new: WorkspaceRole },
    /// Deactivate or reactivate a user who has `target`.
    Deactivate { target: WorkspaceRole },
}

impl WorkspaceRole {
    /// Its name in the interface and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    pub fn may(self, action: WorkspaceAction) -> bool {
        match action {
            WorkspaceAction::Invite | WorkspaceAction::Change => self.is_admin(),
            WorkspaceAction::ChangeRole { target, new } => self.is_admin() && self >= target && self >= new,
            // An owner must be made a member first, so that one mistake cannot lock an owner out.
            WorkspaceAction::Deactivate { target } => self.is_admin() && target != Self::Owner,
        }
    }

    /// Whether who joins the workspace with this role becomes a member of its channels with
    /// `auto_join`. A role for guests, who see only the chats that they are put into, says no.
    pub fn is_auto_joined(self) -> bool {
        match self {
            Self::Member | Self::Admin | Self::Owner => true,
        }
    }

    pub fn is_admin(self) -> bool {
        match self {
            Self::Member => false,
            Self::Admin | Self::Owner => true,
        }
    }
}

/// What a user can do in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChatAction {
    /// See that it exists, its name and description.
    See,
    /// Read messages and the list of members.
    Read,
    Post,
    /// React to messages.
    React,
    /// Pin messages, and take pins away.
    Pin,
    /// Come in without being added.
    Join,
    /// An owner may leave too, after having transferred ownership.
    Leave,
    AddMembers,
    RemoveMembers,
    /// Name and description.
    Update,
    /// Decide whether those who join the workspace become members.
    SetAutoJoin,
    Delete,
    TransferOwnership,
    /// Delete another user's message. One's own may always be deleted.
    DeleteMessageOfOthers,
}

impl ChatAction {
    pub const ALL: [Self; 14] = [
        Self::See,
        Self::Read,
        Self::Post,
        Self::React,
        Self::Pin,
        Self::Join,
        Self::Leave,
        Self::AddMembers,
        Self::RemoveMembers,
        Self::Update,
        Self::SetAutoJoin,
        Self::Delete,
        Self::TransferOwnership,
        Self::DeleteMessageOfOthers,
    ];
}

/// The roles of a user towards a chat of their workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub kind: ChatKind,
    pub workspace_role: WorkspaceRole,
    /// None: not a member.
    pub chat_role: Option<ChatRole>,
}

impl Standing {
    /// Whether the user may do this. Workspace admins moderate public channels, and the private
    /// ones that they are in; other private chats are closed to them too.
    pub fn may(self, action: ChatAction) -> bool {
        let member = self.chat_role.is_some();
        let owner = self.chat_role == Some(ChatRole::Owner);
        let changeable = self.kind.is_changeable();
        let admin =
            self.workspace_role.is_admin() && self.kind.is_channel() && (member || self.kind.is_open());
        match action {
            ChatAction::See => member || self.kind.is_open(),
            ChatAction::Read | ChatAction::Post | ChatAction::React | ChatAction::Pin => member,
            ChatAction::Join => self.kind.is_open(),
            ChatAction::Leave | ChatAction::AddMembers => member && changeable,
            ChatAction::Update if self.kind == ChatKind::Group => member,
            ChatAction::RemoveMembers
            | ChatAction::Update
            | ChatAction::Delete
            | ChatAction::TransferOwnership => changeable && (owner || admin),
            // It concerns the whole workspace, so the channel's own owner does not decide it.
            ChatAction::SetAutoJoin => self.kind.is_open() && self.workspace_role.is_admin(),
            ChatAction::DeleteMessageOfOthers => self.kind.is_channel() && (owner || admin),
        }
    }

    /// All actions that the user may do. Clients get them as `may`.
    pub fn allowed(self) -> Vec<ChatAction> {
        ChatAction::ALL.into_iter().filter(|action| self.may(*action)).collect()
    }
}

/// Whether a user of the workspace `viewer` may know of a user of the workspace `person`. The SQL
/// function of the same name decides it in queries.
pub fn can_see_user(viewer: WorkspaceId, person: WorkspaceId) -> bool {
    viewer == person
}

#[cfg(test)]
mod tests {
    use super::*;
    use ChatAction as A;

    fn allowed(
        kind: ChatKind,
        workspace_role: WorkspaceRole,
        chat_role: Option<ChatRole>,
    ) -> Vec<ChatAction> {
        Standing { kind, workspace_role, chat_role }.allowed()
    }

    const OWNER: Option<ChatRole> = Some(ChatRole::Owner);
    const MEMBER: Option<ChatRole> = Some(ChatRole::Member);

    #[test]
    fn outsiders_see_public_channels_alone() {
        for kind in [ChatKind::Single, ChatKind::Group, ChatKind::PrivateChannel] {
            for role in [WorkspaceRole::Member, WorkspaceRole::Admin, WorkspaceRole::Owner] {
                assert_eq!(allowed(kind, role, None), [], "{kind:?} {role:?}");
            }
        }
        assert_eq!(allowed(ChatKind::PublicChannel, WorkspaceRole::Member, None), [A::See, A::Join]);
    }

    #[test]
    fn a_single_chat_is_for_talking_and_nothing_else() {
        for role in [WorkspaceRole::Member, WorkspaceRole::Owner] {
            assert_eq!(allowed(ChatKind::Single, role, MEMBER), [A::See, A::Read, A::Post, A::React, A::Pin]);
        }
    }

    #[test]
    fn members_talk_and_invite() {
        let talk = [A::See, A::Read, A::Post, A::React, A::Pin, A::Leave, A::AddMembers];
        assert_eq!(allowed(ChatKind::PrivateChannel, WorkspaceRole::Member, MEMBER), talk);
        let public = [A::See, A::Read, A::Post, A::React, A::Pin, A::Join, A::Leave, A::AddMembers];
        assert_eq!(allowed(ChatKind::PublicChannel, WorkspaceRole::Member, MEMBER), public);
        let group = [A::See, A::Read, A::Post, A::React, A::Pin, A::Leave, A::AddMembers, A::Update];
        assert_eq!(allowed(ChatKind::Group, WorkspaceRole::Owner, MEMBER), group);
    }

    #[test]
    fn owners_manage_and_admins_manage_channels_they_may_see() {
        let manage = [A::RemoveMembers, A::Update, A::Delete, A::TransferOwnership];
        for kind in [ChatKind::Group, ChatKind::PrivateChannel, ChatKind::PublicChannel] {
            let all = allowed(kind, WorkspaceRole::Member, OWNER);
            assert!(manage.iter().all(|a| all.contains(a)), "{kind:?}");
        }
        for (kind, role) in [(ChatKind::PublicChannel, None), (ChatKind::PrivateChannel, MEMBER)] {
            let all = allowed(kind, WorkspaceRole::Admin, role);
            assert!(manage.iter().all(|a| all.contains(a)), "{kind:?}");
        }
    }

    #[test]
    fn admins_alone_decide_which_public_channels_newcomers_are_in() {
        for kind in ChatKind::ALL {
            for workspace_role in [WorkspaceRole::Member, WorkspaceRole::Admin, WorkspaceRole::Owner] {
                for chat_role in [None, MEMBER, OWNER] {
                    let standing = Standing { kind, workspace_role, chat_role };
                    let expected = kind == ChatKind::PublicChannel && workspace_role != WorkspaceRole::Member;
                    assert_eq!(standing.may(A::SetAutoJoin), expected, "{standing:?}");
                    assert!(!expected || standing.may(A::Update), "{standing:?}");
                }
            }
        }
    }

    #[test]
    fn people_are_seen_within_their_workspace_alone() {
        let (acme, other) = (WorkspaceId::generate(), WorkspaceId::generate());
        assert!(can_see_user(acme, acme) && !can_see_user(acme, other));
    }

    #[test]
    fn workspace_roles() {
        use WorkspaceAction as W;
        use WorkspaceRole::{Admin, Member, Owner};
        assert!(!Member.may(W::Invite) && Admin.may(W::Invite) && Owner.may(W::Change));
        assert!(Admin.may(W::ChangeRole { target: Member, new: Admin }));
        assert!(!Admin.may(W::ChangeRole { target: Member, new: Owner }));
        assert!(!Admin.may(W::ChangeRole { target: Owner, new: Member }));
        assert!(Owner.may(W::ChangeRole { target: Member, new: Owner }));
        assert!(!Owner.may(W::Deactivate { target: Owner }) && Admin.may(W::Deactivate { target: Admin }));
        assert!(!Member.may(W::Deactivate { target: Member }));
    }
}
