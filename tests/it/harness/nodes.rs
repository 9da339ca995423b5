//! Nodes that share a database: each a server with a directory of its own, over one PostgreSQL server.

use std::fs;

use super::cli::run_cli;
use super::event::Event;
use super::postgres::Postgres;
use super::server::{Server, copy, fresh_directory};

/// Some nodes, each of which runs and knows the client `demo`.
#[derive(Debug)]
pub(crate) struct Nodes {
    pub(crate) all: Vec<Server>,
    pub(crate) postgres: Postgres,
}

impl Nodes {
    /// So many nodes over a database of their own.
    pub(crate) fn start(count: usize) -> Self {
        let mut nodes = Self {
            all: Vec::new(),
            postgres: Postgres::start(),
        };
        nodes.all.push(nodes.first());
        for number in 2..=count {
            let node = nodes.prepared(&format!("node-{number}"));
            nodes.all.push(node);
        }
        nodes
    }

    /// The settings of a node over the database.
    pub(crate) fn settings(&self) -> String {
        let password = self.postgres.password_file();
        format!(
            "version = \"v1\"\n\n[tls]\nnames = [\"127.0.0.1\", \"localhost\"]\nkey-kind = \"ecdsa-p256\"\n\n\
             [admin]\nlisten = \"127.0.0.1:0\"\n\n[store]\nurl = \"{}\"\npassword-file = \"{}\"\nstand-in-seconds = 15\n",
            self.postgres.url(),
            password.display()
        )
    }

    fn first(&self) -> Server {
        let directory = fresh_directory();
        let settings = directory.path().join("keyledger.toml");
        fs::write(settings, self.settings()).expect("a configuration");
        run_cli(directory.path(), &["init"]).success();
        run_cli(directory.path(), &["client", "issue", "demo"]).success();
        Server::start_plainly(directory)
    }

    /// One more node, by what the first one prepares for it.
    pub(crate) fn prepared(&self, name: &str) -> Server {
        let first = &self.all[0];
        let prepared = fresh_directory();
        let into = prepared.path().join("prepared");
        let into = into.to_str().expect("UTF-8");
        let names = ["--server-name", "127.0.0.1", "--server-name", "localhost"];
        let prepare = [&["node", "prepare", into, "--name", name], &names[..]].concat();
        first.cli(&prepare).success();
        let directory = fresh_directory();
        run_cli(directory.path(), &["node", "join", "--from", into]).success();
        let clients = directory.path().join("certs/clients");
        copy(&first.path().join("certs/clients"), &clients);
        Server::start_plainly(directory)
    }

    /// The events of all nodes in the order of their times.
    pub(crate) fn events(&self) -> Vec<Event> {
        let of_all = self.all.iter().flat_map(Server::events);
        let mut events: Vec<_> = of_all.collect();
        // An id begins with its time.
        events.sort_by_key(|event| event.id()[..13].to_owned());
        events
    }
}
