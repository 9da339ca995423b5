//! What the fuzz targets do, apart from the fuzzer that drives them.
//!
//! [`bodies`] is also compiled into the tests of the crates it exercises, which run it over
//! `corpus/` on every push; a crash found by fuzzing stays found.

pub mod bodies;
pub mod mutations;

/// Runs a body over the files named on the command line, for builds without a fuzzer.
///
/// # Panics
///
/// If a file cannot be read, or the body finds a fault.
pub fn replay(body: fn(&[u8])) {
    for path in std::env::args_os().skip(1) {
        body(&std::fs::read(&path).expect("the named file can be read"));
    }
}
