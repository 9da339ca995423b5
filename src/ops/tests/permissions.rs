//! Permissions that change while a client is connected: what counts is what they are when its message is committed.

use super::*;
use crate::domain::{Operations, Permissions};
use crate::kmip::enums::QueryFunction;

impl Fixture {
    async fn permit(&self, permissions: Permissions) {
        let filter = EventFilter::default();
        let first = self.service.store().events(Sequence(0), 1, &filter);
        let event = Event::clone(&first.await.unwrap().events[0].event);
        let mut changeset = Changeset::new(Event {
            action: Action::ClientPermit,
            ..event
        });
        changeset.write(Write::ClientPermissions(self.ours.client, permissions));
        self.service.store().apply(changeset).await.unwrap();
    }

    async fn told(&self, payloads: Vec<RequestPayload>) -> Vec<Option<ResultReason>> {
        let goes_on = Some(BatchErrorContinuationOption::Continue);
        let answered = self.send(ProtocolVersion::V1_2, goes_on, payloads).await;
        answered.iter().map(|item| item.reason).collect()
    }
}

fn only(names: &[&str]) -> Permissions {
    Permissions {
        operations: Some(Operations::from_names(names).unwrap()),
        windows: Vec::new(),
    }
}

#[tokio::test]
async fn a_change_is_in_force_with_the_next_request_of_an_open_connection() {
    let fixture = Fixture::new().await;
    let uid = fixture.create(Vec::new()).await;
    let both = || vec![get(Some(uid.clone())), destroy(Some(uid.clone()))];
    fixture.permit(only(&["get"])).await;
    let denied = Some(ResultReason::PermissionDenied);
    assert_eq!(fixture.told(both()).await, [None, denied]);
    fixture.permit(only(&["create"])).await;
    assert_eq!(fixture.told(both()).await, [denied, denied]);
    fixture.permit(Permissions::default()).await;
    assert_eq!(fixture.told(both()).await, [None, None]);
    let codes = fixture.events().await;
    let codes = codes
        .iter()
        .filter(|event| event.action == Action::KeyDestroy);
    let codes: Vec<_> = codes.map(|event| event.reason.code()).collect();
    assert_eq!(codes, [403, 403, 200]);
}

#[tokio::test]
async fn what_is_denied_is_refused_before_anything_is_read_of_the_request() {
    let fixture = Fixture::new().await;
    fixture.permit(only(&["locate"])).await;
    let unknown = "00000000-0000-7000-8000-00000000000a".to_owned();
    // Too long a message, and a key that does not exist: neither is told.
    let revoke = RequestPayload::Revoke(payload::revoke::Request {
        unique_identifier: Some(unknown.clone()),
        reason: payload::revoke::RevocationReason {
            code: RevocationReasonCode::Unspecified,
            message: Some("x".repeat(100_000)),
        },
        compromise_occurrence_date: None,
    });
    let reasons = fixture.told(vec![revoke]).await;
    assert_eq!(reasons, [Some(ResultReason::PermissionDenied)]);
    let events = fixture.events().await;
    let event = events.last().unwrap();
    assert_eq!(event.action, Action::KeyRevoke);
    assert_eq!(event.target, Target::Key(unknown.parse().unwrap()));
    assert_eq!(event.severity().as_str(), "critical");
    let query = RequestPayload::Query(payload::query::Request {
        functions: vec![QueryFunction::QueryOperations],
    });
    assert_eq!(fixture.told(vec![query]).await, [None]);
}

#[tokio::test]
async fn outside_its_hours_a_client_is_refused_and_told_apart_in_the_trail() {
    let fixture = Fixture::new().await;
    let uid = fixture.create(Vec::new()).await;
    let hour = (NOW_MS / 3_600_000) % 24;
    let window = format!("daily {hour:02}:00-{:02}:00", hour + 1);
    fixture
        .permit(Permissions {
            operations: None,
            windows: vec![window.parse().unwrap()],
        })
        .await;
    let get = || vec![get(Some(uid.clone()))];
    assert_eq!(fixture.told(get()).await, [None]);
    fixture.clock.advance_ms(3_600_000);
    let denied = Some(ResultReason::PermissionDenied);
    assert_eq!(fixture.told(get()).await, [denied]);
    let events = fixture.events().await;
    let failure = events.last().unwrap().failure;
    assert_eq!(failure, Some(crate::audit::Failure::NotPermittedNow));
}
