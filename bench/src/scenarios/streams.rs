//! Measures streams: memory for each, one message to all, and the highest rate of messages.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{bail, ensure};
use chat_core::ChatId;
use tokio::time::timeout;

use crate::{
    Arguments,
    http::{self, HttpConnection},
    load::{Sender, send_request},
    nchan::Nchan,
    report::{Report, median},
    streams::{self, OpenStreams, Watch, stamped},
    test_bed::{Person, TestBed, cpu, memory},
};

const NCHAN_AWAY: &str = "nginx with nchan is not installed (nginx-light, libnginx-mod-nchan): Parlor alone.";
/// The size of a message frame without its body; nchan sends as many bytes.
const FRAME_BYTES: usize = 430;
const WAVES: usize = 10;

/// Chats of five.
const MEMBERS: usize = 5;

pub fn requests(people: &[Person]) -> Vec<Vec<u8>> {
    people.iter().map(|person| http::request("GET", "/events", &person.token, "")).collect()
}

/// In chats of five, written in bulk before notify_server starts, which loads them from the tables.
async fn in_small_chats(test_bed: &TestBed, people: &[Person]) -> anyhow::Result<Vec<ChatId>> {
    let members: Vec<Vec<&Person>> = people.chunks(MEMBERS).map(|chunk| chunk.iter().collect()).collect();
    test_bed.chats(&members).await
}

pub async fn idle(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut report = Report::new("idle");
    let count = arguments.streams;
    let test_bed = TestBed::start(arguments.servers.as_deref()).await?;
    let _chat_server = test_bed.start_chat_server()?;
    let people = test_bed.people(count).await?;
    in_small_chats(&test_bed, &people).await?;
    for _ in 0..arguments.rounds {
        let server = test_bed.start_notify_server()?;
        let epoch = Instant::now();
        // The first client of a workspace makes the server load its people and chats.
        let first = streams::open(server.address, requests(&people[..1]), true, Watch::Count, epoch).await?;
        let before = memory(&[server.pid()])?;
        let all = streams::open(server.address, requests(&people), true, Watch::Count, epoch).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        report.add(
            "notify_server, per stream",
            "bytes",
            per_stream(memory(&[server.pid()])? - before, count),
        );
        drop(all);
        // After all clients reconnected, to see what the allocator keeps.
        tokio::time::sleep(Duration::from_secs(2)).await;
        report.add(
            "after all have gone, per stream",
            "bytes",
            per_stream(memory(&[server.pid()])? - before, count),
        );
        drop(first);
        match Nchan::start(1)? {
            Some(nchan) => {
                let before = memory(&nchan.pids()?)?;
                let all = (0..count).map(|n| Nchan::subscribe(&format!("c{}", n / MEMBERS))).collect();
                let _all = streams::open(nchan.address, all, false, Watch::Count, epoch).await?;
                tokio::time::sleep(Duration::from_secs(2)).await;
                report.add("nchan, per stream", "bytes", per_stream(memory(&nchan.pids()?)? - before, count));
            }
            None if report.notes.is_empty() => report.note(NCHAN_AWAY),
            None => {}
        }
    }
    report.bound("notify_server, per stream", 5000.0);
    report.ratio("notify_server, per stream", "nchan, per stream", None, true);
    test_bed.stop().await?;
    Ok(report)
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 streams")]
fn per_stream(bytes: f64, count: usize) -> f64 {
    bytes / count as f64
}

/// Sends one message to all streams. Returns the events a second until the last arrival.
pub async fn fanout(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut report = Report::new("fanout");
    let count = arguments.streams;
    let test_bed = TestBed::start(arguments.servers.as_deref()).await?;
    let chat_server = test_bed.start_chat_server()?;
    let people = test_bed.people(count).await?;
    let chat = test_bed.chats(&[people.iter().collect()]).await?[0];
    let sender = Sender { chat, person: people[0].clone() };
    for _ in 0..arguments.rounds {
        {
            let server = test_bed.start_notify_server()?;
            let epoch = Instant::now();
            let all = streams::open(server.address, requests(&people), true, Watch::Count, epoch).await?;
            let mut client = HttpConnection::connect(chat_server.address).await?;
            let used = cpu(&[server.pid()])?;
            let rate = waves(&all, count, async || {
                let answer = client.call(&send_request(&sender, &stamped(epoch))).await?;
                ensure!(answer.status == 201, "a send: {}", answer.status);
                Ok(())
            })
            .await?;
            report.add("Parlor", "events/s", rate);
            report.add(
                "processor time of notify_server",
                "µs/event",
                (cpu(&[server.pid()])? - used) * 1e6 / events(count),
            );
        }
        if let Some(nchan) = Nchan::start(2)? {
            let epoch = Instant::now();
            let (all, mut client) = open_at_nchan(&nchan, count, epoch).await?;
            let used = cpu(&nchan.pids()?)?;
            let rate = waves(&all, count, async || publish(&mut client, epoch).await).await?;
            report.add("nchan, 2 workers", "events/s", rate);
            report.add(
                "processor time of nchan",
                "µs/event",
                (cpu(&nchan.pids()?)? - used) * 1e6 / events(count),
            );
        } else if report.notes.is_empty() {
            report.note(NCHAN_AWAY);
        }
    }
    report.ratio("Parlor", "nchan, 2 workers", Some(1.1), false);
    drop(chat_server);
    test_bed.stop().await?;
    Ok(report)
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 events")]
fn events(streams: usize) -> f64 {
    (streams * (WAVES + 2)) as f64
}

async fn publish(client: &mut HttpConnection, epoch: Instant) -> anyhow::Result<()> {
    let padding = " ".repeat(FRAME_BYTES - 40);
    let answer = client.call(&Nchan::publish("all", &format!("{}{padding}", stamped(epoch)))).await?;
    ensure!(matches!(answer.status, 200..=202), "a publish: {}", answer.status);
    Ok(())
}

/// Opens streams of nchan and publishes until each has received a message: nchan responds to a
/// subscriber before all of its workers know it.
async fn open_at_nchan(
    nchan: &Nchan,
    count: usize,
    epoch: Instant,
) -> anyhow::Result<(OpenStreams, HttpConnection)> {
    const ATTEMPTS: usize = 50;
    let subscribers = (0..count).map(|_| Nchan::subscribe("all")).collect();
    let all = streams::open(nchan.address, subscribers, false, Watch::Count, epoch).await?;
    let mut client = HttpConnection::connect(nchan.address).await?;
    for _ in 0..ATTEMPTS {
        let before = all.inbox.events();
        publish(&mut client, epoch).await?;
        let heard = timeout(Duration::from_secs(2), all.inbox.until(before + count as u64)).await;
        if matches!(heard, Ok(Ok(()))) {
            return Ok((all, client));
        }
    }
    bail!("of {count} streams of nchan some get nothing")
}

/// The median of several waves, after two for warming up.
async fn waves(
    all: &OpenStreams,
    count: usize,
    mut send: impl AsyncFnMut() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let (mut rates, before) = (Vec::new(), all.inbox.events());
    for wave in 0..WAVES + 2 {
        let began = Instant::now();
        send().await?;
        all.inbox.until(before + (wave as u64 + 1) * count as u64).await?;
        if wave >= 2 {
            rates.push(1.0 / per_stream(began.elapsed().as_secs_f64(), count));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(median(&rates))
}

/// Sends in a closed loop to one chat with a thousand streams. Returns the events a second until
/// the last arrival.
pub async fn sustain(arguments: &Arguments) -> anyhow::Result<Report> {
    const STREAMS: usize = 1000;
    let mut report = Report::new("sustain");
    let test_bed = TestBed::start(arguments.servers.as_deref()).await?;
    let chat_server = test_bed.start_chat_server()?;
    let people = test_bed.people(STREAMS).await?;
    let chat = test_bed.chats(&[people.iter().collect()]).await?[0];
    let sender = Sender { chat, person: people[0].clone() };
    for _ in 0..arguments.rounds {
        {
            let server = test_bed.start_notify_server()?;
            let epoch = Instant::now();
            let all = streams::open(server.address, requests(&people), true, Watch::Count, epoch).await?;
            let mut client = HttpConnection::connect(chat_server.address).await?;
            let rate = sustained(&all, STREAMS, arguments.seconds, async || {
                let answer = client.call(&send_request(&sender, &stamped(epoch))).await?;
                ensure!(answer.status == 201, "a send: {}", answer.status);
                Ok(())
            })
            .await?;
            report.add("Parlor", "events/s", rate);
        }
        if let Some(nchan) = Nchan::start(2)? {
            let epoch = Instant::now();
            let (all, mut client) = open_at_nchan(&nchan, STREAMS, epoch).await?;
            let rate =
                sustained(&all, STREAMS, arguments.seconds, async || publish(&mut client, epoch).await)
                    .await?;
            report.add("nchan, 2 workers", "events/s", rate);
        } else if report.notes.is_empty() {
            report.note(NCHAN_AWAY);
        }
    }
    report.ratio("Parlor", "nchan, 2 workers", Some(2.0), false);
    drop(chat_server);
    test_bed.stop().await?;
    Ok(report)
}

/// Counts what arrives during the sends.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 events")]
async fn sustained(
    all: &OpenStreams,
    streams: usize,
    seconds: f64,
    mut send: impl AsyncFnMut() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let (began, before) = (Instant::now(), all.inbox.events());
    let mut count = 0_u64;
    while began.elapsed().as_secs_f64() < seconds {
        send().await?;
        count += 1;
    }
    let rate = (all.inbox.events() - before) as f64 / began.elapsed().as_secs_f64();
    // The rate counts only if every stream got every event. nchan may drop events beyond its
    // buffer.
    let _ = timeout(Duration::from_secs(60), all.inbox.until(before + count * streams as u64)).await;
    Ok(rate)
}

/// All clients reconnect at once after notify_server was killed.
pub async fn storm(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut report = Report::new("storm");
    let test_bed = TestBed::start(arguments.servers.as_deref()).await?;
    let chat_server = test_bed.start_chat_server()?;
    let people = test_bed.people(arguments.streams).await?;
    let chats = in_small_chats(&test_bed, &people).await?;
    let mut client = HttpConnection::connect(chat_server.address).await?;
    for _ in 0..arguments.rounds {
        for (name, count) in [("a tenth of them", arguments.streams / 10), ("all", arguments.streams)] {
            let people = &people[..count];
            let server = test_bed.start_notify_server()?;
            let (fresh, took, queries) = timed(&test_bed, server.address, requests(people)).await?;
            report.add(&format!("fresh, {name}"), "s", took);
            report.add(&format!("fresh, {name}: transactions"), "", queries);
            let port = server.address.port();
            server.kill()?;
            let cursor = fresh.cursors[0].clone();
            drop(fresh);
            // Events while the clients are away.
            for (chat, sender) in chats.iter().zip(people.chunks(MEMBERS)).take(20) {
                let sender = Sender { chat: *chat, person: sender[0].clone() };
                client.call(&send_request(&sender, "while you were away")).await?;
            }
            let server = test_bed.start_notify_server_at(port)?;
            let with_cursor = people.iter().map(|person| request_after(person, &cursor)).collect();
            let (_back, took, queries) = timed(&test_bed, server.address, with_cursor).await?;
            report.add(&format!("back, {name}"), "s", took);
            report.add(&format!("back, {name}: transactions"), "", queries);
        }
    }
    report.ratio("back, all", "fresh, all", Some(1.5), true);
    report.ratio("back, all: transactions", "back, a tenth of them: transactions", None, true);
    drop(chat_server);
    test_bed.stop().await?;
    Ok(report)
}

fn request_after(person: &Person, cursor: &str) -> Vec<u8> {
    let request = http::request("GET", "/events", &person.token, "");
    let text = String::from_utf8_lossy(&request)
        .replace("\r\n\r\n", &format!("\r\nLast-Event-ID: {cursor}\r\n\r\n"));
    text.into_bytes()
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 queries")]
async fn timed(
    test_bed: &TestBed,
    address: SocketAddr,
    requests: Vec<Vec<u8>>,
) -> anyhow::Result<(OpenStreams, f64, f64)> {
    let before = test_bed.transactions().await?;
    let began = Instant::now();
    let streams = streams::open(address, requests, true, Watch::Count, began).await?;
    let took = began.elapsed().as_secs_f64();
    // The statistics of a backend arrive with a second's delay.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    Ok((streams, took, (test_bed.transactions().await? - before) as f64))
}
