//! Where tests find the reference data of the standard, which is not part of the project.
//!
//! Tests that need it pass without it, and say so.

use std::path::PathBuf;

/// The text of a reference file, or nothing (and a line on the test's output) when it is absent.
#[allow(
    clippy::disallowed_methods,
    reason = "tests find their data by environment or beside us"
)]
pub(super) fn reference(path: &str) -> Option<String> {
    let root = std::env::var("KEYLEDGER_SHARED").map_or_else(
        |_| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")),
        PathBuf::from,
    );
    let text = std::fs::read_to_string(root.join(path)).ok();
    if text.is_none() {
        println!("skipped: {path} is absent");
    }
    text
}
