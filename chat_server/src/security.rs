//! What bears on security, in the log (target `security`) and in the table `security_events`: ids and
//! addresses, never a secret, a name or a text of people.

use std::{borrow::Cow, net::IpAddr};

use axum::{
    extract::{FromRequestParts as _, MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use chat_core::{AccountId, SessionId, UserId, WorkspaceId};
use sqlx::PgExecutor;
use tracing::{info, warn};

use crate::{
    auth::{Caller, CurrentUser, FORBIDDEN},
    client_address::ClientAddress,
    db::{self, security_events::NewSecurityEvent},
    error::Problem,
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
    OtherSessionsRevoked,
    PasswordChanged,
    /// By a code that was mailed or handed over.
    PasswordReset,
    /// A wrong password of a user who is signed in.
    PasswordRefused,
    /// The new address is not confirmed yet.
    EmailChangeAsked,
    EmailChanged,
    EmailVerified,
    AccountExported,
    AccountDeleted,
    RoleChanged,
    UserDeactivated,
    UserReactivated,
    InviteCreated,
    InviteRevoked,
    InviteUsed,
    /// Who may join the workspace.
    EntryRulesChanged,
    ChatDeleted,
    /// A message of another person.
    MessageDeleted,
    /// Of a chat.
    OwnershipTransferred,
    OperatorMadeResetLink,
    OperatorVerifiedEmail,
    OperatorReleasedEmail,
    OperatorRemovedDemo,
    /// The caller's role did not allow the request.
    Refused,
}

impl SecurityKind {
    /// Its name in the log and in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignedUp => "signed_up",
            Self::SignedIn => "signed_in",
            Self::SignInFailed => "sign_in_failed",
            Self::SignedOut => "signed_out",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::SessionRevoked => "session_revoked",
            Self::OtherSessionsRevoked => "other_sessions_revoked",
            Self::PasswordChanged => "password_changed",
            Self::PasswordReset => "password_reset",
            Self::PasswordRefused => "password_refused",
            Self::EmailChangeAsked => "email_change_asked",
            Self::EmailChanged => "email_changed",
            Self::EmailVerified => "email_verified",
            Self::AccountExported => "account_exported",
            Self::AccountDeleted => "account_deleted",
            Self::RoleChanged => "role_changed",
            Self::UserDeactivated => "user_deactivated",
            Self::UserReactivated => "user_reactivated",
            Self::InviteCreated => "invite_created",
            Self::InviteRevoked => "invite_revoked",
            Self::InviteUsed => "invite_used",
            Self::EntryRulesChanged => "entry_rules_changed",
            Self::ChatDeleted => "chat_deleted",
            Self::MessageDeleted => "message_deleted",
            Self::OwnershipTransferred => "ownership_transferred",
            Self::OperatorMadeResetLink => "operator_made_reset_link",
            Self::OperatorVerifiedEmail => "operator_verified_email",
            Self::OperatorReleasedEmail => "operator_released_email",
            Self::OperatorRemovedDemo => "operator_removed_demo",
            Self::Refused => "refused",
        }
    }
}

/// Something that happened. Begin with [`SecurityEvent::new`] or [`SecurityEvent::by`].
#[derive(Clone, Debug)]
pub struct SecurityEvent {
    kind: SecurityKind,
    workspace: Option<WorkspaceId>,
    account: Option<AccountId>,
    user: Option<UserId>,
    about: Option<UserId>,
    session: Option<SessionId>,
    address: Option<IpAddr>,
    detail: Cow<'static, str>,
}

impl SecurityEvent {
    /// By a caller who is not signed in.
    pub fn new(kind: SecurityKind, address: ClientAddress) -> Self {
        Self { address: Some(address.full()), ..Self::by_operator(kind) }
    }

    /// By the operator, directly in the database.
    pub fn by_operator(kind: SecurityKind) -> Self {
        Self {
            kind,
            workspace: None,
            account: None,
            user: None,
            about: None,
            session: None,
            address: None,
            detail: Cow::Borrowed(""),
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

    /// Plain words of the program, or an id.
    #[must_use]
    pub fn with(self, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { detail: detail.into(), ..self }
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
            detail: &self.detail,
        }
    }

    fn log(&self) {
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
            detail = &*self.detail,
        );
    }
}

/// Middleware: records what people try that their role does not allow, up to a rate.
pub async fn record_refusals(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let caller = Caller::default();
    parts.extensions.insert(caller.clone());
    let operation = parts.extensions.get::<MatchedPath>().cloned();
    let method = parts.method.clone();
    let address = ClientAddress::from_request_parts(&mut parts, &state).await;
    let response = next.run(Request::from_parts(parts, body)).await;
    let is_refused = response.extensions().get::<Problem>().is_some_and(|problem| problem.code == FORBIDDEN);
    if is_refused
        && let (Some(user), Ok(address)) = (caller.user(), address)
        && state.limits.refusals.check(&user.account_id).is_ok()
    {
        // The path would have the codes of invitations in it.
        let route = operation.as_ref().map(MatchedPath::as_str).unwrap_or_default();
        let refused = SecurityEvent::by(user, SecurityKind::Refused, address);
        refused.with(format!("{method} {route}")).record_aside(&state).await;
    }
    response
}
