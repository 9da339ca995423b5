//! PostgreSQL: sessions with a server, and the schemas that several nodes share.
//!
//! A database has the schema `keyledger`, which all nodes use, and one for each node's trail: `keyledger_1`, `keyledger_2` and so on. A
//! session of a node looks into its own first, so that statements need to name neither.

mod address;
mod binding;
mod dialect;
mod error;
mod hold;
mod hot;
mod inspection;
pub(super) mod interning;
mod moving;
mod node;
mod schema;
mod session;
mod tls;

pub(super) use binding::value;
pub(super) use error::ServerError;
pub(super) use hold::hold;
pub(super) use hot::{Hot, gather};
pub(super) use inspection::{inspect, inspect_seal};
pub(super) use moving::{Coming, begin_copy, check_unmarked, marked, open_to_leave, set_numbers};
pub(super) use node::{
    at_work, give_sign_of_life, left_undelivered, nodes, prepare_node, wait_for_standbys,
};
pub(super) use schema::{create, join, open};
pub(super) use session::{Answer, Prepared, Session, Step};

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use address::Address;

use super::StoreConfig;
use super::error::StoreError;

/// Where the database of several nodes is, and which of them this is.
#[derive(Debug, Clone)]
pub(super) struct Server {
    address: Address,
    /// The number of this node.
    pub(super) node: u32,
    /// Whether another node uses it to deliver what this one left.
    pub(super) stands_in: bool,
    /// Whether a migration that is not finished keeps nobody from it: whoever migrates.
    despite_mark: bool,
    /// How often whoever writes has connected again: another server may be the primary since.
    reconnects: Arc<AtomicU64>,
}

impl Server {
    /// What the settings name, if it is a server.
    ///
    /// # Errors
    /// The URL, or a file that is named beside it, cannot be used.
    pub(super) fn of(config: &StoreConfig) -> Result<Option<Self>, StoreError> {
        let Some(url) = &config.url else {
            return Ok(None);
        };
        let password = config.password_file.as_deref();
        let read = Address::read(url, password, config.ca_file.as_deref().map(Path::new));
        Ok(Some(Self {
            address: read.map_err(|error| StoreError::Refused(error.to_string()))?,
            node: config.node.unwrap_or(1),
            stands_in: false,
            despite_mark: false,
            reconnects: Arc::default(),
        }))
    }

    /// The same for whoever migrates: a migration that is not finished is no obstacle.
    pub(super) fn despite_mark(self) -> Self {
        Self {
            despite_mark: true,
            ..self
        }
    }

    /// Notes that whoever writes has connected again: sessions of [`Server::following`] are closed.
    pub(super) fn note_reconnect(&self) {
        self.reconnects.fetch_add(1, Ordering::AcqRel);
    }

    /// A session that looks into the node's schema first. `purpose` is what the server's operator sees it is for.
    pub(super) fn session(&self, purpose: &str) -> Result<Session, ServerError> {
        let path = format!("{}, {SHARED}", self.schema());
        let name = format!("node {} {purpose}", self.node);
        let session = Session::connect(&self.address, &path, &name)?;
        session.limit(ANSWER);
        Ok(session)
    }

    /// A session that is closed once whoever writes has connected again: the server it is with may be the primary no more.
    pub(super) fn following(&self, purpose: &str) -> Result<Session, ServerError> {
        // Before it connects: who writes may do so meanwhile.
        let begun_at = self.reconnects.load(Ordering::Acquire);
        let session = self.session(purpose)?;
        Ok(session.outdated_by(&self.reconnects, begun_at))
    }

    /// A session for whoever writes the node's trail: itself, or another one that delivers what it left.
    pub(super) fn writing(&self) -> Result<Session, ServerError> {
        self.session(if self.stands_in { "stand-in" } else { "writer" })
    }

    /// The schema of the node's trail.
    fn schema(&self) -> String {
        format!("{SHARED}_{}", self.node)
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.address.fmt(f)
    }
}

/// How long a server may take to answer: it may stand still, and its connection not show it.
const ANSWER: Duration = Duration::from_secs(60);

/// The schema that all nodes use.
const SHARED: &str = "keyledger";
