//! Records every attempt, answer, frame and fault with the time of one monotonic clock: one JSON
//! object a line.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead as _, BufReader, BufWriter, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime},
};

use serde_json::{Value, json};

/// Microseconds since the start of the run.
pub type Time = u64;

/// A send, with all its attempts.
#[derive(Clone, Debug)]
pub struct SendRecord {
    pub sender_id: String,
    /// The bodies sent with this client id. If there are several, the first that arrives is stored.
    pub chat_ids: Vec<String>,
    pub body: String,
    /// When the first attempt was sent.
    pub began: Time,
    pub attempts: u32,
    /// The id and seq in each 200 and 201. All must be equal.
    pub answers: Vec<(String, i64)>,
    /// The status of a final refusal, and its time.
    pub refused: Option<(u16, Time)>,
}

/// The history of one run.
pub struct History {
    began: Instant,
    began_at: SystemTime,
    path: PathBuf,
    inner: Mutex<Inner>,
}

struct Inner {
    file: BufWriter<File>,
    sends: HashMap<String, SendRecord>,
    /// Sends with an answer that names a message.
    acknowledged: usize,
    faults: Vec<(Time, String)>,
    /// When each person said that they type in a chat, or stopped.
    typing: HashMap<(String, String), Vec<Time>>,
}

impl History {
    /// Starts the clock and a new file at `path`.
    pub fn begin(path: PathBuf) -> anyhow::Result<Self> {
        let file = BufWriter::new(File::create(&path)?);
        let inner = Mutex::new(Inner {
            file,
            sends: HashMap::new(),
            acknowledged: 0,
            faults: Vec::new(),
            typing: HashMap::new(),
        });
        Ok(Self { began: Instant::now(), began_at: SystemTime::now(), path, inner })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The time now.
    pub fn now(&self) -> Time {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Converts a time of the database, which has this machine's clock. 0 for times before the run.
    pub fn time_of(&self, at: time::OffsetDateTime) -> Time {
        let since = SystemTime::from(at).duration_since(self.began_at);
        since.map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    /// Writes the object `what` with the time as a line.
    pub fn note(&self, what: Value) {
        let mut inner = self.lock();
        self.write(&mut inner, what);
    }

    /// Records a step of a fault.
    pub fn fault(&self, what: impl Into<String>) {
        let what = what.into();
        let mut inner = self.lock();
        self.write(&mut inner, json!({ "fault": what }));
        let now = self.now();
        inner.faults.push((now, what));
    }

    /// Records an attempt to send, before it is sent.
    pub fn attempt(&self, client_id: &str, sender_id: &str, chat_id: &str, body: &str, node: &str) {
        let mut inner = self.lock();
        let send = inner.sends.entry(client_id.to_owned()).or_insert_with(|| SendRecord {
            sender_id: sender_id.to_owned(),
            chat_ids: Vec::new(),
            body: body.to_owned(),
            began: self.now(),
            attempts: 0,
            answers: Vec::new(),
            refused: None,
        });
        send.attempts += 1;
        if !send.chat_ids.iter().any(|known| known == chat_id) {
            send.chat_ids.push(chat_id.to_owned());
        }
        let line = json!({ "send": client_id, "attempt": send.attempts, "chat": chat_id, "node": node });
        self.write(&mut inner, line);
    }

    /// Records the outcome of an attempt: a message, a final refusal, or unknown.
    pub fn answer(&self, client_id: &str, answer: &Result<(u16, Value), String>) {
        let mut guard = self.lock();
        let inner = &mut *guard;
        let mut line = json!({ "send": client_id });
        match answer {
            Ok((status, body)) => {
                line["status"] = json!(status);
                if let Some(send) = inner.sends.get_mut(client_id) {
                    match status {
                        200 | 201 => {
                            let id = body["id"].as_str().unwrap_or_default().to_owned();
                            line["message"] = json!(id);
                            line["seq"] = body["seq"].clone();
                            inner.acknowledged += usize::from(send.answers.is_empty());
                            send.answers.push((id, body["seq"].as_i64().unwrap_or_default()));
                        }
                        400..=499 if !matches!(status, 401 | 408 | 429) => {
                            send.refused = Some((*status, self.now()));
                        }
                        _ => {}
                    }
                }
            }
            Err(e) => line["error"] = json!(e),
        }
        self.write(inner, line);
    }

    /// Records that a person is about to say that they type, or stopped.
    pub fn typing(&self, user_id: &str, chat_id: &str) {
        let mut inner = self.lock();
        self.write(&mut inner, json!({ "typing": chat_id, "by": user_id }));
        let now = self.now();
        inner.typing.entry((user_id.to_owned(), chat_id.to_owned())).or_default().push(now);
    }

    /// Whether a person said so between two times.
    pub fn said_typing(&self, user_id: &str, chat_id: &str, from: Time, to: Time) -> bool {
        let inner = self.lock();
        let times = inner.typing.get(&(user_id.to_owned(), chat_id.to_owned()));
        times.into_iter().flatten().any(|at| (from..=to).contains(at))
    }

    /// All sends, by client id.
    pub fn sends(&self) -> HashMap<String, SendRecord> {
        self.lock().sends.clone()
    }

    /// How many sends were acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.lock().acknowledged
    }

    pub fn faults(&self) -> Vec<(Time, String)> {
        self.lock().faults.clone()
    }

    /// The faults, and the lines that contain all texts of one of `traces`, near the time `around`
    /// if there is one. At most `max` lines; if there are more, lines in the middle are left out.
    pub fn story(
        &self,
        traces: &[Vec<String>],
        around: Option<Time>,
        max: usize,
    ) -> anyhow::Result<Vec<String>> {
        const SECONDS_AROUND: u64 = 8;
        self.lock().file.flush()?;
        let near = |t: Time| around.is_none_or(|around| t.abs_diff(around) < SECONDS_AROUND * 1_000_000);
        let mut lines = Vec::new();
        for line in BufReader::new(File::open(&self.path)?).lines() {
            let line = line?;
            let about = traces.iter().find(|texts| texts.iter().all(|text| line.contains(text.as_str())));
            let is_fault = line.contains("\"fault\":");
            // A trace of one text names one thing, and all its lines matter. Several texts match
            // throughout the run.
            let everywhere = about.is_some_and(|texts| texts.len() == 1);
            if about.is_none() && !is_fault {
                continue;
            }
            let t = serde_json::from_str::<Value>(&line).ok().and_then(|line| line["t"].as_u64());
            if everywhere || t.is_some_and(near) {
                lines.push(line);
            }
        }
        if lines.len() > max {
            let tail = lines.split_off(lines.len() - max / 2);
            let left_out = lines.len() - max / 2;
            lines.truncate(max / 2);
            lines.push(format!("... {left_out} more lines ..."));
            lines.extend(tail);
        }
        Ok(lines)
    }

    fn write(&self, inner: &mut Inner, mut what: Value) {
        what["t"] = json!(self.now());
        // A full disk must not change the run, and the verdict uses only memory.
        let _ = writeln!(inner.file, "{what}");
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
