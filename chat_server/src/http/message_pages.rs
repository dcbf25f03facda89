//! Pages of messages: of the main line of a chat, and of a thread.

use chat_core::{ChatId, MessageId, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    db::{
        self,
        messages::{Listed, Message, MessageJson, threads},
    },
    error::{ApiError, Result},
    state::AppState,
};

/// Consecutive messages of the main line of a chat, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessageList {
    #[schema(value_type = Vec<Message>)]
    pub items: Vec<MessageJson>,
    /// Whether there are more in a direction that was asked for.
    pub has_more: bool,
    pub has_more_before: bool,
    pub has_more_after: bool,
}

/// Checks where a page begins: at most one place, and none below 0.
pub fn check_positions(asked: &[(&str, Option<i64>)]) -> Result<()> {
    for (name, at) in asked {
        if at.is_some_and(|at| at < 0) {
            return Err(ApiError::out_of_range(name, 0, None));
        }
    }
    if asked.iter().filter(|(_, at)| at.is_some()).count() > 1 {
        let names: Vec<_> = asked.iter().map(|(name, _)| *name).collect();
        let (last, others) =
            names.split_last().map_or(("", names.as_slice()), |(last, others)| (*last, others));
        let detail = format!("name at most one of {} and {last}", others.join(", "));
        return Err(ApiError::invalid("query", "exclusive", detail));
    }
    Ok(())
}

/// What is read page by page.
#[derive(Clone, Copy)]
pub enum Conversation {
    /// The main line of a chat, by `seq`. A reply that stands only in its thread is left out.
    Chat(ChatId),
    /// The thread about a message, by `thread_no`.
    Thread(MessageId),
}

/// Reads pages of one conversation for one viewer.
pub struct Pages<'a> {
    pub state: &'a AppState,
    pub viewer: UserId,
    pub conversation: Conversation,
}

impl Pages<'_> {
    /// The nearest messages after the number `seq`.
    pub async fn after(&self, seq: i64, limit: i64) -> Result<MessageList> {
        let items = self.list_from(seq.saturating_add(1), limit).await?;
        let has_more_after = goes_on(&items);
        let has_more_before = match items.first() {
            Some(first) => first.seq > 1,
            None => !self.list_before(seq, 1).await?.is_empty(),
        };
        Ok(list(items, has_more_after, has_more_before, has_more_after))
    }

    /// The nearest messages before `end`; the newest if it is None.
    pub async fn before(&self, end: Option<i64>, limit: i64) -> Result<MessageList> {
        let end_seq = end.unwrap_or(i64::MAX);
        let mut items = self.list_before(end_seq, limit).await?;
        let has_more_before = goes_on(&items);
        items.reverse();
        let has_more_after = end.is_some() && !self.list_from(end_seq, 1).await?.is_empty();
        Ok(list(items, has_more_before, has_more_before, has_more_after))
    }

    /// About half of them are before `seq`; the rest begin at it.
    pub async fn around(&self, seq: i64, limit: i64) -> Result<MessageList> {
        let half = limit / 2;
        let mut items = self.list_before(seq, half).await?;
        let mut later = self.list_from(seq, limit - half).await?;
        // With a limit of 1 there is no half before.
        let has_more_before = match items.last() {
            Some(last) => last.has_next,
            None => later.first().is_some_and(|first| first.seq > 1),
        };
        items.reverse();
        let has_more_after = goes_on(&later);
        items.append(&mut later);
        Ok(list(items, has_more_before || has_more_after, has_more_before, has_more_after))
    }

    async fn list_from(&self, first_seq: i64, limit: i64) -> Result<Vec<Listed>> {
        let db = &self.state.db;
        Ok(match self.conversation {
            Conversation::Chat(chat) => {
                db::messages::list_from(db, self.viewer, chat, first_seq, limit).await?
            }
            Conversation::Thread(root) => threads::list_from(db, self.viewer, root, first_seq, limit).await?,
        })
    }

    async fn list_before(&self, end_seq: i64, limit: i64) -> Result<Vec<Listed>> {
        let db = &self.state.db;
        Ok(match self.conversation {
            Conversation::Chat(chat) => {
                db::messages::list_before(db, self.viewer, chat, end_seq, limit).await?
            }
            Conversation::Thread(root) => threads::list_before(db, self.viewer, root, end_seq, limit).await?,
        })
    }
}

fn list(items: Vec<Listed>, has_more: bool, has_more_before: bool, has_more_after: bool) -> MessageList {
    let items = items.into_iter().map(|item| item.message.0).collect();
    MessageList { items, has_more, has_more_before, has_more_after }
}

/// Whether there are more messages after a list.
fn goes_on(items: &[Listed]) -> bool {
    items.last().is_some_and(|last| last.has_next)
}
