//! The tail reports every row in order, or a gap.

use std::time::{Duration, Instant};

use chat_core::{Shard, event::Audience};
use event_log::{Tail, TailEvent};
use private_postgres::testing::TestCluster;

use crate::support::{
    Cable, Fixture, address_of, bodies, connect, make_test_chat, next, say, take_rows, until,
};

#[tokio::test]
async fn rows_come_whole_and_in_order() {
    let fixture = Fixture::new().await;
    let (mut tail, health) = fixture.tail().await;
    for n in 0..3 {
        fixture.say(&n.to_string()).await;
    }
    let rows = take_rows(&mut tail, 3).await;
    assert_eq!(bodies(&rows), ["0", "1", "2"]);
    assert!(rows.windows(2).all(|pair| pair[1].prev_id == pair[0].id));
    let row = &rows[0];
    assert_eq!((row.shard, row.timeline, row.audience), (fixture.test_chat.shard(), 1, Audience::Chat));
    assert_eq!(
        (row.workspace_id, row.chat_id),
        (Some(fixture.test_chat.workspace), Some(fixture.test_chat.chat))
    );
    assert!(row.message_id.is_some() && row.payload.starts_with(r#"{"type":"message.new""#));
    assert!(health.is_fresh(Duration::from_secs(10)) && health.rows() == 3 && health.gaps() == 0);
}

#[tokio::test]
async fn an_invalidation_reader_gets_every_row_without_what_was_said() {
    let fixture = Fixture::new().await;
    let mut tail = Tail::start(&fixture.url, &fixture.lifecycle, Vec::new()).unwrap().0.invalidations_only();
    assert!(matches!(next(&mut tail).await, TailEvent::Ready(_)));
    for n in 0..3 {
        fixture.say(&n.to_string()).await;
    }
    let rows = take_rows(&mut tail, 3).await;
    assert!(rows.windows(2).all(|pair| pair[1].prev_id == pair[0].id));
    for row in rows {
        assert_eq!((row.kind.as_str(), row.chat_id), ("message.new", Some(fixture.test_chat.chat)));
        assert!(row.message_id.is_some() && row.payload.is_empty());
    }
}

#[tokio::test]
async fn an_idle_open_transaction_delays_nobody_and_is_not_lost() {
    let fixture = Fixture::new().await;
    let slow = connect(&fixture.lifecycle, &fixture.url).await;
    let other_chat = make_test_chat(&fixture.db, fixture.test_chat.shard().number()).await;
    let (mut tail, _) = fixture.tail().await;

    slow.batch_execute("begin").await.unwrap();
    say(&slow, other_chat, "first written").await;
    fixture.say("first committed").await;
    assert_eq!(bodies(&take_rows(&mut tail, 1).await), ["first committed"]);
    slow.batch_execute("commit").await.unwrap();
    assert_eq!(bodies(&take_rows(&mut tail, 1).await), ["first written"]);
}

#[tokio::test]
async fn a_lower_id_that_is_committed_later_is_not_lost() {
    let fixture = Fixture::new().await;
    let slow = connect(&fixture.lifecycle, &fixture.url).await;
    let elsewhere = make_test_chat(&fixture.db, 6).await;
    let (mut tail, _) = fixture.tail().await;

    // Draws its id now and holds the shard's lock.
    slow.batch_execute("begin; set constraints all immediate").await.unwrap();
    say(&slow, fixture.test_chat, "lower id").await;
    // Another shard continues, with a higher id.
    say(&fixture.db, elsewhere, "higher id").await;
    let first = take_rows(&mut tail, 1).await;
    // In the same shard the next writer waits for the lock.
    let waiting = connect(&fixture.lifecycle, &fixture.url).await;
    let neighbour = make_test_chat_beside(&fixture).await;
    let ((), second) = tokio::join!(say(&waiting, neighbour, "queued"), async {
        slow.batch_execute("commit").await.unwrap();
        take_rows(&mut tail, 2).await
    });
    assert_eq!(
        (bodies(&first), bodies(&second)),
        (vec!["higher id".into()], vec!["lower id".into(), "queued".into()])
    );
    assert!(second[0].id < first[0].id, "the test did not make the case it is about");
}

/// A second chat of the same workspace. Its rows raise no event, since the lock is taken.
async fn make_test_chat_beside(fixture: &Fixture) -> crate::support::TestChat {
    let chat = chat_core::ChatId::generate();
    let (workspace, user) = (fixture.test_chat.workspace, fixture.test_chat.user);
    fixture
        .execute(&format!(
            "set session_replication_role = replica;
             insert into chats (id, workspace_id, kind, name, name_folded)
             values ('{chat}', '{workspace}', 'public_channel', 'beside', 'beside');
             insert into chat_members (chat_id, user_id, workspace_id, role) values ('{chat}', '{user}', '{workspace}', 'owner');
             set session_replication_role = origin"
        ))
        .await;
    crate::support::TestChat { chat, ..fixture.test_chat }
}

#[tokio::test]
async fn a_terminated_listener_costs_no_event() {
    let fixture = Fixture::new().await;
    let (mut tail, health) = fixture.tail().await;
    until("listening", async || health.is_listening()).await;
    assert_eq!(fixture.terminate("parlor doorbell").await, 1);
    fixture.say("meanwhile").await;
    assert_eq!(bodies(&take_rows(&mut tail, 1).await), ["meanwhile"]);
    until("listening again", async || {
        let sql = "select from pg_stat_activity where datname = current_database() and application_name = 'parlor doorbell'";
        fixture.db.query(sql, &[]).await.unwrap().len() == 1 && health.is_listening()
    })
    .await;
    assert_eq!(health.disconnects(), 0);
}

#[tokio::test]
async fn the_doorbell_is_heard_and_without_it_the_poll_finds() {
    let fixture = Fixture::new().await;
    let (mut tail, health) = fixture.tail().await;
    until("a round trip", async || health.doorbell_round_trip().is_some()).await;
    // A poll may come first, but not every time.
    for n in 1.. {
        assert!(n < 50, "no ring is ever heard");
        fixture.say("ringing").await;
        take_rows(&mut tail, 1).await;
        if health.found_by_doorbell() > 0 {
            break;
        }
    }
    fixture.execute("set parlor.doorbell = 'after'").await;
    let by_poll = health.found_by_poll();
    // The doorbell may still ring for the rows before, but not every time.
    for n in 1.. {
        assert!(n < 3, "the doorbell rings without a NOTIFY");
        fixture.say("silently").await;
        take_rows(&mut tail, 1).await;
        if health.found_by_poll() > by_poll {
            break;
        }
    }
}

#[tokio::test]
async fn rings_for_one_shard_do_not_put_off_the_poll_of_another() {
    let fixture = Fixture::new().await;
    let elsewhere = make_test_chat(&fixture.db, 6).await;
    let (mut tail, _) = fixture.tail().await;
    let ringing = connect(&fixture.lifecycle, &fixture.url).await;
    let rings = async {
        loop {
            ringing.batch_execute("select pg_notify('parlor_log', '5')").await.unwrap();
        }
    };
    let silently = async {
        fixture.execute("set parlor.doorbell = 'after'").await;
        say(&fixture.db, elsewhere, "silently").await;
        assert_eq!(bodies(&take_rows(&mut tail, 1).await), ["silently"]);
    };
    tokio::select! { () = silently => {}, () = rings => {} }
}

#[tokio::test]
async fn a_lost_connection_goes_on_where_it_stopped() {
    let fixture = Fixture::new().await;
    let (mut tail, health) = fixture.tail().await;
    fixture.say("before").await;
    let before = take_rows(&mut tail, 1).await;
    assert_eq!(fixture.terminate("parlor tail").await, 1);
    assert!(matches!(next(&mut tail).await, TailEvent::Disconnected));
    assert!(!health.is_fresh(Duration::from_secs(60)));
    fixture.say("while away").await;
    let TailEvent::Ready(heads) = next(&mut tail).await else { panic!("not ready") };
    assert_eq!(heads.of(fixture.test_chat.shard()).id, before[0].id);
    let after = take_rows(&mut tail, 1).await;
    assert_eq!((bodies(&after), after[0].prev_id), (vec!["while away".into()], before[0].id));
}

#[tokio::test]
async fn a_restarted_postgres_loses_nothing() {
    let cluster = TestCluster::start().await.unwrap();
    let url = cluster.create_database("restarted").await.unwrap();
    let fixture = Fixture::at(&url).await;
    let (mut tail, _) = fixture.tail().await;
    fixture.say("before").await;
    let before = take_rows(&mut tail, 1).await;
    cluster.restart().await.unwrap();
    assert!(matches!(next(&mut tail).await, TailEvent::Disconnected));
    say(&connect(&fixture.lifecycle, &url).await, fixture.test_chat, "after").await;
    assert!(matches!(next(&mut tail).await, TailEvent::Ready(_)));
    assert_eq!(take_rows(&mut tail, 1).await[0].prev_id, before[0].id);
}

/// With a real standby, which lacks the last row when the primary dies.
#[tokio::test]
async fn a_failover_is_told_as_a_gap_where_a_row_is_lost_and_nowhere_else() {
    let primary = TestCluster::start().await.unwrap();
    let url = primary.create_database("failover").await.unwrap();
    let fixture = Fixture::at(&url).await;
    let elsewhere = make_test_chat(&fixture.db, 6).await;
    let standby = primary.standby().await.unwrap();
    let follower = connect(&fixture.lifecycle, &standby.url("failover")).await;
    let cable = Cable::to(&fixture.lifecycle, address_of(&url)).await;
    let (mut tail, _) = fixture.tail_of(&cable.through(&url)).await;
    say(&fixture.db, elsewhere, "there").await;
    fixture.say("kept").await;
    let kept = take_rows(&mut tail, 2).await;
    let known = kept.iter().map(|row| row.id).max().unwrap();
    let count = async |sql: &str| follower.query_one(sql, &[]).await.unwrap().get::<_, i64>(0);
    until("the standby has all of it", async || {
        count("select coalesce(max(id), 0) from event_log").await >= known
    })
    .await;
    follower.batch_execute("alter system set primary_conninfo = ''").await.unwrap();
    follower.batch_execute("select pg_reload_conf()").await.unwrap();
    until("the standby follows no more", async || {
        count("select count(*) from pg_stat_wal_receiver").await == 0
    })
    .await;
    fixture.say("lost").await;
    let lost = take_rows(&mut tail, 1).await.remove(0);
    assert_eq!((lost.shard, lost.timeline), (fixture.test_chat.shard(), 1));

    primary.kill().await.unwrap();
    standby.promote().await.unwrap();
    cable.lead_to(address_of(&standby.url("failover")));
    assert!(matches!(next(&mut tail).await, TailEvent::Disconnected));
    assert!(matches!(next(&mut tail).await, TailEvent::Ready(_)));
    let TailEvent::Gap { shard, head } = next(&mut tail).await else {
        panic!("no reader reports that a row is gone")
    };
    assert_eq!(shard, fixture.test_chat.shard());
    assert!(head.id < lost.id && kept.iter().any(|row| row.id == head.id));

    say(&follower, fixture.test_chat, "after").await;
    say(&follower, elsewhere, "after, there").await;
    let mut after = take_rows(&mut tail, 2).await;
    after.sort_by_key(|row| row.shard);
    for row in &after {
        let before = kept.iter().find(|kept| kept.shard == row.shard).unwrap();
        assert_eq!((row.prev_id, row.timeline), (before.id, 2), "the chain goes on over the failover");
    }
    // A cursor of the lost row is not valid, even if its id is used again.
    let found = event_log::read::find_timeline(&follower, lost.shard, lost.id).await.unwrap();
    assert_ne!(found, Some(lost.timeline));
}

#[tokio::test]
async fn a_connection_that_died_in_silence_is_noticed() {
    let fixture = Fixture::new().await;
    let cable = Cable::to(&fixture.lifecycle, address_of(&fixture.url)).await;
    let (mut tail, health) = fixture.tail_of(&cable.through(&fixture.url)).await;
    fixture.say("before").await;
    take_rows(&mut tail, 1).await;

    cable.cut();
    let cut = Instant::now();
    fixture.say("while cut").await;
    assert!(matches!(next(&mut tail).await, TailEvent::Disconnected));
    assert!(cut.elapsed() < Duration::from_secs(6), "noticed after {:?}", cut.elapsed());
    until("the silent doorbell is noticed", async || !health.is_listening()).await;
    cable.mend();
    assert!(matches!(next(&mut tail).await, TailEvent::Ready(_)));
    assert_eq!(bodies(&take_rows(&mut tail, 1).await), ["while cut"]);
}

#[tokio::test]
async fn a_missing_row_is_told_as_a_gap() {
    let fixture = Fixture::new().await;
    let elsewhere = make_test_chat(&fixture.db, 6).await;
    let (mut tail, health) = fixture.tail().await;
    for body in ["lost", "behind the hole"] {
        fixture.say(body).await;
    }
    say(&fixture.db, elsewhere, "sound").await;
    let head = fixture.head().await;
    fixture
        .execute(&format!(
            "delete from event_log where payload like '%\"lost\"%' and shard = {}",
            fixture.test_chat.shard().number()
        ))
        .await;
    assert_eq!(bodies(&take_rows(&mut tail, 1).await), ["sound"], "the other shard is not concerned");
    match next(&mut tail).await {
        TailEvent::Gap { shard, head: reported } => {
            assert_eq!((shard, reported), (fixture.test_chat.shard(), head));
        }
        other => panic!("{other:?}"),
    }
    fixture.say("after").await;
    assert_eq!(bodies(&take_rows(&mut tail, 1).await), ["after"]);
    assert_eq!(health.gaps(), 1);
}

#[tokio::test]
async fn retention_that_overtook_the_tail_is_told_as_a_gap() {
    let fixture = Fixture::new().await;
    let (mut tail, _) = fixture.tail().await;
    fixture.say("seen").await;
    take_rows(&mut tail, 1).await;
    fixture.terminate("parlor tail").await;
    assert!(matches!(next(&mut tail).await, TailEvent::Disconnected));
    // The effect of dropping the partition.
    fixture.execute("delete from event_log").await;
    fixture.say("kept").await;
    assert!(matches!(next(&mut tail).await, TailEvent::Ready(_)));
    let head = fixture.head().await;
    match next(&mut tail).await {
        TailEvent::Gap { shard, head: reported } => {
            assert_eq!((shard, reported), (fixture.test_chat.shard(), head));
        }
        other => panic!("{other:?}"),
    }
    fixture.say("after").await;
    assert_eq!(bodies(&take_rows(&mut tail, 1).await), ["after"]);
}

#[tokio::test]
async fn a_row_of_another_timeline_in_the_same_place_is_told_as_a_gap() {
    let fixture = Fixture::new().await;
    let (mut tail, _) = fixture.tail().await;
    fixture.say("seen").await;
    take_rows(&mut tail, 1).await;
    fixture.terminate("parlor tail").await;
    assert!(matches!(next(&mut tail).await, TailEvent::Disconnected));
    // As after a failover that lost the row and used its id again.
    fixture.execute("update event_log set timeline = 2 where payload like '%\"seen\"%'").await;
    assert!(matches!(next(&mut tail).await, TailEvent::Ready(_)));
    assert!(
        matches!(next(&mut tail).await, TailEvent::Gap { shard, .. } if shard == fixture.test_chat.shard())
    );
}

#[tokio::test]
async fn a_restored_backup_is_told_as_gaps_everywhere() {
    let fixture = Fixture::new().await;
    let (mut tail, _) = fixture.tail().await;
    fixture.terminate("parlor tail").await;
    assert!(matches!(next(&mut tail).await, TailEvent::Disconnected));
    fixture.execute("update log_meta set generation = 2").await;
    assert!(matches!(next(&mut tail).await, TailEvent::Ready(heads) if heads.generation == 2));
    for expected in Shard::all() {
        assert!(matches!(next(&mut tail).await, TailEvent::Gap { shard, .. } if shard == expected));
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_stops_nothing() {
    let fixture = Fixture::new().await;
    let (mut tail, _) = fixture.tail().await;
    let (s, workspace) = (fixture.test_chat.shard().number(), fixture.test_chat.workspace);
    fixture
        .execute(&format!(
            "begin; select log_lock({s}::smallint);
             select log_append({s}::smallint, '{workspace}', 'future.kind', 'friends', null, null, null, null, null, '{{\"a\":1}}');
             update event_log set at = 'infinity' where kind = 'future.kind';
             commit"
        ))
        .await;
    fixture.say("after").await;
    let rows = take_rows(&mut tail, 2).await;
    assert_eq!((rows[0].audience, rows[0].payload.as_str()), (Audience::Workspace, ""));
    assert_eq!(bodies(&rows), ["after"]);
}

#[tokio::test]
async fn a_long_backlog_comes_in_pages() {
    const ROWS: usize = 1_700;
    let fixture = Fixture::new().await;
    let (mut tail, _) = fixture.tail().await;
    let (s, head) = (fixture.test_chat.shard().number(), fixture.head().await.id);
    // Every hundredth is so large that the limit of bytes ends the page.
    fixture
        .execute(&format!(
            "insert into event_log (shard, id, prev_id, timeline, at, kind, audience, payload)
             select {s}, {head} + n, {head} + n - 1, 1, now(), 'tick', 'none',
                    case when n % 100 = 0 then repeat('x', 700000) else '{{}}' end
             from generate_series(1, {ROWS}) n"
        ))
        .await;
    let mut pages = 0;
    let mut rows = Vec::new();
    while rows.len() < ROWS {
        match next(&mut tail).await {
            TailEvent::Rows(page) => {
                assert!(page.len() <= 500);
                pages += 1;
                rows.extend(page);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(pages > 5, "{pages} pages");
    assert!(rows.iter().zip(1..).all(|(row, n)| row.id == head + n));
}
