//! The queries that the tail does not use.

use chat_core::{ChatId, UserId};
use event_log::read::{self, MembershipChange, ReplayFor};

use crate::support::{Fixture, make_test_chat, say};

#[tokio::test]
async fn heads_and_single_rows() {
    let fixture = Fixture::new().await;
    let shard = fixture.test_chat.shard();
    let heads = read::heads(&fixture.db).await.unwrap();
    assert_eq!(heads.generation, 1);
    assert_eq!(read::find_timeline(&fixture.db, shard, heads.of(shard).id).await.unwrap(), Some(1));
    assert_eq!(read::find_timeline(&fixture.db, shard, heads.of(shard).id + 1).await.unwrap(), None);
    assert_eq!(chat_core::Shard::all().filter(|s| heads.of(*s).id > 0).collect::<Vec<_>>(), [shard]);
}

#[tokio::test]
async fn the_newest_rows_are_bounded_by_count_and_bytes() {
    let fixture = Fixture::new().await;
    for n in 0..5 {
        fixture.say(&n.to_string().repeat(100)).await;
    }
    let (shard, head) = (fixture.test_chat.shard(), fixture.head().await.id);
    let newest = read::newest(&fixture.db, shard, head, 3, usize::MAX).await.unwrap();
    assert_eq!((newest.len(), newest[2].id), (3, head));
    assert!(newest.windows(2).all(|pair| pair[1].prev_id == pair[0].id));
    assert_eq!(read::newest(&fixture.db, shard, head, 100, 1).await.unwrap().len(), 1);
    assert_eq!(read::newest(&fixture.db, shard, newest[1].id, 1, 1).await.unwrap()[0].id, newest[1].id);
}

#[tokio::test]
async fn a_replay_has_every_row_and_payloads_for_one_user() {
    let fixture = Fixture::new().await;
    let neighbour = make_test_chat(&fixture.db, fixture.test_chat.shard().number()).await;
    let start = fixture.head().await.id;
    fixture.say("mine").await;
    say(&fixture.db, neighbour, "another workspace's").await;
    let stranger = UserId::generate();
    let test_chat = fixture.test_chat;
    let chats = [test_chat.chat];
    let whom = |chats| ReplayFor { workspace_id: test_chat.workspace, user_id: stranger, chats };

    let mine = read::replay(&fixture.db, test_chat.shard(), start, &whom(&chats), 100, 10_000).await.unwrap();
    assert_eq!(mine.iter().map(|row| row.withheld).collect::<Vec<_>>(), [false, true]);
    assert!(mine[0].row.payload.contains("mine") && mine[1].row.payload.is_empty());
    assert_eq!((mine[0].row.prev_id, mine[1].row.prev_id), (start, mine[0].row.id));

    let not_a_member = read::replay(&fixture.db, test_chat.shard(), start, &whom(&[]), 100, 1).await.unwrap();
    assert!(not_a_member.iter().all(|row| row.withheld));
    fixture.say("more").await;
    let cut = read::replay(&fixture.db, test_chat.shard(), start, &whom(&chats), 100, 1).await.unwrap();
    assert_eq!(cut.len(), 1, "one payload is as much as may be");
    assert_eq!(
        read::replay(&fixture.db, test_chat.shard(), start, &whom(&[]), 1, 1000).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn comings_and_goings_of_one_user() {
    let fixture = Fixture::new().await;
    let test_chat = fixture.test_chat;
    let (start, bob, second) = (fixture.head().await.id, UserId::generate(), ChatId::generate());
    let (workspace, chat) = (test_chat.workspace, test_chat.chat);
    let join = format!(
        "insert into chat_members (chat_id, user_id, workspace_id, role) values ('{chat}', '{bob}', '{workspace}', 'member')"
    );
    for sql in [
        &format!("insert into users (id, workspace_id, fullname, fullname_folded, role)
             values ('{bob}', '{workspace}', 'Bob', 'bob', 'member')"),
        &join,
        &format!("delete from chat_members where chat_id = '{chat}' and user_id = '{bob}'"),
        &format!(
            "begin; insert into chats (id, workspace_id, kind, name, name_folded)
             values ('{second}', '{workspace}', 'public_channel', '2', '2');
             insert into chat_members (chat_id, user_id, workspace_id, role) values ('{second}', '{bob}', '{workspace}', 'member'); commit"
        ),
    ] {
        fixture.execute(sql).await;
    }
    let changes = async |until| {
        read::membership_changes(&fixture.db, test_chat.shard(), workspace, bob, start, until).await.unwrap()
    };
    let head = fixture.head().await.id;
    let all = changes(head).await;
    let told: Vec<_> =
        all.iter().map(|MembershipChange { chat_id, joined, .. }| (*chat_id, *joined)).collect();
    assert_eq!(told, [(chat, true), (chat, false), (second, true)]);
    assert_eq!(changes(head - 1).await.len(), 2);
}
