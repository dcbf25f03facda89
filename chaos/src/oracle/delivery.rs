//! Checks (b) that every event reached every device that may see it, (c) in order, (d) no event
//! reached another device, and (f) every received event is in the log.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::{Findings, Sight, Violation, ephemeral};
use crate::{
    archive::ArchivedRow,
    device::{Device, Record, Seen, Segment},
    history::{History, Time},
    world::World,
};

/// Bytes that a server may have filtered and sent but the client has not received: the socket
/// buffer (at most 4 MB by `tcp_wmem`), a page of replay (1 MB), a queue, and the buffers of
/// proxies.
const JUDGED_AHEAD_BYTES: u64 = 6 * 1024 * 1024;
/// An event younger than this proves that a stream is live. An event that a server delivered longer
/// ago is in the queue of each of its live streams.
const LIVE_WITHIN: Time = 500_000;

/// How long events took to arrive.
#[derive(Default)]
pub struct Delivery {
    /// Microseconds from the write to the arrival, for each event and device.
    pub delays: Vec<u64>,
    /// The longest delay, with its device and position.
    pub longest: Option<(u64, String, i64)>,
}

/// The position that each notify_server had proven by a delivery: time and position, both
/// ascending.
type KnownPositions = HashMap<usize, Vec<(Time, i64)>>;

/// Checks one workspace. Its rows are in order.
pub fn examine(
    world: &World,
    workspace: Uuid,
    rows: &[&ArchivedRow],
    end: Option<i64>,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let by_id: HashMap<i64, &ArchivedRow> = rows.iter().map(|row| (row.id, *row)).collect();
    let scrubbed: HashMap<Uuid, Time> = rows
        .iter()
        // From the newest to the oldest: the first change counts.
        .rev()
        .filter(|row| matches!(row.kind.as_str(), "message.deleted" | "message.edited"))
        .filter_map(|row| Some((row.message_id?, world.history.time_of(row.at))))
        .collect();
    let devices: Vec<&Device> =
        world.devices.iter().filter(|device| device.person.workspace_id == workspace.to_string()).collect();
    // Deleted chats count as well: their messages are removed without events.
    let gone: HashMap<Uuid, Time> = rows
        .iter()
        .filter(|row| row.kind == "chat.deleted")
        .filter_map(|row| Some((row.chat_id?, world.history.time_of(row.at))))
        .collect();
    let known = known(&devices);
    let mut messages: HashMap<Uuid, Vec<(i64, i64)>> = HashMap::new();
    for row in rows.iter().filter(|row| row.kind == "message.new") {
        if let (Some(chat), Some(seq)) = (row.chat_id, row.seq) {
            messages.entry(chat).or_default().push((row.id, seq));
        }
    }
    let mut sights: HashMap<Uuid, Sight> = HashMap::new();
    for device in &devices {
        let me: Uuid = device.person.id.parse()?;
        let sight = sights.entry(me).or_insert_with(|| Sight::new(me, rows, &world.history));
        let record = device.record();
        for (at, position, what) in &record.problems {
            let violation = Violation::new('c', format!("{}: {what}", device.name)).at(*at);
            findings.violations.push(about(violation, device, *position));
        }
        let check = Check {
            device,
            record: &record,
            sight,
            rows: &by_id,
            scrubbed: &scrubbed,
            gone: &gone,
            known: &known,
            history: &world.history,
        };
        let last = record.segments.len().saturating_sub(1);
        for (index, segment) in record.segments.iter().enumerate() {
            let seen_last = segment.seen.last().map_or(segment.snapshot_position, |seen| seen.position);
            let is_open = index == last && !segment.ended_by_reset && !record.is_over;
            // Events that a reset skipped are in the snapshot after it.
            let until = if is_open { end.unwrap_or(seen_last) } else { seen_last };
            check.snapshot(segment, &messages, findings);
            check.missing(segment, until, findings);
            check.seen(segment, findings);
        }
    }
    findings.violations.extend(ephemeral::examine(&devices, rows, &mut sights, &world.history));
    Ok(())
}

fn about(violation: Violation, device: &Device, position: i64) -> Violation {
    let device = format!("\"device\":\"{}\"", device.name);
    violation
        .trace(&[&format!("\"frame\":{position},")])
        .trace(&[&device, "\"connected\":"])
        .trace(&[&device, "\"snapshot\":"])
        .trace(&[&device, "\"reset\":"])
        .trace(&[&device, "\"problem\":"])
}

fn known(devices: &[&Device]) -> KnownPositions {
    let mut known = KnownPositions::new();
    for device in devices {
        let record = device.record();
        for seen in record.segments.iter().flat_map(|segment| &segment.seen) {
            if let Some(node) = record.connections.get(seen.connection).map(|connection| connection.node) {
                known.entry(node).or_default().push((seen.at, seen.position));
            }
        }
    }
    for positions in known.values_mut() {
        positions.sort_unstable();
        let mut newest = 0;
        for (_, position) in positions {
            newest = newest.max(*position);
            *position = newest;
        }
    }
    known
}

struct Check<'a> {
    device: &'a Device,
    record: &'a Record,
    sight: &'a Sight,
    rows: &'a HashMap<i64, &'a ArchivedRow>,
    /// Messages that were edited or deleted, and since when their events may have changed.
    scrubbed: &'a HashMap<Uuid, Time>,
    gone: &'a HashMap<Uuid, Time>,
    known: &'a KnownPositions,
    history: &'a History,
}

impl Check<'_> {
    /// A snapshot contains exactly what was written up to its position, including events that a
    /// reset skipped.
    fn snapshot(
        &self,
        segment: &Segment,
        messages: &HashMap<Uuid, Vec<(i64, i64)>>,
        findings: &mut Findings,
    ) {
        let position = segment.snapshot_position;
        let last = |chat: &Uuid| {
            let all = messages.get(chat).map_or(&[][..], Vec::as_slice);
            let before = all.partition_point(|(id, _)| *id <= position);
            before.checked_sub(1).map_or(0, |last| all[last].1)
        };
        let expected: BTreeMap<String, i64> =
            self.sight.chats_at(position).map(|chat| (chat.to_string(), last(&chat))).collect();
        if segment.snapshot != expected {
            let what = format!(
                "{}: the snapshot at {position} has {:?} and not {expected:?}",
                self.device.name, segment.snapshot
            );
            let violation = Violation::new('b', what).at(segment.snapshot_at);
            findings.violations.push(about(violation, self.device, position));
        }
    }

    fn missing(&self, segment: &Segment, until: i64, findings: &mut Findings) {
        let visible = &self.sight.visible;
        let from = visible.partition_point(|position| *position <= segment.snapshot_position);
        let to = visible.partition_point(|position| *position <= until);
        for position in visible.get(from..to).unwrap_or_default() {
            let next = segment.seen.partition_point(|seen| seen.position < *position);
            let (last, next) = (next.checked_sub(1).map(|last| segment.seen[last]), segment.seen.get(next));
            if next.is_some_and(|seen| seen.position == *position) {
                continue;
            }
            let Some(row) = self.rows.get(position) else { continue };
            // An unreadable row is sent as a reset, which ends the segment.
            if self.may_be_withheld(row, last.as_ref(), next, &segment.heartbeats) {
                continue;
            }
            let what = format!("{} never got {} at {position}", self.device.name, row.kind);
            let violation = Violation::new('b', what).at(self.history.time_of(row.at));
            findings.violations.push(about(violation, self.device, *position));
        }
    }

    /// Whether a row may be missing between two received rows: the person had left the chat when
    /// the server filtered it.
    fn may_be_withheld(
        &self,
        row: &ArchivedRow,
        last: Option<&Seen>,
        next: Option<&Seen>,
        heartbeats: &[(Time, i64)],
    ) -> bool {
        let Some(left_at) = self.sight.left_after(row) else { return false };
        // It was skipped when a newer event or heartbeat arrived.
        let beat = heartbeats.iter().find(|(_, position)| *position >= row.id).map(|(at, _)| *at);
        let passed_at = next.map(|seen| seen.at).into_iter().chain(beat).min();
        if passed_at.is_some_and(|at| at < left_at) {
            return false;
        }
        // Catching up filters later than the event; a live stream filters when the event happens.
        let (Some(last), Some(next)) = (last, next) else { return true };
        let connection = self.record.connections.get(last.connection);
        let Some(connection) = connection.filter(|_| last.connection == next.connection) else { return true };
        let was_live = self.rows.get(&last.position).is_some_and(|row| {
            let at = self.history.time_of(row.at);
            at > connection.connected_at && last.at < at + LIVE_WITHIN
        });
        let known = self.known_before(connection.node, left_at.saturating_sub(LIVE_WITHIN));
        !(was_live && known >= Some(row.id))
    }

    fn seen(&self, segment: &Segment, findings: &mut Findings) {
        let mut all: Vec<(&Seen, bool)> = segment.seen.iter().map(|seen| (seen, true)).collect();
        all.extend(segment.again.iter().map(|seen| (seen, false)));
        all.sort_by_key(|(seen, _)| (seen.connection, seen.at, seen.position));
        for (index, (seen, is_first)) in all.iter().enumerate() {
            let mut wrong = |check, what: String| {
                let violation = Violation::new(check, format!("{}: {what}", self.device.name)).at(seen.at);
                findings.violations.push(about(violation, self.device, seen.position));
            };
            let Some(row) = self.rows.get(&seen.position) else {
                wrong(
                    'f',
                    format!("a frame at {}, where the log has no row of its workspace", seen.position),
                );
                continue;
            };
            if !self.sight.sees(seen.position) {
                wrong('d', format!("{} at {}, which was not for them", row.kind, seen.position));
            }
            if row.hash != seen.hash && !self.may_be_changed(row, seen.at) {
                wrong('f', format!("{} at {} is not what the log has", row.kind, seen.position));
            }
            let connection = self.record.connections.get(seen.connection);
            let judged_after = connection.map(|connection| {
                let behind = all[..index].iter().rev().map(|(earlier, _)| earlier);
                let behind = behind.take_while(|earlier| earlier.connection == seen.connection);
                let mut behind = behind
                    .skip_while(|earlier| earlier.bytes_before + JUDGED_AHEAD_BYTES > seen.bytes_before);
                behind.next().map_or(connection.asked_at, |earlier| earlier.at)
            });
            let known = connection.and_then(|connection| self.known_before(connection.node, judged_after?));
            if known.is_some_and(|known| self.sight.must_be_withheld(row, known)) {
                wrong('d', format!("{} at {}, after they had been removed", row.kind, seen.position));
            }
            if !is_first {
                continue;
            }
            let delay = seen.at.saturating_sub(self.history.time_of(row.at));
            findings.delivery.delays.push(delay);
            if findings.delivery.longest.as_ref().is_none_or(|(longest, _, _)| delay > *longest) {
                findings.delivery.longest = Some((delay, self.device.name.clone(), seen.position));
            }
        }
    }

    /// Whether an event may differ from the archived row, since a body was removed from it before.
    fn may_be_changed(&self, row: &ArchivedRow, seen_at: Time) -> bool {
        let scrubbed = row.message_id.and_then(|id| self.scrubbed.get(&id));
        let gone = row.message_id.and(row.chat_id).and_then(|chat| self.gone.get(&chat));
        scrubbed.into_iter().chain(gone).any(|at| *at <= seen_at.max(row.read_at))
    }

    /// The proven position of a notify_server before a time.
    fn known_before(&self, node: usize, time: Time) -> Option<i64> {
        let positions = self.known.get(&node)?;
        let before = positions.partition_point(|(at, _)| *at < time);
        positions.get(before.checked_sub(1)?).map(|(_, position)| *position)
    }
}
