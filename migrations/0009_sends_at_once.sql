-- Sends that are not looked at before they are made: counting a message shows whether its chat and its sender's membership are there, a unique
-- index whether it was sent before. If one may not be sent, what was done is undone. What is stored and told is the same. send_many stays
-- for servers of the version before.

drop function send_batch, send_few, send_row, send_event;

-- The event of a message that is being sent, with what message_json makes of it; times are as json_time makes them. row_to_json looks
-- up the type of each column for each row. Written in line where it is called.
create function sent_json(
    at text, message_id uuid, chat uuid, seq bigint, sender uuid, body text, client_id text, reply_to uuid, created_at text
) returns text language sql stable
    return concat(
        '{"type":"message.new","at":"', at, '","chat_id":"', chat,
        '","message":{"id":"', message_id, '","chat_id":"', chat, '","seq":', seq, ',"sender_id":"', sender,
        '","body":', to_json(body), ',"client_id":', coalesce(to_json(client_id)::text, 'null'),
        ',"reply_to":', coalesce('"' || reply_to::text || '"', 'null'),
        ',"created_at":"', created_at, '","edited_at":null,"deleted_at":null}}');

-- The ids of the last rows of `shards` before `first_id`, 0 where there is none, in their order. The caller has drawn the ids from `first_id` to
-- `last_id`, of which the last is `last_shard`'s, under the locks of all these shards, and is about to write their rows. As for log_prev, whoever
-- wrote the row just before need not look for it.
create function log_ends(shards smallint[], first_id bigint, last_shard smallint, last_id bigint) returns bigint[] language plpgsql as $$
declare
    wrote text := current_setting('parlor.wrote', true);
    ignored text := set_config('parlor.wrote', last_shard || ':' || last_id, false);
begin
    if cardinality(shards) > 1 then
        return log_heads(shards, first_id);
    end if;
    if wrote = shards[1] || ':' || (first_id - 1) then
        return array[first_id - 1];
    end if;
    return array[log_head(shards[1], first_id)];
end $$;

-- One message, if it may be sent: the same locks in the same order as send_batch, the same rules, in statements that look up one row each.
-- If it may not, nothing is stored and no row returned.
create or replace function send_single(
    shard_number smallint, message_id uuid, workspace uuid, chat uuid, sender uuid, message_body text,
    message_client_id text, message_request_hash bytea, message_reply_to uuid, patience text, rings boolean
) returns table (id uuid, seq bigint, created_at timestamptz) language plpgsql as $$
declare
    usual_patience text := current_setting('lock_timeout');
    next_seq bigint;
    stored_at timestamptz;
    violated text;
    event_id bigint;
    prev bigint;
    now_at timestamptz;
    now_timeline int;
    event text;
    ignored text;
begin
    ignored := set_config('lock_timeout', coalesce(patience, usual_patience), true);
    begin
        perform from users u where u.id = sender and u.deactivated_at is null for share;
        if not found then raise sqlstate 'PL001'; end if;
        update chats c set last_seq = last_seq + 1 where c.id = chat and c.workspace_id = workspace and c.deleted_at is null
            returning c.last_seq into next_seq;
        if not found then raise sqlstate 'PL001'; end if;
        update chat_members cm set sent_seq = next_seq where cm.chat_id = chat and cm.user_id = sender;
        if not found then raise sqlstate 'PL001'; end if;
        if message_reply_to is not null then
            -- By its id alone, whatever other index there is.
            if (select r.chat_id = chat and r.deleted_at is null from messages r where r.id = message_reply_to) is not true then
                raise sqlstate 'PL001';
            end if;
        end if;
        stored_at := clock_timestamp();
        ignored := set_config('parlor.events', 'by sends', true);
        insert into messages (id, workspace_id, chat_id, seq, sender_id, body, client_id, request_hash, reply_to, created_at)
            values (message_id, workspace, chat, next_seq, sender, message_body, message_client_id, message_request_hash,
                    message_reply_to, stored_at);
        ignored := set_config('parlor.events', '', true);
    exception
        when sqlstate 'PL001' then
            null; -- and stored_at is
        when unique_violation then
            get stacked diagnostics violated = constraint_name;
            if violated <> 'messages_sender_id_client_id_key' then raise; end if;
            stored_at := null;
    end;
    ignored := set_config('lock_timeout', usual_patience, true);
    if stored_at is null then return; end if;

    ignored := log_lock(shard_number);
    event_id := nextval('event_log_id');
    prev := log_prev(shard_number, event_id);
    now_at := clock_timestamp();
    now_timeline := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int;
    event := sent_json(json_time(now_at), message_id, chat, next_seq, sender, message_body, message_client_id, message_reply_to,
                       json_time(stored_at));
    insert into event_log (shard, id, prev_id, timeline, at, workspace_id, kind, audience, chat_id, user_id, message_id, payload)
        values (shard_number, event_id, prev, now_timeline, now_at, workspace, 'message.new', 'chat', chat, sender, message_id, event);
    if rings then
        ignored := log_ring(shard_number, log_row(
            shard_number, event_id, prev, now_timeline, now_at, workspace, chat, sender, message_id, event));
    end if;
    id := message_id; seq := next_seq; created_at := stored_at;
    return next;
end $$;

-- Sends messages, of any workspaces, all or none, and writes their events. If all are sent, `bases` has for each of `chats` the seq of the
-- message before the first of these, and `created_at` is theirs. If some may not be sent, nothing is stored, and `sendable` names those
-- that might be: to be sent again without the others.
--
-- Parameters: of each message, in the order in which they are numbered, its id, sender, body, client_id, request_hash and reply_to; in
-- `chat_places` and `ordinals` which of `chats` it is in, and as which of those in it, from 1; in `shard_places` and `shard_prevs` which of
-- `shards` it is in, and which message is the one before it there, null for the first. Then, each once and in ascending order: `chats` with
-- the workspace and the number of messages of each; `senders`; and `shards`. Last, of each sender in each chat, `member_places`, which of
-- `chats` that is, `members` and `member_ordinals`, which of those in the chat is the sender's last. A chat that is named as of two
-- workspaces is two chats here, one of them not there.
create function send_batch(
    ids uuid[], sender_ids uuid[], bodies text[], client_ids text[], request_hashes bytea[], replies uuid[],
    chat_places int[], ordinals int[], shard_places int[], shard_prevs int[],
    chats uuid[], chat_workspaces uuid[], chat_counts int[],
    senders uuid[],
    shards smallint[],
    member_places int[], members uuid[], member_ordinals int[],
    patience text, rings boolean
) returns table (bases bigint[], created_at timestamptz, sendable uuid[]) language plpgsql as $$
declare
    usual_patience text := current_setting('lock_timeout');
    n int := cardinality(ids);
    done int;
    violated text;
    heads bigint[];
    event_ids bigint[];
    now_at timestamptz;
    now_json text;
    created_json text;
    now_timeline int;
    ignored text;
begin
    ignored := set_config('lock_timeout', coalesce(patience, usual_patience), true);
    -- Arrays are read by subscripts: unnest writes and reads again each of its columns.
    begin
        -- The locks: users, then chats, then shards, each in ascending order: connections that send look up by index alone, which takes
        -- the ids of an array in their order.
        select count(*) into done from (
            select from users u where u.id = any (senders) and u.deactivated_at is null order by u.id for share
        ) u;
        if done < cardinality(senders) then raise sqlstate 'PL001'; end if;
        with counted as (
            update chats c set last_seq = c.last_seq + chat_counts[array_position(chats, c.id)]
            where c.id = any (chats) and c.workspace_id = chat_workspaces[array_position(chats, c.id)] and c.deleted_at is null
            returning array_position(chats, c.id) as place, c.last_seq - chat_counts[array_position(chats, c.id)] as base
        )
        select array_agg(counted.base order by counted.place), count(*) into bases, done from counted;
        if done < cardinality(chats) then raise sqlstate 'PL001'; end if;
        update chat_members m set sent_seq = bases[member_places[i]] + member_ordinals[i]
            from generate_series(1, cardinality(members)) i
            where m.chat_id = chats[member_places[i]] and m.user_id = members[i];
        get diagnostics done = row_count;
        if done < cardinality(members) then raise sqlstate 'PL001'; end if;
        if array_remove(replies, null) <> '{}' then
            select count(*) into done from generate_series(1, n) i
            where replies[i] is null
               or (select r.chat_id = chats[chat_places[i]] and r.deleted_at is null from messages r where r.id = replies[i]);
            if done < n then raise sqlstate 'PL001'; end if;
        end if;
        created_at := clock_timestamp();
        ignored := set_config('parlor.events', 'by sends', true);
        insert into messages (id, workspace_id, chat_id, seq, sender_id, body, client_id, request_hash, reply_to, created_at)
        select ids[i], chat_workspaces[chat_places[i]], chats[chat_places[i]], bases[chat_places[i]] + ordinals[i], sender_ids[i],
               bodies[i], client_ids[i], request_hashes[i], replies[i], created_at
        from generate_series(1, n) i;
        ignored := set_config('parlor.events', '', true);
    exception
        when sqlstate 'PL001' then
            null; -- and created_at is
        when unique_violation then
            get stacked diagnostics violated = constraint_name;
            if violated <> 'messages_sender_id_client_id_key' then raise; end if;
            created_at := null;
    end;
    ignored := set_config('lock_timeout', usual_patience, true);
    if created_at is null then
        bases := null;
        -- Each a look-up of one row, as a subquery for a value is whatever the tables are: `exists` may be made a join, and read all members.
        sendable := array(
            select ids[i] from generate_series(1, n) i
            where (select u.deactivated_at is null from users u where u.id = sender_ids[i])
              and (select c.workspace_id = chat_workspaces[chat_places[i]] and c.deleted_at is null
                   from chats c where c.id = chats[chat_places[i]])
              and (select true from chat_members m where m.chat_id = chats[chat_places[i]] and m.user_id = sender_ids[i])
              and (client_ids[i] is null
                   or (select true from messages p where p.sender_id = sender_ids[i] and p.client_id = client_ids[i]) is null)
              and (replies[i] is null
                   or (select r.chat_id = chats[chat_places[i]] and r.deleted_at is null from messages r where r.id = replies[i])));
        return next;
        return;
    end if;

    for i in 1 .. cardinality(shards) loop
        ignored := log_lock(shards[i]);
    end loop;
    event_ids := array(select nextval('event_log_id') from generate_series(1, n));
    heads := log_ends(shards, event_ids[1], shards[shard_places[n]], event_ids[n]);
    now_at := clock_timestamp();
    now_json := json_time(now_at);
    created_json := json_time(created_at);
    now_timeline := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int;
    insert into event_log (shard, id, prev_id, timeline, at, workspace_id, kind, audience, chat_id, user_id, message_id, payload)
    select shards[shard_places[i]], event_ids[i], coalesce(event_ids[shard_prevs[i]], heads[shard_places[i]]), now_timeline, now_at,
           chat_workspaces[chat_places[i]], 'message.new', 'chat', chats[chat_places[i]], sender_ids[i], ids[i],
           sent_json(now_json, ids[i], chats[chat_places[i]], bases[chat_places[i]] + ordinals[i], sender_ids[i], bodies[i],
                     client_ids[i], replies[i], created_json)
    from generate_series(1, n) i;
    if rings then
        for i in 1 .. n loop
            ignored := log_ring(shards[shard_places[i]], log_row(
                shards[shard_places[i]], event_ids[i], coalesce(event_ids[shard_prevs[i]], heads[shard_places[i]]), now_timeline, now_at,
                chat_workspaces[chat_places[i]], chats[chat_places[i]], sender_ids[i], ids[i],
                sent_json(now_json, ids[i], chats[chat_places[i]], bases[chat_places[i]] + ordinals[i], sender_ids[i], bodies[i],
                          client_ids[i], replies[i], created_json)));
        end loop;
    end if;
    return next;
end $$;
