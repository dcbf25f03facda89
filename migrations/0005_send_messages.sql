-- The fields of a message to be stored. The parameter of send_messages is JSON with these fields, so
-- that a column that is added later is a field that older callers leave out.
create type new_message as (
    id uuid, workspace_id uuid, chat_id uuid, sender_id uuid, body text, client_id text, request_hash bytea, reply_to uuid,
    -- 1 for the first message of its chat in the batch, 2 for the second ...; whether it is the last of its chat there;
    -- whether it is its sender's last of its chat there.
    nth_in_chat int, is_last_in_chat boolean, is_senders_last_in_chat boolean
);

-- Whether a member may post. The rule is chat_core::permission's; a test compares them over all combinations.
create function may_post(chat_kind text, workspace_role text, chat_role text) returns boolean language sql immutable
    return chat_role is not null;

-- Stores messages of any workspaces with their events, all or none, in each chat in their order. If
-- all are stored, each returns as JSON. Otherwise nothing is stored, and those that may not be sent
-- return with null: the caller retries the others. A message may not be sent if its sender is no
-- active member of a chat that exists or may not post there, if reply_to is not in the chat, or if
-- client_id was used before. `batch` is ordered by chat and id, and must not name a client_id of a
-- sender twice.
--
-- With `notify`, the NOTIFY with each event is part of the transaction. Otherwise the caller sends
-- one after the commit.
--
-- Locks are taken in one order: users, chats, members, shards, each ascending. So two batches cannot
-- deadlock, but by client ids of one sender that both name in different chats.
create function send_messages(batch jsonb, notify boolean) returns table (id uuid, message json) language plpgsql as $$
#variable_conflict use_column
declare
    new new_message[] := array(select n from jsonb_populate_recordset(null::new_message, batch) n);
    stored uuid[];
    shards smallint[];
    s smallint;
    heads bigint[] := '{}';
    event_ids bigint[];
    now_at timestamptz;
    now_text text;
    timeline int;
    channel text;
    violated text;
begin
    -- Store without checks up front: the counts and the unique index show whether all may be sent.
    begin
        perform set_config('parlor.events', 'by send_messages', true);
        perform from users u where u.id = any (array(select n.sender_id from unnest(new) n)) order by u.id for share;
        with chat as (
            update chats c set last_seq = last_seq + n.nth_in_chat, last_root_no = last_root_no + n.nth_in_chat
            from unnest(new) n
            where n.is_last_in_chat and c.id = n.chat_id and c.workspace_id = n.workspace_id and c.deleted_at is null
            returning c.id, c.workspace_id, c.kind, c.last_seq - n.nth_in_chat as seq, c.last_root_no - n.nth_in_chat as root_no
        ), member as (
            update chat_members m set sent_seq = c.seq + n.nth_in_chat
            from unnest(new) n, chat c, users u
            where n.is_senders_last_in_chat and c.id = n.chat_id and m.chat_id = n.chat_id and m.user_id = n.sender_id
              and u.id = n.sender_id and u.deactivated_at is null and may_post(c.kind, u.role, m.role)
            returning 1
        ), message as (
            insert into messages (id, workspace_id, chat_id, seq, root_no, sender_id, body, client_id, request_hash, reply_to)
            select n.id, n.workspace_id, n.chat_id, c.seq + n.nth_in_chat, c.root_no + n.nth_in_chat, n.sender_id, n.body,
                   n.client_id, n.request_hash, n.reply_to
            from unnest(new) n, chat c
            where c.id = n.chat_id and c.workspace_id = n.workspace_id
              and (n.reply_to is null or exists (
                  select from messages r where r.id = n.reply_to and r.chat_id = n.chat_id and r.deleted_at is null))
            returning id, workspace_shard(workspace_id) as shard
        )
        select array_agg(id), array_agg(distinct shard) into stored, shards from message
            having count(*) = cardinality(new)
               and (select count(*) from member) = (select count(*) from unnest(new) n where n.is_senders_last_in_chat);
        if stored is null then
            raise sqlstate 'PL001';
        end if;
        perform set_config('parlor.events', '', true);
    exception
        when sqlstate 'PL001' then
            stored := null;
        when unique_violation then
            get stacked diagnostics violated = constraint_name;
            if violated <> 'messages_sender_id_client_id_key' then
                raise;
            end if;
            stored := null;
    end;
    if stored is null then
        return query select n.id, null::json from unnest(new) n
            left join chats c on c.id = n.chat_id and c.workspace_id = n.workspace_id and c.deleted_at is null
            left join users u on u.id = n.sender_id and u.deactivated_at is null
            left join lateral (
                select m.role from chat_members m where m.chat_id = n.chat_id and m.user_id = n.sender_id
            ) m on true
            where c.id is null or u.id is null or may_post(c.kind, u.role, m.role) is not true
               or exists (select from messages p where p.sender_id = n.sender_id and p.client_id = n.client_id)
               or (n.reply_to is not null and not exists (
                      select from messages r where r.id = n.reply_to and r.chat_id = n.chat_id and r.deleted_at is null));
        return;
    end if;

    -- Write the events.
    foreach s in array shards loop -- ascending, since `distinct` sorts
        perform log_lock(s);
        heads := heads || log_head(s);
    end loop;
    event_ids := array(select nextval('event_log_id') from unnest(stored));
    now_at := clock_timestamp();
    now_text := json_time(now_at);
    timeline := log_timeline();
    select rows_channel into channel from log_meta;
    return query
    with message as materialized (
        select m.id, m.workspace_id, m.chat_id, m.sender_id, octet_length(m.body) as text_bytes,
               workspace_shard(m.workspace_id) as shard, message_json(m, null) as json,
               event_ids[row_number() over (order by m.id)] as event_id
        from messages m where m.id = any (stored)
    ), event as (
        insert into event_log (shard, id, prev_id, timeline, at, workspace_id, kind, audience, chat_id, user_id, message_id,
                               text_bytes, payload)
        select m.shard, m.event_id,
               coalesce(lag(m.event_id) over (partition by m.shard order by m.event_id), heads[array_position(shards, m.shard)]),
               timeline, now_at, m.workspace_id, 'message.new', 'chat', m.chat_id, m.sender_id, m.id, m.text_bytes,
               concat('{"type":"message.new","at":"', now_text, '","chat_id":"', m.chat_id, '","message":', m.json, '}')
        from message m
        returning event_log as e
    ), notified as (
        select log_notify_row(channel, e) from event where notify
    )
    select m.id, m.json from message m where (select count(*) from notified) >= 0; -- the count runs them
end $$;
