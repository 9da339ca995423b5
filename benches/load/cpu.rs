//! The time a process has had on the cores, and what the host took from all, from the kernel's accounts.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// What all threads of the process that still run have used so far.
pub(crate) fn time_of(process: u32) -> Result<Duration> {
    let folder = format!("/proc/{process}/task");
    let threads = fs::read_dir(&folder).with_context(|| format!("cannot read {folder}"))?;
    let mut used = Duration::ZERO;
    for thread in threads {
        // A thread may end between the listing and the reading.
        let text = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        // The first number is the time on a core, in nanoseconds.
        let nanoseconds = text.split_whitespace().next().unwrap_or("0").parse();
        used += Duration::from_nanos(nanoseconds.unwrap_or(0));
    }
    Ok(used)
}

/// How the machine's cores have spent their time, from the kernel's accounts: a moment to look back to.
pub(crate) struct MachineTime {
    stolen: u64,
    all: u64,
}

impl MachineTime {
    /// This moment.
    pub(crate) fn now() -> Result<Self> {
        let text = fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
        let line = text.lines().next().unwrap_or_default();
        // User, nice, system, idle, waiting, two kinds of interrupts, stolen; what follows is in the first already.
        let ticks = line.split_whitespace().skip(1).take(8);
        let ticks: Vec<u64> = ticks.filter_map(|word| word.parse().ok()).collect();
        Ok(Self {
            stolen: ticks.get(7).copied().unwrap_or(0),
            all: ticks.iter().sum(),
        })
    }

    /// The share of the time since then in which a core had work and the host ran something else.
    pub(crate) fn stolen_since(&self) -> Result<f64> {
        let now = Self::now()?;
        let all = now.all.saturating_sub(self.all).max(1);
        Ok(now.stolen.saturating_sub(self.stolen) as f64 / all as f64)
    }
}
