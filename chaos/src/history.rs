//! What happened, by one monotonic clock: every attempt, answer, frame and fault, one JSON object a line.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead as _, BufReader, BufWriter, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Instant, SystemTime},
};

use serde_json::{Value, json};

/// Microseconds since the run began.
pub type Time = u64;

/// A send, with all its attempts.
#[derive(Clone, Debug)]
pub struct Send {
    pub sender_id: String,
    /// One; or several that the same client id was used for, of which the first to come has it.
    pub chat_ids: Vec<String>,
    pub body: String,
    /// Before the first attempt left.
    pub began: Time,
    pub attempts: u32,
    /// Of each 200 and 201: the id and seq of the message. All must be the same one.
    pub answers: Vec<(String, i64)>,
    /// The status of an answer that ended it without a message, and when it came.
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
    sends: HashMap<String, Send>,
    /// Sends with an answer that names a message.
    acknowledged: usize,
    faults: Vec<(Time, String)>,
}

impl History {
    /// Begins now, in a new file at `path`.
    pub fn begin(path: PathBuf) -> anyhow::Result<Self> {
        let file = BufWriter::new(File::create(&path)?);
        let inner = Mutex::new(Inner { file, sends: HashMap::new(), acknowledged: 0, faults: Vec::new() });
        Ok(Self { began: Instant::now(), began_at: SystemTime::now(), path, inner })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The time now.
    pub fn now(&self) -> Time {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// When the database's clock, which is this machine's, showed `at`. 0 for what was before the run.
    pub fn time_of(&self, at: time::OffsetDateTime) -> Time {
        let since = SystemTime::from(at).duration_since(self.began_at);
        since.map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    /// Writes a line. `what` is an object; the time is put into it.
    pub fn note(&self, what: Value) {
        let mut inner = self.lock();
        self.write(&mut inner, what);
    }

    /// A fault, its healing, or what was seen of it.
    pub fn fault(&self, what: impl Into<String>) {
        let what = what.into();
        let mut inner = self.lock();
        self.write(&mut inner, json!({ "fault": what }));
        let now = self.now();
        inner.faults.push((now, what));
    }

    /// An attempt to send, before it leaves.
    pub fn attempt(&self, client_id: &str, sender_id: &str, chat_id: &str, body: &str, node: &str) {
        let mut inner = self.lock();
        let send = inner.sends.entry(client_id.to_owned()).or_insert_with(|| Send {
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

    /// What became of an attempt: a message, a final refusal, or nothing that is certain.
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

    /// All sends, by client id.
    pub fn sends(&self) -> HashMap<String, Send> {
        self.lock().sends.clone()
    }

    /// How many sends were acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.lock().acknowledged
    }

    pub fn faults(&self) -> Vec<(Time, String)> {
        self.lock().faults.clone()
    }

    /// The lines that hold all texts of one of `traces`, and the faults, `around` a time if there is one; at most `max`,
    /// from the middle of which as many are left out as it takes.
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
            // One text names a single thing, of which everything matters; several are found all along the run.
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
        // A full disk must not change the run; the verdict needs what is in memory.
        let _ = writeln!(inner.file, "{what}");
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
