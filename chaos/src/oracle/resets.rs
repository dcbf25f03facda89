//! Checks (b) that each `reset` had a cause: a cursor that the server could not resume from.

use std::collections::BTreeMap;

use super::Violation;
use crate::{
    archive::{ArchivedRow, Dropped},
    device::{Device, Reset},
    history::Time,
    world::World,
};

/// How long after a drop a server may find the gap, if another fault stopped it or cut it off.
const FOUND_WITHIN: Time = 90_000_000;

/// The resets without a cause.
pub fn unwarranted(world: &World, rows: &BTreeMap<i64, ArchivedRow>) -> Vec<Violation> {
    let drops = world.archive.dropped();
    let mut violations = Vec::new();
    for device in &world.devices {
        for reset in &device.record().resets {
            if !is_warranted(device, reset, rows, &drops) {
                let what = format!("{} was at {} and was reset: {}", device.name, reset.from, reset.reason);
                let about = format!("\"device\":\"{}\"", device.name);
                violations.push(Violation::new('b', what).at(reset.at).trace(&[&about]));
            }
        }
    }
    violations
}

fn is_warranted(
    device: &Device,
    reset: &Reset,
    rows: &BTreeMap<i64, ArchivedRow>,
    drops: &[Dropped],
) -> bool {
    let mut before = drops.iter().filter(|dropped| dropped.at <= reset.at);
    match reset.reason.as_str() {
        // The row at its cursor was dropped, or the next one.
        "unknown" | "expired" => before.any(|dropped| reset.from < dropped.edge),
        // Rows were dropped that a server had not read while it was away.
        "gap" => {
            before.any(|dropped| dropped.may_be_unseen && reset.at.saturating_sub(dropped.at) < FOUND_WITHIN)
        }
        // The row itself is unreadable.
        "unreadable_event" => rows.get(&reset.position).is_some_and(|row| {
            let its_own = row.workspace_id.is_some_and(|id| id.to_string() == device.person.workspace_id);
            row.is_poison && its_own
        }),
        _ => false,
    }
}
