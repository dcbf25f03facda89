//! Measures how cost grows with the members of a chat, the chats of a person, messages and
//! workspaces. The scenarios of streams measure growth with streams (`--streams`).

use std::{sync::Arc, time::Instant};

use anyhow::ensure;
use chat_core::ChatId;

use super::reads::{fill, pages};
use crate::{
    Arguments,
    http::{self, HttpConnection},
    load::{self, BODY, Sender, send_request},
    report::{Report, median},
    test_bed::{Person, ServerProcess, TestBed, memory},
};

const MEMBERS: [usize; 4] = [10, 100, 1_000, 10_000];
const CHATS: [usize; 4] = [10, 100, 1_000, 2_000];
const MESSAGES: [i64; 4] = [10_000, 100_000, 1_000_000, 10_000_000];
const WORKSPACES: [usize; 5] = [1, 10, 100, 1_000, 10_000];
const PEOPLE: usize = 50;
const CONNECTIONS: usize = 32;
/// How many calls a median is taken of.
const CALLS: usize = 300;

pub async fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let mut report = Report::new("growth");
    let test_bed = TestBed::start(arguments.servers.as_deref()).await?;
    let server = test_bed.start_chat_server()?;
    members(&mut report, &test_bed, &server).await?;
    chats(&mut report, &test_bed, &server).await?;
    workspaces(&mut report, &test_bed, &server, arguments.seconds).await?;
    messages(&mut report, &test_bed, &server, arguments.seconds).await?;
    drop(server);
    test_bed.stop().await?;
    Ok(report)
}

/// Grows the members of one chat.
async fn members(report: &mut Report, test_bed: &TestBed, server: &ServerProcess) -> anyhow::Result<()> {
    let mut everybody: Vec<Person> = Vec::new();
    for count in MEMBERS {
        everybody.extend(test_bed.people(count - everybody.len()).await?);
        let chat = test_bed.chats(&[everybody.iter().collect()]).await?[0];
        let sender = Sender { chat, person: everybody[0].clone() };
        let token = &everybody[1].token;
        let read = |path: String| move |_| http::request("GET", &path, token, "");
        for (name, times) in [
            ("send", calls(server, |_| send_request(&sender, BODY), 201).await?),
            ("the chat", calls(server, read(format!("/api/chat/{chat}")), 200).await?),
            ("page of messages", calls(server, read(format!("/api/chat/{chat}/messages")), 200).await?),
            ("page of members", calls(server, read(format!("/api/chat/{chat}/members")), 200).await?),
        ] {
            report.add(&format!("{name}, chat of {count}, p50"), "ms", median(&times) * 1e3);
        }
    }
    for name in ["send", "the chat", "page of messages", "page of members"] {
        let of = |count: usize| format!("{name}, chat of {count}, p50");
        report.ratio(&of(10_000), &of(10), None, true);
    }
    Ok(())
}

/// Grows the chats of one person.
async fn chats(report: &mut Report, test_bed: &TestBed, server: &ServerProcess) -> anyhow::Result<()> {
    let people = test_bed.people(5).await?;
    let mut chats: Vec<ChatId> = Vec::new();
    for count in CHATS {
        chats.extend(test_bed.chats(&vec![people.iter().collect(); count - chats.len()]).await?);
        let sender = Sender { chat: chats[0], person: people[0].clone() };
        let list = |_| http::request("GET", "/api/chat", &people[1].token, "");
        for (name, times) in [
            ("send", calls(server, |_| send_request(&sender, BODY), 201).await?),
            ("chat list", calls(server, list, 200).await?),
        ] {
            report.add(&format!("{name}, sender in {count} chats, p50"), "ms", median(&times) * 1e3);
        }
    }
    for name in ["send", "chat list"] {
        let of = |count: usize| format!("{name}, sender in {count} chats, p50");
        report.ratio(&of(2_000), &of(10), None, true);
    }
    Ok(())
}

/// Grows the number of workspaces with chats of five.
async fn workspaces(
    report: &mut Report,
    test_bed: &TestBed,
    server: &ServerProcess,
    seconds: f64,
) -> anyhow::Result<()> {
    let mut senders: Vec<Sender> = Vec::new();
    for count in WORKSPACES {
        let new = test_bed.workspaces(count - senders.len()).await?;
        let people = test_bed.people_in(&new, 5).await?;
        let members: Vec<Vec<&Person>> = people.chunks(5).map(|members| members.iter().collect()).collect();
        let chats = test_bed.chats(&members).await?;
        let new = chats
            .iter()
            .zip(&members)
            .map(|(chat, members)| Sender { chat: *chat, person: members[0].clone() });
        senders.extend(new);
        let rate = load::send(server.address, CONNECTIONS, Arc::new(senders.clone()), seconds).await?;
        report.add(&format!("sends, {count} workspaces"), "1/s", rate);
        let list =
            |n: usize| http::request("GET", "/api/chat", &senders[n * 31 % senders.len()].person.token, "");
        let times = calls(server, list, 200).await?;
        report.add(&format!("chat list, {count} workspaces, p50"), "ms", median(&times) * 1e3);
        report.add(&format!("chat_server, {count} workspaces"), "MB", memory(&[server.pid()])? / 1e6);
    }
    report.ratio("sends, 10000 workspaces", "sends, 1 workspaces", None, false);
    Ok(())
}

/// Grows the messages, a tenth of which are in the chat that is read.
async fn messages(
    report: &mut Report,
    test_bed: &TestBed,
    server: &ServerProcess,
    seconds: f64,
) -> anyhow::Result<()> {
    let people = test_bed.people(PEOPLE).await?;
    let chats: Vec<ChatId> = test_bed.chats(&vec![people.iter().collect(); 11]).await?;
    let mut db = test_bed.connect_for_bulk().await?;
    let senders = chats.iter().map(|chat| Sender { chat: *chat, person: people[0].clone() }).collect();
    let senders: Arc<Vec<Sender>> = Arc::new(senders);
    let (token, chat) = (&people[0].token, chats[0]);
    for total in MESSAGES {
        fill(&mut db, test_bed, &chats, &people, total).await?;
        let times = pages(server.address, token, chat, total / 10, seconds).await?;
        report.add(&format!("page, {total} messages, p50"), "ms", median(&times) * 1e3);
        let rate = load::send(server.address, CONNECTIONS, Arc::clone(&senders), seconds).await?;
        report.add(&format!("sends, {total} messages"), "1/s", rate);
    }
    let of = |total: i64| format!("page, {total} messages, p50");
    report.ratio(&of(10_000_000), &of(10_000), None, true);
    report.ratio("sends, 10000000 messages", "sends, 10000 messages", None, false);
    Ok(())
}

/// How long each of several calls in sequence took.
async fn calls(
    server: &ServerProcess,
    request: impl Fn(usize) -> Vec<u8>,
    status: u16,
) -> anyhow::Result<Vec<f64>> {
    let mut client = HttpConnection::connect(server.address).await?;
    let mut times = Vec::new();
    for number in 0..CALLS {
        let request = request(number);
        let asked = Instant::now();
        let answer = client.call(&request).await?;
        ensure!(answer.status == status, "{}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        times.push(asked.elapsed().as_secs_f64());
    }
    Ok(times)
}
