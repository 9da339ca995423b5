//! Batches: order, continuation, the ID Placeholder, what is committed and what is answered.

use super::*;

#[tokio::test]
async fn the_placeholder_carries_a_key_through_a_batch() {
    let fixture = Fixture::new().await;
    let batch = vec![create(vec![]), activate(None), get(None)];
    let answered = fixture.send(V, None, batch).await;
    assert_eq!(answered.len(), 3);
    assert!(answered.iter().all(Answered::is_success));
    let events = fixture.events().await;
    assert_eq!(events.len(), 3);
    assert!(
        events
            .iter()
            .all(|event| event.correlation == events[0].correlation)
    );
    let alone = fixture.send(V, None, vec![get(None)]).await;
    assert_eq!(alone[0].reason, Some(ResultReason::ItemNotFound));
}

#[tokio::test]
async fn stop_ends_a_batch_continue_does_not_and_undo_takes_back() {
    use BatchErrorContinuationOption as Option;
    let fixture = Fixture::new().await;
    let batch = || {
        vec![
            create(vec![name("one")]),
            get(Some("nothing".to_owned())),
            create(vec![]),
        ]
    };
    let undone = fixture.send(V, Some(Option::Undo), batch()).await;
    let statuses: Vec<_> = undone.iter().map(|item| item.status).collect();
    assert_eq!(
        statuses,
        [ResultStatus::OperationUndone, ResultStatus::OperationFailed]
    );
    let nothing = fixture.send(V, None, vec![locate(vec![name("one")])]).await;
    assert_eq!(
        nothing[0].payload.as_deref(),
        Some(&[][..]),
        "the key was taken back"
    );

    let stopped = fixture.send(V, Some(Option::Stop), batch()).await;
    assert_eq!(stopped.len(), 2);
    assert!(stopped[0].is_success());
    // The name is taken now, so the first item fails too.
    let continued = fixture.send(V, Some(Option::Continue), batch()).await;
    let outcomes: Vec<_> = continued.iter().map(Answered::is_success).collect();
    assert_eq!(outcomes, [false, false, true]);
    assert_eq!(continued[0].reason, Some(ResultReason::InvalidField));

    let reasons: Vec<_> = fixture
        .events()
        .await
        .iter()
        .map(|event| event.reason.code())
        .collect();
    assert_eq!(reasons, [424, 404, 200, 201, 404, 409, 404, 201]);
}

#[tokio::test]
async fn a_failed_create_leaves_no_earlier_key_in_the_placeholder() {
    let fixture = Fixture::new().await;
    let batch = vec![
        create(vec![name("kept")]),
        create(vec![name("kept")]),
        destroy(None),
        locate(vec![name("kept")]),
    ];
    let proceed = Some(BatchErrorContinuationOption::Continue);
    let answered = fixture.send(V, proceed, batch).await;
    assert_eq!(answered[2].reason, Some(ResultReason::ItemNotFound));
    assert_eq!(
        identifier(&answered[3]),
        identifier(&answered[0]),
        "the first key still lives"
    );
}

#[tokio::test]
async fn a_name_given_up_in_a_batch_is_free_in_it() {
    let fixture = Fixture::new().await;
    let uid = fixture.create(vec![name("passed on")]).await;
    let batch = vec![destroy(Some(uid.clone())), create(vec![name("passed on")])];
    let answered = fixture.send(V, None, batch).await;
    assert!(answered.iter().all(Answered::is_success));
    let found = fixture
        .send(V, None, vec![locate(vec![name("passed on")])])
        .await;
    assert_eq!(identifier(&found[0]), identifier(&answered[1]));
}

/// Disables the client, which the writer finds out when it commits. There is a key.
async fn disable(fixture: &Fixture) {
    let event = fixture.events().await.remove(0);
    let event = Event {
        id: EventId::new(NOW_MS, [9; 10]),
        ..event
    };
    let mut changeset = Changeset::new(event);
    changeset.write(Write::ClientStatus(
        fixture.ours.client,
        ClientStatus::Disabled,
    ));
    fixture.service.store().apply(changeset).await.unwrap();
}

#[tokio::test]
async fn a_key_that_could_not_be_committed_is_not_named() {
    let fixture = Fixture::new().await;
    let uid = fixture.create(vec![]).await;
    disable(&fixture).await;
    let made = create(vec![]);
    let payloads = vec![made, activate(None), get(Some(uid.clone()))];
    fixture.send(V, None, payloads).await;
    let refused = fixture.events_from(2).await;
    let targets: Vec<_> = refused.iter().map(|event| event.target.clone()).collect();
    let key = Target::Key(uid.parse().unwrap());
    assert_eq!(targets, [Target::Instance, Target::Instance, key]);
    assert!(refused.iter().all(|event| event.reason.code() == 403));
}

#[tokio::test]
async fn a_key_that_was_undone_is_not_named() {
    let fixture = Fixture::new().await;
    let missing = get(Some("missing".to_owned()));
    let payloads = vec![create(vec![]), activate(None), missing];
    let undo = Some(BatchErrorContinuationOption::Undo);
    fixture.send(V, undo, payloads).await;
    let events = fixture.events().await;
    let targets: Vec<_> = events.iter().map(|event| event.target.clone()).collect();
    let missing = Target::UnknownKey("missing".to_owned());
    assert_eq!(targets, [Target::Instance, Target::Instance, missing]);
}

#[tokio::test]
async fn a_failure_to_commit_still_names_the_key() {
    let fixture = Fixture::new().await;
    let uid = fixture.create(vec![]).await;
    disable(&fixture).await;
    let missing = get(Some("missing".to_owned()));
    fixture
        .send(
            V,
            None,
            vec![get(Some(uid.clone())), missing, get(Some(uid.clone()))],
        )
        .await;
    let events = fixture.events().await;
    let refused: Vec<_> = events
        .iter()
        .filter(|event| event.reason.code() == 403)
        .collect();
    assert_eq!(refused.len(), 2, "the third item was not executed");
    assert_eq!(refused[0].target, Target::Key(uid.parse().unwrap()));
}
