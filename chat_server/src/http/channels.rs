//! The public channels that a user could join.

use axum::{extract::State, response::Response};
use chat_core::ChatId;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Limit, search, search_text};
use crate::{
    auth::CurrentUser,
    db::{self, Page, chats::Chat},
    error::Result,
    etag::{IfNoneMatch, WithEtag},
    extract::ApiQuery,
    state::AppState,
};

pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(list_channels))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ChannelPage {
    /// Part of a name or a description.
    #[param(max_length = 100)]
    pub query: Option<String>,
    /// The last channel of the page before.
    pub after: Option<ChatId>,
    #[serde(default)]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 200)]
    pub limit: Limit,
}

/// List the public channels that the caller could join
#[utoipa::path(get, path = "/api/channels", tag = "chats", params(ChannelPage),
    responses((status = 200, body = Page<Chat>, headers(("ETag" = String)))))]
pub async fn list_channels(
    State(state): State<AppState>,
    user: CurrentUser,
    ApiQuery(page): ApiQuery<ChannelPage>,
    known: IfNoneMatch,
) -> Result<Response> {
    let limit = page.limit.get()?;
    let (workspace, id, after) = (user.workspace_id, user.id, page.after);
    let ids = match search_text(page.query.as_deref())? {
        None => db::chats::list_joinable(&state.db, workspace, id, after, limit).await?,
        Some(text) => {
            search(&state, &user, async |db| {
                db::chats::search_joinable(db, workspace, id, &text, after, limit).await
            })
            .await?
        }
    };
    let Page { items: ids, has_more } = Page::from_rows(ids, limit);
    let found = state.caches.chats(&state.db, &ids).await?;
    let shown = ids.iter().take_while(|id| found.no_room_for != Some(**id));
    let items = shown.filter_map(|id| found.chats.get(id).map(|found| &found.chat)).collect::<Vec<_>>();
    let has_more = has_more || found.no_room_for.is_some();
    Ok(WithEtag::new(&Page { items, has_more })?.answer(&known))
}
