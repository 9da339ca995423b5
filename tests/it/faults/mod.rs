//! Faults of a database that nodes share, and of the nodes: real servers, a load of several clients on the same keys, and one fault.
//!
//! After each fault no change that was answered may be lost, no answer may be without its event, every trail must verify, and there must be an
//! order of all that happened to a key that explains every answer. `KEYLEDGER_TEST_ROUNDS` says how often each fault is played.

mod alignment;
mod history;
mod model;
mod nodes;
mod relay;
mod verdict;

mod clocks;
mod cut;
mod failover;
mod killed;
mod paused;
mod restarted;
mod unreachable;

use crate::harness::setting;
use nodes::Node;
use verdict::check;

/// How often each fault is played.
fn rounds() -> u64 {
    setting("KEYLEDGER_TEST_ROUNDS").unwrap_or(1)
}
