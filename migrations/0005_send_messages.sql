-- The fields of a message to be stored. The parameter of send_messages is JSON with these fields,
-- so that a column that is added later is a field that older callers leave out.
create type new_message as (
    id uuid, workspace_id uuid, chat_id uuid, sender_id uuid, body text, client_id text, request_hash bytea, reply_to uuid
);

-- Whether a member may post. The rule is chat_core::permission's; a test compares them over all
-- combinations.
create function may_post(chat_kind text, workspace_role text, chat_role text) returns boolean language sql immutable
    return chat_role is not null;

-- Stores messages of any workspaces in the order of their ids, writes their events, and returns
-- each stored message as JSON. It leaves out messages that may not be sent: the sender is no active
-- member of an existing chat, or may not post there; reply_to is not in the chat; client_id was
-- used before. `batch` must not name a client_id of a sender twice.
--
-- With `notify`, the transaction includes the NOTIFY of each event. Otherwise the caller sends one
-- after the commit.
--
-- Locks are taken in one order, so that two batches cannot deadlock: users, chats, shards, each
-- ascending.
create function send_messages(batch jsonb, notify boolean) returns table (id uuid, message json) language plpgsql as $$
#variable_conflict use_column
declare
    new new_message[] := array(select n from jsonb_populate_recordset(null::new_message, batch) n);
    stored messages[];
    rendered json[];
    shards smallint[];
    s smallint;
    heads bigint[] := '{}';
    now_at timestamptz;
    written event_log[];
    channel text;
begin
    -- Lock.
    perform from users u where u.id = any (select n.sender_id from unnest(new) n) order by u.id for share;
    perform from chats c where (c.id, c.workspace_id) in (select n.chat_id, n.workspace_id from unnest(new) n)
        order by c.id for no key update;

    -- Store those that may be sent.
    perform set_config('parlor.events', 'by send_messages', true);
    with sendable as materialized (
        select n.*,
               c.last_seq + row_number() over chat_order as seq,
               c.last_root_no + row_number() over chat_order as root_no
        from unnest(new) n
        join chats c on c.id = n.chat_id and c.workspace_id = n.workspace_id and c.deleted_at is null
        join users u on u.id = n.sender_id and u.deactivated_at is null
        -- `offset 0` keeps this a look-up of one member. Joined freely, Postgres read all chats of
        -- the sender.
        cross join lateral (
            select m.role from chat_members m where m.chat_id = n.chat_id and m.user_id = n.sender_id offset 0
        ) m
        where may_post(c.kind, u.role, m.role)
          and (n.client_id is null or not exists (
                  select from messages p where p.sender_id = n.sender_id and p.client_id = n.client_id))
          and (n.reply_to is null or exists (
                  select from messages r where r.id = n.reply_to and r.chat_id = n.chat_id and r.deleted_at is null))
        window chat_order as (partition by n.chat_id order by n.id)
    ), chat as (
        update chats c set last_seq = n.seq, last_root_no = n.root_no
        from (select chat_id, max(seq) as seq, max(root_no) as root_no from sendable group by chat_id) n
        where c.id = n.chat_id
    ), sender as (
        update chat_members m set sent_seq = n.seq
        from (select chat_id, sender_id, max(seq) as seq from sendable group by chat_id, sender_id) n
        where m.chat_id = n.chat_id and m.user_id = n.sender_id
    ), message as (
        insert into messages (id, workspace_id, chat_id, seq, root_no, sender_id, body, client_id, request_hash, reply_to)
        select n.id, n.workspace_id, n.chat_id, n.seq, n.root_no, n.sender_id, n.body, n.client_id, n.request_hash, n.reply_to
        from sendable n
        returning messages as m
    )
    select array_agg(m order by (m).id), array_agg(message_json(m, null) order by (m).id),
           array_agg(distinct workspace_shard((m).workspace_id))
        into stored, rendered, shards from message;
    perform set_config('parlor.events', '', true);
    if stored is null then
        return;
    end if;

    -- Write the events.
    foreach s in array shards loop -- ascending, since `distinct` sorts
        perform log_lock(s);
        heads := heads || log_head(s);
    end loop;
    now_at := clock_timestamp();
    with event as (
        -- For each message its shard and the id of its event, in the order of `stored`.
        select i, workspace_shard(stored[i].workspace_id) as shard, nextval('event_log_id') as id
        from generate_subscripts(stored, 1) i
    ), event_row as (
        insert into event_log (shard, id, prev_id, timeline, at, workspace_id, kind, audience, chat_id, user_id, message_id,
                               text_bytes, payload)
        select e.shard, e.id,
               coalesce(lag(e.id) over (partition by e.shard order by e.id), heads[array_position(shards, e.shard)]),
               log_timeline(), now_at, stored[i].workspace_id, 'message.new', 'chat', stored[i].chat_id, stored[i].sender_id,
               stored[i].id, octet_length(stored[i].body),
               concat('{"type":"message.new","at":"', json_time(now_at), '","chat_id":"', stored[i].chat_id,
                      '","message":', rendered[i], '}')
        from event e
        returning event_log as e
    )
    select array_agg(e order by (e).id) into written from event_row where notify;
    if notify then
        select rows_channel into channel from log_meta;
        perform log_notify_row(channel, e) from unnest(written) e;
    end if;
    return query select stored[i].id, rendered[i] from generate_subscripts(stored, 1) i;
end $$;
