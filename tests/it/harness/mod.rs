//! What the tests stand on: the program as a process, a TLS client, and messages built by hand.
//!
//! It does not use the program's own KMIP code, and it waits for conditions with a deadline, never for time to pass.

mod answer;
mod api;
mod cli;
mod dice;
mod disk;
mod event;
mod https;
mod load;
mod message;
mod mounts;
mod network;
mod node;
mod nodes;
mod older;
pub(crate) mod outputs;
mod patroni;
mod port;
mod postgres;
mod server;
mod tls;
mod trace;
mod trail;

pub(crate) use answer::{Answer, Response};
pub(crate) use api::{Api, Reply};
pub(crate) use cli::{Output, executable, in_directory, program, run_cli, run_cli_with_input};
pub(crate) use dice::{Dice, setting};
pub(crate) use disk::{Disk, Faults, Left};
pub(crate) use event::{Event, request_lines};
pub(crate) use https::{Clients, HttpAnswer, HttpRequest, HttpsServer};
pub(crate) use load::{Door, Ledger, keys, settle, under_load};
pub(crate) use message::{
    BatchItem, Request, activate, add_attribute, attribute, create, delete_attribute, destroy,
    discover, get, get_attribute_list, get_attributes, key_template, locate, modify_attribute,
    name, query, revoke,
};
pub(crate) use mounts::{in_own_mounts, mount_tmpfs, skipped};
pub(crate) use network::Network;
pub(crate) use node::{Content, Node, op, reason, tag};
pub(crate) use nodes::Nodes;
pub(crate) use older::{make_older, migrations};
pub(crate) use patroni::Patroni;
pub(crate) use port::kept_port;
pub(crate) use postgres::Postgres;
pub(crate) use server::{Server, copy, fresh_directory, until, until_or_not};
pub(crate) use tls::{Connection, Credentials, TlsVersion};
pub(crate) use trace::{Received, calls_on, check_synced};
pub(crate) use trail::{trail_from, whole_trail};

use std::path::PathBuf;

/// A file of reference data that is kept beside the project, if it is there.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared"));
    let root = std::env::var_os("KEYLEDGER_SHARED").map_or_else(beside, PathBuf::from);
    Some(root.join(path)).filter(|file| file.exists())
}

/// Seconds since 1970, for the certificates that tests make.
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .expect("the clock is after 1970");
    i64::try_from(since.as_secs()).expect("seconds fit")
}
