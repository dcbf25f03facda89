//! What one account, address or workspace may take of what all share. Each bound has a setting, and
//! a metric that counts when it bites.

mod long_responses;

use futures_util::future::join_all;
use private_postgres::testing::TestDatabase;
use serde_json::{Value, json};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::support::{
    Actor, App, Chat, Device, actor::bodies, app::Node, eventually, process::ServerProcess, raw::Raw,
    sse::try_stream, wait::DEADLINE, with_app, with_app_configured,
};

/// 64 KB of text: the longest message, of characters of four bytes.
fn long_text() -> String {
    "𝄞".repeat(16_000)
}

async fn metric(app: &App, name: &str) -> u64 {
    metric_of(app, &app.chat, name).await
}

/// The metric of this name of either server.
async fn metric_of(app: &App, node: &Node, name: &str) -> u64 {
    let text = app.client.get(format!("{}/metrics", node.url)).send().await.unwrap().text().await.unwrap();
    let samples = text.lines().filter_map(|line| line.strip_prefix("parlor_")?.split_once('_'));
    let value = samples.into_iter().find_map(|(_, line)| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

/// A connection from one of this machine's own addresses.
async fn connect(node: &Node, from: [u8; 4]) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    socket.connect(node.url.strip_prefix("http://").unwrap().parse().unwrap()).await.unwrap()
}

async fn is_closed(mut stream: TcpStream) -> bool {
    matches!(timeout(DEADLINE, stream.read(&mut [0; 1])).await, Ok(Ok(0) | Err(_)))
}

#[tokio::test]
async fn one_address_cannot_take_the_connections_of_all() {
    with_app_configured(
        |config| config.limits.max_connections_per_address = 2,
        async |app| {
            let notify = app.start_notify_server().await;
            for node in [&app.chat, &notify] {
                let held = [connect(node, [127, 0, 0, 9]).await, connect(node, [127, 0, 0, 9]).await];
                assert!(is_closed(connect(node, [127, 0, 0, 9]).await).await);
                let mut other = Raw::over(connect(node, [127, 0, 0, 8]).await);
                assert_eq!(other.call("GET /health/live", "").await.status, 200);
                drop(held);
                eventually(async || {
                    let mut again = Raw::over(connect(node, [127, 0, 0, 9]).await);
                    if again.try_call("GET /health/live").await { Ok(()) } else { Err("not yet".into()) }
                })
                .await;
                assert!(metric_of(app, node, "connections_refused_total").await >= 1);
            }
        },
    )
    .await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_may_open_as_many_files_as_the_machine_lets_it() {
    let database = TestDatabase::new().await.unwrap();
    let server = ServerProcess::start("chat_server", database.url());
    let (soft, hard) = server.file_limits();
    assert_eq!(soft, hard);
    assert_ne!(soft, "512");
}

#[tokio::test]
async fn behind_a_proxy_its_address_has_no_limit() {
    with_app_configured(
        |config| {
            config.limits.max_connections_per_address = 1;
            config.server.trusted_proxies = 1;
        },
        async |app| {
            let _held = connect(&app.chat, [127, 0, 0, 9]).await;
            let mut second = Raw::over(connect(&app.chat, [127, 0, 0, 9]).await);
            assert_eq!(second.call("GET /health/live", "").await.status, 200);
        },
    )
    .await;
}

#[tokio::test]
async fn a_slow_search_is_stopped_and_few_run_at_once() {
    // More connections than searches may take.
    let connections = |config: &mut chat_core::config::Config| config.database.max_connections = 30;
    with_app_configured(connections, async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let mut people = vec![ann.clone()];
        for name in ["Bob", "Cid", "Dee", "Eve", "Fay", "Gus", "Hal", "Ida"] {
            people.push(app.invite(&ann, name).await);
        }
        // Every search waits for this until its time is over.
        let mut held = app.db.begin().await.unwrap();
        sqlx::query("lock table people_search in access exclusive mode").execute(&mut *held).await.unwrap();
        let of_ann = join_all((0..4).map(|_| ann.call("GET /api/users?query=bob")));
        let (replies, most) = watched(app, of_ann).await;
        assert!((1..=2).contains(&most), "{most} searches of one account at once");
        let of_all = people.iter().flat_map(|person| (0..2).map(|_| person.call("GET /api/users?query=bob")));
        let (more, most) = watched(app, join_all(of_all)).await;
        assert!((3..=8).contains(&most), "{most} searches at once");
        let refused = replies.len() + more.len();
        for reply in replies.into_iter().chain(more) {
            assert_eq!(reply.header("retry-after"), Some("1"));
            reply.refused(503, "unavailable");
        }
        assert_eq!(metric(app, "searches_refused_total").await, refused as u64);
        held.rollback().await.unwrap();
        assert_eq!(fullnames(&ann.call("GET /api/users?query=bob").await.ok()), ["Bob"]);
    })
    .await;
}

/// What `work` gives, and the most searches that waited in the database at once meanwhile.
async fn watched<T>(app: &App, work: impl Future<Output = T>) -> (T, i64) {
    let sql = "select count(*) from pg_stat_activity
               where datname = current_database() and wait_event_type = 'Lock' and query like '%people_search%'
                 and pid <> pg_backend_pid()";
    let mut most = 0;
    let watch = async {
        loop {
            most = most.max(sqlx::query_scalar(sql).fetch_one(&app.db).await.unwrap());
            tokio::task::yield_now().await;
        }
    };
    let done = tokio::select! {
        done = work => done,
        () = watch => unreachable!("it watches for ever"),
    };
    (done, most)
}

#[tokio::test]
async fn requests_of_one_account_wait_for_one_another_and_hold_up_nobody_else() {
    with_app_configured(
        |config| config.limits.requests_at_once = 1,
        async |app| {
            let ann = app.sign_up("acme", "Ann").await;
            let bob = app.invite(&ann, "Bob").await;
            let chat = ann.private_channel("plans", &[&bob]).await;
            let other = ann.private_channel("other", &[&bob]).await;
            let mut held = app.db.begin().await.unwrap();
            let lock = "select from chats where id = $1::uuid for update";
            sqlx::query(lock).bind(&chat.0).execute(&mut *held).await.unwrap();
            let operation = format!("PATCH /api/chat/{chat}");
            let rename = ann.call_with(&operation, json!({ "name": "new plans" }));
            let beside = async {
                // The second request of Ann waits, so it is not answered before the first one.
                eventually(async || {
                    let _ =
                        timeout(std::time::Duration::from_millis(20), ann.call("GET /api/users/me")).await;
                    if metric(app, "requests_waited_total").await > 0 { Ok(()) } else { Err("none".into()) }
                })
                .await;
                bob.call("GET /api/users/me").await.ok();
                // A send has a queue of its own.
                ann.post(&other, "at once").await;
                held.rollback().await.unwrap();
            };
            let (renamed, ()) = tokio::join!(rename, beside);
            renamed.ok();
            ann.call("GET /api/users/me").await.ok();
        },
    )
    .await;
}

fn fullnames(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|user| user["fullname"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_search_finds_any_part_of_a_name_as_it_is_now_and_in_this_workspace_alone() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Taro Yamada").await;
        bob.call_with("PATCH /api/users/me", json!({ "fullname": "山田太郎" })).await.ok();
        let eve = app.sign_up("evil", "Annabel").await;
        let people = async |actor: &Actor, text: &str| -> Vec<String> {
            let page = actor.call(&format!("GET /api/users?query={text}")).await.ok();
            fullnames(&page).into_iter().map(str::to_owned).collect()
        };
        for (text, found) in [
            ("a", vec!["Ann", "山田太郎"]), // his address is at acme.example
            ("NN", vec!["Ann"]),
            ("ann", vec!["Ann"]),
            ("ann@acme.ex", vec!["Ann"]),
            ("nan", vec![]),
            ("太", vec!["山田太郎"]),
            ("太郎", vec!["山田太郎"]),
            ("%25", vec![]),
        ] {
            assert_eq!(people(&ann, text).await, found, "{text}");
        }
        assert_eq!(people(&eve, "ann").await, ["Annabel"]);
        bob.call_with("PATCH /api/users/me", json!({ "fullname": "Taro" })).await.ok();
        assert_eq!(people(&ann, "aro").await, ["Taro"]);

        let club = ann.public_channel("Chess club", &[]).await;
        eve.public_channel("Chess at evil", &[]).await;
        let channels = async |text: &str| -> usize {
            let page = bob.call(&format!("GET /api/channels?query={text}")).await.ok();
            page["items"].as_array().unwrap().len()
        };
        assert_eq!((channels("chess").await, channels("ss%20c").await, channels("go").await), (1, 1, 0));
        let change = json!({ "name": "Go club", "description": "and Schach" });
        ann.call_with(&format!("PATCH /api/chat/{club}"), change).await.ok();
        assert_eq!((channels("chess").await, channels("go").await, channels("schach").await), (0, 1, 1));
        ann.call(&format!("DELETE /api/chat/{club}")).await.no_content();
        assert_eq!(channels("go").await, 0);
    })
    .await;
}

#[tokio::test]
async fn searches_chats_and_people_put_into_them_have_rates() {
    with_app_configured(
        |config| {
            config.limits.searches_per_minute = 1;
            config.limits.new_chats_per_minute = 3;
            config.limits.added_members_per_minute = 4;
        },
        async |app| {
            let ann = app.sign_up("acme", "Ann").await;
            let bob = app.invite(&ann, "Bob").await;
            let cid = app.invite(&ann, "Cid").await;
            ann.call("GET /api/users?query=bob").await.ok();
            ann.call("GET /api/users?query=cid").await.refused(429, "rate_limited");
            ann.call("GET /api/channels?query=cid").await.refused(429, "rate_limited");
            ann.call("GET /api/users").await.ok();
            bob.call("GET /api/users?query=cid").await.ok();

            let chat = ann.private_channel("one", &[&bob]).await;
            ann.private_channel("two", &[]).await;
            // To find a single chat that exists is not to create one.
            for _ in 0..5 {
                ann.single(&bob).await;
            }
            let fourth = json!({ "kind": "private_channel", "name": "four" });
            ann.call_with("POST /api/chat", fourth.clone()).await.refused(429, "rate_limited");
            bob.call_with("POST /api/chat", fourth).await.created();
            // Two of four are used up.
            let add = format!("POST /api/chat/{chat}/members");
            ann.call_with(&add, json!({ "user_ids": [bob.id, cid.id] })).await.ok();
            ann.call_with(&add, json!({ "user_ids": [cid.id] })).await.refused(429, "rate_limited");
            assert_eq!(metric(app, "rate_limited_total{limit=\"added_members\"}").await, 1);
        },
    )
    .await;
}

/// Puts `user` into `count` channels that `by` made; `added_by` says who put them there.
async fn put_into_chats(app: &App, user: &Actor, by: &Actor, added_by: Option<&Actor>, count: i32) {
    sqlx::query(
        "with made as (
             insert into chats (id, workspace_id, kind, name, name_folded, created_by)
             select gen_random_uuid(), $1::uuid, 'private_channel', gen_random_uuid(), gen_random_uuid(), $3::uuid
             from generate_series(1, $5) returning id
         )
         insert into chat_members (chat_id, user_id, workspace_id, role, added_by)
         select id, $2::uuid, $1::uuid, 'member', $4::uuid from made",
    )
    .bind(&user.workspace_id)
    .bind(&user.id)
    .bind(&by.id)
    .bind(added_by.map(|actor| &actor.id))
    .bind(count)
    .execute(&app.db)
    .await
    .unwrap();
}

#[tokio::test]
async fn chats_into_which_others_put_me_are_no_reason_to_refuse_me() {
    with_app_configured(
        |config| config.limits.chats_per_creator = 3,
        async |app| {
            let ann = app.sign_up("acme", "Ann").await;
            let bob = app.invite(&ann, "Bob").await;
            let mallory = app.invite(&ann, "Mallory").await;
            let general = ann.public_channel("general", &[]).await;
            put_into_chats(app, &bob, &mallory, Some(&mallory), 2500).await;
            bob.private_channel("mine", &[]).await;
            bob.single(&ann).await;
            bob.call(&format!("POST /api/chat/{general}/join")).await.ok();
            ann.private_channel("for bob", &[&bob]).await;
            let page = bob.call("GET /api/chat?limit=1").await.ok();
            assert_eq!(page["has_more"], true);

            let another = json!({ "kind": "private_channel", "name": "one more" });
            mallory.call_with("POST /api/chat", another.clone()).await.refused(409, "too_many_chats");
            assert_eq!(metric(app, "chats_refused_total").await, 1);
            // Those that one made or joined oneself do count.
            let joined = 2000 - 3;
            put_into_chats(app, &bob, &mallory, None, joined).await;
            bob.call_with("POST /api/chat", another).await.refused(409, "too_many_chats");
            let club = channel_by_hand(app, &ann).await;
            bob.call(&format!("POST /api/chat/{club}/join")).await.refused(409, "too_many_chats");
            assert_eq!(metric(app, "chats_refused_total").await, 3);
            ann.private_channel("still for bob", &[&bob]).await;
        },
    )
    .await;
}

/// A public channel that was made by hand.
async fn channel_by_hand(app: &App, host: &Actor) -> Chat {
    let sql = "insert into chats (id, workspace_id, kind, name, name_folded)
               values (gen_random_uuid(), $1::uuid, 'public_channel', 'club', 'club') returning id::text";
    Chat(sqlx::query_scalar(sql).bind(&host.workspace_id).fetch_one(&app.db).await.unwrap())
}

#[tokio::test]
async fn a_workspace_that_is_full_takes_no_more_text_until_some_is_deleted() {
    with_app_configured(
        |config| config.limits.storage_mb_per_workspace = 1,
        async |app| {
            let ann = app.sign_up("acme", "Ann").await;
            let eve = app.sign_up("evil", "Eve").await;
            let chat = ann.private_channel("novels", &[]).await;
            let message = json!({ "body": long_text() });
            let mut sent = Vec::new();
            let refused = loop {
                let reply = ann.try_post(&chat, message.clone()).await;
                if reply.status != 201 {
                    break reply;
                }
                sent.push(reply.created()["id"].as_str().unwrap().to_owned());
            };
            refused.refused(409, "workspace_full");
            assert!(metric(app, "quota_refused_total").await >= 1);
            assert!(sent.len() >= 16, "{} messages of 64 KB", sent.len());
            let edit = format!("PATCH /api/chat/{chat}/messages/{}", sent[0]);
            ann.call_with(&edit, message.clone()).await.refused(409, "workspace_full");
            let others = eve.private_channel("novels", &[]).await;
            eve.post(&others, &long_text()).await;
            for id in &sent {
                ann.call(&format!("DELETE /api/chat/{chat}/messages/{id}")).await.no_content();
            }
            eventually(async || {
                let reply = ann.try_post(&chat, json!({ "body": "short" })).await;
                if reply.status == 201 { Ok(()) } else { Err(format!("{}", reply.status)) }
            })
            .await;
            let list = ann.call(&format!("GET /api/chat/{chat}/messages")).await.ok();
            assert!(bodies(&list).contains(&"short".to_owned()));
        },
    )
    .await;
}

#[tokio::test]
async fn one_account_cannot_take_the_streams_of_all_by_being_in_many_workspaces() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let second = ann.call_with("POST /api/workspaces", json!({ "name": "second" })).await.created();
        let there = format!("POST /api/workspaces/{}/token", second["id"].as_str().unwrap());
        let there = ann.call(&there).await.ok()["access_token"].as_str().unwrap().to_owned();
        let bob = app.invite(&ann, "Bob").await;
        let node = app.start_notify_server_configured(|notify| notify.max_streams_per_account = 1).await;
        let refused = async |token: &str| {
            let auth = format!("Bearer {token}");
            let reply = try_stream(&node, "", &[("authorization", &auth)]).await;
            reply.body.as_str().is_some_and(|text| text.starts_with("retry: ") && !text.contains("data"))
        };
        let mut held = Device::connect(&ann, &node).await;
        assert!(refused(&there).await, "her second workspace is no second share");
        assert_eq!(metric_of(app, &node, "account_streams_refused_total").await, 1);
        let _bobs = Device::connect(&bob, &node).await;
        held.cut();
        eventually(async || {
            let url = format!("{}/metrics", node.url);
            let text = app.client.get(url).send().await.unwrap().text().await.unwrap();
            if text.contains("parlor_notify_streams 1\n") { Ok(()) } else { Err(text) }
        })
        .await;
        Device::connect(&ann.with_token(there), &node).await;
    })
    .await;
}
