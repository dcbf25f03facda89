//! Measures what one account can take from another tenant, at the default limits: each flood alone,
//! while a person in another workspace sends, reads a page and follows a stream.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use chat_core::ChatId;
use sqlx::{Connection as _, PgConnection};
use tokio::{io::AsyncReadExt as _, task::JoinSet, time::sleep};

use crate::{
    Arguments,
    http::{self, HttpConnection},
    load::{BODY, Sender, send_request},
    report::{Report, percentile},
    streams::{self, Watch},
    test_bed::{Person, TestBed, memory},
};

/// People in the workspace that is searched.
const PEOPLE: usize = 10_000;
const CONNECTIONS: usize = 64;
/// Messages of 64 KB in the chat that slow readers ask for.
const LONG_MESSAGES: usize = 200;
/// The address that floods. It has limits of its own, as another machine would.
const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// Between two rounds of the person who is measured.
const PAUSE: Duration = Duration::from_millis(20);
/// A p99 during a flood: at most so many times the calm one, or so many milliseconds.
const SLOWER_MAX: f64 = 5.0;
const ENOUGH_MS: f64 = 100.0;
/// How long the memory may take to come back, and to how much of what it was.
const MEMORY_BACK: Duration = Duration::from_secs(60);
const MEMORY_MAX: f64 = 1.1;

#[derive(Clone, Copy)]
enum Flood {
    Sends,
    Searches,
    SlowReaders,
    Reconnects,
    SignIns,
    NewChats,
}

impl Flood {
    const ALL: [Self; 6] =
        [Self::Sends, Self::Searches, Self::SlowReaders, Self::Reconnects, Self::SignIns, Self::NewChats];

    fn name(self) -> &'static str {
        match self {
            Self::Sends => "sends",
            Self::Searches => "searches",
            Self::SlowReaders => "slow readers",
            Self::Reconnects => "reconnects",
            Self::SignIns => "sign-ins",
            Self::NewChats => "new chats",
        }
    }

    /// A connection's next request.
    fn request(self, attacker: &Sender) -> Vec<u8> {
        let token = &attacker.person.token;
        match self {
            Self::Sends => send_request(attacker, BODY),
            Self::Searches => http::request("GET", "/api/users?query=person%201", token, ""),
            Self::SlowReaders => {
                http::request("GET", &format!("/api/chat/{}/messages?limit=200", attacker.chat), token, "")
            }
            Self::Reconnects => http::request("GET", "/events", token, ""),
            Self::SignIns => {
                let body = r#"{"email":"nobody@bench.example","password":"a wrong password"}"#;
                http::request("POST", "/api/signin", "", body)
            }
            Self::NewChats => {
                let name = uuid::Uuid::now_v7().simple();
                let body = format!(r#"{{"kind":"private_channel","name":"{name}"}}"#);
                http::request("POST", "/api/chat", token, &body)
            }
        }
    }
}

pub async fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut report = Report::new("fairness");
    let test_bed = TestBed::start(arguments.servers.as_deref()).await?;
    let (chat_server, notify_server) =
        (test_bed.start_default_chat_server()?, test_bed.start_default_notify_server()?);
    let (chat_at, notify_at) = (chat_server.address, notify_server.address);
    let pids = [chat_server.pid(), notify_server.pid()];
    let (attacker, victim) = people(&test_bed).await?;
    // Everything is warm before the first figure.
    measure(chat_at, notify_at, &victim, Duration::from_secs(2)).await?;
    for _ in 0..arguments.rounds {
        for flood in Flood::ALL {
            let time = Duration::from_secs_f64(arguments.seconds);
            let before = memory(&pids)?;
            let calm = measure(chat_at, notify_at, &victim, time).await?;
            let stop = Arc::new(AtomicBool::new(false));
            let flooding = begin(flood, chat_at, notify_at, &attacker, &stop);
            sleep(Duration::from_millis(500)).await;
            let flooded = measure(chat_at, notify_at, &victim, time).await?;
            stop.store(true, Ordering::Relaxed);
            drop(flooding);
            let name = flood.name();
            for (what, calm, flooded) in calm.pairs(&flooded) {
                let bound = ENOUGH_MS.max(SLOWER_MAX * calm);
                report.add(&format!("{name}: {what} calm, p99"), "ms", calm);
                report.add(&format!("{name}: {what}, p99"), "ms", flooded);
                report.add(&format!("{name}: {what}, of the bound"), "", flooded / bound);
            }
            report.add(&format!("{name}: refused"), "", calm.refused + flooded.refused);
            report.add(
                &format!("{name}: memory a minute later"),
                "of before",
                settled(&pids, before).await? / before,
            );
        }
    }
    for flood in Flood::ALL {
        let name = flood.name();
        for what in WHAT {
            report.bound(&format!("{name}: {what}, of the bound"), 1.0);
        }
        report.bound(&format!("{name}: refused"), 0.0);
        report.bound(&format!("{name}: memory a minute later"), MEMORY_MAX);
    }
    report.note(format!(
        "One account floods over {CONNECTIONS} connections from an address of its own. The bound is the larger of \
         {SLOWER_MAX} times the calm p99 and {ENOUGH_MS} ms."
    ));
    drop((chat_server, notify_server));
    test_bed.stop().await?;
    Ok(report)
}

/// One who floods, in a workspace of many people and with a chat of long messages; and one in
/// another workspace.
async fn people(test_bed: &TestBed) -> anyhow::Result<(Sender, Sender)> {
    let workspaces = test_bed.workspaces(2).await?;
    let crowd = test_bed.people_in(&workspaces[..1], PEOPLE).await?;
    let other = test_bed.people_in(&workspaces[1..], 1).await?;
    let chats = test_bed.chats(&[vec![&crowd[0]], vec![&other[0]]]).await?;
    let mut db = PgConnection::connect(&test_bed.url).await?;
    // Written without triggers.
    sqlx::raw_sql("select people_search_write(u) from users u").execute(&mut db).await?;
    sqlx::query(
        "insert into messages (id, workspace_id, chat_id, seq, root_no, sender_id, body)
         select gen_random_uuid(), $1, $2, n, n, $3, repeat('𝄞', 16000) from generate_series(1, $4::int) n",
    )
    .bind(crowd[0].workspace.0)
    .bind(chats[0].0)
    .bind(crowd[0].id.0)
    .bind(i32::try_from(LONG_MESSAGES)?)
    .execute(&mut db)
    .await?;
    sqlx::query("update chats set last_seq = $2, last_root_no = $2 where id = $1")
        .bind(chats[0].0)
        .bind(i64::try_from(LONG_MESSAGES)?)
        .execute(&mut db)
        .await?;
    sqlx::raw_sql("vacuum analyze").execute(&mut db).await?;
    let sender = |person: &Person, chat: ChatId| Sender { chat, person: person.clone() };
    Ok((sender(&crowd[0], chats[0]), sender(&other[0], chats[1])))
}

const WHAT: [&str; 3] = ["send", "page", "stream"];

/// What the one who is measured met.
struct Met {
    /// Milliseconds, p99: of [`WHAT`].
    times: [f64; 3],
    refused: f64,
}

impl Met {
    fn pairs(&self, flooded: &Self) -> impl Iterator<Item = (&'static str, f64, f64)> {
        WHAT.into_iter()
            .zip(self.times)
            .zip(flooded.times)
            .map(|((what, calm), flooded)| (what, calm, flooded))
    }
}

/// Sends, waits for the message on a stream, and reads a page, again and again.
async fn measure(
    chat_server: SocketAddr,
    notify_server: SocketAddr,
    victim: &Sender,
    time: Duration,
) -> anyhow::Result<Met> {
    let token = &victim.person.token;
    let stream = http::request("GET", "/events", token, "");
    let stream = streams::open(notify_server, vec![stream], true, Watch::Count, Instant::now()).await?;
    let page = http::request("GET", &format!("/api/chat/{}/messages", victim.chat), token, "");
    let mut client = HttpConnection::connect(chat_server).await?;
    let (mut times, mut refused) = ([Vec::new(), Vec::new(), Vec::new()], 0.0);
    let began = Instant::now();
    while began.elapsed() < time {
        let before = Instant::now();
        // The stream counts this character.
        let sent = client.call(&send_request(victim, "a message ~")).await?;
        times[0].push(before.elapsed().as_secs_f64() * 1e3);
        if sent.status == 201 {
            stream.inbox.until(stream.inbox.events().max(times[2].len() as u64 + 1)).await?;
            times[2].push(before.elapsed().as_secs_f64() * 1e3);
        } else {
            refused += 1.0;
        }
        let before = Instant::now();
        let read = client.call(&page).await?;
        times[1].push(before.elapsed().as_secs_f64() * 1e3);
        if read.status != 200 {
            refused += 1.0;
        }
        sleep(PAUSE).await;
    }
    Ok(Met { times: times.map(|times| percentile(&times, 0.99)), refused })
}

/// Floods until `stop`, or until dropped.
fn begin(
    flood: Flood,
    chat_server: SocketAddr,
    notify_server: SocketAddr,
    attacker: &Sender,
    stop: &Arc<AtomicBool>,
) -> JoinSet<()> {
    let address = if matches!(flood, Flood::Reconnects) { notify_server } else { chat_server };
    let mut flooding = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (attacker, stop) = (attacker.clone(), Arc::clone(stop));
        flooding.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                // Whatever the server does with it.
                if one_connection(flood, address, &attacker, &stop).await.is_err() {
                    sleep(Duration::from_millis(5)).await;
                }
            }
        });
    }
    flooding
}

async fn one_connection(
    flood: Flood,
    address: SocketAddr,
    attacker: &Sender,
    stop: &AtomicBool,
) -> anyhow::Result<()> {
    match flood {
        Flood::Sends | Flood::Searches | Flood::SignIns | Flood::NewChats => {
            let mut client = HttpConnection::connect_from(ATTACKER, address).await?;
            while !stop.load(Ordering::Relaxed) {
                client.call(&flood.request(attacker)).await?;
            }
        }
        Flood::Reconnects => {
            let mut stream = http::connect_from(ATTACKER, address).await?;
            tokio::io::AsyncWriteExt::write_all(&mut stream, &flood.request(attacker)).await?;
            let read = stream.read(&mut [0; 1024]).await?;
            ensure!(read > 0, "closed");
        }
        Flood::SlowReaders => {
            let mut stream = http::connect_from(ATTACKER, address).await?;
            tokio::io::AsyncWriteExt::write_all(&mut stream, &flood.request(attacker)).await?;
            while !stop.load(Ordering::Relaxed) {
                let read = stream.read(&mut [0; 512]).await.context("cut")?;
                ensure!(read > 0, "closed");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
    Ok(())
}

/// The memory once it is within the bound, or after a minute.
async fn settled(pids: &[u32], before: f64) -> anyhow::Result<f64> {
    let began = Instant::now();
    loop {
        let now = memory(pids)?;
        if now <= before * MEMORY_MAX || began.elapsed() > MEMORY_BACK {
            return Ok(now);
        }
        sleep(Duration::from_secs(1)).await;
    }
}
