//! What is particular to a database that several nodes share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::server::{database, drop_database};
use super::*;
use crate::domain::TargetId;
use crate::store::Delivered;
use crate::store::engine::{Connection, params};
use crate::store::postgres::{Server, Session, gather};

/// A store on a server, if there is one.
async fn place() -> Option<Place> {
    server::url()?;
    Some(Place::new().await)
}

fn session(place: &Place) -> Session {
    let server = Server::of(&place.config()).unwrap().unwrap();
    server.session("test").unwrap()
}

fn run(place: &Place, sql: &str) {
    session(place).batch(sql).unwrap();
}

fn run_in(session: &Session, sql: &str) {
    session.query(&session.prepare(sql).unwrap(), &[]).unwrap();
}

/// Ends the session that writes, as a server does that goes.
fn end_writer(place: &Place) {
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE '% writer'";
    let session = session(place);
    let ended = session.query(&session.prepare(sql).unwrap(), &[]).unwrap();
    assert_eq!(ended.len(), 1);
}

#[tokio::test]
async fn who_changes_what_all_go_by_is_let_in_however_many_others_come() {
    let Some(place) = place().await else {
        return;
    };
    let (ends, place) = (AtomicBool::new(false), &place);
    // One of them has always begun before another ends.
    let others = || {
        let session = session(place);
        while !ends.load(Ordering::Acquire) {
            gather(&session, false, &[], &[]).unwrap();
            std::thread::sleep(Duration::from_millis(30));
            session.batch("COMMIT").unwrap();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(others);
            std::thread::sleep(Duration::from_millis(7));
        }
        let alone = session(place);
        // Where it is not let in its wait ends with an error.
        let waited: Vec<_> = (0..5)
            .map(|_| {
                let gathered = gather(&alone, true, &[], &[]);
                alone.reset();
                gathered.is_ok()
            })
            .collect();
        ends.store(true, Ordering::Release);
        assert_eq!(waited, [true; 5]);
    });
}

/// The server's process that reads, which takes its time: all of them are asked.
fn process(db: &Connection) -> Result<i64, StoreError> {
    std::thread::sleep(Duration::from_millis(20));
    let sql = "SELECT CAST(pg_backend_pid() AS BIGINT)";
    Ok(db.query_row(sql, [], |row| row.get(0))?)
}

#[tokio::test]
async fn who_reads_connects_again_after_whoever_writes_did() {
    let Some(place) = place().await else {
        return;
    };
    let processes = async || {
        let mut reading = JoinSet::new();
        for _ in 0..8 {
            let store = place.store().clone();
            reading.spawn(async move {
                let readers = &store.inner.readers;
                readers.read(process).await.unwrap()
            });
        }
        reading.join_all().await
    };
    let before = processes().await;
    end_writer(&place);
    place.insert(&object(1)).await.unwrap();
    let after = processes().await;
    assert!(
        before.iter().all(|process| !after.contains(process)),
        "{before:?} {after:?}"
    );
}

#[tokio::test]
async fn a_transaction_waits_twice_for_the_server_however_many_requests_it_serves() {
    let Some(place) = place().await else {
        return;
    };
    // Statements are prepared by the first.
    place.insert(&object(1)).await.unwrap();
    let read = |id| Write::Read(id, NOW);
    place.apply([read(id(1))]).await.unwrap();
    let count = || {
        let read = place.store().measures().round_trips.read();
        (read.total(), read.sum)
    };
    let (transactions, waits) = count();
    for number in 2..12 {
        place.insert(&object(number)).await.unwrap();
        place.apply([read(id(number))]).await.unwrap();
    }
    let mut many = JoinSet::new();
    for number in 20..60 {
        let store = place.store().clone();
        let insert = changeset([Write::Insert(Arc::new(object(number)))]);
        many.spawn(async move { store.apply(insert).await.unwrap() });
    }
    many.join_all().await;
    let (transactions, waits) = (count().0 - transactions, count().1 - waits);
    assert!((21..60).contains(&transactions), "{transactions}");
    assert_eq!(waits, transactions * 2);
}

#[tokio::test]
async fn what_changes_a_key_waits_more_often_and_no_more_with_every_key_there_is() {
    let Some(place) = place().await else {
        return;
    };
    let target = TargetId::from_bytes([1; 16]);
    let mut waits = Vec::new();
    for number in 1..4 {
        let mut key = object(number);
        place.insert(&key).await.unwrap();
        let before = place.store().measures().round_trips.read().sum;
        let count = || place.store().measures().round_trips.read().sum - before;
        key.state_version += 1;
        place
            .apply([Write::State(Arc::new(key.clone()))])
            .await
            .unwrap();
        let state = count();
        key.attributes_version += 1;
        key.attributes
            .push(custom("x-Tag", None, AttributeValue::Text("a".to_owned())));
        place
            .apply([Write::Attributes(Arc::new(key.clone()))])
            .await
            .unwrap();
        let attributes = count() - state;
        let from = place.store().cursor(target).await.unwrap();
        let advanced = Delivered::Advanced {
            from,
            to: place.store().cursor_at_head(),
            parked: Vec::new(),
        };
        place
            .store()
            .keep_delivered(target, advanced)
            .await
            .unwrap();
        let cursor = count() - state - attributes;
        let ended = Arc::new(destroyed(&key));
        place.apply([Write::State(ended)]).await.unwrap();
        let destroy = count() - state - attributes - cursor;
        waits.push([state, attributes, cursor, destroy]);
    }
    // The first also prepares its statements.
    assert_eq!(waits[1..], [[5, 8, 6, 6]; 2]);
}

#[tokio::test]
async fn a_key_does_not_end_while_somebody_is_given_it() {
    let Some(place) = place().await else {
        return;
    };
    let key = object(1);
    place.insert(&key).await.unwrap();
    // Another node is about to give it, and has compared its versions.
    let other = session(&place);
    let gathered = gather(&other, false, &[], &[key.id]).unwrap();
    assert_eq!(gathered.versions.len(), 1);
    let (store, destroyed) = (place.store().clone(), Arc::new(destroyed(&key)));
    let mut destroying =
        tokio::spawn(async move { store.apply(changeset([Write::State(destroyed)])).await });
    let early = tokio::time::timeout(Duration::from_millis(500), &mut destroying).await;
    assert!(early.is_err(), "{early:?}");
    other.batch("COMMIT").unwrap();
    destroying.await.unwrap().unwrap();
}

#[tokio::test]
async fn who_holds_everything_up_costs_every_caller_the_same_and_not_each_in_turn() {
    let Some(place) = place().await else {
        return;
    };
    let other = session(&place);
    run_in(&other, "SELECT pg_advisory_lock(5697, 0)");
    let mut waiting = JoinSet::new();
    let begun = Instant::now();
    for number in 1..9 {
        let (store, number) = (place.store().clone(), number);
        let insert = changeset([Write::Insert(Arc::new(object(number)))]);
        waiting.spawn(async move { store.apply(insert).await });
    }
    for refused in waiting.join_all().await {
        let refused = refused.unwrap_err();
        assert!(
            matches!(refused, ApplyError::Store(StoreError::Again(_))),
            "{refused}"
        );
    }
    // Two waits of the server for a lock, for one that came alone and for all that came meanwhile.
    assert!(begun.elapsed() < Duration::from_secs(50));
    drop(other);
    place.insert(&object(20)).await.unwrap();
}

#[tokio::test]
async fn who_delivers_for_a_node_that_is_gone_gives_no_sign_of_life_of_it() {
    let Some(place) = place().await else {
        return;
    };
    let (path, second) = (place.path(), meta("node-2"));
    let config = StoreConfig {
        node: Some(2),
        ..place.config()
    };
    Store::join(&path, &config, &second).unwrap().close().await;
    run(
        &place,
        "UPDATE keyledger.node SET seen = 7 WHERE number = 2",
    );
    let left = Store::open_left(&path, &place.config(), 2, NOW * 1000).unwrap();
    assert_eq!(place.store().others_at_work().await.unwrap(), [""; 0]);
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE '%node 2 stand-in'";
    run_in(&session(&place), sql);
    // The first may be what finds that the connection is lost.
    drop(left.settle().await);
    left.settle().await.unwrap();
    let rows = Connection::Server(Box::new(session(&place)));
    let seen = "SELECT seen FROM keyledger.node WHERE number = 2";
    let seen: i64 = rows.query_row(seen, [], |row| row.get(0)).unwrap();
    assert_eq!(seen, 7);
    left.close().await;
    let second = Store::open(&path, &config, NOW * 1000).unwrap();
    assert_eq!(place.store().others_at_work().await.unwrap(), ["node-2"]);
    second.close().await;
}

#[tokio::test]
async fn what_was_moved_away_is_not_written_by_a_node_that_connects_again() {
    let Some(place) = place().await else {
        return;
    };
    place.insert(&object(1)).await.unwrap();
    let head = place.store().head();
    // The node's connection is lost, and somebody moves the database meanwhile.
    run(
        &place,
        "CREATE TABLE keyledger.moving (id BIGINT PRIMARY KEY CHECK (id = 1), source TEXT NOT NULL, head BIGINT NOT NULL, stage BIGINT NOT NULL);
        INSERT INTO keyledger.moving VALUES (1, 'it', 1, 3)",
    );
    end_writer(&place);
    for _ in 0..2 {
        let refused = place.insert(&object(2)).await.unwrap_err().to_string();
        assert!(refused.contains("was moved into a file"), "{refused}");
    }
    assert_eq!(place.store().head(), head);
    // The mark was taken off by hand.
    run(&place, "DROP TABLE keyledger.moving");
    place.insert(&object(2)).await.unwrap();
    assert_eq!(place.store().head().0, head.0 + 1);
}

#[tokio::test]
async fn what_was_kept_and_never_answered_is_known_after_the_connection_is_there_again() {
    let Some(place) = place().await else {
        return;
    };
    place.insert(&object(1)).await.unwrap();
    let target = TargetId::from_bytes([1; 16]);
    let advanced = Delivered::Advanced {
        from: None,
        to: place.store().cursor_at_head(),
        parked: Vec::new(),
    };
    let mut moved = place.store().delivery_changed();
    moved.mark_unchanged();
    end_writer(&place);
    // Whether it was committed nobody knows, here: it was not.
    let refused = place.store().keep_delivered(target, advanced).await;
    assert!(matches!(refused, Err(ApplyError::Store(_))), "{refused:?}");
    assert!(moved.has_changed().unwrap(), "who delivers looks again");
}

#[tokio::test]
async fn what_another_server_lacks_is_not_gone_by() {
    let Some(place) = place().await else {
        return;
    };
    place.apply([Write::Client(client(1))]).await.unwrap();
    assert_eq!(place.store().clients().clients().len(), 1);
    // As if another server had taken over that never had the last change.
    let session = session(&place);
    session
        .batch("BEGIN; DELETE FROM certificate; DELETE FROM client; UPDATE change SET clients = clients - 1; COMMIT")
        .unwrap();
    let rows = Connection::Server(Box::new(session));
    let left: i64 = rows
        .query_row("SELECT count(*) FROM client", params![], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0);
    end_writer(&place);
    place.insert(&object(1)).await.unwrap();
    assert!(place.store().clients().clients().is_empty());
}

#[tokio::test]
async fn what_a_node_left_whose_schema_is_gone_keeps_nobody_from_the_others() {
    let Some(url) = database() else {
        return;
    };
    let dir = TempDir::new().unwrap();
    let config = StoreConfig {
        url: Some(url.clone()),
        ..StoreConfig::default()
    };
    let store = Store::create(&dir.path().join("db"), &config, &meta("node-1")).unwrap();
    let run = |sql: &str| {
        let server = Server::of(&config).unwrap().unwrap();
        server.session("test").unwrap().batch(sql).unwrap();
    };
    run("INSERT INTO keyledger.node (number, name, joined) VALUES (2, 'gone', 1), (3, 'left', 1)");
    run("CREATE SCHEMA keyledger_3; SET search_path = keyledger_3;
        CREATE TABLE event (sequence BIGINT); INSERT INTO event VALUES (1);
        CREATE TABLE delivery (target BYTEA, next BIGINT); INSERT INTO delivery VALUES ('', 1)");
    let left = store.left_undelivered(Duration::from_secs(10)).await;
    assert_eq!(left.unwrap(), [3]);
    store.close().await;
    drop_database(&url);
}
