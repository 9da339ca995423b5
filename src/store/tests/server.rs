//! Databases on the server that `KEYLEDGER_TEST_POSTGRES` names: one for each test, gone at its end.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::store::StoreConfig;
use crate::store::postgres::Server;

/// The server, if there is one.
pub(super) fn url() -> Option<String> {
    let url = std::env::var_os("KEYLEDGER_TEST_POSTGRES")?;
    Some(url.into_string().unwrap())
}

/// The URL of a new database on it.
pub(crate) fn database() -> Option<String> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let url = url()?;
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("store_{}_{number}", std::process::id());
    run(&url, &format!("CREATE DATABASE {name}"));
    let (server, _) = url.rsplit_once('/').unwrap();
    Some(format!("{server}/{name}"))
}

/// Takes a database away.
pub(crate) fn drop_database(database: &str) {
    let (_, name) = database.rsplit_once('/').unwrap();
    run(
        &url().unwrap(),
        &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
    );
}

fn run(url: &str, sql: &str) {
    let config = StoreConfig {
        url: Some(url.to_owned()),
        ..StoreConfig::default()
    };
    let server = Server::of(&config).unwrap().unwrap();
    server.session("test").unwrap().batch(sql).unwrap();
}
