//! The wire itself: TLS always, and peers that are slow, silent or many.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Connection, Reply, Server, TlsVersion};

#[test]
fn only_tls_is_spoken_in_both_versions() {
    let server = Server::start();
    let api = server.api();
    let mut plain = TcpStream::connect(api.address).expect("a socket");
    plain
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("sent");
    let mut answer = Vec::new();
    plain
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a timeout");
    drop(plain.read_to_end(&mut answer));
    assert!(
        !String::from_utf8_lossy(&answer).contains("HTTP"),
        "{answer:?}"
    );
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let mut connection = Connection::open(api.address, &api.ca, None, version).expect("TLS");
        connection.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let reply = Reply::read(&connection.read_all().expect("an answer"));
        assert_eq!(reply.expect(200).json(), json!({"status": "ok"}));
    }
}

#[test]
fn slow_heads_and_bodies_are_cut() {
    let server = Server::start_set("[admin]\nheader-timeout-ms = 300\nbody-timeout-ms = 300\n");
    let api = server.api_as("operator");
    let mut silent = api.connect();
    silent.wait_for_close().expect("a silent peer is cut");
    let mut slow = api.connect();
    slow.write(b"GET /healthz HTTP/1.1\r\nHos");
    drop(slow.read_all());
    let key = server.api_key("slow", "operator", &[]);
    let mut body = api.connect();
    let head = format!(
        "POST /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
    );
    body.write(head.as_bytes());
    let reply = Reply::read(&body.read_all().expect("an answer"));
    reply.refused(408, "timeout", "", "too long");
    let long = format!("X-Long: {}\r\n", "x".repeat(40_000));
    let reply = api.send_text("GET", "/healthz", &long, "");
    assert_eq!(reply.status, 431, "{reply:?}");
    api.get("/api/v1/status").expect(200);
}

#[test]
fn strangers_make_way_for_who_has_a_key() {
    let server =
        Server::start_set("[admin]\nconnections-max = 4\nconnections-per-address-max = 4\n");
    let api = server.api_as("reader");
    let strangers: Vec<_> = (0..3).map(|_| api.connect()).collect();
    api.get("/api/v1/status").expect(200);
    drop(strangers);
    // Requests of KMIP are not touched by any of this.
    server.new_key();
}

#[test]
fn a_stop_lets_a_request_end_and_the_program_end_soon() {
    let mut server = Server::start();
    let api = server.api_as("reader");
    let idle = api.connect();
    assert!(server.stop().success());
    drop(idle);
    assert!(TcpStream::connect(api.address).is_err(), "nobody listens");
}

#[test]
fn an_address_in_use_keeps_no_key_from_being_served() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let server = Server::start_prepared("", |directory| {
        let file = directory.join("keyledger.toml");
        let text = std::fs::read_to_string(&file).expect("a configuration");
        let own = "listen = \"127.0.0.1:0\"";
        assert!(text.contains(own));
        let text = text.replace(own, &format!("listen = \"{address}\""));
        std::fs::write(&file, text).expect("a configuration");
    });
    assert!(
        server
            .log()
            .contains("The administration API is not served"),
        "{}",
        server.log()
    );
    server.new_key();
    let status = server.cli(&["status"]).success().stdout;
    assert!(status.contains("no administration API"), "{status}");
    drop(taken);
    server.api().get("/healthz").expect(200);
}
