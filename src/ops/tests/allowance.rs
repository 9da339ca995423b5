//! How much the answers of all connections may hold.

use std::time::Duration;

use super::*;
use crate::ops::Answer;

const V: ProtocolVersion = ProtocolVersion::V1_1;

/// A Get Attributes of everything, whose answer has 60 KiB, as bytes.
async fn large_question(fixture: &Fixture) -> Vec<u8> {
    let text = "x".repeat(3000);
    let many = (0..20).map(|number| custom(&format!("x-{number}"), &text));
    let uid = fixture.create(many.collect()).await;
    question(RequestPayload::GetAttributes(
        payload::get_attributes::Request {
            unique_identifier: Some(uid),
            names: Vec::new(),
        },
    ))
}

fn question(payload: RequestPayload) -> Vec<u8> {
    let item = OutgoingItem {
        unique_batch_item_id: None,
        payload,
    };
    encode_request(&RequestHeader::new(V), &[item])
}

async fn ask_soon(fixture: &Fixture, question: &[u8]) -> Option<Answer> {
    let answer = fixture.service.answer(&fixture.ours, question);
    let waited = tokio::time::timeout(Duration::from_millis(50), answer);
    waited.await.ok()
}

#[tokio::test]
async fn a_large_answer_waits_while_others_hold_all_and_a_small_one_does_not() {
    let fixture = Fixture::new().await;
    let large = large_question(&fixture).await;
    let answers = fixture.service.answers();
    let events = fixture.events().await.len();
    let taken = answers.reserve(fixture.theirs.client, ANSWER_BYTES).await;
    assert!(ask_soon(&fixture, &large).await.is_none());
    assert_eq!(fixture.events().await.len(), events, "nothing was done yet");

    let small = question(create(vec![]));
    let answer = fixture.service.answer(&fixture.ours, &small).await;
    assert!(answer.held.is_none());
    assert_eq!(answers.free_bytes(), 0);

    let waiting = tokio::spawn({
        let (service, ours) = (Arc::clone(&fixture.service), Arc::clone(&fixture.ours));
        async move { service.answer(&ours, &large).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!waiting.is_finished());
    drop(taken);
    let answer = waiting.await.unwrap();
    assert!(answer.bytes.len() > 60_000, "{}", answer.bytes.len());
    let held = answer.held.as_ref().expect("it is large").bytes();
    assert_eq!(
        held,
        answer.bytes.len().next_multiple_of(1024),
        "what it did not need was given back"
    );
    assert_eq!(answers.free_bytes(), ANSWER_BYTES - held);
    drop(answer);
    assert_eq!(answers.free_bytes(), ANSWER_BYTES);
}

#[tokio::test]
async fn an_answer_says_how_many_items_it_answers() {
    let fixture = Fixture::new().await;
    let items = [create(vec![]), create(vec![])].map(|payload| OutgoingItem {
        unique_batch_item_id: Some(vec![1]),
        payload,
    });
    let batch = encode_request(&RequestHeader::new(V), &items);
    let answer = fixture.service.answer(&fixture.ours, &batch).await;
    assert_eq!((answer.items, answer.close), (2, false));
}
