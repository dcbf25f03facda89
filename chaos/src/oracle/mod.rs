//! Compares, after all faults have healed, what clients received with the database. The letters of
//! the checks are those of docs/reliability.md.

mod delivery;
pub mod effects;
mod ephemeral;
mod log;
mod resets;
mod sight;

use std::collections::HashMap;

use anyhow::Context as _;
use serde_json::json;
use uuid::Uuid;

use crate::{
    archive::ArchivedRow,
    fold::State,
    history::Time,
    world::{Tenant, World},
};

pub use delivery::Delivery;
use sight::Sight;

/// A violation of a promise.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The letter of the check, `a` to `i`.
    pub check: char,
    pub what: String,
    /// When it was seen, if at one moment.
    pub at: Option<Time>,
    /// Selects the lines of the history about it: those that contain all texts of one of these.
    pub traces: Vec<Vec<String>>,
}

impl Violation {
    fn new(check: char, what: String) -> Self {
        Self { check, what, at: None, traces: Vec::new() }
    }

    fn at(mut self, at: Time) -> Self {
        self.at = Some(at);
        self
    }

    fn trace(mut self, texts: &[&str]) -> Self {
        self.traces.push(texts.iter().map(|text| (*text).to_owned()).collect());
        self
    }
}

/// The findings of the oracle.
#[derive(Default)]
pub struct Findings {
    pub violations: Vec<Violation>,
    pub delivery: Delivery,
    /// Rows of the log.
    pub events: usize,
}

/// Writes an event that all members see, waits until every device has received it, and runs all
/// checks. The authors must have stopped.
///
/// # Errors
/// The checks could not run, which is no pass.
pub async fn examine(world: &World) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let mut ends: HashMap<Uuid, i64> = HashMap::new();
    for tenant in &world.tenants {
        ends.insert(workspace_of(tenant)?, write_end(world, tenant).await?);
    }
    let settled = world
        .until("every device has come to the end", async || {
            let behind = world.devices.iter().find_map(|device| {
                let end = device.person.workspace_id.parse().ok().and_then(|id: Uuid| ends.get(&id))?;
                let record = device.record();
                let is_behind = !record.is_over && record.reached() < *end;
                is_behind.then(|| format!("{} is at {} of {end}", device.name, record.reached()))
            });
            behind.map_or(Ok(()), Err)
        })
        .await;
    if let Err(e) = settled {
        findings.violations.push(Violation::new('b', format!("{e:#}")));
    }
    // No session ends in a run, so no device may be told not to reconnect.
    for device in world.devices.iter().filter(|device| device.record().is_over) {
        findings.violations.push(Violation::new('b', format!("{} was sent away for good", device.name)));
    }
    world.archive.catch_up().await?;
    let rows: Vec<ArchivedRow> = world.archive.rows().values().cloned().collect();
    findings.events = rows.len();
    findings.violations.extend(log::chain(&rows));
    findings.violations.extend(log::sends(world, &rows).await?);
    findings.violations.extend(resets::unwarranted(world, &world.archive.rows()));
    let mut by_workspace: HashMap<Uuid, Vec<&ArchivedRow>> = HashMap::new();
    for row in &rows {
        if let Some(workspace) = row.workspace_id {
            by_workspace.entry(workspace).or_default().push(row);
        }
    }
    for (workspace, rows) in &by_workspace {
        delivery::examine(world, *workspace, rows, ends.get(workspace).copied(), &mut findings)?;
    }
    findings.violations.extend(states(world).await?);
    findings.violations.extend(effects::examine(world).await?);
    findings.violations.sort_by_key(|violation| (violation.at.unwrap_or(u64::MAX), violation.check));
    Ok(findings)
}

fn workspace_of(tenant: &Tenant) -> anyhow::Result<Uuid> {
    Ok(tenant.people.first().context("nobody")?.workspace_id.parse()?)
}

/// Writes an event that all members of the workspace see, and returns its position.
async fn write_end(world: &World, tenant: &Tenant) -> anyhow::Result<i64> {
    let owner = tenant.people.first().context("nobody")?;
    let body = json!({ "fullname": format!("end {}", world.history.now()) });
    owner.certainly("PATCH /api/users/me", Some(&body)).await?;
    let mut db = world.psql().await?;
    let end: i64 =
        sqlx::query_scalar("select max(id) from event_log where workspace_id = $1 and kind = 'user.updated'")
            .bind(workspace_of(tenant)?)
            .fetch_one(&mut db)
            .await?;
    Ok(end)
}

/// Check (g): the folded state of each device equals a new snapshot.
async fn states(world: &World) -> anyhow::Result<Vec<Violation>> {
    let mut violations = Vec::new();
    let mut fresh: HashMap<String, State> = HashMap::new();
    for device in &world.devices {
        let person = &device.person;
        if device.record().is_over {
            continue;
        }
        if !fresh.contains_key(&person.id) {
            fresh.insert(person.id.clone(), State::of(&person.sync().await?)?);
        }
        let record = device.record();
        let (Some(folded), Some(fresh)) = (&record.state, fresh.get(&person.id)) else { continue };
        if let Some(difference) = folded.difference(fresh) {
            let what = format!("{}: folded and fresh state differ: {difference}", device.name);
            violations.push(Violation::new('g', what));
        }
    }
    Ok(violations)
}
