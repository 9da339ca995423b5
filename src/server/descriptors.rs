//! File descriptors: as many as the system gives, and never the last ones for connections.
//!
//! A process without free descriptors cannot open what its database or its control socket needs. So there are never more connections
//! than leave some free, whatever the settings say; one too many is closed at once like at any other limit.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Config;

/// What is taken to be open where the system does not tell.
const OPEN_UNTOLD: usize = 64;

/// Raises the limit of this process as far as it may.
pub fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "The limit of file descriptors could not be raised.");
    }
}

/// Lowers `connections_max` to what fits into the descriptors of this process beside what it has open now and `others` that it may open
/// besides; warns if it does not fit.
pub fn fit(config: &mut Config, others: usize) {
    let Some(limit) = getrlimit(Resource::Nofile).current else {
        return;
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let fitting = fitting(limit, open(), others);
    if fitting < config.connections_max {
        tracing::warn!(
            connections_max = config.connections_max,
            fitting,
            limit,
            "limits.connections-max does not fit into the file descriptors of this process; raise \
             the system's limit (ulimit -Hn, LimitNOFILE=)."
        );
        config.connections_max = fitting;
    }
}

/// The connections that fit. Where there is little, half of it is kept for others.
fn fitting(limit: usize, open: usize, others: usize) -> usize {
    let left = limit.saturating_sub(open);
    left.saturating_sub(others.min(left / 2)).max(1)
}

/// How many descriptors are open.
fn open() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(OPEN_UNTOLD, Iterator::count)
}

#[cfg(test)]
mod tests {
    use super::fitting;

    #[test]
    fn connections_leave_descriptors_for_the_rest() {
        assert_eq!(fitting(20_000, 30, 48), 19_922);
        assert_eq!(fitting(64, 24, 48), 20);
        assert_eq!(fitting(64, 100, 48), 1, "at least one");
    }
}
