//! End-to-end tests: what people and programs can do with Parlor, over real HTTP and SSE with a
//! real Postgres. The list of modules is the table of contents; the name of each test is what it
//! promises.
#![expect(clippy::unwrap_used, reason = "in a test an unexpected error is a failure")]

mod support;

mod accounts;
mod auto_join;
mod identities;
mod mail;
mod my_account;
mod sessions;
mod users;
mod workspaces;

mod chats;
mod messages;
mod pins;
mod reactions;
mod saved;
mod sends;
mod system_lines;
mod threads;

mod ephemeral;
mod resume;
mod stream;
mod stream_access;
mod sync;
mod writers;

mod caches;
mod consumers;
mod fair_shares;
mod floods;
mod jobs;
mod limits;
mod maintenance;
mod metrics;
mod silence;
mod statements;

mod contract;
mod events_page;
mod forged_tokens;
mod headers;
mod permissions;
mod raw_http;
mod security_events;

mod config_example;
mod database_session;
mod database_tls;
mod launcher;
mod readme;
mod web;
mod web_client;
