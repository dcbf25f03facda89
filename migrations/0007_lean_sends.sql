-- What a send costs Postgres, once more: of a send alone, a tenth less. Nothing here changes what is told.

-- In the order in which writers take them: whoever is in the middle of a transaction gets to its end.
lock table chats, chat_members, messages in access exclusive mode;

-- A trigger's condition is read anew by each statement that may fire it, as a tree in which each letter of a text is a number. A
-- call of a function is a small tree.
create function events_are_raised() returns boolean language plpgsql stable as $$
begin
    return coalesce(current_setting('parlor.events', true), '') <> 'by sends';
end $$;
drop trigger messages_new on messages;
create constraint trigger messages_new after insert on messages deferrable initially deferred
    for each row when (events_are_raised()) execute function messages_raise_event();

-- A CHECK is worked out whatever an update changes, and last_seq and sent_seq change with each message. These are asked only
-- when what they are about is written, after the statement; like a CHECK also where other triggers are off (`always`).
create function chats_check() returns trigger language plpgsql as $$
begin
    if is_chat(new.kind, new.name, new.single_key) is not true then
        raise check_violation using message = 'a chat of kind "' || new.kind || '" has no such name or single_key',
            table = 'chats', constraint = 'chats_check';
    end if;
    return null;
end $$;
alter table chats drop constraint chats_check;
create constraint trigger chats_check after insert or update of kind, name, single_key on chats
    for each row execute function chats_check();
alter table chats enable always trigger chats_check;
create function chat_members_check() returns trigger language plpgsql as $$
begin
    if is_member_role(new.role) is not true then
        raise check_violation using message = 'there is no role "' || new.role || '" in a chat',
            table = 'chat_members', constraint = 'chat_members_role_check';
    end if;
    return null;
end $$;
alter table chat_members drop constraint chat_members_role_check;
create constraint trigger chat_members_role_check after insert or update of role on chat_members
    for each row execute function chat_members_check();
alter table chat_members enable always trigger chat_members_role_check;

-- What a ring brings along: a row of the log, for messages alone, whose kind and audience are not said. Written in line where it is called.
create function log_row(
    s smallint, id bigint, prev_id bigint, timeline int, at timestamptz, workspace uuid, chat uuid, sender uuid, message uuid, payload text
) returns text language sql stable
    return s || ' ' || id || ' ' || prev_id || ' ' || timeline || ' ' || (extract(epoch from at) * 1000000)::bigint || ' '
        || workspace || ' ' || chat || ' ' || sender || ' ' || message || ' ' || payload;

-- As before, but its caller makes the row, and each session looks the channel up once. A call is an expression: `perform`
-- would make a query of it.
drop function log_ring;
create function log_ring(s smallint, log_row text) returns void language plpgsql as $$
declare
    channel text := current_setting('parlor.rows_channel', true);
    ignored text;
begin
    if octet_length(log_row) >= 8000 then
        ignored := pg_notify('parlor_log', s::text);
        return;
    end if;
    if coalesce(channel, '') = '' then
        select rows_channel into channel from log_meta;
        ignored := set_config('parlor.rows_channel', channel, false);
    end if;
    ignored := pg_notify(channel, log_row);
end $$;

-- As before, but for log_row, and two or three messages are send_few's.
create or replace function send_batch(
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
    rows_of_log text[];
    rows_shards smallint[];
    ignored text;
begin
    if cardinality(ids) < 4 then
        return query select * from send_few(ids, workspace_ids, chat_ids, sender_ids, bodies, client_ids, request_hashes, replies,
                                            patience, rings);
        return;
    end if;
    ignored := set_config('lock_timeout', coalesce(patience, usual_patience), true);
    perform from users u where u.id = any (sender_ids) order by u.id for share;
    perform from chats c where c.id = any (chat_ids) order by c.id for no key update;
    ignored := set_config('parlor.events', 'by sends', true);
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
        returning *
    )
    select array_agg(shard order by w.id),
           array_agg(log_row(shard, w.id, prev_id, timeline, at, workspace_id, chat_id, user_id, message_id, payload) order by w.id)
        into rows_shards, rows_of_log from written w where rings;
    for i in 1 .. coalesce(cardinality(rows_of_log), 0) loop
        ignored := log_ring(rows_shards[i], rows_of_log[i]);
    end loop;
    return query select m.id, m.seq, m.created_at from unnest(sent) m;
end $$;

-- Stores one message, if it may be sent; else id is null. The chat's row is locked by counting the message, which is taken back if
-- it may not be sent: nobody sees the count before the commit, and nobody else counts meanwhile. So a refusal leaves two dead versions of
-- the row, which the next change of it takes away. The message's event is send_event's.
create function send_row(
    message_id uuid, workspace uuid, chat uuid, sender uuid, message_body text, message_client_id text,
    message_request_hash bytea, message_reply_to uuid
) returns messages language plpgsql as $$
declare
    next_seq bigint;
    may_send boolean := true;
    m messages;
    ignored text;
begin
    perform from users u where u.id = sender and u.deactivated_at is null for share;
    if not found then return null; end if;
    update chats c set last_seq = last_seq + 1 where c.id = chat and c.workspace_id = workspace and c.deleted_at is null
        returning c.last_seq into next_seq;
    if not found then return null; end if;
    if message_client_id is not null then
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
        update chats c set last_seq = last_seq - 1 where c.id = chat;
        return null;
    end if;
    ignored := set_config('parlor.events', 'by sends', true);
    insert into messages (id, workspace_id, chat_id, seq, sender_id, body, client_id, request_hash, reply_to)
        values (message_id, workspace, chat, next_seq, sender, message_body, message_client_id, message_request_hash,
                message_reply_to)
        returning * into m;
    ignored := set_config('parlor.events', '', true);
    return m;
end $$;

-- Writes the event of a message that was just stored. Call log_lock first.
create function send_event(shard_number smallint, m messages, rings boolean) returns void language plpgsql as $$
declare
    event_id bigint := nextval('event_log_id');
    now_at timestamptz := clock_timestamp();
    prev bigint := log_prev(shard_number, event_id);
    now_timeline int := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int;
    event text := '{"type":"message.new","at":"' || json_time(now_at) || '","chat_id":"' || m.chat_id
               || '","message":' || message_json(m) || '}';
    ignored text;
begin
    insert into event_log (shard, id, prev_id, timeline, at, workspace_id, kind, audience, chat_id, user_id, message_id, payload)
        values (shard_number, event_id, prev, now_timeline, now_at, m.workspace_id, 'message.new', 'chat', m.chat_id, m.sender_id,
                m.id, event);
    if rings then
        ignored := log_ring(shard_number, log_row(
            shard_number, event_id, prev, now_timeline, now_at, m.workspace_id, m.chat_id, m.sender_id, m.id, event));
    end if;
end $$;

-- As before, but by way of send_row and send_event.
create or replace function send_single(
    shard_number smallint, message_id uuid, workspace uuid, chat uuid, sender uuid, message_body text,
    message_client_id text, message_request_hash bytea, message_reply_to uuid, patience text, rings boolean
) returns table (id uuid, seq bigint, created_at timestamptz) language plpgsql as $$
declare
    usual_patience text := current_setting('lock_timeout');
    m messages;
    ignored text;
begin
    ignored := set_config('lock_timeout', coalesce(patience, usual_patience), true);
    m := send_row(message_id, workspace, chat, sender, message_body, message_client_id, message_request_hash, message_reply_to);
    ignored := set_config('lock_timeout', usual_patience, true);
    if m.id is null then
        return;
    end if;
    ignored := log_lock(shard_number);
    ignored := send_event(shard_number, m, rings);
    id := m.id; seq := m.seq; created_at := m.created_at;
    return next;
end $$;

-- Two or three messages, as send_batch sends more: the same locks in the same order, the same rules, but that a message sees those before
-- it. Below four, one after another costs less than setting up statements for sets.
create function send_few(
    ids uuid[], workspace_ids uuid[], chat_ids uuid[], sender_ids uuid[], bodies text[], client_ids text[],
    request_hashes bytea[], replies uuid[], patience text, rings boolean
) returns table (id uuid, seq bigint, created_at timestamptz) language plpgsql as $$
#variable_conflict use_column
declare
    usual_patience text := current_setting('lock_timeout');
    n int;
    m messages;
    sent messages[] := '{}';
    shards smallint[] := '{}';
    shard_number smallint;
    ignored text;
begin
    ignored := set_config('lock_timeout', coalesce(patience, usual_patience), true);
    perform from users u where u.id = any (sender_ids) order by u.id for share;
    perform from chats c where c.id = any (chat_ids) order by c.id for no key update;
    for n in select o.n from unnest(ids) with ordinality o (id, n) order by o.id loop
        m := send_row(ids[n], workspace_ids[n], chat_ids[n], sender_ids[n], bodies[n], client_ids[n], request_hashes[n], replies[n]);
        if m.id is not null then
            sent := sent || m;
            shards := shards || workspace_shard(m.workspace_id);
        end if;
    end loop;
    ignored := set_config('lock_timeout', usual_patience, true);
    for shard_number in select distinct s from unnest(shards) s order by s loop
        ignored := log_lock(shard_number);
    end loop;
    foreach m in array sent loop
        ignored := send_event(workspace_shard(m.workspace_id), m, rings);
        id := m.id; seq := m.seq; created_at := m.created_at;
        return next;
    end loop;
end $$;

-- What servers sent by before 0006.
drop function send_message, send_messages;
