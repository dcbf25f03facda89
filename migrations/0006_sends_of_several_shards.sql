-- Sends of many workspaces in one transaction, as sends of one workspace were. send_messages, for one shard,
-- stays for servers of the version before.

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

-- As send_messages, but each message has the shard of its own workspace. The locks of the shards come last, in ascending order.
create function send_batch(
    ids uuid[], workspace_ids uuid[], chat_ids uuid[], sender_ids uuid[], bodies text[], client_ids text[],
    request_hashes bytea[], replies uuid[], patience text
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
    ) e;
    return query select m.id, m.seq, m.created_at from unnest(sent) m;
end $$;
