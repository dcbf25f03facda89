//! nginx with nchan, the push server that streams are compared with. Optional: `apt install
//! nginx-light libnginx-mod-nchan`.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::bail;
use tempfile::TempDir;

const MODULES: [&str; 2] = ["/usr/lib/nginx/modules", "/usr/share/nginx/modules"];

/// A running nginx, stopped when this is dropped.
pub struct Nchan {
    child: Child,
    pub address: SocketAddr,
    _folder: TempDir,
}

impl Nchan {
    /// None if it is not installed.
    pub fn start(workers: usize) -> anyhow::Result<Option<Self>> {
        let module = MODULES.map(|folder| Path::new(folder).join("ngx_nchan_module.so"));
        let Some(module) = module.iter().find(|module| module.exists()) else { return Ok(None) };
        if Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_err() {
            return Ok(None);
        }
        let folder = tempfile::Builder::new().prefix("parlor_bench_nginx_").tempdir()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let path = folder.path().display();
        let config = format!(
            "load_module {};
             worker_processes {workers}; worker_rlimit_nofile 60000; daemon off; pid {path}/pid; error_log {path}/error.log;
             events {{ worker_connections 30000; }}
             http {{
                 access_log off; keepalive_requests 100000000; nchan_shared_memory_size 512M;
                 client_body_temp_path {path}/1; proxy_temp_path {path}/2; fastcgi_temp_path {path}/3;
                 uwsgi_temp_path {path}/4; scgi_temp_path {path}/5;
                 server {{
                     listen {address} backlog=4096;
                     location ~ ^/sub/(.+)$ {{ nchan_subscriber eventsource; nchan_channel_id $1; nchan_subscriber_first_message newest; }}
                     location ~ ^/pub/(.+)$ {{ nchan_publisher; nchan_channel_id $1; nchan_message_buffer_length 100; }}
                 }}
             }}",
            module.display()
        );
        fs::write(folder.path().join("nginx.conf"), config)?;
        let child = Command::new("nginx")
            .args(["-p", &path.to_string(), "-c", "nginx.conf"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let nchan = Self { child, address, _folder: folder };
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).is_err() {
            if Instant::now() > deadline {
                bail!("nginx did not start");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(nchan))
    }

    /// The process ids of master and workers.
    pub fn pids(&self) -> anyhow::Result<Vec<u32>> {
        let master = self.child.id();
        let children = fs::read_to_string(format!("/proc/{master}/task/{master}/children"))?;
        Ok(std::iter::once(Ok(master))
            .chain(children.split_whitespace().map(str::parse))
            .collect::<Result<_, _>>()?)
    }

    pub fn subscribe(channel: &str) -> Vec<u8> {
        format!("GET /sub/{channel} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n").into()
    }

    pub fn publish(channel: &str, body: &str) -> Vec<u8> {
        format!("POST /pub/{channel} HTTP/1.1\r\nHost: bench\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            .into()
    }
}

impl Drop for Nchan {
    fn drop(&mut self) {
        // Only the master is a child of this process. It stops its workers when it is terminated,
        // not when it is killed.
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}
