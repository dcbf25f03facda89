-- Sends for less of Postgres's time: what a batch's order and grouping are is worked out by who sends it, so that statements are left with
-- look-ups; texts are put together by one function and not by many operators. What is stored and told is the same. send_batch and
-- what it calls stay for servers of the version before.

-- As before, but by one call: each operator of an expression is set up anew by each transaction. No part of it is ever null.
create or replace function log_row(
    s smallint, id bigint, prev_id bigint, timeline int, at timestamptz, workspace uuid, chat uuid, sender uuid, message uuid, payload text
) returns text language sql stable
    return concat_ws(' ', s, id, prev_id, timeline, (extract(epoch from at) * 1000000)::bigint, workspace, chat, sender, message, payload);

-- One message, if it may be sent: the same locks in the same order, the same rules, in statements that look up one row each. The chat's
-- row is locked by counting the message, which is taken back if it may not be sent: that leaves two dead versions of the row, which the
-- next change of it takes away.
create or replace function send_single(
    shard_number smallint, message_id uuid, workspace uuid, chat uuid, sender uuid, message_body text,
    message_client_id text, message_request_hash bytea, message_reply_to uuid, patience text, rings boolean
) returns table (id uuid, seq bigint, created_at timestamptz) language plpgsql as $$
declare
    usual_patience text := current_setting('lock_timeout');
    next_seq bigint;
    may_send boolean;
    m messages;
    event_id bigint;
    prev bigint;
    now_at timestamptz;
    now_timeline int;
    event text;
    ignored text;
begin
    ignored := set_config('lock_timeout', coalesce(patience, usual_patience), true);
    perform from users u where u.id = sender and u.deactivated_at is null for share;
    if found then
        update chats c set last_seq = last_seq + 1 where c.id = chat and c.workspace_id = workspace and c.deleted_at is null
            returning c.last_seq into next_seq;
    end if;
    may_send := next_seq is not null;
    if may_send and message_client_id is not null then
        perform from messages p where p.sender_id = sender and p.client_id = message_client_id;
        may_send := not found;
    end if;
    if may_send and message_reply_to is not null then
        perform from messages r where r.id = message_reply_to and r.chat_id = chat and r.deleted_at is null;
        may_send := found;
    end if;
    if may_send then
        update chat_members cm set sent_seq = next_seq where cm.chat_id = chat and cm.user_id = sender;
        may_send := found;
    end if;
    if not may_send then
        update chats c set last_seq = last_seq - 1 where c.id = chat and next_seq is not null;
        ignored := set_config('lock_timeout', usual_patience, true);
        return;
    end if;
    ignored := set_config('parlor.events', 'by sends', true);
    insert into messages (id, workspace_id, chat_id, seq, sender_id, body, client_id, request_hash, reply_to)
        values (message_id, workspace, chat, next_seq, sender, message_body, message_client_id, message_request_hash,
                message_reply_to)
        returning * into m;
    ignored := set_config('parlor.events', '', true) || set_config('lock_timeout', usual_patience, true);

    ignored := log_lock(shard_number);
    event_id := nextval('event_log_id');
    now_at := clock_timestamp();
    prev := log_prev(shard_number, event_id);
    now_timeline := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int;
    event := concat('{"type":"message.new","at":"', json_time(now_at), '","chat_id":"', chat, '","message":', message_json(m), '}');
    insert into event_log (shard, id, prev_id, timeline, at, workspace_id, kind, audience, chat_id, user_id, message_id, payload)
        values (shard_number, event_id, prev, now_timeline, now_at, workspace, 'message.new', 'chat', chat, sender, message_id, event);
    if rings then
        ignored := log_ring(shard_number, log_row(
            shard_number, event_id, prev, now_timeline, now_at, workspace, chat, sender, message_id, event));
    end if;
    id := m.id; seq := m.seq; created_at := m.created_at;
    return next;
end $$;

-- Sends messages, of any workspaces, all or none, and writes their events. If some may not be sent, nothing is stored, and those that may
-- are returned without a seq: to be sent again without the others.
--
-- Arrays have an element for each message, in the order in which they are numbered, but for `chats`, `chat_counts` and `shards`: each chat
-- once, in ascending order, with its number of messages here, and each shard once, in ascending order. Of each message, `chat_places` and
-- `ordinals` say which of `chats` it is in, and as which of this batch, from 1; `are_last`, whether its sender has no later one in that chat
-- here; `shard_places` and `shard_prevs`, which of `shards` it is in, and which message is the one before it there, null for the first.
create function send_many(
    ids uuid[], workspace_ids uuid[], chat_ids uuid[], sender_ids uuid[], bodies text[], client_ids text[],
    request_hashes bytea[], replies uuid[],
    chat_places int[], ordinals int[], are_last boolean[], shard_places int[], shard_prevs int[],
    chats uuid[], chat_counts int[], shards smallint[],
    patience text, rings boolean
) returns table (id uuid, seq bigint, created_at timestamptz) language plpgsql as $$
#variable_conflict use_column
declare
    usual_patience text := current_setting('lock_timeout');
    active uuid[];
    locked uuid[];
    locked_workspaces uuid[];
    bases bigint[];
    good uuid[];
    sent messages[];
    below bigint;
    heads bigint[];
    event_ids bigint[];
    now_at timestamptz;
    now_json text;
    now_timeline int;
    shard_number smallint;
    rows_shards smallint[];
    rows_of_log text[];
    ignored text;
begin
    -- The locks: users, then chats, then shards, each in ascending order.
    ignored := set_config('lock_timeout', coalesce(patience, usual_patience), true);
    select array_agg(u.id) into active from (
        select u.id from users u where u.id = any (sender_ids) and u.deactivated_at is null order by u.id for share
    ) u;
    select array_agg(c.id), array_agg(c.workspace_id), array_agg(c.last_seq) into locked, locked_workspaces, bases from (
        select c.id, c.workspace_id, c.last_seq from chats c
        where c.id = any (chats) and c.deleted_at is null order by c.id for no key update
    ) c;
    select array_agg(i.id) into good
        from unnest(ids, workspace_ids, chat_ids, sender_ids, client_ids, replies)
                 i (id, workspace_id, chat_id, sender_id, client_id, reply_to)
        -- `offset 0` keeps it a look-up of one member: joined freely, all chats of the sender were read for each message.
        cross join lateral (
            select from chat_members m where m.chat_id = i.chat_id and m.user_id = i.sender_id offset 0
        ) m
        where i.sender_id = any (active)
          and locked_workspaces[array_position(locked, i.chat_id)] = i.workspace_id
          and (i.client_id is null or not exists (
                  select from messages p where p.sender_id = i.sender_id and p.client_id = i.client_id))
          and (i.reply_to is null or exists (
                  select from messages r where r.id = i.reply_to and r.chat_id = i.chat_id and r.deleted_at is null));
    if cardinality(good) = cardinality(ids) then
        -- All of `chats` are locked, so `bases` has their places.
        ignored := set_config('parlor.events', 'by sends', true);
        with chat as (
            update chats c set last_seq = c.last_seq + g.n from unnest(chats, chat_counts) g (id, n) where c.id = g.id
        ), sender as (
            update chat_members m set sent_seq = bases[i.chat_place] + i.ordinal
            from unnest(chat_ids, sender_ids, chat_places, ordinals, are_last) i (chat_id, sender_id, chat_place, ordinal, is_last)
            where i.is_last and m.chat_id = i.chat_id and m.user_id = i.sender_id
        ), message as (
            insert into messages (id, workspace_id, chat_id, seq, sender_id, body, client_id, request_hash, reply_to)
            select i.id, i.workspace_id, i.chat_id, bases[i.chat_place] + i.ordinal, i.sender_id, i.body, i.client_id,
                   i.request_hash, i.reply_to
            from unnest(ids, workspace_ids, chat_ids, sender_ids, bodies, client_ids, request_hashes, replies, chat_places, ordinals)
                     i (id, workspace_id, chat_id, sender_id, body, client_id, request_hash, reply_to, chat_place, ordinal)
            returning messages
        )
        select array_agg(message.messages) into sent from message; -- in the order of the arrays, as they were inserted
        ignored := set_config('parlor.events', '', true);
    end if;
    ignored := set_config('lock_timeout', usual_patience, true);
    if sent is null then
        return query select unnest(good), null::bigint, null::timestamptz;
        return;
    end if;

    foreach shard_number in array shards loop
        ignored := log_lock(shard_number);
    end loop;
    select last_value + 1 into below from event_log_id;
    heads := case cardinality(shards) when 1 then array[log_head(shards[1], below)] else log_heads(shards, below) end;
    event_ids := array(select nextval('event_log_id') from unnest(ids));
    now_at := clock_timestamp();
    now_json := json_time(now_at);
    now_timeline := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int;
    with written as (
        insert into event_log (shard, id, prev_id, timeline, at, workspace_id, kind, audience, chat_id, user_id, message_id, payload)
        select shards[i.shard_place], i.event_id, coalesce(event_ids[i.shard_prev], heads[i.shard_place]), now_timeline, now_at,
               (i.m).workspace_id, 'message.new', 'chat', (i.m).chat_id, (i.m).sender_id, (i.m).id,
               concat('{"type":"message.new","at":"', now_json, '","chat_id":"', (i.m).chat_id, '","message":', message_json(i.m), '}')
        from (select unnest(sent) m, unnest(event_ids) event_id, unnest(shard_places) shard_place, unnest(shard_prevs) shard_prev) i
        returning shard, event_log.id, prev_id, chat_id, user_id, message_id, workspace_id, payload
    )
    select array_agg(w.shard),
           array_agg(log_row(w.shard, w.id, w.prev_id, now_timeline, now_at, w.workspace_id, w.chat_id, w.user_id, w.message_id, w.payload))
        into rows_shards, rows_of_log from written w where rings;
    for i in 1 .. coalesce(cardinality(rows_of_log), 0) loop
        ignored := log_ring(rows_shards[i], rows_of_log[i]);
    end loop;
    return query select m.id, m.seq, m.created_at from unnest(sent) m;
end $$;
