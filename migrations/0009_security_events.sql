-- A row is something that bears on security: who did it, in which workspace, from where. Rows of one
-- workspace are its admins' to see; those without one (a failed sign-in) are the operator's. No
-- foreign keys: a row outlives what it names. Kept for 90 days.
create table security_events (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    kind text not null,
    workspace_id uuid,
    account_id uuid,
    -- Who did it, and whom it was done to if that is another.
    user_id uuid,
    about_user_id uuid,
    session_id uuid,
    address inet,
    -- A few plain words or an id, such as a role or a chat; never a secret, a name or a text of
    -- people.
    detail text not null default ''
);
create index security_events_workspace on security_events (workspace_id, id) where workspace_id is not null;
create index security_events_account on security_events (account_id, id) where account_id is not null;
create index security_events_at on security_events (at);
