//! Clients that try to exhaust the servers are refused, and all others can continue.

use std::time::Duration;

use futures_util::{StreamExt as _, future::join_all, stream};
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use crate::support::{Actor, Device, Reply, app::PASSWORD, raw::Raw, with_app, with_app_configured};

/// Connections of one attacker.
const SLOW: usize = 200;
/// Well over the 10 seconds for a request's head and the 30 for a request.
const CUT_BY: Duration = Duration::from_secs(90);

/// Rounds of an ordinary person before and during a flood; the median counts.
const ROUNDS: usize = 20;
/// How many times longer a round may take during a flood, and what it may take in any case: it
/// shares the machine with the flood.
const SLOWER_MAX: u32 = 20;
const ROUND_MAX: Duration = Duration::from_secs(2);

/// The median time until an action of Ann reaches her device and she has read her state.
async fn round_time(ann: &Actor, device: &mut Device, name: &str) -> Duration {
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let began = Instant::now();
        let name = format!("{name} {round}");
        ann.mark(&name).await;
        device.until_mark(&name).await;
        ann.call("GET /api/sync").await.ok();
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times[ROUNDS / 2]
}

fn assert_served(calm: Duration, flooded: Duration) {
    assert!(flooded <= ROUND_MAX.max(calm * SLOWER_MAX), "{flooded:?} during the flood, {calm:?} before it");
}

/// Sends `bytes` one at a time, too slowly ever to finish. Returns the response when the server
/// gives up.
async fn dribble(mut raw: Raw, head: String) -> String {
    let began = Instant::now();
    raw.send(head.as_bytes()).await;
    for second in 1.. {
        if second > CUT_BY.as_secs() || !raw.send(b"a").await {
            break;
        }
        sleep_until(began + Duration::from_secs(second)).await;
    }
    raw.read_to_end(CUT_BY).await.expect("a connection that dribbles is kept open")
}

#[tokio::test]
async fn clients_that_dribble_are_cut_and_nobody_waits_for_them() {
    with_app(async |app| {
        let notify = app.start_notify_server().await;
        let ann = app.sign_up("acme", "Ann").await;
        let mut device = Device::connect(&ann, &notify).await;
        let calm = round_time(&ann, &mut device, "calm").await;
        let head = "GET /events HTTP/1.1\r\nhost: x\r\nx-slow: ".to_owned();
        let body = "POST /api/signin HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n";
        let answered = format!("GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n{head}");
        let mut slow = Vec::new();
        for number in 0..SLOW {
            let (node, head) = match number % 4 {
                0 => (&notify, head.clone()),
                1 => (&app.chat, head.clone()),
                2 => (&app.chat, body.to_owned()),
                _ => (&app.chat, answered.clone()),
            };
            slow.push(dribble(Raw::connect(node).await, head));
        }
        let others = async {
            let flooded = round_time(&ann, &mut device, "beside those that dribble").await;
            for _ in 0..ROUNDS {
                app.sign_in(&ann).await;
            }
            flooded
        };
        let (answers, flooded) = tokio::join!(join_all(slow), others);
        assert_served(calm, flooded);
        let mut told = 0;
        for (number, answer) in answers.iter().enumerate() {
            // An endless head gets no response. An endless body gets one, if the connection is
            // still open.
            let is_told = answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"code\":\"timeout\"");
            let is_right = match number % 4 {
                0 | 1 => answer.is_empty(),
                2 => answer.is_empty() || is_told,
                _ => answer.starts_with("HTTP/1.1 200 ") && answer.matches("HTTP/1.1").count() == 1,
            };
            assert!(is_right, "{number}: {answer}");
            told += usize::from(is_told);
        }
        assert!(told > 0, "a request that is being answered is not cut for its head's time");
        ann.mark("after").await;
        device.until_mark("after").await;
    })
    .await;
}

#[tokio::test]
async fn thousands_of_sign_ins_at_once_leave_room_for_everybody_else() {
    with_app_configured(
        |config| {
            config.limits.guesses_per_hour = 100_000;
            config.server.trusted_proxies = 1;
        },
        async |app| {
            let notify = app.start_notify_server().await;
            let ann = app.sign_up("acme", "Ann").await;
            let mut device = Device::connect(&ann, &notify).await;
            let calm = round_time(&ann, &mut device, "calm").await;
            let guesses = stream::iter(0..3000).map(|number| async move {
                let email = if number % 2 == 0 { "ann@acme.example" } else { "nobody@acme.example" };
                let guess = json!({ "email": email, "password": format!("my guess {number}") });
                // From as many networks as it takes: one has few places.
                let from = format!("10.0.{}.1", number % 200);
                let request =
                    app.client.post(format!("{}/api/signin", app.chat.url)).header("x-forwarded-for", from);
                Reply::of("POST /api/signin", request.json(&guess)).await
            });
            let guesses = guesses.buffer_unordered(500).collect::<Vec<_>>();
            let others = round_time(&ann, &mut device, "beside guesses");
            let (answers, flooded) = tokio::join!(guesses, others);
            assert_served(calm, flooded);
            let mut busy = 0;
            for answer in answers {
                if answer.status == 503 {
                    assert!(answer.header("retry-after").is_some(), "{answer:?}");
                    answer.refused(503, "unavailable");
                    busy += 1;
                } else {
                    answer.refused(401, "wrong_credentials");
                }
            }
            assert!(busy > 0, "what waits for a hash is bounded");
            // New connections are accepted again.
            crate::support::eventually(async || {
                let body = json!({ "email": ann.email, "password": PASSWORD });
                let reply = app.call_with("POST /api/signin", body).await;
                if reply.status == 200 { Ok(()) } else { Err(reply.to_string()) }
            })
            .await;
        },
    )
    .await;
}
