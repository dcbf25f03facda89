-- What each send touches, made cheaper. Nothing here changes what is stored or told.

-- Named columns: an update of the others (last_seq and sent_seq, with each message) passes these triggers by without their
-- conditions being worked out.
drop trigger chats_updated on chats;
create constraint trigger chats_updated after update of name, description, deleted_at on chats deferrable initially deferred
    for each row when (
        (old.name, old.description, old.deleted_at) is distinct from (new.name, new.description, new.deleted_at)
    ) execute function chats_raise_event();
drop trigger chat_members_updated on chat_members;
create constraint trigger chat_members_updated after update of role on chat_members deferrable initially deferred
    for each row when (old.role is distinct from new.role) execute function chat_members_raise_event();
drop trigger chat_members_read on chat_members;
create constraint trigger chat_members_read after update of read_seq on chat_members deferrable initially deferred
    for each row when (old.read_seq is distinct from new.read_seq) execute function chat_members_raise_read();

-- A statement that writes a row reads the CHECK constraints of its table anew, as trees in which each letter of a text is a
-- number: a tenth of a send. A call of a function is a small tree. In the log, where functions alone write, none is left: its
-- readers take nothing on trust.
create function is_chat(kind text, name text, single_key text) returns boolean language plpgsql immutable as $$
begin
    return kind in ('single', 'group', 'private_channel', 'public_channel')
        and (kind = 'single') = (single_key is not null)
        and (kind not in ('private_channel', 'public_channel') or name is not null);
end $$;
alter table chats drop constraint chats_kind_check, drop constraint chats_check, drop constraint chats_check1,
    add constraint chats_check check (is_chat(kind, name, single_key));
create function is_member_role(role text) returns boolean language plpgsql immutable as $$
begin
    return role in ('owner', 'member');
end $$;
alter table chat_members drop constraint chat_members_role_check,
    add constraint chat_members_role_check check (is_member_role(role));
alter table event_log drop constraint event_log_shard_check, drop constraint event_log_audience_check;

-- A partition of the log is dropped before its rows would have to be frozen: vacuum has nothing to do there on account of
-- insertions alone.
create or replace function event_log_extend(ahead int) returns void language plpgsql as $$
declare
    size bigint;
    reached bigint;
    next_start bigint;
    name text;
begin
    perform pg_advisory_xact_lock(1347570770, 100);
    select partition_size into size from log_meta;
    select last_value into reached from event_log_id;
    loop
        select coalesce(max(end_id), 1) into next_start from event_log_partitions;
        exit when next_start > reached + ahead * size;
        name := 'event_log_p' || next_start;
        execute format('create table %I (like event_log including all) with (autovacuum_vacuum_insert_threshold = -1)', name);
        execute format('alter table %I add constraint bounds check (id >= %s and id < %s)', name, next_start, next_start + size);
        execute format('alter table event_log attach partition %I for values from (%s) to (%s)', name, next_start, next_start + size);
        execute format('alter table %I drop constraint bounds', name);
        insert into event_log_partitions (start_id, end_id) values (next_start, next_start + size);
    end loop;
end $$;
do $$
declare partition regclass;
begin
    for partition in select inhrelid::regclass from pg_inherits where inhparent = 'event_log'::regclass loop
        execute format('alter table %s set (autovacuum_vacuum_insert_threshold = -1)', partition);
    end loop;
end $$;

-- These rows change with each message, so they leave dead versions behind faster than a share of a large table is reached.
alter table chats set (autovacuum_vacuum_scale_factor = 0.02);
alter table chat_members set (autovacuum_vacuum_scale_factor = 0.02);

-- The id of the last row of a shard before `below`, 0 if there is none. Call log_lock first.
create function log_head(s smallint, below bigint) returns bigint language plpgsql
    -- Planned anew for each call, it would take longer than it saves.
    set plan_cache_mode = force_generic_plan as $$
declare
    head bigint;
begin
    -- A bound on either side: of all partitions that are kept, one is looked at.
    select e.id into head from event_log e
        where e.shard = s and e.id < below and e.id >= below - 10000 order by e.id desc limit 1;
    if head is null then
        select e.id into head from event_log e where e.shard = s and e.id < below order by e.id desc limit 1;
    end if;
    return coalesce(head, 0);
end $$;

-- As before, but for log_head.
create or replace function log_append(
    s smallint, workspace uuid, kind text, audience text, users uuid[], chat uuid, about_user uuid,
    session uuid, message uuid, body json
) returns void language plpgsql as $$
declare
    next_id bigint := nextval('event_log_id');
    now_at timestamptz := clock_timestamp();
    tail text := substr(ltrim(body::text), 2);
begin
    insert into event_log (shard, id, prev_id, timeline, at, workspace_id, kind, audience, users, chat_id, user_id,
                           session_id, message_id, payload)
    values (s, next_id, log_head(s, next_id),
            ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int,
            now_at, workspace, kind, audience, users, chat, about_user, session, message,
            '{"type":"' || kind || '","at":"' || json_time(now_at) || '"'
            || coalesce(',"chat_id":"' || chat || '"', '') || ',' || tail);
    if coalesce(current_setting('parlor.doorbell', true), '') <> 'after' then
        perform pg_notify('parlor_log', s::text);
    end if;
end $$;

-- As before, but for log_head and how a sender's membership is looked up.
create or replace function send_messages(
    shard_number smallint, ids uuid[], workspace_ids uuid[], chat_ids uuid[], sender_ids uuid[], bodies text[],
    client_ids text[], request_hashes bytea[], replies uuid[], patience text
) returns table (id uuid, seq bigint, created_at timestamptz) language plpgsql as $$
#variable_conflict use_column
declare
    usual_patience text := current_setting('lock_timeout');
    sent messages[];
    prev bigint;
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
    select array_agg(message.messages order by (message.messages).id) into sent from message;
    ignored := set_config('parlor.events', '', true);
    ignored := set_config('lock_timeout', usual_patience, true);
    if sent is null then
        return;
    end if;
    perform log_lock(shard_number);
    select log_head(shard_number, last_value + 1) into prev from event_log_id;
    now_at := clock_timestamp();
    now_json := json_time(now_at);
    now_timeline := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int;
    insert into event_log (shard, id, prev_id, timeline, at, workspace_id, kind, audience, chat_id, user_id, message_id, payload)
    select shard_number, e.log_id, coalesce(lag(e.log_id) over (order by e.log_id), prev), now_timeline, now_at,
           e.workspace_id, 'message.new', 'chat', e.chat_id, e.sender_id, e.id,
           '{"type":"message.new","at":"' || now_json || '","chat_id":"' || e.chat_id || '","message":' || e.message || '}'
    from (
        -- Numbered after sorting.
        select nextval('event_log_id') as log_id, m.*
        from (select m.id, m.workspace_id, m.chat_id, m.sender_id, message_json(m) as message
              from unnest(sent) m order by m.id) m
    ) e;
    return query select m.id, m.seq, m.created_at from unnest(sent) m;
end $$;

-- One message, as send_messages sends it: the same locks in the same order, the same rules. Each statement looks up one row,
-- which takes Postgres half as long as the same for sets.
create function send_message(
    shard_number smallint, message_id uuid, workspace uuid, chat uuid, sender uuid, message_body text,
    message_client_id text, message_request_hash bytea, message_reply_to uuid, patience text
) returns table (id uuid, seq bigint, created_at timestamptz) language plpgsql as $$
#variable_conflict use_column
declare
    usual_patience text := current_setting('lock_timeout');
    next_seq bigint;
    m messages;
    next_id bigint;
    now_at timestamptz;
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
    next_id := nextval('event_log_id');
    now_at := clock_timestamp();
    insert into event_log (shard, id, prev_id, timeline, at, workspace_id, kind, audience, chat_id, user_id, message_id, payload)
    values (shard_number, next_id, log_head(shard_number, next_id),
            ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int, now_at,
            workspace, 'message.new', 'chat', chat, sender, message_id,
            '{"type":"message.new","at":"' || json_time(now_at) || '","chat_id":"' || chat || '","message":' || message_json(m) || '}');
    id := m.id; seq := m.seq; created_at := m.created_at;
    return next;
end $$;
