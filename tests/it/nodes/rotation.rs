//! A new master key for all nodes, as docs/scaling.md says: one gets it while the others stand still, and gives it to them.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::harness::{Nodes, create, get, key_template, run_cli, until};

#[test]
fn a_master_key_is_rotated_while_the_other_nodes_stand_still() {
    let mut nodes = Nodes::start(2);
    let mut connection = nodes.all[1].connect();
    let key = connection.ask(create(key_template())).success().uid();
    let material = connection.ask(get(&key)).success().key_material();
    drop(connection);
    let rotate = ["master-key", "rotate"];
    let refused = ["node-2", "stop them", "docs/scaling.md"];
    nodes.all[0].cli(&rotate).refused(&refused);
    // Nothing was changed: a node that starts now has the right one.
    assert!(nodes.all[1].stop().success());
    nodes.all[1].start_again();
    nodes.all[0].cli(&rotate).refused(&refused);
    assert!(nodes.all[1].stop().success());
    nodes.all[0].cli(&rotate).success();
    // With the one before it does not start.
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    run_cli(nodes.all[1].path(), &serve).refused(&["master key"]);
    let file = |node: usize| nodes.all[node].path().join("data/master.key");
    fs::copy(file(0), file(1)).expect("a file");
    nodes.all[1].start_again();
    for node in &nodes.all {
        let mut connection = node.connect();
        assert_eq!(connection.ask(get(&key)).success().key_material(), material);
        connection.ask(create(key_template())).success();
        node.cli(&["events", "verify"]).success();
    }
}

#[test]
fn a_rotation_that_the_database_does_not_confirm_is_told_as_it_turns_out() {
    let mut nodes = Nodes::start(1);
    let mut connection = nodes.all[0].connect();
    let key = connection.ask(create(key_template())).success().uid();
    nodes.postgres.wait_for_standbys(true);
    let rotated = thread::scope(|scope| {
        let rotating = scope.spawn(|| nodes.all[0].cli(&["master-key", "rotate"]));
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name LIKE 'keyledger%writer'";
        until("the commit to wait", || {
            (nodes.postgres.sql(waits) == "1").then_some(())
        });
        // Longer than the node waits for an answer.
        thread::sleep(Duration::from_secs(20));
        nodes.postgres.wait_for_standbys(false);
        rotating.join().expect("an outcome")
    });
    rotated.success();
    // The node goes by the new one, and so does whoever starts it.
    nodes.all[0].cli(&["instance", "add", "later"]).success();
    let events = nodes.all[0].events();
    let rotations = events
        .iter()
        .filter(|event| event.action().ends_with("master-key.rotate"));
    let outcomes: Vec<_> = rotations.map(|event| event.outcome()).collect();
    assert_eq!(outcomes, ["success"]);
    assert!(nodes.all[0].stop().success());
    nodes.all[0].start_again();
    nodes.all[0].connect().ask(get(&key)).success();
    nodes.all[0].cli(&["instance", "add", "last"]).success();
    nodes.all[0].cli(&["events", "verify"]).success();
}
