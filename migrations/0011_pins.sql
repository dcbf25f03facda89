-- A row is a message that is pinned in its chat. messages.pinned says the same on the message. The
-- lock of the chat keeps the number of pins below its limit.
create table pins (
    message_id uuid primary key references messages (id) on delete cascade,
    workspace_id uuid not null,
    chat_id uuid not null,
    pinned_by uuid not null,
    pinned_at timestamptz not null default clock_timestamp(),
    foreign key (workspace_id, pinned_by) references users (workspace_id, id)
);
create index pins_of_chat on pins (chat_id, pinned_at desc, message_id desc);

-- A deleted message has lost its pin, and takes none. The message has no foreign key with the
-- workspace and the chat, which would need one more index for each message: it is looked at here.
create function pins_mark() returns trigger language plpgsql as $$
declare
    p pins := case when tg_op = 'DELETE' then old else new end;
begin
    update messages m
    set pinned = case when tg_op = 'DELETE' then null
                      else jsonb_build_object('by', p.pinned_by, 'at', json_time(p.pinned_at)) end
    where m.id = p.message_id and m.workspace_id = p.workspace_id and m.chat_id = p.chat_id
      and m.kind = 'user' and m.deleted_at is null;
    if tg_op = 'INSERT' and not found then
        raise foreign_key_violation using message = 'a pin is on a message of its chat that a person wrote and that is not deleted',
            table = 'pins', constraint = 'pins_message';
    end if;
    return null;
end $$;
create trigger pins_mark after insert or delete on pins for each row execute function pins_mark();

-- What the end of the transaction has made of the pin. It carries no text, so it names no message
-- whose text would be taken out of it.
create function pins_raise_event() returns trigger language plpgsql as $$
declare
    p pins := case when tg_op = 'DELETE' then old else new end;
    s smallint := workspace_shard(p.workspace_id);
    m messages;
begin
    perform log_lock(s);
    select * into m from messages where id = p.message_id and deleted_at is null;
    if not found then
        return null; -- message.deleted or chat.deleted said it
    end if;
    perform log_append(s, m.workspace_id, case when m.pinned is null then 'message.unpinned' else 'message.pinned' end,
        'chat', null, m.chat_id, null, null, null,
        json_build_object('pin', jsonb_build_object('message_id', m.id, 'seq', m.seq) || coalesce(m.pinned, '{}')));
    return null;
end $$;
create constraint trigger pins_changed after insert or delete on pins deferrable initially deferred
    for each row execute function pins_raise_event();
