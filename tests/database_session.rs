//! Databases that are not as Parlor would make them: defaults of roles, other locales, a pooler in
//! between. Parlor sets what it depends on, or says in one line what is wrong.

use std::{fs, path::Path, process::Stdio};

use chat_core::{
    config::{Config, Secret},
    lifecycle::Lifecycle,
};
use notify_server::NotifyServer;
use private_postgres::testing::TestDatabase;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::{net::TcpStream, process::Command};

use crate::{
    launcher::home::Home,
    support::{App, Device, eventually, everything_happens, not_tried, with_app_on},
};

async fn execute(url: &str, sql: String) {
    let mut db = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut db).await.unwrap();
    db.close().await.unwrap();
}

/// What people do works, and is told.
async fn everything_works(app: &App) {
    let node = app.start_notify_server().await;
    let ann = app.sign_up("acme", "Ann").await;
    let mut device = Device::connect(&ann, &node).await;
    everything_happens(app, &ann, &app.invite(&ann, "Bob").await, &app.invite(&ann, "Cid").await).await;
    ann.mark("end").await;
    device.until_mark("end").await;
    assert!(device.events.len() > 20, "{:?}", device.kinds());
}

#[tokio::test]
async fn defaults_of_a_database_do_not_matter() {
    let database = TestDatabase::new().await.unwrap();
    let name = database.name();
    let settings = [
        ("default_transaction_isolation", "serializable"),
        ("default_transaction_read_only", "on"),
        ("search_path", "elsewhere"),
        ("timezone", "Asia/Kathmandu"),
        ("standard_conforming_strings", "off"),
        ("datestyle", "German"),
        ("bytea_output", "escape"),
        ("statement_timeout", "1ms"),
        ("lock_timeout", "1ms"),
        ("idle_session_timeout", "100ms"),
        ("synchronous_commit", "off"),
    ];
    let set = settings.map(|(setting, value)| format!("alter database {name} set {setting} = '{value}';"));
    execute(database.url(), set.concat()).await;
    with_app_on(database, |_| {}, async |app| everything_works(app).await).await;
}

#[tokio::test]
async fn names_are_equal_whatever_letters_the_locale_of_the_database_knows() {
    for options in [
        "encoding 'UTF8' locale 'C'",
        "encoding 'UTF8' locale 'C' locale_provider icu icu_locale 'tr'",
        "encoding 'UTF8' locale 'C' locale_provider icu icu_locale 'en-u-ks-level1'",
    ] {
        let database = TestDatabase::empty(options).await.unwrap();
        with_app_on(
            database,
            |_| {},
            async |app| {
                let ann = app.sign_up("acme", "Ann").await;
                ann.call_with("PATCH /api/users/me", json!({ "fullname": "Ann \u{c4}" })).await.ok();
                for (first, same, other) in [
                    ("Gen\u{e4}ral", "GEN\u{c4}RAL", "General"),
                    ("INFO", "info", "inf\u{131}"),
                    ("Stra\u{df}e", "STRASSE", "Strase"),
                ] {
                    let channel = async |name: &str| {
                        ann.call_with("POST /api/chat", json!({ "kind": "public_channel", "name": name }))
                            .await
                    };
                    channel(first).await.created();
                    channel(same).await.refused(409, "chat_name_taken");
                    channel(other).await.created();
                }
                let found = ann.call("GET /api/users?query=ANN%20%C3%A4").await.ok();
                assert_eq!(found["items"].as_array().unwrap().len(), 1, "{options}: {found}");
                let found = ann.call("GET /api/users?query=annn").await.ok();
                assert_eq!(found["items"].as_array().unwrap().len(), 0, "{options}: {found}");
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_role_that_may_not_read_is_told_so_and_one_that_may_only_read_is_enough_for_streams() {
    let database = TestDatabase::new().await.unwrap();
    let (url, role) = (database.url().to_owned(), format!("reader_of_{}", database.name()));
    let reader = database.url_as(&role, "secret");
    execute(&url, format!("create role {role} login password 'secret'")).await;
    with_app_on(
        database,
        |_| {},
        async |app| {
            let mut config = app.config.clone();
            config.database.url = Some(Secret::new(&*reader));
            let started = NotifyServer::start(config.clone(), &Lifecycle::new()).await;
            let refusal = format!("{:#}", started.err().unwrap());
            assert!(refusal.contains("grant select on it") && !refusal.contains('\n'), "{refusal}");
            // As docs/operations.md says.
            for statement in least_rights(&role) {
                execute(&url, statement).await;
            }
            let node = app.start_notify_server_with(config).await;
            let ann = app.sign_up("acme", "Ann").await;
            let mut device = Device::connect(&ann, &node).await;
            everything_happens(app, &ann, &app.invite(&ann, "Bob").await, &app.invite(&ann, "Cid").await)
                .await;
            ann.mark("end").await;
            device.until_mark("end").await;
            let mut db = PgConnection::connect(&reader).await.unwrap();
            for forbidden in ["select from accounts", "select from refresh_tokens", "delete from users"] {
                assert!(sqlx::raw_sql(forbidden).execute(&mut db).await.is_err(), "{forbidden}");
            }
            execute(&url, format!("drop owned by {role}; drop role {role}")).await;
        },
    )
    .await;
}

/// The statements of the page for a role of notify_server.
fn least_rights(role: &str) -> Vec<String> {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md")).unwrap();
    let block = page.split_once("-- notify_server reads alone\n").unwrap().1.split_once("```").unwrap().0;
    let statements = block.split(';').map(|statement| statement.replace("parlor_notify", role));
    statements.filter(|statement| !statement.trim().is_empty()).collect()
}

/// The defaults of a pooler lose nothing: no setting comes with the connection.
#[tokio::test]
async fn a_pooler_in_session_mode_is_as_good_as_the_database() {
    let Some(program) =
        ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].into_iter().find(|path| Path::new(path).exists())
    else {
        return not_tried("pgbouncer is not installed (apt-get install pgbouncer)");
    };
    let database = TestDatabase::new().await.unwrap();
    let pooler = Pooler::start(program, database.url()).await;
    let through = pooler.url(database.url());
    let change = |config: &mut Config| config.database.url = Some(Secret::new(&*through));
    with_app_on(database, change, async |app| {
        everything_works(app).await;
        // The limits of a session hold behind the pooler as well.
        let sql = "select count(*) from pg_stat_activity where datname = current_database()
                   and application_name like 'chat_server%'";
        let sessions: i64 = sqlx::query_scalar(sql).fetch_one(&app.db).await.unwrap();
        assert!(sessions > 0, "it does not go through the pooler");
        // The launcher looks at the database before its servers do.
        let home = Home::new();
        let mut command = home.command();
        let output = command.args(["demo", "remove"]).env("DATABASE_URL", &through).output().unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).contains("There is no demo."), "{output:?}");
    })
    .await;
    drop(pooler);
}

/// A running pgbouncer with its defaults, in session mode.
struct Pooler {
    port: u16,
    _child: tokio::process::Child,
    _folder: tempfile::TempDir,
}

impl Pooler {
    async fn start(program: &str, url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (user, password, host, server_port, name) = parts(url);
        let config = format!(
            "[databases]\n{name} = host={host} port={server_port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = plain\nauth_file = {path}/users\npool_mode = session\ndefault_pool_size = 60\n\
             max_client_conn = 100\n"
        );
        fs::write(folder.path().join("pgbouncer.ini"), config).unwrap();
        fs::write(folder.path().join("users"), format!("\"{user}\" \"{password}\"\n")).unwrap();
        let mut command = Command::new(program);
        // It refuses to be root.
        if rustix::process::geteuid().is_root() {
            let nobody = 65534;
            for file in ["", "pgbouncer.ini", "users"] {
                std::os::unix::fs::chown(folder.path().join(file), Some(nobody), Some(nobody)).unwrap();
            }
            command.uid(nobody);
        }
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = command
            .arg(folder.path().join("pgbouncer.ini"))
            .stdin(Stdio::null())
            .stderr(log)
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        eventually(async || {
            let said = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            TcpStream::connect(("127.0.0.1", port)).await.map(|_| ()).map_err(|e| format!("{e}: {said}"))
        })
        .await;
        Self { port, _child: child, _folder: folder }
    }

    fn url(&self, url: &str) -> String {
        let (user, password, _, _, name) = parts(url);
        format!("postgres://{user}:{password}@127.0.0.1:{}/{name}", self.port)
    }
}

/// User, password, host, port and database of a test's URL.
fn parts(url: &str) -> (String, String, String, String, String) {
    let rest = url.split_once("://").unwrap().1.split('?').next().unwrap();
    let (credentials, rest) = rest.split_once('@').unwrap();
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let (server, name) = rest.split_once('/').unwrap();
    let (host, port) = server.split_once(':').unwrap_or((server, "5432"));
    [user, password, host, port, name].map(ToOwned::to_owned).into()
}
