//! How far targets are: durable, and not taken over by who does not know where they are.

use super::*;
use crate::domain::TargetId;
use crate::domain::routing::{Rendering, Target};
use crate::store::{Cursor, Delivered, From, Parked, ParkedRange, Sequence};

const TARGET: TargetId = TargetId::from_bytes([4; 16]);

fn at(next: u64) -> Cursor {
    Cursor {
        epoch: 1,
        next: Sequence(next),
        checkpoint: 0,
    }
}

fn advanced(from: Option<Cursor>, to: Cursor, parked: &[u64]) -> Delivered {
    let parked = parked.iter().map(|sequence| Parked {
        sequence: Sequence(*sequence),
        reason: "no".to_owned(),
        parked_ms: 1,
        is_due: false,
    });
    Delivered::Advanced {
        from,
        to,
        parked: parked.collect(),
    }
}

#[tokio::test]
async fn a_cursor_outlasts_the_process_and_moves_only_from_where_it_is() {
    let mut place = Place::new().await;
    let keep = |delivered| place.store().keep_delivered(TARGET, delivered);
    assert_eq!(place.store().cursor(TARGET).await.unwrap(), None);
    keep(advanced(None, at(3), &[1, 2])).await.unwrap();
    let others = [
        advanced(None, at(9), &[8]),
        advanced(Some(at(2)), at(9), &[8]),
    ];
    for delivered in others {
        assert_eq!(keep(delivered).await, Err(ApplyError::Conflict));
    }
    // A refusal leaves nothing, and the thread goes on.
    assert_eq!(place.store().parked_count(TARGET).await.unwrap(), 2);
    place.apply([]).await.unwrap();
    let store = place.reopen();
    assert_eq!(store.cursor(TARGET).await.unwrap(), Some(at(3)));
    let parked = store.parked(TARGET, Sequence(2), 10).await.unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!(store.due(TARGET).await.unwrap(), None);
    let due = Delivered::Due(ParkedRange::One(Sequence(2)));
    store.keep_delivered(TARGET, due).await.unwrap();
    let due = store.due(TARGET).await.unwrap().unwrap();
    assert_eq!(due.sequence, Sequence(2));
    let late = Delivered::Late(Sequence(2));
    store.keep_delivered(TARGET, late).await.unwrap();
    assert_eq!(store.due(TARGET).await.unwrap(), None);
    assert_eq!(store.targets_kept().await.unwrap(), [TARGET]);
    let forgotten = Delivered::Forgotten;
    store.keep_delivered(TARGET, forgotten).await.unwrap();
    assert_eq!(store.targets_kept().await.unwrap(), []);
}

#[tokio::test]
async fn a_target_that_is_there_is_not_forgotten_by_who_has_not_heard_of_it() {
    let place = Place::new().await;
    let target = Target {
        id: TARGET,
        name: "file".to_owned(),
        target_type: "file".to_owned(),
        region: None,
        rendering: Rendering::Sealed,
        endpoint: "{}".to_owned(),
        created: NOW,
        updated: NOW,
        version: 0,
    };
    let begins = Write::Cursor(TARGET, From::Event(Sequence(0)));
    let target = Write::Target(Box::new(target), Vec::new());
    place.apply([target, begins]).await.unwrap();
    let keep = |delivered| place.store().keep_delivered(TARGET, delivered);
    let parked = advanced(Some(at(0)), at(1), &[0]);
    keep(parked).await.unwrap();
    keep(Delivered::Forgotten).await.unwrap();
    assert_eq!(place.store().cursor(TARGET).await.unwrap(), Some(at(1)));
    assert_eq!(place.store().parked_count(TARGET).await.unwrap(), 1);
}

#[tokio::test]
async fn an_administrator_moves_a_target_and_whoever_follows_hears_of_it() {
    let place = Place::new().await;
    let mut moved = place.store().delivery_changed();
    let first = place.apply([Write::Cursor(TARGET, From::Here)]).await;
    let first = first.unwrap().first_sequence;
    assert!(moved.has_changed().unwrap());
    moved.mark_unchanged();
    let cursor = place.store().cursor(TARGET).await.unwrap();
    assert_eq!(cursor, Some(at(first.0)));
    let back = From::Event(Sequence(0));
    place.apply([Write::Cursor(TARGET, back)]).await.unwrap();
    assert_eq!(place.store().cursor(TARGET).await.unwrap(), Some(at(0)));
    assert!(moved.has_changed().unwrap());
}

#[tokio::test]
async fn what_is_kept_shares_a_sync_with_changesets_and_a_refusal_is_its_own() {
    let place = Place::new().await;
    let before = place.store().commits();
    let keeping = (0..200_u8).map(|number| {
        let store = place.store().clone();
        let target = TargetId::from_bytes([number; 16]);
        // Every third one believes that the target is somewhere.
        let from = number.is_multiple_of(3).then(|| at(1));
        let delivered = advanced(from, at(3), &[2]);
        let applied = async move {
            let applied = tokio::spawn({
                let store = store.clone();
                async move { store.apply(changeset([])).await }
            });
            let kept = store.keep_delivered(target, delivered).await;
            (kept, applied.await.unwrap())
        };
        tokio::spawn(applied)
    });
    let keeping: Vec<_> = keeping.collect();
    for (number, keeping) in (0..200_u8).zip(keeping) {
        let (kept, applied) = keeping.await.unwrap();
        let expected = match number % 3 {
            0 => (Err(ApplyError::Conflict), None, 0),
            _ => (Ok(()), Some(at(3)), 1),
        };
        let target = TargetId::from_bytes([number; 16]);
        let cursor = place.store().cursor(target).await.unwrap();
        let parked = place.store().parked_count(target).await.unwrap();
        assert_eq!((kept, cursor, parked), expected);
        applied.unwrap();
    }
    let commits = place.store().commits() - before;
    assert!(commits < 80, "{commits}");
}

#[tokio::test]
async fn what_was_dropped_while_it_was_under_way_does_not_come_back() {
    let place = Place::new().await;
    let keep = |delivered| place.store().keep_delivered(TARGET, delivered);
    keep(advanced(None, at(3), &[1, 2])).await.unwrap();
    keep(Delivered::Due(ParkedRange::All)).await.unwrap();
    let under_way = place.store().due(TARGET).await.unwrap().unwrap();
    let dropped = Write::ParkedDropped(TARGET, vec![under_way.sequence]);
    place.apply([dropped]).await.unwrap();
    let refused = |parked: Parked| {
        Delivered::Refused(Parked {
            is_due: false,
            reason: "again no".to_owned(),
            ..parked
        })
    };
    keep(refused(under_way)).await.unwrap();
    let left = place.store().due(TARGET).await.unwrap().unwrap();
    assert_eq!(left.sequence, Sequence(2));
    assert_eq!(place.store().parked_count(TARGET).await.unwrap(), 1);
    // What is still parked keeps what was said of it last.
    keep(refused(left)).await.unwrap();
    let parked = place.store().parked(TARGET, Sequence(0), 10).await.unwrap();
    assert_eq!((&*parked[0].reason, parked[0].is_due), ("again no", false));
}

#[tokio::test]
async fn what_cannot_be_kept_takes_no_request_with_it() {
    if is_on_a_server("what_cannot_be_kept_takes_no_request_with_it") {
        return;
    }
    let place = Place::new().await;
    let db = rusqlite::Connection::open(place.path()).unwrap();
    db.execute_batch("DROP TABLE parked").unwrap();
    for number in 0..50_u8 {
        let target = TargetId::from_bytes([number; 16]);
        let kept = place
            .store()
            .keep_delivered(target, advanced(None, at(3), &[2]));
        let applied = place.store().apply(changeset([]));
        let (kept, applied) = tokio::join!(kept, applied);
        assert!(matches!(kept, Err(ApplyError::Store(_))), "{kept:?}");
        applied.unwrap();
        assert_eq!(place.store().cursor(target).await.unwrap(), None);
    }
}
