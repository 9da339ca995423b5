//! Where tests find the reference data of the standard, which is not part of the project.
//!
//! Tests that need it pass without it, and say so: also in the list of what is skipped that `tests/run` keeps.

use std::io::Write as _;
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
        let thread = std::thread::current();
        let test = thread.name().unwrap_or_default();
        let line = format!("skipped: {test}: {path} is absent\n");
        print!("{line}");
        if let Some(list) = std::env::var_os("KEYLEDGER_TEST_SKIPPED") {
            let file = std::fs::File::options()
                .append(true)
                .create(true)
                .open(list);
            let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
            written.expect("the list of what is skipped");
        }
    }
    text
}
