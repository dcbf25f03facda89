//! What HTTP itself costs a send: axum in a process of its own, which for each request runs one prepared statement on the one
//! connection that it has. Looks at no token, checks nothing, limits nothing.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use axum::{Router, body::Bytes, extract::State, http::StatusCode, response::IntoResponse, routing::post};
use serde::{Deserialize, Serialize};
use tokio_postgres::{Client, Statement};
use uuid::Uuid;

use crate::process::{self, Listening};

/// A send, as the client writes it.
#[derive(Serialize, Deserialize)]
pub struct Send {
    pub workspace: Uuid,
    pub chat: Uuid,
    pub sender: Uuid,
    pub body: String,
    pub client_id: String,
}

/// Starts it. `sql` takes the parameters of an insert into messages.
pub fn start(url: &str, sql: &str) -> anyhow::Result<Listening> {
    process::start("behind_http", &[url, sql])
}

/// What that process does.
pub async fn serve() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, _, address, url, sql] = &arguments[..] else {
        anyhow::bail!("an address, a database and a statement")
    };
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    #[expect(clippy::disallowed_methods, reason = "ends with its client")]
    tokio::spawn(connection);
    let statement = client.prepare(sql).await?;
    let router = Router::new().route("/", post(insert)).with_state(Arc::new((client, statement)));
    let address: SocketAddr = address.parse().context("no address")?;
    axum::serve(tokio::net::TcpListener::bind(address).await?, router).await?;
    Ok(())
}

async fn insert(State(db): State<Arc<(Client, Statement)>>, body: Bytes) -> impl IntoResponse {
    let Ok(send) = serde_json::from_slice(&body) else { return (StatusCode::BAD_REQUEST, String::new()) };
    let (client, statement) = &*db;
    let id = Uuid::now_v7();
    let Send { workspace, chat, sender, body, client_id } = &send;
    let outcome = client
        .execute(statement, &[&id, workspace, chat, sender, body, client_id, &[7_u8; 32].as_slice()])
        .await;
    match outcome {
        Ok(_) => (StatusCode::CREATED, id.to_string()),
        Err(e) => (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()),
    }
}
