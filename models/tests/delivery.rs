//! Delivery, from the lock of the log to a client that resumes.

use models::delivery::{DeliveryGuards, DeliveryModel, EVERYTHING_ARRIVES, NOTHING_SKIPPED};
use stateright::{Checker as _, Model as _};

/// Without faults; each test adds its own.
const CALM: DeliveryModel = DeliveryModel {
    guards: DeliveryGuards::ALL,
    writers: 3,
    clients: 1,
    lossy_notify: true,
    cuts: 0,
    restarts: 0,
    failovers: 0,
    drops: 0,
};

/// Every order is tried. The number of states shows that the checker did not stop early.
#[track_caller]
fn holds(model: DeliveryModel, at_least: usize) {
    let checked = model.checker().threads(2).spawn_bfs().join();
    checked.assert_properties();
    assert!(checked.unique_state_count() >= at_least, "{} states", checked.unique_state_count());
}

/// The checker finds a run that violates `property`.
#[track_caller]
fn fails(property: &'static str, model: DeliveryModel) {
    let checked = model.checker().threads(2).spawn_bfs().join();
    let course = checked.discovery(property);
    assert!(course.is_some(), "{model:?}: {property} all the same");
    assert!(!course.unwrap().into_actions().is_empty());
}

#[test]
fn delivery_survives_lost_notifies_and_cut_connections() {
    holds(DeliveryModel { cuts: 2, ..CALM }, 10_000);
    holds(DeliveryModel { writers: 2, clients: 2, cuts: 1, ..CALM }, 10_000);
}

#[test]
fn delivery_survives_restarts() {
    holds(DeliveryModel { restarts: 2, cuts: 1, ..CALM }, 10_000);
}

#[test]
fn delivery_survives_a_failover_that_loses_a_row() {
    holds(DeliveryModel { failovers: 1, cuts: 1, ..CALM }, 10_000);
}

#[test]
fn delivery_survives_retention() {
    holds(DeliveryModel { drops: 2, cuts: 1, restarts: 1, ..CALM }, 10_000);
}

#[test]
fn without_the_lock_a_row_that_commits_late_is_skipped() {
    let guards = DeliveryGuards { lock: false, ..DeliveryGuards::ALL };
    fails(NOTHING_SKIPPED, DeliveryModel { guards, writers: 2, ..CALM });
}

#[test]
fn without_a_poll_a_lost_notify_is_a_lost_event() {
    let guards = DeliveryGuards { poll: false, ..DeliveryGuards::ALL };
    fails(EVERYTHING_ARRIVES, DeliveryModel { guards, writers: 2, ..CALM });
    // It holds if no NOTIFY is lost.
    holds(DeliveryModel { guards, lossy_notify: false, ..CALM }, 100);
}

#[test]
fn without_a_read_after_listen_what_came_just_before_is_not_seen() {
    let guards = DeliveryGuards { poll: false, read_after_listen: false, ..DeliveryGuards::ALL };
    fails(EVERYTHING_ARRIVES, DeliveryModel { guards, writers: 2, lossy_notify: false, ..CALM });
}

#[test]
fn without_one_locked_section_an_event_between_replay_and_live_is_skipped() {
    let guards = DeliveryGuards { live_in_one_section: false, ..DeliveryGuards::ALL };
    fails(EVERYTHING_ARRIVES, DeliveryModel { guards, writers: 2, ..CALM });
    fails(NOTHING_SKIPPED, DeliveryModel { guards, writers: 2, ..CALM });
}

#[test]
fn without_lagging_an_overflow_is_a_hole() {
    let guards = DeliveryGuards { overflow_lags: false, ..DeliveryGuards::ALL };
    fails(NOTHING_SKIPPED, DeliveryModel { guards, ..CALM });
}

#[test]
fn without_the_chain_what_retention_dropped_is_skipped() {
    let guards = DeliveryGuards { chain: false, ..DeliveryGuards::ALL };
    fails(NOTHING_SKIPPED, DeliveryModel { guards, writers: 2, drops: 1, ..CALM });
}

#[test]
fn without_the_timeline_an_id_that_was_used_again_is_taken_for_the_lost_one() {
    let guards = DeliveryGuards { timeline: false, ..DeliveryGuards::ALL };
    fails(EVERYTHING_ARRIVES, DeliveryModel { guards, failovers: 1, cuts: 1, ..CALM });
}

#[test]
fn without_the_chain_a_row_from_a_notify_overtakes_others() {
    let guards = DeliveryGuards { notify_row_chain: false, ..DeliveryGuards::ALL };
    fails(NOTHING_SKIPPED, DeliveryModel { guards, writers: 2, ..CALM });
}

#[test]
fn without_its_timeline_a_row_from_a_notify_may_be_a_lost_one() {
    let guards = DeliveryGuards { notify_row_timeline: false, ..DeliveryGuards::ALL };
    fails(EVERYTHING_ARRIVES, DeliveryModel { guards, failovers: 1, ..CALM });
}
