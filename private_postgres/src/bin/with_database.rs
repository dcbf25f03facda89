//! Runs a command with `DATABASE_URL` set to a temporary, migrated database, and ends with its
//! code.

use std::{
    env,
    process::{Command, ExitCode},
};

use private_postgres::testing::TestCluster;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stderr, reason = "a command line tool speaks there")]
async fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("usage: with_database <command> [argument ...]");
        return ExitCode::from(2);
    };
    let prepare = async {
        let cluster = TestCluster::start().await?;
        let url = cluster.create_database("parlor").await?;
        Ok::<_, private_postgres::Error>((cluster, url))
    };
    let (cluster, url) = match prepare.await {
        Ok(prepared) => prepared,
        Err(error) => {
            eprintln!("with_database: {error}");
            return ExitCode::FAILURE;
        }
    };
    // Blocks the only thread, which has nothing else to do. Ctrl-C ends both; the watcher cleans
    // up.
    let status = Command::new(&program).args(arguments).env("DATABASE_URL", &url).status();
    let code = match &status {
        Ok(status) => status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1),
        Err(error) => {
            eprintln!("with_database: {}: {error}", program.to_string_lossy());
            127
        }
    };
    if let Err(error) = cluster.stop().await {
        eprintln!("with_database: {error}");
    }
    ExitCode::from(code)
}
