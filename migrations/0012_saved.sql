-- A row is a message that a person keeps for later. Nobody else knows of it. It stays when they
-- leave the chat or the message is deleted, and is shown without content then.
create table saved_messages (
    user_id uuid not null,
    message_id uuid not null references messages (id) on delete cascade,
    workspace_id uuid not null,
    chat_id uuid not null,
    saved_at timestamptz not null default clock_timestamp(),
    primary key (user_id, message_id),
    foreign key (workspace_id, user_id) references users (workspace_id, id)
);
create index saved_messages_of_user on saved_messages (user_id, saved_at desc, message_id desc);
-- For the message that is removed with its chat.
create index saved_messages_of_message on saved_messages (message_id);

-- messages.was_saved tells message_text to look. It stays once set, so it says of nobody that they
-- keep the message now. The message has no foreign key with the workspace and the chat: it is looked
-- at here.
create function saved_messages_mark() returns trigger language plpgsql as $$
declare
    known boolean;
begin
    select m.was_saved into known from messages m
    where m.id = new.message_id and m.workspace_id = new.workspace_id and m.chat_id = new.chat_id
      and m.kind = 'user' and m.deleted_at is null;
    if not found then
        raise foreign_key_violation using message = 'a message of the workspace is saved that a person wrote and that is not deleted',
            table = 'saved_messages', constraint = 'saved_messages_message';
    end if;
    if not known then
        update messages set was_saved = true where id = new.message_id;
    end if;
    return null;
end $$;
create trigger saved_messages_mark after insert on saved_messages for each row execute function saved_messages_mark();

-- For the person's own devices alone, unless they are deactivated and have none. It carries no text.
create function saved_messages_raise_event() returns trigger language plpgsql as $$
declare
    k saved_messages := case when tg_op = 'DELETE' then old else new end;
    s smallint := workspace_shard(k.workspace_id);
    m messages;
    now_at timestamptz;
begin
    perform log_lock(s);
    select * into m from messages where id = k.message_id;
    if not found then
        return null; -- chat.deleted said it
    end if;
    if not exists (select from users where id = k.user_id and deactivated_at is null) then
        return null;
    end if;
    select saved_at into now_at from saved_messages where user_id = k.user_id and message_id = k.message_id;
    perform log_append(s, k.workspace_id, case when found then 'message.saved' else 'message.unsaved' end,
        'users', array[k.user_id], m.chat_id, k.user_id, null, null,
        json_build_object('saved', jsonb_build_object('message_id', m.id, 'seq', m.seq)
            || case when found then jsonb_build_object('at', json_time(now_at)) else '{}' end));
    return null;
end $$;
create constraint trigger saved_messages_changed after insert or delete on saved_messages deferrable initially deferred
    for each row execute function saved_messages_raise_event();
