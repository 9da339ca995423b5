//! A new master key for all nodes, as docs/scaling.md says: one gets it while the others stand still, and gives it to them.

use std::fs;

use crate::harness::{Nodes, create, get, key_template, run_cli};

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
