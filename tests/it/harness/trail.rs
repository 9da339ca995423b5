//! The trail as a whole: what every test that ends a server the hard way asks of it afterwards.

use std::collections::HashSet;

use rusqlite::{Connection, OpenFlags};
use sha2::{Digest, Sha256};

use super::event::Event;
use super::server::Server;

/// Every event, oldest first, of a trail that must be whole: numbered from 0 without a gap, no event twice, and each stored leaf hash
/// that of the event as it is printed (RFC 6962 §2.1).
#[track_caller]
pub(crate) fn whole_trail(server: &Server) -> Vec<Event> {
    trail_from(server, 0)
}

/// As [`whole_trail`], the events from a sequence on.
#[track_caller]
pub(crate) fn trail_from(server: &Server, first: usize) -> Vec<Event> {
    let from = first.to_string();
    let list = ["events", "list", "--format", "jsonl", "--from", &from];
    let printed = server.cli(&list).success();
    let lines: Vec<_> = printed.stdout.lines().collect();
    let stored = stored(server);
    let numbers = stored.iter().map(|(number, _)| *number);
    assert!(numbers.eq(0..stored.len()), "numbered from 0 without a gap");
    let stored = stored.get(first..).expect("no event is lost");
    assert_eq!(lines.len(), stored.len(), "as many events are printed");
    for ((number, leaf), line) in stored.iter().zip(&lines) {
        let derived = Sha256::new()
            .chain_update([0])
            .chain_update(line)
            .finalize();
        assert_eq!(
            leaf,
            derived.as_slice(),
            "the leaf of event {number}: {line}"
        );
    }
    let event = |line: &&str| Event(serde_json::from_str(line).expect("an event as JSON"));
    let events: Vec<Event> = lines.iter().map(event).collect();
    let ids: HashSet<_> = events.iter().map(Event::id).collect();
    assert_eq!(ids.len(), events.len(), "every event has an id of its own");
    events
}

/// Number and leaf hash of every event of the database itself.
fn stored(server: &Server) -> Vec<(usize, Vec<u8>)> {
    let path = server.data().join("keyledger.db");
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let database = database.expect("the database");
    let mut rows = database
        .prepare("SELECT sequence, leaf FROM event ORDER BY sequence")
        .expect("a query");
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.expect("events")
        .map(|row| row.expect("an event"))
        .collect()
}
