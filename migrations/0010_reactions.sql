-- A row is one person's reaction to a message with one emoji, in the one form that
-- chat_core::text::Emoji stores. messages.reactions has the counts.
create table reactions (
    message_id uuid not null references messages (id) on delete cascade,
    user_id uuid not null,
    emoji text not null,
    workspace_id uuid not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (message_id, user_id, emoji),
    foreign key (workspace_id, user_id) references users (workspace_id, id)
);
-- Who reacted, in the order in which they did.
create index reactions_of_emoji on reactions (message_id, emoji, created_at, user_id);

-- The counts of a message after one more or one less reaction, in the order of the first use of each
-- emoji. Null: there is none.
create function reactions_after(reactions jsonb, of_emoji text, change int) returns jsonb language sql immutable as $$
    select jsonb_agg(jsonb_build_object('emoji', emoji, 'count', count) order by place)
    from (
        select emoji, sum(count)::int as count, min(place) as place
        from (
            select r ->> 'emoji' as emoji, (r ->> 'count')::int as count, place
            from jsonb_array_elements(coalesce(reactions, '[]')) with ordinality x (r, place)
            union all
            select of_emoji, change, 1000000
        ) all_of_them group by emoji
    ) counted where count > 0
$$;

-- A deleted message has lost its reactions, and gets none. The message has no foreign key with the
-- workspace, which would need one more index for each message: it is looked at here.
create function reactions_count() returns trigger language plpgsql as $$
declare
    r reactions := case when tg_op = 'DELETE' then old else new end;
begin
    update messages m
    set reactions = reactions_after(m.reactions, r.emoji, case when tg_op = 'DELETE' then -1 else 1 end)
    where m.id = r.message_id and m.workspace_id = r.workspace_id and m.deleted_at is null;
    if tg_op = 'INSERT' and not found then
        raise foreign_key_violation using message = 'a reaction is to a message of its workspace that is not deleted',
            table = 'reactions', constraint = 'reactions_message';
    end if;
    return null;
end $$;
create trigger reactions_count after insert or delete on reactions
    for each row execute function reactions_count();

-- The count is that of the end of the transaction, which has locked the message.
create function reactions_raise_event() returns trigger language plpgsql as $$
declare
    r reactions := case when tg_op = 'DELETE' then old else new end;
    s smallint := workspace_shard(r.workspace_id);
    m messages;
begin
    perform log_lock(s);
    select * into m from messages where id = r.message_id and deleted_at is null;
    if not found then
        return null; -- message.deleted or chat.deleted said it
    end if;
    perform log_append(s, m.workspace_id, case when tg_op = 'DELETE' then 'reaction.removed' else 'reaction.added' end,
        'chat', null, m.chat_id, r.user_id, null, m.id,
        json_build_object('reaction', json_build_object(
            'message_id', m.id, 'seq', m.seq, 'user_id', r.user_id, 'emoji', r.emoji,
            'count', coalesce((
                select (c ->> 'count')::int from jsonb_array_elements(m.reactions) c where c ->> 'emoji' = r.emoji), 0))));
    return null;
end $$;
create constraint trigger reactions_changed after insert or delete on reactions deferrable initially deferred
    for each row execute function reactions_raise_event();
