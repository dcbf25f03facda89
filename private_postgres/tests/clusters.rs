//! Clusters with a real Postgres: kept over stops, crashes and killed owners, and refused where
//! they must be.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use private_postgres::{
    Cluster, Error, Options, Search,
    testing::{TestCluster, TestDatabase},
};
use rustix::process::{Pid, Signal, getpgid, kill_process, test_kill_process};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

/// Far more than anything here takes, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// Tells a copy of this program which folder to own, see [`owner_process`].
const OWNED_FOLDER: &str = "PRIVATE_POSTGRES_OWNED_FOLDER";

#[tokio::test]
async fn data_password_and_port_survive_a_stop() {
    let folder = new_folder();
    let cluster = Cluster::start(kept(folder.path())).await.unwrap();
    let url = cluster.url("postgres");
    write_marker(&url).await;
    cluster.stop().await.unwrap();
    assert_eq!(cluster.postmaster_pid(), None);
    drop(cluster);

    let cluster = Cluster::start(kept(folder.path())).await.unwrap();
    assert_eq!(cluster.url("postgres"), url);
    assert!(has_marker(&url).await);
    let password = fs::metadata(folder.path().join("password")).unwrap();
    assert_eq!(password.mode() & 0o777, 0o600);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn cluster_is_durable_and_asks_for_a_password() {
    let folder = new_folder();
    let cluster = Cluster::start(kept(folder.path())).await.unwrap();
    let mut connection = PgConnection::connect(&cluster.url("postgres")).await.unwrap();
    for (setting, value) in [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("server_encoding", "UTF8"),
        ("listen_addresses", "127.0.0.1"),
    ] {
        let found: String = sqlx::query_scalar("select current_setting($1)")
            .bind(setting)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(found, value, "{setting}");
    }
    let by_bytes_but_all_letters: (bool, String) =
        sqlx::query_as("select 'B' < 'a', lower('ÄÉ')").fetch_one(&mut connection).await.unwrap();
    assert_eq!(by_bytes_but_all_letters, (true, "äé".to_owned()));

    let (server, rest) =
        cluster.url("postgres").split_once('@').map(|(_, rest)| ("parlor:wrong", rest.to_owned())).unwrap();
    let refused = PgConnection::connect(&format!("postgres://{server}@{rest}")).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("password authentication failed")));
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn second_owner_is_refused() {
    let folder = new_folder();
    let first = Cluster::start(kept(folder.path())).await.unwrap();
    let second = Cluster::start(kept(folder.path())).await;
    assert!(matches!(second, Err(Error::InUse(_))), "{second:?}");
    assert!(first.postmaster_pid().is_some());
    first.stop().await.unwrap();
}

#[tokio::test]
async fn ctrl_c_in_the_terminal_does_not_reach_postgres() {
    let cluster = TestCluster::start().await.unwrap();
    let postmaster = pid(cluster.postmaster_pid().unwrap());
    assert_eq!(getpgid(Some(postmaster)).unwrap(), postmaster);
}

#[tokio::test]
async fn dropped_cluster_stops_and_a_temporary_one_leaves_nothing() {
    let folder = new_folder();
    let kept = Cluster::start(kept(folder.path())).await.unwrap();
    let temporary = TestCluster::start().await.unwrap();
    let postmasters = [&kept, &*temporary].map(|cluster| pid(cluster.postmaster_pid().unwrap()));
    let temporary_folder = fs::read_link(format!("/proc/{}/cwd", postmasters[1].as_raw_nonzero())).unwrap();
    drop((kept, temporary));
    until("postgres is gone", || postmasters.iter().all(|postmaster| is_gone(*postmaster)));
    until("its folder is gone", || !temporary_folder.parent().unwrap().exists());
}

#[tokio::test]
async fn killed_owner_takes_postgres_with_it_and_the_data_stays() {
    let folder = new_folder();
    let (mut owner, url, postmaster) = spawn_owner(folder.path());
    write_marker(&url).await;
    owner.kill().unwrap();
    owner.wait().unwrap();
    until("postgres is gone", || is_gone(postmaster));

    let cluster = Cluster::start(kept(folder.path())).await.unwrap();
    assert!(has_marker(&cluster.url("postgres")).await);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn next_owner_need_not_wait_for_the_end_of_a_killed_one() {
    let folder = new_folder();
    let (mut owner, url, postmaster) = spawn_owner(folder.path());
    write_marker(&url).await;
    owner.kill().unwrap();
    owner.wait().unwrap();
    let cluster = Cluster::start(kept(folder.path())).await.unwrap();
    assert!(is_gone(postmaster));
    assert!(has_marker(&cluster.url("postgres")).await);
    cluster.stop().await.unwrap();
}

#[test]
fn killed_owner_of_a_temporary_cluster_leaves_nothing() {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_with_database"))
        .args(["sh", "-c", "echo $$; exec sleep 600"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = String::new();
    BufReader::new(owner.stdout.take().unwrap()).read_line(&mut child).unwrap();
    let postmaster = children(owner.id()).into_iter().find(|process| comm(*process) == "postgres").unwrap();
    let folder = fs::read_link(format!("/proc/{}/cwd", postmaster.as_raw_nonzero())).unwrap();
    owner.kill().unwrap();
    owner.wait().unwrap();
    until("postgres is gone", || is_gone(postmaster));
    until("its folder is gone", || !folder.parent().unwrap().exists());
    // with_database does not stop its command, which lives on without a parent.
    kill_process(pid(child.trim().parse().unwrap()), Signal::KILL).unwrap();
}

#[tokio::test]
async fn half_made_cluster_is_made_again() {
    let folder = new_folder();
    let (mut owner, _output) = spawn_owner_process(folder.path());
    let unfinished = || {
        let mut entries = fs::read_dir(folder.path()).unwrap().flatten();
        entries.any(|entry| entry.file_name().to_string_lossy().starts_with("cluster.new-"))
    };
    until("initdb is at work", unfinished);
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(!folder.path().join("cluster").exists(), "initdb was faster than the kill");

    let cluster = Cluster::start(kept(folder.path())).await.unwrap();
    write_marker(&cluster.url("postgres")).await;
    assert!(!unfinished());
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn root_can_keep_a_cluster_where_only_root_can_enter() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root has this problem");
        return;
    }
    let home = TempDir::new().unwrap();
    // As the permissions of /root.
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let folder = home.path().join("clone/data/postgres");
    let cluster = Cluster::start(kept(&folder)).await.unwrap();
    let url = cluster.url("postgres");
    write_marker(&url).await;
    cluster.restart().await.unwrap();
    let mut busy = PgConnection::connect(&url).await.unwrap();
    let backend: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut busy).await.unwrap();
    cluster.kill().await.unwrap();
    until("its backends are gone", || is_gone(Pid::from_raw(backend).unwrap()));
    cluster.restart().await.unwrap();
    assert!(has_marker(&url).await, "crash recovery lost a commit");
    cluster.stop().await.unwrap();
    drop(cluster);
    let (mut owner, url, postmaster) = spawn_owner(&folder);
    assert!(has_marker(&url).await);
    owner.kill().unwrap();
    owner.wait().unwrap();
    until("postgres is gone", || is_gone(postmaster));
}

#[tokio::test]
async fn data_of_another_version_is_refused_with_what_to_do() {
    for (version, words) in [
        ("14", "was made by Postgres 14, which is not supported"),
        ("17", "install Postgres 17, or dump the data"),
        ("many", "unreadable PG_VERSION"),
    ] {
        let folder = new_folder();
        fs::create_dir(folder.path().join("cluster")).unwrap();
        fs::write(folder.path().join("cluster/PG_VERSION"), format!("{version}\n")).unwrap();
        let mut options = kept(folder.path());
        options.search = nothing_installed();
        let error = Cluster::start(options).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[tokio::test]
async fn folder_with_something_else_is_left_alone() {
    let folder = new_folder();
    fs::create_dir(folder.path().join("cluster")).unwrap();
    fs::write(folder.path().join("cluster/thesis.txt"), "years of work").unwrap();
    let error = Cluster::start(kept(folder.path())).await.unwrap_err();
    assert!(matches!(error, Error::ForeignFolder { .. }), "{error}");
    assert_eq!(fs::read_to_string(folder.path().join("cluster/thesis.txt")).unwrap(), "years of work");
}

#[tokio::test]
async fn machine_without_postgres_is_told_what_to_install() {
    let folder = new_folder();
    let mut options = kept(folder.path());
    options.search = nothing_installed();
    let error = Cluster::start(options).await.unwrap_err().to_string();
    assert!(error.contains("apt install postgresql") && error.contains("database.url"), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

#[tokio::test]
async fn configured_folder_is_the_only_one_looked_at() {
    let folder = new_folder();
    let mut options = kept(folder.path());
    options.search.folder = Some("/nowhere".into());
    let error = Cluster::start(options).await.unwrap_err().to_string();
    assert_eq!(error, "the Postgres programs folder /nowhere: has no postgres in it");
}

#[tokio::test]
async fn server_that_does_not_start_shows_its_log() {
    let folder = new_folder();
    let cluster = Cluster::start(kept(folder.path())).await.unwrap();
    cluster.stop().await.unwrap();
    drop(cluster);
    fs::OpenOptions::new()
        .append(true)
        .open(folder.path().join("cluster/postgresql.conf"))
        .and_then(|mut file| writeln!(file, "no_such_setting = 1"))
        .unwrap();
    let error = Cluster::start(kept(folder.path())).await.unwrap_err().to_string();
    assert!(error.starts_with("Postgres did not start: it ended with code 1\n"), "{error}");
    assert!(error.contains("no_such_setting"), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn postmaster_left_by_a_dead_owner_is_stopped() {
    let folder = new_folder();
    let cluster = Cluster::start(kept(folder.path())).await.unwrap();
    let url = cluster.url("postgres");
    let command = fs::read_to_string(format!("/proc/{}/cmdline", cluster.postmaster_pid().unwrap())).unwrap();
    cluster.stop().await.unwrap();
    drop(cluster);
    // Without its watcher, as if that had been killed together with the owner.
    let data = folder.path().join("cluster").metadata().unwrap();
    let mut words = command.split_terminator('\0');
    let mut orphan = Command::new(words.next().unwrap());
    orphan.args(words).stdin(Stdio::null()).stderr(Stdio::null()).current_dir("/");
    if rustix::process::geteuid().is_root() {
        orphan.uid(data.uid()).gid(data.gid());
    }
    let mut orphan = orphan.spawn().unwrap();
    until_connected(&url).await;
    write_marker(&url).await;

    let cluster = Cluster::start(kept(folder.path())).await.unwrap();
    orphan.wait().unwrap();
    assert!(has_marker(&url).await);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn postmaster_file_with_the_number_of_another_program_is_no_obstacle() {
    let folder = new_folder();
    let cluster = Cluster::start(kept(folder.path())).await.unwrap();
    write_marker(&cluster.url("postgres")).await;
    let file = folder.path().join("cluster/postmaster.pid");
    let text = fs::read_to_string(&file).unwrap();
    cluster.kill().await.unwrap();
    drop(cluster);
    let mut other = Command::new("sleep").arg("600").spawn().unwrap();
    let rest = text.split_once('\n').unwrap().1;
    fs::write(&file, format!("{}\n{rest}", other.id())).unwrap();

    let cluster = Cluster::start(kept(folder.path())).await.unwrap();
    assert!(has_marker(&cluster.url("postgres")).await);
    cluster.stop().await.unwrap();
    assert!(other.try_wait().unwrap().is_none(), "another program was stopped");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[tokio::test]
async fn owner_sees_postgres_die_and_can_start_it_again() {
    let cluster = TestCluster::start().await.unwrap();
    let url = cluster.url("postgres");
    write_marker(&url).await;
    kill_process(pid(cluster.postmaster_pid().unwrap()), Signal::KILL).unwrap();
    let exit = tokio::time::timeout(DEADLINE, cluster.exited()).await.unwrap().unwrap();
    assert_eq!(exit.to_string(), "it was ended by signal 9");
    cluster.restart().await.unwrap();
    assert!(has_marker(&url).await);
}

#[test]
fn many_tests_with_runtimes_of_their_own_get_a_database_each() {
    let threads: Vec<_> = (0..16)
        .map(|_| {
            thread::spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let database = TestDatabase::new().await.unwrap();
                    let pool = database.pool(2).await.unwrap();
                    sqlx::query("create table only_here (id int)").execute(&pool).await.unwrap();
                    let tables: i64 = sqlx::query_scalar("select count(*) from information_schema.tables where table_name = '_sqlx_migrations'")
                        .fetch_one(&pool)
                        .await
                        .unwrap();
                    assert_eq!(tables, 1, "the template is not migrated");
                    database.name().to_owned()
                })
            })
        })
        .collect();
    let mut names: Vec<String> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 16);
}

#[tokio::test]
async fn tests_leave_only_the_template_on_a_server_that_stays() {
    let server = TestCluster::start().await.unwrap();
    let mut admin = PgConnection::connect(&server.url("postgres")).await.unwrap();
    sqlx::query("create database parlor_test_1700000000_forgotten").execute(&mut admin).await.unwrap();
    sqlx::query("create database parlor_testimony").execute(&mut admin).await.unwrap();
    for _ in 0..2 {
        let status = this_program("user_of_database_url")
            .env("DATABASE_URL", server.url("postgres"))
            .status()
            .unwrap();
        assert!(status.success());
    }
    let left: Vec<String> =
        sqlx::query_scalar("select datname::text from pg_database where datname like 'parlor%' order by 1")
            .fetch_all(&mut admin)
            .await
            .unwrap();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left[0].contains("_template_") && left[1] == "parlor_testimony", "{left:?}");
}

/// Runs in its own process, see [`tests_leave_only_the_template_on_a_server_that_stays`].
#[tokio::test]
#[ignore = "started by another test"]
async fn user_of_database_url() {
    let database = TestDatabase::new().await.unwrap();
    let pool = database.pool(2).await.unwrap();
    sqlx::query("select 1").execute(&pool).await.unwrap();
}

/// Runs in its own process, which owns a cluster in the folder of [`OWNED_FOLDER`] until it is
/// killed.
#[tokio::test]
#[ignore = "started by other tests"]
async fn owner_process() {
    #[expect(clippy::disallowed_methods, reason = "how a test speaks to the copy of its program")]
    let folder = std::env::var_os(OWNED_FOLDER).unwrap();
    let cluster = Cluster::start(kept(Path::new(&folder))).await.unwrap();
    println!("\nREADY {} {}", cluster.postmaster_pid().unwrap(), cluster.url("postgres"));
    std::future::pending::<()>().await;
}

/// This test program again, to run a test that another test starts.
fn this_program(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.args(["--exact", test, "--ignored", "--nocapture"]).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

fn spawn_owner_process(folder: &Path) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut owner = this_program("owner_process").env(OWNED_FOLDER, folder).spawn().expect("it starts");
    let output = BufReader::new(owner.stdout.take().expect("it is piped"));
    (owner, output)
}

/// Starts an owner. Returns it with the URL and the postmaster of its running cluster.
fn spawn_owner(folder: &Path) -> (Child, String, Pid) {
    let (owner, output) = spawn_owner_process(folder);
    let ready =
        output.lines().map_while(Result::ok).find(|line| line.starts_with("READY ")).expect("it gets ready");
    let words: Vec<&str> = ready.split(' ').collect();
    (owner, words[2].to_owned(), pid(words[1].parse().expect("a number")))
}

fn new_folder() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    // As root, Postgres runs in it as another user.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
    folder
}

fn kept(folder: &Path) -> Options {
    let mut options = Options::kept(folder);
    options.max_connections = 20;
    options.shared_buffers_mib = 16;
    options
}

/// A search on a machine without Postgres and without a network.
fn nothing_installed() -> Search {
    Search { folder: None, path: "".into(), usual_folders: false, cache: None }
}

async fn write_marker(url: &str) {
    let mut connection = PgConnection::connect(url).await.expect("it takes connections");
    sqlx::query("create table marker (id int)").execute(&mut connection).await.expect("it takes commands");
}

async fn has_marker(url: &str) -> bool {
    let mut connection = PgConnection::connect(url).await.expect("it takes connections");
    sqlx::query_scalar("select to_regclass('marker') is not null")
        .fetch_one(&mut connection)
        .await
        .expect("it takes commands")
}

async fn until_connected(url: &str) {
    let deadline = Instant::now() + DEADLINE;
    while PgConnection::connect(url).await.is_err() {
        assert!(Instant::now() < deadline, "never: Postgres takes connections");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn pid(number: u32) -> Pid {
    i32::try_from(number).ok().and_then(Pid::from_raw).expect("a process number")
}

/// Whether the process has ended. A zombie counts as ended: this container may have no init.
fn is_gone(process: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
    test_kill_process(process).is_err() || stat.is_ok_and(|stat| stat.contains(") Z "))
}

fn comm(process: Pid) -> String {
    fs::read_to_string(format!("/proc/{}/comm", process.as_raw_nonzero()))
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn children(parent: u32) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| {
            let stat = fs::read_to_string(process.path().join("stat")).ok()?;
            // `4711 (name of the program) S 4710 ...`
            let (_, after_name) = stat.rsplit_once(") ")?;
            let of_parent = after_name.split(' ').nth(1)? == parent.to_string();
            of_parent.then(|| process.file_name().to_str()?.parse().ok().map(pid))?
        })
        .collect()
}
