//! The command line: one file a command under `cli/`, no rule in it.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
