//! Keyledger under load beside the fastest TLS server the same machine can run.
//!
//! Both are processes of their own and share the cores with the load generator in this one. The
//! limit reads each frame and answers the bytes the real server answered once; it parses nothing,
//! decides nothing and stores nothing. Rounds alternate between the two, so that what disturbs the
//! machine disturbs both. The result is a ratio; nothing here passes or fails by a time.
//!
//! `cargo bench --bench load` measures everything, `cargo bench --bench load -- get connect` two
//! workloads; `--postgres` compares a store on a PostgreSQL server with one in a file (with `--limit`: with the limit),
//! `--nodes` two nodes over such a server with one. docs/performance.md says what the columns mean.
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
mod postgres;
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
use crate::postgres::Postgres;
use crate::row::{Place, Row, Sides};
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
    if settings.follow {
        server.follow()?;
    }
    report::print_machine(scratch.path(), settings);
    let latency = SyncLatency::measure(scratch.path(), settings.syncs)?;
    report::print_sync(&latency);

    let is_over_postgres = settings.postgres || settings.nodes;
    let postgres = is_over_postgres.then(|| Postgres::start(scratch.path()));
    let postgres = postgres.transpose()?;
    let over = |name: &str| match &postgres {
        Some(postgres) => {
            let url = postgres.database(name)?;
            Server::start_over(&url, scratch.path(), name).map(Some)
        }
        None => Ok(None),
    };
    // What the server is compared with: another build, one with a file, one node alone.
    let (server, other) = match (over("first")?, &settings.against) {
        (Some(first), _) if settings.nodes => (first, over("alone")?),
        (Some(first), _) if settings.limit => (first, None),
        (Some(first), _) => (first, Some(server)),
        (None, Some(program)) => {
            let other = Server::start_program(program, scratch.path(), "other")?;
            (server, Some(other))
        }
        (None, None) => (server, None),
    };
    let second = settings.nodes.then(|| server.join(scratch.path()));
    let second = second.transpose()?;
    let sides = [Some(&server), second.as_ref(), other.as_ref()];
    let outcome = measure_workloads(settings, &runtime, sides);
    if outcome.is_err() {
        server.print_log_tail();
    }
    outcome
}

/// A Keyledger with keys to ask for.
struct Filled {
    target: connection::Target,
    process: u32,
    keys: Vec<String>,
}

impl Filled {
    fn new(
        settings: &Settings,
        runtime: &Runtime,
        server: &Server,
        second: Option<&Server>,
    ) -> Result<Self> {
        let target = connection::Target::new(server.address(), client_config(&server.certs())?);
        let target = match second {
            Some(second) => target.and(second.address()),
            None => target,
        };
        let keys_needed = settings.connections.iter().copied().max().unwrap_or(1);
        let keys = interrupt::run(runtime, requests::active_keys(&target, keys_needed))
            .context("cannot make the keys that are read later")?;
        Ok(Self {
            target,
            process: server.id(),
            keys,
        })
    }

    fn place(&self, workload: Workload) -> Place {
        Place {
            target: self.target.clone(),
            process: self.process,
            requests: workload.requests(&self.keys),
        }
    }
}

/// Measures a server, with the node that shares its load if there is one, beside another one or the limit.
fn measure_workloads(
    settings: &Settings,
    runtime: &Runtime,
    [server, second, other]: [Option<&Server>; 3],
) -> Result<()> {
    let server = server.context("there is no server")?;
    let config = client_config(&server.certs())?;
    let real = Filled::new(settings, runtime, server, second)?;
    let other = other.map(|other| Filled::new(settings, runtime, other, None));
    let other = other.transpose()?;

    for workload in settings.workloads() {
        let real = real.place(workload);
        let answer = interrupt::run(runtime, requests::sample(&real.target, &real.requests))
            .with_context(|| format!("{} does not work on the server", workload.name()))?;
        let canned = || Limit::start(&server.certs(), &answer);
        let canned_place = |limit: &Limit| Place {
            target: connection::Target::new(limit.place().0, config.clone()),
            process: limit.place().1,
            requests: real.requests.clone(),
        };
        let limit = canned()?;
        // Measuring the limit against itself shows how far from 1 a ratio can be by chance.
        let rehearsal = settings.calibrate.then(canned).transpose()?;
        report::print_header(
            workload,
            real.requests.first().map_or(0, |r| r.len()),
            answer.len(),
        );
        let sides = Sides {
            limit: match &other {
                Some(other) => other.place(workload),
                None => canned_place(&limit),
            },
            server: match &rehearsal {
                Some(rehearsal) => canned_place(rehearsal),
                None => real,
            },
        };
        for connections in workload.connection_counts(settings) {
            let row = Row::measure(runtime, settings, workload, &sides, connections)
                .with_context(|| format!("{}, {connections} connections", workload.name()))?;
            report::print_row(&row);
        }
        if workload == Workload::Create {
            println!("  (the store grew while this table was measured)");
        }
    }
    Ok(())
}
