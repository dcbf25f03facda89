//! Servers in their own processes, which a test can kill.

use std::{
    fs::{self, File},
    process::{Child, Command, Stdio},
    time::Instant,
};

use tempfile::TempDir;

use super::wait::DEADLINE;

/// One server, started again on the same address after it was killed.
pub struct ServerProcess {
    name: &'static str,
    database_url: String,
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl ServerProcess {
    /// `name` is `chat_server` or `notify_server`. Returns when it listens.
    pub fn start(name: &'static str, database_url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self { name, database_url: database_url.into(), folder, port: 0, child: None };
        server.restart();
        server
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The soft and the hard limit of open files.
    pub fn file_limits(&self) -> (String, String) {
        let id = self.child.as_ref().unwrap().id();
        let limits = fs::read_to_string(format!("/proc/{id}/limits")).unwrap();
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
        let mut words = line.split_whitespace().map(str::to_owned);
        (words.next().unwrap(), words.next().unwrap())
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again on the same address.
    pub fn restart(&mut self) {
        self.kill();
        let log = self.folder.path().join("log");
        let section = if self.name == "chat_server" { "SERVER" } else { "NOTIFY" };
        // As many open files as a shell usually allows, or fewer.
        let child = Command::new("sh")
            .args(["-c", "ulimit -Sn 512; exec \"$0\" \"$1\"", env!("CARGO_BIN_EXE_parlor"), self.name])
            .current_dir(self.folder.path())
            .env("DATABASE_URL", &self.database_url)
            .env("PARLOR_DATABASE__DATA_DIR", self.folder.path())
            .env("PARLOR_LOG__LEVEL", "warn,chat_server::server=info,notify_server::server=info")
            .env("PARLOR_LIMITS__SEND_PER_MINUTE", "1000000")
            .env("PARLOR_LIMITS__REQUESTS_PER_MINUTE", "1000000")
            .env(format!("PARLOR_{section}__HOST"), "127.0.0.1")
            .env(format!("PARLOR_{section}__PORT"), self.port.to_string())
            .stdin(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let child = self.child.insert(child);
        let deadline = Instant::now() + DEADLINE;
        loop {
            let said = fs::read_to_string(&log).unwrap();
            if let Some((_, rest)) = said.split_once("listening on 127.0.0.1:") {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                // The line may be half written.
                if rest.len() > digits.len() {
                    self.port = digits.parse().unwrap();
                    return;
                }
            }
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "{} did not start: {said}", self.name);
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.kill();
    }
}
