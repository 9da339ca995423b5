//! Events: appended without gaps, read in pages, equal to what was recorded.

use super::*;
use crate::audit::EventFilter;
use crate::store::Sequence;

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
async fn refused_strangers_leave_events_and_no_initiators() {
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
        let db = rusqlite::Connection::open(place.path()).unwrap();
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
