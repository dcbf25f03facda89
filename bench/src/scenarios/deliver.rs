//! Measures the time from a send to the screens of a chat of five at a steady rate, and for
//! comparison the time from an insert with `pg_notify` to its notification at the same rate.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::ensure;
use tokio::task::JoinSet;
use tokio_postgres::{AsyncMessage, NoTls};
use uuid::Uuid;

use super::send;
use crate::{
    Arguments,
    http::HttpConnection,
    load::{BODY, Sender, at_rate, send_request},
    report::{Report, percentile},
    streams::{self, Watch, stamped},
    test_bed::{Person, TestBed},
};

const CHATS: usize = 200;
const MEMBERS: usize = 5;
const RATES: [u32; 2] = [200, 1000];
const CONNECTIONS: usize = 16;

pub async fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut report = Report::new("deliver");
    let test_bed = TestBed::start(arguments.servers.as_deref()).await?;
    let chat_server = test_bed.start_chat_server()?;
    let people = test_bed.people(CHATS * MEMBERS).await?;
    let members: Vec<Vec<&Person>> = people.chunks(MEMBERS).map(|chunk| chunk.iter().collect()).collect();
    let chats = test_bed.chats(&members).await?;
    let senders: Vec<Sender> = chats
        .iter()
        .zip(&members)
        .map(|(chat, members)| Sender { chat: *chat, person: members[0].clone() })
        .collect();
    let senders = Arc::new(senders);
    send::make_tables(&test_bed).await?;
    let notify_server = test_bed.start_notify_server()?;
    let epoch = Instant::now();
    let requests = super::streams::requests(&people);
    let all = streams::open(notify_server.address, requests, true, Watch::Time, epoch).await?;
    for round in 0..=arguments.rounds {
        for rate in RATES {
            let notified = notifications(&test_bed, &senders, rate, arguments.seconds).await?;
            let mut clients = Vec::new();
            for _ in 0..CONNECTIONS {
                clients.push(HttpConnection::connect(chat_server.address).await?);
            }
            let before = all.inbox.events();
            let work = {
                let senders = Arc::clone(&senders);
                move |mut client: HttpConnection, number: usize| {
                    let sender = senders[number % CHATS].clone();
                    async move {
                        let answer = client.call(&send_request(&sender, &stamped(epoch))).await?;
                        ensure!(answer.status == 201, "a send: {}", answer.status);
                        anyhow::Ok(client)
                    }
                }
            };
            let sent = at_rate(clients, rate, arguments.seconds, work).await?;
            all.inbox.until(before + (sent * MEMBERS) as u64).await?;
            let delivered = all.inbox.take_latencies();
            if round == 0 {
                continue; // warm
            }
            for (name, times) in [("send to screen", &delivered), ("insert to notification", &notified)] {
                for (percent, share) in [("p50", 0.5), ("p99", 0.99)] {
                    report.add(&format!("{name}, {rate}/s, {percent}"), "ms", percentile(times, share) * 1e3);
                }
            }
        }
    }
    for rate in RATES {
        for (percent, must) in [("p50", 2.2), ("p99", 2.5)] {
            let of = |name: &str| format!("{name}, {rate}/s, {percent}");
            report.ratio(&of("send to screen"), &of("insert to notification"), Some(must), true);
        }
    }
    drop((all, chat_server, notify_server));
    test_bed.stop().await?;
    Ok(report)
}

/// Seconds from each insert with `pg_notify` to its notification.
async fn notifications(
    test_bed: &TestBed,
    senders: &Arc<Vec<Sender>>,
    rate: u32,
    seconds: f64,
) -> anyhow::Result<Vec<f64>> {
    let epoch = Instant::now();
    let times = Arc::new(Mutex::new(Vec::new()));
    let (listener, mut connection) = tokio_postgres::connect(&test_bed.url, NoTls).await?;
    let heard = Arc::clone(&times);
    let mut driver = JoinSet::new();
    driver.spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message
                && let Ok(nanoseconds) = notification.payload().parse::<u64>()
            {
                let sent = Duration::from_nanos(nanoseconds);
                let latency = (epoch.elapsed().saturating_sub(sent)).as_secs_f64();
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(latency);
            }
        }
    });
    listener.batch_execute("listen bench_time").await?;
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        let client = send::connect(test_bed).await?;
        let statement = client
            .prepare(
                "with row as (insert into plain (id, workspace_id, chat_id, seq, root_no, sender_id, body, client_id, request_hash)
                              values ($1, $2, $3, nextval('plain_seq'), 1, $4, $5, $6, $7) returning 1)
                 select pg_notify('bench_time', $8) from row",
            )
            .await?;
        clients.push((client, statement));
    }
    let workspace = test_bed.workspace.0;
    let work = move |(client, statement): (tokio_postgres::Client, tokio_postgres::Statement),
                     number: usize| {
        let sender = senders[number % CHATS].clone();
        async move {
            let (client_id, hash) = (Uuid::now_v7().simple().to_string(), [7_u8; 32]);
            let stamp = epoch.elapsed().as_nanos().to_string();
            let (chat, person) = (sender.chat.0, sender.person.id.0);
            let (id, hash) = (Uuid::now_v7(), hash.as_slice());
            client
                .execute(&statement, &[&id, &workspace, &chat, &person, &BODY, &client_id, &hash, &stamp])
                .await?;
            anyhow::Ok((client, statement))
        }
    };
    at_rate(clients, rate, seconds, work).await?;
    // The last notifications are still on their way.
    tokio::time::sleep(Duration::from_millis(200)).await;
    Ok(std::mem::take(&mut *times.lock().unwrap_or_else(PoisonError::into_inner)))
}
