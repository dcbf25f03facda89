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

-- A row is what was written in a chat on a day (UTC): messages, deleted ones included, and the
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
