//! The people and conversations of the demo, in the order in which they are created.

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Person {
    Ada,
    Grace,
    Alan,
    Katherine,
    Edsger,
}

use Person::{Ada, Alan, Edsger, Grace, Katherine};

impl Person {
    /// The first creates the workspace and invites the others.
    pub const ALL: [Self; 5] = [Ada, Grace, Alan, Katherine, Edsger];

    pub fn fullname(self) -> &'static str {
        match self {
            Ada => "Ada Lovelace",
            Grace => "Grace Hopper",
            Alan => "Alan Turing",
            Katherine => "Katherine Johnson",
            Edsger => "Edsger Dijkstra",
        }
    }

    pub fn email(self) -> String {
        format!("{self:?}@parlor.example").to_lowercase()
    }
}

/// A chat with its history.
pub struct Conversation {
    pub kind: &'static str,
    pub name: Option<&'static str>,
    pub description: Option<&'static str>,
    /// Who creates it.
    pub by: Person,
    /// The other members.
    pub with: &'static [Person],
    pub lines: &'static [Line],
    /// Up to which message each has read. Senders have read up to their own last message.
    pub read: &'static [(Person, usize)],
}

/// A message. Others name it by its number: 1 for the first of its chat.
pub struct Line {
    pub by: Person,
    pub body: &'static str,
    /// The number of the message that it replies to.
    pub reply_to: Option<usize>,
    /// Its text after an edit.
    pub edited: Option<&'static str>,
}

const fn says(by: Person, body: &'static str) -> Line {
    Line { by, body, reply_to: None, edited: None }
}

const fn answers(by: Person, reply_to: usize, body: &'static str) -> Line {
    Line { by, body, reply_to: Some(reply_to), edited: None }
}

const fn corrects(by: Person, body: &'static str, edited: &'static str) -> Line {
    Line { by, body, reply_to: None, edited: Some(edited) }
}

/// The last is a chat of two, which cannot be left, renamed or deleted: if it is complete, all are.
pub const CONVERSATIONS: [Conversation; 11] = [
    Conversation {
        kind: "public_channel",
        name: Some("general"),
        description: Some("Everybody, everything"),
        by: Ada,
        with: &[Grace, Alan, Katherine, Edsger],
        lines: &[
            says(Ada, "Welcome to **Parlor**! This is the channel where everybody is."),
            says(Grace, "Good morning. Is this thing on?"),
            answers(Ada, 2, "It is. And if your connection drops, you get what you missed."),
            corrects(
                Alan,
                "The release review is on Thrusday at 10:00.",
                "The release review is on Thursday at 10:00.",
            ),
            says(Katherine, "I checked the numbers twice; they hold."),
            answers(
                Edsger,
                5,
                "Testing shows the presence of errors, not their absence. Twice is a start, though.",
            ),
            says(Grace, "Found the reason for yesterday's outage: a moth. Taped it into the log book."),
            answers(Katherine, 7, "Please put *that* in the incident report."),
            says(Alan, "Office is closed on Monday. The machines are not, they never are."),
            says(
                Ada,
                "Minutes of the planning round:\n\n1. Offline reading ships first\n2. Search waits for *real* numbers\n\
                 3. Nobody deploys on a Friday\n\n> A plan is a list of things that will not happen in that order.",
            ),
            answers(Grace, 10, "Agreed on all three. I can take the first."),
            answers(Edsger, 10, "On 3: nor on a Thursday evening, which is a Friday with better manners."),
        ],
        read: &[(Ada, 10), (Alan, 12), (Katherine, 12)],
    },
    Conversation {
        kind: "public_channel",
        name: Some("engineering"),
        description: Some("How it works, and why it does not"),
        by: Edsger,
        with: &[Ada, Grace, Alan],
        lines: &[
            says(
                Edsger,
                "Who wrote this?\n\n```rust\nwhile !done {\n    thread::sleep(Duration::from_secs(1));\n}\n```",
            ),
            answers(Alan, 1, "It halts. I am fairly sure that it halts."),
            answers(
                Ada,
                1,
                "Mine, from the prototype. Wait for the event instead:\n\n```rust\nnotify.notified().await;\n```",
            ),
            says(Grace, "`cargo test` is green again; the flaky one waited for a fixed time as well."),
            corrects(
                Ada,
                "The slow query was missing an index on `messages (chat_id)`.",
                "The slow query was missing an index on `messages (chat_id, seq)`. 840 ms before, 0.6 ms now.",
            ),
            answers(Alan, 5, "| before | after |\n|---|---|\n| 840 ms | 0.6 ms |\n\nI like this table."),
            says(Edsger, "Two reviews are open since Tuesday. I mention it without emotion."),
            answers(Grace, 7, "On it. The second one has a moth in it, too."),
        ],
        read: &[(Ada, 5), (Alan, 8)],
    },
    Conversation {
        kind: "public_channel",
        name: Some("releases"),
        description: Some("What goes out, and when"),
        by: Grace,
        with: &[Ada, Edsger],
        lines: &[
            says(Grace, "Build 0.1 is tagged. Checklist:\n\n- [x] migrations\n- [x] docs\n- [ ] cake"),
            says(Ada, "Cake is ordered."),
            answers(Edsger, 1, "Simplicity is a prerequisite for reliability. One cake, not three."),
        ],
        read: &[],
    },
    Conversation {
        kind: "private_channel",
        name: Some("founders"),
        description: None,
        by: Ada,
        with: &[Grace],
        lines: &[
            says(Ada, "Offer for the second office came in. Numbers are in the sheet."),
            says(Grace, "It is easier to ask forgiveness than permission. I say we take it."),
        ],
        read: &[(Ada, 2)],
    },
    Conversation {
        kind: "group",
        name: Some("Lunch"),
        description: None,
        by: Katherine,
        with: &[Alan, Edsger],
        lines: &[
            says(Katherine, "Noodles at 12:30?"),
            says(Alan, "I cannot decide whether I will ever be hungry."),
            answers(Edsger, 1, "I know the shortest path."),
            says(
                Katherine,
                "12:30 it is. Table for three, by the window, away from the *other* mathematicians.",
            ),
            says(Alan, "Bringing an apple, just in case."),
        ],
        read: &[(Katherine, 4)],
    },
    Conversation {
        kind: "single",
        name: None,
        description: None,
        by: Grace,
        with: &[Ada],
        lines: &[
            says(Grace, "Do you have ten minutes to look at the compiler?"),
            says(Ada, "After lunch. Send me the listing?"),
            says(Grace, "```\nMOVE A TO B\n```\nThat is the line that puzzles me."),
        ],
        read: &[],
    },
    Conversation {
        kind: "public_channel",
        name: Some("random"),
        description: Some("Moths, apples and whatever else"),
        by: Alan,
        with: &[Ada, Grace, Katherine, Edsger],
        lines: &[
            says(Alan, "Found an apple on my desk. Nobody has claimed it."),
            says(Katherine, "It was on a ballistic trajectory from mine."),
            answers(Grace, 2, "Confirmed. I have the log."),
        ],
        read: &[(Ada, 3)],
    },
    Conversation {
        kind: "group",
        name: Some("Reading circle"),
        description: None,
        by: Edsger,
        with: &[Ada, Grace],
        lines: &[
            says(Edsger, "Next is the note on the harmfulness of a certain statement. I know the author."),
            says(Ada, "I have notes on it that are longer than the text."),
            answers(Grace, 2, "You always do. They are the better part."),
        ],
        read: &[(Ada, 3)],
    },
    Conversation {
        kind: "single",
        name: None,
        description: None,
        by: Katherine,
        with: &[Ada],
        lines: &[
            says(Ada, "Did the figures for Thursday come in?"),
            says(Katherine, "Yes, and they agree with mine to the ninth place. Shall I send the sheet?"),
        ],
        read: &[],
    },
    Conversation {
        kind: "single",
        name: None,
        description: None,
        by: Edsger,
        with: &[Ada],
        lines: &[
            says(Edsger, "I proved the queue empty. Then somebody put something in."),
            says(Ada, "That is what queues are for."),
        ],
        read: &[(Edsger, 2)],
    },
    Conversation {
        kind: "single",
        name: None,
        description: None,
        by: Alan,
        with: &[Katherine],
        lines: &[
            says(Alan, "Could you check an orbit for me?"),
            says(Katherine, "Give me the initial conditions."),
        ],
        read: &[(Alan, 2)],
    },
];
