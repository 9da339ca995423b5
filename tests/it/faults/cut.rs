//! A connection to the database that is cut in the middle of a COMMIT: before the server has it, at that moment, or before its answer came.

use super::history::{Deed, History, Outcome, under_load};
use super::nodes::{Database, settings};
use super::relay::{Cut, Relay};
use super::{Node, check, rounds};
use crate::harness::Postgres;

const CUTS: [Cut; 3] = [Cut::Before, Cut::At, Cut::After];

/// A database behind a relay.
struct Relayed<'a>(&'a Postgres, &'a Relay);

impl Database for Relayed<'_> {
    fn settings(&self) -> String {
        let Self(postgres, relay) = self;
        let port = |port: u16| format!(":{port}/");
        let url = postgres.url();
        let url = url.replace(&port(postgres.port()), &port(relay.port()));
        settings(&url, &postgres.password_file())
    }
}

#[test]
fn a_commit_that_is_cut_is_done_once_or_not_and_the_trail_says_which() {
    let postgres = Postgres::start();
    let relay = Relay::to(postgres.port());
    let mut nodes = [Node::found(&Relayed(&postgres, &relay))];
    one_by_one(&nodes[0], &relay);
    for _ in 0..rounds() {
        let history = under_load(&mut nodes, |_, history| {
            for cut in CUTS.into_iter().cycle().take(9) {
                history.until_answered(0, 20);
                relay.cut_next(cut);
            }
            history.until_answered(0, 50);
        });
        check(&nodes, &history);
    }
}

/// Each change is cut in each way, and asked for until it is done, or refused because it is done already.
fn one_by_one(node: &Node, relay: &Relay) {
    let history = History::new(1);
    let mut connection = node.server.connect_as(&node.clients(0)[0]);
    let client = format!("CertificateID-{}", node.clients(0)[0].fingerprint());
    for cut in CUTS {
        let mut key = None;
        for deed in [
            Deed::Create,
            Deed::Activate,
            Deed::Get,
            Deed::Revoke(1),
            Deed::Destroy,
        ] {
            let cuts = relay.cuts();
            relay.arm(cut);
            let mut was_unknown = false;
            let outcome = loop {
                let asked = history.ask(&mut connection, (&client, 0), (deed, key.clone()));
                assert!(asked, "the node answers, {cut:?}, {deed:?}");
                let last = history.calls().pop().expect("a call");
                match last.outcome {
                    Outcome::Unknown(_) => was_unknown = true,
                    outcome => {
                        key = last.key;
                        break outcome;
                    }
                }
            };
            assert_eq!(relay.cuts(), cuts + 1, "{cut:?} of {deed:?}");
            let is_done_before = was_unknown && outcome == Outcome::Refused;
            assert!(
                outcome == Outcome::Done(None) || is_done_before,
                "{outcome:?} of {cut:?} of {deed:?}"
            );
        }
    }
    check(std::slice::from_ref(node), &history);
}
