-- A row is the public half of a key with which a chat_server signs tokens. Every server verifies
-- with all of them, so nodes share no secret. A key whose owner was not seen for a day is no longer
-- accepted.
create table signing_keys (
    kid text primary key,
    -- Raw Ed25519 public key, 32 bytes.
    public_key bytea not null check (length(public_key) = 32),
    created_at timestamptz not null default now(),
    seen_at timestamptz not null default now()
);
