//! Measures sends, and for comparison one-row inserts into the same table directly in Postgres,
//! without and with `pg_notify`.

use std::sync::Arc;

use chat_core::WorkspaceId;
use tokio_postgres::{Client, NoTls, Statement};
use uuid::Uuid;

use crate::{
    Arguments,
    load::{self, BODY, Sender, closed_loop},
    report::Report,
    test_bed::TestBed,
};

const CHATS: usize = 200;
const MEMBERS: usize = 5;
const CONNECTIONS: usize = 32;

pub async fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let test_bed = TestBed::start(arguments.servers.as_deref()).await?;
    let server = test_bed.start_chat_server()?;
    let people = test_bed.people(CHATS).await?;
    let members: Vec<Vec<_>> =
        (0..CHATS).map(|chat| (0..MEMBERS).map(|n| &people[(chat + n) % CHATS]).collect()).collect();
    let chats = test_bed.chats(&members).await?;
    let senders: Vec<Sender> = chats
        .iter()
        .zip(&people)
        .map(|(chat, person)| Sender { chat: *chat, person: person.clone() })
        .collect();
    let hot: Vec<Sender> =
        people[..MEMBERS].iter().map(|person| Sender { chat: chats[0], person: person.clone() }).collect();
    make_tables(&test_bed).await?;
    let (senders, hot) = (Arc::new(senders), Arc::new(hot));

    let mut report = Report::new("send");
    let seconds = arguments.seconds;
    load::send(server.address, CONNECTIONS, Arc::clone(&senders), 1.0).await?; // warm
    for _ in 0..arguments.rounds {
        for (name, table, clients) in [
            ("insert, 32 clients", "plain", 32),
            ("insert + pg_notify, 32 clients", "notifying", 32),
            ("insert, 1 client", "plain", 1),
        ] {
            let sql = insert_into(table);
            let inserts =
                insert(&test_bed.url, &sql, test_bed.workspace, clients, Arc::clone(&senders), seconds);
            report.add(name, "1/s", inserts.await?);
        }
        for (name, connections, senders) in [
            ("send", CONNECTIONS, &senders),
            ("send, one chat", CONNECTIONS, &hot),
            ("send, 1 connection", 1, &senders),
        ] {
            report.add(
                name,
                "1/s",
                load::send(server.address, connections, Arc::clone(senders), seconds).await?,
            );
        }
    }
    ratios(&mut report);
    drop(server);
    test_bed.stop().await?;
    Ok(report)
}

fn ratios(report: &mut Report) {
    report.ratio("send", "insert, 32 clients", Some(0.6), false);
    report.ratio("send", "insert + pg_notify, 32 clients", Some(2.5), false);
    report.ratio("insert, 32 clients", "insert + pg_notify, 32 clients", None, false);
    report.ratio("send, one chat", "send", Some(0.7), false);
    report.ratio("send, 1 connection", "insert, 1 client", Some(0.45), false);
}

/// Tables with the columns, indexes and foreign keys of messages, and no log.
pub async fn make_tables(test_bed: &TestBed) -> anyhow::Result<()> {
    let mut db = test_bed.connect().await?;
    for table in ["plain", "notifying"] {
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
         create trigger notify after insert on notifying for each row execute function notify_of_row();",
    )
    .execute(&mut db)
    .await?;
    Ok(())
}

fn insert_into(table: &str) -> String {
    format!(
        "insert into {table} (id, workspace_id, chat_id, seq, root_no, sender_id, body, client_id, request_hash)
         values ($1, $2, $3, nextval('{table}_seq'), 1, $4, $5, $6, $7)"
    )
}

/// Runs a prepared statement over a number of connections, one transaction each. Returns the rate a
/// second.
async fn insert(
    url: &str,
    sql: &str,
    workspace: WorkspaceId,
    clients: usize,
    senders: Arc<Vec<Sender>>,
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
        let senders = Arc::clone(&senders);
        async move {
            let Sender { chat, person: sender } = &senders[usize::try_from(number)? % senders.len()];
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

pub async fn connect(test_bed: &TestBed) -> anyhow::Result<Client> {
    connect_to(&test_bed.url).await
}

async fn connect_to(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    #[expect(clippy::disallowed_methods, reason = "ends with its client")]
    tokio::spawn(connection);
    Ok(client)
}
