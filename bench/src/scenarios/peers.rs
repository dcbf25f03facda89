//! Compares Parlor with another chat server: sends a second, and the time from a send to the
//! screens of a chat of five.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::{
    Arguments,
    http::HttpConnection,
    load::{self, BODY, Sender, at_rate, closed_loop},
    report::{Report, percentile},
    streams::{self, OpenStreams, Watch, stamped},
    synapse::{self, Guest, Synapse},
    test_bed::{Person, ServerProcess, TestBed, memory},
};

const CHATS: usize = 10;
const MEMBERS: usize = 5;
const CONNECTIONS: usize = 8;
/// Messages a second while delivery is timed: few for both servers, so that no message queues.
const RATE: u32 = 2;
/// The pause between a load and a timing, so that no queue is left.
const REST: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(30);

pub async fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut report = Report::new("peers");
    let Some(python) = &arguments.synapse else {
        report.note(
            "Synapse is not measured: name a Python that has it (pip install matrix-synapse psycopg2-binary) as --synapse.",
        );
        return Ok(report);
    };
    let test_bed = TestBed::start(arguments.servers.as_deref()).await?;
    let mut parlor = OfParlor::start(&test_bed).await?;
    let mut synapse = OfSynapse::start(python, &test_bed).await?;
    let epoch = Instant::now();
    for followed in [false, true] {
        if followed {
            parlor.follow(epoch).await?;
            synapse.follow(epoch).await?;
        }
        let sends = if followed { "sends, 50 follow" } else { "sends, no one follows" };
        for round in 0..=arguments.rounds {
            let of_parlor = parlor.sends(arguments.seconds).await?;
            let of_synapse = synapse.sends(arguments.seconds).await?;
            if round > 0 {
                report.add(&format!("Parlor, {sends}"), "1/s", of_parlor);
                report.add(&format!("Synapse, {sends}"), "1/s", of_synapse);
            }
        }
    }
    for _ in 0..arguments.rounds {
        for (name, times) in [
            ("Parlor", parlor.times(arguments.seconds, epoch).await?),
            ("Synapse", synapse.times(arguments.seconds, epoch).await?),
        ] {
            for (percent, share) in [("p50", 0.5), ("p99", 0.99)] {
                let figure = format!("{name}, send to screen, {percent}");
                report.add(&figure, "ms", percentile(&times, share) * 1e3);
            }
        }
        report.add("Parlor, memory", "MB", parlor.memory()? / 1e6);
        report.add("Synapse, memory", "MB", memory(&[synapse.server.pid()])? / 1e6);
    }
    for (figure, at_most) in [
        ("sends, no one follows", false),
        ("sends, 50 follow", false),
        ("send to screen, p50", true),
        ("send to screen, p99", true),
        ("memory", true),
    ] {
        report.ratio(&format!("Parlor, {figure}"), &format!("Synapse, {figure}"), None, at_most);
    }
    drop((parlor, synapse));
    test_bed.stop().await?;
    Ok(report)
}

struct OfParlor {
    chat_server: ServerProcess,
    notify_server: ServerProcess,
    people: Vec<Person>,
    senders: Arc<Vec<Sender>>,
    streams: Option<OpenStreams>,
}

impl OfParlor {
    async fn start(test_bed: &TestBed) -> anyhow::Result<Self> {
        let chat_server = test_bed.start_chat_server()?;
        let people = test_bed.people(CHATS * MEMBERS).await?;
        let members: Vec<Vec<&Person>> = people.chunks(MEMBERS).map(|chunk| chunk.iter().collect()).collect();
        let chats = test_bed.chats(&members).await?;
        let senders = chats.iter().zip(&members);
        let senders =
            senders.map(|(chat, members)| Sender { chat: *chat, person: members[0].clone() }).collect();
        let notify_server = test_bed.start_notify_server()?;
        Ok(Self { chat_server, notify_server, people, senders: Arc::new(senders), streams: None })
    }

    async fn follow(&mut self, epoch: Instant) -> anyhow::Result<()> {
        let requests = super::streams::requests(&self.people);
        let opened = streams::open(self.notify_server.address, requests, true, Watch::Time, epoch).await?;
        self.streams = Some(opened);
        Ok(())
    }

    async fn sends(&self, seconds: f64) -> anyhow::Result<f64> {
        load::send(self.chat_server.address, CONNECTIONS, Arc::clone(&self.senders), seconds).await
    }

    async fn times(&self, seconds: f64, epoch: Instant) -> anyhow::Result<Vec<f64>> {
        let inbox = &self.streams.as_ref().context("no one follows")?.inbox;
        tokio::time::sleep(REST).await;
        inbox.take_latencies();
        let before = inbox.events();
        let senders = Arc::clone(&self.senders);
        let work = move |mut client: HttpConnection, number: usize| {
            let request = load::send_request(&senders[number % CHATS], &stamped(epoch));
            async move {
                let answer = client.call(&request).await?;
                ensure!(answer.status == 201, "a send: {}", answer.status);
                anyhow::Ok(client)
            }
        };
        let clients = vec![HttpConnection::connect(self.chat_server.address).await?];
        let sent = at_rate(clients, RATE, seconds, work).await?;
        inbox.until(before + (sent * MEMBERS) as u64).await?;
        Ok(inbox.take_latencies())
    }

    fn memory(&self) -> anyhow::Result<f64> {
        memory(&[self.chat_server.pid(), self.notify_server.pid()])
    }
}

struct OfSynapse {
    server: Synapse,
    guests: Vec<Guest>,
    senders: Arc<Vec<Guest>>,
    times: Arc<Mutex<Vec<f64>>>,
    /// The clients: each polls for new events.
    screens: JoinSet<anyhow::Result<()>>,
}

impl OfSynapse {
    async fn start(python: &Path, test_bed: &TestBed) -> anyhow::Result<Self> {
        let server = Synapse::start(python, test_bed).await?;
        let guests = server.rooms(CHATS, MEMBERS).await?;
        let senders = Arc::new(guests.iter().step_by(MEMBERS).cloned().collect());
        Ok(Self { server, guests, senders, times: Arc::default(), screens: JoinSet::new() })
    }

    async fn follow(&mut self, epoch: Instant) -> anyhow::Result<()> {
        for guest in &self.guests {
            let mut client = HttpConnection::connect(self.server.address).await?;
            let begun = client.call(&synapse::sync_request(guest, None)).await?;
            let mut since = next_batch(&begun.body)?;
            let (times, guest) = (Arc::clone(&self.times), guest.clone());
            self.screens.spawn(async move {
                loop {
                    let answer = client.call(&synapse::sync_request(&guest, Some(&since))).await?;
                    let now = epoch.elapsed();
                    ensure!(answer.status == 200, "a sync of Synapse: {}", answer.status);
                    since = next_batch(&answer.body)?;
                    let text = String::from_utf8_lossy(&answer.body);
                    let stamps = text.split('~').skip(1).filter_map(|rest| {
                        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                        digits.parse::<u64>().ok()
                    });
                    let taken =
                        stamps.map(|sent| now.saturating_sub(Duration::from_nanos(sent)).as_secs_f64());
                    times.lock().unwrap_or_else(PoisonError::into_inner).extend(taken);
                }
            });
        }
        Ok(())
    }

    async fn sends(&mut self, seconds: f64) -> anyhow::Result<f64> {
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            clients.push(HttpConnection::connect(self.server.address).await?);
        }
        let senders = Arc::clone(&self.senders);
        let rate = closed_loop(clients, seconds, move |client, number| {
            let senders = Arc::clone(&senders);
            async move { send(client, &senders[usize::try_from(number)? % CHATS], BODY).await }
        });
        let rate = rate.await?;
        self.check_screens()?;
        Ok(rate)
    }

    async fn times(&mut self, seconds: f64, epoch: Instant) -> anyhow::Result<Vec<f64>> {
        tokio::time::sleep(REST).await;
        self.take_times();
        let senders = Arc::clone(&self.senders);
        let work = move |client: HttpConnection, number: usize| {
            let guest = senders[number % CHATS].clone();
            async move { send(client, &guest, &stamped(epoch)).await }
        };
        let clients = vec![HttpConnection::connect(self.server.address).await?];
        let count = MEMBERS * at_rate(clients, RATE, seconds, work).await?;
        let deadline = Instant::now() + PATIENCE;
        while self.times.lock().unwrap_or_else(PoisonError::into_inner).len() < count {
            self.check_screens()?;
            ensure!(Instant::now() < deadline, "not all of {count} messages came from Synapse");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(self.take_times())
    }

    fn take_times(&self) -> Vec<f64> {
        std::mem::take(&mut *self.times.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Clients never end by themselves.
    fn check_screens(&mut self) -> anyhow::Result<()> {
        self.screens.try_join_next().map_or(Ok(()), |ended| ended?)
    }
}

async fn send(mut client: HttpConnection, guest: &Guest, body: &str) -> anyhow::Result<HttpConnection> {
    let answer = client.call(&synapse::send_request(guest, body)).await?;
    ensure!(answer.status == 200, "a send to Synapse: {}", answer.status);
    Ok(client)
}

fn next_batch(body: &[u8]) -> anyhow::Result<String> {
    let answer: Value = serde_json::from_slice(body)?;
    Ok(answer["next_batch"].as_str().context("no next_batch")?.to_owned())
}
