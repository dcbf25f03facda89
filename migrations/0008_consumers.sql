-- A row says how far a consumer has read a shard of the event log. The position moves in the
-- transaction of the consumer's effect, so each effect happens once.
create table log_consumers (
    name text not null,
    shard smallint not null,
    -- The last event whose effect is in the database; 0: none yet.
    position bigint not null,
    timeline int not null,
    generation int not null,
    -- The consumer began after this event. What was before comes from the tables, by jobs.
    began_after bigint not null,
    -- When events were last lost to it, so that it had to begin anew.
    broken_at timestamptz,
    primary key (name, shard)
);

-- A row is a task that one node does at a time, and which one until when.
create table leases (
    name text primary key,
    holder uuid not null,
    held_until timestamptz not null
);

-- A row is what people wrote in a chat on a day (UTC): messages, deleted ones included, and the
-- bytes of text that they hold now. Written by the consumer `workspace_usage`. The chat may be
-- deleted.
create table workspace_usage (
    workspace_id uuid not null,
    chat_id uuid not null,
    day date not null,
    messages bigint not null,
    bytes bigint not null,
    primary key (chat_id, day),
    foreign key (workspace_id, chat_id) references chats (workspace_id, id) on delete cascade
);
create index workspace_usage_workspace on workspace_usage (workspace_id, day);

-- A row is how many bytes of text a workspace holds: the sum of its usage.
create table workspace_storage (
    workspace_id uuid primary key references workspaces (id) on delete cascade,
    bytes bigint not null
);

create function workspace_usage_sum() returns trigger language plpgsql as $$
begin
    insert into workspace_storage as s (workspace_id, bytes)
    values (coalesce(new.workspace_id, old.workspace_id), coalesce(new.bytes, 0) - coalesce(old.bytes, 0))
    on conflict (workspace_id) do update set bytes = s.bytes + excluded.bytes;
    return null;
end $$;
-- At the end of the statement, when all rows of usage are locked: locks are taken in one order.
create trigger workspace_usage_sum after insert or update or delete on workspace_usage
    for each row execute function workspace_usage_sum();
