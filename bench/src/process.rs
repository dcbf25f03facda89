//! Starts small servers for comparison, as processes of this program.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::ensure;

const START_TIMEOUT: Duration = Duration::from_secs(10);

/// A process that listens, killed when this is dropped.
pub struct Listening {
    child: Child,
    pub address: SocketAddr,
}

/// Runs the subcommand `name` with a free address to listen on, then `arguments`.
pub fn start(name: &str, arguments: &[&str]) -> anyhow::Result<Listening> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let child = Command::new(std::env::current_exe()?)
        .args([name, &address.to_string()])
        .args(arguments)
        .stdin(Stdio::null())
        .spawn()?;
    let mut started = Listening { child, address };
    let deadline = Instant::now() + START_TIMEOUT;
    while TcpStream::connect(address).is_err() {
        ensure!(started.child.try_wait()?.is_none() && Instant::now() < deadline, "{name} did not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(started)
}

impl Listening {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
