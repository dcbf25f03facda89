//! Sends through the whole path, beside one-row inserts into the same table straight in Postgres, without and with
//! `pg_notify`, beside all the rows that a send writes and beside the statement of a send; those of one client also with HTTP before them
//! and nothing else.

use std::{net::SocketAddr, sync::Arc};

use anyhow::ensure;
use chat_core::WorkspaceId;
use tokio_postgres::{Client, NoTls, Statement};
use uuid::Uuid;

use crate::{
    Arguments, behind_http,
    http::{self, Client as HttpClient},
    load::{self, BODY, Place, closed_loop},
    report::Report,
    world::World,
};

const CHATS: usize = 200;
const MEMBERS: usize = 5;
const CONNECTIONS: usize = 32;

pub async fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let world = World::start(arguments.servers.as_deref()).await?;
    let server = world.start_chat_server()?;
    let people = world.people(CHATS).await?;
    let members: Vec<Vec<_>> =
        (0..CHATS).map(|chat| (0..MEMBERS).map(|n| &people[(chat + n) % CHATS]).collect()).collect();
    let chats = world.chats(&members).await?;
    let places: Vec<Place> = chats
        .iter()
        .zip(&people)
        .map(|(chat, person)| Place { chat: *chat, sender: person.clone() })
        .collect();
    let hot: Vec<Place> =
        people[..MEMBERS].iter().map(|person| Place { chat: chats[0], sender: person.clone() }).collect();
    make_tables(&world).await?;
    let (places, hot) = (Arc::new(places), Arc::new(hot));

    let insert_behind = behind_http::start(&world.url, &insert_into("plain"))?;
    let rows_behind = behind_http::start(&world.url, ROWS_OF_A_SEND)?;
    let statement_url = format!("{}?{PLANNED_AS_SENDS}", world.url);
    let statement_behind = behind_http::start(&statement_url, STATEMENT_OF_A_SEND)?;

    let mut report = Report::new("send");
    let seconds = arguments.seconds;
    load::send(server.address, CONNECTIONS, Arc::clone(&places), 1.0).await?; // warm
    for _ in 0..arguments.rounds {
        for (name, table, clients) in [
            ("insert, 32 clients", "plain", 32),
            ("insert + pg_notify, 32 clients", "notifying", 32),
            ("insert, 1 client", "plain", 1),
        ] {
            let sql = insert_into(table);
            let inserts = insert(&world.url, &sql, world.workspace, clients, Arc::clone(&places), seconds);
            report.add(name, "1/s", inserts.await?);
        }
        for (name, url, sql, clients) in [
            ("the rows of a send, 32 clients", &world.url, ROWS_OF_A_SEND, 32),
            ("the rows of a send, 1 client", &world.url, ROWS_OF_A_SEND, 1),
            ("the statement of a send, 32 clients", &statement_url, STATEMENT_OF_A_SEND, 32),
            ("the statement of a send, 1 client", &statement_url, STATEMENT_OF_A_SEND, 1),
        ] {
            let rows = insert(url, sql, world.workspace, clients, Arc::clone(&places), seconds);
            report.add(name, "1/s", rows.await?);
        }
        for (name, server) in [
            ("insert behind HTTP, 1 connection", &insert_behind),
            ("the rows of a send behind HTTP, 1 connection", &rows_behind),
            ("the statement of a send behind HTTP, 1 connection", &statement_behind),
        ] {
            let places = Arc::clone(&places);
            report.add(name, "1/s", send_behind(&world, server.address, places, seconds).await?);
        }
        for (name, connections, places) in [
            ("send", CONNECTIONS, &places),
            ("send, one chat", CONNECTIONS, &hot),
            ("send, 1 connection", 1, &places),
        ] {
            report.add(
                name,
                "1/s",
                load::send(server.address, connections, Arc::clone(places), seconds).await?,
            );
        }
    }
    ratios(&mut report);
    drop((server, insert_behind, rows_behind, statement_behind));
    world.stop().await?;
    Ok(report)
}

fn ratios(report: &mut Report) {
    report.ratio("send", "insert, 32 clients", Some(0.6), false);
    report.ratio("send", "insert + pg_notify, 32 clients", Some(2.5), false);
    report.ratio("send", "the rows of a send, 32 clients", None, false);
    report.ratio("send", "the statement of a send, 32 clients", None, false);
    report.ratio("insert, 32 clients", "insert + pg_notify, 32 clients", None, false);
    report.ratio("send, one chat", "send", Some(0.7), false);
    report.ratio("send, 1 connection", "insert, 1 client", Some(0.45), false);
    for name in [
        "the rows of a send, 1 client",
        "the statement of a send, 1 client",
        "insert behind HTTP, 1 connection",
        "the rows of a send behind HTTP, 1 connection",
        "the statement of a send behind HTTP, 1 connection",
    ] {
        report.ratio(name, "insert, 1 client", None, false);
    }
    report.ratio("send, 1 connection", "the statement of a send behind HTTP, 1 connection", None, false);
}

/// Tables with the columns, indexes and foreign keys of messages, and no log.
pub async fn make_tables(world: &World) -> anyhow::Result<()> {
    let mut db = world.connect().await?;
    for table in ["plain", "notifying", "whole"] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
            "create table {table} (like messages including all);
             alter table {table} add foreign key (workspace_id, chat_id) references chats (workspace_id, id);
             alter table {table} add foreign key (workspace_id, sender_id) references users (workspace_id, id);
             create sequence {table}_seq"
        )))
        .execute(&mut db)
        .await?;
    }
    sqlx::raw_sql(
        "create function notify_of_row() returns trigger language plpgsql as
             $$ begin perform pg_notify('bench', new.chat_id || ' ' || new.seq); return null; end $$;
         create trigger notify after insert on notifying for each row execute function notify_of_row();
         create table bench_chats (like chats including all) with (fillfactor = 70);
         insert into bench_chats select * from chats;
         create table bench_members (like chat_members including all) with (fillfactor = 80);
         insert into bench_members select * from chat_members;
         create table bench_log (like event_log including all);
         create function rows_of_a_send(message uuid, workspace uuid, chat uuid, sender uuid, body text, client_id text, hash bytea)
         returns bigint language plpgsql as $$
         #variable_conflict use_variable
         declare next_seq bigint; last bigint; now_at timestamptz;
         begin
             update bench_chats set last_seq = last_seq + 1 where id = chat returning last_seq into next_seq;
             update bench_members set sent_seq = next_seq where chat_id = chat and user_id = sender;
             insert into whole (id, workspace_id, chat_id, seq, sender_id, body, client_id, request_hash)
                 values (message, workspace, chat, next_seq, sender, body, client_id, hash) returning created_at into now_at;
             perform pg_advisory_xact_lock(1, 1);
             select id into last from bench_log where shard = 1 order by id desc limit 1;
             insert into bench_log (shard, id, prev_id, timeline, at, workspace_id, kind, audience, chat_id, user_id, message_id, payload)
                 values (1, nextval('whole_seq'), coalesce(last, 0), 1, now_at, workspace, 'message.new', 'chat', chat, sender,
                         message, repeat('x', 300) || body);
             return next_seq;
         end $$",
    )
    .execute(&mut db)
    .await?;
    Ok(())
}

fn insert_into(table: &str) -> String {
    format!(
        "insert into {table} (id, workspace_id, chat_id, seq, sender_id, body, client_id, request_hash)
         values ($1, $2, $3, nextval('{table}_seq'), $4, $5, $6, $7)"
    )
}

/// What no send can do without, and nothing that makes it a right one: the chat's count, the sender's, the message, the
/// shard's lock, the end of the log and the event. No partitions, no triggers, no look at who may.
const ROWS_OF_A_SEND: &str = "select rows_of_a_send($1, $2, $3, $4, $5, $6, $7)";

/// What chat_server runs for a send that is alone, but that it rings for nobody.
const STATEMENT_OF_A_SEND: &str =
    "select id from send_single(workspace_shard($2), $1, $2, $3, $4, $5, $6, $7, null, null, false)";
/// As chat_server's connections for sends, in a URL.
const PLANNED_AS_SENDS: &str = "options=-c%20plan_cache_mode%3Dforce_generic_plan%20-c%20enable_seqscan%3Doff\
    %20-c%20enable_bitmapscan%3Doff%20-c%20enable_hashjoin%3Doff%20-c%20enable_mergejoin%3Doff%20-c%20jit%3Doff";

/// A prepared statement over so many connections, each time a transaction; how often a second.
async fn insert(
    url: &str,
    sql: &str,
    workspace: WorkspaceId,
    clients: usize,
    places: Arc<Vec<Place>>,
    seconds: f64,
) -> anyhow::Result<f64> {
    let listener = connect_to(url).await?;
    listener.batch_execute("listen bench").await?;
    let mut connections: Vec<(Client, Statement)> = Vec::new();
    for _ in 0..clients {
        let client = connect_to(url).await?;
        let statement = client.prepare(sql).await?;
        connections.push((client, statement));
    }
    closed_loop(connections, seconds, move |(client, statement): (Client, Statement), number| {
        let places = Arc::clone(&places);
        async move {
            let Place { chat, sender } = &places[usize::try_from(number)? % places.len()];
            let client_id = Uuid::now_v7().simple().to_string();
            let hash = [7_u8; 32];
            client
                .execute(
                    &statement,
                    &[
                        &Uuid::now_v7(),
                        &workspace.0,
                        &chat.0,
                        &sender.id.0,
                        &BODY,
                        &client_id,
                        &hash.as_slice(),
                    ],
                )
                .await?;
            Ok((client, statement))
        }
    })
    .await
}

/// The same rows through a server that does nothing else, over one connection.
async fn send_behind(
    world: &World,
    address: SocketAddr,
    places: Arc<Vec<Place>>,
    seconds: f64,
) -> anyhow::Result<f64> {
    let workspace = world.workspace.0;
    closed_loop(vec![HttpClient::connect(address).await?], seconds, move |mut client: HttpClient, number| {
        let places = Arc::clone(&places);
        async move {
            let Place { chat, sender } = &places[usize::try_from(number)? % places.len()];
            let send = behind_http::Send {
                workspace,
                chat: chat.0,
                sender: sender.id.0,
                body: BODY.to_owned(),
                client_id: Uuid::now_v7().simple().to_string(),
            };
            let body = serde_json::to_string(&send)?;
            let answer = client.call(&http::request("POST", "/", &sender.token, &body)).await?;
            ensure!(answer.status == 201, "{}", String::from_utf8_lossy(&answer.body));
            Ok(client)
        }
    })
    .await
}

pub async fn connect(world: &World) -> anyhow::Result<Client> {
    connect_to(&world.url).await
}

async fn connect_to(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    #[expect(clippy::disallowed_methods, reason = "ends with its client")]
    tokio::spawn(connection);
    Ok(client)
}
