//! Prints the verdict of a run and its measurements.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    path::PathBuf,
    time::Duration,
};

use crate::{
    fault::Fault,
    history::History,
    oracle::{Findings, Violation},
    tally::Tally,
    world::World,
};

/// The most lines of history that are printed for a violation.
const STORY_LINES: usize = 60;
/// The most violations that are printed; the rest is counted.
const PRINTED: usize = 5;

/// The outcome of a run.
pub struct Verdict {
    pub seed: u64,
    pub violations: Vec<Violation>,
    /// Faults that this machine cannot have, and why.
    pub skipped: BTreeMap<String, String>,
    story: Vec<String>,
    history: PathBuf,
    figures: String,
}

impl Verdict {
    pub(crate) fn new(seed: u64, world: &World, tally: &Tally, faults: &[Fault], findings: Findings) -> Self {
        let figures = figures(world, tally, faults, &findings);
        let mut violations = findings.violations;
        violations.sort_by_key(|violation| (violation.at.unwrap_or(u64::MAX), violation.check));
        for violation in &violations {
            let what =
                serde_json::json!({ "violation": violation.check.to_string(), "what": violation.what });
            world.history.note(what);
        }
        let story = violations.first().map(|first| story(&world.history, first)).unwrap_or_default();
        let history = world.history.path().to_owned();
        Self { seed, violations, skipped: tally.lock().skipped.clone(), story, history, figures }
    }

    pub fn passed(&self) -> bool {
        self.violations.is_empty()
    }
}

fn story(history: &History, first: &Violation) -> Vec<String> {
    history.story(&first.traces, first.at, STORY_LINES).unwrap_or_else(|e| vec![format!("no story: {e:#}")])
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.figures)?;
        for (name, why) in &self.skipped {
            writeln!(f, "skipped            {name}: {why}")?;
        }
        if self.passed() {
            return writeln!(
                f,
                "verdict            nothing lost, doubled, reordered or leaked (seed {})",
                self.seed
            );
        }
        writeln!(f, "verdict            {} VIOLATIONS (seed {})", self.violations.len(), self.seed)?;
        // At least one of each check, however many violations another check has.
        let mut checks = Vec::new();
        let (firsts, others): (Vec<_>, Vec<_>) = self.violations.iter().partition(|violation| {
            let is_first = !checks.contains(&violation.check);
            checks.push(violation.check);
            is_first
        });
        let printed = PRINTED.max(firsts.len());
        for violation in firsts.iter().chain(&others).take(printed) {
            writeln!(f, "  ({}) {}", violation.check, violation.what)?;
        }
        if self.violations.len() > printed {
            writeln!(f, "  and {} more", self.violations.len() - printed)?;
        }
        writeln!(f, "the story of the first; t in microseconds:")?;
        for line in &self.story {
            writeln!(f, "  {line}")?;
        }
        writeln!(f, "history            {}", self.history.display())
    }
}

fn figures(world: &World, tally: &Tally, faults: &[Fault], findings: &Findings) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<19}{value}");
    };
    let sends = world.history.sends();
    let attempts: u32 = sends.values().map(|send| send.attempts).sum();
    let refused = sends.values().filter(|send| send.answers.is_empty() && send.refused.is_some()).count();
    line(
        "sends",
        format!("{} acknowledged, {refused} refused, {attempts} attempts", world.history.acknowledged()),
    );
    let (mut frames, mut typing, mut connects, mut again) = (0, 0, 0, 0);
    let mut resets: BTreeMap<String, u32> = BTreeMap::new();
    for device in &world.devices {
        let record = device.record();
        frames += record.events();
        typing += record.ephemeral.len();
        connects += record.connections.len();
        record.resets.iter().for_each(|reset| *resets.entry(reset.reason.clone()).or_default() += 1);
        again += record.segments.iter().map(|segment| segment.again.len()).sum::<usize>();
    }
    line(
        "events",
        format!("{} in the log, {frames} delivered to {} devices", findings.events, world.devices.len()),
    );
    line("typing", format!("{typing} frames"));
    line(
        "reconnects",
        format!(
            "{}, {again} events again; resets: {}",
            connects - world.devices.len().min(connects),
            counts(&resets)
        ),
    );
    let mut delays = findings.delivery.delays.clone();
    delays.sort_unstable();
    let part = |of: usize| delays.get(delays.len() * of / 100).copied().unwrap_or_default();
    line("delay", format!("p50 {}, p90 {}, p99 {}", seconds(part(50)), seconds(part(90)), seconds(part(99))));
    if let Some((longest, device, position)) = &findings.delivery.longest {
        line("longest gap", format!("{} until caught up ({device}, event {position})", seconds(*longest)));
    }
    let counted = tally.lock().clone();
    let total: u32 = counted.faults.values().sum();
    line("faults", format!("{total}: {}", counts(&counted.faults)));
    line("missed", counts(&counted.missed));
    let never = tally.never(faults.iter().map(|fault| fault.name));
    if !never.is_empty() {
        line("did not happen", never.join(", "));
    }
    for (what, times) in &counted.recoveries {
        let longest = times.iter().max().copied().unwrap_or_default();
        let mut sorted = times.clone();
        sorted.sort_unstable();
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        let text =
            format!("{what}: median {:.1} s, longest {:.1} s", median.as_secs_f64(), longest.as_secs_f64());
        line("back and delivering", format!(" {text}"));
    }
    for (what, value) in &counted.measured {
        line("measured", format!("{what}: {value}"));
    }
    line("readiness samples", counts(&counted.readiness));
    text
}

fn counts(of: &BTreeMap<String, u32>) -> String {
    let each: Vec<String> = of.iter().map(|(name, count)| format!("{name} {count}")).collect();
    if each.is_empty() { "none".to_owned() } else { each.join(", ") }
}

fn seconds(micros: u64) -> String {
    format!("{:.3} s", Duration::from_micros(micros).as_secs_f64())
}
