//! The launcher as a process: first start, stop, kill, and starts that must fail.

pub mod home;

use std::{
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use private_postgres::testing::TestDatabase;
use reqwest::{Client, StatusCode};
use serde_json::json;
use sqlx::AssertSqlSafe;

use home::{Home, POLL_EVERY, START_TIMEOUT, ann, free_port, is_gone, refused, signal, until, wait};

#[tokio::test]
async fn first_start_works_where_only_its_owner_can_enter_and_the_next_has_all_data() {
    let home = Home::new();
    fs::set_permissions(home.path(), Permissions::from_mode(0o700)).unwrap();
    let first = home.start().await;
    assert_eq!(first.sign_up().await, StatusCode::CREATED);
    let docs = first.client.get(format!("{}/api/docs/", first.api)).send().await.unwrap();
    assert_eq!(docs.status(), StatusCode::OK);
    assert!(first.stop().await.success());
    assert!(home.postmaster().is_none_or(is_gone), "Postgres outlived its launcher");

    let second = home.start().await;
    assert_eq!(second.sign_in().await, StatusCode::OK);
    assert!(second.stop().await.success());
}

#[tokio::test]
async fn second_launcher_on_a_data_folder_is_refused() {
    let home = Home::new();
    let first = home.start().await;
    let line = refused(home.command()).await;
    assert!(line.contains("another Parlor runs on"), "{line}");
    assert_eq!(first.sign_up().await, StatusCode::CREATED);
    assert!(first.stop().await.success());
}

#[tokio::test]
async fn killed_launcher_starts_again_with_all_data() {
    let home = Home::new();
    let mut first = home.start().await;
    assert_eq!(first.sign_up().await, StatusCode::CREATED);
    let postmaster = home.postmaster().unwrap();
    first.child.kill().unwrap();
    first.child.wait().unwrap();

    // Started at once, while the Postgres of the first may still run.
    let second = home.start().await;
    assert!(is_gone(postmaster));
    assert_eq!(second.sign_in().await, StatusCode::OK);
    assert!(second.stop().await.success());
}

#[tokio::test]
async fn postgres_that_dies_is_started_again() {
    let home = Home::new();
    let parlor = home.start().await;
    assert_eq!(parlor.sign_up().await, StatusCode::CREATED);
    let postmaster = home.postmaster().unwrap();
    signal("KILL", postmaster);
    until("Postgres runs again", START_TIMEOUT, || home.postmaster().is_some_and(|pid| pid != postmaster))
        .await;
    let deadline = Instant::now() + START_TIMEOUT;
    while parlor.sign_in().await != StatusCode::OK {
        assert!(Instant::now() < deadline, "never: it works with the new Postgres: {}", home.log());
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    assert!(parlor.stop().await.success());
}

#[tokio::test]
async fn open_stream_does_not_hold_up_the_end() {
    let home = Home::new();
    let database = TestDatabase::new().await.unwrap();
    let mut command = home.command();
    command.env("DATABASE_URL", database.url());
    let parlor = home.start_as(command).await;
    let (status, answer) = parlor.post("/api/signup", ann()).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let request = parlor.client.get(format!("{}/events", parlor.events));
    let mut stream = request.bearer_auth(answer["access_token"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(stream.status(), StatusCode::OK);
    assert!(stream.chunk().await.unwrap().is_some());
    let reading = async {
        // Reads to its end. Whether the stream is closed or cut is tested in notify_server.
        while let Ok(Some(_)) = stream.chunk().await {}
    };
    let (status, ()) = tokio::join!(parlor.stop(), reading);
    assert!(status.success(), "{status}: {}", home.log());
}

/// Lets `to` run as `from` would, in the folder `home`.
fn copy_settings(from: &Command, to: &mut Command, home: &Path) {
    to.current_dir(home).stdin(Stdio::null());
    to.envs(from.get_envs().filter_map(|(name, value)| Some((name, value?))));
}

#[tokio::test]
async fn a_closed_terminal_stops_it_as_a_signal_does_unless_it_was_started_to_outlive_it() {
    for outlives in [false, true] {
        let home = Home::new();
        let database = TestDatabase::new().await.unwrap();
        let mut command = home.command();
        // Tests that run under nohup pass its way of ignoring the signal on.
        if cfg!(target_os = "linux") {
            command = Command::new("env");
            command.args(["--default-signal=HUP", env!("CARGO_BIN_EXE_parlor")]);
            copy_settings(&home.command(), &mut command, home.path());
        }
        if outlives {
            command = Command::new("/bin/sh");
            command.args(["-c", "trap '' HUP; exec \"$0\"", env!("CARGO_BIN_EXE_parlor")]);
            copy_settings(&home.command(), &mut command, home.path());
        }
        command.env("DATABASE_URL", database.url());
        let mut parlor = home.start_as(command).await;
        assert_eq!(parlor.sign_up().await, StatusCode::CREATED);
        // A terminal that is closed sends it more than once.
        signal("HUP", parlor.child.id());
        signal("HUP", parlor.child.id());
        if outlives {
            assert_eq!(parlor.sign_in().await, StatusCode::OK);
            assert!(parlor.stop().await.success(), "{}", home.log());
        } else {
            let status = wait(&mut parlor.child).await;
            assert!(status.success(), "{status}: {}", home.log());
            assert!(home.log().contains("the terminal is gone"), "{}", home.log());
        }
    }
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_up_neither_requests_nor_the_end() {
    let home = Home::new();
    let database = TestDatabase::new().await.unwrap();
    let mut command = home.command();
    command.env("DATABASE_URL", database.url()).env("PARLOR_LOG__LEVEL", "trace");
    // The pipe takes 64 KB. Then writes to it wait for a reader.
    let mut parlor = home.start_with(command, Stdio::piped()).await;
    let pipe = parlor.child.stderr.take().unwrap();
    let (status, answer) = parlor.post("/api/signup", ann()).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let token = answer["access_token"].as_str().unwrap();
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        parlor.get("/api/users/me", token).await;
        let metrics = parlor.client.get(format!("{}/metrics", parlor.api)).send().await.unwrap();
        let metrics = metrics.text().await.unwrap();
        let dropped =
            metrics.lines().find_map(|line| line.strip_prefix("parlor_chat_log_lines_dropped_total "));
        if dropped.unwrap().parse::<u64>().unwrap() > 0 {
            break;
        }
        assert!(Instant::now() < deadline, "the log was never full: {metrics}");
    }
    assert_eq!(parlor.sign_in().await, StatusCode::OK);
    assert!(parlor.stop().await.success());
    drop(pipe);
}

#[tokio::test]
async fn interrupt_while_it_starts_ends_it_without_complaint() {
    let home = Home::new();
    let mut child = home.command().stdout(Stdio::null()).stderr(home.create("log")).spawn().unwrap();
    until("it has begun", START_TIMEOUT, || home.data().join("postgres/lock").exists()).await;
    signal("INT", child.id());
    let status = wait(&mut child).await;
    assert!(status.success(), "{status}: {}", home.log());
    assert!(!home.log().contains("parlor:"), "{}", home.log());
}

#[tokio::test]
async fn demo_is_there_after_the_first_run_and_unchanged_after_the_second() {
    let home = Home::new();
    let database = TestDatabase::new().await.unwrap();
    let pool = database.pool(1).await.unwrap();
    let mut contents = Vec::new();
    for _ in 0..2 {
        let mut command = home.command();
        command.arg("--demo").env("PARLOR_DATABASE__URL", database.url());
        let parlor = home.start_as(command).await;
        assert!(parlor.said.contains("The password is"), "{}", parlor.said);
        let email = parlor.said.split_whitespace().find(|word| word.contains("@parlor.example")).unwrap();
        let form = json!({ "email": email, "password": "parlor-demo" });
        let (status, answer) = parlor.post("/api/signin", form).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let token = answer["access_token"].as_str().unwrap();
        let chats = parlor.get("/api/chat?limit=200", token).await;
        let chats = chats["items"].as_array().unwrap();
        assert!(chats.iter().any(|item| item["unread_count"].as_i64() > Some(0)), "nothing to read");
        if contents.is_empty() {
            // What people change in it stays.
            let general = chats.iter().find(|item| item["chat"]["name"] == "general").unwrap();
            let url = format!("{}/api/chat/{}", parlor.api, general["chat"]["id"].as_str().unwrap());
            let request = parlor.client.patch(url).bearer_auth(token).json(&json!({ "name": "everybody" }));
            assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
        }
        let of_everything: Vec<(String, i64)> = sqlx::query_as(
            "select 'chats ' || kind, count(*) from chats group by kind
             union all select 'users', count(*) from users
             union all select 'messages', count(*) from messages
             union all select 'edited', count(*) from messages where edited_at is not null
             union all select 'events', count(*) from event_log where kind <> 'tick'
             order by 1",
        )
        .fetch_all(&pool)
        .await
        .unwrap();
        contents.push(of_everything);
        assert!(parlor.stop().await.success());
    }
    assert_eq!(contents[0], contents[1]);
    demo_can_be_removed(&home, &database, &pool).await;
    let count = |what: &str| contents[0].iter().find(|(name, _)| name == what).map_or(0, |(_, count)| *count);
    for kind in ["single", "group", "private_channel", "public_channel"] {
        assert!(count(&format!("chats {kind}")) > 0, "no {kind}");
    }
    assert!(count("messages") >= 30 && count("edited") > 0, "{contents:?}");
}

async fn demo_can_be_removed(home: &Home, database: &TestDatabase, pool: &sqlx::PgPool) {
    // What the database sets for others does not matter.
    let set = |path: &str| AssertSqlSafe(format!("alter database {} {path}", database.name()));
    sqlx::raw_sql(set("set search_path = 'elsewhere'")).execute(pool).await.unwrap();
    let hint = "The people of the demo are in this database";
    assert!(said_without_demo(home, database).await.contains(hint));
    for said in ["The demo is removed.", "There is no demo."] {
        let mut command = home.command();
        let output = command.args(["demo", "remove"]).env("DATABASE_URL", database.url()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(said), "{output:?}");
    }
    assert!(!said_without_demo(home, database).await.contains(hint));
    sqlx::raw_sql(set("reset search_path")).execute(pool).await.unwrap();
    let sql = "select kind from security_events where kind = 'operator_removed_demo'";
    assert_eq!(sqlx::query_scalar::<_, String>(sql).fetch_all(pool).await.unwrap().len(), 1);
    let sql = "select (select count(*) from accounts) + (select count(*) from sessions)
                      + (select count(*) from chats where deleted_at is null)";
    assert_eq!(sqlx::query_scalar::<_, i64>(sql).fetch_one(pool).await.unwrap(), 0);
    // It makes another where it is asked to.
    let mut command = home.command();
    command.arg("--demo").env("DATABASE_URL", database.url());
    let parlor = home.start_as(command).await;
    assert!(parlor.said.contains("parlor demo remove"), "{}", parlor.said);
    let form = json!({ "email": "ada@parlor.example", "password": "parlor-demo" });
    assert_eq!(parlor.post("/api/signin", form).await.0, StatusCode::OK);
    assert!(parlor.stop().await.success());
}

/// What the launcher says where it is not asked for a demo.
async fn said_without_demo(home: &Home, database: &TestDatabase) -> String {
    let mut command = home.command();
    command.env("DATABASE_URL", database.url());
    let parlor = home.start_as(command).await;
    let said = parlor.said.clone();
    assert!(parlor.stop().await.success());
    said
}

#[tokio::test]
async fn servers_are_no_superuser_of_the_private_postgres_and_its_folder_is_closed() {
    let home = Home::new();
    let parlor = home.start().await;
    assert_eq!(parlor.sign_up().await, StatusCode::CREATED);
    let read =
        |name: &str| fs::read_to_string(home.data().join("postgres").join(name)).unwrap().trim().to_owned();
    let url = format!("postgres://parlor:{}@127.0.0.1:{}/parlor", read("password"), read("port"));
    let admin = sqlx::PgPool::connect(&url).await.unwrap();
    let sql = "select a.usename::text, r.rolsuper or r.rolcreaterole or r.rolcreatedb
               from pg_stat_activity a join pg_roles r on r.rolname = a.usename
               where a.application_name like 'chat_server%' or a.application_name like 'notify_server%'";
    let sessions: Vec<(String, bool)> = sqlx::query_as(sql).fetch_all(&admin).await.unwrap();
    assert!(sessions.len() > 2, "{sessions:?}");
    assert!(sessions.iter().all(|(role, is_strong)| role == "parlor_server" && !is_strong), "{sessions:?}");
    admin.close().await;
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(home.data()), mode(home.data().join("launcher.lock"))), (0o700, 0o600));
    assert!(parlor.stop().await.success());
}

#[tokio::test]
async fn each_server_runs_alone_on_a_database_that_is_given() {
    let database = TestDatabase::new().await.unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    for (server, section) in [("chat_server", "SERVER"), ("notify_server", "NOTIFY")] {
        let home = Home::new();
        fs::create_dir(home.data()).unwrap();
        let port = free_port();
        let mut command = home.command();
        command
            .arg(server)
            .env("PARLOR_DATABASE__URL", database.url())
            .env(format!("PARLOR_{section}__PORT"), port.to_string())
            .stderr(home.create("log"));
        let mut child = command.spawn().unwrap();
        let deadline = Instant::now() + START_TIMEOUT;
        while client.get(format!("http://127.0.0.1:{port}/health/live")).send().await.is_err() {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "{server} does not answer: {}", home.log());
            tokio::time::sleep(POLL_EVERY).await;
        }
        signal("TERM", child.id());
        assert!(wait(&mut child).await.success(), "{server}: {}", home.log());
        assert!(!home.data().join("postgres").exists(), "{server} made a Postgres of its own");
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_in_one_line() {
    let home = Home::new();
    let database = TestDatabase::new().await.unwrap();
    let nobody_there = format!("postgres://parlor:hunter2@127.0.0.1:{}/parlor", free_port());
    let no_such_database = format!("{}_gone", database.url());
    let held = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let held_port = held.local_addr().unwrap().port().to_string();
    fs::write(home.path().join("wrong.yml"), "server:\n  prot: 1\n").unwrap();
    fs::write(home.path().join("broken.yml"), "server: [\n").unwrap();
    fs::write(home.path().join("file"), "").unwrap();
    for (arguments, environment, words) in [
        (vec!["--config", "wrong.yml"], vec![], "prot"),
        (vec!["--config", "broken.yml"], vec![], "broken.yml: not readable as YAML"),
        (vec!["--config", "missing.yml"], vec![], "missing.yml: cannot be read"),
        (vec![], vec![("PARLOR_SERVER__PROT", "1")], "PARLOR_SERVER__PROT"),
        (vec![], vec![("PARLOR_SERVER_PORT", "7000")], "PARLOR_SECTION__KEY"),
        (vec![], vec![("PARLOR_CORS__ORIGINS", "[\"*\"]")], "cors.origins"),
        (vec![], vec![("PARLOR_CORS__ORIGINS", "[https://a.example/parlor]")], "cors.origins"),
        (vec![], vec![("PARLOR_SERVER__PUBLIC_URL", "https://a.example/parlor")], "server.public_url"),
        (vec![], vec![("PARLOR_NOTIFY__HOST", "0.0.0.0:6687")], "notify.host"),
        (vec![], vec![("PARLOR_LOG__LEVEL", "=loud=")], "log.level"),
        (vec![], vec![("PARLOR_DATABASE__DATA_DIR", "file/data")], "database.data_dir"),
        (vec![], vec![("PARLOR_DATABASE__BIN_DIR", "/nowhere")], "/nowhere"),
        (vec![], vec![("DATABASE_URL", "mysql://elsewhere")], "database.url cannot be read"),
        (vec![], vec![("DATABASE_URL", nobody_there.as_str())], "Connection refused"),
        (vec![], vec![("DATABASE_URL", no_such_database.as_str())], "does not exist"),
        (
            vec![],
            vec![("DATABASE_URL", database.url()), ("PARLOR_SERVER__PORT", held_port.as_str())],
            "server.port",
        ),
        (
            vec![],
            vec![("DATABASE_URL", database.url()), ("PARLOR_NOTIFY__PORT", held_port.as_str())],
            "notify.port",
        ),
        (vec!["chat_server"], vec![], "database.url"),
    ] {
        let mut command = home.command();
        command.args(&arguments).envs(environment.iter().copied());
        let line = refused(command).await;
        assert!(line.contains(words), "{arguments:?} {environment:?}: {line}");
        assert!(!line.contains("hunter2"), "{line}");
    }
}

#[tokio::test]
async fn database_of_a_newer_parlor_is_left_alone() {
    let home = Home::new();
    let database = TestDatabase::new().await.unwrap();
    let pool = database.pool(1).await.unwrap();
    sqlx::query(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (9999, 'from the future', true, '', 0)",
    )
    .execute(&pool)
    .await
    .unwrap();
    let mut command = home.command();
    command.env("DATABASE_URL", database.url());
    let line = refused(command).await;
    assert!(line.contains("newer"), "{line}");
}
