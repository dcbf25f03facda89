//! The REST API: one file for each noun, with its routes, its request and response types, and its
//! handlers.

pub mod account;
pub mod channels;
pub mod chats;
pub mod cookies;
pub mod credentials;
pub mod email_codes;
pub mod health;
pub mod invites;
pub mod members;
pub mod message_pages;
pub mod messages;
pub mod my_account;
pub mod pins;
pub mod reactions;
pub mod read_positions;
pub mod saved;
pub mod sessions;
pub mod sign_in;
mod signed_in;
pub mod stream;
pub mod sync;
pub mod threads;
pub mod typing;
pub mod users;
pub mod workspaces;

use std::{fmt::Display, str::FromStr};

use chat_core::text::TextError;
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    auth::CurrentUser,
    db::{self, PAGE_DEFAULT, PAGE_MAX, SearchText},
    error::{ApiError, InvalidField, Result},
    state::AppState,
};

/// Every route that the OpenAPI document describes.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .merge(account::router())
        .merge(sign_in::router())
        .merge(my_account::router())
        .merge(credentials::router())
        .merge(email_codes::router())
        .merge(sessions::router())
        .merge(workspaces::router())
        .merge(invites::router())
        .merge(users::router())
        .merge(chats::router())
        .merge(channels::router())
        .merge(members::router())
        .merge(messages::router())
        .merge(reactions::router())
        .merge(pins::router())
        .merge(saved::router())
        .merge(threads::router())
        .merge(read_positions::router())
        .merge(typing::router())
        .merge(sync::router())
        .merge(stream::router())
        .merge(health::router())
}

/// The length of a page.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Limit(Option<i64>);

impl Limit {
    /// # Errors
    /// 422 outside 1 to [`PAGE_MAX`].
    pub fn get(self) -> Result<i64> {
        match self.0 {
            None => Ok(PAGE_DEFAULT),
            Some(limit) if (1..=PAGE_MAX).contains(&limit) => Ok(limit),
            Some(_) => Err(ApiError::out_of_range("limit", 1, PAGE_MAX)),
        }
    }
}

/// Ids in a query, separated by commas.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String", bound(deserialize = "T: FromStr, T::Err: Display"))]
pub struct Ids<T>(Vec<T>);

impl<T: FromStr> TryFrom<String> for Ids<T> {
    type Error = T::Err;

    fn try_from(text: String) -> Result<Self, T::Err> {
        text.split(',').filter(|part| !part.is_empty()).map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

/// The most ids, which is the largest page.
const IDS_MAX: usize = 200;

impl<T> Ids<T> {
    /// # Errors
    /// 422 if there are more than [`IDS_MAX`].
    pub fn get(&self) -> Result<&[T]> {
        if self.0.len() > IDS_MAX {
            return Err(ApiError::wrong_count("ids", 0, IDS_MAX, format!("at most {IDS_MAX} at once")));
        }
        Ok(&self.0)
    }
}

/// Most characters of a search text.
const QUERY_MAX: usize = 100;

/// A search text; None if it is empty.
///
/// # Errors
/// 422 if it is too long or contains NUL.
pub fn search_text(query: Option<&str>) -> Result<Option<SearchText>> {
    let Some(query) = query.map(str::trim).filter(|query| !query.is_empty()) else { return Ok(None) };
    if query.chars().count() > QUERY_MAX {
        return Err(InvalidField::text("query", TextError::TooLong(QUERY_MAX)).into());
    }
    if query.contains('\0') {
        return Err(InvalidField::text("query", TextError::Nul).into());
    }
    let text = SearchText::new(query);
    Ok((!text.folded().is_empty()).then_some(text))
}

/// Runs a search when the caller's share allows it, within a short time limit.
///
/// # Errors
/// 429 if the caller searches too often, 503 if the search takes too long.
pub async fn search<T>(
    state: &AppState,
    user: &CurrentUser,
    query: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
) -> Result<T> {
    /// Postgres' `query_canceled`.
    const CANCELED: &str = "57014";
    state.limits.searches.check(&user.account_id)?;
    let _turn = state.shares.search(user.account_id).await?;
    let mut tx = state.db.begin().await?;
    db::limit_search(&mut *tx).await?;
    let found = query(&mut tx).await.map_err(|error| match error.as_database_error() {
        Some(e) if e.code().as_deref() == Some(CANCELED) => {
            state.metrics.bounds.searches_refused.inc();
            ApiError::Unavailable("the search took too long: search for a longer text")
        }
        _ => error.into(),
    })?;
    tx.commit().await?;
    Ok(found)
}
