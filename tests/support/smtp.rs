//! A mail server for tests, on a real socket: it keeps what it is given, and refuses on demand.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::wait::eventually;

/// A mail as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub to: String,
    /// The head, and the parts, decoded.
    pub text: String,
}

impl Received {
    /// The value of a header.
    pub fn header(&self, name: &str) -> &str {
        let prefix = format!("{name}: ");
        self.text
            .lines()
            .find_map(|line| line.strip_prefix(&prefix))
            .unwrap_or_else(|| panic!("{name}: {self:?}"))
    }

    /// The code in the link to a page.
    pub fn code(&self, page: &str) -> String {
        let start = format!("/{page}#");
        let (_, rest) = self.text.split_once(&start).unwrap_or_else(|| panic!("no link to {page}: {self:?}"));
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect()
    }
}

#[derive(Default)]
struct Inbox {
    mails: VecDeque<Received>,
    /// What the next recipients are answered, instead of 250.
    refusals: VecDeque<&'static str>,
}

/// The mail server, until dropped.
pub struct MailServer {
    pub url: String,
    inbox: Arc<Mutex<Inbox>>,
    _tasks: JoinSet<()>,
}

impl MailServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let inbox = Arc::<Mutex<Inbox>>::default();
        let mut tasks = JoinSet::new();
        let all = Arc::clone(&inbox);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(converse(socket, Arc::clone(&all)));
            }
        });
        Self { url, inbox, _tasks: tasks }
    }

    /// Answers the next recipient with this line.
    pub fn refuse_next(&self, answer: &'static str) {
        self.inbox.lock().unwrap().refusals.push_back(answer);
    }

    /// The oldest mail to an address that was not taken yet. It waits for one.
    pub async fn take(&self, to: &str) -> Received {
        eventually(async || {
            let mut inbox = self.inbox.lock().unwrap();
            let place = inbox.mails.iter().position(|mail| mail.to == to);
            place.and_then(|place| inbox.mails.remove(place)).ok_or_else(|| format!("{:?}", inbox.mails))
        })
        .await
    }

    /// The mails that are not taken yet.
    pub fn left(&self) -> Vec<Received> {
        self.inbox.lock().unwrap().mails.iter().cloned().collect()
    }
}

async fn converse(socket: TcpStream, inbox: Arc<Mutex<Inbox>>) {
    let (reader, mut writer) = socket.into_split();
    let mut lines = BufReader::new(reader).lines();
    let mut to = String::new();
    let _ = writer.write_all(b"220 test\r\n").await;
    while let Ok(Some(line)) = lines.next_line().await {
        let answer = if let Some(address) = line.strip_prefix("RCPT TO:<") {
            to = address.split('>').next().unwrap_or_default().to_owned();
            inbox.lock().unwrap().refusals.pop_front().unwrap_or("250 ok")
        } else if line == "DATA" {
            let _ = writer.write_all(b"354 go on\r\n").await;
            let mut text = String::new();
            while let Ok(Some(line)) = lines.next_line().await {
                if line == "." {
                    break;
                }
                text += line.strip_prefix('.').unwrap_or(&line);
                text.push('\n');
            }
            let mail = Received { to: to.clone(), text: decoded(&text) };
            inbox.lock().unwrap().mails.push_back(mail);
            "250 ok"
        } else if line == "QUIT" {
            "221 bye"
        } else {
            "250 ok"
        };
        if writer.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Without the quoted-printable encoding (RFC 2045, section 6.7).
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.replace("=\n", "").into_bytes().into_iter().peekable();
    while let Some(byte) = rest.next() {
        let pair: Option<u8> = (byte == b'=')
            .then(|| {
                let pair: Vec<u8> = rest.clone().take(2).collect();
                u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()
            })
            .flatten();
        if let Some(decoded) = pair {
            bytes.push(decoded);
            rest.next();
            rest.next();
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
