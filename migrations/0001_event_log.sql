-- The event log: every event is written here, in the transaction that causes it. Readers
-- (notify_server, the caches of chat_server) read the rows after their cursor. NOTIFY only tells
-- them when to read.

-- One row: what a cursor must match besides its position.
create table log_meta (
    only_row boolean primary key default true check (only_row),
    -- Raised by hand after a restore from backup, so that cursors from before it are answered with
    -- `reset`.
    generation int not null default 1,
    -- Ids per partition of event_log. Retention drops whole partitions.
    partition_size bigint not null default 1048576 check (partition_size > 0),
    -- The NOTIFY channel that carries rows of the log. Every role that can connect may LISTEN to
    -- any channel it can name, so the name is a secret that only readers of this table know.
    rows_channel text not null default 'parlor_rows_' || replace(gen_random_uuid()::text, '-', '')
);
insert into log_meta default values;

-- One sequence for all shards, so that ids grow with time and a partition covers a span of time.
create sequence event_log_id;

-- A row is one event, ready to be sent. (shard, id) is its position; within a shard, id order is
-- commit order. Only the functions below write here, so there are no CHECK constraints: Postgres
-- would parse them again for each insert.
create table event_log (
    shard smallint not null,
    id bigint not null,
    -- The id before this one in the shard, 0 for the first. A reader proves with it that it skipped
    -- nothing.
    prev_id bigint not null,
    -- Postgres timeline at writing: after a failover that lost rows, their cursors cannot be
    -- mistaken for new rows.
    timeline int not null,
    at timestamptz not null,
    -- Null for ticks, which belong to no workspace.
    workspace_id uuid,
    kind text not null,
    -- Who gets the event: `chat` = members of chat_id, `workspace` = all its users, `users` = those
    -- listed, `none` = no one.
    audience text not null,
    users uuid[],
    chat_id uuid,
    -- The user the event is about (member.*, user.*, chat.read), the sender of message.*.
    user_id uuid,
    session_id uuid,
    -- The message whose body the payload carries, so that a deletion can remove the body from the
    -- log.
    message_id uuid,
    -- How many bytes of message text the event adds; below zero, takes away. The payload does not tell: a deletion
    -- removes the text from it.
    text_bytes int not null default 0,
    -- The finished JSON, one line.
    payload text not null,
    primary key (shard, id)
) partition by range (id);
create index event_log_message on event_log (message_id) where message_id is not null;
-- Joins and leaves: finds the chats of a user at a cursor without reading every message.
create index event_log_membership on event_log (user_id, id) where kind in ('member.joined', 'member.left');
create index event_log_chat_created on event_log (workspace_id, id) where kind = 'chat.created';

-- A row is one partition of event_log: the first id that it holds, when it came into use and when
-- it became full.
create table event_log_partitions (
    start_id bigint primary key,
    end_id bigint not null,
    opened_at timestamptz,
    closed_at timestamptz
);

create function workspace_shard(workspace uuid) returns smallint
    language sql immutable strict parallel safe
    return (get_byte(uuid_send(workspace), 15) & 15)::smallint;

-- The format of times in JSON, in events and in REST: UTC, milliseconds.
create function json_time(t timestamptz) returns text
    language sql stable strict parallel safe
    return to_char(t at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- Volatile, as what it calls is. Postgres would not inline a function that claims to be more.
create function log_timeline() returns int language sql volatile
    return ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int;

-- Takes the lock that orders a shard. It is held until the transaction has committed and is
-- visible, so the next holder sees everything before it: id order is commit order, and what a
-- trigger reads under the lock is the state at exactly its position. The first half of the key is
-- "PRLR" in ASCII.
create function log_lock(s smallint) returns void language plpgsql as $$
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'writes that raise events need read committed, not %', current_setting('transaction_isolation')
            using errcode = '25001', hint = 'With an older snapshot prev_id would name the wrong row.';
    end if;
    perform pg_advisory_xact_lock(1347570770, s);
end $$;

-- The id of the last row of a shard, 0 if there is none. Call log_lock first.
create function log_head(s smallint) returns bigint language plpgsql
    -- Planning each call would cost more than it saves.
    set plan_cache_mode = force_generic_plan as $$
declare
    newest bigint;
    head bigint;
begin
    select last_value into newest from event_log_id;
    -- Bounded on both sides, so that Postgres reads one partition and not all.
    select e.id into head from event_log e
        where e.shard = s and e.id <= newest and e.id > newest - 10000 order by e.id desc limit 1;
    if head is null then
        select e.id into head from event_log e where e.shard = s and e.id <= newest order by e.id desc limit 1;
    end if;
    return coalesce(head, 0);
end $$;

-- Writes one event. `body` is a JSON object with at least one key; type, at and chat_id are put
-- before it. Call log_lock first and build `body` after it.
create function log_append(
    s smallint, workspace uuid, kind text, audience text, users uuid[], chat uuid, about_user uuid,
    session uuid, message uuid, body json, text_bytes int default 0
) returns void language plpgsql as $$
declare
    head bigint := log_head(s);
    now_at timestamptz := clock_timestamp();
    tail text := substr(ltrim(body::text), 2);
begin
    insert into event_log (shard, id, prev_id, timeline, at, workspace_id, kind, audience, users, chat_id, user_id,
                           session_id, message_id, text_bytes, payload)
    values (s, nextval('event_log_id'), head, log_timeline(),
            now_at, workspace, kind, audience, users, chat, about_user, session, message, text_bytes,
            '{"type":"' || kind || '","at":"' || json_time(now_at) || '"'
            || coalesce(',"chat_id":"' || chat || '"', '') || ',' || tail);
    -- A NOTIFY in a writing transaction holds a database-wide lock through the flush of its commit.
    -- Tests set 'after', to write like a server that dies before its NOTIFY.
    if coalesce(current_setting('parlor.doorbell', true), '') <> 'after' then
        perform pg_notify('parlor_log', s::text);
    end if;
end $$;

-- A NOTIFY that carries a row of the log, only for events of kind message.new: kind and audience
-- are not in it. A reader that has the row before it need not read this one. A NOTIFY holds less
-- than 8,000 bytes; for a longer row it names only the shard. `channel` is log_meta.rows_channel.
-- Returns the payload, so that an insert can call it for each row.
create function log_notify_row(channel text, e event_log) returns text language plpgsql as $$
declare
    row_text text := concat_ws(' ', e.shard, e.id, e.prev_id, e.timeline, (extract(epoch from e.at) * 1000000)::bigint,
                               e.workspace_id, e.chat_id, e.user_id, e.message_id, e.payload);
begin
    if octet_length(row_text) < 8000 then
        perform pg_notify(channel, row_text);
    else
        perform pg_notify('parlor_log', e.shard::text);
    end if;
    return e.payload;
end $$;

-- LISTEN on the channel of rows. It is a function, so that the name appears in no list of running
-- statements.
create function log_listen() returns void language plpgsql as $$
begin
    execute format('listen %I', (select rows_channel from log_meta));
end $$;

-- A tick in a shard: keeps the cursor of a quiet workspace within retention and shows readers their
-- lag. One shard per transaction, so that no lock is held while waiting for another.
create function log_tick(s smallint) returns void language plpgsql as $$
begin
    perform log_lock(s);
    perform log_append(s, null, 'tick', 'none', null, null, null, null, null, '{"tick":true}');
end $$;

-- Keeps `ahead` whole partitions free before the sequence. ATTACH of a table with the matching
-- CHECK takes no lock that stops readers or writers, unlike CREATE TABLE ... PARTITION OF.
create function event_log_extend(ahead int) returns void language plpgsql as $$
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
        -- A partition is dropped before its rows must be frozen, so inserts alone need no vacuum.
        execute format('create table %I (like event_log including all) with (autovacuum_vacuum_insert_threshold = -1)', name);
        execute format('alter table %I add constraint bounds check (id >= %s and id < %s)', name, next_start, next_start + size);
        execute format('alter table event_log attach partition %I for values from (%s) to (%s)', name, next_start, next_start + size);
        execute format('alter table %I drop constraint bounds', name);
        insert into event_log_partitions (start_id, end_id) values (next_start, next_start + size);
    end loop;
end $$;

-- Records which partition is in use. Moves to the next one when this one is older than `max_age`,
-- so that the log of a small installation is also dropped by whole partitions. Moving the sequence
-- needs the lock of every shard, so that no other session draws an id meanwhile.
create function event_log_roll(max_age interval) returns void language plpgsql as $$
declare
    reached bigint;
    current_start bigint;
    opened timestamptz;
    current_end bigint;
begin
    perform event_log_extend(4);
    select last_value into reached from event_log_id;
    update event_log_partitions set closed_at = now() where end_id <= reached and closed_at is null;
    update event_log_partitions set opened_at = now()
        where start_id <= reached and end_id > reached and opened_at is null;
    select start_id, end_id, opened_at into current_start, current_end, opened
        from event_log_partitions where start_id <= reached and end_id > reached;
    if opened < now() - max_age then
        for s in 0..15 loop
            perform log_lock(s::smallint);
        end loop;
        select last_value into reached from event_log_id;
        if reached < current_end then
            perform setval('event_log_id', current_end, false);
            update event_log_partitions set closed_at = now() where start_id = current_start;
        end if;
    end if;
end $$;

select event_log_extend(4);
