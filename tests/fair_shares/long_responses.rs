//! Long responses: lists end early, and what a client does not take is bounded and cut.

use tokio::net::TcpSocket;

use super::{long_text, metric};
use crate::support::{
    Actor, actor::seqs, app::Node, eventually, raw::Raw, wait::DEADLINE, with_app, with_app_configured,
};

#[tokio::test]
async fn a_page_of_long_messages_ends_early_and_no_message_is_missed() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let chat = ann.private_channel("novels", &[]).await;
        for _ in 0..24 {
            ann.post(&chat, &long_text()).await;
        }
        let list = async |page: String| ann.call(&format!("GET /api/chat/{chat}/messages?{page}")).await.ok();
        for direction in ["before", "after"] {
            let (mut at, mut seen, mut pages) = (if direction == "before" { 99 } else { 0 }, Vec::new(), 0);
            loop {
                let page = list(format!("limit=200&{direction}={at}")).await;
                let found = seqs(&page);
                assert!(found.len() < 12, "{} messages in a page", found.len());
                at = if direction == "before" { found[0] } else { found[found.len() - 1] };
                seen.extend(found);
                pages += 1;
                if page["has_more"] == false {
                    break;
                }
            }
            seen.sort_unstable();
            // With the line that the channel was made.
            assert_eq!((seen, pages), ((1..=25).collect::<Vec<_>>(), 3), "{direction}");
        }
        let around = list("around=12&limit=200".into()).await;
        assert!(around["has_more_before"] == true && around["has_more_after"] == true);
        assert!(seqs(&around).contains(&12));
        // A short page says that there is more, and the last one that there is none.
        assert_eq!(list("after=23&limit=1".into()).await["has_more"], true);
        assert_eq!(list("after=23&limit=2".into()).await["has_more"], false);
    })
    .await;
}

/// Every chat that the pages of `GET /api/chat` show, and the number of pages.
async fn all_chats(actor: &Actor) -> (Vec<String>, usize) {
    let (mut seen, mut pages) = (Vec::<String>::new(), 0);
    loop {
        let after = seen.last().map_or(String::new(), |last| format!("&after={last}"));
        let page = actor.call(&format!("GET /api/chat?limit=200{after}")).await.ok();
        let ids =
            page["items"].as_array().unwrap().iter().map(|item| item["chat"]["id"].as_str().unwrap().into());
        seen.extend(ids);
        pages += 1;
        if page["has_more"] == false {
            return (seen, pages);
        }
    }
}

#[tokio::test]
async fn a_list_of_chats_with_long_last_messages_ends_early_and_no_chat_is_missed() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let mut made = Vec::new();
        for number in 0..20 {
            let chat = ann.public_channel(&format!("novel {number}"), &[]).await;
            ann.post(&chat, &long_text()).await;
            made.push(chat.0);
        }
        made.reverse();
        // From the database, then from the cache.
        for _ in 0..2 {
            let (seen, pages) = all_chats(&ann).await;
            assert_eq!((&seen, pages), (&made, 3));
        }
        let snapshot = ann.call("GET /api/sync?limit=200").await.ok();
        let chats = snapshot["chats"]["items"].as_array().unwrap();
        assert!((1..12).contains(&chats.len()) && snapshot["chats"]["has_more"] == true, "{}", chats.len());
        // Channels are listed without their messages, yet come from the same cache.
        let bob = app.invite(&ann, "Bob").await;
        let mut channels = Vec::new();
        loop {
            let after = channels.last().map_or(String::new(), |last: &String| format!("&after={last}"));
            let page = bob.call(&format!("GET /api/channels?limit=200{after}")).await.ok();
            channels.extend(
                page["items"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap().to_owned()),
            );
            if page["has_more"] == false {
                break;
            }
        }
        channels.reverse();
        assert_eq!(channels, made);
    })
    .await;
}

#[tokio::test]
async fn large_responses_that_an_account_does_not_take_are_bounded() {
    with_app_configured(
        |config| config.limits.waiting_response_mb_per_account = 1,
        async |app| {
            let ann = app.sign_up("acme", "Ann").await;
            let bob = app.invite(&ann, "Bob").await;
            let chat = ann.private_channel("novels", &[&bob]).await;
            for _ in 0..10 {
                ann.post(&chat, &long_text()).await;
            }
            let page = format!("/api/chat/{chat}/messages?limit=200");
            // Two clients of Ann ask for half a megabyte each and take nothing.
            let request =
                format!("GET {page} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", ann.token);
            let mut held = [Raw::connect(&app.chat).await, Raw::connect(&app.chat).await];
            held[0].send(request.as_bytes()).await;
            eventually(async || {
                held[1].send(request.as_bytes()).await;
                let reply = ann.call(&format!("GET {page}")).await;
                if reply.status == 429 { Ok(reply) } else { Err(format!("{}", reply.status)) }
            })
            .await
            .refused(429, "too_many_responses");
            assert!(metric(app, "responses_refused_total").await >= 1);
            bob.call(&format!("GET {page}")).await.ok();
            ann.call("GET /api/users/me").await.ok();
            drop(held);
            eventually(async || {
                let reply = ann.call(&format!("GET {page}")).await;
                if reply.status == 200 { Ok(()) } else { Err(format!("{}", reply.status)) }
            })
            .await;
        },
    )
    .await;
}

/// A connection that takes little at once: the kernel holds back what its client does not read.
async fn connect_narrow(node: &Node) -> Raw {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    Raw::over(socket.connect(node.url.strip_prefix("http://").unwrap().parse().unwrap()).await.unwrap())
}

fn request_of(actor: &Actor, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", actor.token)
}

#[tokio::test]
async fn a_page_that_is_taken_too_slowly_is_cut_and_counted() {
    with_app_configured(
        |config| config.limits.slow_response_seconds = 1,
        async |app| {
            let ann = app.sign_up("acme", "Ann").await;
            let chat = ann.private_channel("novels", &[]).await;
            for _ in 0..8 {
                ann.post(&chat, &long_text()).await;
            }
            let page = format!("/api/chat/{chat}/messages?limit=200");
            let mut slow = connect_narrow(&app.chat).await;
            slow.send(request_of(&ann, &page).as_bytes()).await;
            slow.read_until("content-length: ").await;
            assert_eq!(metric(app, "slow_clients_cut_total").await, 0);
            eventually(async || {
                let cut = metric(app, "slow_clients_cut_total").await;
                if cut == 1 { Ok(()) } else { Err(format!("{cut} were cut")) }
            })
            .await;
            let rest = slow.read_to_end(DEADLINE).await.expect("the connection is over");
            assert!(rest.len() < 400_000, "{} bytes came", rest.len());
            // Who takes it gets it.
            ann.call(&format!("GET {page}")).await.ok();
        },
    )
    .await;
}

#[tokio::test]
async fn an_account_takes_one_export_at_a_time() {
    with_app(async |app| {
        let ann = app.sign_up("acme", "Ann").await;
        let bob = app.invite(&ann, "Bob").await;
        let chat = bob.private_channel("novels", &[]).await;
        for _ in 0..20 {
            bob.post(&chat, &long_text()).await;
        }
        let mut first = connect_narrow(&app.chat).await;
        first.send(request_of(&bob, "/api/account/export").as_bytes()).await;
        first.read_until("parlor-export").await;
        bob.call("GET /api/account/export").await.refused(409, "export_running");
        assert_eq!(metric(app, "exports_refused_total").await, 1);
        assert_eq!(ann.call("GET /api/account/export").await.status, 200);
        drop(first);
        eventually(async || {
            let reply = bob.call("GET /api/account/export").await;
            if reply.status == 200 { Ok(()) } else { Err(reply.to_string()) }
        })
        .await;
    })
    .await;
}
