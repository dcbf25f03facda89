//! A model of catching up by a person who joins and leaves one chat. Their client catches up event
//! by event, on one node or another, and some events are withheld from it. The model shows that the
//! rest is enough for the client to end with the right state.

use stateright::{Model, Property};

/// The rules that make it correct. A test without one of them shows what it is for.
#[derive(Clone, Copy, Debug)]
pub struct MembershipGuards {
    /// Withholds all events of a stay that has ended. Without it, only events while the person is
    /// not a member are withheld.
    pub by_stay: bool,
    /// A cursor names the newest event known when something was withheld, and a node that is behind
    /// that event waits for it.
    pub cursor_tells: bool,
}

impl MembershipGuards {
    pub const ALL: Self = Self { by_stay: true, cursor_tells: true };
}

/// The size of the model.
#[derive(Clone, Copy, Debug)]
pub struct MembershipModel {
    pub guards: MembershipGuards,
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
    /// An event that the person sees in any case.
    Elsewhere,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MembershipState {
    log: Vec<Event>,
    /// The number of events that each node knows.
    nodes: Vec<usize>,
    /// The node that the client is on.
    on: Option<usize>,
    /// The number of events that the client has passed.
    cursor: usize,
    /// The number of events known when an event was last withheld from the client.
    filtered_as_of: usize,
    /// If the client knows the chat: the number of messages it counts.
    chat: Option<usize>,
    connects: u8,
    /// It received an event of the chat that does not fit its state.
    is_confused: bool,
    /// It received a message though the node knew that the person has left since.
    has_leaked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MembershipStep {
    Write(Event),
    /// A node reads one event.
    Read(usize),
    Connect(usize),
    /// The client receives the next event, or it is withheld.
    Take,
    Cut,
}

impl MembershipState {
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

impl Model for MembershipModel {
    type State = MembershipState;
    type Action = MembershipStep;

    fn init_states(&self) -> Vec<MembershipState> {
        vec![MembershipState {
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

    fn actions(&self, state: &MembershipState, steps: &mut Vec<MembershipStep>) {
        if state.log.len() < self.events {
            let change = if state.is_member(state.log.len()) { Event::Left } else { Event::Joined };
            steps.extend([change, Event::Said, Event::Elsewhere].map(MembershipStep::Write));
        }
        for (node, position) in state.nodes.iter().enumerate() {
            if *position < state.log.len() {
                steps.push(MembershipStep::Read(node));
            }
            // A node that is behind the cursor waits.
            let ahead =
                if self.guards.cursor_tells { state.cursor.max(state.filtered_as_of) } else { state.cursor };
            if state.on.is_none() && state.connects > 0 && *position >= ahead {
                steps.push(MembershipStep::Connect(node));
            }
        }
        if let Some(node) = state.on {
            if state.cursor < state.nodes[node] {
                steps.push(MembershipStep::Take);
            }
            if state.connects > 0 {
                steps.push(MembershipStep::Cut);
            }
        }
    }

    fn next_state(&self, state: &MembershipState, step: MembershipStep) -> Option<MembershipState> {
        let mut state = state.clone();
        match step {
            MembershipStep::Write(event) => state.log.push(event),
            MembershipStep::Read(node) => state.nodes[node] += 1,
            MembershipStep::Connect(node) => {
                state.connects -= 1;
                state.on = Some(node);
            }
            MembershipStep::Take => {
                let node = state.on?;
                let (index, known) = (state.cursor, state.nodes[node]);
                let event = state.log[index];
                state.cursor += 1;
                let was_member = state.is_member(index);
                let is_over =
                    if self.guards.by_stay { state.has_left(index, known) } else { !state.is_member(known) };
                if is_over && (event == Event::Joined || was_member) {
                    state.filtered_as_of = known;
                }
                match event {
                    Event::Joined if !is_over => state.chat = Some(state.said(index)),
                    Event::Left if was_member => state.chat = None,
                    Event::Said if was_member && !is_over => {
                        state.is_confused |= state.chat != Some(state.said(index));
                        state.chat = state.chat.map(|_| state.said(index + 1));
                        state.has_leaked |= state.has_left(index, known);
                    }
                    Event::Joined | Event::Left | Event::Said | Event::Elsewhere => {}
                }
            }
            MembershipStep::Cut => state.on = None,
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NEVER_CONFUSED, |_, state: &MembershipState| !state.is_confused),
            Property::always(NOTHING_LEAKS, |_, state: &MembershipState| !state.has_leaked),
            Property::always(ENDS_RIGHT, |_, state: &MembershipState| {
                let end = state.log.len();
                let right = state.is_member(end).then(|| state.said(end));
                state.cursor < end || state.chat == right
            }),
            Property::sometimes(COMES_BACK, |_, state: &MembershipState| {
                let end = state.log.len();
                state.chat.is_some() && state.cursor == end && state.has_left(0, end)
            }),
        ]
    }
}

/// The client receives no event of a chat that it does not know, and no message without the ones
/// before.
pub const NEVER_CONFUSED: &str = "never confused";
/// A node that knows that the person left sends no message from before.
pub const NOTHING_LEAKS: &str = "nothing leaks";
/// At the end of the log, the client has the state of a snapshot.
pub const ENDS_RIGHT: &str = "ends right";
/// Some client comes back. Without this the other properties could hold trivially.
pub const COMES_BACK: &str = "comes back";
