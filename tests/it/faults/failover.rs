//! The leader of a Patroni cluster that is killed: another takes over, and the nodes follow.

use super::history::under_load;
use super::{Node, check, rounds};
use crate::harness::Patroni;

#[test]
fn nodes_follow_a_failover_by_themselves_and_lose_nothing() {
    let mut patroni = Patroni::start();
    let first = Node::found(&patroni);
    let second = first.joined_by("second", &[]);
    let mut nodes = [first, second];
    for _ in 0..rounds() {
        let mut killed = None;
        let history = under_load(&mut nodes, |nodes, history| {
            for node in 0..nodes.len() {
                history.until_answered(node, 50);
            }
            killed = Some(patroni.kill_leader());
            let leader = patroni.leader();
            assert_ne!(Some(leader), killed, "another leads");
            for node in 0..nodes.len() {
                history.until_answered(node, 100);
            }
        });
        check(&nodes, &history);
        patroni.start_member(killed.expect("it was killed"));
        patroni.wait_until_whole();
    }
}
