-- A row is something to be done later. Every chat_server takes jobs; what a job does to the
-- database commits together with its completion, so it happens once, also when processes die.
create table jobs (
    id bigint generated always as identity primary key,
    kind text not null,
    -- Names the job among those of its kind: the same one is not there twice.
    key text not null,
    -- What the kind needs to know, a JSON object.
    payload jsonb not null default '{}',
    run_at timestamptz not null default now(),
    -- Attempts since the last success, the one under way included.
    attempts int not null default 0,
    -- The attempt that is under way, and until when it may complete. Another one may begin then.
    lease uuid,
    leased_until timestamptz,
    -- Given up after too many attempts: it stays here until an operator looks at it.
    parked_at timestamptz,
    last_error text,
    created_at timestamptz not null default now(),
    unique (kind, key)
);
create index jobs_due on jobs (run_at) where parked_at is null;

-- Adds a job. One that is there already stays as it is.
create function job_add(kind text, key text, payload jsonb, run_at timestamptz default now()) returns void language plpgsql as $$
begin
    insert into jobs (kind, key, payload, run_at) values (job_add.kind, job_add.key, job_add.payload, job_add.run_at)
        on conflict on constraint jobs_kind_key_key do nothing;
    if job_add.run_at <= now() then
        perform pg_notify('parlor_jobs', '');
    end if;
end $$;
