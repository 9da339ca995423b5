//! Two administrators who ask for the same at the same moment: one gets it, the other is told clearly, and the trail says which.

use std::sync::Barrier;

use serde_json::{Value, json};

use super::certificate;
use crate::harness::{Api, Server, whole_trail};

const ROUNDS: usize = 6;

/// What both ask for at once: method, path, and the body of each.
type Asked = (&'static str, String, [Option<Value>; 2]);

/// Has both ask at once; gives the statuses, the lower first.
fn race(both: &[Api; 2], (method, path, bodies): &Asked) -> [u16; 2] {
    let start = Barrier::new(2);
    let ask = |n: usize| {
        start.wait();
        let reply = both[n].send(method, path, bodies[n].as_ref());
        assert!(reply.status < 500, "{path}: {reply:?}");
        reply.status
    };
    let mut told = std::thread::scope(|scope| {
        let other = scope.spawn(|| ask(1));
        [ask(0), other.join().expect("an answer")]
    });
    told.sort_unstable();
    told
}

#[test]
fn of_two_administrators_who_ask_for_the_same_one_gets_it() {
    let server = Server::start();
    let both = ["ada", "bob"].map(|name| {
        let key = server.api_key(name, "administrator", &[]);
        server.api().with_key(&key)
    });
    for round in 0..ROUNDS {
        let name = format!("site-{round}");
        let made = json!({"name": name});
        let make = (
            "POST",
            "/api/v1/instances".to_owned(),
            [Some(made.clone()), Some(made)],
        );
        assert_eq!(race(&both, &make), [201, 409]);
        // One certificate, under two labels.
        let (_, pem) = certificate("raced");
        let enrolled = ["a", "b"].map(|label| {
            Some(json!({"label": format!("{label}-{round}"), "certificate": pem, "instance": name}))
        });
        let enrol = ("POST", "/api/v1/clients".to_owned(), enrolled);
        assert_eq!(race(&both, &enrol), [201, 409]);
        let uid = server.new_key();
        let reason = json!({"reason": "both saw it", "force": true});
        let path = format!("/api/v1/objects/{uid}/destroy");
        let destroy = ("POST", path, [Some(reason.clone()), Some(reason)]);
        assert_eq!(race(&both, &destroy), [200, 409]);
        let remove = (
            "DELETE",
            format!("/api/v1/instances/{name}?force=true"),
            [None, None],
        );
        assert_eq!(race(&both, &remove), [200, 404]);
    }
    let trail = whole_trail(&server);
    let succeeded = |action: &str| {
        let of_it = trail.iter().filter(|event| event.action() == action);
        of_it.filter(|event| event.outcome() == "success").count()
    };
    assert_eq!(succeeded("kmip-key.destroy"), ROUNDS);
    assert_eq!(succeeded("kmip-client.add"), ROUNDS);
    let verified = server.cli(&["events", "verify"]);
    assert_eq!(verified.code, 0, "{verified:?}");
}
