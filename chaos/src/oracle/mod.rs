//! Compares, after everything has healed, what people were told with what the database has. The letters are those of
//! docs/reliability.md.

mod delivery;
mod log;
mod resets;
mod sight;

use std::collections::HashMap;

use anyhow::Context as _;
use serde_json::json;
use uuid::Uuid;

use crate::{
    archive::LogRow,
    fold::State,
    history::Time,
    world::{Tenant, World},
};

pub use delivery::Delivery;
use sight::Sight;

/// A promise that was not kept.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which of the promises, `a` to `g`.
    pub check: char,
    pub what: String,
    /// When it was seen, if it was at some moment.
    pub at: Option<Time>,
    /// The lines of the history that have all texts of one of these tell about it.
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

/// What an examination has found.
#[derive(Default)]
pub struct Findings {
    pub violations: Vec<Violation>,
    pub delivery: Delivery,
    /// Rows of the log.
    pub events: usize,
}

/// Writes something that everybody sees, waits until every device has come to it, and examines everything. The writers
/// must have stopped.
///
/// # Errors
/// It cannot be examined: that is no pass.
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
    // Nobody's session ends in a run, so nobody is to be told that there is nothing to come back for.
    for device in world.devices.iter().filter(|device| device.record().is_over) {
        findings.violations.push(Violation::new('b', format!("{} was sent away for good", device.name)));
    }
    world.archive.catch_up().await?;
    let rows: Vec<LogRow> = world.archive.rows().values().cloned().collect();
    findings.events = rows.len();
    findings.violations.extend(log::chain(&rows));
    findings.violations.extend(log::sends(world, &rows).await?);
    findings.violations.extend(resets::unwarranted(world, &world.archive.rows()));
    let mut by_workspace: HashMap<Uuid, Vec<&LogRow>> = HashMap::new();
    for row in &rows {
        if let Some(workspace) = row.workspace_id {
            by_workspace.entry(workspace).or_default().push(row);
        }
    }
    for (workspace, rows) in &by_workspace {
        delivery::examine(world, *workspace, rows, ends.get(workspace).copied(), &mut findings)?;
    }
    findings.violations.extend(states(world).await?);
    findings.violations.sort_by_key(|violation| (violation.at.unwrap_or(u64::MAX), violation.check));
    Ok(findings)
}

fn workspace_of(tenant: &Tenant) -> anyhow::Result<Uuid> {
    Ok(tenant.people.first().context("nobody")?.workspace_id.parse()?)
}

/// The position of something that everybody in the workspace sees, after all that was written before.
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

/// (g) What each device has folded is what a fresh snapshot says.
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
