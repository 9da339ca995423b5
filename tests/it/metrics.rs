//! What the server counts: it agrees with what was asked, and tells nothing else.

use crate::harness::{Request, Server, activate, create, get, key_template, reason, until};

/// The value of a metric with its labels, as the text has them.
fn value(metrics: &str, name: &str) -> Option<f64> {
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok())
}

fn metrics(server: &Server) -> String {
    server.cli(&["metrics"]).success().stdout
}

#[test]
fn requests_are_counted_by_operation_outcome_and_cause() {
    let server = Server::start();
    let mut connection = server.connect();
    let uid = connection.ask(create(key_template())).success().uid();
    connection.ask(activate(&uid)).success();
    for _ in 0..3 {
        connection.ask(get(&uid)).success();
    }
    let nobody = "00000000-0000-4000-8000-00000000000a";
    connection.ask(get(nobody)).failure(reason::ITEM_NOT_FOUND);
    let metrics = metrics(&server);
    let counted = |name: &str| value(&metrics, name).unwrap_or_else(|| panic!("{name}: {metrics}"));
    let get = |outcome: &str| {
        let labels = format!("operation=\"Get\",outcome=\"{outcome}\"");
        counted(&format!("keyledger_operations_total{{{labels}}}"))
    };
    assert_eq!((get("success"), get("failure")), (3.0, 1.0));
    assert_eq!(
        counted("keyledger_failures_total{reason_code=\"404\"}"),
        1.0
    );
    let took = "keyledger_request_duration_seconds_count{operation=\"Get\"}";
    assert_eq!(counted(took), 4.0);
    assert!(counted("keyledger_commit_changesets_count") >= 6.0);
    assert!(counted("keyledger_sync_duration_seconds_sum") > 0.0);
    assert_eq!(counted("keyledger_connections_open"), 1.0);
    assert_eq!(counted("keyledger_disk_full"), 0.0);
    let recorded = u32::try_from(server.events().len()).expect("few events");
    assert_eq!(counted("keyledger_events_total"), f64::from(recorded));
    drop(connection);
    until("the connection to be gone", || {
        let open = value(&self::metrics(&server), "keyledger_connections_open");
        (open == Some(0.0)).then_some(())
    });
}

#[test]
fn messages_of_several_items_and_refused_ones_are_counted_apart() {
    let server = Server::start();
    let mut connection = server.connect();
    let items = [create(key_template()), create(key_template())];
    connection.exchange(&Request::new((1, 1), &items));
    let metrics = metrics(&server);
    let batches = "keyledger_request_duration_seconds_count{operation=\"batch\"}";
    assert_eq!(value(&metrics, batches), Some(1.0), "{metrics}");
    let created = "keyledger_operations_total{operation=\"Create\",outcome=\"success\"}";
    assert_eq!(value(&metrics, created), Some(2.0), "{metrics}");
}

#[test]
fn certificates_tell_how_long_they_are_valid() {
    let server = Server::start();
    let metrics = metrics(&server);
    for kind in ["ca", "server", "client"] {
        let begin = format!("keyledger_certificate_days_left{{kind=\"{kind}\"");
        let line = metrics.lines().find(|line| line.starts_with(&begin));
        let days = line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        assert!(days.is_some_and(|days| days > 100.0), "{kind}: {metrics}");
    }
    assert!(metrics.contains("client=\"demo\""), "{metrics}");
}

#[test]
fn without_a_server_what_the_store_knows_is_told() {
    let mut server = Server::start();
    server.new_key();
    server.stop();
    let metrics = metrics(&server);
    assert!(value(&metrics, "keyledger_events_total").is_some_and(|events| events > 0.0));
    assert!(!metrics.contains("keyledger_operations_total"), "{metrics}");
}
