//! A model of one shard of the log, from its lock to a client that resumes: writers draw ids and
//! commit, NOTIFYs may be lost, a tail listens and polls, a hub has live and lagging streams, and
//! connections of clients are cut. Servers restart, a failover loses a row, and retention drops
//! rows.
//!
//! [`Guards`] are the rules of docs/decisions. A test without one of them shows what it is for.

mod world;

use stateright::{Model, Property};

use world::{Client, ClientMode, Position, Row, World, WriterState};

/// The rules that make delivery correct.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule that is kept or not")]
pub struct Guards {
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

impl Guards {
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
    pub guards: Guards,
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
pub enum Step {
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
    fn connect(&self, world: &mut World) {
        world.is_connected = true;
        world.read_timeline = world.timeline;
        world.must_read = true;
        match world.position {
            None => world.position = Some(world.head()),
            Some(position) if !world.holds(position, self.guards.timeline) => world.gap(),
            Some(_) => {}
        }
    }

    fn read(&self, world: &mut World) {
        (world.is_notified, world.must_read) = (false, false);
        let Some(mut position) = world.position else { return };
        let rows: Vec<Row> = world.readable_after(position.id).collect();
        for row in rows {
            if self.guards.chain && row.prev != position.id {
                world.gap();
                return;
            }
            self.publish(world, row);
            position = row.into();
        }
    }

    /// The hub delivers a row.
    fn publish(&self, world: &mut World, row: Row) {
        for client in world.clients.iter_mut().filter(|client| client.mode == ClientMode::Live) {
            if client.queue.len() < QUEUE_MAX {
                client.queue.push(row);
            } else if self.guards.overflow_lags {
                client.queue.clear();
                client.mode = ClientMode::Lagging(client.cursor.id);
            }
        }
        world.position = Some(row.into());
    }

    fn take_notify_row(&self, world: &mut World) {
        let Some(position) = world.position else { return };
        let row = world.notify_rows.remove(0);
        if row.id <= position.id {
            return;
        }
        let follows = row.prev == position.id || !self.guards.notify_row_chain;
        if follows && (row.timeline == world.read_timeline || !self.guards.notify_row_timeline) {
            self.publish(world, row);
        } else {
            world.is_notified = true;
        }
    }

    fn join(&self, world: &mut World, client: usize) {
        let cursor = world.clients[client].cursor;
        if world.holds(cursor, self.guards.timeline) {
            world.clients[client].mode = ClientMode::Lagging(cursor.id);
        } else {
            world.reset(client);
        }
    }

    /// Reads one row, or makes the stream live.
    fn catch_up(&self, world: &mut World, client: usize) {
        let (Some(position), ClientMode::Lagging(from)) = (world.position, world.clients[client].mode) else {
            return;
        };
        let next = world.readable_after(from).find(|row| row.id <= position.id);
        match next {
            Some(row) if self.guards.chain && row.prev != from => world.reset(client),
            Some(row) => {
                world.clients[client].queue.push(row);
                world.clients[client].mode = ClientMode::Lagging(row.id);
            }
            None if self.guards.chain && from < position.id => world.reset(client),
            None if self.guards.live_in_one_section => world.clients[client].mode = ClientMode::Live,
            None => world.clients[client].mode = ClientMode::Replayed,
        }
    }
}

impl Model for DeliveryModel {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let client = Client {
            mode: ClientMode::Away,
            cursor: Position::default(),
            known: Vec::new(),
            queue: Vec::new(),
            is_out_of_order: false,
        };
        vec![World {
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
    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        let is_locked = world.writers.iter().any(|writer| matches!(writer, WriterState::Drawn(_)));
        for (number, writer) in world.writers.iter().enumerate() {
            match writer {
                WriterState::Idle if !(self.guards.lock && is_locked) => steps.push(Step::Draw(number)),
                WriterState::Idle | WriterState::Done => {}
                WriterState::Drawn(_) => steps.push(Step::Commit(number)),
                WriterState::Committed(_) => {
                    steps.push(Step::Notify(number));
                    if world.is_listening {
                        steps.push(Step::NotifyWithRow(number));
                    }
                    if self.lossy_notify {
                        steps.push(Step::NotifyLost(number));
                    }
                }
            }
        }
        if !world.is_listening {
            steps.push(Step::Listen);
        }
        let has_more =
            world.position.is_some_and(|position| world.readable_after(position.id).next().is_some());
        if !world.is_connected {
            steps.push(Step::Connect);
        } else if world.is_notified || world.must_read || (self.guards.poll && has_more) {
            steps.push(Step::Read);
        }
        if world.is_connected && !world.notify_rows.is_empty() {
            steps.push(Step::TakeNotifyRow);
        }
        let position = world.position.unwrap_or_default();
        for (number, client) in world.clients.iter().enumerate() {
            match client.mode {
                // The server waits for a cursor that is ahead of it, unless the cursor's row does
                // not exist.
                ClientMode::Away if world.position.is_some() => {
                    if client.cursor.id <= position.id || !world.holds(client.cursor, self.guards.timeline) {
                        steps.push(Step::Join(number));
                    }
                }
                ClientMode::Lagging(_) if client.queue.is_empty() => steps.push(Step::CatchUp(number)),
                ClientMode::Replayed => steps.push(Step::Subscribe(number)),
                ClientMode::Away | ClientMode::Lagging(_) | ClientMode::Live => {}
            }
            if !client.queue.is_empty() {
                steps.push(Step::Take(number));
            }
            if world.cuts > 0 && client.mode != ClientMode::Away {
                steps.push(Step::Cut(number));
            }
        }
        if world.restarts > 0 && world.position.is_some() {
            steps.push(Step::Restart);
        }
        if world.failovers > 0 && !world.log.is_empty() {
            steps.push(Step::Failover);
        }
        // Never the last row: a shard gets a tick every minute, and retention is days.
        if world.drops > 0 && world.log.iter().rev().skip(1).any(|row| !row.is_dropped) {
            steps.push(Step::Drop);
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut world = world.clone();
        match step {
            Step::Draw(writer) => {
                let (id, prev, timeline) = (world.next_id, world.head().id, world.timeline);
                world.writers[writer] =
                    WriterState::Drawn(Row { id, prev, timeline, write: writer, is_dropped: false });
                world.next_id += 1;
            }
            Step::Commit(writer) => {
                let WriterState::Drawn(row) = world.writers[writer] else { return None };
                world.log.push(row);
                world.log.sort_unstable_by_key(|row| row.id);
                world.writers[writer] = WriterState::Committed(row);
            }
            Step::Notify(writer) => {
                world.is_notified |= world.is_listening;
                world.writers[writer] = WriterState::Done;
            }
            Step::NotifyWithRow(writer) => {
                let WriterState::Committed(row) = world.writers[writer] else { return None };
                world.notify_rows.push(row);
                world.writers[writer] = WriterState::Done;
            }
            Step::NotifyLost(writer) => world.writers[writer] = WriterState::Done,
            Step::Listen => {
                world.is_listening = true;
                world.is_notified |= self.guards.read_after_listen;
            }
            Step::Connect => self.connect(&mut world),
            Step::Read => self.read(&mut world),
            Step::TakeNotifyRow => self.take_notify_row(&mut world),
            Step::Join(client) => self.join(&mut world, client),
            Step::CatchUp(client) => self.catch_up(&mut world, client),
            Step::Subscribe(client) => world.clients[client].mode = ClientMode::Live,
            Step::Take(client) => {
                let client = &mut world.clients[client];
                let row = client.queue.remove(0);
                client.is_out_of_order |= row.id <= client.cursor.id;
                client.cursor = row.into();
                if let Err(place) = client.known.binary_search(&row.write) {
                    client.known.insert(place, row.write);
                }
            }
            Step::Cut(client) => {
                world.cuts -= 1;
                world.clients[client].mode = ClientMode::Away;
                world.clients[client].queue.clear();
            }
            Step::Restart => {
                world.restarts -= 1;
                world.position = None;
                world.notify_rows.clear();
                (world.is_connected, world.is_listening, world.is_notified, world.must_read) =
                    (false, false, false, false);
                world.disconnect_everybody();
            }
            Step::Failover => world.fail_over(),
            Step::Drop => {
                world.drops -= 1;
                world.log.iter_mut().find(|row| !row.is_dropped)?.is_dropped = true;
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NOTHING_SKIPPED, |_, world: &World| {
                let is_past = |client: &Client, row: &Row| row.id <= client.cursor.id;
                world.clients.iter().all(|client| {
                    let mut past = world.log.iter().filter(|row| is_past(client, row));
                    past.all(|row| client.known.contains(&row.write))
                        // Its cursor names a row that a failover lost; its next connection resets
                        // it.
                        || world.is_lost(client.cursor)
                })
            }),
            Property::always(ORDER_KEPT, |_, world: &World| {
                world.clients.iter().all(|client| !client.is_out_of_order)
            }),
            Property::always(EVERYTHING_ARRIVES, |model: &Self, world: &World| {
                let mut steps = Vec::new();
                model.actions(world, &mut steps);
                let mut written: Vec<usize> = world.log.iter().map(|row| row.write).collect();
                written.sort_unstable();
                !steps.is_empty() || world.clients.iter().all(|client| client.known == written)
            }),
            // Without this the other properties could hold of nothing.
            Property::sometimes(ALL_IS_DONE, |_, world: &World| {
                world.clients.iter().all(|client| client.known.len() == world.writers.len())
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
