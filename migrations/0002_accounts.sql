-- The one row is this installation, which all its servers share: what tells its cookies from those
-- of another Parlor on the same host, and the secret that salts and seals are derived from.
create table instance (
    id uuid primary key default gen_random_uuid(),
    secret bytea not null default uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
);
create unique index instance_single on instance ((true));
insert into instance default values;

-- A row is a login: one person's e-mail and password. It may have a user in several workspaces.
create table accounts (
    id uuid primary key,
    -- In lower case. An address that is not verified is a claim, which several accounts may make.
    -- Null once the account is deleted.
    email text,
    -- chat_core::text::fold of email, as in every *_folded column below: equality and search use
    -- it, never lower() or a collation, which differ between databases.
    email_folded text,
    -- When a reader of the address showed to be one, or the operator said so.
    email_verified_at timestamptz,
    -- Argon2id, PHC string. All accounts of one address have the same salt, so that one hash finds
    -- the account. Null once the account is deleted.
    password_hash text,
    -- The address that the account is to have once a code sent there has come back, and the
    -- password hashed for it.
    new_email text,
    new_email_folded text,
    new_password_hash text,
    created_at timestamptz not null default now(),
    deleted_at timestamptz
);
create unique index accounts_email_verified on accounts (email_folded) where email_verified_at is not null;
create index accounts_email on accounts (email_folded);

-- A row is a code that was mailed or handed over, by its SHA-256. Who shows it reads mail to the
-- address, or has it from the operator. It is good once; used and expired ones stay for a day, so
-- that the mails to an address can be counted.
create table account_codes (
    hash bytea primary key,
    account_id uuid not null references accounts (id) on delete cascade,
    purpose text not null check (purpose in ('verify_email', 'change_email', 'reset_password')),
    email_folded text not null,
    -- Whether it proves the address; the operator's own codes do not.
    was_mailed boolean not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz
);
create index account_codes_account on account_codes (account_id);
create index account_codes_email on account_codes (email_folded, created_at);
create index account_codes_created on account_codes (created_at);

-- A row is a tenant. Every row of the tables below carries its id, and composite foreign keys keep
-- rows of two workspaces apart.
create table workspaces (
    id uuid primary key,
    name text not null,
    -- chat_core::text::look_alike of name: no two workspaces look the same.
    name_folded text not null constraint workspaces_name_key unique,
    -- Who joins needs a verified address, and one of these domains unless there are none.
    verified_only boolean not null default false,
    email_domains text[] not null default '{}',
    created_at timestamptz not null default now()
);

-- A row is a person (later also a bot or guest) inside one workspace.
create table users (
    id uuid primary key,
    workspace_id uuid not null references workspaces (id),
    -- Null for users that a host application signs in by external_id.
    account_id uuid references accounts (id),
    external_id text,
    fullname text not null,
    fullname_folded text not null,
    role text not null check (role in ('owner', 'admin', 'member')),
    deactivated_at timestamptz,
    -- The last deactivation. Sessions that began before it give no access, also after a return.
    access_from timestamptz,
    created_at timestamptz not null default now(),
    constraint users_workspace_id_id_key unique (workspace_id, id),
    constraint users_workspace_id_account_id_key unique (workspace_id, account_id),
    constraint users_workspace_id_external_id_key unique (workspace_id, external_id)
);
create index users_account on users (account_id);

-- A row is one sign-in on one device; its refresh tokens form a family.
create table sessions (
    id uuid primary key,
    account_id uuid not null references accounts (id),
    -- The user that a refresh without a workspace signs in: the last one switched to.
    user_id uuid not null references users (id),
    user_agent text not null,
    created_at timestamptz not null default now(),
    last_used_at timestamptz not null default now(),
    expires_at timestamptz not null,
    revoked_at timestamptz
);
create index sessions_account on sessions (account_id);
create index sessions_revoked on sessions (revoked_at) where revoked_at is not null;
create index sessions_expires on sessions (expires_at);

-- A row is a refresh token, by its SHA-256. Used ones stay until the session is gone: seeing one
-- again means theft.
create table refresh_tokens (
    hash bytea primary key,
    session_id uuid not null references sessions (id) on delete cascade,
    issued_at timestamptz not null default now(),
    used_at timestamptz
);
create index refresh_tokens_session on refresh_tokens (session_id);

-- A row is an invitation link into a workspace.
create table invites (
    id uuid primary key,
    workspace_id uuid not null references workspaces (id),
    code text not null constraint invites_code_key unique,
    role text not null check (role in ('admin', 'member')),
    -- The only address that may use it. Mailed: nobody but its reader knows the code, which then
    -- proves the address.
    email text,
    email_folded text,
    was_mailed boolean not null default false,
    created_by uuid not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    max_uses int not null check (max_uses > 0),
    uses int not null default 0,
    revoked_at timestamptz,
    -- Two people cannot both take the last use: the second violates this.
    constraint invites_uses_left check (uses <= max_uses),
    foreign key (workspace_id, created_by) references users (workspace_id, id)
);
create index invites_workspace on invites (workspace_id, created_at desc);
create index invites_email on invites (email_folded, created_at) where was_mailed;

create function workspace_json(w workspaces) returns json language sql stable as $$
    select row_to_json(x) from (
        select w.id, w.name, w.verified_only, w.email_domains, json_time(w.created_at) as created_at
    ) x
$$;

create function user_json(u users) returns json language sql stable as $$
    select row_to_json(x) from (
        select u.id, u.fullname, a.email, a.email_verified_at is not null as email_verified, u.role,
               u.deactivated_at is null as active, json_time(u.created_at) as created_at
        from (select) here left join accounts a on a.id = u.account_id
    ) x
$$;

-- As whom an account is known: its first five workspaces, and its name in each.
create function account_places(account uuid) returns json language sql stable as $$
    select coalesce(json_agg(p), '[]') from (
        select w.name as workspace_name, u.fullname from users u join workspaces w on w.id = u.workspace_id
        where u.account_id = account order by u.created_at, u.id limit 5) p
$$;

-- The people that a user can see. Every query that returns people reads them from here. Postgres
-- inlines this function, so it costs no call; it would not inline can_see_user. The rule is
-- chat_core::permission's.
create function users_seen_by(viewer uuid) returns setof users language sql stable as $$
    select p.* from users p where p.workspace_id = (select v.workspace_id from users v where v.id = viewer)
$$;

-- The same for one person.
create function can_see_user(viewer uuid, person uuid) returns boolean language sql stable as $$
    select exists (select from users_seen_by(viewer) p where p.id = person)
$$;

-- The parts of a folded text by which an index finds it: every one, two and three characters in a
-- row, from `shortest` on, hashed with the workspace. So a search reads no other tenant's rows. A
-- search text is asked for by its longest parts; the rows found are compared with it.
create function search_parts(workspace uuid, folded text, shortest int) returns bigint[] language sql immutable
    return array(
        select distinct hashtextextended(workspace::text || substr(folded, start, length), 0)
        from generate_series(1, char_length(folded)) start, generate_series(shortest, 3) length
        where start + length - 1 <= char_length(folded));

-- A row is what a search for people looks at: name and e-mail address.
create table people_search (
    user_id uuid primary key references users (id) on delete cascade,
    parts bigint[] not null
);
create index people_search_parts on people_search using gin (parts);

create function people_search_write(person users) returns void language sql as $$
    insert into people_search (user_id, parts)
    select person.id, search_parts(person.workspace_id,
        person.fullname_folded || e'\n' || coalesce((select email_folded from accounts where id = person.account_id), ''), 1)
    on conflict (user_id) do update set parts = excluded.parts
$$;

create function users_write_search() returns trigger language plpgsql as $$
begin
    perform people_search_write(new);
    return null;
end $$;
create trigger users_search after insert or update of fullname_folded, account_id on users
    for each row execute function users_write_search();

create function accounts_write_search() returns trigger language plpgsql as $$
begin
    perform people_search_write(u) from users u where u.account_id = new.id;
    return null;
end $$;
create trigger accounts_search after update of email_folded on accounts
    for each row execute function accounts_write_search();

create function workspaces_raise_event() returns trigger language plpgsql as $$
declare s smallint := workspace_shard(new.id);
begin
    perform log_lock(s);
    perform log_append(s, new.id, 'workspace.updated', 'workspace', null, null, null, null, null,
        json_build_object('workspace', workspace_json(new)));
    return null;
end $$;
create constraint trigger workspaces_updated after update on workspaces deferrable initially deferred
    for each row when (
        (old.name, old.verified_only, old.email_domains) is distinct from (new.name, new.verified_only, new.email_domains)
    ) execute function workspaces_raise_event();

create function users_raise_event() returns trigger language plpgsql as $$
declare
    s smallint := workspace_shard(new.workspace_id);
    kind text := 'user.updated';
begin
    if tg_op = 'INSERT' then
        kind := 'user.joined';
    elsif old.deactivated_at is null and new.deactivated_at is not null then
        kind := 'user.deactivated';
    end if;
    perform log_lock(s);
    perform log_append(s, new.workspace_id, kind, 'workspace', null, null, new.id, null, null,
        json_build_object('user', user_json(new)));
    return null;
end $$;
create constraint trigger users_joined after insert on users deferrable initially deferred
    for each row execute function users_raise_event();
create constraint trigger users_updated after update on users deferrable initially deferred
    for each row when (
        (old.fullname, old.role, old.account_id, old.deactivated_at)
        is distinct from (new.fullname, new.role, new.account_id, new.deactivated_at)
    ) execute function users_raise_event();

-- A session has streams in any workspace of its account, so each of their logs gets the event.
-- Shards are locked in ascending order, so that two revocations cannot deadlock.
create function sessions_raise_event() returns trigger language plpgsql as $$
declare u record;
begin
    for u in select id, workspace_id, workspace_shard(workspace_id) as s from users
             where account_id = new.account_id order by 3, 2 loop
        perform log_lock(u.s);
        perform log_append(u.s, u.workspace_id, 'session.revoked', 'users', array[u.id], null, u.id, new.id, null,
            json_build_object('session', json_build_object('id', new.id)));
    end loop;
    return null;
end $$;
create constraint trigger sessions_revoked after update on sessions deferrable initially deferred
    for each row when (old.revoked_at is null and new.revoked_at is not null) execute function sessions_raise_event();

-- What others see of an account is part of its users, in each workspace. Shards are locked in
-- ascending order, as above.
create function accounts_raise_event() returns trigger language plpgsql as $$
declare u users;
begin
    for u in select * from users where account_id = new.id order by workspace_shard(workspace_id), workspace_id loop
        perform log_lock(workspace_shard(u.workspace_id));
        perform log_append(workspace_shard(u.workspace_id), u.workspace_id, 'user.updated', 'workspace', null, null, u.id,
            null, null, json_build_object('user', user_json(u)));
    end loop;
    return null;
end $$;
create constraint trigger accounts_updated after update on accounts deferrable initially deferred
    for each row when (
        (old.email, old.email_verified_at is null) is distinct from (new.email, new.email_verified_at is null)
    ) execute function accounts_raise_event();
