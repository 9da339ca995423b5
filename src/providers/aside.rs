//! Waiting for something outside this process, from whatever thread.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Runs what waits. On a thread that serves others too, those are served elsewhere meanwhile.
pub(super) fn aside<T>(wait: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(wait),
        _ => wait(),
    }
}
