//! The time a process has had on the cores, from the kernel's accounts.

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
