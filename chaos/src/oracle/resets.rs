//! (b) To start anew is for what cannot be gone on from. Each `reset` needs what has made it so.

use std::collections::BTreeMap;

use super::Violation;
use crate::{
    archive::{Dropped, LogRow},
    device::{Device, Reset},
    history::Time,
    world::World,
};

/// How long after a drop a server may find a hole that has been away meanwhile: stopped, cut off or frozen, by another
/// fault that is waited for.
const FOUND_WITHIN: Time = 90_000_000;

/// Those that nothing has made necessary.
pub fn unwarranted(world: &World, rows: &BTreeMap<i64, LogRow>) -> Vec<Violation> {
    let drops = world.archive.dropped();
    let mut violations = Vec::new();
    for device in &world.devices {
        for reset in &device.record().resets {
            if !is_warranted(device, reset, rows, &drops) {
                let what = format!(
                    "{} was at {} and was told to start anew: {}",
                    device.name, reset.from, reset.reason
                );
                let about = format!("\"device\":\"{}\"", device.name);
                violations.push(Violation::new('b', what).at(reset.at).trace(&[&about]));
            }
        }
    }
    violations
}

fn is_warranted(device: &Device, reset: &Reset, rows: &BTreeMap<i64, LogRow>, drops: &[Dropped]) -> bool {
    let mut before = drops.iter().filter(|dropped| dropped.at <= reset.at);
    match reset.reason.as_str() {
        // What it had come to is no longer there, or what comes after that.
        "unknown" | "expired" => before.any(|dropped| reset.from < dropped.edge),
        // A server was away while rows were dropped that it had not read.
        "gap" => {
            before.any(|dropped| dropped.may_be_unseen && reset.at.saturating_sub(dropped.at) < FOUND_WITHIN)
        }
        // At that very row.
        "unreadable_event" => rows.get(&reset.position).is_some_and(|row| {
            let its_own = row.workspace_id.is_some_and(|id| id.to_string() == device.person.workspace_id);
            row.is_poison && its_own
        }),
        _ => false,
    }
}
