//! A node that is killed in the middle of its work, and started again.

use super::history::under_load;
use super::{Node, check, rounds};
use crate::harness::Postgres;

#[test]
fn a_killed_node_loses_nothing_it_has_answered() {
    let postgres = Postgres::start();
    let first = Node::found(&postgres);
    let second = first.joined_by("second", &[]);
    let mut nodes = [first, second];
    for _ in 0..rounds() {
        let history = under_load(&mut nodes, |nodes, history| {
            history.until_answered(0, 100);
            nodes[0].server.kill();
            history.until_answered(1, 20);
            nodes[0].start();
            history.until_answered(0, 50);
        });
        check(&nodes, &history);
    }
}
