//! Administrators take something away while clients are at it: once the administrator has an answer, nothing that is forbidden succeeds.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::harness::{
    BatchItem, Credentials, Request, Response, Server, TlsVersion, activate, create, get,
    key_template, until,
};

/// Connections that ask at the same time.
const CONNECTIONS: usize = 3;
/// Requests that each of them has to begin after the administrator's answer.
const AFTER: usize = 20;

/// Asks for `item` on several connections while `forbid` runs, and on, and checks that what was asked after its answer was refused; what was
/// asked before may have gone either way. A client that is cut off connects anew, if it may.
fn check_forbidden(
    server: &Server,
    credentials: &Credentials,
    item: impl Fn() -> BatchItem + Sync,
    forbid: impl FnOnce(),
) {
    let (forbidden, succeeded) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let request = Request::new((1, 4), &[item()]).encode();
                let (mut after, mut connection) = (0, None);
                while after < AFTER {
                    let is_after = forbidden.load(Ordering::SeqCst);
                    after += usize::from(is_after);
                    let open = connection.take();
                    let open = open.map_or_else(
                        || server.try_connect(Some(credentials), TlsVersion::Any),
                        Ok,
                    );
                    let Ok(mut open) = open else { continue };
                    let Ok(answer) = open.try_send(&request) else {
                        continue;
                    };
                    if Response::decode(&answer).only().status == 0 {
                        assert!(!is_after, "it succeeded after it was forbidden");
                        succeeded.fetch_add(1, Ordering::SeqCst);
                    }
                    connection = Some(open);
                }
            });
        }
        until("requests under way", || {
            (succeeded.load(Ordering::SeqCst) > 2 * CONNECTIONS).then_some(())
        });
        forbid();
        forbidden.store(true, Ordering::SeqCst);
    });
}

#[test]
fn what_an_administrator_has_forbidden_does_not_succeed_any_more_however_busy_the_client_is() {
    let server = Server::start_set("[destruction]\nrecovery-days = 7\n");
    let mut demo = server.connect();
    let uid = demo.ask(create(key_template())).success().uid();
    demo.ask(activate(&uid)).success();
    for label in ["narrowed", "disabled", "removed", "denied", "reader"] {
        server.cli(&["client", "issue", label]).success();
    }
    let does = |command: &[&str]| {
        server.cli(command).success();
    };
    let read = || get(&uid);
    let permit = ["client", "permit", "narrowed", "--operations", "locate"];
    let [narrowed, disabled, removed, denied, reader] =
        ["narrowed", "disabled", "removed", "denied", "reader"].map(|label| server.client(label));
    check_forbidden(&server, &narrowed, read, || does(&permit));
    check_forbidden(&server, &disabled, read, || {
        does(&["client", "disable", "disabled"]);
    });
    check_forbidden(&server, &removed, read, || {
        does(&["client", "remove", "removed"]);
    });
    let rules = ["instance", "rules", "default", "--deny", "create"];
    check_forbidden(&server, &denied, || create(key_template()), || does(&rules));
    let destroy = ["key", "destroy", &uid, "--reason", "a race", "--force"];
    check_forbidden(&server, &reader, read, || does(&destroy));
    // In the trail, too: the destruction stands after the last read that succeeded.
    let events = server.events();
    let last = |action: &str| {
        events.iter().rposition(|event| {
            event.action() == action && event.key() == Some(&uid) && event.code() < 300
        })
    };
    let [scheduled, read] = ["kmip-key.destroy", "kmip-key.read"].map(last);
    assert!(
        scheduled.is_some() && scheduled > read,
        "{scheduled:?} {read:?}"
    );
}
