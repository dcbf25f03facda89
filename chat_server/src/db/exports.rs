//! What the server keeps of an account, page by page as lines of JSON. Each page is a query of its
//! own, so that an export holds no connection while its reader takes it.

use std::collections::VecDeque;

use chat_core::{AccountId, ChatId, UserId};
use sqlx::{PgPool, Result};

/// Messages of a chat that one query looks at.
const WINDOW: i64 = 200;
/// Windows without a line of the caller's that are skipped before an empty page is given, so that
/// the deadline of the export is looked at.
const SKIP_MAX: usize = 50;
/// Lines of sessions, users, chats and saved messages; there are fewer.
const ROWS_MAX: i64 = 200_000;

/// An export in progress.
pub struct Export {
    account: AccountId,
    step: Step,
}

enum Step {
    Account,
    /// The chats that are left, and the seq up to which the first one is done.
    Messages {
        chats: VecDeque<(ChatId, UserId, i64)>,
        after: i64,
    },
    Done,
}

impl Export {
    pub fn new(account: AccountId) -> Self {
        Self { account, step: Step::Account }
    }

    /// The next lines; none after the last.
    pub async fn next(&mut self, db: &PgPool) -> Result<Option<String>> {
        match &mut self.step {
            Step::Account => {
                let lines = about(db, self.account).await?;
                self.step = Step::Messages { chats: chats(db, self.account).await?, after: 0 };
                Ok(Some(joined(&lines)))
            }
            Step::Messages { chats, after } => {
                for _ in 0..SKIP_MAX {
                    let Some(&(chat, user, last_seq)) = chats.front() else {
                        self.step = Step::Done;
                        return Ok(Some("{\"type\":\"end\"}\n".to_owned()));
                    };
                    let lines = messages(db, chat, user, *after).await?;
                    *after += WINDOW;
                    if *after >= last_seq {
                        chats.pop_front();
                        *after = 0;
                    }
                    if !lines.is_empty() {
                        return Ok(Some(joined(&lines)));
                    }
                }
                Ok(Some(String::new()))
            }
            Step::Done => Ok(None),
        }
    }
}

fn joined(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}

/// The account, its sessions, its users with their workspaces, their chats, and which messages they
/// keep for later.
async fn about(db: &PgPool, account: AccountId) -> Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select line::text as "line!" from (
               select 1 as part, a.created_at as at, json_build_object('type', 'account', 'id', a.id, 'email', a.email,
                      'email_verified_at', json_time(a.email_verified_at), 'new_email', a.new_email, 'created_at', json_time(a.created_at)) as line
               from accounts a where a.id = $1
               union all
               select 2, s.created_at, json_build_object('type', 'session', 'id', s.id, 'user_agent', s.user_agent,
                      'created_at', json_time(s.created_at), 'last_used_at', json_time(s.last_used_at), 'revoked_at', json_time(s.revoked_at))
               from sessions s where s.account_id = $1
               union all
               select 3, u.created_at, json_build_object('type', 'user', 'workspace', w.name, 'user', user_json(u))
               from users u join workspaces w on w.id = u.workspace_id where u.account_id = $1
               union all
               select 4, m.joined_at, json_build_object('type', 'chat', 'id', c.id, 'kind', c.kind, 'name', c.name,
                      'workspace', w.name, 'role', m.role, 'joined_at', json_time(m.joined_at))
               from users u join chat_members m on m.user_id = u.id join chats c on c.id = m.chat_id
                    join workspaces w on w.id = u.workspace_id
               where u.account_id = $1 and c.deleted_at is null
               union all
               select 5, k.saved_at, json_build_object('type', 'saved', 'chat_id', k.chat_id, 'message_id', k.message_id,
                      'saved_at', json_time(k.saved_at))
               from users u join saved_messages k on k.user_id = u.id where u.account_id = $1
           ) lines order by part, at limit $2"#,
        account.0,
        ROWS_MAX
    )
    .fetch_all(db)
    .await
}

async fn chats(db: &PgPool, account: AccountId) -> Result<VecDeque<(ChatId, UserId, i64)>> {
    let rows = sqlx::query!(
        r#"select c.id as "chat: ChatId", u.id as "user: UserId", c.last_seq
           from users u join chat_members m on m.user_id = u.id join chats c on c.id = m.chat_id
           where u.account_id = $1 and c.deleted_at is null order by c.id limit $2"#,
        account.0,
        ROWS_MAX
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|row| (row.chat, row.user, row.last_seq)).collect())
}

/// What a user wrote in one window of a chat, and their reactions to messages there.
async fn messages(db: &PgPool, chat: ChatId, user: UserId, after: i64) -> Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"select line as "line!" from (
               select m.seq, m.created_at, json_build_object('type', 'message', 'message', message_json(m, null))::text as line
               from messages m
               where m.chat_id = $1 and m.seq > $2 and m.seq <= $2 + $3 and m.sender_id = $4 and m.kind = 'user'
               union all
               select m.seq, r.created_at, json_build_object('type', 'reaction', 'chat_id', m.chat_id, 'message_id', m.id,
                      'emoji', r.emoji, 'created_at', json_time(r.created_at))::text
               from messages m join reactions r on r.message_id = m.id and r.user_id = $4
               where m.chat_id = $1 and m.seq > $2 and m.seq <= $2 + $3
           ) lines order by seq, created_at"#,
        chat.0,
        after,
        WINDOW,
        user.0
    )
    .fetch_all(db)
    .await
}
