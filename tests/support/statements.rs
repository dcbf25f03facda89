//! Counts the statements that chat_server runs, by a proxy that reads its connections to Postgres.

use std::{
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use chat_core::config::{Config, Secret};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
};

/// The first message of a client that asks for TLS: eight bytes without a type.
const TLS_REQUEST: i32 = 80_877_103;
/// In the startup message of connections for requests. The tail and the streams have other names.
const COUNTED: &[u8] = b"application_name\0chat_server\0";

/// A proxy between a chat_server and its database. Dropping it cuts all connections.
pub struct StatementCounter {
    address: SocketAddr,
    upstream: Arc<OnceLock<String>>,
    executed: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl StatementCounter {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (upstream, executed) = (Arc::<OnceLock<String>>::default(), Arc::<AtomicUsize>::default());
        let mut tasks = JoinSet::new();
        let (to, count) = (Arc::clone(&upstream), Arc::clone(&executed));
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (to, count) = (Arc::clone(&to), Arc::clone(&count));
                connections.spawn(async move {
                    let server = TcpStream::connect(to.get().unwrap()).await.unwrap();
                    // Otherwise each statement waits 40 ms for the acknowledgement of the one before.
                    for socket in [&client, &server] {
                        socket.set_nodelay(true).unwrap();
                    }
                    let (client, client_writer) = client.into_split();
                    let (mut server, server_writer) = server.into_split();
                    let back = async move {
                        let mut client_writer = client_writer;
                        let _ = tokio::io::copy(&mut server, &mut client_writer).await;
                    };
                    // If either end closes, the other is closed too.
                    tokio::select! {
                        _ = forward(client, server_writer, &count) => {}
                        () = back => {}
                    }
                });
            }
        });
        Self { address, upstream, executed, _tasks: tasks }
    }

    /// Leads the connections to the database through this proxy.
    pub fn stand_before(&self, config: &mut Config) {
        let url = config.database.url.take().unwrap();
        let (user, rest) = url.expose().rsplit_once('@').unwrap();
        let (server, name) = rest.split_once('/').unwrap();
        self.upstream.set(server.to_owned()).unwrap();
        config.database.url = Some(Secret::new(format!("{user}@{}/{name}", self.address)));
    }

    /// Statements executed so far.
    pub fn executed(&self) -> usize {
        self.executed.load(SeqCst)
    }
}

/// Forwards the messages of a client.
async fn forward(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    executed: &AtomicUsize,
) -> std::io::Result<()> {
    let is_counted = loop {
        let length = client.read_i32().await?;
        let mut rest = vec![0; usize::try_from(length - 4).unwrap()];
        client.read_exact(&mut rest).await?;
        server.write_i32(length).await?;
        server.write_all(&rest).await?;
        if rest[..4] != TLS_REQUEST.to_be_bytes() {
            break rest.windows(COUNTED.len()).any(|window| window == COUNTED);
        }
    };
    loop {
        let kind = client.read_u8().await?;
        let length = client.read_i32().await?;
        let mut rest = vec![0; usize::try_from(length - 4).unwrap()];
        client.read_exact(&mut rest).await?;
        // Execute, or a simple query.
        if is_counted && matches!(kind, b'E' | b'Q') {
            executed.fetch_add(1, SeqCst);
        }
        let mut message = vec![kind];
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(&rest);
        server.write_all(&message).await?;
    }
}
