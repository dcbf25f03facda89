//! TLS to a remote Postgres: no eavesdropper can read it, and no other server can pose as Postgres.

use std::path::PathBuf;

use event_log::Database;
use private_postgres::testing::TestCluster;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::Client;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

use crate::support::{eventually, process::ServerProcess};

/// A Postgres whose certificate is for 127.0.0.1, not for `localhost`.
struct Encrypted {
    url: String,
    /// The certificates of the authority that signed it, and of another one.
    authority: PathBuf,
    stranger: PathBuf,
    _cluster: TestCluster,
    _folder: TempDir,
}

impl Encrypted {
    async fn start() -> Self {
        let cluster = TestCluster::start().await.unwrap();
        let url = cluster.create_database("parlor").await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (authority, stranger) = (new_authority(), new_authority());
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(["127.0.0.1".into()]).unwrap().signed_by(&key, &authority).unwrap();

        let mut db = PgConnection::connect(&url).await.unwrap();
        for (file, content) in [("server.crt", certificate.pem()), ("server.key", key.serialize_pem())] {
            // Postgres refuses a key that other users may read, so its own user writes it.
            let write = format!(
                "copy (select $pem${content}$pem$) to program 'umask 077; sed \"s/\\\\\\\\n/\\n/g\" > {file}'"
            );
            sqlx::query(sqlx::AssertSqlSafe(write)).execute(&mut db).await.unwrap();
        }
        sqlx::query("alter system set ssl = on").execute(&mut db).await.unwrap();
        sqlx::query("select pg_reload_conf()").execute(&mut db).await.unwrap();
        let path = |name: &str, authority: &CertifiedIssuer<'_, KeyPair>| {
            let path = folder.path().join(name);
            std::fs::write(&path, authority.pem()).unwrap();
            path
        };
        let this = Self {
            authority: path("authority.pem", &authority),
            stranger: path("stranger.pem", &stranger),
            url,
            _cluster: cluster,
            _folder: folder,
        };
        // The reload takes a moment.
        eventually(async || this.is_encrypted("sslmode=require").await.map(|_| ())).await;
        this
    }

    /// How a connection of event_log goes: encrypted, not encrypted, or why it was refused.
    async fn is_encrypted(&self, query: &str) -> Result<bool, String> {
        self.is_encrypted_at(&self.url, query).await
    }

    async fn is_encrypted_at(&self, url: &str, query: &str) -> Result<bool, String> {
        let database = Database::parse(&format!("{url}?{query}")).map_err(|e| format!("{e:#}"))?;
        let (client, connection) =
            database.config("test").connect(database.connector()).await.map_err(|e| format!("{e:?}"))?;
        let sql = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
        let answer = async { client.query_one(sql, &[]).await.unwrap().get(0) };
        tokio::select! {
            answer = answer => Ok(answer),
            end = connection => Err(format!("{end:?}")),
        }
    }
}

fn new_authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

#[tokio::test]
async fn both_servers_speak_to_a_checked_postgres_and_to_no_other() {
    let postgres = Encrypted::start().await;
    let trusting = |path: &PathBuf| format!("sslmode=verify-full&sslrootcert={}", path.display());

    assert_eq!(postgres.is_encrypted("sslmode=disable").await, Ok(false));
    for query in ["", "sslmode=prefer", "sslmode=require", &trusting(&postgres.authority)] {
        assert_eq!(postgres.is_encrypted(query).await, Ok(true), "{query}");
    }
    for query in ["sslmode=verify-full", &trusting(&postgres.stranger)] {
        let refusal = postgres.is_encrypted(query).await.unwrap_err();
        assert!(refusal.contains("InvalidCertificate"), "{query}: {refusal}");
    }
    let by_name = postgres.url.replace("127.0.0.1", "localhost");
    let refusal = postgres.is_encrypted_at(&by_name, &trusting(&postgres.authority)).await.unwrap_err();
    assert!(refusal.contains("NotValidForName"), "{refusal}");

    let url = format!("{}?{}", postgres.url, trusting(&postgres.authority));
    let chat = ServerProcess::start("chat_server", &url);
    let notify = ServerProcess::start("notify_server", &url);
    let client = Client::new();
    let ann = json!({
        "workspace": "acme", "fullname": "Ann", "email": "ann@acme.example", "password": "correct horse",
    });
    let answer = client.post(format!("{}/api/signup", chat.url())).json(&ann).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let ann: Value = answer.json().await.unwrap();
    let stream = client
        .get(format!("{}/events", notify.url()))
        .bearer_auth(ann["access_token"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(stream.status(), 200);

    let mut db = PgConnection::connect(&format!("{}?sslmode=disable", postgres.url)).await.unwrap();
    let connections: Vec<(String, bool)> = sqlx::query_as(
        "select distinct application_name, ssl from pg_stat_activity join pg_stat_ssl using (pid)
         where datname = current_database() and pid <> pg_backend_pid() order by 1",
    )
    .fetch_all(&mut db)
    .await
    .unwrap();
    assert!(connections.len() >= 2, "{connections:?}");
    assert!(connections.iter().all(|(_, encrypted)| *encrypted), "{connections:?}");
}
