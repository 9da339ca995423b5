//! The start of the trail goes when that is written down and sealed, block by block, and what was sealed stays provable.

use super::*;
use crate::audit::proof::{consistency, inclusion, is_consistent, root_by_inclusion};
use crate::audit::{EventFilter, Tree};
use crate::domain::TargetId;
use crate::store::{Behind, Cursor, Delivered, From, Gap, Parked, Seal, Sequence};

const TARGET: TargetId = TargetId::from_bytes([7; 16]);
const OTHER: TargetId = TargetId::from_bytes([8; 16]);

/// A trail of so many events, with the tree of each size.
async fn place_of(count: usize) -> (Place, Vec<Tree>) {
    let place = Place::new().await;
    let mut changeset = Changeset::new(event(Action::KeyRead, "vc-01"));
    (2..count).for_each(|_| changeset.record(event(Action::KeyRead, "vc-01")));
    place.store().apply(changeset).await.unwrap();
    let mut trees = vec![Tree::default()];
    let page = place.store().sealed_events(Sequence(0), count).await;
    for stored in page.unwrap().events {
        let mut tree = trees.last().unwrap().clone();
        tree.push(stored.leaf_hash, &mut Vec::new());
        trees.push(tree);
    }
    assert_eq!(trees.len(), count + 1);
    (place, trees)
}

fn removal(kept_from: u64, behind: Vec<Behind>, gaps: Vec<Gap>) -> Changeset {
    let mut changeset = Changeset::new(event(Action::TrailTrim, "node-1"));
    changeset.require(Precondition::Behind(Sequence(kept_from), behind));
    changeset.write(Write::Removal(Sequence(kept_from), NOW, gaps));
    changeset
}

async fn seal(store: &Store) {
    let seal = Seal::Checkpoint(store.head().0, "a note\n".to_owned());
    store.keep(seal).await.unwrap();
}

async fn remove_all(store: &Store) {
    let kept_from = store.kept_from();
    while store.first().await.unwrap() < kept_from {
        let before = store.first().await.unwrap();
        store.remove_some().await.unwrap();
        assert!(store.first().await.unwrap() > before, "it moves on");
    }
}

#[tokio::test]
async fn events_go_once_it_is_sealed_that_they_do_and_everything_stays_provable() {
    let (mut place, trees) = place_of(2000).await;
    let removed = place.store().apply(removal(1792, vec![], vec![])).await;
    assert_eq!(removed.unwrap().first_sequence, Sequence(2000));
    for _ in 0..2 {
        let store = place.store();
        assert_eq!(store.kept_from(), Sequence(1792));
        let known = store.removal().await.unwrap().unwrap();
        assert_eq!((known.event, known.recorded), (Sequence(2000), NOW));
        store.remove_some().await.unwrap();
        assert_eq!(store.first().await.unwrap(), Sequence(0), "not sealed yet");
        place.reopen();
    }
    seal(place.store()).await;
    place.store().remove_some().await.unwrap();
    // Some went; the rest goes on after a crash.
    assert_eq!(place.store().first().await.unwrap(), Sequence(512));
    remove_all(place.reopen()).await;
    for _ in 0..2 {
        let store = place.store();
        assert_eq!(store.first().await.unwrap(), Sequence(1792));
        store.remove_some().await.unwrap();
        for (size, tree) in (0..).zip(&trees) {
            assert_eq!(store.tree(size).await.unwrap(), *tree, "{size} events");
        }
        let all = EventFilter::default();
        let page = store.events(Sequence(0), 5000, &all).await.unwrap();
        let sequences: Vec<_> = page.events.iter().map(|one| one.sequence.0).collect();
        assert_eq!(sequences, (1792..=2000).collect::<Vec<_>>());
        assert_eq!(page.first, Sequence(1792));
        proves(store, &trees, &page.events[5]).await;
        place.reopen();
    }
    // The tree goes on.
    place.apply([]).await.unwrap();
    let size = place.store().head().0;
    let grown = place.store().tree(size).await.unwrap();
    let reopened = place.reopen();
    assert_eq!(reopened.tree(size).await.unwrap(), grown);
}

/// An event that is left is proved to be there, and every earlier tree to be a part of the last.
async fn proves(store: &Store, trees: &[Tree], stored: &crate::store::StoredEvent) {
    let (size, root) = (2000, trees[2000].root());
    let index = stored.sequence.0;
    let hashes = store.node_hashes(inclusion(index, size).unwrap()).await;
    let proved = root_by_inclusion(stored.leaf_hash, index, size, &hashes.unwrap());
    assert_eq!(proved, Some(root));
    for (old, tree) in (0..).zip(trees).step_by(97) {
        let hashes = store.node_hashes(consistency(old, size).unwrap()).await;
        let is_grown = is_consistent((old, tree.root()), (size, root), &hashes.unwrap());
        assert!(is_grown, "{old} events");
    }
}

#[tokio::test]
async fn as_much_is_not_removed_twice_and_nothing_without_the_epochs_own_checkpoint() {
    let (place, _) = place_of(700).await;
    let store = place.store();
    seal(store).await;
    store.apply(removal(512, vec![], vec![])).await.unwrap();
    for less in [256, 512] {
        let again = store.apply(removal(less, vec![], vec![])).await;
        assert_eq!(again, Err(ApplyError::Conflict));
    }
    // Sealed in an epoch that has ended: what that sealed may be another trail.
    seal(store).await;
    let mut epoch = Changeset::new(event(Action::TrailBeginEpoch, "node-1"));
    epoch.write(Write::Epoch(2, NOW));
    store.apply(epoch).await.unwrap();
    store.remove_some().await.unwrap();
    assert_eq!(store.first().await.unwrap(), Sequence(0));
    seal(store).await;
    remove_all(store).await;
    assert_eq!(store.first().await.unwrap(), Sequence(512));
}

#[tokio::test]
async fn what_is_not_what_was_sealed_is_kept() {
    if is_on_a_server("what_is_not_what_was_sealed_is_kept") {
        return;
    }
    for change in [
        "UPDATE event SET leaf = zeroblob(32) WHERE sequence = 300",
        "DELETE FROM event WHERE sequence = 300",
        "UPDATE subtree SET hash = zeroblob(32) WHERE idx = 1",
        "DELETE FROM subtree WHERE idx = 1",
    ] {
        let (mut place, _) = place_of(700).await;
        place
            .store()
            .apply(removal(512, vec![], vec![]))
            .await
            .unwrap();
        seal(place.store()).await;
        let db = rusqlite::Connection::open(place.path()).unwrap();
        db.execute_batch(change).unwrap();
        let store = place.reopen();
        let removed = store.remove_some().await;
        assert_eq!(removed, Err(ApplyError::Conflict), "{change}");
        assert_eq!(store.first().await.unwrap(), Sequence(0), "{change}");
        assert!(store.check_blocks(0..1).await.is_ok(), "{change}");
        let checked = store.check_blocks(0..2).await;
        let damaged = matches!(checked, Err(StoreError::Damaged(_)));
        assert!(damaged, "{change}: {checked:?}");
    }
    // A record whose hash was left alone is found when blocks are looked at.
    let (place, _) = place_of(700).await;
    let db = rusqlite::Connection::open(place.path()).unwrap();
    let change = "UPDATE event SET record = (SELECT record FROM event WHERE sequence = 0) WHERE sequence = 299";
    db.execute_batch(change).unwrap();
    let checked = place.store().check_blocks(0..2).await.unwrap_err();
    assert!(checked.to_string().contains("event 299 "), "{checked}");
}

#[tokio::test]
async fn the_hash_of_a_block_must_be_one_that_the_trail_is_signed_from() {
    if is_on_a_server("the_hash_of_a_block_must_be_one_that_the_trail_is_signed_from") {
        return;
    }
    let (place, _) = place_of(700).await;
    let store = place.store();
    let db = rusqlite::Connection::open(place.path()).unwrap();
    // The other blocks of 65 536 events, of which only the hashes are looked at.
    let insert = "INSERT OR IGNORE INTO subtree (level, idx, hash) VALUES (?1, ?2, ?3)";
    for block in 2..256_u64 {
        db.execute(insert, rusqlite::params![8, block, [7_u8; 32]])
            .unwrap();
    }
    let (mut tree, mut completed) = (Tree::default(), Vec::new());
    let sql = "SELECT hash FROM subtree WHERE level = 8 ORDER BY idx";
    let mut kept = db.prepare(sql).unwrap();
    for hash in kept.query_map([], |row| row.get(0)).unwrap() {
        tree.push_subtree(8, hash.unwrap(), &mut completed);
    }
    let parent = completed.last().unwrap();
    assert_eq!((parent.level, parent.index), (16, 0));
    db.execute(insert, rusqlite::params![16, 0, parent.hash])
        .unwrap();
    store.check_blocks(0..2).await.unwrap();
    // Altered together with the block's events, it would fit these.
    db.execute_batch("UPDATE subtree SET hash = zeroblob(32) WHERE level = 8 AND idx = 9")
        .unwrap();
    let checked = store.check_blocks(0..1).await.unwrap_err();
    assert!(checked.to_string().contains("from 0 to 65535"), "{checked}");
}

fn at(next: u64) -> Cursor {
    Cursor {
        epoch: 1,
        next: Sequence(next),
        checkpoint: 0,
    }
}

async fn advance(store: &Store, target: TargetId, to: u64, parked: &[u64]) {
    let parked = parked.iter().map(|sequence| Parked {
        sequence: Sequence(*sequence),
        reason: "refused".to_owned(),
        parked_ms: 5,
        is_due: false,
    });
    let advanced = Delivered::Advanced {
        from: store.cursor(target).await.unwrap(),
        to: at(to),
        parked: parked.collect(),
    };
    store.keep_delivered(target, advanced).await.unwrap();
}

#[tokio::test]
async fn targets_that_are_behind_go_on_after_the_gap_and_what_is_parked_there_goes() {
    let (place, _) = place_of(700).await;
    let store = place.store();
    advance(store, TARGET, 300, &[20, 21]).await;
    advance(store, OTHER, 690, &[5, 600]).await;
    let behind = store.behind(Sequence(512)).await.unwrap();
    let expected = [
        (TARGET, Some(at(300)), vec![20, 21]),
        (OTHER, Some(at(690)), vec![5]),
    ];
    let expected = expected.map(|(target, cursor, parked)| Behind {
        target,
        cursor,
        parked,
    });
    assert_eq!(behind, expected);
    let all = store.behind(store.head()).await.unwrap();
    for before in [0, 5, 6, 21, 22, 300, 301, 600, 601, 690, 700] {
        let before = Sequence(before);
        let of_all: Vec<_> = all.iter().filter_map(|one| one.before(before, 1)).collect();
        assert_eq!(store.behind(before).await.unwrap(), of_all, "{before}");
    }
    let gap = |first, last| Gap {
        target: TARGET,
        first: Sequence(first),
        last: Sequence(last),
    };
    let gaps = vec![gap(20, 21), gap(300, 511)];
    // Somebody moves meanwhile.
    advance(store, TARGET, 301, &[]).await;
    let late = store.apply(removal(512, behind, gaps.clone())).await;
    assert_eq!(late, Err(ApplyError::Conflict));
    assert_eq!(store.gaps(TARGET, 10).await.unwrap(), []);
    let mut moved = store.delivery_changed();
    moved.mark_unchanged();
    let behind = store.behind(Sequence(512)).await.unwrap();
    store.apply(removal(512, behind, gaps)).await.unwrap();
    assert!(moved.has_changed().unwrap(), "workers hear of it");
    assert_eq!(store.cursor(TARGET).await.unwrap(), Some(at(512)));
    assert_eq!(store.cursor(OTHER).await.unwrap(), Some(at(690)));
    assert_eq!(store.parked_count(TARGET).await.unwrap(), 0);
    assert_eq!(store.parked_count(OTHER).await.unwrap(), 1);
    let newest_first = store.gaps(TARGET, 10).await.unwrap();
    assert_eq!(newest_first, [gap(300, 511), gap(20, 21)]);
    // Nobody is sent back to what goes.
    let back = Write::Cursor(OTHER, From::Event(Sequence(511)));
    assert_eq!(place.apply([back]).await, Err(ApplyError::Conflict));
    let back = Write::Cursor(OTHER, From::Event(Sequence(512)));
    place.apply([back]).await.unwrap();
    store
        .keep_delivered(TARGET, Delivered::Forgotten)
        .await
        .unwrap();
    assert_eq!(store.gaps(TARGET, 10).await.unwrap(), []);
}

#[tokio::test]
async fn blocks_tell_the_time_of_their_newest_event_that_is_not_of_the_future() {
    let place = Place::new().await;
    let dated = |time_ms| Event {
        time_ms,
        ..event(Action::KeyRead, "vc-01")
    };
    let now_ms = NOW * 1000;
    let mut changeset = Changeset::new(dated(now_ms + 5));
    for number in 2..600 {
        let time_ms = match number {
            200 => now_ms + 77,
            256..512 => now_ms + number,
            _ => now_ms - 1000 + number,
        };
        changeset.record(dated(time_ms));
    }
    place.store().apply(changeset).await.unwrap();
    let times = place.store().block_times(0..2, now_ms).await.unwrap();
    let times: Vec<_> = times
        .iter()
        .map(|block| (block.end.0, block.newest_ms))
        .collect();
    // The instance was made just now.
    assert_eq!(times, [(256, Some(now_ms)), (512, None)]);
    let times = place.store().block_times(0..100, now_ms).await.unwrap();
    assert_eq!(times.len(), 16);
}
