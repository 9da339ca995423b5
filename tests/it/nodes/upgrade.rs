//! A node beside one of the next release, which has made the schema larger as docs/scaling.md says: the node goes on.

use crate::harness::{
    Content, Nodes, activate, add_attribute, attribute, create, destroy, get, get_attributes,
    key_template, locate, name, reason, revoke, run_cli, until,
};

/// What the next release does to the schema that all use, and to that of its own node: more columns, empty or with a default, tables, indexes.
const EXPANDED: &str = "
    BEGIN;
    SELECT pg_advisory_lock(5696, 0);
    ALTER TABLE keyledger.object ADD COLUMN later BIGINT, ADD COLUMN later_text TEXT NOT NULL DEFAULT '';
    ALTER TABLE keyledger.object_name ADD COLUMN later BIGINT;
    ALTER TABLE keyledger.object_custom ADD COLUMN later BIGINT;
    ALTER TABLE keyledger.client ADD COLUMN later BIGINT NOT NULL DEFAULT 7;
    ALTER TABLE keyledger.certificate ADD COLUMN later BIGINT;
    ALTER TABLE keyledger.change ADD COLUMN later BIGINT NOT NULL DEFAULT 0;
    ALTER TABLE keyledger.target ADD COLUMN later BIGINT;
    ALTER TABLE keyledger.node ADD COLUMN later BIGINT;
    CREATE TABLE keyledger.later (id BIGINT PRIMARY KEY);
    CREATE INDEX object_later ON keyledger.object (later);
    INSERT INTO keyledger.migration VALUES ('9999_later', 0);
    ALTER TABLE keyledger_2.event ADD COLUMN later BIGINT;
    ALTER TABLE keyledger_2.delivery ADD COLUMN later BIGINT;
    INSERT INTO keyledger_2.migration VALUES ('9999_later', 0);
    COMMIT";

/// What a node is there for.
fn serves(nodes: &Nodes, round: &str) {
    let (mut one, mut other) = (nodes.all[0].connect(), nodes.all[1].connect());
    let mut template = key_template();
    template.push(attribute("Name", name(round)));
    let key = one.ask(create(template)).success().uid();
    let material = one.ask(get(&key)).success().key_material();
    assert_eq!(other.ask(get(&key)).success().key_material(), material);
    let tag = Content::Text(round.to_owned());
    one.ask(add_attribute(&key, "x-Round", tag.clone()))
        .success();
    let found = other.ask(get_attributes(&key, &["x-Round"])).success();
    assert_eq!(found.value("x-Round"), Some(tag));
    let found = one.ask(locate(vec![attribute("Name", name(round))]));
    assert_eq!(found.success().uids(), std::slice::from_ref(&key));
    one.ask(activate(&key)).success();
    other.ask(revoke(&key, 1)).success();
    one.ask(destroy(&key)).success();
    other.ask(get(&key)).failure(reason::ITEM_NOT_FOUND);
}

#[test]
fn a_node_goes_on_beside_one_of_the_next_release_and_is_not_started_again() {
    let mut nodes = Nodes::start(2);
    serves(&nodes, "before");
    nodes.postgres.sql(EXPANDED);
    serves(&nodes, "after");
    for node in &nodes.all {
        node.cli(&["events", "verify"]).success();
        node.cli(&["client", "list"]).success();
        node.cli(&["node", "list"]).success();
    }
    nodes.all[0].cli(&["client", "disable", "demo"]).success();
    nodes.all[1].cli(&["client", "enable", "demo"]).success();
    // Its connections are made anew as well.
    nodes.postgres.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'keyledger%'",
    );
    until("both to be there again", || {
        let all = nodes.all.iter();
        let mut served = all.map(|node| node.connect().ask(create(key_template())).status);
        served.all(|status| status == 0).then_some(())
    });
    serves(&nodes, "later");
    assert!(nodes.all[0].stop().success());
    run_cli(nodes.all[0].path(), &["serve", "--listen", "127.0.0.1:0"])
        .refused(&["newer", "use a newer keyledger"]);
}
