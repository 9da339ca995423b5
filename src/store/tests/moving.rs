//! Databases that move from a file to a server and back.

use std::path::Path;

use super::server::{database, drop_database};
use super::*;
use crate::store::engine::Connection;
use crate::store::postgres::Server;
use crate::store::{Comparison, Migration, Unfinished};

/// A file and an empty database on the server that the tests are given, if there is one.
struct Move {
    dir: TempDir,
    url: String,
}

impl Move {
    async fn new() -> Option<Self> {
        let url = database()?;
        let dir = TempDir::new().unwrap();
        let place = Self { dir, url };
        let store = Store::create(&place.path(), &file(), &meta("node-1")).unwrap();
        store
            .apply(changeset([Write::Instance(instance(1))]))
            .await
            .unwrap();
        store
            .apply(changeset([Write::Client(client(1))]))
            .await
            .unwrap();
        for number in 1..20 {
            let mut object = full(number);
            object.names = vec![name(0, &format!("name-{number}"))];
            store
                .apply(changeset([Write::Insert(Arc::new(object))]))
                .await
                .unwrap();
        }
        store.close().await;
        Some(place)
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("db")
    }

    fn config(&self) -> StoreConfig {
        StoreConfig {
            url: Some(self.url.clone()),
            ..StoreConfig::default()
        }
    }

    fn begin(&self) -> Migration {
        Migration::to_server(&self.path(), &self.config(), NOW).unwrap()
    }

    fn run(&self, sql: &str) {
        let server = Server::of(&self.config()).unwrap().unwrap();
        server.session("test").unwrap().batch(sql).unwrap();
    }

    fn number(&self, sql: &str) -> i64 {
        let server = Server::of(&self.config()).unwrap().unwrap();
        let db = Connection::Server(Box::new(server.session("test").unwrap()));
        db.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Copies, compares and begins what is on the server.
    fn finish(&self, migration: Migration) -> Store {
        migration.copy(&mut |_| ()).unwrap();
        assert!(same(&migration) > 30);
        migration.verified().unwrap();
        let unfinished = Unfinished::of(&self.config()).unwrap().unwrap();
        assert!(unfinished.is_verified());
        unfinished.finish().unwrap();
        assert!(Unfinished::of(&self.config()).unwrap().is_none());
        Store::open(&self.path(), &self.config(), NOW * 1000).unwrap()
    }
}

impl Drop for Move {
    fn drop(&mut self) {
        drop_database(&self.url);
    }
}

fn file() -> StoreConfig {
    StoreConfig::default()
}

fn nothing_else(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[track_caller]
fn same(migration: &Migration) -> usize {
    match migration.compare(&mut |_| ()).unwrap() {
        Comparison::Same(tables) => tables.len(),
        Comparison::Differs(what) => panic!("{what}"),
    }
}

async fn check(store: &Store, events: u64) {
    assert_eq!(store.head().0, events);
    assert_eq!(store.clients().clients().len(), 1);
    for number in 1..20 {
        let mut object = full(number);
        let text = format!("name-{number}");
        object.names = vec![name(0, &text)];
        let found = store.object(id(number)).await.unwrap().unwrap();
        assert_same(&found, &object);
        let holder = store.name_holder(instance_id(1), &text).await;
        assert_eq!(holder.unwrap(), Some(id(number)));
    }
}

#[tokio::test]
async fn a_database_goes_to_a_server_and_back() {
    let Some(place) = Move::new().await else {
        return;
    };
    let store = place.finish(place.begin());
    check(&store, 21).await;
    // Of somebody who was not there before, after a number that was given in vain.
    place.run("SELECT nextval('keyledger.initiator_number')");
    store
        .apply(Changeset::new(event(Action::KeyRead, "vc-02")))
        .await
        .unwrap();
    assert_eq!(place.number("SELECT max(id) FROM keyledger.initiator"), 3);
    store.close().await;
    let back = place.dir.path().join("back");
    // One that was cut off while it put the mark there.
    place.run("CREATE TABLE keyledger.moving (id BIGINT PRIMARY KEY, source TEXT, head BIGINT, stage BIGINT)");
    let migration = Migration::to_file(&back, &place.config(), NOW, false).unwrap();
    migration.copy(&mut |_| ()).unwrap();
    assert!(same(&migration) > 30);
    let store = migration.open(&back, &place.config(), NOW * 1000).unwrap();
    check(&store, 22).await;
    store.close().await;
    migration.leave(&back).unwrap();
    assert_eq!(nothing_else(place.dir.path()), ["back", "db", "reserve"]);
    let store = Store::open(&back, &file(), NOW * 1000).unwrap();
    // Numbers with a gap among them collide with none.
    store
        .apply(Changeset::new(event(Action::KeyRead, "vc-03")))
        .await
        .unwrap();
    check(&store, 23).await;
    store.close().await;
    Store::check_whole(&back).unwrap();
    let error = Store::open(&place.path(), &place.config(), NOW * 1000).unwrap_err();
    assert!(error.to_string().contains("moved into a file"), "{error}");
    let left = Unfinished::of(&place.config()).unwrap().unwrap();
    assert!(left.went_to(&back).unwrap());
    assert!(!left.is_verified());
}

#[tokio::test]
async fn what_is_not_finished_is_not_started_and_goes_on() {
    let Some(place) = Move::new().await else {
        return;
    };
    drop(place.begin());
    for error in [
        Store::open(&place.path(), &place.config(), NOW * 1000).map(drop),
        Store::inspect(&place.path(), &place.config()).map(drop),
        Store::join(&place.path(), &place.config(), &meta("node-2")).map(drop),
        Store::create(
            &place.dir.path().join("new"),
            &place.config(),
            &meta("node-2"),
        )
        .map(drop),
    ] {
        let error = error.unwrap_err().to_string();
        assert!(error.contains("is not finished"), "{error}");
    }
    let migration = place.begin();
    let error = Migration::to_server(&place.path(), &place.config(), NOW).unwrap_err();
    assert!(
        error.to_string().contains("another process migrates"),
        "{error}"
    );
    migration.copy(&mut |_| ()).unwrap();
    drop(migration);
    // As if it had been cut off there.
    place.run(
        "DELETE FROM keyledger_1.event WHERE sequence > 4; DELETE FROM keyledger.object_custom",
    );
    place.run("UPDATE keyledger.instance SET name = name");
    let store = place.finish(place.begin());
    check(&store, 21).await;
    store.close().await;
}

#[tokio::test]
async fn a_file_that_went_on_is_not_what_was_copied() {
    let Some(place) = Move::new().await else {
        return;
    };
    let migration = place.begin();
    migration.copy(&mut |_| ()).unwrap();
    assert!(same(&migration) > 30);
    let unfinished = migration.verified().unwrap();
    assert!(unfinished.is_of(&place.path()).unwrap());
    // The settings were put back, and the file served for a while.
    let store = Store::open(&place.path(), &file(), NOW * 1000).unwrap();
    store
        .apply(Changeset::new(event(Action::KeyRead, "vc-02")))
        .await
        .unwrap();
    store.close().await;
    assert!(!unfinished.is_of(&place.path()).unwrap());
    drop(unfinished);
    // The copy is made anew.
    let store = place.finish(place.begin());
    check(&store, 22).await;
    store.close().await;
}

#[tokio::test]
async fn a_copy_that_differs_is_found_and_made_anew() {
    let Some(place) = Move::new().await else {
        return;
    };
    for (altered, table) in [
        (
            "UPDATE keyledger.object SET length = 255 WHERE id = (SELECT id FROM keyledger.object ORDER BY id DESC LIMIT 1)",
            "object",
        ),
        ("UPDATE keyledger.client SET label = 'other'", "client"),
        ("DELETE FROM keyledger.certificate", "certificate"),
        (
            "UPDATE keyledger_1.event SET leaf = sha256(leaf) WHERE sequence = 3",
            "event",
        ),
    ] {
        let migration = place.begin();
        migration.copy(&mut |_| ()).unwrap();
        place.run(altered);
        let Comparison::Differs(what) = migration.compare(&mut |_| ()).unwrap() else {
            panic!("{altered}");
        };
        assert!(what.contains(&format!(" {table} ")), "{what}");
        assert!(!what.contains('\n'), "{what}");
    }
    let store = place.finish(place.begin());
    check(&store, 21).await;
    store.close().await;
}

#[tokio::test]
async fn a_source_that_has_changed_is_copied_anew_and_another_database_is_left_alone() {
    let Some(place) = Move::new().await else {
        return;
    };
    let migration = place.begin();
    migration.copy(&mut |_| ()).unwrap();
    drop(migration);
    let store = Store::open(&place.path(), &file(), NOW * 1000).unwrap();
    store
        .apply(Changeset::new(event(Action::KeyRead, "vc-01")))
        .await
        .unwrap();
    store.close().await;
    let other = place.dir.path().join("other");
    let store = Store::create(&other, &file(), &meta("node-2")).unwrap();
    store.close().await;
    let to = |path: &Path| Migration::to_server(path, &place.config(), NOW).map(drop);
    let error = to(&other).unwrap_err().to_string();
    assert!(
        error.contains("a migration of another database, node-1,"),
        "{error}"
    );
    let store = place.finish(place.begin());
    check(&store, 22).await;
    store.close().await;
    for path in [&other, &place.path()] {
        let error = to(path).unwrap_err().to_string();
        assert!(error.contains("is not empty"), "{error}");
    }
}

#[tokio::test]
async fn nobody_writes_what_is_copied_into_a_file() {
    let Some(place) = Move::new().await else {
        return;
    };
    let store = place.finish(place.begin());
    let config = StoreConfig {
        node: Some(2),
        ..place.config()
    };
    let second = Store::join(&place.dir.path().join("2"), &config, &meta("node-2")).unwrap();
    let back = place.dir.path().join("back");
    let to_file = || Migration::to_file(&back, &place.config(), NOW, true);
    for node in [1, 2] {
        let error = to_file().unwrap_err().to_string();
        assert!(error.contains(&format!("node {node} is in use")), "{error}");
        if node == 1 {
            store.clone().close().await;
        }
    }
    second.close().await;
    let error = Migration::to_file(&back, &place.config(), NOW, false).unwrap_err();
    assert!(error.to_string().contains("node 2 (node-2)"), "{error}");
    assert!(
        nothing_else(place.dir.path())
            .iter()
            .all(|name| !name.contains("moving"))
    );
    let migration = to_file().unwrap();
    let others: Vec<_> = migration.others().iter().map(|node| node.number).collect();
    assert_eq!(others, [2]);
    assert!(Store::open(&place.path(), &config, NOW * 1000).is_err());
    std::fs::write(&back, "mine").unwrap();
    drop(migration);
    assert!(matches!(to_file(), Err(StoreError::Present(_))));
}
