//! What a batch stores and what it refuses.

use super::*;

#[tokio::test]
async fn what_may_not_be_sent_leaves_no_gap() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, connection) = connect(&database).await;
    sqlx::raw_sql(
        "insert into users (id, workspace_id, fullname, fullname_folded, role)
             select overlay(id::text placing '3' from 35)::uuid, id, 'Eve', 'eve', 'member' from workspaces",
    )
    .execute(&mut db)
    .await
    .unwrap();
    let named = || NewMessage {
        client_id: Some(ClientId::parse("c-1").unwrap()),
        request_hash: Some(RequestHash([0; 32])),
        ..hello()
    };
    let send = async |new: Vec<NewMessage>| -> Vec<i64> {
        let new: Vec<_> = new.iter().collect();
        seqs(&store(&connection, &new, Notify::InTransaction).await.unwrap())
    };
    assert_eq!(send(vec![named()]).await, [1]);
    let refused = [
        named(),
        NewMessage { sender_id: UserId(id(0x30)), ..hello() },
        NewMessage { sender_id: UserId(id(0x11)), ..hello() },
        NewMessage { workspace_id: WorkspaceId(id(1)), ..hello() },
        NewMessage { reply_to: Some(MessageId::generate()), ..hello() },
    ];
    for new in &refused {
        assert_eq!(send(vec![new.clone()]).await, [0; 0], "{new:?}");
    }
    assert_eq!(send(vec![hello()]).await, [2]);
    assert_eq!(send([&refused[..], &[hello(), hello()]].concat()).await, [3, 4]);
    for new in refused.chunks(2) {
        assert_eq!(send(new.to_vec()).await, [0; 0]);
    }
    assert_eq!(send(vec![hello(), refused[0].clone(), hello()]).await, [5, 6]);
    assert_eq!(send(vec![hello()]).await, [7]);
    // Of a workspace that comes before or after the chat's, fewer and more than those that may be
    // sent.
    for (shard, wrong) in [(0, 1), (1, 0)] {
        for (right_ones, wrong_ones) in [(3, 1), (1, 3)] {
            let wrong = NewMessage { workspace_id: WorkspaceId(id(wrong)), ..hello_in(shard) };
            let new = [vec![hello_in(shard); right_ones], vec![wrong; wrong_ones]].concat();
            let new = new.into_iter().map(|new| NewMessage { id: MessageId::generate(), ..new }).collect();
            assert_eq!(send(new).await.len(), right_ones, "{shard}: {right_ones} and {wrong_ones}");
        }
    }
    let miscounted: i64 = sqlx::query_scalar(
        "select (select count(*) from chats c
                 where last_seq <> (select coalesce(max(seq), 0) from messages m where m.chat_id = c.id)
                    or last_seq <> (select count(*) from messages m where m.chat_id = c.id)
                    or last_root_no <> last_seq)
              + (select count(*) from messages where root_no <> seq)
              + (select count(*) from chat_members c where sent_seq <> (
                     select coalesce(max(seq), 0) from messages m where (m.chat_id, m.sender_id) = (c.chat_id, c.user_id)))",
    )
    .fetch_one(&mut db)
    .await
    .unwrap();
    assert_eq!(miscounted, 0);
}

#[tokio::test]
async fn what_is_told_and_answered_of_a_send_is_what_was_stored() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, connection) = connect(&database).await;
    let odd = |client_id: &str, reply_to| NewMessage {
        body: MessageBody::parse("line one\nline \"two\" \\ \u{1f4e8} \u{1}").unwrap(),
        client_id: Some(ClientId::parse(client_id).unwrap()),
        request_hash: Some(RequestHash([0xa5; 32])),
        reply_to,
        ..hello()
    };
    let first = odd("c-1", None);
    let answer = odd("c-2", Some(first.id));
    for new in [vec![&first], vec![&answer], vec![&hello(), &odd("c-3", Some(first.id)), &hello_in(1)]] {
        let stored = connection.send(&new, Notify::AfterCommit).await.unwrap();
        assert_eq!(stored.len(), new.len());
        for (id, message) in stored {
            let (told, expected, rendered, body, hash): (String, String, String, String, Option<Vec<u8>>) =
                sqlx::query_as(
                    r#"select e.payload,
                          '{"type":"message.new","at":"' || json_time(e.at) || '","chat_id":"' || m.chat_id
                              || '","message":' || message_json(m, null) || '}',
                          message_json(m, null)::text, m.body, m.request_hash
                   from messages m join event_log e on e.message_id = m.id where m.id = $1"#,
                )
                .bind(id.0)
                .fetch_one(&mut db)
                .await
                .unwrap();
            assert_eq!((told, &message), (expected, &Some(rendered)));
            let new = new.iter().find(|new| new.id == id).unwrap();
            assert_eq!(
                (body.as_str(), hash),
                (new.body.as_str(), new.request_hash.map(|hash| hash.0.to_vec()))
            );
        }
    }
}

#[tokio::test]
async fn a_send_leaves_the_settings_of_its_session_as_they_were() {
    let database = TestDatabase::new().await.unwrap();
    let (mut db, _) = connect(&database).await;
    let stranger = NewMessage { sender_id: UserId(id(0x11)), ..hello() };
    for new in [vec![hello()], vec![stranger.clone()], vec![hello(), stranger, hello()]] {
        let mut tx = db.begin().await.unwrap();
        sqlx::query(
            "select from send_messages(array(select n from jsonb_populate_recordset(null::new_message, $1) n), false)",
        )
            .bind(sqlx::types::Json(batch(&new.iter().collect::<Vec<_>>())))
            .execute(&mut *tx)
            .await
            .unwrap();
        let events: String =
            sqlx::query_scalar("select coalesce(current_setting('parlor.events', true), '')")
                .fetch_one(&mut *tx)
                .await
                .unwrap();
        assert_eq!(events, "", "{new:?}");
        tx.rollback().await.unwrap();
    }
}
