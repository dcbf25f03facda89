//! What bears on security, in the log (target `security`) and in the table `security_events`: ids and
//! addresses, never a secret, a name or a text of people.

use std::net::IpAddr;

use chat_core::{AccountId, SessionId, UserId, WorkspaceId};
use sqlx::PgExecutor;
use tracing::{info, warn};

use crate::{
    auth::CurrentUser,
    client_address::ClientAddress,
    db::{self, security_events::NewSecurityEvent},
    state::AppState,
};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecurityKind {
    SignedUp,
    SignedIn,
    /// A wrong password, or an address that no account has.
    SignInFailed,
    SignedOut,
    /// A refresh token that was used before: it may be stolen. Its session was ended.
    RefreshTokenReused,
    SessionRevoked,
    RoleChanged,
    UserDeactivated,
    UserReactivated,
    InviteCreated,
    InviteRevoked,
    InviteUsed,
    /// The caller's role did not allow the request.
    Refused,
}

impl SecurityKind {
    pub const ALL: [Self; 13] = [
        Self::SignedUp,
        Self::SignedIn,
        Self::SignInFailed,
        Self::SignedOut,
        Self::RefreshTokenReused,
        Self::SessionRevoked,
        Self::RoleChanged,
        Self::UserDeactivated,
        Self::UserReactivated,
        Self::InviteCreated,
        Self::InviteRevoked,
        Self::InviteUsed,
        Self::Refused,
    ];

    /// Its name in the log and in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignedUp => "signed_up",
            Self::SignedIn => "signed_in",
            Self::SignInFailed => "sign_in_failed",
            Self::SignedOut => "signed_out",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::SessionRevoked => "session_revoked",
            Self::RoleChanged => "role_changed",
            Self::UserDeactivated => "user_deactivated",
            Self::UserReactivated => "user_reactivated",
            Self::InviteCreated => "invite_created",
            Self::InviteRevoked => "invite_revoked",
            Self::InviteUsed => "invite_used",
            Self::Refused => "refused",
        }
    }
}

/// Something that happened. Begin with [`SecurityEvent::new`] or [`SecurityEvent::by`].
#[derive(Clone, Copy, Debug)]
pub struct SecurityEvent {
    kind: SecurityKind,
    workspace: Option<WorkspaceId>,
    account: Option<AccountId>,
    user: Option<UserId>,
    about: Option<UserId>,
    session: Option<SessionId>,
    address: Option<IpAddr>,
    detail: &'static str,
}

impl SecurityEvent {
    /// By a caller who is not signed in.
    pub fn new(kind: SecurityKind, address: ClientAddress) -> Self {
        Self {
            kind,
            workspace: None,
            account: None,
            user: None,
            about: None,
            session: None,
            address: Some(address.full()),
            detail: "",
        }
    }

    /// By a caller who is signed in.
    pub fn by(user: &CurrentUser, kind: SecurityKind, address: ClientAddress) -> Self {
        Self {
            workspace: Some(user.workspace_id),
            account: Some(user.account_id),
            user: Some(user.id),
            session: Some(user.session_id),
            ..Self::new(kind, address)
        }
    }

    #[must_use]
    pub fn in_workspace(self, workspace: WorkspaceId) -> Self {
        Self { workspace: Some(workspace), ..self }
    }

    #[must_use]
    pub fn of_account(self, account: Option<AccountId>) -> Self {
        Self { account, ..self }
    }

    #[must_use]
    pub fn of_user(self, user: UserId, session: SessionId) -> Self {
        Self { user: Some(user), session: Some(session), ..self }
    }

    /// Whom it was done to.
    #[must_use]
    pub fn about(self, about: UserId) -> Self {
        Self { about: Some(about), ..self }
    }

    /// Plain words of the program.
    #[must_use]
    pub fn with(self, detail: &'static str) -> Self {
        Self { detail, ..self }
    }

    /// Logs and stores it, in the transaction of what it is about.
    pub async fn record(self, db: impl PgExecutor<'_>) -> sqlx::Result<()> {
        self.log();
        db::security_events::insert(db, &self.row()).await
    }

    /// The same where no transaction is. The request goes on if it cannot be stored.
    pub async fn record_aside(self, state: &AppState) {
        if let Err(e) = self.record(&state.db).await {
            warn!("a security event could not be stored: {e}");
        }
    }

    fn row(&self) -> NewSecurityEvent<'_> {
        NewSecurityEvent {
            kind: self.kind.as_str(),
            workspace_id: self.workspace,
            account_id: self.account,
            user_id: self.user,
            about_user_id: self.about,
            session_id: self.session,
            address: self.address,
            detail: self.detail,
        }
    }

    /// Logs it alone: what anybody may cause as often as they like takes no room in the table.
    pub fn log(&self) {
        let id = |id: Option<String>| id.unwrap_or_default();
        info!(
            target: "security",
            kind = self.kind.as_str(),
            workspace = id(self.workspace.map(|id| id.to_string())),
            account = id(self.account.map(|id| id.to_string())),
            user = id(self.user.map(|id| id.to_string())),
            about = id(self.about.map(|id| id.to_string())),
            session = id(self.session.map(|id| id.to_string())),
            address = id(self.address.map(|address| address.to_string())),
            detail = self.detail,
        );
    }
}
