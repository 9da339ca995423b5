//! A node whose database goes away: it says so to its clients, keeps nothing that was not committed, and goes on by itself.

use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use crate::harness::{Nodes, Request, create, get, key_template, reason, until};

#[test]
fn a_node_without_its_database_fails_cleanly_and_recovers_by_itself() {
    let mut nodes = Nodes::start(1);
    let mut connection = nodes.all[0].connect();
    let key = connection.ask(create(key_template())).success().uid();
    nodes.postgres.stop(true);
    let refused = connection.ask(get(&key));
    refused.failure(reason::GENERAL_FAILURE);
    assert!(refused.payload.is_empty(), "{refused:?}");
    let seen = nodes.all[0].log();
    nodes.postgres.start_again();
    let material = until("the node to go on", || {
        let answer = connection
            .exchange(&Request::new((1, 4), &[get(&key)]))
            .only();
        (answer.status == 0).then(|| answer.key_material())
    });
    assert_eq!(material.len(), 32);
    connection.ask(create(key_template())).success();
    // One that crashes, and one that is restarted while nobody asks anything.
    nodes.postgres.kill();
    nodes.postgres.start_again();
    until("the node to go on", || {
        let answer = connection
            .exchange(&Request::new((1, 4), &[get(&key)]))
            .only();
        (answer.status == 0).then_some(())
    });
    nodes.postgres.restart();
    connection.ask(get(&key)).success();
    nodes.all[0].cli(&["events", "verify"]).success();
    assert!(seen.contains("database"), "the log tells of it: {seen}");
}

#[test]
fn a_commit_that_nobody_may_confirm_is_refused_in_time_and_told_as_it_is() {
    let nodes = Nodes::start(1);
    let mut connection = nodes.all[0].connect();
    connection.set_patience(Duration::from_secs(90));
    let key = connection.ask(create(key_template())).success().uid();
    // No standby is there that could confirm anything.
    nodes.postgres.wait_for_standbys(true);
    std::thread::sleep(Duration::from_secs(1));
    let refused = connection.ask(get(&key));
    refused.failure(reason::GENERAL_FAILURE);
    assert!(refused.payload.is_empty(), "{refused:?}");
    nodes.postgres.wait_for_standbys(false);
    until("the node to go on", || {
        let answer = connection
            .exchange(&Request::new((1, 4), &[get(&key)]))
            .only();
        (answer.status == 0).then_some(())
    });
    nodes.all[0].cli(&["events", "verify"]).success();
}

#[test]
fn a_commit_whose_wait_for_the_standbys_an_operator_ends_is_not_answered_as_done() {
    let nodes = Nodes::start(1);
    let mut connection = nodes.all[0].connect();
    connection.set_patience(Duration::from_secs(90));
    let key = connection.ask(create(key_template())).success().uid();
    nodes.postgres.wait_for_standbys(true);
    std::thread::sleep(Duration::from_secs(1));
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| connection.ask(get(&key)));
        // The server says that this is done, with a warning.
        let cancel = "SELECT count(*) FROM (SELECT pg_cancel_backend(pid) FROM pg_stat_activity
            WHERE application_name LIKE 'keyledger%writer' AND wait_event = 'SyncRep') AS ended";
        until("a commit to wait", || {
            (nodes.postgres.sql(cancel) == "1").then_some(())
        });
        let refused = asked.join().expect("an answer");
        refused.failure(reason::GENERAL_FAILURE);
        assert!(refused.payload.is_empty(), "{refused:?}");
    });
    nodes.postgres.wait_for_standbys(false);
    until("the node to go on", || {
        let answer = nodes.all[0].connect().ask(get(&key));
        (answer.status == 0).then_some(())
    });
    nodes.all[0].cli(&["events", "verify"]).success();
}

#[test]
fn a_node_whose_sessions_that_read_stand_still_goes_on_once_it_has_connected_again() {
    let nodes = Nodes::start(1);
    let mut connection = nodes.all[0].connect();
    connection.set_patience(Duration::from_secs(90));
    let key = connection.ask(create(key_template())).success().uid();
    // As with a primary that hangs, while another one has taken over.
    let standing = nodes.postgres.sessions("reader");
    assert!(standing.len() > 1, "{standing:?}");
    for session in &standing {
        kill_process(*session, Signal::STOP).expect("a process of the server's");
    }
    let unknown = "00000000-0000-4000-8000-000000000000";
    std::thread::scope(|scope| {
        let mut hanging = Vec::new();
        for _ in &standing {
            let mut connection = nodes.all[0].connect();
            connection.set_patience(Duration::from_secs(90));
            hanging.push(scope.spawn(move || connection.ask(get(unknown))));
        }
        std::thread::sleep(Duration::from_secs(1));
        nodes.postgres.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'keyledger%writer'",
        );
        let begun = Instant::now();
        // Of a node that has connected again nothing is in memory: somebody reads it.
        connection.ask(create(key_template())).success();
        connection.ask(get(&key)).success();
        let took = begun.elapsed();
        for hung in hanging {
            assert_eq!(hung.join().expect("an answer").status, 1);
        }
        assert!(took < Duration::from_secs(40), "{took:?}");
    });
    for session in &standing {
        kill_process(*session, Signal::CONT).ok();
    }
}

#[test]
fn a_node_that_is_restarted_goes_on_with_its_trail() {
    let mut nodes = Nodes::start(2);
    let key = nodes.all[0]
        .connect()
        .ask(create(key_template()))
        .success()
        .uid();
    for node in &mut nodes.all {
        let before = node.events().len();
        assert!(node.stop().success());
        node.start_again();
        node.connect().ask(get(&key)).success();
        assert_eq!(node.events().len(), before + 1);
        node.cli(&["events", "verify"]).success();
    }
}
