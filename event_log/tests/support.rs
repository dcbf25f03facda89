//! A database with one workspace and one chat, a second connection to act with, and a network cable
//! that can be cut.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chat_core::{ChatId, MessageId, Shard, UserId, WorkspaceId, lifecycle::Lifecycle};
use event_log::{Head, LogRow, Tail, TailEvent, TailHealth};
use private_postgres::testing::TestDatabase;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// Generous: a busy machine is slow, not wrong.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub struct Fixture {
    /// Dropped with this value; None when the test's own cluster holds it.
    _database: Option<TestDatabase>,
    pub url: String,
    pub lifecycle: Lifecycle,
    pub db: Client,
    pub test_chat: TestChat,
}

/// A workspace with one user in one chat.
#[derive(Clone, Copy)]
pub struct TestChat {
    pub workspace: WorkspaceId,
    pub user: UserId,
    pub chat: ChatId,
}

impl TestChat {
    pub fn shard(&self) -> Shard {
        Shard::of(self.workspace)
    }
}

impl Fixture {
    pub async fn new() -> Self {
        let database = TestDatabase::new().await.unwrap();
        let url = database.url().to_owned();
        Self { _database: Some(database), ..Self::at(&url).await }
    }

    pub async fn at(url: &str) -> Self {
        let lifecycle = Lifecycle::new();
        let db = connect(&lifecycle, url).await;
        let test_chat = make_test_chat(&db, 5).await;
        Self { _database: None, url: url.to_owned(), lifecycle, db, test_chat }
    }

    /// A tail that has reached the end of the log.
    pub async fn tail(&self) -> (Tail, TailHealth) {
        self.tail_of(&self.url).await
    }

    pub async fn tail_of(&self, url: &str) -> (Tail, TailHealth) {
        let (mut tail, health) = Tail::start(url, &self.lifecycle, Vec::new()).unwrap();
        assert!(matches!(next(&mut tail).await, TailEvent::Ready(_)));
        (tail, health)
    }

    pub async fn say(&self, body: &str) {
        say(&self.db, self.test_chat, body).await;
    }

    pub async fn execute(&self, sql: &str) {
        self.db.batch_execute(sql).await.unwrap();
    }

    pub async fn head(&self) -> Head {
        event_log::read::heads(&self.db).await.unwrap().of(self.test_chat.shard())
    }

    /// Ends the backends of this database with that name, and returns their number.
    pub async fn terminate(&self, application_name: &str) -> usize {
        let sql = "select pg_terminate_backend(pid) from pg_stat_activity
                   where datname = current_database() and application_name = $1";
        self.db.query(sql, &[&application_name]).await.unwrap().len()
    }
}

pub async fn connect(lifecycle: &Lifecycle, url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    lifecycle.spawn_connection(async move {
        let _ = connection.await;
    });
    client
}

/// A new workspace in the given shard.
pub async fn make_test_chat(db: &Client, shard: u8) -> TestChat {
    let mut id = *Uuid::now_v7().as_bytes();
    id[15] = (id[15] & 0xf0) | shard;
    let workspace = WorkspaceId(Uuid::from_bytes(id));
    let (user, chat) = (UserId::generate(), ChatId::generate());
    db.batch_execute(&format!(
        "begin;
         insert into workspaces (id, name, name_folded) values ('{workspace}', '{workspace}', '{workspace}');
         insert into users (id, workspace_id, fullname, fullname_folded, role)
                 values ('{user}', '{workspace}', 'Ann', 'ann', 'owner');
         insert into chats (id, workspace_id, kind, name, name_folded)
                 values ('{chat}', '{workspace}', 'public_channel', 'all', 'all');
         insert into chat_members (chat_id, user_id, workspace_id, role) values ('{chat}', '{user}', '{workspace}', 'owner');
         commit"
    ))
    .await
    .unwrap();
    TestChat { workspace, user, chat }
}

/// Sends a message, in the open transaction of `db` if there is one.
pub async fn say(db: &Client, test_chat: TestChat, body: &str) {
    let TestChat { workspace, user, chat } = test_chat;
    let sql = "with next as (update chats set last_seq = last_seq + 1, last_root_no = last_root_no + 1 where id = $1
                             returning last_seq, last_root_no)
               insert into messages (id, workspace_id, chat_id, seq, root_no, sender_id, body)
               select $2, $3, $1, last_seq, last_root_no, $4, $5 from next";
    db.execute(sql, &[&chat.0, &MessageId::generate().0, &workspace.0, &user.0, &body]).await.unwrap();
}

/// `host:port` of a Postgres.
pub fn address_of(url: &str) -> String {
    let after = url.rsplit_once('@').unwrap().1;
    after.split_once('/').unwrap().0.to_owned()
}

/// The next event of the tail.
pub async fn next(tail: &mut Tail) -> TailEvent {
    timeout(DEADLINE, tail.next()).await.expect("the tail reports nothing")
}

/// Takes rows until there are `count`; any other event of the tail is a failure.
pub async fn take_rows(tail: &mut Tail, count: usize) -> Vec<LogRow> {
    let mut taken = Vec::new();
    while taken.len() < count {
        match next(tail).await {
            TailEvent::Rows(rows) => taken.extend(rows),
            other => panic!("{other:?} instead of rows; {} of {count} were there", taken.len()),
        }
    }
    assert_eq!(taken.len(), count, "{taken:#?}");
    taken
}

/// The bodies of the messages among the rows.
pub fn bodies(rows: &[LogRow]) -> Vec<String> {
    rows.iter()
        .filter(|row| row.kind == "message.new")
        .map(|row| row.payload.split(r#""body":""#).nth(1).unwrap().split('"').next().unwrap().to_owned())
        .collect()
}

/// Waits until a condition holds.
pub async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let poll = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, poll).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// A cable to Postgres. When it is cut, it passes nothing and closes nothing, as when a machine
/// vanishes from the network.
pub struct Cable {
    pub address: SocketAddr,
    is_cut: Arc<AtomicBool>,
    target: Arc<Mutex<String>>,
}

impl Cable {
    pub async fn to(lifecycle: &Lifecycle, target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let is_cut = Arc::new(AtomicBool::new(false));
        let target = Arc::new(Mutex::new(target));
        let (owner, cut, leads_to) = (lifecycle.clone(), Arc::clone(&is_cut), Arc::clone(&target));
        lifecycle.spawn_connection(async move {
            while let Ok((near, _)) = listener.accept().await {
                let target = leads_to.lock().unwrap().clone();
                let Ok(far) = TcpStream::connect(&target).await else { continue };
                // Connections that were opened before a cut stay dead after the repair.
                let dead = Arc::new(AtomicBool::new(false));
                let (near_read, near_write) = near.into_split();
                let (far_read, far_write) = far.into_split();
                for (mut from, mut to) in [(near_read, far_write), (far_read, near_write)] {
                    let (cut, dead) = (Arc::clone(&cut), Arc::clone(&dead));
                    owner.spawn_connection(async move {
                        let mut buffer = [0; 4096];
                        while let Ok(read @ 1..) = from.read(&mut buffer).await {
                            if cut.load(Ordering::SeqCst) || dead.load(Ordering::SeqCst) {
                                dead.store(true, Ordering::SeqCst);
                                continue;
                            }
                            if to.write_all(&buffer[..read]).await.is_err() {
                                break;
                            }
                        }
                    });
                }
            }
        });
        Self { address, is_cut, target }
    }

    /// Leads new connections to this target.
    pub fn lead_to(&self, target: String) {
        *self.target.lock().unwrap() = target;
    }

    /// `url` through this cable.
    pub fn through(&self, url: &str) -> String {
        let (user, after) = url.rsplit_once('@').unwrap();
        let (_, database) = after.split_once('/').unwrap();
        format!("{user}@{}/{database}", self.address)
    }

    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
    }

    pub fn mend(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }
}
