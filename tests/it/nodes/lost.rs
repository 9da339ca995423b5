//! A node whose database goes away: it says so to its clients, keeps nothing that was not committed, and goes on by itself.

use std::time::Duration;

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
    let standby = |name: &str| {
        nodes.postgres.sql(&format!(
            "ALTER SYSTEM SET synchronous_standby_names = '{name}'"
        ));
        nodes.postgres.sql("SELECT pg_reload_conf()");
    };
    standby("*");
    std::thread::sleep(Duration::from_secs(1));
    let refused = connection.ask(get(&key));
    refused.failure(reason::GENERAL_FAILURE);
    assert!(refused.payload.is_empty(), "{refused:?}");
    standby("");
    until("the node to go on", || {
        let answer = connection
            .exchange(&Request::new((1, 4), &[get(&key)]))
            .only();
        (answer.status == 0).then_some(())
    });
    nodes.all[0].cli(&["events", "verify"]).success();
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
