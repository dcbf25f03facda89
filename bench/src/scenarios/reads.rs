//! Measures reads: the chat list compared with the same bytes from memory, and a page in the middle
//! of a large chat compared with a small one.

use std::{net::SocketAddr, time::Instant};

use anyhow::{Context as _, ensure};
use axum::{Router, http::header, routing::get};
use chat_core::ChatId;
use rand::RngExt as _;
use sqlx::PgConnection;

use crate::{
    Arguments,
    http::{self, HttpConnection},
    load::closed_loop,
    process,
    report::{Report, percentile},
    test_bed::{Person, TestBed, cpu},
};

const CONNECTIONS: usize = 32;
const CHATS: usize = 30;
const MEMBERS: usize = 5;
const PEOPLE: usize = 50;

pub async fn list(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut report = Report::new("list");
    let test_bed = TestBed::start(arguments.servers.as_deref()).await?;
    let server = test_bed.start_chat_server()?;
    let people = test_bed.people(PEOPLE).await?;
    // Everybody is in CHATS chats of MEMBERS.
    let members: Vec<Vec<&Person>> = (0..PEOPLE * CHATS / MEMBERS)
        .map(|chat| (0..MEMBERS).map(|n| &people[(chat * 7 + n * 11) % PEOPLE]).collect())
        .collect();
    test_bed.chats(&members).await?;
    let request = |token: &str| http::request("GET", "/api/chat", token, "");
    let mut client = HttpConnection::connect(server.address).await?;
    let bytes = client.call(&request(&people[0].token)).await?.body;
    let file = test_bed.scratch("list.json");
    std::fs::write(&file, &bytes)?;
    let memory = process::start("from_memory", &[&file.to_string_lossy()])?;
    report.note(format!("One list is {} bytes, of {CHATS} chats.", bytes.len()));
    let requests: Vec<Vec<u8>> = people.iter().map(|person| request(&person.token)).collect();
    let loads = [("from memory", memory.address, memory.pid()), ("chat list", server.address, server.pid())];
    for round in 0..=arguments.rounds {
        for (name, address, pid) in &loads {
            let (before, began) = (cpu(&[*pid])?, Instant::now());
            let rate = read(*address, requests.clone(), arguments.seconds).await?;
            if round > 0 {
                report.add(name, "1/s", rate);
                let each = (cpu(&[*pid])? - before) / (rate * began.elapsed().as_secs_f64());
                report.add(&format!("{name}, processor time of the server"), "µs", each * 1e6);
            }
        }
    }
    report.ratio("chat list", "from memory", Some(0.3), false);
    let time = |of: &str| format!("{of}, processor time of the server");
    report.ratio(&time("chat list"), &time("from memory"), None, true);
    drop((server, memory));
    test_bed.stop().await?;
    Ok(report)
}

async fn read(address: SocketAddr, requests: Vec<Vec<u8>>, seconds: f64) -> anyhow::Result<f64> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(HttpConnection::connect(address).await?);
    }
    let requests = std::sync::Arc::new(requests);
    closed_loop(clients, seconds, move |mut client: HttpConnection, number| {
        let requests = std::sync::Arc::clone(&requests);
        async move {
            let request = &requests[usize::try_from(number)? % requests.len()];
            let answer = client.call(request).await?;
            ensure!(answer.status == 200, "a read: {}", answer.status);
            Ok(client)
        }
    })
    .await
}

/// The process that answers with one file's bytes.
pub async fn serve_from_memory() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let file = arguments.get(3).context("an address and a file")?;
    let bytes = axum::body::Bytes::from(std::fs::read(file)?);
    let router = Router::new()
        .route("/api/chat", get(async move || ([(header::CONTENT_TYPE, "application/json")], bytes.clone())));
    let listener = tokio::net::TcpListener::bind(&arguments[2]).await?;
    axum::serve(listener, router).await?;
    Ok(())
}

pub async fn page(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut report = Report::new("page");
    let test_bed = TestBed::start(arguments.servers.as_deref()).await?;
    let server = test_bed.start_chat_server()?;
    let people = test_bed.people(PEOPLE).await?;
    let everybody: Vec<&Person> = people.iter().collect();
    let chats = test_bed.chats(&vec![everybody; 11]).await?;
    let mut db = test_bed.connect_for_bulk().await?;
    let mut stored = 0;
    // A tenth of the messages is in one chat, the rest in ten others; the first of the sizes is the
    // small database.
    for total in [10_000, arguments.messages / 100, arguments.messages / 10, arguments.messages] {
        if total <= stored {
            continue;
        }
        let began = Instant::now();
        fill(&mut db, &test_bed, &chats, &people, total).await?;
        stored = total;
        report.note(format!("{total} messages were there after {:.0} s.", began.elapsed().as_secs_f64()));
        let (token, chat, last) = (people[0].token.clone(), chats[0], total / 10);
        for _ in 0..arguments.rounds {
            let times = pages(server.address, &token, chat, last, arguments.seconds).await?;
            for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
                report.add(&format!("page among {total}, {name}"), "ms", percentile(&times, share) * 1e3);
            }
        }
    }
    let of = |total: i64| format!("page among {total}, p50");
    report.ratio(&of(arguments.messages), &of(10_000), Some(1.3), true);
    drop(server);
    test_bed.stop().await?;
    Ok(report)
}

/// Brings the database to `total` messages.
pub async fn fill(
    db: &mut PgConnection,
    test_bed: &TestBed,
    chats: &[ChatId],
    people: &[Person],
    total: i64,
) -> anyhow::Result<()> {
    for (number, chat) in chats.iter().enumerate() {
        let share = if number == 0 { total / 10 } else { total * 9 / 100 };
        // Ids grow with time, as those of real messages do.
        sqlx::query(
            "insert into messages (id, workspace_id, chat_id, seq, root_no, sender_id, body, client_id, request_hash)
             select (lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text || $4), 1, 3)
                     || '8' || substr(md5($4 || n::text), 1, 15))::uuid,
                    $2, $1, n, n, $3, repeat('word ', 20), md5(n::text || $4), sha256($4::bytea)
             from generate_series((select last_seq + 1 from chats where id = $1), $5) n",
        )
        .bind(chat.0)
        .bind(test_bed.workspace.0)
        .bind(people[number % people.len()].id.0)
        .bind(chat.0.to_string())
        .bind(share)
        .execute(&mut *db)
        .await?;
        sqlx::query("update chats set last_seq = $2, last_root_no = $2 where id = $1")
            .bind(chat.0)
            .bind(share)
            .execute(&mut *db)
            .await?;
    }
    // The state after some time: rows are known to be visible, and dirty pages are written, so a
    // read does neither first.
    for statement in ["vacuum analyze messages", "checkpoint"] {
        sqlx::raw_sql(statement).execute(&mut *db).await?;
    }
    Ok(())
}

/// Fifty messages around a place anywhere in the chat, again and again; how long each took.
pub async fn pages(
    address: SocketAddr,
    token: &str,
    chat: ChatId,
    last: i64,
    seconds: f64,
) -> anyhow::Result<Vec<f64>> {
    let mut client = HttpConnection::connect(address).await?;
    let mut times = Vec::new();
    let began = Instant::now();
    while began.elapsed().as_secs_f64() < seconds {
        let seq = rand::rng().random_range(1..=last);
        let path = format!("/api/chat/{chat}/messages?around={seq}&limit=50");
        let asked = Instant::now();
        let answer = client.call(&http::request("GET", &path, token, "")).await?;
        ensure!(answer.status == 200, "a page: {}", answer.status);
        times.push(asked.elapsed().as_secs_f64());
    }
    Ok(times)
}
