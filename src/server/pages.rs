//! Huge pages: memory in pieces of two mebibytes. A server at work answers sooner with them; one that waits only takes more memory.
//!
//! So a process begins without them, and allows them from the time on at which it has some connections at once.

use std::sync::Once;

/// From so many connections on, huge pages are used.
const CONNECTIONS: usize = 16;

/// What is reserved from here on is in small pages, until there is work.
pub fn begin_small() {
    set_disabled(true);
}

/// Whether huge pages are allowed again.
#[derive(Debug)]
pub(super) struct Pages(Once);

impl Pages {
    pub(super) const fn new() -> Self {
        Self(Once::new())
    }

    /// There are so many connections.
    pub(super) fn note(&self, connections: usize) {
        if connections >= CONNECTIONS {
            self.0.call_once(|| set_disabled(false));
        }
    }
}

#[cfg(target_os = "linux")]
fn set_disabled(disabled: bool) {
    // A kernel without the call serves as it did before.
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(disabled) {
        tracing::debug!(%error, disabled, "The use of huge pages could not be set.");
    }
}

#[cfg(not(target_os = "linux"))]
fn set_disabled(_: bool) {}
