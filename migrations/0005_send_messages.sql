-- A message to be stored, and its place in its batch, which is ordered by shard, workspace, chat and
-- id. A column that is added later makes a new type, and a function of the same name that takes it:
-- the chat_servers of the version before call the one with this type.
create type new_message as (
    id uuid, workspace_id uuid, chat_id uuid, sender_id uuid, body text, client_id text, request_hash bytea, reply_to uuid,
    -- Of a reply in a thread, and whether it stands in the main line as well.
    root_id uuid, also_in_chat boolean,
    -- 1, 2, 3 ... in the batch, and among those of the same shard.
    position int, shard smallint, nth_in_shard int,
    -- The same among those of the same chat, and how many more of them follow.
    nth_in_chat int, later_in_chat int,
    -- Of these, those that stand in the main line.
    nth_in_main_line int, later_in_main_line int,
    -- Whether it is its sender's last of its chat, apart from replies in threads.
    is_senders_last_in_chat boolean,
    -- How many chats the batch names up to here, how many members of chats have had their last, and how
    -- many replies there are in it.
    chats int, members int, replies int
);

-- Whether a member may post. The rule is chat_core::permission's; a test compares them over all combinations.
create function may_post(chat_kind text, workspace_role text, chat_role text) returns boolean language sql immutable
    return chat_role is not null;

-- Stores messages of any workspaces with their events, all or none, in each chat in their order. If
-- all are stored, each returns with its event. Otherwise nothing is stored, and those that may not
-- be sent return with null: the caller retries the others. A message may not be sent if its sender
-- is no active member of a chat that exists or may not post there, if reply_to or root_id is not in
-- the chat or a system line, or if client_id was used before. `new` must not name a client_id of a sender twice.
--
-- With `notify`, the NOTIFY with each event is part of the transaction. Otherwise the caller sends
-- one after the commit.
--
-- Locks are taken in one order: users, chats, members, shards, each ascending. So two batches cannot
-- deadlock, but by client ids of one sender that both name in different chats.
create function send_messages(new new_message[], notify boolean) returns table (id uuid, event text) language plpgsql as $$
#variable_conflict use_column
declare
    size int := cardinality(new);
    affected int;
    is_stored boolean := true;
    violated text;
    shards smallint[];
    s smallint;
    heads bigint[] := '{}';
    event_ids bigint[];
    now_at timestamptz;
    now_text text;
    timeline int;
    channel text;
begin
    -- Store without checks up front: the counts and the unique index show whether all may be sent.
    begin
        perform set_config('parlor.events', 'by send_messages', true);
        perform from users u where u.id = any (array(select n.sender_id from unnest(new) n)) order by u.id for share;
        update chats c set last_seq = last_seq + n.nth_in_chat, last_root_no = last_root_no + n.nth_in_main_line
        from unnest(new) n
        where n.later_in_chat = 0 and c.id = n.chat_id and c.workspace_id = n.workspace_id and c.deleted_at is null;
        get diagnostics affected = row_count;
        if affected <> new[size].chats then
            raise sqlstate 'PL001';
        end if;
        update chat_members m set sent_seq = c.last_seq - n.later_in_chat
        from unnest(new) n, users u, chats c
        where n.is_senders_last_in_chat and c.id = n.chat_id and m.chat_id = n.chat_id and m.user_id = n.sender_id
          and u.id = n.sender_id and u.deactivated_at is null and may_post(c.kind, u.role, m.role);
        get diagnostics affected = row_count;
        if affected <> new[size].members then
            raise sqlstate 'PL001';
        end if;
        insert into messages (id, workspace_id, chat_id, seq, root_no, sender_id, body, client_id, request_hash, reply_to)
        select n.id, n.workspace_id, n.chat_id, c.last_seq - n.later_in_chat, c.last_root_no - n.later_in_main_line, n.sender_id,
               n.body, n.client_id, n.request_hash, n.reply_to
        from unnest(new) n, chats c
        where c.id = n.chat_id and c.workspace_id = n.workspace_id and n.root_id is null
          and (n.reply_to is null or exists (
              select from messages r
              where r.id = n.reply_to and r.chat_id = n.chat_id and r.deleted_at is null and r.system is null));
        get diagnostics affected = row_count;
        if new[size].replies > 0 then
            affected := affected + send_replies(new); -- 0013_threads
        end if;
        if affected <> size then
            raise sqlstate 'PL001';
        end if;
        perform set_config('parlor.events', '', true);
    exception
        when sqlstate 'PL001' then
            is_stored := false;
        when unique_violation then
            get stacked diagnostics violated = constraint_name;
            if violated <> 'messages_sender_id_client_id_key' then
                raise;
            end if;
            is_stored := false;
    end;
    if not is_stored then
        return query select n.id, null::text from unnest(new) n
            left join chats c on c.id = n.chat_id and c.workspace_id = n.workspace_id and c.deleted_at is null
            left join users u on u.id = n.sender_id and u.deactivated_at is null
            left join lateral (
                select m.role from chat_members m where m.chat_id = n.chat_id and m.user_id = n.sender_id
            ) m on true
            where c.id is null or u.id is null or may_post(c.kind, u.role, m.role) is not true
               or exists (select from messages p where p.sender_id = n.sender_id and p.client_id = n.client_id)
               or (n.reply_to is not null and not exists (
                      select from messages r
                      where r.id = n.reply_to and r.chat_id = n.chat_id and r.deleted_at is null and r.system is null))
               or (n.root_id is not null and not exists (
                      select from messages r
                      where r.id = n.root_id and r.chat_id = n.chat_id and r.deleted_at is null and r.system is null
                        and r.root_id is null));
        return;
    end if;

    -- Write the events.
    shards := array(select n.shard from unnest(new) n where n.nth_in_shard = 1);
    foreach s in array shards loop
        perform log_lock(s);
        heads := heads || log_head(s);
    end loop;
    select t, json_time(t), log_timeline(), array(select nextval('event_log_id') from generate_series(1, size))
        into now_at, now_text, timeline, event_ids from clock_timestamp() t;
    if notify then
        select rows_channel into channel from log_meta;
    end if;
    return query insert into event_log as e (
        shard, id, prev_id, timeline, at, workspace_id, kind, audience, chat_id, user_id, message_id, text_bytes, payload)
    select n.shard, event_ids[n.position],
           case when n.nth_in_shard = 1 then heads[array_position(shards, n.shard)] else event_ids[n.position - 1] end,
           timeline, now_at, m.workspace_id, 'message.new', 'chat', m.chat_id, m.sender_id, m.id, octet_length(m.body),
           concat('{"type":"message.new","at":"', now_text, '","chat_id":"', m.chat_id, '","message":', message_text(m, null),
                  case when m.root_id is not null then ',"thread":' || thread_event_text(m.root_id) end, '}')
    from unnest(new) n, messages m where m.id = n.id order by n.position -- the order of the NOTIFYs
    returning e.message_id, case when notify then log_notify_row(channel, e) else e.payload end;
end $$;
