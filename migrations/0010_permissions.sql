-- Who may do what, for what is decided inside a query. The same rules in Rust are
-- chat_core::permission; a test compares them over every case.

-- Whether a user may post in a chat. chat_role is null for who is not a member.
create function may_post(chat_kind text, workspace_role text, chat_role text) returns boolean language sql immutable
    return chat_role is not null;

-- The people that a user can see. Every query that answers with people reads them from here. Postgres
-- puts such a function in line, so that it costs no call; it would not do that with can_see_user.
create function users_seen_by(viewer uuid) returns setof users language sql stable as $$
    select p.* from users p where p.workspace_id = (select v.workspace_id from users v where v.id = viewer)
$$;

-- The same about one person.
create function can_see_user(viewer uuid, person uuid) returns boolean language sql stable as $$
    select exists (select from users_seen_by(viewer) p where p.id = person)
$$;
