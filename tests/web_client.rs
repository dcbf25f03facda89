//! The launcher builds the web client with the `npm` of the path. Here that is a small fake, since
//! the real one needs the network and a minute.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use private_postgres::testing::TestDatabase;
use tempfile::TempDir;

use crate::support::wait::DEADLINE;

const NPM: &str = r#"#!/bin/sh
echo "$@" >> ../calls
case "$*" in
  --version) echo 10.0.0 ;;
  ci*) mkdir -p node_modules/.bin && : > node_modules/.bin/vite && : > node_modules/.package-lock.json ;;
  *vite\ build*) if [ -e src/broken ]; then echo 'error: broken'; exit 1; fi
    mkdir -p dist.next/assets && cat src/page > dist.next/index.html
    echo $$ > ../building; while [ -e ../hold ]; do sleep 0.02; done; rm ../building ;;
esac
"#;

/// Sources of a client, the programs that build it, and a folder for Parlor.
struct Checkout {
    folder: TempDir,
    database: TestDatabase,
}

/// A running launcher, killed when this is dropped.
struct Running {
    child: Child,
    address: String,
}

impl Checkout {
    async fn new() -> Self {
        let checkout =
            Self { folder: tempfile::tempdir().unwrap(), database: TestDatabase::new().await.unwrap() };
        fs::create_dir_all(checkout.path().join("web/src")).unwrap();
        for name in ["package.json", "package-lock.json", "vite.config.ts", "src/page"] {
            checkout.write(name, "first");
        }
        fs::create_dir(checkout.path().join("bin")).unwrap();
        checkout.program("npm", NPM);
        checkout.program("node", "#!/bin/sh\necho v20.19.0\n");
        checkout
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a source file, newer than every other file.
    fn write(&self, name: &str, text: &str) {
        let path = self.path().join("web").join(name);
        fs::write(&path, text).unwrap();
        let later = SystemTime::now() + Duration::from_secs(2);
        File::options().write(true).open(path).unwrap().set_modified(later).unwrap();
    }

    fn file(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.path().join("bin").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
    }

    /// The process id of the fake npm that builds. It runs as long as the file `hold` exists.
    async fn builder(&self) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let id = fs::read_to_string(self.path().join("building")).unwrap_or_default();
            if id.ends_with('\n') {
                return id.trim().to_owned();
            }
            assert!(Instant::now() < deadline, "it never builds");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn calls(&self) -> String {
        fs::read_to_string(self.path().join("calls")).unwrap_or_default()
    }

    /// Starts Parlor with only the shell's own programs on the path and, if `with_npm`, those
    /// above.
    async fn start(&self, with_npm: bool) -> Running {
        let system = "/usr/bin:/bin";
        let bare = self.path().join("bare");
        if !with_npm && !bare.exists() {
            fs::create_dir(&bare).unwrap();
        }
        let bin = self.path().join("bin");
        let path = if with_npm { format!("{}:{system}", bin.display()) } else { bare.display().to_string() };
        let said = File::create(self.path().join("said")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_parlor"))
            .current_dir(self.path())
            .env("PATH", path)
            .env("DATABASE_URL", self.database.url())
            .env("PARLOR_SERVER__HOST", "127.0.0.1")
            .env("PARLOR_SERVER__PORT", "0")
            .env("PARLOR_NOTIFY__HOST", "127.0.0.1")
            .env("PARLOR_NOTIFY__PORT", "0")
            .stdin(Stdio::null())
            .stdout(said)
            .stderr(File::create(self.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut running = Running { child, address: String::new() };
        let said = self.says("/api/docs").await;
        let address = said.split_once("Parlor runs at ").unwrap().1.split(' ').next().unwrap();
        address.clone_into(&mut running.address);
        running
    }

    /// Everything that the launcher printed, once it printed these words.
    async fn says(&self, words: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let said = fs::read_to_string(self.path().join("said")).unwrap();
            if said.contains(words) {
                return said;
            }
            let log = || fs::read_to_string(self.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "it never says {words:?}, but {said}; {}", log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Running {
    async fn page(&self) -> String {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let response = client.get(&self.address).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.text().await.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn client_is_built_on_the_first_run_and_after_changes_and_only_then() {
    let checkout = Checkout::new().await;
    let first = checkout.start(true).await;
    let said = checkout.says("Web client: built").await;
    assert!(said.contains("npm ci") && said.contains("Web client: building"), "{said}");
    assert_eq!(first.page().await, "first");
    drop(first);

    // The page is new and the sources are newer still, as if the clock had moved on.
    let built = File::options().write(true).open(checkout.path().join("web/dist/index.html")).unwrap();
    built.set_modified(SystemTime::now() + Duration::from_mins(1)).unwrap();
    let lock = File::options().write(true).open(checkout.path().join("web/node_modules/.package-lock.json"));
    lock.unwrap().set_modified(SystemTime::now() + Duration::from_mins(1)).unwrap();
    let calls = checkout.calls();
    let second = checkout.start(true).await;
    assert_eq!(second.page().await, "first");
    assert_eq!(checkout.calls(), calls, "nothing had changed");
    drop(second);

    let source = checkout.path().join("web/src/page");
    fs::write(&source, "second").unwrap();
    let later = SystemTime::now() + Duration::from_mins(2);
    File::options().write(true).open(source).unwrap().set_modified(later).unwrap();
    let third = checkout.start(true).await;
    let said = checkout.says("Web client: built").await;
    assert!(!said.contains("npm ci"), "{said}");
    assert_eq!(third.page().await, "second");
}

#[tokio::test]
async fn what_is_missing_is_said_in_one_line_and_the_servers_run() {
    let checkout = Checkout::new().await;
    let parlor = checkout.start(false).await;
    let said = checkout.says("Web client: npm is not there").await;
    let line = said.lines().find(|line| line.starts_with("Web client:")).unwrap();
    assert!(line.contains("install Node") && line.contains("REST and SSE run"), "{line}");
    assert!(parlor.page().await.contains("/api/docs"));
    drop(parlor);

    checkout.program("node", "#!/bin/sh\necho v18.20.1\n");
    drop(checkout.start(true).await);
    let checkout_says = checkout.says("too old").await;
    assert!(checkout_says.contains("v18.20.1"), "{checkout_says}");
    assert!(!checkout.calls().contains("vite"));
}

#[tokio::test]
async fn build_that_fails_leaves_the_client_that_was_there() {
    let checkout = Checkout::new().await;
    fs::create_dir_all(checkout.path().join("web/dist")).unwrap();
    fs::write(checkout.path().join("web/dist/index.html"), "old").unwrap();
    checkout.write("src/broken", "");
    let parlor = checkout.start(true).await;
    let said = checkout.says("failed: error: broken").await;
    assert!(said.contains("build.log"), "{said}");
    assert_eq!(parlor.page().await, "old");
}

#[tokio::test]
async fn change_that_is_made_during_a_build_is_built_after_it() {
    let checkout = Checkout::new().await;
    checkout.file("hold", "");
    let parlor = checkout.start(true).await;
    checkout.builder().await;
    checkout.write("src/page", "second");
    fs::remove_file(checkout.path().join("hold")).unwrap();
    let deadline = Instant::now() + DEADLINE;
    while parlor.page().await != "second" {
        assert!(Instant::now() < deadline, "{}", checkout.calls());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(checkout.calls().matches("vite build").count(), 2);
}

#[tokio::test]
async fn build_ends_with_a_launcher_that_is_killed() {
    let checkout = Checkout::new().await;
    checkout.file("hold", "");
    let parlor = checkout.start(true).await;
    let builder = Path::new("/proc").join(checkout.builder().await).join("stat");
    // A process that has ended and was not waited for is a zombie.
    let runs = || fs::read_to_string(&builder).is_ok_and(|stat| !stat.contains(") Z "));
    assert!(runs());
    // SIGKILL.
    drop(parlor);
    let deadline = Instant::now() + DEADLINE;
    while runs() {
        assert!(Instant::now() < deadline, "npm is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
