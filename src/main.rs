//! The program: reads the command line, runs the command, and says in one line what went wrong.

use std::process::ExitCode;

use clap::Parser as _;
use keyledger::cli::{self, Cli, report};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    keyledger::server::pages::begin_small();
    // A wrong command line ends here with exit code 2.
    let cli = Cli::parse();
    if let Err(error) = cli::confine(&cli) {
        return ExitCode::from(report::failure(&error));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let done = runtime
        .map_err(|error| anyhow::anyhow!("cannot start the runtime: {error}"))
        .and_then(|runtime| {
            let done = runtime.block_on(cli::run(cli));
            // What had to come to its end has. A thread that still waits for a disk that does not answer must not keep the process.
            runtime.shutdown_background();
            done
        });
    let code = match done {
        Ok(()) => 0,
        Err(error) => report::failure(&error),
    };
    cli::end_soon(code);
    ExitCode::from(code)
}
