//! Check (d) for what is true only now: a frame about a chat reaches only devices that are in that
//! chat, never those of the person whom it is about, and soon after that person said so. Whether it
//! arrives at all is not promised.

use std::collections::HashMap;

use uuid::Uuid;

use super::{Sight, Violation};
use crate::{
    archive::ArchivedRow,
    device::{Device, EphemeralFrame},
    history::{History, Time},
};

/// How late a frame may be: what a stopped server or a slow line may take, as every other wait.
const LATE_MAX: Time = 90_000_000;

/// Checks the devices of one workspace.
pub fn examine(
    devices: &[&Device],
    rows: &[&ArchivedRow],
    sights: &mut HashMap<Uuid, Sight>,
    history: &History,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for device in devices {
        for frame in &device.record().ephemeral {
            let about =
                frame.user.parse().ok().map(|user: Uuid| {
                    &*sights.entry(user).or_insert_with(|| Sight::new(user, rows, history))
                });
            if let Some(what) = wrong(device, frame, about, history) {
                let violation = Violation::new('d', format!("{}: typing {what}", device.name)).at(frame.at);
                violations.push(violation.trace(&[&format!("\"typing\":\"{}\"", frame.chat)]));
            }
        }
    }
    violations
}

fn wrong(
    device: &Device,
    frame: &EphemeralFrame,
    about: Option<&Sight>,
    history: &History,
) -> Option<&'static str> {
    if !frame.is_in_chat {
        // The stream sends it in its place among the events, so the fold decides without a slack.
        return Some("in a chat that I am not in");
    }
    if frame.user == device.person.id {
        return Some("by myself");
    }
    let chat = frame.chat.parse().ok()?;
    if !about.is_some_and(|about| about.came_before(chat, frame.at)) {
        return Some("by somebody who was never in the chat");
    }
    let said = history.said_typing(&frame.user, &frame.chat, frame.at.saturating_sub(LATE_MAX), frame.at);
    (!said).then_some("that nobody said")
}
