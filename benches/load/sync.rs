//! The latency of a sync: what every durable answer waits for at least once.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::percentile::percentile;

/// What one write holds: a page of the store.
const PAGE_BYTES: usize = 4096;
/// The pages of the file, written again from the first when the last is reached.
const PAGES: u64 = 256;

/// Latencies of writing 4 KiB and syncing them with fdatasync.
pub(crate) struct SyncLatency {
    ascending: Vec<Duration>,
}

impl SyncLatency {
    /// Measures in a file of its own in `directory`.
    ///
    /// The file has its full size before, as a write-ahead log has after its first round: a sync
    /// then writes data and no new length.
    pub(crate) fn measure(directory: &Path, samples: usize) -> Result<Self> {
        let path = directory.join("sync");
        let ascending = sample(&path, samples)
            .with_context(|| format!("cannot measure a sync in {}", path.display()))?;
        Ok(Self { ascending })
    }

    /// How often it was measured.
    pub(crate) const fn samples(&self) -> usize {
        self.ascending.len()
    }

    /// The shortest.
    pub(crate) fn min(&self) -> Duration {
        percentile(&self.ascending, 0)
    }

    /// The middle.
    pub(crate) fn median(&self) -> Duration {
        percentile(&self.ascending, 50)
    }

    /// The one that 99 of 100 did not exceed.
    pub(crate) fn p99(&self) -> Duration {
        percentile(&self.ascending, 99)
    }
}

fn sample(path: &Path, samples: usize) -> std::io::Result<Vec<Duration>> {
    let page = [0x5a_u8; PAGE_BYTES];
    let file = File::create(path)?;
    let offsets = || (0..PAGES).map(|number| number * PAGE_BYTES as u64);
    for offset in offsets() {
        file.write_all_at(&page, offset)?;
    }
    file.sync_all()?;
    let mut latencies = Vec::with_capacity(samples);
    for offset in offsets().cycle().take(samples) {
        let start = Instant::now();
        file.write_all_at(&page, offset)?;
        file.sync_data()?;
        latencies.push(start.elapsed());
    }
    std::fs::remove_file(path)?;
    latencies.sort_unstable();
    Ok(latencies)
}
