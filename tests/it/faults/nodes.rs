//! A node: the program with a directory of its own and a database that others may share.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Signal, kill_process};
use tempfile::TempDir;

use super::history;
use crate::harness::{
    Credentials, Event, Patroni, Postgres, Server, fresh_directory, program, run_cli,
};

/// Clients that may take the place of one another, for each connection.
const SUCCESSORS: usize = 4;

/// Where a node is reached while it runs.
#[derive(Debug)]
pub(super) struct Door {
    address: Mutex<SocketAddr>,
    pub(super) ca: PathBuf,
}

impl Door {
    pub(super) fn address(&self) -> SocketAddr {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) server: Server,
    door: Option<Arc<Door>>,
    clients: Vec<Vec<Credentials>>,
    last: Option<Credentials>,
    /// The program and arguments that run the program of a node, for example with another clock.
    by: Vec<String>,
}

impl Node {
    /// The first node of an empty database, which runs.
    pub(super) fn found(database: &impl Database) -> Self {
        let directory = fresh_directory();
        let text = format!(
            "version = \"v1\"\n\n[tls]\nnames = [\"127.0.0.1\"]\nkey-kind = \"ecdsa-p256\"\n\n\
             [admin]\nlisten = \"127.0.0.1:0\"\n\n[store]\n{}",
            database.settings()
        );
        fs::write(directory.path().join("keyledger.toml"), text).expect("a configuration");
        run_cli(directory.path(), &["init"]).success();
        let mut node = Self::not_started(directory, &[]);
        node.start();
        let (clients, last) = node.enrolled("first");
        (node.clients, node.last) = (clients, Some(last));
        node
    }

    /// Another node of the same database, which runs: by another program, if one is named, that is given the program of a node.
    pub(super) fn joined_by(&self, name: &str, by: &[&str]) -> Self {
        let prepared = fresh_directory();
        let prepared = prepared.path().join("prepared");
        let into = prepared.to_str().expect("UTF-8");
        let prepare = ["node", "prepare", into, "--name", name];
        let prepare = [&prepare[..], &["--server-name", "127.0.0.1"]].concat();
        self.server.cli(&prepare).success();
        let directory = fresh_directory();
        run_cli(directory.path(), &["node", "join", "--from", into]).success();
        let mut node = Self::not_started(directory, by);
        let (clients, last) = self.enrolled(name);
        (node.clients, node.last) = (clients, Some(last));
        node.start();
        node
    }

    fn not_started(directory: TempDir, by: &[&str]) -> Self {
        Self {
            server: Server::not_started(directory),
            door: None,
            clients: Vec::new(),
            last: None,
            by: by.iter().map(ToString::to_string).collect(),
        }
    }

    /// Makes clients for a node: those of each connection, and one that comes last.
    fn enrolled(&self, of: &str) -> (Vec<Vec<Credentials>>, Credentials) {
        let made = |label: String| {
            self.server.cli(&["client", "issue", &label]).success();
            self.server.client(&label)
        };
        let clients = (0..history::connections())
            .map(|connection| {
                let label = |successor| format!("{of}-{connection}-{successor}");
                (0..SUCCESSORS)
                    .map(|successor| made(label(successor)))
                    .collect()
            })
            .collect();
        (clients, made(format!("{of}-last")))
    }

    /// Starts the node, after it was stopped or killed.
    pub(super) fn start(&mut self) {
        let program = program(self.server.path());
        let command = match self.by.split_first() {
            None => program,
            Some((first, more)) => {
                let mut command = Command::new(first);
                command.args(more).arg(program.get_program());
                command
            }
        };
        self.server.start_again_by(command, &[]);
        let address = self.server.address();
        match &self.door {
            Some(door) => *door.address.lock().unwrap_or_else(PoisonError::into_inner) = address,
            None => {
                let door = Door {
                    address: Mutex::new(address),
                    ca: self.server.path().join("certs/ca.pem"),
                };
                self.door = Some(Arc::new(door));
            }
        }
    }

    /// Stops the node in the middle of whatever it does, without an end.
    pub(super) fn pause(&self) {
        kill_process(self.server.pid(), Signal::STOP).expect("a child of ours");
    }

    /// Lets it go on.
    pub(super) fn go_on(&self) {
        kill_process(self.server.pid(), Signal::CONT).expect("a child of ours");
    }

    pub(super) fn door(&self) -> Arc<Door> {
        Arc::clone(self.door.as_ref().expect("it was started"))
    }

    /// The clients of one connection: one, and those that take its place.
    pub(super) fn clients(&self, connection: usize) -> Vec<Credentials> {
        self.clients[connection].clone()
    }

    /// The client that asks what became of the keys.
    pub(super) fn last(&self) -> &Credentials {
        self.last.as_ref().expect("it was enrolled")
    }

    /// The events of the node's trail, which verifies.
    #[track_caller]
    pub(super) fn verified_events(&self) -> Vec<Event> {
        self.server.cli(&["events", "verify"]).success();
        self.server.events()
    }
}

/// A database as the settings of a node name it.
pub(super) trait Database {
    /// The lines of the section `[store]`.
    fn settings(&self) -> String;
}

impl Database for Postgres {
    fn settings(&self) -> String {
        let mut text = settings(&self.url(), &self.password_file());
        if self.network().is_some() {
            let file = self.ca_file();
            text.push_str(&format!("ca-file = \"{}\"\n", file.display()));
        }
        text
    }
}

impl Database for Patroni {
    fn settings(&self) -> String {
        settings(&self.url(), &self.password_file())
    }
}

/// The settings of a database at a URL.
pub(super) fn settings(url: &str, password_file: &Path) -> String {
    let file = password_file.display();
    format!("url = \"{url}\"\nnode = 1\npassword-file = \"{file}\"\n")
}
