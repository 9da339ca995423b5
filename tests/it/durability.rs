//! What was answered is there after the process is killed, whenever that happens.
//!
//! `KEYLEDGER_TEST_ROUNDS` sets how many rounds are run and `KEYLEDGER_TEST_SEED` what happens in them; both are printed. The seed
//! repeats what is asked and when the server is killed; how threads and requests interleave is the machine's.

use std::thread;
use std::time::Duration;

use crate::harness::{
    Content, Dice, Door, Ledger, Server, activate, create, get, get_attributes, key_template, keys,
    settle, trail_from, under_load, whole_trail,
};

/// Clients at work in a round.
const CLIENTS: usize = 8;
/// Rounds unless the environment says otherwise.
const ROUNDS: u64 = 50;

#[test]
fn a_key_is_there_in_its_state_after_the_server_is_killed() {
    let mut server = Server::start();
    let mut connection = server.connect();
    let uid = connection.ask(create(key_template())).success().uid();
    let material = connection.ask(get(&uid)).success().key_material();
    connection.ask(activate(&uid)).success();
    server.kill();

    server.start_again();
    let mut connection = server.connect();
    let answer = connection.ask(get_attributes(&uid, &["State"])).success();
    assert_eq!(
        answer.value("State"),
        Some(Content::Enumeration(2)),
        "Active"
    );
    let again = connection.ask(get(&uid)).success().key_material();
    assert_eq!(again, material);
    let expected = [
        format!("kmip-key.create 201 {uid}"),
        format!("kmip-key.read 200 {uid}"),
        format!("kmip-key.activate 200 {uid}"),
        format!("kmip-key-attributes.retrieve 200 {uid}"),
        format!("kmip-key.read 200 {uid}"),
    ];
    assert_eq!(server.request_lines(), expected);
}

#[test]
fn whatever_was_answered_outlives_kills_under_load() {
    let (mut dice, rounds) = Dice::and_rounds(ROUNDS);
    let mut server = Server::start();
    let mut ledgers: Vec<_> = (0..CLIENTS).map(|_| Ledger::default()).collect();
    let mut settled = 0;
    for round in 0..rounds {
        let door = Door::of(&server);
        under_load(&mut ledgers, &door, &mut dice, |dice| {
            thread::sleep(moment(dice, 400));
            // A stop moves the log into the database; a kill may come in the middle of that.
            if dice.below(4) == 0 {
                server.ask_to_stop();
                thread::sleep(moment(dice, 20));
            }
            server.kill();
        });
        if dice.below(4) == 0 {
            server.start_and_kill(moment(&mut dice, 60));
        }
        server.start_again();
        let events = trail_from(&server, settled);
        settled += events.len();
        let door = Door::of(&server);
        settle(&mut ledgers, &events, &door, &mut dice);
        if round % 10 == 9 {
            println!("round {round}: {settled} events, {} keys", keys(&ledgers));
        }
    }
    assert!(keys(&ledgers) > 0, "something was done");
    whole_trail(&server);
}

/// A time below so many milliseconds.
fn moment(dice: &mut Dice, below_ms: usize) -> Duration {
    let us = dice.below(below_ms * 1000);
    Duration::from_micros(us.try_into().expect("64 bits"))
}
