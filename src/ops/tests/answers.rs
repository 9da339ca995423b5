//! How long an answer may be: what the client takes, what the server gives, and what is committed of it.

use super::*;

use BatchErrorContinuationOption as Continuation;

/// The header of a message whose answer may have so many bytes.
fn header(continuation: Continuation, bytes: usize) -> RequestHeader {
    let mut header = RequestHeader::new(V);
    header.continuation = Some(continuation);
    header.maximum_response_size = Some(u32::try_from(bytes).unwrap());
    header
}

fn query() -> RequestPayload {
    use crate::kmip::enums::QueryFunction;
    RequestPayload::Query(payload::query::Request {
        functions: vec![QueryFunction::QueryOperations],
    })
}

fn all_of(set: &str) -> RequestPayload {
    locate(vec![custom("x-set", set)])
}

#[tokio::test]
async fn the_maximum_is_compared_with_the_whole_message() {
    let fixture = Fixture::new().await;
    let uid = fixture.create(vec![]).await;
    for payload in [query(), get(Some(uid.clone())), all_of("none")] {
        let ask = |bytes| {
            let header = header(Continuation::Stop, bytes);
            let payload = payload.clone();
            let fixture = &fixture;
            async move {
                fixture
                    .exchange(&fixture.ours, &header, vec![payload])
                    .await
            }
        };
        let (answered, bytes) = ask(100_000).await;
        assert!(answered[0].is_success());
        assert!(ask(bytes).await.0[0].is_success(), "it fits exactly");
        for less in [bytes - 1, 16, 0] {
            let (answered, _) = ask(less).await;
            assert_eq!(answered[0].reason, Some(ResultReason::ResponseTooLarge));
            assert!(answered[0].payload.is_none());
            let event = fixture.events().await.pop().unwrap();
            assert_eq!(
                (event.outcome, event.reason.code()),
                (Outcome::Failure, 413)
            );
            if let RequestPayload::Get(_) = payload {
                assert_eq!(event.target, Target::Key(uid.parse().unwrap()));
                assert_eq!(event.action, Action::KeyRead);
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_committed_whose_answer_does_not_fit() {
    let fixture = Fixture::new().await;
    for continuation in [
        Continuation::Stop,
        Continuation::Continue,
        Continuation::Undo,
    ] {
        let set = |bytes: usize| format!("{continuation:?}-{bytes}");
        let batch = |bytes: usize| {
            let key = || create(vec![custom("x-set", &set(bytes))]);
            vec![key(), get(None), key(), key(), activate(None)]
        };
        let whole = fixture
            .exchange(
                &fixture.ours,
                &header(continuation, 100_000),
                batch(100_000),
            )
            .await
            .1;
        let mut carried_out = Vec::new();
        for bytes in (100..whole).step_by(64).chain([whole - 1, whole]) {
            let header = header(continuation, bytes);
            let before = fixture.events().await.len();
            let (answered, length) = fixture.exchange(&fixture.ours, &header, batch(bytes)).await;
            let done = answered.iter().filter(|item| item.is_success()).count();
            assert!(
                done == 0 || length <= bytes,
                "{length} bytes in {bytes}: {continuation:?}"
            );
            let refused = |item: &Answered| item.reason == Some(ResultReason::ResponseTooLarge);
            assert_eq!(answered.iter().any(refused), bytes < whole);
            let events = fixture.events().await.len();
            assert_eq!(events - before, answered.len(), "one event for each answer");
            let found = fixture.send(V, None, vec![all_of(&set(bytes))]).await;
            let keys = found[0].payload.as_ref().unwrap().len() / 48;
            let made = [0, 2, 3]
                .iter()
                .filter(|index| answered.get(**index).is_some_and(Answered::is_success));
            assert_eq!(keys, made.count(), "{bytes} bytes, {continuation:?}");
            carried_out.push(done);
        }
        assert!(
            carried_out.is_sorted(),
            "more room, more done: {carried_out:?}"
        );
        assert_eq!(carried_out.last(), Some(&5));
        let partly = carried_out.iter().any(|done| (1..5).contains(done));
        assert_eq!(
            partly,
            continuation != Continuation::Undo,
            "{carried_out:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_is_bounded_before_it_is_committed() {
    let fixture = Fixture::new().await;
    let long = "x".repeat(3000);
    let many = (0..100)
        .map(|number| custom(&format!("x-{number}"), &long))
        .collect();
    let uid = fixture.create(many).await;
    let all = || {
        RequestPayload::GetAttributes(payload::get_attributes::Request {
            unique_identifier: Some(uid.clone()),
            names: Vec::new(),
        })
    };
    let proceed = Some(BatchErrorContinuationOption::Continue);
    let batch = (0..60)
        .map(|_| all())
        .chain([activate(Some(uid.clone()))])
        .collect();
    let answered = fixture.send_as(&fixture.ours, V, proceed, batch).await;
    let full = answered
        .iter()
        .position(|item| !item.is_success())
        .expect("a limit");
    assert!(
        (20..40).contains(&full),
        "{full} answers of 300 KiB in 8 MiB"
    );
    let refused = |item: &Answered| item.reason == Some(ResultReason::ResponseTooLarge);
    assert!(answered[full..].iter().all(refused), "nor what comes after");
    let still = fixture
        .send(V, None, vec![activate(Some(uid.clone()))])
        .await;
    assert!(still[0].is_success(), "the key was not activated before");
    let events = fixture.events().await;
    let refused = events
        .iter()
        .filter(|event| event.reason.code() == 413)
        .count();
    assert_eq!(refused, 61 - full);
}
