//! A node that is killed in the middle of its work, and started again.

use super::history::under_load;
use super::nodes::store;
use super::{Node, check, rounds};
use crate::harness::Postgres;

#[test]
fn a_killed_node_loses_nothing_it_has_answered() {
    let postgres = Postgres::start();
    let mut nodes = [Node::found(&store(
        &postgres.url(),
        Some(&postgres.password_file()),
    ))];
    for _ in 0..rounds() {
        let history = under_load(&mut nodes, |nodes, history| {
            history.until_answered(0, 100);
            nodes[0].server.kill();
            nodes[0].start();
            history.until_answered(0, 100);
        });
        check(&nodes, &history);
    }
}
