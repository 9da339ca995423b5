//! The hashes that the store keeps of parts of the trail, and signs from: one that is not that of its events is found, and never signed.

use rusqlite::Connection;

use crate::harness::{Output, Request, Server, create, key_template, run_cli, until};

/// The hash of one block of 256 events is another.
const ALTERED: &str = "UPDATE subtree SET hash = zeroblob(32) WHERE level = 8 AND idx = ";

/// More than two blocks of events.
fn make_blocks(server: &Server) {
    let mut connection = server.connect();
    for _ in 0..6 {
        let items: Vec<_> = (0..100).map(|_| create(key_template())).collect();
        connection.exchange(&Request::new((1, 4), &items));
    }
}

fn change(server: &Server, sql: &str) {
    let database = Connection::open(server.data().join("keyledger.db")).expect("the database");
    database.execute_batch(sql).expect("a change");
}

/// The first whole block that the newest checkpoint does not seal.
fn first_unsealed_block(server: &Server) -> u64 {
    let database = Connection::open(server.data().join("keyledger.db")).expect("the database");
    let sql = "SELECT (SELECT max(size) FROM checkpoint), (SELECT max(sequence) + 1 FROM event)";
    let numbers = database.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
    let (sealed, events): (u64, u64) = numbers.expect("numbers");
    let block = sealed.div_ceil(256);
    assert!((block + 1) * 256 <= events, "{sealed} of {events}");
    block
}

#[track_caller]
fn broken(output: &Output, words: &str) {
    assert_eq!(output.code, 3, "{output:?}");
    assert!(output.stderr.contains(words), "{words:?} in {output:?}");
}

#[test]
fn a_kept_hash_that_is_wrong_or_gone_is_found_by_a_verification_and_its_block_named() {
    let mut server = Server::start();
    make_blocks(&server);
    server.stop();
    let verify = || run_cli(server.path(), &["events", "verify"]);
    verify().success();
    change(&server, &format!("{ALTERED}1"));
    broken(&verify(), "keeps of the events from 256 to 511");
    change(&server, &format!("{ALTERED}0"));
    broken(&verify(), "keeps of the events from 0 to 255");
    change(&server, "DELETE FROM subtree WHERE idx = 0");
    broken(&verify(), "lacks the hash of the events from 0 to 255");
}

#[test]
fn a_kept_hash_that_was_altered_before_it_was_sealed_is_not_signed() {
    let mut server = Server::start_set("[trail]\ncheckpoint-seconds = 3600\n");
    server.cli(&["events", "checkpoint"]).success();
    make_blocks(&server);
    // The checkpoint it makes at its end does not come about.
    server.kill();
    let block = first_unsealed_block(&server);
    change(&server, &format!("{ALTERED}{block}"));
    let named = format!("events from {} to {}", block * 256, block * 256 + 255);
    let signed = run_cli(server.path(), &["events", "checkpoint"]);
    broken(&signed, &format!("{named} is not theirs"));
    broken(&run_cli(server.path(), &["events", "verify"]), &named);
    broken(
        &run_cli(server.path(), &["events", "export"]),
        "is not signed",
    );
    let prove = run_cli(server.path(), &["events", "prove", "inclusion", "3"]);
    broken(&prove, "is not signed");
    server.start_again();
    // Nothing tells whether the hash was altered or an event: that is recorded, and neither mended nor signed.
    server.new_key();
    until("the failure to be recorded", || {
        let told = server.cli(&["events", "list", "--action", "trail-seal.fail"]);
        told.stdout.contains("trail-seal").then_some(())
    });
    assert!(!server.log().contains("were made anew"), "{}", server.log());
    broken(&server.cli(&["events", "checkpoint"]), &named);
}

#[test]
fn a_new_epoch_signs_no_event_that_was_altered_together_with_its_leaf() {
    let mut server = Server::start_set("[trail]\ncheckpoint-seconds = 1\n");
    make_blocks(&server);
    server.stop();
    change(
        &server,
        "UPDATE event SET leaf = zeroblob(32) WHERE sequence = 7",
    );
    let beside = server.data().join("checkpoint");
    std::fs::remove_file(beside).expect("the checkpoint beside the database");
    server.start_again();
    until("the failure to be recorded", || {
        server.log().contains("could not be sealed").then_some(())
    });
    server.new_key();
    let signed = server.cli(&["events", "checkpoint"]);
    broken(&signed, "events from 0 to 255 is not theirs");
    assert!(!server.log().contains("were made anew"), "{}", server.log());
}

#[test]
fn a_kept_hash_that_was_altered_is_mended_where_the_events_are_those_that_were_sealed() {
    let settings = "[trail]\ncheckpoint-seconds = 1\n";
    let mut server = Server::start_set(settings);
    make_blocks(&server);
    server.stop();
    let alter = [&*format!("{ALTERED}0"), "DELETE FROM subtree WHERE idx = 1"];
    for (alter, times) in alter.into_iter().zip(1..) {
        change(&server, alter);
        server.start_again();
        // What is appended has the kept hashes read, and completes blocks before they are mended or after.
        make_blocks(&server);
        until("the trail to be sealed again", || {
            let list = ["events", "list", "--action", "trail-seal.recover"];
            let listed = server.cli(&list).success().stdout;
            (listed.matches("trail-seal.recover").count() == times).then_some(())
        });
        server.cli(&["events", "checkpoint"]).success();
        server.cli(&["events", "verify"]).success();
        server.stop();
    }
    // An event of the same block was changed as well: nothing is mended.
    change(&server, &format!("{ALTERED}0"));
    change(
        &server,
        "UPDATE event SET leaf = zeroblob(32) WHERE sequence = 7",
    );
    server.start_again();
    until("the failure to be recorded", || {
        server.log().contains("could not be sealed").then_some(())
    });
    server.stop();
    let kept = "SELECT hash = zeroblob(32) FROM subtree WHERE level = 8 AND idx = 0";
    let database = Connection::open(server.data().join("keyledger.db")).expect("the database");
    assert_eq!(database.query_row(kept, [], |row| row.get(0)), Ok(true));
    drop(database);
    broken(&run_cli(server.path(), &["events", "verify"]), "event 7 ");
}

#[test]
fn a_new_epoch_goes_on_from_a_trail_with_a_hole_and_not_from_a_wrong_hash() {
    let mut server = Server::start();
    make_blocks(&server);
    server.stop();
    let new_epoch = ["events", "new-epoch", "--reason", "an event was lost"];
    let checkpoint = || run_cli(server.path(), &["events", "checkpoint"]);
    change(&server, &format!("{ALTERED}1"));
    run_cli(server.path(), &new_epoch).success();
    broken(&checkpoint(), "events from 256 to 511 is not theirs");
    // Of what is not there any more, what is kept is all that there is.
    change(&server, "DELETE FROM event WHERE sequence = 7");
    change(&server, "DELETE FROM event WHERE sequence = 300");
    run_cli(server.path(), &new_epoch).success();
    checkpoint().success();
    let verified = run_cli(server.path(), &["events", "verify"]);
    broken(&verified, "event 7 is missing");
}
