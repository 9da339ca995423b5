//! Limits that cannot be used are found before anything is served.

use std::fs;

use crate::harness::Server;

#[test]
fn limits_of_zero_and_limits_that_contradict_are_refused_at_start() {
    let mut server = Server::start();
    server.stop();
    let path = server.path().join("keyledger.toml");
    let text = fs::read_to_string(&path).expect("the configuration");
    for (setting, words) in [
        (
            "connections-max = 0",
            &["limits.connections-max", "at least 1"][..],
        ),
        (
            "bytes-in-flight-per-client-max = 4096",
            &["limits.bytes-in-flight-per-client-max", "at least 8388608"],
        ),
        ("idle-timeout-ms = 0", &["limits.idle-timeout-ms", "100 to"]),
        ("connections-max = -1", &["keyledger.toml: line", "-1"]),
    ] {
        let changed = text.replace("\n[limits]\n", &format!("\n[limits]\n{setting}\n"));
        assert_ne!(changed, text);
        fs::write(&path, changed).expect("the configuration");
        for command in [
            &["serve", "--check"][..],
            &["serve", "--listen", "127.0.0.1:0"],
        ] {
            server.cli(command).refused(words);
        }
    }
    fs::write(&path, text).expect("the configuration");
    server.start_again();
}
