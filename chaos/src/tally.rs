//! Counts what happens during a run: faults, recoveries, readiness answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Counts while faults happen.
#[derive(Default)]
pub struct Tally(Mutex<Counts>);

#[derive(Clone, Default)]
pub struct Counts {
    pub faults: BTreeMap<String, u32>,
    /// Faults during which another fault interfered.
    pub missed: BTreeMap<String, u32>,
    pub skipped: BTreeMap<String, String>,
    /// Times from the start of a process to the first event or response through it.
    pub recoveries: BTreeMap<String, Vec<Duration>>,
    /// Other measurements.
    pub measured: BTreeMap<String, String>,
    /// Answers of the readiness checks, and how often each was given.
    pub readiness: BTreeMap<String, u32>,
    /// Readiness answers that were wrong.
    pub lies: BTreeSet<String>,
}

impl Tally {
    pub fn fault(&self, name: &str) {
        *self.lock().faults.entry(name.to_owned()).or_default() += 1;
    }

    pub fn missed(&self, name: &str) {
        *self.lock().missed.entry(name.to_owned()).or_default() += 1;
    }

    pub fn skipped(&self, name: &str, why: &str) {
        self.lock().skipped.insert(name.to_owned(), why.to_owned());
    }

    /// The faults of these names that this machine allows and that never happened.
    pub fn never<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
        let counted = self.lock();
        names
            .filter(|name| !counted.faults.contains_key(*name) && !counted.skipped.contains_key(*name))
            .collect()
    }

    pub fn recovered(&self, what: &str, after: Duration) {
        self.lock().recoveries.entry(what.to_owned()).or_default().push(after);
    }

    pub fn measured(&self, what: &str, value: String) {
        self.lock().measured.insert(what.to_owned(), value);
    }

    pub fn readiness(&self, answer: &str) {
        *self.lock().readiness.entry(answer.to_owned()).or_default() += 1;
    }

    /// How often servers reported "ready" and "not ready".
    pub fn readiness_said(&self) -> (u32, u32) {
        let counted = self.lock();
        let count = |answer| counted.readiness.get(answer).copied().unwrap_or_default();
        (count("ready"), count("not ready"))
    }

    pub fn lie(&self, what: String) {
        self.lock().lies.insert(what);
    }

    pub fn lies(&self) -> BTreeSet<String> {
        self.lock().lies.clone()
    }

    pub fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
