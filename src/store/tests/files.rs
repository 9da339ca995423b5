//! The files: who may read them, and what is refused as a database.

use std::os::unix::fs::PermissionsExt as _;

use rusqlite::Connection;

use super::*;
use crate::store::reserve::{Reserve, Room};

fn open(path: &std::path::Path) -> Result<Store, StoreError> {
    Store::open(path, &StoreConfig::default(), NOW * 1000)
}

#[tokio::test]
async fn every_file_is_private() {
    if is_on_a_server("every_file_is_private") {
        return;
    }
    let place = Place::new().await;
    for suffix in ["", "-wal", "-shm"] {
        let file = place.dir.path().join(format!("db{suffix}"));
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn what_it_was_made_with_stays() {
    let mut place = Place::new().await;
    for _ in 0..2 {
        assert_eq!(place.store().master_key_check(), [9; 16]);
        assert_eq!(place.store().origin().name, "node-1");
        assert_eq!(place.store().origin().epoch, 1);
        place.reopen();
    }
}

#[tokio::test]
async fn an_existing_file_is_not_overwritten() {
    if is_on_a_server("an_existing_file_is_not_overwritten") {
        return;
    }
    let place = Place::new().await;
    let meta = InitMeta {
        origin_name: "x".to_owned(),
        master_key_check: [0; 16],
        created: NOW,
    };
    let refused = Store::create(&place.path(), &StoreConfig::default(), &meta);
    assert_eq!(refused.unwrap_err(), StoreError::Present(place.path()));
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    if is_on_a_server("a_newer_schema_is_refused") {
        return;
    }
    let mut place = Place::new().await;
    place.store = None;
    Connection::open(place.path())
        .unwrap()
        .pragma_update(None, "user_version", 999)
        .unwrap();
    let error = open(&place.path()).unwrap_err().to_string();
    let expected = "the database is newer (schema 999) than this program knows (";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn other_files_are_refused() {
    if is_on_a_server("other_files_are_refused") {
        return;
    }
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("db");
    assert_eq!(open(&path).unwrap_err(), StoreError::Absent(path.clone()));
    for content in [Vec::new(), vec![b'x'; 5000]] {
        std::fs::write(&path, content).unwrap();
        assert_eq!(
            open(&path).unwrap_err(),
            StoreError::NotADatabase(path.clone())
        );
    }
    std::fs::remove_file(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE other (id)").unwrap();
    assert_eq!(open(&path).unwrap_err(), StoreError::NotADatabase(path));
}

#[tokio::test]
async fn closing_empties_the_log_and_refuses_what_follows() {
    if is_on_a_server("closing_empties_the_log_and_refuses_what_follows") {
        return;
    }
    let place = Place::new().await;
    let clone = place.store().clone();
    place.store().clone().close().await;
    assert_eq!(clone.apply(changeset([])).await, Err(ApplyError::Closed));
    assert_eq!(
        clone.object_fresh(id(1)).await.unwrap_err(),
        StoreError::Closed
    );
    assert!(!place.dir.path().join("db-wal").exists());
    clone.close().await;
}

#[test]
fn a_thread_without_async_code_can_apply() {
    let dir = TempDir::new().unwrap();
    let meta = InitMeta {
        origin_name: "x".to_owned(),
        master_key_check: [0; 16],
        created: NOW,
    };
    let path = dir.path().join("db");
    let store = Store::create(&path, &StoreConfig::default(), &meta).unwrap();
    let applied = store
        .apply_blocking(changeset([Write::Instance(instance(1))]))
        .unwrap();
    assert_eq!(applied.first_sequence.0, 0);
}

#[test]
fn material_is_overwritten_when_an_object_is_destroyed() {
    if is_on_a_server("material_is_overwritten_when_an_object_is_destroyed") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let place = runtime.block_on(async {
        let place = Place::new().await;
        let secret = Wrapped::from_bytes(b"sealed-material-of-the-object".repeat(4));
        let first = Object {
            material: Some(secret),
            ..object(1)
        };
        place.insert(&first).await.unwrap();
        place
            .apply([Write::State(Arc::new(destroyed(&first)))])
            .await
            .unwrap();
        place.store().clone().close().await;
        place
    });
    let bytes = std::fs::read(place.path()).unwrap();
    let needle = b"sealed-material";
    assert!(!bytes.windows(needle.len()).any(|window| window == needle));
}

#[tokio::test]
async fn a_full_disk_refuses_and_leaves_what_was_there() {
    if is_on_a_server("a_full_disk_refuses_and_leaves_what_was_there") {
        return;
    }
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("db");
    let meta = InitMeta {
        origin_name: "x".to_owned(),
        master_key_check: [0; 16],
        created: NOW,
    };
    let db = crate::store::sqlite::create(&path, &meta).unwrap();
    let pages: i64 = db
        .file()
        .unwrap()
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    db.query_row(
        &format!("PRAGMA max_page_count = {}", pages + 4),
        [],
        |_| Ok(()),
    )
    .unwrap();
    let fatal: crate::store::OnFatal = Box::new(|error| panic!("{error}"));
    let store = Store::start(
        (
            db,
            crate::store::Whereabouts::File(path.clone()),
            Reserve::open(&path, 0),
            Room::Enough,
        ),
        &path,
        &StoreConfig::default(),
        fatal,
    )
    .unwrap();
    store
        .apply(changeset([Write::Instance(instance(1))]))
        .await
        .unwrap();
    let head = store.head();
    let big = Object {
        material: Some(Wrapped::from_bytes(vec![1; 100_000])),
        ..named(1, "big")
    };
    for object in [
        big.clone(),
        Object {
            names: Vec::new(),
            ..big
        },
    ] {
        let refused = store
            .apply(changeset([Write::Insert(Arc::new(object))]))
            .await;
        assert_eq!(refused, Err(ApplyError::StorageFull));
    }
    assert_eq!(store.head(), head);
    assert!(store.object(id(1)).await.unwrap().is_none());
    // Small things still fit.
    store.apply(changeset([])).await.unwrap();
}
