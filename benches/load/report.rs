//! The plain text on standard output.

use std::path::Path;
use std::time::Duration;

use crate::machine::{Machine, file_system};
use crate::row::Row;
use crate::server::Server;
use crate::settings::Settings;
use crate::sync::SyncLatency;
use crate::workload::Workload;

/// Prints what the numbers depend on.
pub(crate) fn print_machine(scratch: &Path, settings: &Settings) {
    let machine = Machine::here();
    let build = if cfg!(debug_assertions) {
        "DEBUG BUILD: the ratios mean nothing"
    } else {
        "release build"
    };
    println!(
        "machine      {} cores, {}",
        machine.cores, machine.processor
    );
    println!("kernel       {}", machine.kernel);
    println!("server       {}, {build}", Server::version());
    println!("data on      {}", file_system(scratch));
    println!(
        "rounds       {} of {:.1} s on each side, in turn",
        settings.pairs,
        settings.round.as_secs_f64()
    );
    if let Some(other) = &settings.against {
        println!("COMPARISON   `limit` is {}", other.display());
    }
    if settings.follow {
        println!("FOLLOWED     a target of type file takes each event of `server`");
    }
    if settings.calibrate {
        println!("CALIBRATION  `server` is a second limit: every ratio would ideally be 1");
    }
}

/// Prints the latency of a sync.
pub(crate) fn print_sync(latency: &SyncLatency) {
    println!(
        "sync         4 KiB + fdatasync: min {} ms, median {} ms, p99 {} ms ({} samples)",
        milliseconds(latency.min()),
        milliseconds(latency.median()),
        milliseconds(latency.p99()),
        latency.samples()
    );
}

/// Prints the head of a workload's table.
pub(crate) fn print_header(workload: Workload, request_bytes: usize, answer_bytes: usize) {
    let unit = match workload {
        Workload::Connect => "connections/s",
        Workload::Get | Workload::GetAttributes | Workload::Create => "requests/s",
    };
    println!();
    println!(
        "{}: {unit}, request {request_bytes} bytes, answer {answer_bytes} bytes",
        workload.name()
    );
    println!(
        "{:>6} {:>10} {:>10} {:>7} {:>12} {:>7} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10} {:>7} {:>5}",
        "conns",
        "limit/s",
        "server/s",
        "ratio",
        "low-high",
        "budget",
        "limit p50",
        "limit p99",
        "server p50",
        "server p99",
        "limit cpu",
        "server cpu",
        "stolen",
        "tried"
    );
}

/// Prints one row; latencies are in milliseconds, time on the cores in microseconds.
pub(crate) fn print_row(row: &Row) {
    let (low, high) = row.ratio_range();
    let budget = row.workload.budget(row.connections);
    println!(
        "{:>6} {:>10.0} {:>10.0} {:>7.2} {:>12} {:>7} {:>10} {:>10} {:>10} {:>10} {:>10.1} {:>10.1} {:>7.2} {:>5}",
        row.connections,
        row.limit.rate(),
        row.server.rate(),
        row.ratio(),
        format!("{low:.2}-{high:.2}"),
        budget.map_or_else(|| "-".to_owned(), |share| format!("{share:.2}")),
        milliseconds(row.limit.latency(50)),
        milliseconds(row.limit.latency(99)),
        milliseconds(row.server.latency(50)),
        milliseconds(row.server.latency(99)),
        row.limit.cpu_per_request(),
        row.server.cpu_per_request(),
        row.stolen,
        row.tried,
    );
}

fn milliseconds(latency: Duration) -> String {
    format!("{:.3}", latency.as_secs_f64() * 1e3)
}
