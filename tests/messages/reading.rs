//! Pages of a chat, and read positions.

use futures_util::future::join_all;
use serde_json::json;

use super::{page, three};
use crate::support::{Actor, actor::seqs, with_app};

#[tokio::test]
async fn pages_of_a_chat_at_all_edges() {
    with_app(async |app| {
        let (ann, bob, _, _) = three(app).await;
        // Of two, which has no system line.
        let chat = ann.single(&bob).await;
        let empty = page(&ann, &chat, "").await;
        assert_eq!(
            empty,
            json!({ "items": [], "has_more": false, "has_more_before": false, "has_more_after": false })
        );
        for query in ["before=5", "after=5", "around=5", "anchor=first_unread"] {
            assert_eq!(page(&ann, &chat, query).await, empty, "{query} of an empty chat");
        }
        for n in 1..=10 {
            ann.post(&chat, &format!("m{n}")).await;
        }
        bob.mark_read(&chat, 4).await;

        let cases: [(&str, Vec<i64>, bool, bool); 21] = [
            ("", (1..=10).collect(), false, false),
            ("limit=10", (1..=10).collect(), false, false),
            ("limit=3", vec![8, 9, 10], true, false),
            ("before=8&limit=3", vec![5, 6, 7], true, true),
            ("before=4&limit=3", vec![1, 2, 3], false, true),
            ("before=1", vec![], false, true),
            ("before=0", vec![], false, true),
            ("before=11&limit=3", vec![8, 9, 10], true, false),
            ("before=1000&limit=3", vec![8, 9, 10], true, false),
            ("after=0&limit=3", vec![1, 2, 3], false, true),
            ("after=7&limit=3", vec![8, 9, 10], true, false),
            ("after=6&limit=3", vec![7, 8, 9], true, true),
            ("after=10", vec![], true, false),
            ("after=1000", vec![], true, false),
            ("around=5&limit=4", vec![3, 4, 5, 6], true, true),
            ("around=1&limit=4", vec![1, 2], false, true),
            ("around=10&limit=4", vec![8, 9, 10], true, false),
            ("around=5&limit=1", vec![5], true, true),
            ("around=1000&limit=4", vec![9, 10], true, false),
            ("anchor=first_unread&limit=4", vec![3, 4, 5, 6], true, true),
            (&format!("after={}", i64::MAX), vec![], true, false),
        ];
        for (query, items, before, after) in cases {
            let list = page(&bob, &chat, query).await;
            let found = (seqs(&list), list["has_more_before"] == true, list["has_more_after"] == true);
            assert_eq!(found, (items, before, after), "{query}");
        }
        // All is read: the first unread message does not exist yet.
        bob.mark_read(&chat, 10).await;
        assert_eq!(seqs(&page(&bob, &chat, "anchor=first_unread&limit=4").await), [9, 10]);

        for query in ["before=1&after=1", "around=1&anchor=first_unread"] {
            ann.call(&format!("GET /api/chat/{chat}/messages?{query}"))
                .await
                .refused_at(422, "invalid", "query");
        }
        for (query, pointer) in
            [("limit=0", "limit"), ("limit=201", "limit"), ("before=x", "before"), ("anchor=top", "anchor")]
        {
            ann.call(&format!("GET /api/chat/{chat}/messages?{query}"))
                .await
                .refused_at(422, "invalid", pointer);
        }
    })
    .await;
}

#[tokio::test]
async fn has_more_speaks_of_the_direction_that_was_asked_for() {
    with_app(async |app| {
        let (ann, bob, ..) = three(app).await;
        let chat = ann.single(&bob).await;
        for n in 1..=4 {
            ann.post(&chat, &format!("m{n}")).await;
        }
        for (query, more) in [
            ("limit=3", true),
            ("limit=4", false),
            ("before=3&limit=2", false),
            ("before=3&limit=1", true),
            ("after=1&limit=3", false),
            ("after=1&limit=2", true),
            ("around=2&limit=2", true),
        ] {
            assert_eq!(page(&ann, &chat, query).await["has_more"], more, "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn unread_counts_follow_what_others_write() {
    with_app(async |app| {
        let (ann, bob, cid, chat) = three(app).await;
        let unread = async |actor: &Actor| {
            let item = actor.listed(&chat).await;
            (item["read_seq"].as_i64().unwrap(), item["unread_count"].as_i64().unwrap())
        };
        ann.post(&chat, "one").await;
        ann.post(&chat, "two").await;
        // The line that the channel was made comes first.
        assert_eq!((unread(&ann).await, unread(&bob).await), ((3, 0), (0, 2)));
        assert_eq!(
            bob.mark_read(&chat, 2).await,
            json!({ "seq": 2, "unread_count": 1, "last_seq": 3, "last_root_no": 2, "deleted_count": 0 })
        );
        assert_eq!(unread(&bob).await, (2, 1));
        bob.post(&chat, "three").await;
        assert_eq!((unread(&ann).await, unread(&bob).await), ((3, 1), (4, 0)), "who writes has read");
        // A new member starts with everything read, the line about them included.
        ann.add(&chat, &[&cid]).await;
        assert_eq!(unread(&cid).await, (5, 0));
        assert_eq!(ann.call(&format!("GET /api/chat/{chat}")).await.ok(), ann.listed(&chat).await);
    })
    .await;
}

#[tokio::test]
async fn a_read_position_moves_forward_alone_and_not_past_the_end() {
    with_app(async |app| {
        let (ann, bob, cid, chat) = three(app).await;
        for n in 0..5 {
            ann.post(&chat, &format!("m{n}")).await;
        }
        for (seq, position) in [(4, 4), (2, 4), (1000, 6), (0, 6), (i64::MAX, 6)] {
            let read = bob.mark_read(&chat, seq).await;
            let expected = json!({
                "seq": position, "unread_count": 6 - position, "last_seq": 6, "last_root_no": 5, "deleted_count": 0,
            });
            assert_eq!(read, expected, "{seq}");
        }
        let marks = join_all((0..8).map(|n| bob.mark_read(&chat, n))).await;
        assert!(marks.iter().all(|mark| mark["seq"] == 6), "{marks:?}");
        cid.call_with(&format!("POST /api/chat/{chat}/read"), json!({ "seq": 1 }))
            .await
            .refused(403, "not_a_member");
        for seq in [json!("x"), json!(-7), json!(null)] {
            bob.call_with(&format!("POST /api/chat/{chat}/read"), json!({ "seq": seq }))
                .await
                .refused_at(422, "invalid", "/seq");
        }
    })
    .await;
}

#[tokio::test]
async fn reading_on_one_device_while_writing_on_another_never_counts_below_zero() {
    with_app(async |app| {
        let (ann, bob, _, chat) = three(app).await;
        for round in 0..20 {
            let (reads, _) = futures_util::join!(
                join_all((0..4).map(|_| bob.mark_read(&chat, i64::MAX))),
                join_all([bob.post(&chat, "mine"), ann.post(&chat, "hers"), bob.post(&chat, "mine")])
            );
            for read in reads {
                assert!(read["unread_count"].as_i64().unwrap() >= 0, "round {round}: {read}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_deleted_message_is_unread_to_nobody() {
    with_app(async |app| {
        let (ann, bob, cid, chat) = three(app).await;
        ann.add(&chat, &[&cid]).await;
        let mut sent = Vec::new();
        for n in 1..=5 {
            sent.push(ann.post(&chat, &format!("m{n}")).await);
        }
        let delete = async |index: usize| {
            let id = sent[index]["id"].as_str().unwrap();
            ann.call(&format!("DELETE /api/chat/{chat}/messages/{id}")).await.no_content();
        };
        let unread = async |actor: &Actor| actor.listed(&chat).await["unread_count"].clone();
        // Two lines come before them.
        bob.mark_read(&chat, 5).await;
        assert_eq!((unread(&bob).await, unread(&cid).await), (json!(2), json!(5)));
        delete(1).await; // Bob has read it, Cid has not
        assert_eq!((unread(&bob).await, unread(&cid).await), (json!(2), json!(4)));
        delete(3).await;
        delete(3).await; // a second time counts once
        assert_eq!((unread(&bob).await, unread(&cid).await), (json!(1), json!(3)));
        let position = cid.call_with(&format!("POST /api/chat/{chat}/read"), json!({ "seq": 4 })).await.ok();
        let expected =
            json!({ "seq": 4, "unread_count": 2, "last_seq": 7, "last_root_no": 5, "deleted_count": 2 });
        assert_eq!(position, expected);
        assert_eq!(cid.call(&format!("GET /api/chat/{chat}")).await.ok()["unread_count"], 2);
        for index in [0, 2, 4] {
            delete(index).await;
        }
        for actor in [&bob, &cid] {
            let snapshot = actor.call("GET /api/sync").await.ok();
            assert_eq!(snapshot["chats"]["items"][0]["unread_count"], 0, "{snapshot}");
        }
    })
    .await;
}
