//! The process under conditions that ordinary clients do not cause: silent and slow sockets, a
//! database that is away or hangs, keys that cannot be looked up. What people see is tested in the
//! end-to-end tests.
#![expect(clippy::unwrap_used, reason = "in a test an unexpected error is a failure")]

use std::{net::SocketAddr, time::Duration};

use chat_core::{
    AccountId, ChatId, SessionId, UserId, WorkspaceId,
    config::{Config, Secret},
    lifecycle::Lifecycle,
    token::{Claims, Purpose, Signer},
};
use notify_server::NotifyServer;
use private_postgres::testing::{TestCluster, TestDatabase};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::{Instant, timeout},
};
use tokio_postgres::{Client, NoTls};

const DEADLINE: Duration = Duration::from_secs(30);

/// A notify_server on a database with one user in one chat.
struct TestServer {
    address: SocketAddr,
    lifecycle: Lifecycle,
    db: Client,
    signer: Signer,
    claims: Claims,
    chat: ChatId,
}

impl TestServer {
    async fn new(url: &str, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.database.url = Some(Secret::new(url));
        config.notify.host = "127.0.0.1".into();
        config.notify.port = 0;
        config.notify.drain_seconds = 1;
        change(&mut config);
        let lifecycle = Lifecycle::new();
        let db = connect(&lifecycle, url).await;
        let signer = Signer::from_pem(&Signer::generate_pem().unwrap()).unwrap();
        let sql = "insert into signing_keys (kid, public_key) values ($1, $2)";
        db.execute(sql, &[&signer.kid(), &signer.public_key().as_slice()]).await.unwrap();
        let claims = Claims {
            sub: UserId::generate(),
            acc: AccountId::generate(),
            ws: WorkspaceId::generate(),
            sid: SessionId::generate(),
            exp: 4_000_000_000,
        };
        let chat = ChatId::generate();
        let Claims { sub: user, ws: workspace, sid: session, .. } = claims;
        db.batch_execute(&format!(
            "begin;
             insert into workspaces (id, name, name_folded) values ('{workspace}', 'acme', 'acme');
             insert into accounts (id, email, email_folded, password_hash) values ('{user}', 'a@x', 'a@x', '');
             insert into users (id, workspace_id, account_id, fullname, fullname_folded, role)
                 values ('{user}', '{workspace}', '{user}', 'Ann', 'ann', 'owner');
             insert into sessions (id, account_id, user_id, user_agent, expires_at)
                 values ('{session}', '{user}', '{user}', 'test', now() + interval '1 day');
             insert into chats (id, workspace_id, kind, name, name_folded)
                 values ('{chat}', '{workspace}', 'public_channel', 'all', 'all');
             insert into chat_members (chat_id, user_id, workspace_id, role) values ('{chat}', '{user}', '{workspace}', 'owner');
             commit"
        ))
        .await
        .unwrap();
        let server = NotifyServer::start(config, &lifecycle).await.unwrap();
        let address = server.address();
        lifecycle.spawn("notify_server", server.serve(lifecycle.clone()));
        let server = Self { address, lifecycle, db, signer, claims, chat };
        server.until_answered("/health/ready", "200 OK").await;
        server
    }

    async fn say(&self, first_seq: i64, count: i64, bytes: i32) {
        let Claims { sub: user, ws: workspace, .. } = self.claims;
        let sql = "insert into messages (id, workspace_id, chat_id, seq, root_no, sender_id, body)
                   select gen_random_uuid(), $1, $2, n, n, $3, repeat('x', $4) from generate_series($5::bigint, $6::bigint) n";
        let last_seq = first_seq + count - 1;
        self.db
            .execute(sql, &[&workspace.0, &self.chat.0, &user.0, &bytes, &first_seq, &last_seq])
            .await
            .unwrap();
    }

    fn token(&self) -> String {
        self.signer.sign(self.claims, Purpose::Access, 0).unwrap()
    }

    /// Sends a request and returns the response up to `until`.
    async fn ask(&self, request: &str, until: &str) -> String {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(format!("{request}\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
        read_until(&mut socket, until).await
    }

    async fn events(&self, token: &str, until: &str) -> String {
        self.ask(&format!("GET /events HTTP/1.1\r\nauthorization: Bearer {token}"), until).await
    }

    async fn until_answered(&self, path: &str, answer: &str) {
        let poll = async {
            while !self.ask(&format!("GET {path} HTTP/1.1\r\nconnection: close"), "").await.contains(answer) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(DEADLINE, poll).await.unwrap_or_else(|_| panic!("{path} does not answer {answer}"));
    }

    async fn metric(&self, name: &str) -> f64 {
        let text = self.ask("GET /metrics HTTP/1.1\r\nconnection: close", "").await;
        let line =
            text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {text}"));
        line.trim().parse().unwrap()
    }
}

async fn connect(lifecycle: &Lifecycle, url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    lifecycle.spawn_connection(async move {
        let _ = connection.await;
    });
    client
}

/// Reads until `mark` arrives, or until the end if `mark` is empty.
async fn read_until(socket: &mut TcpStream, mark: &str) -> String {
    let mut got = Vec::new();
    let read = async {
        let mut buffer = vec![0; 65_536];
        let mut found = false;
        while !found {
            match socket.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(read) => {
                    let seen = got.len().saturating_sub(mark.len());
                    got.extend_from_slice(&buffer[..read]);
                    found = !mark.is_empty() && String::from_utf8_lossy(&got[seen..]).contains(mark);
                }
            }
        }
    };
    let outcome = timeout(DEADLINE, read).await;
    let got = String::from_utf8_lossy(&got).into_owned();
    assert!(outcome.is_ok(), "no {mark:?} in {got}");
    got
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_let_go() {
    let database = TestDatabase::new().await.unwrap();
    let server = TestServer::new(database.url(), |_| {}).await;
    let connected = Instant::now();
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET /events HTTP/1.1\r\nx-").await.unwrap();
    assert_eq!(read_until(&mut silent, "").await, "");
    read_until(&mut slow, "").await;
    assert!(connected.elapsed() < Duration::from_secs(15));
    // A stream sends its first frame and stays open.
    assert!(server.events(&server.token(), "connected").await.contains("retry: "));
    server.lifecycle.stop();
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_and_disturbs_nobody() {
    let database = TestDatabase::new().await.unwrap();
    let server = TestServer::new(database.url(), |config| config.notify.slow_client_seconds = 2).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let mut stuck = socket.connect(server.address).await.unwrap();
    let request =
        format!("GET /events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", server.token());
    stuck.write_all(request.as_bytes()).await.unwrap();
    let mut reading = TcpStream::connect(server.address).await.unwrap();
    reading.write_all(request.as_bytes()).await.unwrap();
    read_until(&mut reading, "connected").await;
    while server.metric("parlor_notify_streams ").await < 2.0 {}

    // Far more than the sockets and the queue hold.
    server.say(1, 400, 20_000).await;
    let got = read_until(&mut reading, "\"seq\":400,").await;
    assert_eq!(got.matches("event: message.new").count(), 400);
    let cut = async {
        while server.metric("parlor_notify_streams ").await > 1.0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(DEADLINE, cut).await.expect("the stuck client is not cut");
    assert!((server.metric("parlor_notify_slow_clients_cut_total ").await - 1.0).abs() < 0.1);
    assert!(server.metric("parlor_notify_queue_overflows_total ").await > 0.5);
    server.lifecycle.stop();
}

#[tokio::test]
async fn readiness_says_that_the_database_is_away_and_nobody_is_sent_off_for_good() {
    let cluster = TestCluster::start().await.unwrap();
    let url = cluster.create_database("away").await.unwrap();
    let server = TestServer::new(&url, |_| {}).await;
    let held = server.token();
    cluster.stop().await.unwrap();
    server.until_answered("/health/ready", "503").await;
    let answer = server.ask("GET /health/ready HTTP/1.1\r\nconnection: close", "").await;
    assert!(answer.contains("application/problem+json") && answer.contains("database"), "{answer}");
    assert!(server.ask("GET /health/live HTTP/1.1\r\nconnection: close", "").await.contains("200 OK"));

    // A known key, but a workspace that is not in memory; and a key that cannot be looked up.
    let stranger = Signer::from_pem(&Signer::generate_pem().unwrap()).unwrap();
    for token in [held, stranger.sign(server.claims, Purpose::Access, 0).unwrap()] {
        let answer = server.events(&token, "retry: ").await;
        assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("connected"), "{answer}");
    }
    cluster.restart().await.unwrap();
    server.until_answered("/health/ready", "200 OK").await;
    let unknown = stranger.sign(server.claims, Purpose::Access, 0).unwrap();
    let refused = async {
        while !server.events(&unknown, "\r\n\r\n").await.starts_with("HTTP/1.1 401") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(DEADLINE, refused).await.expect("a bad token is refused when the database can be asked");
    server.events(&server.token(), "connected").await;
    server.lifecycle.stop();
}

#[tokio::test]
async fn a_connection_on_which_a_query_hangs_is_not_used_again() {
    // This test has its own Postgres, whose processes can be stopped.
    let cluster = TestCluster::start().await.unwrap();
    let url = cluster.create_database("hanging").await.unwrap();
    let server = TestServer::new(&url, |_| {}).await;
    let pids = "select pid from pg_stat_activity where application_name = 'notify_server'";
    let mut stopped = Vec::new();
    for row in server.db.query(pids, &[]).await.unwrap() {
        let pid = rustix::process::Pid::from_raw(row.get(0)).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
        stopped.push(pid);
    }
    assert!(!stopped.is_empty());
    let recovered = Instant::now();
    server.until_answered("/health/ready", "200 OK").await;
    server.events(&server.token(), "connected").await;
    assert!(recovered.elapsed() < Duration::from_secs(15), "{:?}", recovered.elapsed());
    for pid in stopped {
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    }
    server.lifecycle.stop();
}

#[tokio::test]
async fn other_origins_may_follow_only_if_they_are_configured() {
    let database = TestDatabase::new().await.unwrap();
    let server =
        TestServer::new(database.url(), |config| config.cors.origins = vec!["https://app.example".into()])
            .await;
    let preflight = async |origin: &str| {
        let request = format!(
            "OPTIONS /events HTTP/1.1\r\nconnection: close\r\norigin: {origin}\r\naccess-control-request-method: GET\r\n\
             access-control-request-headers: authorization,last-event-id"
        );
        server.ask(&request, "").await.to_lowercase()
    };
    let ours = preflight("https://app.example").await;
    assert!(ours.contains("access-control-allow-origin: https://app.example"), "{ours}");
    assert!(ours.contains("authorization") && ours.contains("last-event-id"), "{ours}");
    assert!(!preflight("https://evil.example").await.contains("access-control-allow-origin"));
    let refused =
        server.ask("GET /events HTTP/1.1\r\nconnection: close\r\norigin: https://app.example", "").await;
    assert!(
        refused.contains("401") && refused.to_lowercase().contains("access-control-allow-origin"),
        "{refused}"
    );
    server.lifecycle.stop();
}

#[tokio::test]
async fn stopping_waits_for_no_client() {
    let database = TestDatabase::new().await.unwrap();
    let server = TestServer::new(database.url(), |_| {}).await;
    let mut reading = TcpStream::connect(server.address).await.unwrap();
    let request =
        format!("GET /events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", server.token());
    reading.write_all(request.as_bytes()).await.unwrap();
    read_until(&mut reading, "connected").await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let stopped = Instant::now();
    server.lifecycle.stop();
    let rest = read_until(&mut reading, "").await;
    assert!(rest.contains("retry: ") && rest.ends_with("0\r\n\r\n"), "{rest}");
    assert_eq!(read_until(&mut idle, "").await, "");
    assert!(stopped.elapsed() < Duration::from_secs(5), "{:?}", stopped.elapsed());
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_stream_is_the_last_answer_of_its_connection_in_the_clients_own_version_of_http() {
    let database = TestDatabase::new().await.unwrap();
    let server = TestServer::new(database.url(), |_| {}).await;
    let authorization = format!("authorization: Bearer {}", server.token());

    // After another response on the same connection, and in chunks.
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    read_until(&mut socket, r#"{"status":"ok"}"#).await;
    let request = format!("GET /events HTTP/1.1\r\nhost: x\r\n{authorization}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let answer = read_until(&mut socket, "event: connected").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\r\nx-request-id: "), "{answer}");
    assert!(answer.contains("\r\ntransfer-encoding: chunked\r\n"), "{answer}");

    // An HTTP/1.0 client knows no chunks: the body lasts until the connection ends.
    let old = server.ask(&format!("GET /events HTTP/1.0\r\n{authorization}"), "event: connected").await;
    let (head, body) = old.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("connection: close") && !head.contains("transfer-encoding"), "{old}");
    assert!(body.starts_with("retry: "), "{old}");

    // HEAD gets the head, and no stream stays open.
    let head =
        server.ask(&format!("HEAD /events HTTP/1.1\r\nconnection: close\r\n{authorization}"), "").await;
    assert!(
        head.contains("200 OK") && head.contains("text/event-stream") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    drop(socket);
    let all_gone = async {
        while server.metric("parlor_notify_streams ").await > 0.0
            || server.metric("parlor_notify_connections ").await > 1.0
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, all_gone).await.expect("streams and connections are counted to their end");
    server.lifecycle.stop();
}

#[tokio::test]
async fn who_talks_into_a_stream_is_cut_off() {
    let database = TestDatabase::new().await.unwrap();
    let server = TestServer::new(database.url(), |_| {}).await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    let request =
        format!("GET /events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", server.token());
    socket.write_all(request.as_bytes()).await.unwrap();
    read_until(&mut socket, "connected").await;
    // A few bytes are ignored: a client may pipeline its next request.
    socket.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    server.say(1, 1, 10).await;
    read_until(&mut socket, "message.new").await;
    let talk = async {
        let much = [b'x'; 8192];
        while socket.write_all(&much).await.is_ok() {}
    };
    timeout(DEADLINE, talk).await.expect("a client that only sends is cut off");
    server.lifecycle.stop();
}
