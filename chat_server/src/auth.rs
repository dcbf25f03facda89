//! Authentication and authorisation as values: a handler that needs a member of a chat takes a
//! [`ChatMember`].
//!
//! The extractors here authorise reads. A write is authorised in its own transaction, by
//! [`lock_chat`] or by the SQL of the write.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderValue, header, request::Parts},
};
use chat_core::{
    AccountId, ChatId, ChatKind, ChatRole, SessionId, UserId, WorkspaceId, WorkspaceRole,
    permission::{ChatAction, Standing, WorkspaceAction},
    token::{TokenError, VerifyError},
};
use serde::Deserialize;
use sqlx::PgConnection;

use crate::{
    client_address::ClientAddress,
    db::{self, chats::LockedChat},
    error::{ApiError, DATABASE_AWAY, Result},
    extract::ApiPath,
    state::AppState,
};

/// A signed-in, active user with a session that is not over.
#[derive(Clone, Copy, Debug)]
pub struct CurrentUser {
    pub id: UserId,
    pub workspace_id: WorkspaceId,
    pub account_id: AccountId,
    pub session_id: SessionId,
    /// May be slightly out of date; a write reads it again.
    pub role: WorkspaceRole,
    /// When the access token expires, in seconds since 1970. Nothing that is made from the token
    /// lives longer.
    pub token_expires: u64,
}

/// A [`CurrentUser`] whose request does not wait for their other requests: sends, which have a
/// queue of their own.
#[derive(Clone, Copy, Debug)]
pub struct Sender(pub CurrentUser);

impl FromRequestParts<AppState> for Sender {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let user = CurrentUser::identify(parts, state).await?;
        state.shares.take_turn(parts.extensions.get(), user.account_id, false).await;
        Ok(Self(user))
    }
}

impl FromRequestParts<AppState> for CurrentUser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let user = Self::identify(parts, state).await?;
        state.shares.take_turn(parts.extensions.get(), user.account_id, true).await;
        Ok(user)
    }
}

impl CurrentUser {
    async fn identify(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
        // Of two it would be in doubt who asks.
        let (Some(authorization), None) = (values.next(), values.next()) else {
            return Err(unauthenticated());
        };
        let claims = state.keys.verify(&state.db, token(authorization)?).await.map_err(refused_token)?;
        let bearer = state.caches.bearer(&state.db, claims.sid, claims.sub, claims.ws).await?;
        let bearer = bearer.ok_or(ApiError::Unauthenticated {
            code: "session_over",
            detail: "the session was ended or the user deactivated",
        })?;
        let user = Self {
            id: claims.sub,
            workspace_id: claims.ws,
            account_id: bearer.account_id,
            session_id: claims.sid,
            role: bearer.role,
            token_expires: claims.exp,
        };
        state.limits.requests.check(&user.account_id)?;
        Ok(user)
    }
}

fn refused_token(error: VerifyError) -> ApiError {
    match error {
        VerifyError::Refused(TokenError::Expired) => {
            ApiError::Unauthenticated { code: "token_expired", detail: "the access token has expired" }
        }
        VerifyError::Refused(TokenError::Invalid | TokenError::UnknownKey) => unauthenticated(),
        VerifyError::Unavailable => ApiError::Unavailable(DATABASE_AWAY),
    }
}

fn token(authorization: &HeaderValue) -> Result<&str> {
    let value = authorization.to_str().ok().and_then(|value| value.split_once(' '));
    value
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(unauthenticated)
}

fn unauthenticated() -> ApiError {
    ApiError::Unauthenticated {
        code: "unauthenticated",
        detail: "missing or invalid access token: send one as Authorization: Bearer",
    }
}

/// The error for a known user whose role does not allow the action.
pub fn forbidden() -> ApiError {
    ApiError::Forbidden { code: "forbidden", detail: "your role does not allow this" }
}

impl FromRequestParts<AppState> for ClientAddress {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::from([0, 0, 0, 0]), |ConnectInfo(address)| address.ip());
        Ok(Self::of_request(peer, &parts.headers, state.config.server.trusted_proxies))
    }
}

/// A chat that the caller may see, and the caller's roles in it.
#[derive(Clone, Copy, Debug)]
pub struct VisibleChat {
    pub user: CurrentUser,
    pub id: ChatId,
    pub standing: Standing,
}

#[derive(Deserialize)]
struct ChatPath {
    id: ChatId,
}

impl FromRequestParts<AppState> for VisibleChat {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let user = CurrentUser::from_request_parts(parts, state).await?;
        let ApiPath(ChatPath { id }) = ApiPath::from_request_parts(parts, state).await?;
        let found = db::chats::find_standing(&state.db, user.workspace_id, id, user.id).await?;
        let (kind, chat_role) = found.ok_or(ApiError::NotFound("chat"))?;
        let standing = Standing { kind, workspace_role: user.role, chat_role };
        require(standing, ChatAction::See)?;
        Ok(Self { user, id, standing })
    }
}

/// A chat that the caller is a member of, and so may read.
#[derive(Clone, Copy, Debug)]
pub struct ChatMember {
    pub user: CurrentUser,
    pub id: ChatId,
}

impl FromRequestParts<AppState> for ChatMember {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let chat = VisibleChat::from_request_parts(parts, state).await?;
        require(chat.standing, ChatAction::Read)?;
        Ok(Self { user: chat.user, id: chat.id })
    }
}

/// A chat in which the caller may post.
#[derive(Clone, Copy, Debug)]
pub struct ChatPoster {
    pub user: CurrentUser,
    pub id: ChatId,
}

impl FromRequestParts<AppState> for ChatPoster {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let chat = VisibleChat::from_request_parts(parts, state).await?;
        require(chat.standing, ChatAction::Post)?;
        Ok(Self { user: chat.user, id: chat.id })
    }
}

/// A chat that is locked in a transaction, in which the caller may do what was asked.
pub struct AuthorisedChat {
    pub kind: ChatKind,
    pub name: Option<String>,
    pub auto_join: bool,
    pub chat_role: Option<ChatRole>,
    pub member_count: i64,
}

/// Locks the chat and decides, in the caller's transaction, whether the user may do `action` there.
/// Until the transaction ends, the chat, its members and the user's role cannot change.
///
/// # Errors
/// 401 if the user was deactivated in the meantime, 404 if they may not know of the chat, 403 if
/// they may not do this.
pub async fn lock_chat(
    tx: &mut PgConnection,
    user: &CurrentUser,
    id: ChatId,
    action: ChatAction,
) -> Result<AuthorisedChat> {
    let workspace_role = lock_user(tx, user).await?;
    let chat =
        db::chats::lock(tx, user.workspace_id, id, user.id).await?.ok_or(ApiError::NotFound("chat"))?;
    require(Standing { kind: chat.kind, workspace_role, chat_role: chat.chat_role }, action)?;
    let LockedChat { kind, name, auto_join, chat_role, member_count } = chat;
    Ok(AuthorisedChat { kind, name, auto_join, chat_role, member_count })
}

/// Decides, in the caller's transaction, whether the user may do `action` to the workspace.
///
/// # Errors
/// 401 if the user was deactivated in the meantime, 403 if they may not do this.
pub async fn require_in_workspace(
    tx: &mut PgConnection,
    user: &CurrentUser,
    action: WorkspaceAction,
) -> Result<()> {
    let role = lock_user(tx, user).await?;
    if role.may(action) { Ok(()) } else { Err(forbidden()) }
}

/// The user's role, which cannot change until the transaction ends. Call this before any lock on a
/// chat.
pub async fn lock_user(tx: &mut PgConnection, user: &CurrentUser) -> Result<WorkspaceRole> {
    db::users::lock_active(tx, user.workspace_id, user.id).await?.ok_or_else(session_over)
}

/// Locks the caller and other users, before the chat in which they change is locked. All are locked
/// in one call, in order of id, so that two transactions cannot deadlock.
pub async fn lock_users(tx: &mut PgConnection, user: &CurrentUser, others: &[UserId]) -> Result<()> {
    let everybody: Vec<UserId> = others.iter().copied().chain([user.id]).collect();
    db::users::lock_active_ids(tx, user.workspace_id, &everybody).await?;
    Ok(())
}

/// The error for a user who was deactivated in the meantime.
pub fn session_over() -> ApiError {
    ApiError::Unauthenticated { code: "session_over", detail: "the user was deactivated" }
}

fn require(standing: Standing, action: ChatAction) -> Result<()> {
    if standing.may(action) {
        Ok(())
    } else if !standing.may(ChatAction::See) {
        Err(ApiError::NotFound("chat"))
    } else if !standing.kind.is_changeable() {
        Err(ApiError::Forbidden {
            code: "single_chat",
            detail: "a single chat is for its two people and cannot be changed",
        })
    } else if standing.chat_role.is_none() {
        Err(ApiError::Forbidden { code: "not_a_member", detail: "join the channel first" })
    } else {
        Err(forbidden())
    }
}
