-- Sends of many workspaces in one transaction, as sends of one workspace were, and rings that carry what is new. send_messages and
-- send_message stay for servers of the version before.

-- The id of the last row of a shard before `next_id`, which the caller has drawn under the shard's lock and is about to write; 0 if
-- there is none. Whoever wrote the row just before need not look for it: no row can be between. A transaction that is
-- rolled back takes its word back with it.
create function log_prev(s smallint, next_id bigint) returns bigint language plpgsql as $$
declare
    wrote text := current_setting('parlor.wrote', true);
    ignored text := set_config('parlor.wrote', s || ':' || next_id, false);
begin
    if wrote = s || ':' || (next_id - 1) then
        return next_id - 1;
    end if;
    return log_head(s, next_id);
end $$;

-- Where rings bring rows. Anybody who may connect may LISTEN to whatever they can name, so it has a name that only those can know
-- who may read this table.
alter table log_meta add rows_channel text not null default 'parlor_rows_' || replace(gen_random_uuid()::text, '-', '');

-- A LISTEN whose channel nobody finds among the statements that are running.
create function log_listen() returns void language plpgsql as $$
begin
    execute format('listen %I', (select rows_channel from log_meta));
end $$;

-- Rings for a row of the log by bringing it along: who has read up to the row before it need not read this one. A NOTIFY
-- takes less than 8,000 bytes; of a longer row it says only where it is. For messages alone: kind and audience are not said.
create function log_ring(e event_log) returns void language plpgsql as $$
declare
    ring text := e.shard || ' ' || e.id || ' ' || e.prev_id || ' ' || e.timeline || ' '
              || (extract(epoch from e.at) * 1000000)::bigint || ' ' || e.workspace_id || ' ' || e.chat_id || ' ' || e.user_id
              || ' ' || e.message_id || ' ' || e.payload;
begin
    if octet_length(ring) < 8000 then
        perform pg_notify((select rows_channel from log_meta), ring);
    else
        perform pg_notify('parlor_log', e.shard::text);
    end if;
end $$;

-- The id of the last row of each of some shards before `below`, 0 if there is none, in the order of `shards`. Call log_lock for
-- all of them first.
create function log_heads(shards smallint[], below bigint) returns bigint[] language plpgsql
    -- As for log_head.
    set plan_cache_mode = force_generic_plan as $$
declare
    heads bigint[];
begin
    select array_agg(coalesce(e.id, log_head(s.shard, below)) order by s.n) into heads
        from unnest(shards) with ordinality s (shard, n)
        left join lateral (
            select e.id from event_log e
            where e.shard = s.shard and e.id < below and e.id >= below - 10000 order by e.id desc limit 1
        ) e on true;
    return heads;
end $$;

-- As send_messages, but each message has the shard of its own workspace, and with `rings` the doorbell rings with the commit. The
-- locks of the shards come last, in ascending order.
create function send_batch(
    ids uuid[], workspace_ids uuid[], chat_ids uuid[], sender_ids uuid[], bodies text[], client_ids text[],
    request_hashes bytea[], replies uuid[], patience text, rings boolean
) returns table (id uuid, seq bigint, created_at timestamptz) language plpgsql as $$
#variable_conflict use_column
declare
    usual_patience text := current_setting('lock_timeout');
    sent messages[];
    shards smallint[];
    heads bigint[];
    now_at timestamptz;
    now_json text;
    now_timeline int;
    events event_log[];
    event event_log;
    ignored text;
begin
    ignored := set_config('lock_timeout', coalesce(patience, usual_patience), true);
    perform from users u where u.id = any (sender_ids) order by u.id for share;
    perform from chats c where c.id = any (chat_ids) order by c.id for no key update;
    ignored := set_config('parlor.events', 'by send_messages', true);
    with good as materialized (
        select i.*, c.last_seq + row_number() over (partition by i.chat_id order by i.id) as seq
        from unnest(ids, workspace_ids, chat_ids, sender_ids, bodies, client_ids, request_hashes, replies)
                 as i (id, workspace_id, chat_id, sender_id, body, client_id, request_hash, reply_to)
        join chats c on c.id = i.chat_id and c.workspace_id = i.workspace_id and c.deleted_at is null
        join users u on u.id = i.sender_id and u.deactivated_at is null
        -- `offset 0` keeps it a look-up of one member: joined freely, all chats of the sender were read for each message.
        cross join lateral (
            select from chat_members m where m.chat_id = i.chat_id and m.user_id = i.sender_id offset 0
        ) m
        where (i.client_id is null or not exists (
                  select from messages p where p.sender_id = i.sender_id and p.client_id = i.client_id))
          and (i.reply_to is null or exists (
                  select from messages r where r.id = i.reply_to and r.chat_id = i.chat_id and r.deleted_at is null))
    ), chat as (
        update chats c set last_seq = g.seq
        from (select chat_id, max(seq) as seq from good group by chat_id) g where c.id = g.chat_id
    ), sender as (
        update chat_members m set sent_seq = g.seq
        from (select chat_id, sender_id, max(seq) as seq from good group by chat_id, sender_id) g
        where m.chat_id = g.chat_id and m.user_id = g.sender_id
    ), message as (
        insert into messages (id, workspace_id, chat_id, seq, sender_id, body, client_id, request_hash, reply_to)
        select g.id, g.workspace_id, g.chat_id, g.seq, g.sender_id, g.body, g.client_id, g.request_hash, g.reply_to
        from good g order by g.id
        returning messages
    )
    select array_agg(message.messages order by (message.messages).id),
           array_agg(distinct workspace_shard((message.messages).workspace_id) order by workspace_shard((message.messages).workspace_id))
        into sent, shards from message;
    ignored := set_config('parlor.events', '', true);
    ignored := set_config('lock_timeout', usual_patience, true);
    if sent is null then
        return;
    end if;
    if cardinality(shards) = 1 then
        perform log_lock(shards[1]);
        select array[log_head(shards[1], last_value + 1)] into heads from event_log_id;
    else
        for i in 1 .. cardinality(shards) loop
            perform log_lock(shards[i]);
        end loop;
        select log_heads(shards, last_value + 1) into heads from event_log_id;
    end if;
    now_at := clock_timestamp();
    now_json := json_time(now_at);
    now_timeline := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int;
    with written as (
        insert into event_log (shard, id, prev_id, timeline, at, workspace_id, kind, audience, chat_id, user_id, message_id, payload)
        select e.shard, e.log_id,
               coalesce(lag(e.log_id) over (partition by e.shard order by e.log_id), heads[array_position(shards, e.shard)]),
               now_timeline, now_at, e.workspace_id, 'message.new', 'chat', e.chat_id, e.sender_id, e.id,
               '{"type":"message.new","at":"' || now_json || '","chat_id":"' || e.chat_id || '","message":' || e.message || '}'
        from (
            -- Numbered after sorting.
            select nextval('event_log_id') as log_id, m.*
            from (select workspace_shard(m.workspace_id) as shard, m.id, m.workspace_id, m.chat_id, m.sender_id,
                         message_json(m) as message
                  from unnest(sent) m order by m.id) m
        ) e
        returning event_log
    )
    select array_agg(written.event_log order by (written.event_log).id) filter (where rings) into events from written;
    if rings then
        foreach event in array events loop
            perform log_ring(event);
        end loop;
    end if;
    return query select m.id, m.seq, m.created_at from unnest(sent) m;
end $$;

-- One message, as send_batch sends it: the same locks in the same order, the same rules. Each statement looks up one row,
-- which takes Postgres half as long as the same for sets.
create function send_single(
    shard_number smallint, message_id uuid, workspace uuid, chat uuid, sender uuid, message_body text,
    message_client_id text, message_request_hash bytea, message_reply_to uuid, patience text, rings boolean
) returns table (id uuid, seq bigint, created_at timestamptz) language plpgsql as $$
#variable_conflict use_column
declare
    usual_patience text := current_setting('lock_timeout');
    next_seq bigint;
    m messages;
    event event_log;
    ignored text;
begin
    ignored := set_config('lock_timeout', coalesce(patience, usual_patience), true);
    perform from users u where u.id = sender and u.deactivated_at is null for share;
    if not found then return; end if;
    select c.last_seq + 1 into next_seq from chats c
        where c.id = chat and c.workspace_id = workspace and c.deleted_at is null for no key update;
    if not found then return; end if;
    if message_client_id is not null then
        perform from messages p where p.sender_id = sender and p.client_id = message_client_id;
        if found then return; end if;
    end if;
    if message_reply_to is not null then
        perform from messages r where r.id = message_reply_to and r.chat_id = chat and r.deleted_at is null;
        if not found then return; end if;
    end if;
    update chat_members cm set sent_seq = next_seq where cm.chat_id = chat and cm.user_id = sender;
    if not found then return; end if;
    update chats c set last_seq = next_seq where c.id = chat;
    ignored := set_config('parlor.events', 'by send_messages', true);
    insert into messages (id, workspace_id, chat_id, seq, sender_id, body, client_id, request_hash, reply_to)
        values (message_id, workspace, chat, next_seq, sender, message_body, message_client_id, message_request_hash,
                message_reply_to)
        returning * into m;
    ignored := set_config('parlor.events', '', true);
    ignored := set_config('lock_timeout', usual_patience, true);
    perform log_lock(shard_number);
    event.id := nextval('event_log_id');
    event.at := clock_timestamp();
    insert into event_log (shard, id, prev_id, timeline, at, workspace_id, kind, audience, chat_id, user_id, message_id, payload)
    values (shard_number, event.id, log_prev(shard_number, event.id),
            ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int, event.at,
            workspace, 'message.new', 'chat', chat, sender, message_id,
            '{"type":"message.new","at":"' || json_time(event.at) || '","chat_id":"' || chat || '","message":' || message_json(m) || '}')
    returning * into event;
    if rings then
        perform log_ring(event);
    end if;
    id := m.id; seq := m.seq; created_at := m.created_at;
    return next;
end $$;
