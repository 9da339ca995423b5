//! What is about to lapse is warned of, once whatever the number of starts, and its successor anew.

use std::fs;
use std::path::Path;

use keyledger::crypto::authority::{Authority, KeyKind, self_signed_client};

use crate::harness::{Server, now, until_or_not};

/// Writes what `certificate install-server` takes: a certificate of this machine that lasts so many days, and its key.
fn pair(folder: &Path, days: u32) -> [String; 2] {
    use std::os::unix::fs::PermissionsExt as _;
    let ca = Authority::create("Site CA", now(), 90, KeyKind::EcdsaP256).expect("a CA");
    let names = ["127.0.0.1".to_owned()];
    let issued = ca.issue_server(&names, KeyKind::EcdsaP256, now(), days);
    let issued = issued.expect("a certificate");
    let [certificate, key] = ["site.pem", "site.key"].map(|name| folder.join(name));
    fs::write(&certificate, issued.certificate_pem).expect("a file");
    fs::write(&key, issued.key_pem.expose()).expect("a file");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("a mode");
    [certificate, key].map(|path| path.to_str().expect("UTF-8").to_owned())
}

/// The days left in each warning of this action.
fn warned(server: &Server, action: &str) -> Vec<i64> {
    let events = server.events();
    let of_it = events.iter().filter(|event| event.action() == action);
    let days = of_it.map(|event| {
        assert_eq!(event.text("/severity"), "warning");
        let days = event.data("/requestData/daysLeft");
        days.and_then(serde_json::Value::as_i64).expect("days")
    });
    days.collect()
}

/// Starts the server, which looks at the dates then, and waits for so many warnings of this action.
fn start(server: &mut Server, action: &str, count: usize) {
    server.start_again();
    let seen = until_or_not(|| warned(server, action).len() >= count);
    assert!(seen, "{count} of {action}: {}", server.log());
}

#[test]
fn the_servers_own_trusted_cas_and_administrators_are_warned_of_once_and_a_successor_anew() {
    let mut server = Server::start();
    let (own, trusted) = ("server-certificate.expire", "trusted-authority.expire");
    let ca = Authority::create("Other CA", now(), 5, KeyKind::EcdsaP256).expect("a CA");
    let file = server.path().join("other-ca.pem");
    fs::write(&file, ca.certificate_pem()).expect("a file");
    let file = file.to_str().expect("UTF-8").to_owned();
    let trust = ["client", "trust-ca", "vc", &file, "--subject", "CN=vc"];
    server.cli(&trust).success();
    let anna = self_signed_client("anna", KeyKind::EcdsaP256, now(), 6).expect("made");
    let file = server.path().join("anna.pem");
    fs::write(&file, anna.certificate_pem).expect("a file");
    let file = file.to_str().expect("UTF-8");
    let add = [
        "admin",
        "add",
        "anna",
        "--certificate",
        file,
        "--role",
        "reader",
    ];
    server.cli(&add).success();
    let [certificate, key] = pair(server.path(), 20);
    let install = ["certificate", "install-server", &certificate, &key];
    server.cli(&install).success();
    assert!(server.stop().success());
    start(&mut server, own, 1);
    assert!(server.stop().success());
    // A day that passes in between moves the number and not the count.
    start(&mut server, trusted, 1);
    let days = warned(&server, "administrator.expire");
    assert!(matches!(days[..], [5 | 6]), "{days:?}");
    let [own_days, trusted_days] = [own, trusted].map(|action| warned(&server, action));
    assert!(matches!(own_days[..], [19 | 20]), "{own_days:?}");
    assert!(matches!(trusted_days[..], [4 | 5]), "{trusted_days:?}");
    assert_eq!(warned(&server, "certificate-authority.expire"), [0; 0]);
    pair(server.path(), 6);
    server.cli(&install).success();
    assert!(server.stop().success());
    start(&mut server, own, 2);
    for action in [trusted, "administrator.expire"] {
        assert_eq!(warned(&server, action).len(), 1);
    }
    let days = warned(&server, own);
    assert!(matches!(days[..], [_, 5 | 6]), "{days:?}");
    let metrics = server.cli(&["metrics"]).success().stdout;
    for kind in ["ca", "server", "client", "authority", "administrator"] {
        let series = format!("certificate_days_left{{kind=\"{kind}\",");
        assert!(metrics.contains(&series), "{kind}: {metrics}");
    }
}
