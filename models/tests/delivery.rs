//! From the lock of the log to a client that resumes.

use models::delivery::{Delivery, EVERYTHING_ARRIVES, Guards, NOTHING_SKIPPED};
use stateright::{Checker as _, Model as _};

/// Nothing goes wrong but what each test adds.
const CALM: Delivery = Delivery {
    guards: Guards::ALL,
    writers: 3,
    clients: 1,
    lossy_bells: true,
    cuts: 0,
    restarts: 0,
    failovers: 0,
    drops: 0,
};

/// Every order is tried out, so the number of states says that it was not stopped half-way.
#[track_caller]
fn holds(model: Delivery, at_least: usize) {
    let checked = model.checker().threads(2).spawn_bfs().join();
    checked.assert_properties();
    assert!(checked.unique_state_count() >= at_least, "{} states", checked.unique_state_count());
}

/// The checker finds a course of events in which `property` does not hold.
#[track_caller]
fn fails(property: &'static str, model: Delivery) {
    let checked = model.checker().threads(2).spawn_bfs().join();
    let course = checked.discovery(property);
    assert!(course.is_some(), "{model:?}: {property} all the same");
    assert!(!course.unwrap().into_actions().is_empty());
}

#[test]
fn delivery_survives_lost_bells_and_cut_connections() {
    holds(Delivery { cuts: 2, ..CALM }, 10_000);
    holds(Delivery { writers: 2, clients: 2, cuts: 1, ..CALM }, 10_000);
}

#[test]
fn delivery_survives_restarts() {
    holds(Delivery { restarts: 2, cuts: 1, ..CALM }, 10_000);
}

#[test]
fn delivery_survives_a_failover_that_loses_a_row() {
    holds(Delivery { failovers: 1, cuts: 1, ..CALM }, 10_000);
}

#[test]
fn delivery_survives_retention() {
    holds(Delivery { drops: 2, cuts: 1, restarts: 1, ..CALM }, 10_000);
}

#[test]
fn without_the_lock_a_row_that_commits_late_is_skipped() {
    let guards = Guards { lock: false, ..Guards::ALL };
    fails(NOTHING_SKIPPED, Delivery { guards, writers: 2, ..CALM });
}

#[test]
fn without_a_poll_a_lost_bell_is_a_lost_event() {
    let guards = Guards { poll: false, ..Guards::ALL };
    fails(EVERYTHING_ARRIVES, Delivery { guards, writers: 2, ..CALM });
    // With bells that always come it would do.
    holds(Delivery { guards, lossy_bells: false, ..CALM }, 100);
}

#[test]
fn without_a_look_after_listen_what_came_just_before_is_not_seen() {
    let guards = Guards { poll: false, look_after_listen: false, ..Guards::ALL };
    fails(EVERYTHING_ARRIVES, Delivery { guards, writers: 2, lossy_bells: false, ..CALM });
}

#[test]
fn without_one_locked_section_what_comes_between_replay_and_live_is_skipped() {
    let guards = Guards { live_in_one_section: false, ..Guards::ALL };
    fails(EVERYTHING_ARRIVES, Delivery { guards, writers: 2, ..CALM });
    fails(NOTHING_SKIPPED, Delivery { guards, writers: 2, ..CALM });
}

#[test]
fn without_lagging_an_overflow_is_a_hole() {
    let guards = Guards { overflow_lags: false, ..Guards::ALL };
    fails(NOTHING_SKIPPED, Delivery { guards, ..CALM });
}

#[test]
fn without_the_chain_what_retention_dropped_is_skipped() {
    let guards = Guards { chain: false, ..Guards::ALL };
    fails(NOTHING_SKIPPED, Delivery { guards, writers: 2, drops: 1, ..CALM });
}

#[test]
fn without_the_timeline_an_id_that_was_used_again_is_taken_for_the_lost_one() {
    let guards = Guards { timeline: false, ..Guards::ALL };
    fails(EVERYTHING_ARRIVES, Delivery { guards, failovers: 1, cuts: 1, ..CALM });
}

#[test]
fn without_the_chain_a_row_that_came_with_its_ring_overtakes_others() {
    let guards = Guards { rung_chain: false, ..Guards::ALL };
    fails(NOTHING_SKIPPED, Delivery { guards, writers: 2, ..CALM });
}

#[test]
fn without_its_timeline_a_row_that_came_with_its_ring_may_be_one_that_is_lost() {
    let guards = Guards { rung_timeline: false, ..Guards::ALL };
    fails(EVERYTHING_ARRIVES, Delivery { guards, failovers: 1, ..CALM });
}
