//! The network between a node and its database that is cut without a word, and mended.

use std::thread::sleep;
use std::time::Duration;

use super::history::{Outcome, under_load};
use super::{Node, check, rounds};
use crate::harness::{Network, Postgres};

const CUT: Duration = Duration::from_secs(15);

#[test]
fn a_network_that_is_cut_and_mended_loses_nothing() {
    let Some(network) = Network::new() else {
        return;
    };
    let postgres = Postgres::start_in(network);
    let mut nodes = [Node::found(&postgres)];
    for _ in 0..rounds() {
        let history = under_load(&mut nodes, |_, history| {
            let network = postgres.network().expect("it has one");
            history.until_answered(0, 50);
            network.cut();
            sleep(CUT);
            network.mend();
            history.until_answered(0, 100);
        });
        let hung = history.calls().into_iter().find(|call| {
            matches!(call.outcome, Outcome::Unknown(_)) && call.ended - call.begun > CUT * 2
        });
        assert!(hung.is_none(), "the node says that it cannot: {hung:?}");
        check(&nodes, &history);
    }
}
