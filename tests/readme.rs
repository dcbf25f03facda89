//! The README's commands work.

use std::process::Command;

use private_postgres::testing::TestDatabase;

use crate::support::{eventually, process::ServerProcess};

/// The shell session under "A first conversation".
fn session() -> String {
    let readme = include_str!("../README.md");
    let (_, rest) = readme.split_once("## A first conversation").unwrap();
    let (_, rest) = rest.split_once("```sh\n").unwrap();
    let (session, _) = rest.split_once("```").unwrap();
    session.to_owned()
}

#[tokio::test]
async fn first_conversation_goes_as_the_readme_shows_it() {
    let database = TestDatabase::new().await.unwrap();
    let chat = ServerProcess::start("chat_server", database.url());
    let notify = ServerProcess::start("notify_server", database.url());
    // curl does not retry when a server that has just started answers 503.
    eventually(async || {
        let ready = reqwest::get(format!("{}/health/ready", notify.url()))
            .await
            .is_ok_and(|r| r.status().is_success());
        if ready { Ok(()) } else { Err("notify_server is not ready".into()) }
    })
    .await;
    let session = session();
    let (addresses, rest) = session.split_once('\n').unwrap();
    assert_eq!(addresses, "PARLOR=http://localhost:6688 NOTIFY=http://localhost:6687");

    let script = format!("set -eu\nPARLOR={} NOTIFY={}\n{rest}", chat.url(), notify.url());
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    let heard = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{heard}");
    assert_eq!(heard.matches("event: connected").count(), 1, "{heard}");
    assert_eq!(heard.matches("event: message.new").count(), 1, "{heard}");
    assert!(heard.contains("Hello **Bob**"), "{heard}");
}
