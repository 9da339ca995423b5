//! Events: appended without gaps, read in pages, equal to what was recorded.

use rusqlite::Connection;

use super::*;
use crate::audit::{EventFilter, Tree};
use crate::store::{Beside, Seal, Sequence};

fn recorded(events: Vec<Event>) -> Changeset {
    let mut events = events.into_iter();
    let mut changeset = Changeset::new(events.next().unwrap());
    events.for_each(|event| changeset.record(event));
    changeset
}

#[tokio::test]
async fn events_read_back_with_their_leaf_hashes() {
    let mut place = Place::new().await;
    let events = vec![
        event(Action::KeyCreate, "vc-01"),
        event(Action::KeyRead, "vc-02"),
        Event {
            scope: scope(3),
            ..event(Action::KeyRevoke, "vc-01")
        },
    ];
    let applied = place.store().apply(recorded(events.clone())).await.unwrap();
    assert_eq!(applied.first_sequence, Sequence(1));
    for _ in 0..2 {
        let filter = EventFilter::default();
        let page = place
            .store()
            .events(Sequence(1), 10, &filter)
            .await
            .unwrap();
        assert_eq!((page.next, page.head), (Sequence(4), Sequence(4)));
        assert_eq!(page.events.len(), 3);
        for ((stored, event), sequence) in page.events.iter().zip(&events).zip(1..) {
            assert_eq!(*stored.event, *event);
            assert_eq!(stored.sequence, Sequence(sequence));
            assert_eq!(
                stored.leaf_hash,
                stored.event.leaf_hash_into(&mut Vec::new())
            );
        }
        place.reopen();
    }
}

#[tokio::test]
async fn a_page_says_where_to_go_on() {
    let place = Place::new().await;
    for number in 0..6_i64 {
        let time_ms = number * 1000;
        let one = Event {
            time_ms,
            ..event(Action::KeyRead, "vc-01")
        };
        place.store().apply(recorded(vec![one])).await.unwrap();
    }
    let read = EventFilter {
        since_ms: Some(2000),
        until_ms: Some(5000),
        ..EventFilter::default()
    };
    let first = place.store().events(Sequence(0), 2, &read).await.unwrap();
    let sequences = |page: &crate::store::EventPage| {
        page.events
            .iter()
            .map(|event| event.sequence.0)
            .collect::<Vec<_>>()
    };
    assert_eq!((sequences(&first), first.next), (vec![3, 4], Sequence(5)));
    let rest = place.store().events(first.next, 2, &read).await.unwrap();
    assert_eq!((sequences(&rest), rest.next), (vec![5], Sequence(7)));
    let beyond = place.store().events(Sequence(100), 2, &read).await.unwrap();
    assert!(beyond.events.is_empty());
    assert_eq!((beyond.next, beyond.head), (Sequence(100), Sequence(7)));
}

#[tokio::test]
async fn a_search_without_a_match_moves_on() {
    let place = Place::new().await;
    let many = (0..6000).map(|_| event(Action::KeyRead, "vc-01")).collect();
    place.store().apply(recorded(many)).await.unwrap();
    let nothing = EventFilter {
        since_ms: Some(i64::MAX),
        ..EventFilter::default()
    };
    let page = place
        .store()
        .events(Sequence(0), 10, &nothing)
        .await
        .unwrap();
    assert!(page.events.is_empty());
    assert_eq!((page.next, page.head), (Sequence(5000), Sequence(6001)));
    let page = place.store().events(page.next, 10, &nothing).await.unwrap();
    assert_eq!(page.next, page.head);
}

#[tokio::test]
async fn the_head_is_announced() {
    let place = Place::new().await;
    let mut head = place.store().head_changed();
    head.mark_unchanged();
    place.store().apply(changeset([])).await.unwrap();
    assert!(head.has_changed().unwrap());
    assert_eq!(
        (*head.borrow_and_update(), place.store().head()),
        (Sequence(2), Sequence(2))
    );
}

#[tokio::test]
async fn a_refused_changeset_gives_no_number_to_its_initiator() {
    let mut place = Place::new().await;
    let mut refused = recorded(vec![event(Action::KeyRead, "stranger")]);
    refused.require(Precondition::State(id(9), 0));
    assert_eq!(
        place.store().apply(refused).await,
        Err(ApplyError::Conflict)
    );
    let accepted = recorded(vec![event(Action::KeyRead, "friend")]);
    place.store().apply(accepted).await.unwrap();
    let page = place
        .reopen()
        .events(Sequence(1), 10, &EventFilter::default())
        .await
        .unwrap();
    assert_eq!(page.events[0].event.initiator.name, "friend");
}

#[tokio::test]
async fn a_number_that_was_rolled_back_with_its_change_is_given_again() {
    let mut place = Place::new().await;
    place.insert(&named(1, "taken")).await.unwrap();
    // By somebody who has no number yet, and gets one with the change that is refused.
    let by = |label: &str| Changeset::new(event(Action::KeyCreate, label));
    let mut refused = by("stranger");
    refused.write(Write::Insert(Arc::new(named(2, "taken"))));
    assert_eq!(
        place.store().apply(refused).await,
        Err(ApplyError::NameTaken)
    );
    let first = place.store().head();
    place.store().apply(by("stranger")).await.unwrap();
    place.store().apply(by("friend")).await.unwrap();
    let filter = EventFilter::default();
    let page = place.reopen().events(first, 10, &filter).await.unwrap();
    let names = page.events.iter().map(|held| &*held.event.initiator.name);
    assert_eq!(names.collect::<Vec<_>>(), ["stranger", "friend"]);
}

#[tokio::test]
async fn refused_strangers_leave_events_and_no_initiators() {
    if is_on_a_server("refused_strangers_leave_events_and_no_initiators") {
        return;
    }
    let mut place = Place::new().await;
    let refusal = |number: u8| Event {
        initiator: Arc::new(Initiator::certificate(
            Fingerprint::from_bytes([number; 32]),
            "",
        )),
        outcome: Outcome::Failure,
        ..event(Action::ClientRefuse, "")
    };
    let initiators = |place: &Place| -> u32 {
        let db = Connection::open(place.path()).unwrap();
        let sql = "SELECT count(*) FROM initiator";
        db.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let before = initiators(&place);
    let events: Vec<_> = (1..=50).map(refusal).collect();
    place.store().apply(recorded(events.clone())).await.unwrap();
    assert_eq!(initiators(&place), before);
    let filter = EventFilter::default();
    let page = place.reopen().events(Sequence(1), 100, &filter).await;
    let page = page.unwrap().events;
    assert_eq!(page.len(), events.len());
    for (stored, event) in page.iter().zip(&events) {
        assert_eq!(*stored.event, *event);
        let mut json = Vec::new();
        assert_eq!(stored.leaf_hash, event.leaf_hash_into(&mut json));
    }
}

/// The tree of the first events of a trail, from every one of them.
async fn tree_of_all(store: &Store) -> Tree {
    let mut tree = Tree::default();
    let (mut from, filter) = (Sequence(0), EventFilter::default());
    while from < store.head() {
        let page = store.events(from, 1000, &filter).await.unwrap();
        for stored in &page.events {
            tree.push(stored.leaf_hash, &mut Vec::new());
        }
        from = page.next;
    }
    tree
}

fn many(count: usize) -> Changeset {
    recorded(vec![event(Action::KeyRead, "vc-01"); count])
}

#[tokio::test]
async fn the_tree_is_that_of_all_events_whatever_was_refused() {
    let mut place = Place::new().await;
    for count in [1, 200, 254, 300, 1] {
        place.store().apply(many(count)).await.unwrap();
        let mut refused = many(count);
        refused.require(Precondition::State(id(77), 1));
        let refused = place.store().apply(refused).await;
        assert_eq!(refused.unwrap_err(), ApplyError::Conflict);
        let size = place.store().head().0;
        let tree = place.store().tree(size).await.unwrap();
        assert_eq!(tree, tree_of_all(place.store()).await, "{size} events");
        place.reopen();
    }
    assert_eq!(place.store().tree(256).await.unwrap().size(), 256);
    let beyond = place.store().tree(place.store().head().0 + 1).await;
    assert!(matches!(beyond, Err(StoreError::Damaged(_))), "{beyond:?}");
}

/// The tables that came with the seal of the trail and later.
fn tables_since_0007(db: &Connection) -> Vec<String> {
    let tables = |db: &Connection| -> Vec<String> {
        let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'";
        let mut statement = db.prepare(sql).unwrap();
        let names = statement.query_map([], |row| row.get(0)).unwrap();
        names.map(Result::unwrap).collect()
    };
    let older = Connection::open_in_memory().unwrap();
    for sql in [
        "CREATE TABLE migration (name TEXT)",
        include_str!("../sqlite/migrations/0001_start.sql"),
        include_str!("../sqlite/migrations/0002_locate.sql"),
        include_str!("../sqlite/migrations/0003_credentials.sql"),
        include_str!("../sqlite/migrations/0004_trust.sql"),
        include_str!("../sqlite/migrations/0005_anchors.sql"),
        include_str!("../sqlite/migrations/0006_values.sql"),
    ] {
        older.execute_batch(sql).unwrap();
    }
    let older = tables(&older);
    tables(db)
        .into_iter()
        .filter(|table| !older.contains(table))
        .collect()
}

/// Takes the columns away that migrations from 0007 on give to older tables.
const COLUMNS_SINCE_0007: &str = "ALTER TABLE client DROP COLUMN operations;
    ALTER TABLE client DROP COLUMN windows;
    ALTER TABLE instance DROP COLUMN denied;
    ALTER TABLE instance DROP COLUMN removed;
    ALTER TABLE object DROP COLUMN destroy_due;
    ALTER TABLE object DROP COLUMN last_reader;
    ALTER TABLE certificate DROP COLUMN issuer;
    ALTER TABLE certificate DROP COLUMN serial;
    ALTER TABLE certificate DROP COLUMN ends;
    ALTER TABLE anchor DROP COLUMN warned;
    ALTER TABLE object DROP COLUMN creator;
    ALTER TABLE object DROP COLUMN changer;
    ALTER TABLE object DROP COLUMN destroyer;
    ALTER TABLE certificate DROP COLUMN creator;
    ALTER TABLE instance DROP COLUMN creator;
    ALTER TABLE instance DROP COLUMN changed;
    ALTER TABLE instance DROP COLUMN changer;";

#[tokio::test]
async fn subtrees_are_kept_of_a_trail_that_was_written_before_them() {
    if is_on_a_server("subtrees_are_kept_of_a_trail_that_was_written_before_them") {
        return;
    }
    let mut place = Place::new().await;
    place.store().apply(many(700)).await.unwrap();
    place.store = None;
    let db = Connection::open(place.path()).unwrap();
    for table in tables_since_0007(&db) {
        db.execute_batch(&format!("DROP TABLE {table}")).unwrap();
    }
    db.execute_batch(COLUMNS_SINCE_0007).unwrap();
    let older = "PRAGMA user_version = 6; DELETE FROM migration WHERE name >= '0007'";
    db.execute_batch(older).unwrap();
    drop(db);
    let store = place.reopen();
    store.apply(many(100)).await.unwrap();
    let tree = store.tree(store.head().0).await.unwrap();
    assert_eq!(tree, tree_of_all(store).await);
}

#[tokio::test]
async fn what_is_completed_while_another_part_is_missing_is_kept() {
    if is_on_a_server("what_is_completed_while_another_part_is_missing_is_kept") {
        return;
    }
    let mut place = Place::new().await;
    place.store = None;
    let db = Connection::open(place.path()).unwrap();
    let events = "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 65400)
        INSERT INTO event (sequence, record, leaf) SELECT i, x'', CAST(printf('%032d', i) AS BLOB) FROM n";
    db.execute_batch(events).unwrap();
    drop(db);
    let store = place.reopen();
    store.apply(many(300)).await.unwrap();
    let size = store.head().0;
    assert!(store.tree(size).await.is_err());
    // Up to what a checkpoint would seal; the last block, and the 65 536 events that it is the end of, come after.
    let (tree, wrong) = store.grow(Tree::default(), 65_280).await.unwrap();
    assert_eq!(wrong.len(), 255);
    store.keep(Seal::Subtrees(wrong)).await.unwrap();
    let (whole, wrong) = store.grow(tree, size).await.unwrap();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(store.tree(size).await.unwrap(), whole);
    // The thread that writes goes on from the same.
    store.apply(many(300)).await.unwrap();
    let (whole, wrong) = store.grow(whole, store.head().0).await.unwrap();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(store.tree(store.head().0).await.unwrap(), whole);
}

#[tokio::test]
async fn only_a_checkpoint_of_as_many_events_replaces_one() {
    let place = Place::new().await;
    let store = place.store();
    for (size, note) in [(5, "five"), (7, "seven"), (6, "six")] {
        let seal = Seal::Checkpoint(size, note.to_owned());
        store.keep(seal).await.unwrap();
    }
    assert_eq!(store.checkpoint().await.unwrap().as_deref(), Some("seven"));
}

#[tokio::test]
async fn hashes_of_nodes_are_those_of_the_events_below_them() {
    let place = Place::new().await;
    // With the one that is there already, and beyond what is kept of whole subtrees.
    place.store().apply(many(599)).await.unwrap();
    let (mut leaves, mut from) = (Vec::new(), 0);
    while leaves.len() < 600 {
        let page = place.store().sealed_events(Sequence(from), 1000).await;
        leaves.extend(page.unwrap().events.iter().map(|stored| stored.leaf_hash));
        from = u64::try_from(leaves.len()).unwrap();
    }
    let defined = |node: &std::ops::Range<u64>| {
        let mut tree = Tree::default();
        for at in node.clone() {
            tree.push(leaves[usize::try_from(at).unwrap()], &mut Vec::new());
        }
        tree.root()
    };
    let nodes = vec![
        0..1,
        0..256,
        256..512,
        0..512,
        512..600,
        592..600,
        300..301,
        384..512,
        0..600,
    ];
    let expected: Vec<_> = nodes.iter().map(defined).collect();
    assert_eq!(place.store().node_hashes(nodes).await.unwrap(), expected);
}

#[tokio::test]
async fn an_epoch_begins_with_its_event_and_where_it_was_to() {
    let mut place = Place::new().await;
    let begin = |next: u64, number: u32| {
        let mut changeset = recorded(vec![event(Action::TrailBeginEpoch, "vc-01")]);
        changeset.require(Precondition::Next(Sequence(next)));
        changeset.write(Write::Epoch(number, 7));
        changeset
    };
    let late = place.store().apply(begin(0, 2)).await;
    assert_eq!(late, Err(ApplyError::Conflict));
    assert_eq!(place.store().origin().epoch, 1);
    for (next, number) in [(1, 2), (2, 4)] {
        place.store().apply(begin(next, number)).await.unwrap();
        for _ in 0..2 {
            assert_eq!(place.store().origin().epoch, number);
            assert_eq!(place.store().origin_at(Sequence(0)).epoch, 1);
            assert_eq!(place.store().origin_at(Sequence(next)).epoch, number);
            assert_eq!(place.store().head(), Sequence(next + 1));
            place.reopen();
        }
    }
}

#[tokio::test]
async fn a_checkpoint_is_kept_beside_the_database_and_missed_in_its_epoch_only() {
    if is_on_a_server("a_checkpoint_is_kept_beside_the_database_and_missed_in_its_epoch_only") {
        return;
    }
    let place = Place::new().await;
    let store = place.store();
    assert_eq!(
        store.last_sealed().await.map(|state| state.beside),
        Ok(Beside::Nothing)
    );
    let note = "a note\n".to_owned();
    store.keep(Seal::Checkpoint(1, note.clone())).await.unwrap();
    assert_eq!(
        store.last_sealed().await.map(|state| state.beside),
        Ok(Beside::Note(note))
    );
    std::fs::remove_file(place.path().with_file_name("checkpoint")).unwrap();
    assert_eq!(
        store.last_sealed().await.map(|state| state.beside),
        Ok(Beside::Missing)
    );
    let mut changeset = recorded(vec![event(Action::TrailBeginEpoch, "vc-01")]);
    changeset.write(Write::Epoch(2, 7));
    store.apply(changeset).await.unwrap();
    assert_eq!(
        store.last_sealed().await.map(|state| state.beside),
        Ok(Beside::Nothing)
    );
}
