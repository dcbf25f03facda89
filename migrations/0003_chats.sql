-- A row is a conversation of one of four kinds. Deleting one marks it; a background job takes its messages away, and
-- the row itself once the log no longer speaks of it.
create table chats (
    id uuid primary key,
    workspace_id uuid not null references workspaces (id),
    kind text not null check (kind in ('single', 'group', 'private_channel', 'public_channel')),
    name text,
    description text not null default '',
    -- The pair of a single chat, so that asking again finds the same one. Null for the other kinds.
    single_key text constraint chats_single_key unique,
    -- The seq of the newest message; the row's lock orders the messages of a chat.
    last_seq bigint not null default 0,
    created_at timestamptz not null default now(),
    deleted_at timestamptz,
    -- The transaction that made the chat: its first members are told by chat.created, not one by one.
    created_in xid8 not null default pg_current_xact_id(),
    constraint chats_workspace_id_id_key unique (workspace_id, id),
    check ((kind = 'single') = (single_key is not null)),
    check (kind not in ('private_channel', 'public_channel') or name is not null)
) with (fillfactor = 70); -- last_seq changes with each message: room for updates in the same page
create unique index chats_channel_name_key on chats (workspace_id, lower(name))
    where kind in ('private_channel', 'public_channel') and deleted_at is null;
create index chats_public on chats (workspace_id, id) where kind = 'public_channel' and deleted_at is null;
create index chats_deleted on chats (deleted_at) where deleted_at is not null;

-- A row is a user in a chat: the one source of truth for who may see and do what there.
create table chat_members (
    chat_id uuid not null,
    user_id uuid not null,
    workspace_id uuid not null,
    role text not null check (role in ('owner', 'member')),
    -- Read up to here, as the user said. What they have read is greatest(read_seq, sent_seq).
    read_seq bigint not null default 0,
    -- Their own newest message: writing in a chat means having read it, and needs no event of its own.
    sent_seq bigint not null default 0,
    joined_at timestamptz not null default now(),
    primary key (chat_id, user_id),
    foreign key (workspace_id, chat_id) references chats (workspace_id, id) on delete cascade,
    foreign key (workspace_id, user_id) references users (workspace_id, id)
) with (fillfactor = 80);
create index chat_members_user on chat_members (user_id, chat_id);
create index chat_members_workspace on chat_members (workspace_id);
create unique index chat_members_one_owner on chat_members (chat_id) where role = 'owner';

-- A row is a message. A deleted one stays as a tombstone without body, so that seq has no gaps.
create table messages (
    id uuid primary key,
    workspace_id uuid not null,
    chat_id uuid not null,
    -- 1, 2, 3 ... within the chat.
    seq bigint not null,
    sender_id uuid not null,
    body text not null,
    -- The sender's own name for this send; sending it again is the same message.
    client_id text,
    -- SHA-256 of what was sent first under client_id, since the body may have been edited since.
    request_hash bytea,
    reply_to uuid,
    created_at timestamptz not null default clock_timestamp(),
    edited_at timestamptz,
    deleted_at timestamptz,
    constraint messages_chat_id_seq_key unique (chat_id, seq),
    foreign key (workspace_id, chat_id) references chats (workspace_id, id),
    foreign key (workspace_id, sender_id) references users (workspace_id, id)
);
create unique index messages_sender_id_client_id_key on messages (sender_id, client_id) where client_id is not null;

-- What JSON shows of a message. A type rather than a subquery, so that message_json is put in line where it is called
-- and not planned anew by each statement.
create type message_shape as (
    id uuid, chat_id uuid, seq bigint, sender_id uuid, body text, client_id text, reply_to uuid,
    created_at text, edited_at text, deleted_at text
);
create function message_json(m messages) returns json language sql stable
    return row_to_json(row(
        m.id, m.chat_id, m.seq, m.sender_id, m.body, m.client_id, m.reply_to,
        json_time(m.created_at), json_time(m.edited_at), json_time(m.deleted_at)
    )::message_shape);

create function member_json(m chat_members) returns json language sql stable as $$
    select row_to_json(x) from (select m.user_id, m.role, json_time(m.joined_at) as joined_at) x
$$;

-- member_ids names the first ten of a single chat or group, for their titles; channels have names.
create function chat_json(c chats) returns json language sql stable as $$
    select row_to_json(x) from (
        select c.id, c.kind, c.name, c.description,
               (select user_id from chat_members m where m.chat_id = c.id and m.role = 'owner') as owner_id,
               (select count(*) from chat_members m where m.chat_id = c.id) as member_count,
               case when c.kind in ('single', 'group') then array(
                   select user_id from chat_members m where m.chat_id = c.id order by joined_at, user_id limit 10
               ) else '{}' end as member_ids,
               c.last_seq, json_time(c.created_at) as created_at
    ) x
$$;

create function chats_raise_event() returns trigger language plpgsql as $$
declare
    s smallint := workspace_shard(coalesce(new.workspace_id, old.workspace_id));
    first_members uuid[];
begin
    perform log_lock(s);
    if tg_op = 'DELETE' then
        -- By hand: chat_server marks a chat first, and that is when it is told.
        perform log_append(s, old.workspace_id, 'chat.deleted', 'chat', null, old.id, null, null, null,
            json_build_object('chat', json_build_object('id', old.id)));
    elsif tg_op = 'INSERT' then
        select array_agg(m.user_id order by m.joined_at, m.user_id) into first_members from chat_members m where m.chat_id = new.id;
        perform log_append(s, new.workspace_id, 'chat.created', 'users', coalesce(first_members, '{}'), new.id, null, null, null,
            json_build_object('chat', chat_json(new), 'members', (
                select coalesce(json_agg(member_json(m) order by m.joined_at, m.user_id), '[]')
                from chat_members m where m.chat_id = new.id)));
    elsif new.deleted_at is not null then
        perform log_append(s, new.workspace_id, 'chat.deleted', 'chat', null, new.id, null, null, null,
            json_build_object('chat', json_build_object('id', new.id)));
    else
        perform log_append(s, new.workspace_id, 'chat.updated', 'chat', null, new.id, null, null, null,
            json_build_object('chat', chat_json(new)));
    end if;
    return null;
end $$;
create constraint trigger chats_created after insert on chats deferrable initially deferred
    for each row execute function chats_raise_event();
create constraint trigger chats_updated after update on chats deferrable initially deferred
    for each row when (
        (old.name, old.description, old.deleted_at) is distinct from (new.name, new.description, new.deleted_at)
    ) execute function chats_raise_event();

create constraint trigger chats_removed after delete on chats deferrable initially deferred
    for each row when (old.deleted_at is null) execute function chats_raise_event();

create function chat_members_raise_event() returns trigger language plpgsql as $$
declare
    m chat_members := case when tg_op = 'DELETE' then old else new end;
    s smallint := workspace_shard(m.workspace_id);
    c chats;
    newest messages;
begin
    perform log_lock(s);
    select * into c from chats where id = m.chat_id and deleted_at is null;
    if not found then
        return null; -- chat.deleted has said it
    end if;
    if tg_op = 'INSERT' then
        if c.created_in = pg_current_xact_id() then
            return null; -- chat.created says it
        end if;
        -- The row may be gone or changed again by a later statement of this transaction, whose own event follows.
        select * into newest from messages where chat_id = c.id and seq = c.last_seq;
        perform log_append(s, m.workspace_id, 'member.joined', 'chat', null, c.id, m.user_id, null, newest.id,
            json_build_object('chat', chat_json(c), 'member', member_json(m),
                'last_message', case when newest.id is not null then message_json(newest) end));
    elsif tg_op = 'DELETE' then
        perform log_append(s, m.workspace_id, 'member.left', 'chat', null, c.id, m.user_id, null, null,
            json_build_object('chat', chat_json(c), 'member', member_json(m)));
    else
        perform log_append(s, m.workspace_id, 'member.updated', 'chat', null, c.id, m.user_id, null, null,
            json_build_object('chat', chat_json(c), 'member', member_json(m)));
    end if;
    return null;
end $$;
create constraint trigger chat_members_joined after insert on chat_members deferrable initially deferred
    for each row execute function chat_members_raise_event();
create constraint trigger chat_members_left after delete on chat_members deferrable initially deferred
    for each row execute function chat_members_raise_event();
create constraint trigger chat_members_updated after update on chat_members deferrable initially deferred
    for each row when (old.role is distinct from new.role) execute function chat_members_raise_event();

-- Reading is told to one's own other devices. A send moves sent_seq alone and does not come here.
create function chat_members_raise_read() returns trigger language plpgsql as $$
declare
    s smallint := workspace_shard(new.workspace_id);
    newest bigint;
    position bigint := greatest(new.read_seq, new.sent_seq);
begin
    perform log_lock(s);
    select last_seq into newest from chats where id = new.chat_id and deleted_at is null;
    if found then
        perform log_append(s, new.workspace_id, 'chat.read', 'users', array[new.user_id], new.chat_id, new.user_id, null, null,
            json_build_object('read', json_build_object('seq', position, 'unread_count', newest - position)));
    end if;
    return null;
end $$;
create constraint trigger chat_members_read after update on chat_members deferrable initially deferred
    for each row when (old.read_seq is distinct from new.read_seq) execute function chat_members_raise_read();

-- Takes a message's body out of every event that carries it.
create function log_scrub(m messages) returns void language sql as $$
    update event_log e set payload = (
        case when e.kind like 'message.%'
             then jsonb_set(e.payload::jsonb, '{message}', message_json(m)::jsonb)
             else jsonb_set(e.payload::jsonb, '{last_message}', message_json(m)::jsonb) end)::text
    where e.message_id = m.id
$$;

create function messages_raise_event() returns trigger language plpgsql as $$
declare
    m messages := case when tg_op = 'DELETE' then old else new end;
    s smallint := workspace_shard(m.workspace_id);
    kind text;
begin
    perform log_lock(s);
    if tg_op = 'INSERT' then
        kind := 'message.new';
    elsif tg_op = 'UPDATE' and new.deleted_at is null then
        kind := 'message.edited';
    else
        kind := 'message.deleted';
        m.body := '';
        m.deleted_at := coalesce(m.deleted_at, clock_timestamp());
        perform log_scrub(m);
        -- The messages of a deleted chat go in silence: chat.deleted has said it.
        if tg_op = 'DELETE' and not exists (select from chats where id = m.chat_id and deleted_at is null) then
            return null;
        end if;
    end if;
    perform log_append(s, m.workspace_id, kind, 'chat', null, m.chat_id, m.sender_id, null, m.id,
        json_build_object('message', message_json(m)));
    return null;
end $$;
-- send_messages writes the events of its rows itself, all at once.
create constraint trigger messages_new after insert on messages deferrable initially deferred
    for each row when (coalesce(current_setting('parlor.events', true), '') <> 'by send_messages')
    execute function messages_raise_event();
create constraint trigger messages_changed after update on messages deferrable initially deferred
    for each row when (
        (old.body, old.deleted_at) is distinct from (new.body, new.deleted_at)
    ) execute function messages_raise_event();
create constraint trigger messages_removed after delete on messages deferrable initially deferred
    for each row execute function messages_raise_event();

-- Sends many messages of one shard of the log: takes each chat's next seqs, inserts and writes the events, in the order
-- of the ids. Returns those that were sent. Left out are messages whose sender is no active member of the chat, whose
-- client_id was used before, and whose reply_to is not in the chat; a batch must not have the same client_id of a
-- sender twice. Does not ring: the caller does, once it has committed.
--
-- Users, chats and then the shard are locked, each kind in the order of ids, so that two batches cannot wait for one
-- another. Each statement sees what was committed before it began: what is checked under a lock is so until the end.
-- `patience` is how long a row's lock is waited for (as lock_timeout); the shard's is waited for as usual.
create function send_messages(
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
        join chat_members m on m.chat_id = i.chat_id and m.user_id = i.sender_id
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
    select e.id into prev from event_log e where e.shard = shard_number order by e.id desc limit 1;
    now_at := clock_timestamp();
    now_json := json_time(now_at);
    now_timeline := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int;
    insert into event_log (shard, id, prev_id, timeline, at, workspace_id, kind, audience, chat_id, user_id, message_id, payload)
    select shard_number, e.log_id, coalesce(lag(e.log_id) over (order by e.log_id), prev, 0), now_timeline, now_at,
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
