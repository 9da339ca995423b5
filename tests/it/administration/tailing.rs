//! The trail followed on one answer, and one event found by its id.

use crate::harness::{Api, Connection, Server, get, until};

const TAIL: &str = "/api/v1/events/tail";

/// A follower that was let in.
#[track_caller]
fn follow(api: &Api, query: &str) -> Connection {
    let mut tail = api.open("GET", &format!("{TAIL}{query}"), "");
    let head = tail.read_to("\r\n\r\n").expect("an answer");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("application/x-ndjson"), "{head}");
    tail
}

#[test]
fn the_trail_is_followed_as_it_grows_and_until_the_key_is_removed() {
    let server = Server::start();
    let (api, key) = (server.api(), server.api_key("tail", "reader", &[]));
    let reader = api.with_key(&key);
    let mut tail = follow(&reader, "?action=kmip-key.read");
    let uid = server.new_key();
    server.connect().ask(get(&uid)).success();
    let came = tail.read_to(&uid).expect("the event");
    let line = came
        .lines()
        .find(|line| line.contains(&uid))
        .expect("a line");
    assert!(line.starts_with(r#"{"sequence":"#), "{came}");
    assert!(!came.contains("kmip-key.create"), "{came}");
    server.cli(&["api-key", "remove", "tail"]).success();
    server.connect().ask(get(&uid)).success();
    let rest = tail.read_all();
    let rest = String::from_utf8_lossy(&rest.expect("an end")).into_owned();
    assert!(
        !rest.contains(&uid),
        "nothing is sent to who was removed: {rest}"
    );
    reader.get(TAIL).refused(401, "unauthorized", "", "");
}

#[test]
fn followers_are_few_see_their_instance_and_end_with_the_server() {
    let mut server = Server::start_set("[admin]\nevent-tails-per-caller-max = 2\n");
    server.cli(&["instance", "add", "second"]).success();
    let api = server.api();
    let limited = api.with_key(&server.api_key("b", "reader", &["--instance", "second"]));
    let [first, _second] = [(); 2].map(|()| follow(&limited, "?from=0"));
    limited
        .get(TAIL)
        .refused(429, "too_many_requests", "", "2 times");
    let other = api.with_key(&server.api_key("all", "reader", &[]));
    let mut all = follow(&other, "?from=0");
    let came = all.read_to("service.create").expect("the first events");
    assert!(came.contains("\"event\":{"), "{came}");
    drop(first);
    until("its place to be free", || {
        let mut again = limited.open("GET", TAIL, "");
        let head = again.read_to("\r\n\r\n").expect("an answer");
        head.starts_with("HTTP/1.1 200 ").then_some(())
    });
    assert!(server.stop().success(), "nobody who follows keeps it");
    let rest = all.read_all().unwrap_or_default();
    assert!(!String::from_utf8_lossy(&rest).contains("panicked"));
}

#[test]
fn an_event_is_found_by_its_id_within_the_callers_reach() {
    let server = Server::start();
    server.cli(&["instance", "add", "second"]).success();
    let api = server.api_as("reader");
    let key = server.api_key("b", "reader", &["--instance", "second"]);
    let limited = api.with_key(&key);
    let uid = server.new_key();
    let page = api.get("/api/v1/events?limit=1000").json();
    let events = page["events"].as_array().expect("a list");
    for held in events {
        let id = held["event"]["id"].as_str().expect("an id");
        let found = api.get(&format!("/api/v1/events/{id}")).expect(200);
        assert_eq!(found.json(), *held);
    }
    let of_key = events.iter().find(|held| held.to_string().contains(&uid));
    let id = of_key.expect("its event")["event"]["id"].clone();
    let path = format!("/api/v1/events/{}", id.as_str().expect("an id"));
    limited.get(&path).refused(404, "not_found", "", "no event");
    api.get(&format!("/api/v1/events/{uid}"))
        .refused(404, "not_found", "", "no event");
}
