//! Keyledger with many objects and with many connections.
//!
//! The same is measured on a small store and on a large one, so that what grows shows: the time to the first answer, Locate, Get. And
//! what an idle server and an idle connection hold of memory. Nothing here passes or fails by a number.
//!
//! `cargo bench --bench scale` measures everything, `cargo bench --bench scale -- start get` two parts of it. The filled stores are kept
//! and used again; with `--postgres` they are moved to a PostgreSQL server besides. docs/performance.md says what the columns mean.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the numbers are what a bench is for"
)]

mod drive;
mod fill;
mod get;
mod idle;
mod locate;
mod searches;
mod settings;
mod site;
mod start;

#[path = "../load/connection.rs"]
#[allow(
    dead_code,
    reason = "the other bench spreads its load over two servers"
)]
mod connection;
#[path = "../load/environment.rs"]
mod environment;
#[path = "../load/interrupt.rs"]
mod interrupt;
#[path = "../load/machine.rs"]
mod machine;
#[path = "../load/percentile.rs"]
mod percentile;
#[path = "../load/postgres.rs"]
mod postgres;
#[path = "../load/process.rs"]
mod process;
#[path = "../load/requests.rs"]
#[allow(dead_code, reason = "the other bench sends more")]
mod requests;
#[path = "../load/server.rs"]
#[allow(dead_code, reason = "the other bench sets up its server itself")]
mod server;
#[path = "../load/sync.rs"]
#[allow(dead_code, reason = "the other bench tells more of it")]
mod sync;
#[path = "../load/tls.rs"]
#[allow(dead_code, reason = "the other bench is a server too")]
mod tls;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::runtime::Runtime;

use crate::machine::{Machine, file_system};
use crate::postgres::Postgres;
use crate::settings::{Part, Settings};
use crate::site::Site;
use crate::sync::SyncLatency;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let measured = Settings::from_arguments(&arguments).and_then(|settings| measure(&settings));
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(settings: &Settings) -> Result<()> {
    let runtime = Runtime::new().context("cannot start the runtime of the load")?;
    print_head(settings)?;
    let small = Site::prepare(&runtime, settings, settings.few)?;
    let large = Site::prepare(&runtime, settings, settings.many)?;
    let files = [small, large];
    measure_sites(&runtime, settings, &files)?;
    if !settings.postgres {
        return Ok(());
    }
    let scratch = settings.directory.join("scale-postgres");
    site::empty(&scratch)?;
    let postgres = Postgres::start(&scratch)?;
    let [small, large] = files;
    let moved = [
        small.moved(&postgres, &scratch)?,
        large.moved(&postgres, &scratch)?,
    ];
    println!("\nthe same on a PostgreSQL server");
    measure_sites(&runtime, settings, &moved)
}

fn measure_sites(runtime: &Runtime, settings: &Settings, sites: &[Site; 2]) -> Result<()> {
    for part in &settings.parts {
        match part {
            Part::Fill => {}
            Part::Start => start::measure(runtime, settings, sites)?,
            Part::Locate => locate::measure(runtime, settings, sites)?,
            Part::Get => get::measure(runtime, settings, sites)?,
            Part::Idle => idle::measure(runtime, settings, sites)?,
        }
    }
    Ok(())
}

fn print_head(settings: &Settings) -> Result<()> {
    let machine = Machine::here();
    let build = if cfg!(debug_assertions) {
        "DEBUG BUILD: the numbers mean nothing"
    } else {
        "release build"
    };
    println!(
        "machine      {} cores, {}",
        machine.cores, machine.processor
    );
    println!("kernel       {}", machine.kernel);
    println!("server       {}, {build}", server::Server::version());
    println!("data on      {}", file_system(&settings.directory));
    let sync = SyncLatency::measure(&settings.directory, settings.syncs)?;
    let median = sync.median().as_secs_f64() * 1e3;
    println!("sync         4 KiB + fdatasync: median {median:.3} ms");
    Ok(())
}
