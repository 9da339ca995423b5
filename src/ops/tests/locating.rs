//! What bounds a Locate, and who waits for whom.

use super::*;
use crate::domain::{Object, ObjectId};
use crate::kmip::payload::locate::Response;
use crate::ops::Config;

impl Answered {
    /// The identifiers of a Locate, and how many there are in all.
    fn located(&self, version: ProtocolVersion) -> (Option<u32>, Vec<String>) {
        let mut message = vec![0x42, 0x00, 0x7c, 0x01];
        let payload = self.payload.as_deref().expect("a payload");
        message.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
        message.extend(payload);
        let item = ttlv::read(&message).unwrap();
        let response = Response::decode(item.structure().unwrap(), version).unwrap();
        (response.located_items, response.unique_identifiers)
    }
}

impl Fixture {
    /// Puts this many objects straight into the store; their identifiers in order.
    async fn fill(&self, count: u16) -> Vec<String> {
        let sample = self.create(vec![]).await.parse().unwrap();
        let sample = self.service.store().object(sample).await.unwrap().unwrap();
        let event = self.events().await.remove(0);
        let mut changeset = Changeset::new(event);
        let mut uids = vec![sample.id.to_string()];
        for number in 1..=count {
            let mut random = [0; 10];
            random[..2].copy_from_slice(&number.to_be_bytes());
            let id = ObjectId::new(NOW_MS + 1, random);
            uids.push(id.to_string());
            let object = Object {
                id,
                ..Object::clone(&sample)
            };
            changeset.write(Write::Insert(Arc::new(object)));
        }
        self.service.store().apply(changeset).await.unwrap();
        uids
    }

    async fn locate_all(&self, version: ProtocolVersion, maximum: Option<u32>) -> Answered {
        let RequestPayload::Locate(mut request) = locate(vec![]) else {
            unreachable!("a Locate");
        };
        request.maximum_items = maximum;
        let sent = self.send(version, None, vec![RequestPayload::Locate(request)]);
        sent.await.remove(0)
    }
}

#[tokio::test]
async fn a_search_goes_over_many_pages() {
    let fixture = Fixture::new().await;
    let uids = fixture.fill(2500).await;
    let version = ProtocolVersion::V1_4;
    let found = fixture.locate_all(version, None).await.located(version);
    assert_eq!(found, (Some(2501), uids.clone()));
    let version = ProtocolVersion::V1_0;
    let found = fixture
        .locate_all(version, Some(2000))
        .await
        .located(version);
    assert_eq!(found, (None, uids[..2000].to_vec()));
    // On whole objects too: their Last Change Date is in no index.
    let last_change = AttributeValue::DateTime(NOW_MS / 1000);
    let criteria = vec![standard(StandardAttribute::LastChangeDate, last_change)];
    let found = fixture.send(V, None, vec![locate(criteria)]).await;
    assert_eq!(found[0].located(V).1, uids);
}

#[tokio::test]
async fn nothing_is_left_out_unseen() {
    let config = Config {
        locate_results_max: 3,
        ..Config::default()
    };
    let fixture = Fixture::with(config).await;
    let uids = fixture.fill(3).await;
    // Since 1.3 the answer tells how many there are; before, who asks for more than an answer holds gets them all or an error.
    for version in [ProtocolVersion::V1_3, ProtocolVersion::V1_4] {
        let found = fixture.locate_all(version, None).await.located(version);
        assert_eq!(found, (Some(4), uids[..3].to_vec()));
    }
    for version in [ProtocolVersion::V1_0, ProtocolVersion::V1_2] {
        let refused = fixture.locate_all(version, None).await;
        assert_eq!(refused.reason, Some(ResultReason::ResponseTooLarge));
        let refused = fixture.locate_all(version, Some(4)).await;
        assert_eq!(refused.reason, Some(ResultReason::ResponseTooLarge));
        for maximum in [2, 3] {
            let some = fixture.locate_all(version, Some(maximum)).await;
            let expected = uids.iter().take(maximum as usize).cloned().collect();
            assert_eq!(some.located(version), (None, expected));
        }
    }
}

#[tokio::test]
async fn a_message_searches_a_bounded_number_of_objects() {
    let config = Config {
        searched_objects_max: 10,
        ..Config::default()
    };
    let fixture = Fixture::with(config).await;
    fixture.fill(3).await;
    let all = || vec![locate(vec![]); 4];
    let proceed = Some(BatchErrorContinuationOption::Continue);
    let answered = fixture.send(V, proceed, all()).await;
    let reasons: Vec<_> = answered.iter().map(|item| item.reason).collect();
    let too_many = Some(ResultReason::GeneralFailure);
    assert_eq!(reasons, [None, None, too_many, too_many]);
    let last = fixture.events().await.pop().unwrap();
    assert_eq!((last.action, last.reason.code()), (Action::KeyLocate, 413));
    // The next message starts anew.
    assert!(fixture.send(V, None, vec![locate(vec![])]).await[0].is_success());
}

#[tokio::test]
async fn a_message_that_is_run_again_searches_no_more_than_others() {
    let config = Config {
        searched_objects_max: 6,
        response_bytes_max: 1200,
        ..Config::default()
    };
    let fixture = Fixture::with(config).await;
    let uids = fixture.fill(3).await;
    // The gets do not fit, so all of it is begun again; the search has used four of the six.
    let mut items = vec![locate(vec![])];
    items.extend((0..10).map(|_| get(Some(uids[0].clone()))));
    let answered = fixture.send(V, None, items).await;
    assert_eq!(answered[0].reason, Some(ResultReason::GeneralFailure));
}

#[tokio::test]
async fn a_client_searches_in_turn() {
    let fixture = Fixture::new().await;
    let turn = fixture.service.turns().wait(fixture.ours.client).await;
    assert!(turn.is_some());
    let soon = std::time::Duration::from_millis(50);
    let ours = fixture.locate_all(V, None);
    assert!(
        tokio::time::timeout(soon, ours).await.is_err(),
        "ours waits"
    );
    let theirs = fixture.send_as(&fixture.theirs, V, None, vec![locate(vec![])]);
    assert!(theirs.await[0].is_success(), "others do not");
    // What is no search does not wait either.
    fixture.create(vec![]).await;
    drop(turn);
    assert!(fixture.locate_all(V, None).await.is_success());
}
