//! A connection to the database that is cut in the middle of a COMMIT: before the server has it, at that moment, or before its answer came.

use std::time::Duration;

use super::history::{Deed, History, Outcome, under_load};
use super::nodes::{Database, settings};
use super::relay::{Cut, Relay};
use super::{Node, check, rounds};
use crate::harness::Postgres;

const CUTS: [Cut; 3] = [Cut::Before, Cut::At, Cut::After];

/// How long a test waits for an answer that must not come.
const NO_ANSWER: Duration = Duration::from_secs(8);

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
    let history = History::new(std::slice::from_ref(node));
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

#[test]
fn a_commit_that_was_cut_is_not_answered_before_the_standby_has_it() {
    let postgres = Postgres::start();
    let relay = Relay::to(postgres.port());
    let node = Node::found(&Relayed(&postgres, &relay));
    let set = |standbys: &str| {
        postgres.sql(&format!(
            "ALTER SYSTEM SET synchronous_standby_names = '{standbys}'"
        ));
        postgres.sql("SELECT pg_reload_conf()");
    };
    let history = History::new(std::slice::from_ref(&node));
    let mut connection = node.server.connect_as(&node.clients(0)[0]);
    let client = format!("CertificateID-{}", node.clients(0)[0].fingerprint());
    set("absent");
    relay.arm(Cut::At);
    connection.set_patience(NO_ANSWER);
    history.ask(&mut connection, (&client, 0), (Deed::Create, None));
    let last = history.calls().pop().expect("a call");
    assert!(matches!(last.outcome, Outcome::Unknown(_)), "{last:?}");
    assert_eq!(relay.cuts(), 1);
    set("");
    check(std::slice::from_ref(&node), &history);
}
