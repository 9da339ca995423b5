//! The process itself, from what Linux tells about it; elsewhere there is nothing to tell.

use std::fs;

use super::family::{Families, float};

pub(super) fn add(families: &mut Families) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    families.gauge(
        "resident_memory_bytes",
        "Memory of the process that is in use.",
        kib(&status, "VmRSS:").map(|kib| (Vec::new(), float(kib * 1024))),
    );
    let descriptors = fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
    let descriptors = descriptors.and_then(|count| u64::try_from(count).ok());
    families.gauge(
        "open_descriptors",
        "Open files and sockets of the process.",
        descriptors.map(|count| (Vec::new(), float(count))),
    );
}

/// A number of KiB in the text of `/proc/self/status`.
fn kib(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn memory_is_read_from_the_status_of_the_process() {
        let status = "Name:\tkeyledger\nVmHWM:\t   30000 kB\nVmRSS:\t   24812 kB\n";
        assert_eq!(super::kib(status, "VmRSS:"), Some(24812));
        assert_eq!(super::kib(status, "VmSwap:"), None);
    }
}
