//! The queue of a stream, with a socket that takes all frames, some or none.

use std::time::Duration;

use super::*;

fn frame(id: i64, text: &str) -> Arc<Frame> {
    Arc::new(Frame::new(id, None, |frame| frame.push_str(text)))
}

fn offer(stream: &Stream, previous: i64, id: i64, text: &str) -> Offered {
    stream.offer(previous, &frame(id, text))
}

fn stream(first: &[&'static str]) -> Stream {
    let identity = Identity {
        id: StreamId::random(),
        user: UserId::generate(),
        workspace: WorkspaceId::generate(),
        session: SessionId::generate(),
        deadline: Instant::now() + Duration::from_secs(900),
        encoding: Encoding::Sse,
    };
    let first = first.iter().map(|text| frame(0, text)).collect();
    Stream::new(identity, WritePacing::default(), first, 10, true)
}

fn poll(stream: &Stream) -> String {
    match stream.poll(Waker::noop()) {
        Next::Write => stream.write_one(),
        Next::CatchUp { cursor } => format!("catch up after {cursor}"),
        Next::End => "end".into(),
        Next::Wait => "wait".into(),
    }
}

/// Offers ids from 11 on; returns the one that did not fit.
fn overflow(stream: &Stream) -> i64 {
    overflow_from(stream, 11)
}

fn overflow_from(stream: &Stream, first: i64) -> i64 {
    (first..1000).find(|id| offer(stream, id - 1, *id, &"event".repeat(30)) == Offered::Overflowed).unwrap()
}

#[tokio::test]
async fn what_says_where_the_stream_begins_survives_an_overflow() {
    let stream = stream(&["connected", "reset"]);
    assert_eq!(overflow(&stream), 11 + 64);
    assert_eq!(poll(&stream), "connected");
    assert_eq!(poll(&stream), "reset");
    assert_eq!(poll(&stream), "catch up after 10");
}

#[tokio::test]
async fn an_overflow_goes_on_after_what_the_socket_took() {
    let stream = stream(&[]);
    offer(&stream, 40, 41, "taken");
    assert_eq!(poll(&stream), "taken");
    offer(&stream, 60, 61, &"x".repeat(QUEUE_BYTES_MAX - 100));
    assert_eq!(offer(&stream, 61, 62, &"too much".repeat(20)), Offered::Overflowed);
    // Not after 41: the events between were not for this stream.
    assert_eq!(poll(&stream), "catch up after 60");
    assert_eq!(offer(&stream, 62, 63, "e"), Offered::Passed);
}

#[tokio::test]
async fn an_overflow_sends_nothing_twice() {
    let stream = stream(&[]);
    offer(&stream, 40, 41, "taken");
    offer(&stream, 41, 42, "taken");
    offer(&stream, 42, 43, "waiting");
    assert_eq!([poll(&stream), poll(&stream)], ["taken", "taken"]);
    offer(&stream, 43, 44, &"x".repeat(QUEUE_BYTES_MAX));
    assert_eq!(poll(&stream), "catch up after 42");
}

#[tokio::test(start_paused = true)]
async fn a_long_quiet_stream_is_not_stuck_when_something_comes() {
    let stream = stream(&[]);
    assert_eq!(poll(&stream), "wait");
    tokio::time::advance(Duration::from_secs(100)).await;
    assert_eq!(stream.stuck_since(), None);
    offer(&stream, 10, 11, "event");
    assert_eq!(stream.stuck_since(), Some(Instant::now()));
    tokio::time::advance(Duration::from_secs(7)).await;
    offer(&stream, 11, 12, "event");
    assert_eq!(stream.stuck_since().unwrap().elapsed(), Duration::from_secs(7));
    overflow(&stream);
    assert_eq!(stream.stuck_since().unwrap().elapsed(), Duration::from_secs(7));
    poll(&stream);
    assert_eq!(stream.stuck_since().unwrap().elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn closing_sends_the_last_word_once_and_never_skips() {
    let live = stream(&[]);
    offer(&live, 10, 11, "event");
    live.close(Some(&Outgoing::retry(7)), false);
    live.close(Some(&Outgoing::retry(8)), false);
    assert_eq!([poll(&live), poll(&live), poll(&live)], ["event", "retry: 7\n\n", "end"]);

    let lagging = stream(&[]);
    overflow(&lagging);
    lagging.caught_up(&[frame(11, "page")], 11, false);
    lagging.close(Some(&Outgoing::retry(7)), false);
    assert_eq!([poll(&lagging), poll(&lagging)], ["retry: 7\n\n", "end"]);
}

#[tokio::test]
async fn a_frame_that_is_half_written_is_written_to_its_end() {
    let stream = stream(&[]);
    for (id, text) in [(11, "one"), (12, "two"), (13, "three")] {
        offer(&stream, id - 1, id, text);
    }
    let mut taken = Vec::new();
    let mut write = |room: usize| {
        let socket = |slices: &[IoSlice<'_>]| {
            let before = taken.len();
            taken.extend(slices.iter().flat_map(|slice| slice.iter()).take(room));
            Ok(taken.len() - before)
        };
        stream.write(false, socket).unwrap();
    };
    write(4);
    // The queue overflows between two writes: the rest of "two" must be written first.
    overflow_from(&stream, 14);
    write(1);
    assert_eq!(stream.poll(Waker::noop()), Next::Write);
    write(100);
    assert_eq!(String::from_utf8_lossy(&taken), "onetwo");
    assert_eq!(poll(&stream), "catch up after 12");
}

#[tokio::test]
async fn what_a_write_is_under_way_with_is_neither_forgotten_nor_sent_twice() {
    let stream = stream(&[]);
    offer(&stream, 10, 11, "one");
    offer(&stream, 11, 12, "two");
    let mut taken = 0;
    let socket = |slices: &[IoSlice<'_>]| {
        overflow_from(&stream, 13);
        taken = slices.iter().map(|slice| slice.len()).sum();
        Ok(taken - 1)
    };
    stream.write(false, socket).unwrap();
    assert_eq!(taken, "onetwo".len());
    assert_eq!([poll(&stream), poll(&stream)], ["o", "catch up after 12"]);
}

#[tokio::test]
async fn cutting_leaves_nothing_to_do() {
    let stream = stream(&["connected"]);
    assert!(!stream.park(Waker::noop()));
    stream.cut();
    assert!(stream.park(Waker::noop()) && stream.is_cut());
    assert_eq!(stream.poll(Waker::noop()), Next::End);
    assert_eq!(offer(&stream, 10, 11, "event"), Offered::Passed);
    stream.close(Some(&Outgoing::retry(7)), true);
    assert_eq!(stream.poll(Waker::noop()), Next::End);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_due_from_its_wake_up_until_it_has_written_or_cannot_or_is_gone() {
    let due = async |stream: &Stream| {
        let began = Instant::now();
        stream.pacing.wait().await;
        began.elapsed() > Duration::ZERO
    };
    let stream = stream(&[]);
    offer(&stream, 10, 11, "no waker yet");
    assert!(!due(&stream).await);
    assert_eq!([poll(&stream), poll(&stream)], ["no waker yet", "wait"]);
    offer(&stream, 11, 12, "event");
    assert!(due(&stream).await);
    assert_eq!([poll(&stream), poll(&stream)], ["event", "wait"]);
    assert!(!due(&stream).await);
    offer(&stream, 12, 13, "event");
    stream.park(Waker::noop());
    offer(&stream, 13, 14, "a blocked one is waited for no longer");
    assert!(!due(&stream).await);
    while poll(&stream) != "wait" {}
    offer(&stream, 14, 15, "event");
    let pacing = stream.pacing.clone();
    drop(stream);
    let began = Instant::now();
    pacing.wait().await;
    assert_eq!(began.elapsed(), Duration::ZERO);
}

/// Offers something that is true only now.
fn offer_ephemeral(stream: &Stream, text: &str) -> Offered {
    stream.offer_ephemeral(ChatId::generate(), &frame(0, text))
}

#[tokio::test]
async fn what_is_true_only_now_never_makes_a_stream_lag() {
    // As many events fit as without it, by count and by bytes.
    let overflows_at = |stream: &Stream, bytes: usize| {
        (11..1000).find(|id| offer(stream, id - 1, *id, &"x".repeat(bytes)) == Offered::Overflowed).unwrap()
    };
    for bytes in [100, 20_000] {
        let (plain, chatty) = (stream(&[]), stream(&[]));
        while offer_ephemeral(&chatty, &"typing".repeat(30)) == Offered::Queued {}
        assert_eq!(overflows_at(&chatty, bytes), overflows_at(&plain, bytes));
        assert_eq!(poll(&chatty), "catch up after 10", "it is dropped with the rest");
        assert_eq!(offer_ephemeral(&chatty, "typing"), Offered::Passed, "not while the stream lags");
    }
}

#[tokio::test]
async fn what_is_true_only_now_finds_no_room_in_a_queue_that_is_half_full() {
    let by_count = stream(&[]);
    let half = (11..).take(QUEUE_FRAMES_MAX / 2);
    half.for_each(|id| assert_eq!(offer(&by_count, id - 1, id, "event"), Offered::Queued));
    assert_eq!(offer_ephemeral(&by_count, "typing"), Offered::NoRoom);
    assert_eq!(poll(&by_count), "event");
    assert_eq!(offer_ephemeral(&by_count, "typing"), Offered::Queued);

    let by_bytes = stream(&[]);
    offer(&by_bytes, 10, 11, &"x".repeat(QUEUE_BYTES_MAX / 2));
    assert_eq!(offer_ephemeral(&by_bytes, "typing"), Offered::NoRoom);

    let alone = stream(&[]);
    let taken = (0..1000).take_while(|_| offer_ephemeral(&alone, "typing") == Offered::Queued).count();
    assert_eq!(taken, EPHEMERAL_FRAMES_MAX);
    assert_eq!(offer(&alone, 10, 11, "event"), Offered::Queued);
    alone.cut();
    assert_eq!(offer_ephemeral(&alone, "typing"), Offered::Passed);
}

#[tokio::test]
async fn what_is_true_only_now_moves_no_cursor_and_keeps_its_place_among_the_events() {
    let stream = stream(&[]);
    offer(&stream, 40, 41, "one");
    offer_ephemeral(&stream, "typing");
    offer(&stream, 41, 42, "two");
    assert_eq!([poll(&stream), poll(&stream), poll(&stream)], ["one", "typing", "two"]);
    offer_ephemeral(&stream, "typing");
    // Nothing else waits, so the events up to 50 were not for this stream.
    offer(&stream, 50, 51, &"x".repeat(QUEUE_BYTES_MAX + 1));
    assert_eq!(poll(&stream), "catch up after 50");
}

#[tokio::test]
async fn what_is_true_only_now_and_half_written_is_written_to_its_end() {
    let stream = stream(&[]);
    offer_ephemeral(&stream, "typing");
    let socket = |slices: &[IoSlice<'_>]| Ok(slices[0].len() - 2);
    stream.write(false, socket).unwrap();
    overflow(&stream);
    assert_eq!(poll(&stream), "ng");
    // The stream catches up with nothing that is for it.
    assert_eq!(poll(&stream), "catch up after 10");
    stream.caught_up(&[], 80, true);
    assert_eq!(poll(&stream), "wait");
    assert_eq!(offer_ephemeral(&stream, "typing"), Offered::Queued);
}

#[tokio::test]
async fn a_client_names_the_chats_whose_present_it_wants() {
    let stream = stream(&[]);
    let (shown, other) = (ChatId::generate(), ChatId::generate());
    let offer = |chat| stream.offer_ephemeral(chat, &frame(0, "typing"));
    let want = |chats: Option<Vec<ChatId>>| {
        let Stream { workspace, user, id, .. } = stream;
        stream.set_interest(Interest { workspace, user, stream: id, chats, users: Vec::new() });
    };
    assert_eq!([offer(shown), offer(other)], [Offered::Queued, Offered::Queued]);
    want(Some(vec![shown]));
    assert_eq!([offer(shown), offer(other)], [Offered::Queued, Offered::Passed]);
    want(Some(vec![]));
    assert_eq!([offer(shown), offer(other)], [Offered::Passed, Offered::Passed]);
    want(None);
    assert_eq!([offer(shown), offer(other)], [Offered::Queued, Offered::Queued]);
}
