//! Sends and their way to the screens of a chat of five, beside another chat server that does the same.

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
    http::Client,
    load::{self, BODY, Place, at_rate, closed_loop},
    report::{Report, percentile},
    streams::{self, Watch, stamped},
    synapse::{self, Guest, Synapse},
    world::{Person, World, memory},
};

const CHATS: usize = 10;
const MEMBERS: usize = 5;
const CONNECTIONS: usize = 8;
/// Messages a second while delivery is timed: what every server can do without a queue.
const RATE: u32 = 10;
const PATIENCE: Duration = Duration::from_secs(30);

pub async fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut report = Report::new("peers");
    let Some(python) = &arguments.synapse else {
        report.note(
            "Synapse is not measured: name a Python that has it (pip install matrix-synapse psycopg2-binary) as --synapse.",
        );
        return Ok(report);
    };
    let world = World::start(arguments.servers.as_deref()).await?;
    parlor(&world, arguments, &mut report).await?;
    synapse(python, &world, arguments, &mut report).await?;
    for (figure, at_most) in
        [("sends", false), ("send to screen, p50", true), ("send to screen, p99", true), ("memory", true)]
    {
        report.ratio(&format!("Parlor, {figure}"), &format!("Synapse, {figure}"), None, at_most);
    }
    world.stop().await?;
    Ok(report)
}

async fn parlor(world: &World, arguments: &Arguments, report: &mut Report) -> anyhow::Result<()> {
    let chat_server = world.start_chat_server()?;
    let people = world.people(CHATS * MEMBERS).await?;
    let members: Vec<Vec<&Person>> = people.chunks(MEMBERS).map(|chunk| chunk.iter().collect()).collect();
    let chats = world.chats(&members).await?;
    let places: Vec<Place> = chats
        .iter()
        .zip(&members)
        .map(|(chat, members)| Place { chat: *chat, sender: members[0].clone() })
        .collect();
    let places = Arc::new(places);
    let notify_server = world.start_notify_server()?;
    let epoch = Instant::now();
    let requests = super::streams::requests(&people);
    let all = streams::open(notify_server.address, requests, true, Watch::Time, epoch).await?;
    load::send(chat_server.address, CONNECTIONS, Arc::clone(&places), 0.5).await?; // warm
    for _ in 0..arguments.rounds {
        let rate =
            load::send(chat_server.address, CONNECTIONS, Arc::clone(&places), arguments.seconds).await?;
        report.add("Parlor, sends", "1/s", rate);
        let before = all.inbox.events();
        let work = {
            let places = Arc::clone(&places);
            move |mut client: Client, number: usize| {
                let request = load::send_request(&places[number % CHATS], &stamped(epoch));
                async move {
                    let answer = client.call(&request).await?;
                    ensure!(answer.status == 201, "a send: {}", answer.status);
                    anyhow::Ok(client)
                }
            }
        };
        let clients = vec![Client::connect(chat_server.address).await?];
        all.inbox.take_latencies();
        let sent = at_rate(clients, RATE, arguments.seconds, work).await?;
        all.inbox.until(before + (sent * MEMBERS) as u64).await?;
        add_times(report, "Parlor", &all.inbox.take_latencies());
        report.add("Parlor, memory", "MB", memory(&[chat_server.pid(), notify_server.pid()])? / 1e6);
    }
    Ok(())
}

async fn synapse(
    python: &Path,
    world: &World,
    arguments: &Arguments,
    report: &mut Report,
) -> anyhow::Result<()> {
    let server = Synapse::start(python, world).await?;
    let guests = server.rooms(CHATS, MEMBERS).await?;
    let senders: Arc<Vec<Guest>> = Arc::new(guests.iter().step_by(MEMBERS).cloned().collect());
    let epoch = Instant::now();
    let screens = Screens::open(&server, &guests, epoch).await?;
    for round in 0..=arguments.rounds {
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            clients.push(Client::connect(server.address).await?);
        }
        let of_load = Arc::clone(&senders);
        let rate = closed_loop(clients, arguments.seconds, move |mut client: Client, number| {
            let senders = Arc::clone(&of_load);
            async move {
                let guest = &senders[usize::try_from(number)? % senders.len()];
                let answer = client.call(&synapse::send_request(guest, BODY)).await?;
                ensure!(answer.status == 200, "a send to Synapse: {}", answer.status);
                Ok(client)
            }
        })
        .await?;
        screens.take().await?; // nobody has a backlog
        let of_load = Arc::clone(&senders);
        let work = move |mut client: Client, number: usize| {
            let request = synapse::send_request(&of_load[number % CHATS], &stamped(epoch));
            async move {
                let answer = client.call(&request).await?;
                ensure!(answer.status == 200, "a send to Synapse: {}", answer.status);
                anyhow::Ok(client)
            }
        };
        let clients = vec![Client::connect(server.address).await?];
        let sent = at_rate(clients, RATE, arguments.seconds, work).await?;
        let times = screens.wait_for(sent * MEMBERS).await?;
        if round == 0 {
            continue; // warm
        }
        report.add("Synapse, sends", "1/s", rate);
        add_times(report, "Synapse", &times);
        report.add("Synapse, memory", "MB", memory(&[server.pid()])? / 1e6);
    }
    Ok(())
}

fn add_times(report: &mut Report, of: &str, times: &[f64]) {
    for (percent, share) in [("p50", 0.5), ("p99", 0.99)] {
        report.add(&format!("{of}, send to screen, {percent}"), "ms", percentile(times, share) * 1e3);
    }
}

/// The clients of Synapse: each waits for what is new, again and again.
struct Screens {
    times: Arc<Mutex<Vec<f64>>>,
    _tasks: JoinSet<anyhow::Result<()>>,
}

impl Screens {
    async fn open(server: &Synapse, guests: &[Guest], epoch: Instant) -> anyhow::Result<Self> {
        let times: Arc<Mutex<Vec<f64>>> = Arc::default();
        let mut tasks = JoinSet::new();
        for guest in guests {
            let mut client = Client::connect(server.address).await?;
            let begun = client.call(&synapse::sync_request(guest, None)).await?;
            let mut since = next_batch(&begun.body)?;
            let (times, guest) = (Arc::clone(&times), guest.clone());
            tasks.spawn(async move {
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
                        stamps.map(|sent| (now.saturating_sub(Duration::from_nanos(sent))).as_secs_f64());
                    times.lock().unwrap_or_else(PoisonError::into_inner).extend(taken);
                }
            });
        }
        Ok(Self { times, _tasks: tasks })
    }

    /// Forgets what has come, once nothing more does.
    async fn take(&self) -> anyhow::Result<()> {
        tokio::time::sleep(Duration::from_secs(2)).await;
        self.times.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }

    async fn wait_for(&self, count: usize) -> anyhow::Result<Vec<f64>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            {
                let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
                if times.len() >= count {
                    return Ok(std::mem::take(&mut *times));
                }
                ensure!(Instant::now() < deadline, "{} of {count} messages came from Synapse", times.len());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn next_batch(body: &[u8]) -> anyhow::Result<String> {
    let answer: Value = serde_json::from_slice(body)?;
    Ok(answer["next_batch"].as_str().context("no next_batch")?.to_owned())
}
