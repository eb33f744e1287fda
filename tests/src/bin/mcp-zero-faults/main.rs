//! The server of the fault tests as a process, and the long run of them: `make soak`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::expect_used,
    reason = "a command-line tool talks to its user, and a run that cannot go on ends"
)]

mod soak;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", address, log] => {
            let address = address.parse().expect("an address");
            match mcp_zero_tests::fault::serve(address, log.as_ref()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("{address}: {error}");
                    ExitCode::FAILURE
                }
            }
        }
        ["stdio", log] => match mcp_zero_tests::fault::serve_stdio(log.as_ref()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        ["soak", minutes] => soak::run(minutes, None),
        ["soak", minutes, seed] => soak::run(minutes, Some(seed)),
        _ => {
            eprintln!("mcp-zero-faults serve ADDRESS LOG | soak MINUTES [SEED]");
            ExitCode::FAILURE
        }
    }
}
