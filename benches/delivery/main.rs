//! How many events a second each type of target takes.
//!
//! The receiving ends are those of the tests: real ones, on this machine, which share its cores with the target. What is slow here may be
//! the receiving end: docs/performance.md says what they are. Batches are as large as the worker makes them, one after the other, as the
//! worker delivers them; a rate counts once everything has arrived.
//!
//! `cargo bench --bench delivery` measures all, `cargo bench --bench delivery -- file syslog` two. tests/run says where the receiving ends that
//! are no part of this project come from; one that is not there is left out with a line that says so.
#![allow(clippy::print_stdout, reason = "the numbers are what a bench is for")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the receiving ends are the tests', who may panic"
)]

#[path = "../../tests/it/harness/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use the rest of it")]
mod harness;
#[path = "../load/machine.rs"]
#[allow(dead_code, reason = "the other bench counts cores")]
mod machine;
#[path = "../../tests/it/target_battery/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the tests use the rest of it"
)]
mod target_battery;

use std::time::{Duration, Instant};

use keyledger::routing::{Batch, BatchLimits, Endpoint as _};
use target_battery::records::events;
use target_battery::{
    ReceivingEnd, Site, cloud_logs, cloud_object_storage, command, event_streams, file, syslog,
    webhook,
};

/// A target by its type, and what measures it.
type Measured = (&'static str, fn(Duration) -> Option<Rate>);

const TARGETS: &[Measured] = &[
    ("file", rate::<file::Lines>),
    ("command", rate::<command::Program>),
    ("syslog", rate::<syslog::Rsyslog>),
    ("webhook", rate::<webhook::Hooks>),
    ("cloud_logs", rate::<cloud_logs::Logs>),
    ("event_streams", rate::<event_streams::Brokers>),
    ("cloud_object_storage", rate::<cloud_object_storage::Bucket>),
];

/// How long each is measured.
const LONG_ENOUGH: Duration = Duration::from_secs(3);
/// How many events one is given at most: the brokers of the tests keep 5 MB of each partition, and what they have let go cannot be counted.
const EVENTS_MAX: usize = 1800;
/// The target that this holds for.
const LETS_GO: &str = "event_streams";

/// How much was taken how fast.
struct Rate {
    events: usize,
    bytes: usize,
    /// Of all deliveries together.
    took: Duration,
    /// Of each, in order of length.
    batches: Vec<Duration>,
}

fn main() {
    let is_smoke = std::env::var_os("KEYLEDGER_BENCH_SMOKE").is_some_and(|value| value != "0");
    let long_enough = if is_smoke {
        Duration::ZERO
    } else {
        LONG_ENOUGH
    };
    let chosen: Vec<_> = std::env::args().skip(1).collect();
    let chosen: Vec<_> = chosen.iter().filter(|name| *name != "--bench").collect();
    let machine = machine::Machine::here();
    println!(
        "machine      {} cores, {}",
        machine.cores, machine.processor
    );
    println!("kernel       {}", machine.kernel);
    if cfg!(debug_assertions) {
        println!("DEBUG BUILD: the rates mean nothing");
    }
    println!(
        "{:<22} {:>9} {:>8} {:>8} {:>10} {:>10}",
        "target", "events/s", "MB/s", "batches", "batch p50", "batch p99"
    );
    for (name, measure) in TARGETS {
        if !chosen.is_empty() && !chosen.iter().any(|chosen| chosen == name) {
            continue;
        }
        match measure(long_enough) {
            Some(rate) => println!("{}", row(name, &rate)),
            None => println!("{name:<22} not measured: its receiving end is not here"),
        }
    }
}

fn row(name: &str, rate: &Rate) -> String {
    let seconds = rate.took.as_secs_f64();
    let per_second = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / seconds;
    let at = |hundredth: usize| {
        let place = (rate.batches.len() - 1) * hundredth / 100;
        rate.batches[place].as_secs_f64() * 1000.0
    };
    format!(
        "{name:<22} {:>9.0} {:>8.1} {:>8} {:>7.1} ms {:>7.1} ms",
        per_second(rate.events),
        per_second(rate.bytes) / 1e6,
        rate.batches.len(),
        at(50),
        at(99)
    )
}

/// Delivers batches for `long_enough`, at least two. Panics where a target does not take them: then there is nothing to measure.
fn rate<E: ReceivingEnd>(long_enough: Duration) -> Option<Rate> {
    let mut site = Site::<E>::start()?;
    let limits = site.end.endpoint().limits();
    // The first opens the connection.
    site.deliver(&events(1))
        .expect("the target takes one event");
    let mut rate = Rate {
        events: 0,
        bytes: 0,
        took: Duration::ZERO,
        batches: Vec::new(),
    };
    let most = match E::Endpoint::TYPE {
        LETS_GO => EVENTS_MAX,
        _ => usize::MAX,
    };
    while (rate.took < long_enough && rate.events < most) || rate.batches.len() < 2 {
        let batch = full_batch(limits);
        let begun = Instant::now();
        site.deliver(&batch).expect("the target takes a batch");
        let took = begun.elapsed();
        rate.took += took;
        rate.batches.push(took);
        rate.events += batch.records.len();
        rate.bytes += bytes(&batch);
    }
    rate.batches.sort_unstable();
    let all = rate.events + 1;
    harness::until("everything to arrive", || {
        (site.end.received().len() >= all).then_some(())
    });
    Some(rate)
}

/// As many events as a batch for this target may hold.
fn full_batch(limits: BatchLimits) -> Batch {
    let mut batch = events(limits.records);
    while bytes(&batch) > limits.bytes {
        batch.records.pop();
    }
    batch
}

fn bytes(batch: &Batch) -> usize {
    batch.records.iter().map(|record| record.json.len()).sum()
}
