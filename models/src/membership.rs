//! One person, one chat that they come into and leave again, and a client of theirs that catches up meanwhile, page by page
//! and with connections to one node or another: what is withheld from it, so that what it makes of the rest is right.

use stateright::{Model, Property};

/// What keeps it right. Taken away one by one they show what each is for.
#[derive(Clone, Copy, Debug)]
pub struct Guards {
    /// What was said in a stay that is over is withheld; without it, only while the person is not in the chat.
    pub by_stay: bool,
    /// The cursor of a client from whom something was withheld says by what, and a node that does not know that waits for it.
    pub cursor_tells: bool,
}

impl Guards {
    pub const ALL: Self = Self { by_stay: true, cursor_tells: true };
}

/// What is tried out.
#[derive(Clone, Copy, Debug)]
pub struct Membership {
    pub guards: Guards,
    /// Events in the log.
    pub events: usize,
    pub nodes: usize,
    pub connects: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    Joined,
    Left,
    /// A message in the chat.
    Said,
    /// Something that the person sees whether or not they are in the chat.
    Elsewhere,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    log: Vec<Event>,
    /// How much of it each node knows.
    nodes: Vec<usize>,
    /// The node that the client is on.
    on: Option<usize>,
    /// How much of the log the client has behind it.
    cursor: usize,
    /// How much of it was known when something was last withheld from it.
    filtered_as_of: usize,
    /// If it knows the chat, how many messages it thinks there are.
    chat: Option<usize>,
    connects: u8,
    /// It was given something of the chat that it cannot place.
    is_confused: bool,
    /// It was given something of the chat though the node knew that the person had left it since.
    has_leaked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    Write(Event),
    /// A node takes one event over.
    Read(usize),
    Connect(usize),
    /// The client gets one event, or passes over it.
    Take,
    Cut,
}

impl World {
    /// Whether the person is in the chat after so many events.
    fn is_member(&self, events: usize) -> bool {
        let last = self.log[..events].iter().rev().find(|event| matches!(event, Event::Joined | Event::Left));
        last == Some(&Event::Joined)
    }

    fn said(&self, events: usize) -> usize {
        self.log[..events].iter().filter(|event| **event == Event::Said).count()
    }

    /// Whether the person has left between the event `index` and the first `until` of the log.
    fn has_left(&self, index: usize, until: usize) -> bool {
        self.log[..until].iter().skip(index + 1).any(|event| *event == Event::Left)
    }
}

impl Model for Membership {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            log: Vec::new(),
            nodes: vec![0; self.nodes],
            on: None,
            cursor: 0,
            filtered_as_of: 0,
            chat: None,
            connects: self.connects,
            is_confused: false,
            has_leaked: false,
        }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        if world.log.len() < self.events {
            let change = if world.is_member(world.log.len()) { Event::Left } else { Event::Joined };
            steps.extend([change, Event::Said, Event::Elsewhere].map(Step::Write));
        }
        for (node, position) in world.nodes.iter().enumerate() {
            if *position < world.log.len() {
                steps.push(Step::Read(node));
            }
            // A cursor from ahead of a node is waited for.
            let ahead =
                if self.guards.cursor_tells { world.cursor.max(world.filtered_as_of) } else { world.cursor };
            if world.on.is_none() && world.connects > 0 && *position >= ahead {
                steps.push(Step::Connect(node));
            }
        }
        if let Some(node) = world.on {
            if world.cursor < world.nodes[node] {
                steps.push(Step::Take);
            }
            if world.connects > 0 {
                steps.push(Step::Cut);
            }
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut world = world.clone();
        match step {
            Step::Write(event) => world.log.push(event),
            Step::Read(node) => world.nodes[node] += 1,
            Step::Connect(node) => {
                world.connects -= 1;
                world.on = Some(node);
            }
            Step::Take => {
                let node = world.on?;
                let (index, known) = (world.cursor, world.nodes[node]);
                let event = world.log[index];
                world.cursor += 1;
                let was_member = world.is_member(index);
                let is_over =
                    if self.guards.by_stay { world.has_left(index, known) } else { !world.is_member(known) };
                if is_over && (event == Event::Joined || was_member) {
                    world.filtered_as_of = known;
                }
                match event {
                    Event::Joined if !is_over => world.chat = Some(world.said(index)),
                    Event::Left if was_member => world.chat = None,
                    Event::Said if was_member && !is_over => {
                        world.is_confused |= world.chat != Some(world.said(index));
                        world.chat = world.chat.map(|_| world.said(index + 1));
                        world.has_leaked |= world.has_left(index, known);
                    }
                    Event::Joined | Event::Left | Event::Said | Event::Elsewhere => {}
                }
            }
            Step::Cut => world.on = None,
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NEVER_CONFUSED, |_, world: &World| !world.is_confused),
            Property::always(NOTHING_LEAKS, |_, world: &World| !world.has_leaked),
            Property::always(ENDS_RIGHT, |_, world: &World| {
                let end = world.log.len();
                let right = world.is_member(end).then(|| world.said(end));
                world.cursor < end || world.chat == right
            }),
            Property::sometimes(COMES_BACK, |_, world: &World| {
                let end = world.log.len();
                world.chat.is_some() && world.cursor == end && world.has_left(0, end)
            }),
        ]
    }
}

/// Nothing comes of a chat that the client does not know, and no message without those before it.
pub const NEVER_CONFUSED: &str = "never confused";
/// Nothing is sent that was said before the person left, by a node that knows that they did.
pub const NOTHING_LEAKS: &str = "nothing leaks";
/// Who has come to the end of the log knows what a snapshot would say.
pub const ENDS_RIGHT: &str = "ends right";
/// Else the others would hold of nothing.
pub const COMES_BACK: &str = "comes back";
