-- Domains, since a CHECK of a table is parsed and evaluated by every statement that changes a row,
-- and last_seq and sent_seq change with each message.
create domain chat_kind as text
    constraint chats_kind_check check (value in ('single', 'group', 'private_channel', 'public_channel'));
create domain chat_role as text constraint chat_members_role_check check (value in ('owner', 'member'));

-- A row is a conversation of one of four kinds. Deleting one marks it; a background job then
-- deletes its messages, and the row itself once the log no longer mentions it.
create table chats (
    id uuid primary key,
    workspace_id uuid not null references workspaces (id),
    kind chat_kind not null,
    name text,
    name_folded text,
    -- chat_core::text::look_alike of name.
    name_look text,
    description text not null default '',
    description_folded text not null default '',
    -- The pair of a single chat, so that asking again finds the same one. Null for the other kinds.
    single_key text constraint chats_single_key unique,
    -- The seq of the newest message. The lock of this row orders the messages of the chat.
    last_seq bigint not null default 0,
    -- How many of them stand in the main line: what unread counts are made of.
    last_root_no bigint not null default 0,
    -- How many messages were deleted so far. message.deleted carries it, so that a client counts
    -- each deletion once.
    deleted_count bigint not null default 0,
    created_at timestamptz not null default now(),
    deleted_at timestamptz,
    -- Who made it. Null if it was made by hand.
    created_by uuid,
    -- Whether those who join the workspace become members of this public channel.
    auto_join boolean not null default false,
    -- The transaction that made the chat: chat.created tells its first members, not one event for
    -- each.
    created_in xid8 not null default pg_current_xact_id(),
    constraint chats_workspace_id_id_key unique (workspace_id, id)
-- last_seq changes with each message: room for updates in the same page, and vacuum before dead
-- rows are many.
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
-- What a CHECK would say, for the same reason asked only when these columns are written. `always`:
-- also where other triggers are off.
create function chats_check() returns trigger language plpgsql as $$
begin
    if (new.kind = 'single') <> (new.single_key is not null)
        or (new.kind in ('private_channel', 'public_channel') and new.name is null)
        or (new.name is null) <> (new.name_folded is null)
        or new.auto_join and new.kind <> 'public_channel' then
        raise check_violation using message = format('a chat of kind %s has no such name, single_key or auto_join', new.kind),
            table = 'chats', constraint = 'chats_check';
    end if;
    return null;
end $$;
create constraint trigger chats_check after insert or update of kind, name, name_folded, single_key, auto_join on chats
    for each row execute function chats_check();
alter table chats enable always trigger chats_check;

-- Public ones alone: a refusal would tell an outsider the name of a private channel.
create unique index chats_channel_name_key on chats (workspace_id, name_look)
    where kind = 'public_channel' and deleted_at is null;
create index chats_public on chats (workspace_id, id) where kind = 'public_channel' and deleted_at is null;
create index chats_auto_join on chats (workspace_id, id) where auto_join and deleted_at is null;
create index chats_created_by on chats (created_by) where deleted_at is null;
create index chats_deleted on chats (deleted_at) where deleted_at is not null;

-- A row is a user in a chat: the one source of truth for who may see and do what there.
create table chat_members (
    chat_id uuid not null,
    user_id uuid not null,
    workspace_id uuid not null,
    role chat_role not null,
    -- Read up to here, as the user said. The read position is greatest(read_seq, sent_seq).
    read_seq bigint not null default 0,
    -- Their own newest message: to write in a chat means to have read it, and needs no event of its
    -- own.
    sent_seq bigint not null default 0,
    joined_at timestamptz not null default now(),
    -- Who put them into it. Null if they did so themselves, or the channel has auto_join.
    added_by uuid,
    primary key (chat_id, user_id),
    foreign key (workspace_id, chat_id) references chats (workspace_id, id) on delete cascade,
    foreign key (workspace_id, user_id) references users (workspace_id, id)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
create index chat_members_user on chat_members (user_id, chat_id);
create index chat_members_workspace on chat_members (workspace_id);
create unique index chat_members_one_owner on chat_members (chat_id) where role = 'owner';

-- A row is what a search for channels looks at: name and description of a public channel.
create table channel_search (
    chat_id uuid primary key references chats (id) on delete cascade,
    parts bigint[] not null
);
create index channel_search_parts on channel_search using gin (parts);

create function chats_write_search() returns trigger language plpgsql as $$
begin
    insert into channel_search (chat_id, parts)
    values (new.id, search_parts(new.workspace_id, new.name_folded || e'\n' || new.description_folded, 1))
    on conflict (chat_id) do update set parts = excluded.parts;
    return null;
end $$;
-- Named columns: the update of last_seq with each message does not come here.
create trigger chats_search_new after insert on chats
    for each row when (new.kind = 'public_channel') execute function chats_write_search();
create trigger chats_search after update of name_folded, description_folded on chats
    for each row when (new.kind = 'public_channel') execute function chats_write_search();

create function member_json(m chat_members) returns json language sql stable as $$
    select row_to_json(x) from (select m.user_id, m.role, json_time(m.joined_at) as joined_at) x
$$;

-- member_ids names the first ten of a single chat or group, for their titles; channels have names.
create function chat_json(c chats) returns json language sql stable as $$
    select row_to_json(x) from (
        select c.id, c.kind, c.name, c.description, c.auto_join,
               (select user_id from chat_members m where m.chat_id = c.id and m.role = 'owner') as owner_id,
               (select count(*) from chat_members m where m.chat_id = c.id) as member_count,
               case when c.kind in ('single', 'group') then array(
                   select user_id from chat_members m where m.chat_id = c.id order by joined_at, user_id limit 10
               ) else '{}' end as member_ids,
               c.last_seq, c.last_root_no, c.deleted_count, json_time(c.created_at) as created_at
    ) x
$$;

create function chats_raise_event() returns trigger language plpgsql as $$
declare
    s smallint := workspace_shard(coalesce(new.workspace_id, old.workspace_id));
    first_members uuid[];
begin
    if tg_op = 'UPDATE' and new.deleted_at is not null then
        -- Before the shard is locked: a part of the job itself may hold the row, and wait for the shard.
        perform job_add('delete_messages', new.id::text, json_build_object('chat_id', new.id)::jsonb);
    end if;
    perform log_lock(s);
    if tg_op = 'DELETE' then
        -- A delete by hand. chat_server marks a chat first, and chat.deleted is written then.
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
-- Named columns: the update of last_seq with each message does not evaluate the condition.
create constraint trigger chats_updated after update of name, description, auto_join, deleted_at on chats deferrable initially deferred
    for each row when (
        (old.name, old.description, old.auto_join, old.deleted_at)
        is distinct from (new.name, new.description, new.auto_join, new.deleted_at)
    ) execute function chats_raise_event();
create constraint trigger chats_removed after delete on chats deferrable initially deferred
    for each row when (old.deleted_at is null) execute function chats_raise_event();
