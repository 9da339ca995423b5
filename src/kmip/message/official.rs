//! The official test cases of KMIP 1.1, and a capture of a vCenter, through the codec.

use ttlv::{Limits, Writer};

use super::*;
use crate::kmip::{
    operation::Operation,
    payload::{self, RequestPayload},
    reference::reference,
    tag::Tag,
    version::ProtocolVersion,
};

fn messages(first: Tag) -> Option<Vec<Vec<u8>>> {
    let text = reference("oasis/kmip-testcases-v1.1.hex")?;
    let all = text
        .lines()
        .map(|line| hex::decode(line.trim()).expect("hexadecimal"));
    let tag = first.code().to_be_bytes();
    Some(all.filter(|bytes| bytes.starts_with(&tag[1..])).collect())
}

#[test]
fn every_official_request_decodes_and_its_payloads_encode_to_the_same_bytes() {
    let Some(requests) = messages(Tag::RequestMessage) else {
        return;
    };
    let (mut payloads, mut same, mut unsupported) = (0, 0, 0);
    let mut refused = Vec::new();
    for bytes in &requests {
        let message = RequestMessage::decode(bytes, &Limits::default());
        let message = message.unwrap_or_else(|error| panic!("{error}: {}", hex::encode(bytes)));
        for (item, original) in message.items.iter().zip(payload_bytes(bytes)) {
            match &item.payload {
                Ok(RequestPayload::Unsupported(..)) => unsupported += 1,
                Ok(payload) => {
                    payloads += 1;
                    let mut writer = Writer::default();
                    payload.encode(&mut writer, message.header.version);
                    same += usize::from(writer.as_bytes() == original);
                }
                Err(error) => refused.push(error.to_string()),
            }
        }
    }
    // TC-171 asks for the same attribute twice, to be refused.
    assert_eq!(refused, ["an attribute name is given twice"]);
    assert_eq!(
        (requests.len(), payloads, same, unsupported),
        (260, 246, 246, 47)
    );
}

fn payload_bytes(message: &[u8]) -> Vec<&[u8]> {
    let message = ttlv::read(message)
        .expect("one message")
        .structure()
        .expect("a structure");
    let items = message.items().map(|item| item.expect("sound"));
    items
        .filter(|item| item.tag == Tag::BatchItem.raw())
        .map(|item| {
            let fields = item.structure().expect("a structure").items();
            let mut fields = fields.map(|field| field.expect("sound"));
            let payload = fields.find(|field| field.tag == Tag::RequestPayload.raw());
            payload
                .expect("a payload")
                .structure()
                .expect("a structure")
                .bytes()
        })
        .collect()
}

#[test]
fn every_official_response_decodes_and_its_payloads_encode_to_the_same_bytes() {
    let Some(responses) = messages(Tag::ResponseMessage) else {
        return;
    };
    let (mut items, mut payloads, mut same) = (0, 0, 0);
    for bytes in &responses {
        let message = ResponseMessage::decode(bytes, &Limits::default());
        let message = message.unwrap_or_else(|error| panic!("{error}: {}", hex::encode(bytes)));
        items += message.items.len();
        for item in &message.items {
            let Some(written) = reencode(item) else {
                continue;
            };
            let original = item.payload.expect("it was read").bytes();
            payloads += 1;
            same += usize::from(written == original);
        }
    }
    assert_eq!(
        (responses.len(), items, payloads, same),
        (260, 294, 223, 223)
    );
}

/// The payload of an implemented operation, read and written again; nothing for other operations,
/// and for a Get of anything but a symmetric key in the clear.
fn reencode(item: &ResponseItem<'_>) -> Option<Vec<u8>> {
    let (operation, payload) = (item.operation?, item.payload?);
    let version = ProtocolVersion::V1_1;
    let mut writer = Writer::default();
    macro_rules! through {
        ($module:ident) => {{
            let response = payload::$module::Response::decode(payload, version);
            let response = response.unwrap_or_else(|error| panic!("{operation}: {error}"));
            response.encode(&mut writer, version);
        }};
    }
    match operation {
        Operation::Activate => through!(activate),
        Operation::AddAttribute => through!(add_attribute),
        Operation::Create => through!(create),
        Operation::DeleteAttribute => through!(delete_attribute),
        Operation::Destroy => through!(destroy),
        Operation::DiscoverVersions => through!(discover_versions),
        Operation::Get => {
            let response = payload::get::Response::decode(payload, version).ok()?;
            response.encode(&mut writer, version);
        }
        Operation::GetAttributeList => through!(get_attribute_list),
        Operation::GetAttributes => through!(get_attributes),
        Operation::Locate => through!(locate),
        Operation::ModifyAttribute => through!(modify_attribute),
        Operation::Query => through!(query),
        Operation::Revoke => through!(revoke),
        _ => return None,
    }
    Some(writer.into_bytes())
}

#[test]
fn every_request_of_a_captured_vcenter_is_understood() {
    let Some(text) = reference("vcenter/vcenter-7.0.3.json") else {
        return;
    };
    let capture: serde_json::Value = serde_json::from_str(&text).expect("the capture is JSON");
    let connections = capture["connections"].as_array().expect("a list").iter();
    let requests =
        connections.flat_map(|connection| connection["requests"].as_array().expect("a list"));
    let mut read = 0;
    for request in requests {
        let bytes = hex::decode(request.as_str().expect("text")).expect("hexadecimal");
        let message = RequestMessage::decode(&bytes, &Limits::default()).expect("a request");
        let items = message.items.into_iter().map(|item| OutgoingItem {
            unique_batch_item_id: item.unique_batch_item_id,
            payload: item.payload.expect("readable"),
        });
        let items: Vec<_> = items.collect();
        assert!(
            items
                .iter()
                .all(|item| item.payload.operation().is_implemented())
        );
        assert_eq!(encode_request(&message.header, &items), bytes);
        read += 1;
    }
    assert!(read > 0);
}
