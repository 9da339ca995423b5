//! Limits: a peer that exceeds one gets the standard's error or a closed connection, and nobody else notices.
//!
//! Nearly every test has a witness: another client, on another address of this machine, that works on a connection that stays open and on
//! new ones all the while. Limits are set small in `keyledger.toml` so that nothing takes long; what is waited for is a condition, and a
//! time is compared only where something must not come too early.

mod addresses;
mod bytes;
mod descriptors;
mod floods;
mod messages;
mod pace;
mod settings;
mod slow;
mod values;
mod witness;

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use keyledger::crypto::authority::{KeyKind, self_signed_client};

use crate::harness::{Connection, Credentials, Server, now};
use witness::Witness;

/// Far longer than anything takes that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// One of this machine's addresses: 127.0.0.x.
const fn address(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))
}

/// Enrols a client with a certificate of its own.
#[track_caller]
fn enrol(server: &Server, label: &str) -> Credentials {
    let issued = self_signed_client(label, KeyKind::EcdsaP256, now(), 30).expect("a certificate");
    let file = server.path().join(format!("{label}.pem"));
    std::fs::write(&file, &issued.certificate_pem).expect("a file");
    let file = file.to_str().expect("UTF-8");
    server.cli(&["client", "add", label, file]).success();
    Credentials::from_pem(&issued.certificate_pem, issued.key_pem.expose())
}

/// Waits until the server ends a connection without TLS; what it sent before is thrown away.
#[track_caller]
fn wait_for_end(mut socket: &TcpStream) {
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut sent = [0; 4096];
    loop {
        match socket.read(&mut sent) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("the connection stays open")
            }
            // Reset.
            Err(_) => return,
        }
    }
}

/// How many lines of the server's log hold these words.
fn lines(server: &Server, words: &str) -> usize {
    let log = server.log();
    log.lines().filter(|line| line.contains(words)).count()
}

/// Checks that something was told since `begun`, and at most once in ten seconds.
#[track_caller]
fn told_rarely(server: &Server, words: &str, begun: Instant) {
    let told = lines(server, words);
    let most = 1 + usize::try_from(begun.elapsed().as_secs() / 10).expect("a short test");
    assert!(
        (1..=most).contains(&told),
        "{told} times:\n{}",
        server.log()
    );
}

/// Checks that a connection of TLS works, whatever the answer is.
#[track_caller]
fn works(connection: &mut Connection) {
    use crate::harness::discover;
    connection.ask(discover(&[])).success();
}
