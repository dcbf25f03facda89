//! Check (i): what follows from events and what happens later is done, and done once.

use crate::{oracle::Violation, world::World};

/// Chats and days whose usage is not what the messages say. Deleted chats do not count.
pub const WRONG_USAGE: &str = "
    with counted as (
        select chat_id, (created_at at time zone 'utc')::date as day, count(*) as messages,
               sum(octet_length(body)) as bytes
        from messages where kind = 'user' group by 1, 2
    )
    select 'usage of ' || coalesce(u.chat_id, c.chat_id) || ': ' || coalesce(u.messages, 0) || ' messages, '
           || coalesce(u.bytes, 0) || ' bytes; stored are ' || coalesce(c.messages, 0) || ', ' || coalesce(c.bytes, 0)
    from workspace_usage u full join counted c on c.chat_id = u.chat_id and c.day = u.day
    join chats on chats.id = coalesce(u.chat_id, c.chat_id) and chats.deleted_at is null
    where (u.messages, u.bytes) is distinct from (c.messages, c.bytes)";

const LEFT: &str = "
    select 'job ' || kind || ' ' || key || ': ' || coalesce(last_error, 'not done') from jobs
    union all
    select 'a message of the deleted chat ' || c.id
    from chats c where c.deleted_at is not null and exists (select from messages m where m.chat_id = c.id)";

/// Waits until the consumers and the jobs have come to the end.
pub async fn examine(world: &World) -> anyhow::Result<Vec<Violation>> {
    let mut db = world.psql().await?;
    let settled = world
        .until("usage, jobs and deleted chats", async || {
            let mut wrong: Vec<String> =
                sqlx::query_scalar(WRONG_USAGE).fetch_all(&mut db).await.map_err(|e| e.to_string())?;
            wrong.extend(
                sqlx::query_scalar::<_, String>(LEFT).fetch_all(&mut db).await.map_err(|e| e.to_string())?,
            );
            if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
        })
        .await;
    Ok(settled.err().map(|e| Violation::new('i', format!("{e:#}"))).into_iter().collect())
}
