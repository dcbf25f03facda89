-- A row is a thread: the replies to one message, its root. The lock of the chat orders them. Made by
-- the first reply.
create table threads (
    root_id uuid primary key references messages (id) on delete cascade,
    workspace_id uuid not null,
    chat_id uuid not null,
    -- The thread_no of the newest reply, and how many of the replies were deleted.
    last_no bigint not null,
    deleted_count bigint not null default 0,
    last_reply_at timestamptz not null,
    -- The first five who replied.
    participants uuid[] not null,
    constraint threads_root_id_chat_id_key unique (root_id, chat_id)
) with (fillfactor = 70);

-- A foreign key to the root's chat would need one more index of messages.
create function threads_check() returns trigger language plpgsql as $$
begin
    if not exists (select from messages m where m.id = new.root_id and m.chat_id = new.chat_id
                   and m.workspace_id = new.workspace_id and m.root_id is null and m.kind = 'user') then
        raise foreign_key_violation using message = 'a thread is about a message of its chat that is no reply', table = 'threads',
            constraint = 'threads_root';
    end if;
    return new;
end $$;
create trigger threads_check before insert or update of root_id, chat_id, workspace_id on threads
    for each row execute function threads_check();

-- A row is a member of the chat who has followed the thread: the author of its root or of a reply, or a
-- member who asked to follow. It is deleted when they leave the chat.
create table thread_members (
    root_id uuid not null,
    user_id uuid not null,
    chat_id uuid not null,
    workspace_id uuid not null,
    -- False once they asked for no more.
    following boolean not null,
    -- The thread_no that they have read up to.
    read_no bigint not null,
    primary key (root_id, user_id),
    foreign key (root_id, chat_id) references threads (root_id, chat_id) on delete cascade,
    foreign key (chat_id, user_id) references chat_members (chat_id, user_id) on delete cascade
);
create index thread_members_user on thread_members (user_id, chat_id);

-- How many replies are unread for a member who has read up to `read_no`. A deleted one is unread to
-- nobody.
create function thread_unread_count(t threads, read_no bigint) returns bigint language sql stable
    return greatest(0, t.last_no - read_no - case when t.deleted_count = 0 then 0 else (
        select count(*) from messages m
        where m.root_id = t.root_id and m.thread_no > read_no and m.deleted_at is not null) end);

-- What an event about a reply says of its thread.
create function thread_event_text(root uuid) returns text language sql stable
    return (select concat('{"root_id":"', m.id, '","root_seq":', m.seq, ',"root_sender_id":"', m.sender_id, '",',
                          substr(thread_text(m.id, null), 2))
            from messages m where m.id = root);

-- A member's own view of a thread, for REST and their own devices.
create function thread_state_json(t threads, m thread_members) returns json language sql stable
    return json_build_object(
        'root_id', t.root_id, 'chat_id', t.chat_id, 'following', m.following, 'read_no', m.read_no,
        'unread_count', case when m.following then thread_unread_count(t, m.read_no) else 0 end,
        'last_no', t.last_no, 'deleted_count', t.deleted_count);

create function thread_members_raise_event() returns trigger language plpgsql as $$
declare
    s smallint := workspace_shard(new.workspace_id);
    t threads;
begin
    perform log_lock(s);
    select * into t from threads where root_id = new.root_id;
    if found then
        perform log_append(s, new.workspace_id, 'thread.updated', 'users', array[new.user_id], new.chat_id, new.user_id, null, null,
            json_build_object('thread', thread_state_json(t, new)));
    end if;
    return null;
end $$;
-- A send tells by its own event that its sender follows the thread and has read it.
create constraint trigger thread_members_new after insert on thread_members deferrable initially deferred
    for each row when (events_are_raised()) execute function thread_members_raise_event();
create constraint trigger thread_members_changed after update of following, read_no on thread_members deferrable initially deferred
    for each row when ((old.following, old.read_no) is distinct from (new.following, new.read_no) and events_are_raised())
    execute function thread_members_raise_event();

-- The first five different ones.
create function first_five(users uuid[]) returns uuid[] language sql immutable
    return array(select u from unnest(users) with ordinality x (u, place) group by u order by min(place) limit 5);

-- Stores the replies of a batch of send_messages, which has counted them in their chats already. How
-- many were stored: fewer than there are, if one may not be sent.
create function send_replies(new new_message[]) returns int language plpgsql as $$
#variable_conflict use_column
declare
    stored int;
begin
    -- The root is a message of the same chat that is no reply itself, no system line and not deleted.
    if exists (
        select from unnest(new) n
        left join messages r on r.id = n.root_id and r.chat_id = n.chat_id and r.deleted_at is null
            and r.system is null and r.root_id is null
        left join users u on u.id = n.sender_id and u.deactivated_at is null
        left join chats c on c.id = n.chat_id
        left join chat_members m on m.chat_id = n.chat_id and m.user_id = n.sender_id
        where n.root_id is not null and (r.id is null or u.id is null or may_post(c.kind, u.role, m.role) is not true)
    ) then
        return 0;
    end if;
    insert into threads as t (root_id, workspace_id, chat_id, last_no, last_reply_at, participants)
    select n.root_id, n.workspace_id, n.chat_id, count(*), clock_timestamp(), first_five(array_agg(n.sender_id order by n.position))
    from unnest(new) n where n.root_id is not null group by n.root_id, n.workspace_id, n.chat_id order by n.root_id
    on conflict (root_id) do update set
        last_no = t.last_no + excluded.last_no, last_reply_at = excluded.last_reply_at,
        participants = case when cardinality(t.participants) < 5 then first_five(t.participants || excluded.participants)
                            else t.participants end;
    update messages r set has_thread = true
    where r.id = any (array(select n.root_id from unnest(new) n where n.root_id is not null)) and not r.has_thread;
    insert into messages (id, workspace_id, chat_id, seq, root_no, root_id, thread_no, also_in_chat, sender_id, body,
                          client_id, request_hash, reply_to, shown_seq)
    select n.id, n.workspace_id, n.chat_id, c.last_seq - n.later_in_chat, c.last_root_no - n.later_in_main_line,
           n.root_id, t.last_no + 1 - row_number() over (partition by n.root_id order by n.position desc), n.also_in_chat,
           n.sender_id, n.body, n.client_id, n.request_hash, n.reply_to,
           -- This statement does not see the replies that it stores.
           case when not n.also_in_chat then greatest(
               (select shown_seq_after(p) from messages p
                where p.chat_id = n.chat_id and p.seq < c.last_seq - n.later_in_chat order by p.seq desc limit 1),
               max(c.last_seq - n.later_in_chat) filter (where n.also_in_chat)
                   over (partition by n.chat_id order by n.position rows unbounded preceding)) end
    from unnest(new) n join chats c on c.id = n.chat_id and c.workspace_id = n.workspace_id join threads t on t.root_id = n.root_id
    where n.reply_to is null or exists (
        select from messages r
        where r.id = n.reply_to and r.chat_id = n.chat_id and r.deleted_at is null and r.system is null);
    get diagnostics stored = row_count;
    -- Who wrote the root follows its thread from the first reply on.
    insert into thread_members (root_id, user_id, chat_id, workspace_id, following, read_no)
    select r.id, r.sender_id, r.chat_id, r.workspace_id, true, 0
    from (select distinct n.root_id from unnest(new) n where n.id = (
              select m.id from messages m where m.root_id = n.root_id and m.thread_no = 1)) first
    join messages r on r.id = first.root_id join chat_members m on m.chat_id = r.chat_id and m.user_id = r.sender_id
    on conflict do nothing;
    insert into thread_members as f (root_id, user_id, chat_id, workspace_id, following, read_no)
    select m.root_id, m.sender_id, m.chat_id, m.workspace_id, true, max(m.thread_no)
    from unnest(new) n join messages m on m.id = n.id where n.root_id is not null
    group by m.root_id, m.sender_id, m.chat_id, m.workspace_id order by m.root_id, m.sender_id
    on conflict (root_id, user_id) do update set following = true, read_no = greatest(f.read_no, excluded.read_no);
    return stored;
end $$;
