//! Keyledger under load beside the fastest TLS server the same machine can run.
//!
//! Both are processes of their own and share the cores with the load generator in this one. The
//! limit reads each frame and answers the bytes the real server answered once; it parses nothing,
//! decides nothing and stores nothing. Rounds alternate between the two, so that what disturbs the
//! machine disturbs both. The result is a ratio; nothing here passes or fails by a time.
//!
//! `cargo bench --bench load` measures everything, `cargo bench --bench load -- get connect` two
//! workloads. docs/performance.md says what the columns mean.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the numbers are what a bench is for"
)]

mod connection;
mod cpu;
mod environment;
mod generator;
mod interrupt;
mod limit;
mod machine;
mod percentile;
#[allow(dead_code, reason = "the other bench looks at its memory")]
mod process;
mod report;
mod requests;
mod row;
#[allow(
    dead_code,
    reason = "the other bench starts one that was set up before"
)]
mod server;
mod settings;
mod sync;
mod tls;
mod workload;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::runtime::Runtime;

use crate::limit::Limit;
use crate::row::{Row, Sides};
use crate::server::Server;
use crate::settings::Settings;
use crate::sync::SyncLatency;
use crate::tls::client_config;
use crate::workload::Workload;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let outcome = match arguments.as_slice() {
        [first, certs] if first == limit::ARGUMENT => limit::serve(certs.as_ref()),
        arguments => Settings::from_arguments(arguments).and_then(|settings| measure(&settings)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(settings: &Settings) -> Result<()> {
    // Beside the build, not in the system's temporary directory: that one is often memory, where a
    // sync costs nothing.
    let scratch = tempfile::Builder::new()
        .prefix("load-")
        .tempdir_in(&settings.directory)
        .with_context(|| {
            format!(
                "cannot make a directory in {}",
                settings.directory.display()
            )
        })?;
    let runtime = Runtime::new().context("cannot start the load generator's runtime")?;
    let server = Server::start(scratch.path())?;
    report::print_machine(scratch.path(), settings);
    let latency = SyncLatency::measure(scratch.path(), settings.syncs)?;
    report::print_sync(&latency);

    let outcome = measure_workloads(settings, &runtime, &server);
    if outcome.is_err() {
        server.print_log_tail();
    }
    outcome
}

fn measure_workloads(settings: &Settings, runtime: &Runtime, server: &Server) -> Result<()> {
    let config = client_config(&server.certs())?;
    let real = connection::Target::new(server.address(), config.clone());
    let keys_needed = settings.connections.iter().copied().max().unwrap_or(1);
    let keys = interrupt::run(runtime, requests::active_keys(&real, keys_needed))
        .context("cannot make the keys that are read later")?;

    for workload in settings.workloads() {
        let requests = workload.requests(&keys);
        let answer = interrupt::run(runtime, requests::sample(&real, &requests))
            .with_context(|| format!("{} does not work on the server", workload.name()))?;
        let limit = Limit::start(&server.certs(), &answer)?;
        // Measuring the limit against itself shows how far from 1 a ratio can be by chance.
        let rehearsal = if settings.calibrate {
            Some(Limit::start(&server.certs(), &answer)?)
        } else {
            None
        };
        let measured = rehearsal
            .as_ref()
            .map_or_else(|| (server.address(), server.id()), Limit::place);
        let target = |address| connection::Target::new(address, config.clone());
        let sides = Sides {
            limit: (target(limit.place().0), limit.place().1),
            server: (target(measured.0), measured.1),
        };
        report::print_header(
            workload,
            requests.first().map_or(0, |r| r.len()),
            answer.len(),
        );
        for connections in workload.connection_counts(settings) {
            let row = Row::measure(runtime, settings, workload, &sides, &requests, connections)
                .with_context(|| format!("{}, {connections} connections", workload.name()))?;
            report::print_row(&row);
        }
        if workload == Workload::Create {
            println!("  (the store grew while this table was measured)");
        }
    }
    Ok(())
}
