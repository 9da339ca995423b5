//! Each operation from outside: what is answered when it may, when the state is wrong and when there is no such object, and what is
//! recorded of each.

mod attribute_changes;
mod attribute_rules;
mod attributes;
mod batches;
mod event_data;
mod key_kinds;
mod lifecycle;
mod locating;
mod versions;

use crate::harness::{Answer, BatchItem, Connection, Server, create, key_template};

/// The versions that are spoken, best first.
const VERSIONS: [(i32, i32); 5] = [(1, 4), (1, 3), (1, 2), (1, 1), (1, 0)];
/// An identifier of the right form that no key has.
const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

/// A server, a connection of `demo`, and what the trail must hold so far.
struct Scene {
    server: Server,
    connection: Connection,
    expected: Vec<String>,
}

impl Scene {
    fn new() -> Self {
        let server = Server::start();
        let connection = server.connect();
        Self {
            server,
            connection,
            expected: Vec::new(),
        }
    }

    /// Makes a key with the usual template and `more`.
    #[track_caller]
    fn key(&mut self, more: Vec<crate::harness::Node>) -> String {
        let mut template = key_template();
        template.extend(more);
        let uid = self.connection.ask(create(template)).success().uid();
        self.recorded("kmip-key.create 201", &uid);
        uid
    }

    /// Sends an item that must succeed and be recorded.
    #[track_caller]
    fn done(&mut self, item: BatchItem, line: &str, uid: &str) -> Answer {
        let answer = self.connection.ask(item).success();
        self.recorded(line, uid);
        answer
    }

    /// Sends an item that must fail for this reason and be recorded.
    #[track_caller]
    fn refused(&mut self, item: BatchItem, reason: u32, line: &str, uid: &str) {
        self.connection.ask(item).failure(reason);
        self.recorded(line, uid);
    }

    fn recorded(&mut self, line: &str, uid: &str) {
        self.expected.push(format!("{line} {uid}"));
    }

    /// Compares the trail with what was expected of it.
    #[track_caller]
    fn check(self) {
        assert_eq!(self.server.request_lines(), self.expected);
    }
}
