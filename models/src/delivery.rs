//! A model of one shard of the log, from its lock to a client that resumes: writers draw ids and
//! commit, NOTIFYs may be lost, a tail listens and polls, a hub has live and lagging streams, and
//! connections of clients are cut. Servers restart, a failover loses a row, and retention drops
//! rows.
//!
//! [`DeliveryGuards`] are the rules of docs/decisions. A test without one of them shows what it is for.

mod state;

use stateright::{Model, Property};

use state::{ClientMode, DeliveryState, ModelClient, Position, Row, WriterState};

/// The rules that make delivery correct.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule that is kept or not")]
pub struct DeliveryGuards {
    /// An id is drawn under the shard's lock, which is held until the commit is visible.
    pub lock: bool,
    /// Readers check that each row names the row before it.
    pub chain: bool,
    /// The tail also polls without a NOTIFY.
    pub poll: bool,
    /// After LISTEN the tail reads once.
    pub read_after_listen: bool,
    /// A stream becomes live in the locked section in which it reaches the shard's position.
    pub live_in_one_section: bool,
    /// A stream with a full queue reads the log from its cursor; without this rule the event is
    /// dropped.
    pub overflow_lags: bool,
    /// A cursor must agree in timeline with the row that it names.
    pub timeline: bool,
    /// A row that a NOTIFY carried is taken only if it follows the last row.
    pub notify_row_chain: bool,
    /// It is taken only if it has the timeline of the reading connection.
    pub notify_row_timeline: bool,
}

impl DeliveryGuards {
    pub const ALL: Self = Self {
        lock: true,
        chain: true,
        poll: true,
        read_after_listen: true,
        live_in_one_section: true,
        overflow_lags: true,
        timeline: true,
        notify_row_chain: true,
        notify_row_timeline: true,
    };
}

/// The size of the model, and how often each fault may happen.
#[derive(Clone, Copy, Debug)]
pub struct DeliveryModel {
    pub guards: DeliveryGuards,
    pub writers: usize,
    pub clients: usize,
    /// Whether a NOTIFY may be lost while the tail listens.
    pub lossy_notify: bool,
    pub cuts: u8,
    pub restarts: u8,
    pub failovers: u8,
    pub drops: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryStep {
    Draw(usize),
    Commit(usize),
    Notify(usize),
    NotifyWithRow(usize),
    NotifyLost(usize),
    Listen,
    Connect,
    Read,
    TakeNotifyRow,
    Join(usize),
    CatchUp(usize),
    Subscribe(usize),
    Take(usize),
    Cut(usize),
    Restart,
    Failover,
    Drop,
}

/// The length of a client's queue; small, so that it overflows.
const QUEUE_MAX: usize = 1;

impl DeliveryModel {
    fn connect(&self, state: &mut DeliveryState) {
        state.is_connected = true;
        state.read_timeline = state.timeline;
        state.must_read = true;
        match state.position {
            None => state.position = Some(state.head()),
            Some(position) if !state.holds(position, self.guards.timeline) => state.gap(),
            Some(_) => {}
        }
    }

    fn read(&self, state: &mut DeliveryState) {
        (state.is_notified, state.must_read) = (false, false);
        let Some(mut position) = state.position else { return };
        let rows: Vec<Row> = state.readable_after(position.id).collect();
        for row in rows {
            if self.guards.chain && row.prev != position.id {
                state.gap();
                return;
            }
            self.publish(state, row);
            position = row.into();
        }
    }

    /// The hub delivers a row.
    fn publish(&self, state: &mut DeliveryState, row: Row) {
        for client in state.clients.iter_mut().filter(|client| client.mode == ClientMode::Live) {
            if client.queue.len() < QUEUE_MAX {
                client.queue.push(row);
            } else if self.guards.overflow_lags {
                client.queue.clear();
                client.mode = ClientMode::Lagging(client.cursor.id);
            }
        }
        state.position = Some(row.into());
    }

    fn take_notify_row(&self, state: &mut DeliveryState) {
        let Some(position) = state.position else { return };
        let row = state.notify_rows.remove(0);
        if row.id <= position.id {
            return;
        }
        let follows = row.prev == position.id || !self.guards.notify_row_chain;
        if follows && (row.timeline == state.read_timeline || !self.guards.notify_row_timeline) {
            self.publish(state, row);
        } else {
            state.is_notified = true;
        }
    }

    fn join(&self, state: &mut DeliveryState, client: usize) {
        let cursor = state.clients[client].cursor;
        if state.holds(cursor, self.guards.timeline) {
            state.clients[client].mode = ClientMode::Lagging(cursor.id);
        } else {
            state.reset(client);
        }
    }

    /// Reads one row, or makes the stream live.
    fn catch_up(&self, state: &mut DeliveryState, client: usize) {
        let (Some(position), ClientMode::Lagging(from)) = (state.position, state.clients[client].mode) else {
            return;
        };
        let next = state.readable_after(from).find(|row| row.id <= position.id);
        match next {
            Some(row) if self.guards.chain && row.prev != from => state.reset(client),
            Some(row) => {
                state.clients[client].queue.push(row);
                state.clients[client].mode = ClientMode::Lagging(row.id);
            }
            None if self.guards.chain && from < position.id => state.reset(client),
            None if self.guards.live_in_one_section => state.clients[client].mode = ClientMode::Live,
            None => state.clients[client].mode = ClientMode::Replayed,
        }
    }
}

impl Model for DeliveryModel {
    type State = DeliveryState;
    type Action = DeliveryStep;

    fn init_states(&self) -> Vec<DeliveryState> {
        let client = ModelClient {
            mode: ClientMode::Away,
            cursor: Position::default(),
            known: Vec::new(),
            queue: Vec::new(),
            is_out_of_order: false,
        };
        vec![DeliveryState {
            log: Vec::new(),
            next_id: 1,
            timeline: 1,
            writers: vec![WriterState::Idle; self.writers],
            is_listening: false,
            is_notified: false,
            notify_rows: Vec::new(),
            must_read: false,
            is_connected: false,
            read_timeline: 1,
            position: None,
            clients: vec![client; self.clients],
            cuts: self.cuts,
            restarts: self.restarts,
            failovers: self.failovers,
            drops: self.drops,
        }]
    }

    /// Only steps that change the state: a state without steps is final.
    fn actions(&self, state: &DeliveryState, steps: &mut Vec<DeliveryStep>) {
        let is_locked = state.writers.iter().any(|writer| matches!(writer, WriterState::Drawn(_)));
        for (number, writer) in state.writers.iter().enumerate() {
            match writer {
                WriterState::Idle if !(self.guards.lock && is_locked) => {
                    steps.push(DeliveryStep::Draw(number));
                }
                WriterState::Idle | WriterState::Done => {}
                WriterState::Drawn(_) => steps.push(DeliveryStep::Commit(number)),
                WriterState::Committed(_) => {
                    steps.push(DeliveryStep::Notify(number));
                    if state.is_listening {
                        steps.push(DeliveryStep::NotifyWithRow(number));
                    }
                    if self.lossy_notify {
                        steps.push(DeliveryStep::NotifyLost(number));
                    }
                }
            }
        }
        if !state.is_listening {
            steps.push(DeliveryStep::Listen);
        }
        let has_more =
            state.position.is_some_and(|position| state.readable_after(position.id).next().is_some());
        if !state.is_connected {
            steps.push(DeliveryStep::Connect);
        } else if state.is_notified || state.must_read || (self.guards.poll && has_more) {
            steps.push(DeliveryStep::Read);
        }
        if state.is_connected && !state.notify_rows.is_empty() {
            steps.push(DeliveryStep::TakeNotifyRow);
        }
        let position = state.position.unwrap_or_default();
        for (number, client) in state.clients.iter().enumerate() {
            match client.mode {
                // The server waits for a cursor that is ahead of it, unless the cursor's row does
                // not exist.
                ClientMode::Away if state.position.is_some() => {
                    if client.cursor.id <= position.id || !state.holds(client.cursor, self.guards.timeline) {
                        steps.push(DeliveryStep::Join(number));
                    }
                }
                ClientMode::Lagging(_) if client.queue.is_empty() => {
                    steps.push(DeliveryStep::CatchUp(number));
                }
                ClientMode::Replayed => steps.push(DeliveryStep::Subscribe(number)),
                ClientMode::Away | ClientMode::Lagging(_) | ClientMode::Live => {}
            }
            if !client.queue.is_empty() {
                steps.push(DeliveryStep::Take(number));
            }
            if state.cuts > 0 && client.mode != ClientMode::Away {
                steps.push(DeliveryStep::Cut(number));
            }
        }
        if state.restarts > 0 && state.position.is_some() {
            steps.push(DeliveryStep::Restart);
        }
        if state.failovers > 0 && !state.log.is_empty() {
            steps.push(DeliveryStep::Failover);
        }
        // Never the last row: a shard gets a tick every minute, and retention is days.
        if state.drops > 0 && state.log.iter().rev().skip(1).any(|row| !row.is_dropped) {
            steps.push(DeliveryStep::Drop);
        }
    }

    fn next_state(&self, state: &DeliveryState, step: DeliveryStep) -> Option<DeliveryState> {
        let mut state = state.clone();
        match step {
            DeliveryStep::Draw(writer) => {
                let (id, prev, timeline) = (state.next_id, state.head().id, state.timeline);
                state.writers[writer] =
                    WriterState::Drawn(Row { id, prev, timeline, write: writer, is_dropped: false });
                state.next_id += 1;
            }
            DeliveryStep::Commit(writer) => {
                let WriterState::Drawn(row) = state.writers[writer] else { return None };
                state.log.push(row);
                state.log.sort_unstable_by_key(|row| row.id);
                state.writers[writer] = WriterState::Committed(row);
            }
            DeliveryStep::Notify(writer) => {
                state.is_notified |= state.is_listening;
                state.writers[writer] = WriterState::Done;
            }
            DeliveryStep::NotifyWithRow(writer) => {
                let WriterState::Committed(row) = state.writers[writer] else { return None };
                state.notify_rows.push(row);
                state.writers[writer] = WriterState::Done;
            }
            DeliveryStep::NotifyLost(writer) => state.writers[writer] = WriterState::Done,
            DeliveryStep::Listen => {
                state.is_listening = true;
                state.is_notified |= self.guards.read_after_listen;
            }
            DeliveryStep::Connect => self.connect(&mut state),
            DeliveryStep::Read => self.read(&mut state),
            DeliveryStep::TakeNotifyRow => self.take_notify_row(&mut state),
            DeliveryStep::Join(client) => self.join(&mut state, client),
            DeliveryStep::CatchUp(client) => self.catch_up(&mut state, client),
            DeliveryStep::Subscribe(client) => state.clients[client].mode = ClientMode::Live,
            DeliveryStep::Take(client) => {
                let client = &mut state.clients[client];
                let row = client.queue.remove(0);
                client.is_out_of_order |= row.id <= client.cursor.id;
                client.cursor = row.into();
                if let Err(place) = client.known.binary_search(&row.write) {
                    client.known.insert(place, row.write);
                }
            }
            DeliveryStep::Cut(client) => {
                state.cuts -= 1;
                state.clients[client].mode = ClientMode::Away;
                state.clients[client].queue.clear();
            }
            DeliveryStep::Restart => {
                state.restarts -= 1;
                state.position = None;
                state.notify_rows.clear();
                (state.is_connected, state.is_listening, state.is_notified, state.must_read) =
                    (false, false, false, false);
                state.disconnect_everybody();
            }
            DeliveryStep::Failover => state.fail_over(),
            DeliveryStep::Drop => {
                state.drops -= 1;
                state.log.iter_mut().find(|row| !row.is_dropped)?.is_dropped = true;
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NOTHING_SKIPPED, |_, state: &DeliveryState| {
                let is_past = |client: &ModelClient, row: &Row| row.id <= client.cursor.id;
                state.clients.iter().all(|client| {
                    let mut past = state.log.iter().filter(|row| is_past(client, row));
                    past.all(|row| client.known.contains(&row.write))
                        // Its cursor names a row that a failover lost; its next connection resets
                        // it.
                        || state.is_lost(client.cursor)
                })
            }),
            Property::always(ORDER_KEPT, |_, state: &DeliveryState| {
                state.clients.iter().all(|client| !client.is_out_of_order)
            }),
            Property::always(EVERYTHING_ARRIVES, |model: &Self, state: &DeliveryState| {
                let mut steps = Vec::new();
                model.actions(state, &mut steps);
                let mut written: Vec<usize> = state.log.iter().map(|row| row.write).collect();
                written.sort_unstable();
                !steps.is_empty() || state.clients.iter().all(|client| client.known == written)
            }),
            // Without this the other properties could hold trivially.
            Property::sometimes(ALL_IS_DONE, |_, state: &DeliveryState| {
                state.clients.iter().all(|client| client.known.len() == state.writers.len())
            }),
        ]
    }
}

/// A client at a position knows every event before it.
pub const NOTHING_SKIPPED: &str = "nothing is skipped";
/// A connection delivers each event once and in order.
pub const ORDER_KEPT: &str = "order is kept";
/// In a final state every client knows exactly the events of the log.
pub const EVERYTHING_ARRIVES: &str = "everything arrives";
/// In some run every client receives every event.
pub const ALL_IS_DONE: &str = "all is done";
