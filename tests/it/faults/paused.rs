//! A node that stands still for a while in the middle of its work, as a machine that is moved does, and goes on as if nothing had happened.

use std::thread::sleep;
use std::time::Duration;

use super::history::under_load;
use super::{Node, check, rounds};
use crate::harness::{Postgres, setting};

/// How long it stands still, unless the environment says otherwise.
const PAUSE: u64 = 20;

fn pause() -> Duration {
    Duration::from_secs(setting("KEYLEDGER_TEST_PAUSE").unwrap_or(PAUSE))
}

#[test]
fn a_node_that_stood_still_goes_on_with_what_is() {
    let postgres = Postgres::start();
    let first = Node::found(&postgres);
    let second = first.joined_by("second", &[]);
    let mut nodes = [first, second];
    for _ in 0..rounds() {
        let history = under_load(&mut nodes, |nodes, history| {
            history.until_answered(0, 50);
            nodes[0].pause();
            sleep(pause());
            nodes[0].go_on();
            history.until_answered(0, 50);
            history.until_answered(1, 50);
        });
        check(&nodes, &history);
    }
}
