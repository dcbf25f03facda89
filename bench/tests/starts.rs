//! A scenario runs with this build: its settings, requests and frames are those of the servers.

use std::process::Command;

#[test]
fn a_message_is_delivered_and_measured() {
    let arguments = ["deliver", "--rounds", "1", "--seconds", "0.2"];
    let output = Command::new(env!("CARGO_BIN_EXE_bench")).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("p50"), "{said}");
}
