//! What is seen of a server from outside: whether it is ready, and what it counts.

use crate::harness::{Server, get};

#[test]
fn metrics_are_for_readers_and_readiness_for_everybody() {
    let server = Server::start();
    let uid = server.new_key();
    server.connect().ask(get(&uid)).success();
    let nobody = server.api();
    let ready = nobody.get("/readyz").expect(200);
    assert_eq!(ready.json(), serde_json::json!({"status": "ready"}));
    nobody.get("/metrics").refused(401, "unauthorized", "", "");
    let key = server.api_key("limited", "reader", &["--instance", "default"]);
    let limited = nobody.with_key(&key).get("/metrics");
    limited.refused(403, "forbidden", "", "as a whole");
    let told = server.api_as("reader").get("/metrics").expect(200);
    let kind = told.header("content-type").expect("a type");
    assert!(kind.starts_with("text/plain; version="), "{kind}");
    let get = "keyledger_operations_total{operation=\"Get\",outcome=\"success\"} 1";
    assert!(told.body.lines().any(|line| line == get), "{}", told.body);
    // The same families as the command prints.
    let families = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with("# TYPE"));
        lines.map(str::to_owned).collect()
    };
    let printed = server.cli(&["metrics"]).success().stdout;
    assert_eq!(families(&told.body), families(&printed));
}
