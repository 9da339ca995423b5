//! Keyledger.
fn main() {}
