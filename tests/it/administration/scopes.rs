//! Credentials that are limited to one instance: what is elsewhere is not there for them.

use serde_json::{Value, json};

use super::certificate;
use super::roles::{ROLES, operations};
use crate::harness::{Api, Reply, Server, create, key_template};

/// A server with instances `default` and `second`, a client and a key in each.
fn server() -> (Server, String, String) {
    let server = Server::start();
    server.cli(&["instance", "add", "second"]).success();
    server
        .cli(&["client", "issue", "b", "--instance", "second"])
        .success();
    let first = server.new_key();
    let mut other = server.connect_as(&server.client("b"));
    let second = other.ask(create(key_template())).success().uid();
    (server, first, second)
}

#[test]
fn a_limited_key_sees_its_instance_alone() {
    let (server, first, second) = server();
    let key = server.api_key("limited", "administrator", &["--instance", "second"]);
    let api = server.api().with_key(&key);
    let names = |path: &str, list: &str, name: &str| -> Vec<Value> {
        let listed = api.get(path).expect(200).json();
        let listed = listed[list].as_array().expect("a list").clone();
        listed.iter().map(|held| held[name].clone()).collect()
    };
    assert_eq!(names("/api/v1/instances", "instances", "name"), ["second"]);
    assert_eq!(names("/api/v1/clients", "clients", "label"), ["b"]);
    assert_eq!(names("/api/v1/objects", "keys", "id"), [second.as_str()]);
    let status = api.get("/api/v1/status").expect(200).json();
    assert_eq!(
        (&status["instances"], &status["clients"]),
        (&json!(["second"]), &json!(1))
    );
    api.get(&format!("/api/v1/objects/{second}")).expect(200);
    // As if it were not there: the very words.
    let none = "00000000-0000-7000-8000-0000000000aa";
    let missing = api.get(&format!("/api/v1/objects/{none}"));
    let theirs = api.get(&format!("/api/v1/objects/{first}"));
    missing.refused(404, "not_found", "", "there is no key");
    let blank = |text: &str, id: &str| text.replace(id, "ID");
    let message = |reply: &Reply| reply.json()["errors"][0]["message"].to_string();
    assert_eq!(
        blank(&message(&missing), none),
        blank(&message(&theirs), &first)
    );
    for (method, path, body, status) in [
        ("GET", "/api/v1/objects?instance=default", None, 404),
        ("GET", "/api/v1/instances/default", None, 404),
        ("GET", "/api/v1/clients/demo", None, 404),
        (
            "PATCH",
            "/api/v1/clients/demo",
            Some(json!({"status": "disabled"})),
            404,
        ),
        ("DELETE", "/api/v1/clients/demo", None, 404),
        (
            "PUT",
            "/api/v1/instances/default/credential",
            Some(json!({"password": "p"})),
            404,
        ),
        (
            "POST",
            "/api/v1/instances",
            Some(json!({"name": "third"})),
            403,
        ),
        ("GET", "/api/v1/api-keys", None, 403),
        ("GET", "/api/v1/pending-certificates", None, 403),
        ("GET", "/api/v2/targets", None, 403),
        ("GET", "/api/v1/seal", None, 403),
    ] {
        let reply = api.send(method, path, body.as_ref());
        assert_eq!(reply.status, status, "{method} {path}: {reply:?}");
    }
    let clients = server
        .cli(&["client", "list", "--format", "json"])
        .success()
        .stdout;
    assert!(
        clients.contains("demo") && !clients.contains("disabled"),
        "nothing was changed"
    );
}

#[test]
fn a_limited_key_reads_the_events_of_its_instance_alone() {
    let (server, first, second) = server();
    let key = server.api_key("limited", "reader", &["--instance", "second"]);
    let api = server.api().with_key(&key);
    let page = api.get("/api/v1/events?limit=1000").expect(200);
    assert!(page.body.contains(&second) && !page.body.contains(&first));
    let page = page.json();
    let events = page["events"].as_array().expect("a list");
    assert!(!events.is_empty());
    for held in events {
        let source = held["event"]["logSourceCRN"].as_str().expect("a CRN");
        assert!(!source.ends_with(":::"), "no global event: {source}");
    }
    // Also one by its number.
    let all = server
        .api_as("administrator")
        .get("/api/v1/events?limit=1000")
        .json();
    let of_first = all["events"].as_array().expect("a list").iter();
    let mut of_first = of_first.filter(|held| held.to_string().contains(&first));
    let sequence = of_first.next_back().expect("an event")["sequence"].clone();
    api.get(&format!("/api/v1/events/{sequence}")).expect(404);
}

#[test]
fn a_limited_key_makes_clients_in_its_instance_and_is_told_of_no_other() {
    let (server, _, _) = server();
    let key = server.api_key("limited", "operator", &["--instance", "second"]);
    let api = server.api().with_key(&key);
    let (_, pem) = certificate("new");
    let body = json!({"label": "new", "certificate": pem});
    let made = api.post("/api/v1/clients", &body).expect(201).json();
    assert_eq!(made["instance"], "second", "without being said");
    let (_, pem) = certificate("other");
    let body = json!({"label": "other", "instance": "default", "certificate": pem});
    api.post("/api/v1/clients", &body)
        .refused(404, "not_found", "instance", "no instance");
    let demo = server.path().join("certs/clients/demo.pem");
    let demo = std::fs::read_to_string(demo).expect("a certificate");
    let body = json!({"label": "mine", "certificate": demo});
    let reply = api.post("/api/v1/clients", &body);
    reply.refused(409, "conflict", "certificate", "cannot be taken");
    assert!(!reply.body.contains("demo"), "whose it is is not told");
    let (_, pem) = certificate("third");
    let body = json!({"label": "demo", "certificate": pem});
    let reply = api.post("/api/v1/clients", &body);
    reply.refused(409, "conflict", "label", "cannot be taken");
}

/// The segments that a name follows: of an instance, of a client, and of keys.
const NAMING: [&str; 4] = ["instances", "clients", "objects", "destructions"];

/// What a path names, by the segment before it.
#[derive(Clone, Copy)]
struct Names<'a> {
    instance: &'a str,
    client: &'a str,
    object: &'a str,
}

impl<'a> Names<'a> {
    /// The path with these names in it; none where it names nothing of an instance.
    fn in_path(self, path: &str) -> Option<(String, &'a str)> {
        let mut parts: Vec<_> = path.split('/').collect();
        let place = parts.iter().position(|part| NAMING.contains(part))?;
        let name = match *parts.get(place)? {
            "instances" => self.instance,
            "clients" => self.client,
            _ => self.object,
        };
        *parts.get_mut(place + 1)? = name;
        Some((parts.join("/"), name))
    }
}

/// What an answer says, without the name it was asked for.
fn told(reply: &Reply, name: &str) -> (u16, String) {
    let message = reply.json()["errors"][0]["message"].to_string();
    (reply.status, message.replace(name, "NAME"))
}

/// Every operation that names something of an instance, by a caller limited to one: what is elsewhere is answered as what is nowhere.
fn check_elsewhere(api: &Api, rank: usize, elsewhere: Names<'_>, nowhere: Names<'_>) -> usize {
    let mut asked = 0;
    for (method, path, body, least) in operations() {
        let Some((theirs, name)) = elsewhere.in_path(path) else {
            continue;
        };
        let (nothing, no_name) = nowhere.in_path(path).expect("it names something");
        let theirs = api.send(method, &theirs, body.as_ref());
        let nothing = api.send(method, &nothing, body.as_ref());
        assert_eq!(
            told(&theirs, name),
            told(&nothing, no_name),
            "{} {method} {path}",
            ROLES[rank]
        );
        if rank < least {
            theirs.refused(403, "forbidden", "", ROLES[least]);
        }
        assert!([403, 404].contains(&theirs.status), "{theirs:?}");
        asked += 1;
    }
    asked
}

/// The same on what is the caller's own: refused for the role, or for what concerns the server as a whole, and not as if it were missing.
fn check_own(server: &Server, api: &Api, rank: usize, object: &str) {
    for (number, (method, path, body, least)) in operations().into_iter().enumerate() {
        let client = format!("own-{rank}-{number}");
        let own = Names {
            instance: "second",
            client: &client,
            object,
        };
        let Some((path, _)) = own.in_path(path) else {
            continue;
        };
        if path.contains("/clients/") {
            let (_, pem) = certificate(&client);
            let file = server.path().join("own.pem");
            std::fs::write(&file, pem).expect("a file");
            let file = file.display().to_string();
            let add = ["client", "add", &client, &file, "--instance", "second"];
            server.cli(&add).success();
        }
        let reply = api.send(method, &path, body.as_ref());
        if rank < least {
            reply.refused(403, "forbidden", "", ROLES[least]);
        } else if reply.status == 403 {
            reply.refused(403, "forbidden", "", "limited to one instance");
        } else if reply.status == 404 {
            // Of the client, not the client itself.
            assert!(!reply.body.contains(&client), "{method} {path}: {reply:?}");
            assert!(path.split('/').count() > 5, "{method} {path}: {reply:?}");
        } else {
            let told = [200, 201, 202, 204, 400, 409].contains(&reply.status);
            assert!(told, "{method} {path}: {reply:?}");
            assert!(method != "GET" || reply.status == 200, "{reply:?}");
        }
    }
}

#[test]
fn each_role_limited_to_an_instance_reaches_each_operation_there_and_none_elsewhere() {
    let (server, first, second) = server();
    let elsewhere = Names {
        instance: "default",
        client: "demo",
        object: &first,
    };
    let nowhere = Names {
        instance: "none-such",
        client: "none-such",
        object: "00000000-0000-7000-8000-0000000000aa",
    };
    let state = || {
        [
            "client show demo",
            "instance list",
            "key list --instance default",
        ]
        .map(|command| {
            let mut words: Vec<_> = command.split(' ').collect();
            words.extend(["--format", "json"]);
            server.cli(&words).success().stdout
        })
    };
    let before = state();
    for (rank, role) in ROLES.iter().enumerate() {
        let key = server.api_key(role, role, &["--instance", "second"]);
        let api = server.api().with_key(&key);
        let asked = check_elsewhere(&api, rank, elsewhere, nowhere);
        assert!(asked >= 14, "{asked}");
    }
    assert_eq!(state(), before, "nothing elsewhere was changed");
    for (rank, role) in ROLES.iter().enumerate() {
        let name = format!("{role}-again");
        let key = server.api_key(&name, role, &["--instance", "second"]);
        check_own(&server, &server.api().with_key(&key), rank, &second);
    }
}
