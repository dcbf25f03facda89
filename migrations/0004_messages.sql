-- A domain for the same reason as chat_kind.
create domain message_kind as text constraint messages_kind_check check (value in ('user', 'system'));

-- A row is a message. A deleted one stays as a tombstone without body, so that seq has no gaps.
create table messages (
    id uuid primary key,
    workspace_id uuid not null,
    chat_id uuid not null,
    -- 1, 2, 3 ... within the chat.
    seq bigint not null,
    -- Messages of the main line up to this one, itself included if it stands there. The difference of
    -- two is an unread count.
    root_no bigint not null,
    -- Of a reply in a thread: the message that the thread is about, and 1, 2, 3 ... within the thread.
    -- Null for all others.
    root_id uuid,
    thread_no bigint,
    -- Whether the reply stands in the main line as well.
    also_in_chat boolean not null default false,
    -- Whether there are replies to this message in a thread.
    has_thread boolean not null default false,
    -- `user`: a person or program wrote it. `system`: Parlor did, about what happened in the chat.
    kind message_kind not null default 'user',
    -- Of a system line, it is who did what the line tells.
    sender_id uuid not null,
    body text not null,
    -- What a system line tells: chat_server's `SystemLine`. Null for what people wrote.
    system jsonb,
    -- Of a system line, and of a reply that is not in the main line: the seq of the newest message that
    -- a person wrote there before, which a list of chats goes on to show. Null if there is none.
    shown_seq bigint,
    -- The sender's own name for this send; sending it again is the same message.
    client_id text,
    -- SHA-256 of what was sent first under client_id, since the body may have been edited since.
    request_hash bytea,
    reply_to uuid,
    created_at timestamptz not null default clock_timestamp(),
    edited_at timestamptz,
    deleted_at timestamptz,
    -- How often each emoji was given, as 0010_reactions writes it: [{"emoji": …, "count": …}] in the
    -- order of first use. Null if none was.
    reactions jsonb,
    -- Who pinned it and when, as 0011_pins writes it: {"by": …, "at": …}. Null: it is not pinned.
    pinned jsonb,
    -- Whether anybody ever saved it for later (0012_saved).
    was_saved boolean not null default false,
    -- 1 for the first message of the main line that was deleted, 2 for the second ... Set by a trigger.
    deleted_no bigint,
    constraint messages_chat_id_seq_key unique (chat_id, seq)
    -- Neither sender_id nor chat_id has a foreign key: it would look up the sender and the chat of
    -- each message again, which send_messages has just joined. Those who write by hand meet the
    -- triggers messages_raise_event and chats_keep_messages.
);
create unique index messages_sender_id_client_id_key on messages (sender_id, client_id) where client_id is not null;
create index messages_deleted on messages (chat_id, seq) where deleted_no is not null;
create unique index messages_thread on messages (root_id, thread_no) where root_id is not null;

create function is_in_main_line(m messages) returns boolean language sql immutable
    return m.root_id is null or m.also_in_chat;

-- The reactions to a message that has some, each with whether the viewer gave it, if there is one.
-- In plpgsql, since the table reactions comes later.
create function reactions_text(m messages, viewer uuid) returns text language plpgsql stable as $$
begin
    if viewer is null then
        return m.reactions::text;
    end if;
    return (
        select jsonb_agg(r || jsonb_build_object('me', exists (
            select from reactions g where g.message_id = m.id and g.user_id = viewer and g.emoji = r ->> 'emoji')) order by place)
        from jsonb_array_elements(m.reactions) with ordinality x (r, place));
end $$;

-- That the viewer keeps the message for later, if they do. In plpgsql, since the table
-- saved_messages comes later.
create function saved_text(m messages, viewer uuid) returns text language plpgsql stable as $$
begin
    return case when exists (select from saved_messages k where k.user_id = viewer and k.message_id = m.id) then ',"saved":true' end;
end $$;

-- The thread about a message that has one: its own facts, and with a viewer theirs. In plpgsql, since
-- the table threads comes later.
create function thread_text(root uuid, viewer uuid) returns text language plpgsql stable as $$
begin
    return (
        select concat(
            '{"reply_count":', t.last_no - t.deleted_count,
            ',"last_no":', t.last_no,
            ',"deleted_count":', t.deleted_count,
            ',"last_reply_at":"', json_time(t.last_reply_at),
            '","participants":', to_json(t.participants),
            case when viewer is not null then concat(
                ',"following":', coalesce(m.following, false)::text,
                ',"unread_count":', case when m.following then thread_unread_count(t, m.read_no) else 0 end) end,
            '}')
        from threads t left join thread_members m on m.root_id = t.root_id and m.user_id = viewer
        where t.root_id = root);
end $$;

-- The only place that renders a message, for REST, snapshot and events. What differs per viewer is
-- rendered only with one, and an event has none. Built as text: row_to_json costs three times as
-- much, and every send pays for it.
create function message_text(m messages, viewer uuid) returns text language sql stable
    return concat(
        '{"id":"', m.id,
        '","chat_id":"', m.chat_id,
        '","seq":', m.seq,
        ',"kind":"', m.kind,
        '","sender_id":"', m.sender_id,
        '","body":', to_json(m.body),
        ',"client_id":', coalesce(to_json(m.client_id)::text, 'null'),
        ',"reply_to":', coalesce('"' || m.reply_to || '"', 'null'),
        case when m.root_id is not null then concat(
            ',"root_id":"', m.root_id, '","thread_no":', m.thread_no, ',"also_in_chat":', m.also_in_chat::text) end,
        ',"created_at":"', json_time(m.created_at),
        '","edited_at":', coalesce('"' || json_time(m.edited_at) || '"', 'null'),
        ',"deleted_at":', coalesce('"' || json_time(m.deleted_at) || '"', 'null'),
        ',"system":' || m.system::text, -- only a system line has the field
        case when m.reactions is not null then ',"reactions":' || reactions_text(m, viewer) end,
        ',"pinned":' || m.pinned::text, -- only a pinned message has the field
        case when m.was_saved and viewer is not null then saved_text(m, viewer) end,
        case when m.has_thread then ',"thread":' || thread_text(m.id, viewer) end,
        '}');

create function message_json(m messages, viewer uuid) returns json language sql stable
    return message_text(m, viewer)::json;

-- The seq of the message that a list of chats shows once `m` is the newest; null if there is none.
create function shown_seq_after(m messages) returns bigint language sql immutable
    return case when m.kind = 'system' or not is_in_main_line(m) then m.shown_seq else m.seq end;

-- What a list of chats shows of one: the newest message that a person wrote in the main line, or else
-- the newest system line.
create function shown_message(c chats) returns setof messages language sql stable as $$
    select s.* from messages newest join messages s on s.chat_id = newest.chat_id and s.seq = coalesce(newest.shown_seq, newest.seq)
    where newest.chat_id = c.id and newest.seq = c.last_seq
$$;

-- The messages of the main line up to the seq `read_to`. By the last message that is visible: the
-- one at `read_to` may be of a transaction that has just committed.
create function root_no_at(chat uuid, read_to bigint) returns bigint language sql stable
    return coalesce((
        select m.root_no from messages m where m.chat_id = chat and m.seq <= read_to order by m.seq desc limit 1), 0);

-- How many messages of a chat's main line are not unread for a member who has read up to `read_to`:
-- those up to there, and those after it that were deleted.
create function not_unread_count(c chats, read_to bigint) returns bigint language sql stable
    return root_no_at(c.id, read_to) + case when c.deleted_count = 0 then 0 else (
        select count(*) from messages m where m.chat_id = c.id and m.seq > read_to and m.deleted_no is not null) end;

-- How many are unread.
create function unread_count(c chats, read_to bigint) returns bigint language sql stable
    return greatest(0, c.last_root_no - not_unread_count(c, read_to));

create function chat_members_raise_event() returns trigger language plpgsql as $$
declare
    m chat_members := case when tg_op = 'DELETE' then old else new end;
    s smallint := workspace_shard(m.workspace_id);
    c chats;
    shown messages;
begin
    perform log_lock(s);
    select * into c from chats where id = m.chat_id and deleted_at is null;
    if not found then
        return null; -- chat.deleted said it
    end if;
    if tg_op = 'INSERT' then
        if c.created_in = pg_current_xact_id() then
            return null; -- chat.created says it
        end if;
        -- A later statement of this transaction may have removed or changed the row; its own event
        -- follows.
        select * into shown from shown_message(c);
        perform log_append(s, m.workspace_id, 'member.joined', 'chat', null, c.id, m.user_id, null, shown.id,
            json_build_object('chat', chat_json(c), 'member', member_json(m),
                'last_message', case when shown.id is not null then message_json(shown, null) end));
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
create constraint trigger chat_members_updated after update of role on chat_members deferrable initially deferred
    for each row when (old.role is distinct from new.role) execute function chat_members_raise_event();

-- A read position is told to the reader's own other devices. A send moves sent_seq alone and raises
-- no event here.
create function chat_members_raise_read() returns trigger language plpgsql as $$
declare
    s smallint := workspace_shard(new.workspace_id);
    c chats;
    read_to bigint := greatest(new.read_seq, new.sent_seq);
begin
    perform log_lock(s);
    select * into c from chats where id = new.chat_id and deleted_at is null;
    if found then
        perform log_append(s, new.workspace_id, 'chat.read', 'users', array[new.user_id], new.chat_id, new.user_id, null, null,
            json_build_object('read', json_build_object('seq', read_to, 'unread_count', unread_count(c, read_to),
                'last_seq', c.last_seq, 'last_root_no', c.last_root_no, 'deleted_count', c.deleted_count)));
    end if;
    return null;
end $$;
create constraint trigger chat_members_read after update of read_seq on chat_members deferrable initially deferred
    for each row when (old.read_seq is distinct from new.read_seq) execute function chat_members_raise_read();

-- Counts a deletion. Before the update and not with the event: the lock of the chat comes before
-- that of the shard, as for a send.
create function messages_count_deleted() returns trigger language plpgsql as $$
begin
    if new.kind = 'system' then
        -- It is no message of the main line, and a deletion takes one from an unread count.
        raise check_violation using message = 'a system line cannot be deleted alone', table = 'messages',
            constraint = 'messages_system_line';
    end if;
    if is_in_main_line(new) then
        update chats set deleted_count = deleted_count + 1 where id = new.chat_id returning deleted_count into new.deleted_no;
    end if;
    if new.root_id is not null then
        update threads set deleted_count = deleted_count + 1 where root_id = new.root_id;
    end if;
    new.body := ''; -- also when an operator deletes by hand
    new.reactions := null;
    new.pinned := null;
    return new;
end $$;

-- The hash of what was sent would confirm a guess of what was edited or deleted.
create function messages_forget_request() returns trigger language plpgsql as $$
begin
    new.request_hash := null;
    return new;
end $$;
create trigger messages_changed_body before update of body, deleted_at on messages
    for each row when ((old.body, old.deleted_at) is distinct from (new.body, new.deleted_at))
    execute function messages_forget_request();

create trigger messages_deleted before update of deleted_at on messages
    for each row when (old.deleted_at is null and new.deleted_at is not null) execute function messages_count_deleted();

-- Puts a message as it is now into every event that carries it: what was edited away or deleted is
-- in the log no more. A reaction carries no message.
create function log_scrub(m messages) returns void language sql as $$
    update event_log e set payload = (
        case when e.kind like 'message.%'
             then jsonb_set(e.payload::jsonb, '{message}', message_json(m, null)::jsonb)
             else jsonb_set(e.payload::jsonb, '{last_message}', message_json(m, null)::jsonb) end)::text
    where e.message_id = m.id and e.kind not like 'reaction.%'
$$;

create function messages_raise_event() returns trigger language plpgsql as $$
declare
    m messages := case when tg_op = 'DELETE' then old else new end;
    s smallint := workspace_shard(m.workspace_id);
    kind text;
    body json;
    text_bytes int;
begin
    perform log_lock(s);
    if tg_op = 'INSERT' then
        if not exists (select from users where id = m.sender_id and workspace_id = m.workspace_id) then
            raise foreign_key_violation using message = 'the sender of a message is no user of its workspace';
        end if;
        if not exists (select from chats where id = m.chat_id and workspace_id = m.workspace_id) then
            raise foreign_key_violation using message = 'the chat of a message is no chat of its workspace';
        end if;
        if (m.kind = 'system') <> (m.system is not null) then
            raise check_violation using message = 'a system line tells something, and nothing else does', table = 'messages',
                constraint = 'messages_system_line';
        end if;
        if m.root_id is not null then
            raise check_violation using message = 'a reply in a thread is written by send_messages alone', table = 'messages',
                constraint = 'messages_thread';
        end if;
        kind := 'message.new';
        text_bytes := octet_length(new.body);
    elsif tg_op = 'UPDATE' and new.deleted_at is null then
        kind := 'message.edited';
        text_bytes := octet_length(new.body) - octet_length(old.body);
        perform log_scrub(m);
    else
        kind := 'message.deleted';
        text_bytes := -octet_length(old.body);
        delete from reactions where message_id = m.id;
        delete from pins where message_id = m.id;
        m.body := '';
        m.system := null;
        m.reactions := null;
        m.pinned := null;
        m.deleted_at := coalesce(m.deleted_at, clock_timestamp());
        perform log_scrub(m);
        -- The messages of a deleted chat go without events: chat.deleted said it.
        if tg_op = 'DELETE' and not exists (select from chats where id = m.chat_id and deleted_at is null) then
            return null;
        end if;
    end if;
    if kind = 'message.deleted' then
        body := json_build_object('message', message_json(m, null), 'deleted_count', coalesce(
            m.deleted_no, (select deleted_count from chats where id = m.chat_id)));
        if m.root_id is not null then
            body := (body::jsonb || jsonb_build_object('thread', thread_event_text(m.root_id)::jsonb))::json;
        end if;
    else
        body := json_build_object('message', message_json(m, null));
    end if;
    perform log_append(s, m.workspace_id, kind, 'chat', null, m.chat_id, m.sender_id, null, m.id, body, text_bytes);
    return null;
end $$;
-- A call and not an expression: Postgres parses the condition of a trigger again for each
-- statement, and a call is a small tree. send_messages writes the events of its rows itself, all at
-- once.
create function events_are_raised() returns boolean language plpgsql stable as $$
begin
    return coalesce(current_setting('parlor.events', true), '') <> 'by send_messages';
end $$;
create constraint trigger messages_new after insert on messages deferrable initially deferred
    for each row when (events_are_raised()) execute function messages_raise_event();
create constraint trigger messages_changed after update on messages deferrable initially deferred
    for each row when (
        (old.body, old.deleted_at) is distinct from (new.body, new.deleted_at)
    ) execute function messages_raise_event();
create constraint trigger messages_removed after delete on messages deferrable initially deferred
    for each row execute function messages_raise_event();

create function chats_keep_messages() returns trigger language plpgsql as $$
begin
    if exists (select from messages where chat_id = old.id) then
        raise foreign_key_violation using message = 'a chat that has messages cannot be removed';
    end if;
    return old;
end $$;
create trigger chats_keep_messages before delete on chats for each row execute function chats_keep_messages();
