//! One shard of the log, from the lock to a client that resumes: writers who draw ids and commit, bells that may be lost, a
//! tail that listens and polls, a hub with live and lagging streams, clients whose connections are cut, and what goes
//! wrong around them: restarts, a failover that loses a row, retention.
//!
//! [`Guards`] are the rules of docs/decisions. Taken away one by one they show what each is for.

use stateright::{Model, Property};

/// What keeps delivery right.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule that is kept or not")]
pub struct Guards {
    /// An id is drawn under the shard's lock, which is held until the commit is visible.
    pub lock: bool,
    /// Readers check that each row names the row before it.
    pub chain: bool,
    /// The tail looks now and then though no bell has rung.
    pub poll: bool,
    /// Once it listens, the tail looks again.
    pub look_after_listen: bool,
    /// A stream becomes live in the locked section in which it reaches the shard's position.
    pub live_in_one_section: bool,
    /// A stream whose queue is full reads on from its cursor; without it the event is dropped.
    pub overflow_lags: bool,
    /// A cursor must agree in timeline with the row that it names.
    pub timeline: bool,
    /// A row that came with its ring is taken only if it follows what was read last.
    pub rung_chain: bool,
    /// And only if it is of the timeline that is read from.
    pub rung_timeline: bool,
}

impl Guards {
    pub const ALL: Self = Self {
        lock: true,
        chain: true,
        poll: true,
        look_after_listen: true,
        live_in_one_section: true,
        overflow_lags: true,
        timeline: true,
        rung_chain: true,
        rung_timeline: true,
    };
}

/// What is tried out: how many there are, and how often things go wrong.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    pub guards: Guards,
    pub writers: usize,
    pub clients: usize,
    /// Whether a bell may get lost though somebody listens.
    pub lossy_bells: bool,
    pub cuts: u8,
    pub restarts: u8,
    pub failovers: u8,
    pub drops: u8,
}

/// A row of the log, and the write that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    id: u8,
    prev: u8,
    timeline: u8,
    write: usize,
    /// Past retention: it happened, and nobody can read it.
    is_dropped: bool,
}

/// A place in the log; id 0: before the first row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Position {
    id: u8,
    timeline: u8,
}

impl From<Row> for Position {
    fn from(row: Row) -> Self {
        Self { id: row.id, timeline: row.timeline }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Writer {
    Idle,
    Drawn(Row),
    Committed(Row),
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    Away,
    /// Reads on after this id.
    Lagging(u8),
    /// Has read everything and is not live yet: what happens without `live_in_one_section`.
    Replayed,
    Live,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    mode: Mode,
    /// The last event that it saw.
    cursor: Position,
    /// The writes that it knows of, ascending.
    known: Vec<usize>,
    queue: Vec<Row>,
    /// It was given something that does not come after its cursor.
    is_out_of_order: bool,
}

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a state of its own")]
pub struct World {
    /// Committed, by id.
    log: Vec<Row>,
    next_id: u8,
    timeline: u8,
    writers: Vec<Writer>,
    is_listening: bool,
    bell: bool,
    /// Rows that came with rings and were not looked at yet. They outlive the connection that they came over.
    rung: Vec<Row>,
    /// The tail has just connected and looks without being told to.
    look: bool,
    is_connected: bool,
    /// Of the database when the tail connected.
    read_timeline: u8,
    /// How far the tail and the hub have come; None: the process has just started.
    position: Option<Position>,
    clients: Vec<Client>,
    cuts: u8,
    restarts: u8,
    failovers: u8,
    drops: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    Draw(usize),
    Commit(usize),
    Ring(usize),
    RingWithRow(usize),
    RingUnheard(usize),
    Listen,
    Connect,
    Read,
    TakeRung,
    Join(usize),
    CatchUp(usize),
    Subscribe(usize),
    Take(usize),
    Cut(usize),
    Restart,
    Failover,
    Drop,
}

/// Frames that wait for a client; small, so that it overflows.
const QUEUE_MAX: usize = 1;

impl World {
    fn head(&self) -> Position {
        self.log.last().map_or_else(Position::default, |row| (*row).into())
    }

    fn holds(&self, position: Position, guards: Guards) -> bool {
        position.id == 0
            || self.log.iter().any(|row| {
                !row.is_dropped
                    && row.id == position.id
                    && (row.timeline == position.timeline || !guards.timeline)
            })
    }

    /// Whether the row at a position is gone with a timeline, and was not dropped.
    fn is_lost(&self, position: Position) -> bool {
        position.id != 0 && !self.log.iter().any(|row| Position::from(*row) == position)
    }

    fn readable_after(&self, id: u8) -> impl Iterator<Item = Row> {
        self.log.iter().copied().filter(move |row| row.id > id && !row.is_dropped)
    }

    /// Told to start anew, the client takes a snapshot and its cursor, both of one moment.
    fn reset(&mut self, client: usize) {
        let mut known: Vec<usize> = self.log.iter().map(|row| row.write).collect();
        known.sort_unstable();
        let cursor = self.head();
        let client = &mut self.clients[client];
        *client = Client { mode: Mode::Away, cursor, known, queue: Vec::new(), ..client.clone() };
    }

    /// Continuity is lost: the hub forgets what it had and tells everybody.
    fn gap(&mut self) {
        self.position = Some(self.head());
        for client in 0..self.clients.len() {
            if self.clients[client].mode != Mode::Away {
                self.reset(client);
            }
        }
    }

    /// What was committed last had not reached the standby, nor had the sequence; transactions are gone.
    fn fail_over(&mut self) {
        self.failovers -= 1;
        self.log.pop();
        self.timeline += 1;
        self.next_id = self.head().id + 1;
        (self.is_connected, self.is_listening, self.bell, self.look) = (false, false, false, false);
        for writer in self.writers.iter_mut().filter(|writer| **writer != Writer::Idle) {
            *writer = Writer::Done;
        }
    }

    fn disconnect_everybody(&mut self) {
        for client in &mut self.clients {
            client.mode = Mode::Away;
            client.queue.clear();
        }
    }
}

impl Delivery {
    fn connect(&self, world: &mut World) {
        world.is_connected = true;
        world.read_timeline = world.timeline;
        world.look = true;
        match world.position {
            None => world.position = Some(world.head()),
            Some(position) if !world.holds(position, self.guards) => world.gap(),
            Some(_) => {}
        }
    }

    fn read(&self, world: &mut World) {
        (world.bell, world.look) = (false, false);
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

    /// The hub comes to a row.
    fn publish(&self, world: &mut World, row: Row) {
        for client in world.clients.iter_mut().filter(|client| client.mode == Mode::Live) {
            if client.queue.len() < QUEUE_MAX {
                client.queue.push(row);
            } else if self.guards.overflow_lags {
                client.queue.clear();
                client.mode = Mode::Lagging(client.cursor.id);
            }
        }
        world.position = Some(row.into());
    }

    fn take_rung(&self, world: &mut World) {
        let Some(position) = world.position else { return };
        let row = world.rung.remove(0);
        if row.id <= position.id {
            return;
        }
        let follows = row.prev == position.id || !self.guards.rung_chain;
        if follows && (row.timeline == world.read_timeline || !self.guards.rung_timeline) {
            self.publish(world, row);
        } else {
            world.bell = true;
        }
    }

    fn join(&self, world: &mut World, client: usize) {
        let cursor = world.clients[client].cursor;
        if world.holds(cursor, self.guards) {
            world.clients[client].mode = Mode::Lagging(cursor.id);
        } else {
            world.reset(client);
        }
    }

    /// One row, or the step to being live.
    fn catch_up(&self, world: &mut World, client: usize) {
        let (Some(position), Mode::Lagging(from)) = (world.position, world.clients[client].mode) else {
            return;
        };
        let next = world.readable_after(from).find(|row| row.id <= position.id);
        match next {
            Some(row) if self.guards.chain && row.prev != from => world.reset(client),
            Some(row) => {
                world.clients[client].queue.push(row);
                world.clients[client].mode = Mode::Lagging(row.id);
            }
            None if self.guards.chain && from < position.id => world.reset(client),
            None if self.guards.live_in_one_section => world.clients[client].mode = Mode::Live,
            None => world.clients[client].mode = Mode::Replayed,
        }
    }
}

impl Model for Delivery {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let client = Client {
            mode: Mode::Away,
            cursor: Position::default(),
            known: Vec::new(),
            queue: Vec::new(),
            is_out_of_order: false,
        };
        vec![World {
            log: Vec::new(),
            next_id: 1,
            timeline: 1,
            writers: vec![Writer::Idle; self.writers],
            is_listening: false,
            bell: false,
            rung: Vec::new(),
            look: false,
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

    /// Only what would change something: where there is no step, nothing happens any more.
    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        let is_locked = world.writers.iter().any(|writer| matches!(writer, Writer::Drawn(_)));
        for (number, writer) in world.writers.iter().enumerate() {
            match writer {
                Writer::Idle if !(self.guards.lock && is_locked) => steps.push(Step::Draw(number)),
                Writer::Idle | Writer::Done => {}
                Writer::Drawn(_) => steps.push(Step::Commit(number)),
                Writer::Committed(_) => {
                    steps.push(Step::Ring(number));
                    if world.is_listening {
                        steps.push(Step::RingWithRow(number));
                    }
                    if self.lossy_bells {
                        steps.push(Step::RingUnheard(number));
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
        } else if world.bell || world.look || (self.guards.poll && has_more) {
            steps.push(Step::Read);
        }
        if world.is_connected && !world.rung.is_empty() {
            steps.push(Step::TakeRung);
        }
        let position = world.position.unwrap_or_default();
        for (number, client) in world.clients.iter().enumerate() {
            match client.mode {
                // A cursor from a moment ahead of this server is waited for, unless it names nothing.
                Mode::Away if world.position.is_some() => {
                    if client.cursor.id <= position.id || !world.holds(client.cursor, self.guards) {
                        steps.push(Step::Join(number));
                    }
                }
                Mode::Lagging(_) if client.queue.is_empty() => steps.push(Step::CatchUp(number)),
                Mode::Replayed => steps.push(Step::Subscribe(number)),
                Mode::Away | Mode::Lagging(_) | Mode::Live => {}
            }
            if !client.queue.is_empty() {
                steps.push(Step::Take(number));
            }
            if world.cuts > 0 && client.mode != Mode::Away {
                steps.push(Step::Cut(number));
            }
        }
        if world.restarts > 0 && world.position.is_some() {
            steps.push(Step::Restart);
        }
        if world.failovers > 0 && !world.log.is_empty() {
            steps.push(Step::Failover);
        }
        // Never the last one: a shard has a tick every minute, and retention is days.
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
                    Writer::Drawn(Row { id, prev, timeline, write: writer, is_dropped: false });
                world.next_id += 1;
            }
            Step::Commit(writer) => {
                let Writer::Drawn(row) = world.writers[writer] else { return None };
                world.log.push(row);
                world.log.sort_unstable_by_key(|row| row.id);
                world.writers[writer] = Writer::Committed(row);
            }
            Step::Ring(writer) => {
                world.bell |= world.is_listening;
                world.writers[writer] = Writer::Done;
            }
            Step::RingWithRow(writer) => {
                let Writer::Committed(row) = world.writers[writer] else { return None };
                world.rung.push(row);
                world.writers[writer] = Writer::Done;
            }
            Step::RingUnheard(writer) => world.writers[writer] = Writer::Done,
            Step::Listen => {
                world.is_listening = true;
                world.bell |= self.guards.look_after_listen;
            }
            Step::Connect => self.connect(&mut world),
            Step::Read => self.read(&mut world),
            Step::TakeRung => self.take_rung(&mut world),
            Step::Join(client) => self.join(&mut world, client),
            Step::CatchUp(client) => self.catch_up(&mut world, client),
            Step::Subscribe(client) => world.clients[client].mode = Mode::Live,
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
                world.clients[client].mode = Mode::Away;
                world.clients[client].queue.clear();
            }
            Step::Restart => {
                world.restarts -= 1;
                world.position = None;
                world.rung.clear();
                (world.is_connected, world.is_listening, world.bell, world.look) =
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
                        // It stands on a row that a failover has lost, and is told so at its next connect.
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
            // Else the others would hold of nothing.
            Property::sometimes(ALL_IS_DONE, |_, world: &World| {
                world.clients.iter().all(|client| client.known.len() == world.writers.len())
            }),
        ]
    }
}

/// Whoever has come to a place in the log knows of everything before it.
pub const NOTHING_SKIPPED: &str = "nothing is skipped";
/// A connection gives each event once and in order.
pub const ORDER_KEPT: &str = "order is kept";
/// When nothing happens any more, every client knows exactly what is in the log.
pub const EVERYTHING_ARRIVES: &str = "everything arrives";
/// There is a course of events in which everybody gets everything.
pub const ALL_IS_DONE: &str = "all is done";
