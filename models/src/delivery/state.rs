//! The state of the model: the log, its writers, the server and the clients.

/// A row of the log, and the write that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    pub(super) id: u8,
    pub(super) prev: u8,
    pub(super) timeline: u8,
    pub(super) write: usize,
    /// Dropped by retention, so that no reader can read it.
    pub(super) is_dropped: bool,
}

/// A position in the log; id 0: before the first row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Position {
    pub(super) id: u8,
    pub(super) timeline: u8,
}

impl From<Row> for Position {
    fn from(row: Row) -> Self {
        Self { id: row.id, timeline: row.timeline }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WriterState {
    Idle,
    Drawn(Row),
    Committed(Row),
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientMode {
    Away,
    /// Reads the log after this id.
    Lagging(u8),
    /// Has caught up and is not live yet; only without `live_in_one_section`.
    Replayed,
    Live,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelClient {
    pub(super) mode: ClientMode,
    /// The last event that it saw.
    pub(super) cursor: Position,
    /// The writes that it knows, ascending.
    pub(super) known: Vec<usize>,
    pub(super) queue: Vec<Row>,
    /// It received an event that does not come after its cursor.
    pub(super) is_out_of_order: bool,
}

/// A state of the model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a state of its own")]
pub struct DeliveryState {
    /// Committed, by id.
    pub(super) log: Vec<Row>,
    pub(super) next_id: u8,
    pub(super) timeline: u8,
    pub(super) writers: Vec<WriterState>,
    pub(super) is_listening: bool,
    pub(super) is_notified: bool,
    /// Rows that NOTIFYs carried and the tail has not taken. They outlive the connection that
    /// received them.
    pub(super) notify_rows: Vec<Row>,
    /// The tail has just connected and must read.
    pub(super) must_read: bool,
    pub(super) is_connected: bool,
    /// The timeline of the database when the tail connected.
    pub(super) read_timeline: u8,
    /// The last row of the tail and the hub; None: the process has just started.
    pub(super) position: Option<Position>,
    pub(super) clients: Vec<ModelClient>,
    pub(super) cuts: u8,
    pub(super) restarts: u8,
    pub(super) failovers: u8,
    pub(super) drops: u8,
}

impl DeliveryState {
    pub(super) fn head(&self) -> Position {
        self.log.last().map_or_else(Position::default, |row| (*row).into())
    }

    pub(super) fn holds(&self, position: Position, checks_timeline: bool) -> bool {
        position.id == 0
            || self.log.iter().any(|row| {
                !row.is_dropped
                    && row.id == position.id
                    && (row.timeline == position.timeline || !checks_timeline)
            })
    }

    /// Whether the row at a position was lost by a failover, not dropped by retention.
    pub(super) fn is_lost(&self, position: Position) -> bool {
        position.id != 0 && !self.log.iter().any(|row| Position::from(*row) == position)
    }

    pub(super) fn readable_after(&self, id: u8) -> impl Iterator<Item = Row> {
        self.log.iter().copied().filter(move |row| row.id > id && !row.is_dropped)
    }

    /// After a reset the client takes a snapshot and a cursor of the same moment.
    pub(super) fn reset(&mut self, client: usize) {
        let mut known: Vec<usize> = self.log.iter().map(|row| row.write).collect();
        known.sort_unstable();
        let cursor = self.head();
        let client = &mut self.clients[client];
        *client = ModelClient { mode: ClientMode::Away, cursor, known, queue: Vec::new(), ..client.clone() };
    }

    /// Rows are missing: the hub drops its state and resets every client.
    pub(super) fn gap(&mut self) {
        self.position = Some(self.head());
        for client in 0..self.clients.len() {
            if self.clients[client].mode != ClientMode::Away {
                self.reset(client);
            }
        }
    }

    /// The standby lacks the last row and its id; open transactions are lost.
    pub(super) fn fail_over(&mut self) {
        self.failovers -= 1;
        self.log.pop();
        self.timeline += 1;
        self.next_id = self.head().id + 1;
        (self.is_connected, self.is_listening, self.is_notified, self.must_read) =
            (false, false, false, false);
        for writer in self.writers.iter_mut().filter(|writer| **writer != WriterState::Idle) {
            *writer = WriterState::Done;
        }
    }

    pub(super) fn disconnect_everybody(&mut self) {
        for client in &mut self.clients {
            client.mode = ClientMode::Away;
            client.queue.clear();
        }
    }
}
