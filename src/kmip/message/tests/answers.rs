//! Answers as they are written.

use super::*;

fn respond(version: ProtocolVersion, items: impl FnOnce(&mut ResponseWriter)) -> Vec<u8> {
    let mut response =
        ResponseWriter::with_correlation(version, 1_700_000_000, Some("client"), Some("server"));
    items(&mut response);
    let len = response.len();
    let bytes = response.finish();
    assert_eq!(len, bytes.len());
    bytes
}

#[test]
fn an_answer_says_how_many_items_it_has() {
    let head = ItemHead {
        operation_code: Some(Operation::Create.code()),
        unique_batch_item_id: Some(b"one"),
    };
    let created = payload::create::Response {
        object_type: ObjectType::SymmetricKey,
        unique_identifier: "0d3f".to_owned(),
        template: None,
    };
    let bytes = respond(ProtocolVersion::V1_4, |response| {
        response.success(head, |writer| created.encode(writer, ProtocolVersion::V1_4));
        let checkpoint = response.checkpoint();
        response.undone(head);
        response.rollback(checkpoint);
        response.failure(
            ItemHead::default(),
            ResultReason::ItemNotFound,
            "no such object",
        );
    });
    let answer = ResponseMessage::decode(&bytes, &Limits::default()).expect("an answer");
    assert_eq!(answer.header.batch_count, 2);
    assert_eq!(answer.header.time_stamp, 1_700_000_000);
    assert_eq!(
        answer.header.client_correlation_value.as_deref(),
        Some("client")
    );
    assert_eq!(
        answer.header.server_correlation_value.as_deref(),
        Some("server")
    );
    let [first, second] = &answer.items[..] else {
        panic!("two items")
    };
    assert_eq!(
        (first.status, first.operation),
        (ResultStatus::Success, Some(Operation::Create))
    );
    assert_eq!(first.unique_batch_item_id, Some(&b"one"[..]));
    let read =
        payload::create::Response::decode(first.payload.expect("a payload"), ProtocolVersion::V1_4);
    assert_eq!(read, Ok(created));
    assert_eq!(
        (second.status, second.operation),
        (ResultStatus::OperationFailed, None)
    );
    assert_eq!(second.reason, Some(ResultReason::ItemNotFound));
    assert_eq!(second.message, Some("no such object"));
}

#[test]
fn an_answer_holds_nothing_newer_than_its_version() {
    let bytes = respond(ProtocolVersion::V1_1, |response| {
        let head = ItemHead::of(Operation::Get);
        response.failure(head, ResultReason::WrongKeyLifecycleState, "");
    });
    let answer = ResponseMessage::decode(&bytes, &Limits::default()).expect("an answer");
    assert_eq!(answer.header.client_correlation_value, None);
    assert_eq!(answer.items[0].reason, Some(ResultReason::GeneralFailure));
    assert_eq!(answer.items[0].message, None);
}
