//! The database's server that ends and comes back: asked to, at once, killed with all of its processes, and while nobody asks for anything.

use super::history::{Deed, History, Outcome, under_load};
use super::{Node, check, rounds};
use crate::harness::Postgres;

#[test]
fn a_server_that_ends_and_comes_back_has_all_that_was_answered() {
    let mut postgres = Postgres::start();
    let first = Node::found(&postgres);
    let second = first.joined_by("second", &[]);
    let mut nodes = [first, second];
    for _ in 0..rounds() {
        let history = under_load(&mut nodes, |_, history| {
            let answered = |more| {
                history.until_answered(0, more);
                history.until_answered(1, more);
            };
            answered(20);
            postgres.restart();
            answered(20);
            postgres.stop(true);
            postgres.start_again();
            answered(20);
            postgres.kill();
            postgres.start_again();
            answered(50);
        });
        check(&nodes, &history);
        while_idle(&nodes[0], &mut postgres);
    }
}

/// Nobody is kept waiting, or told of a failure, for a server that was away while nobody asked.
fn while_idle(node: &Node, postgres: &mut Postgres) {
    let history = History::new(std::slice::from_ref(node));
    let credentials = &node.clients(0)[0];
    let client = format!("CertificateID-{}", credentials.fingerprint());
    let mut connection = node.server.connect_as(credentials);
    for _ in 0..3 {
        postgres.restart();
        history.ask(&mut connection, (&client, 0), (Deed::Create, None));
        let last = history.calls().pop().expect("a call");
        assert_eq!(last.outcome, Outcome::Done(None), "{last:?}");
    }
    check(std::slice::from_ref(node), &history);
}
