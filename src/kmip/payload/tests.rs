use ttlv::Writer;

use super::*;
use crate::kmip::{
    attribute::{Attribute, AttributeName, AttributeValue, Field, StandardAttribute},
    enums::{
        AttestationType, ClientRegistrationMethod, CryptographicAlgorithm, KeyCompressionType,
        KeyFormatType, KeyWrapType, NameType, ObjectGroupMember, ObjectType, QueryFunction,
        RevocationReasonCode,
    },
    mask::StorageStatusMask,
    object::{KeyBlock, KeyMaterial},
};

const UID: &str = "0d3fbe4c-2d5a-4f0e-9d3c-8a2f6b1c7e90";

/// Writes a payload and hands its structure to `read`.
fn through<T>(
    encode: impl FnOnce(&mut Writer),
    read: impl FnOnce(Structure<'_>) -> Result<T, DecodeError>,
) -> T {
    let mut writer = Writer::default();
    writer.structure(Tag::RequestPayload, encode);
    let item = ttlv::read(writer.as_bytes()).expect("just written");
    item.check(32, &mut 1000).expect("sound");
    read(item.structure().expect("a structure")).expect("readable")
}

fn uid() -> Option<String> {
    Some(UID.to_owned())
}

fn algorithm() -> Attribute {
    let aes = AttributeValue::Enumeration(CryptographicAlgorithm::Aes.code());
    Attribute::standard(StandardAttribute::CryptographicAlgorithm, aes)
}

fn tagged(name: &str, value: &str) -> Attribute {
    Attribute {
        name: AttributeName::from_text(name),
        index: None,
        value: AttributeValue::Text(value.to_owned()),
    }
}

fn template() -> TemplateAttribute {
    let name = TemplateName {
        value: "template".to_owned(),
        name_type: NameType::UninterpretedTextString,
    };
    TemplateAttribute {
        names: vec![name],
        attributes: vec![algorithm(), tagged("x-a", "b")],
    }
}

/// One request of each operation, with every field of KMIP 1.4.
fn requests() -> Vec<RequestPayload> {
    vec![
        RequestPayload::Activate(activate::Request {
            unique_identifier: uid(),
        }),
        RequestPayload::AddAttribute(add_attribute::Request {
            unique_identifier: uid(),
            attribute: Attribute {
                index: Some(3),
                ..tagged("x-Vendor", "VMware, Inc.")
            },
        }),
        RequestPayload::Create(create::Request {
            object_type: ObjectType::SymmetricKey,
            template: template(),
        }),
        RequestPayload::DeleteAttribute(delete_attribute::Request {
            unique_identifier: uid(),
            name: AttributeName::from_text("x-Vendor"),
            index: Some(2),
        }),
        RequestPayload::Destroy(destroy::Request {
            unique_identifier: None,
        }),
        RequestPayload::DiscoverVersions(discover_versions::Request {
            versions: ProtocolVersion::SUPPORTED.to_vec(),
        }),
        RequestPayload::Get(get::Request {
            unique_identifier: uid(),
            key_format_type: Some(KeyFormatType::Raw),
            key_wrap_type: Some(KeyWrapType::NotWrapped),
            key_compression_type: Some(KeyCompressionType::EcPublicKeyTypeUncompressed),
            key_wrapping_specification: Some(get::KeyWrappingSpecification { bytes: Vec::new() }),
        }),
        RequestPayload::GetAttributeList(get_attribute_list::Request {
            unique_identifier: uid(),
        }),
        RequestPayload::GetAttributes(get_attributes::Request {
            unique_identifier: uid(),
            names: ["State", "x-Vendor", "No Such Attribute"]
                .map(AttributeName::from_text)
                .to_vec(),
        }),
        RequestPayload::Locate(locate::Request {
            maximum_items: Some(10),
            offset_items: Some(20),
            storage_status_mask: Some(StorageStatusMask::ON_LINE_STORAGE),
            object_group_member: Some(ObjectGroupMember::GroupMemberFresh),
            attributes: vec![algorithm()],
            template_names: Vec::new(),
        }),
        RequestPayload::ModifyAttribute(modify_attribute::Request {
            unique_identifier: uid(),
            attribute: tagged("x-Vendor", "VMware by Broadcom"),
        }),
        RequestPayload::Query(query::Request {
            functions: QueryFunction::ALL.to_vec(),
        }),
        RequestPayload::Revoke(revoke::Request {
            unique_identifier: uid(),
            reason: revoke::RevocationReason {
                code: RevocationReasonCode::KeyCompromise,
                message: Some("lost".to_owned()),
            },
            compromise_occurrence_date: Some(1_600_000_000),
        }),
    ]
}

#[test]
fn every_request_survives_both_directions() {
    for request in requests() {
        let version = ProtocolVersion::V1_4;
        let read = through(
            |writer| request.encode(writer, version),
            |payload| RequestPayload::decode(request.operation(), payload, version),
        );
        assert_eq!(read, request);
    }
    let implemented = Operation::ALL
        .iter()
        .filter(|operation| operation.is_implemented());
    assert_eq!(requests().len(), implemented.count());
}

#[test]
fn a_request_written_for_an_old_version_is_readable_in_it() {
    for version in ProtocolVersion::SUPPORTED {
        for request in requests() {
            let read = through(
                |writer| request.encode(writer, *version),
                |payload| RequestPayload::decode(request.operation(), payload, *version),
            );
            assert_eq!(read.operation(), request.operation());
        }
    }
}

#[test]
fn identifier_answers_survive_both_directions() {
    macro_rules! check {
        ($($module:ident),*) => {$(
            let response = $module::Response { unique_identifier: UID.to_owned() };
            let read = through(
                |writer| response.encode(writer, ProtocolVersion::V1_0),
                |payload| $module::Response::decode(payload, ProtocolVersion::V1_0),
            );
            assert_eq!(read, response);
        )*};
    }
    check!(activate, destroy, revoke);
}

#[test]
fn a_key_survives_both_directions_and_never_prints() {
    let material = [0xab; 32];
    let block = KeyBlock::raw(
        KeyMaterial::borrowed(&material),
        CryptographicAlgorithm::Aes,
        256,
    );
    let response = get::Response {
        unique_identifier: UID.into(),
        key: block,
    };
    let version = ProtocolVersion::V1_1;
    let read = through(
        |writer| response.encode(writer, version),
        |payload| get::Response::decode(payload, version),
    );
    assert_eq!(read.unique_identifier, UID);
    assert_eq!(read.key.material.expose(), material);
    assert_eq!(read.key.format, KeyFormatType::Raw);
    assert_eq!(read.key.algorithm, Some(CryptographicAlgorithm::Aes));
    assert_eq!(read.key.length, Some(256));
    for printed in [format!("{read:?}"), format!("{response:?}")] {
        assert!(
            !printed.contains("171") && !printed.to_lowercase().contains("abab"),
            "{printed}"
        );
    }
}

#[test]
fn a_wrapped_key_is_not_taken_for_a_key_in_the_clear() {
    let mut writer = Writer::default();
    writer.structure(Tag::ResponsePayload, |writer| {
        writer.enumeration(Tag::ObjectType, ObjectType::SymmetricKey.code());
        writer.text(Tag::UniqueIdentifier, UID);
        writer.structure(Tag::SymmetricKey, |writer| {
            writer.structure(Tag::KeyBlock, |writer| {
                writer.enumeration(Tag::KeyFormatType, KeyFormatType::Raw.code());
                writer.structure(Tag::KeyValue, |writer| {
                    writer.byte_string(Tag::KeyMaterial, &[1; 40]);
                });
                writer.structure(Tag::KeyWrappingData, |_| {});
            });
        });
    });
    let item = ttlv::read(writer.as_bytes()).expect("just written");
    let payload = item.structure().expect("a structure");
    assert!(get::Response::decode(payload, ProtocolVersion::V1_1).is_err());
}

#[test]
fn attribute_answers_leave_out_what_the_version_does_not_define() {
    let sensitive =
        Attribute::standard(StandardAttribute::Sensitive, AttributeValue::Boolean(false));
    let attributes = vec![algorithm(), sensitive.clone(), tagged("x-a", "b")];
    let names = attributes
        .iter()
        .map(|attribute| attribute.name.clone())
        .collect();
    let values = get_attributes::Response {
        unique_identifier: UID.to_owned(),
        attributes,
    };
    let list = get_attribute_list::Response {
        unique_identifier: UID.to_owned(),
        names,
    };
    for (version, count) in [(ProtocolVersion::V1_3, 2), (ProtocolVersion::V1_4, 3)] {
        let read = through(
            |writer| values.encode(writer, version),
            |payload| get_attributes::Response::decode(payload, version),
        );
        assert_eq!(read.attributes.len(), count);
        assert_eq!(
            read.attributes.contains(&sensitive),
            version == ProtocolVersion::V1_4
        );
        let read = through(
            |writer| list.encode(writer, version),
            |payload| get_attribute_list::Response::decode(payload, version),
        );
        assert_eq!(read.names.len(), count);
    }
}

#[test]
fn create_and_add_attribute_answers_survive_both_directions() {
    let version = ProtocolVersion::V1_1;
    let created = create::Response {
        object_type: ObjectType::SymmetricKey,
        unique_identifier: UID.to_owned(),
        template: Some(TemplateAttribute::of(vec![algorithm()])),
    };
    let read = through(
        |writer| created.encode(writer, version),
        |payload| create::Response::decode(payload, version),
    );
    assert_eq!(read, created);
    let added = add_attribute::Response {
        unique_identifier: UID.to_owned(),
        attribute: tagged("x-Product", "VMware vSphere"),
    };
    let read = through(
        |writer| added.encode(writer, version),
        |payload| add_attribute::Response::decode(payload, version),
    );
    assert_eq!(read, added);
}

#[test]
fn criteria_count_wherever_they_stand_and_lose_their_index() {
    let indexed = Attribute {
        index: Some(0),
        ..algorithm()
    };
    let version = ProtocolVersion::V1_0;
    let read = through(
        |writer| {
            indexed.encode(writer, version);
            let inner = Attribute {
                index: Some(1),
                ..tagged("x-a", "b")
            };
            TemplateAttribute::of(vec![inner]).encode(writer, version);
        },
        |payload| locate::Request::decode(payload, version),
    );
    assert_eq!(read.attributes, [algorithm(), tagged("x-a", "b")]);
}

#[test]
fn located_items_are_told_since_1_3() {
    let response = locate::Response {
        located_items: Some(7),
        unique_identifiers: vec![UID.to_owned(), "other".to_owned()],
    };
    let read = |version| {
        through(
            |writer| response.encode(writer, version),
            |payload| locate::Response::decode(payload, version),
        )
    };
    assert_eq!(read(ProtocolVersion::V1_3), response);
    let older = read(ProtocolVersion::V1_2);
    assert_eq!(older.located_items, None);
    assert_eq!(older.unique_identifiers, response.unique_identifiers);
}

#[test]
fn discover_versions_answers_survive_both_directions() {
    let versions = vec![ProtocolVersion::V1_4, ProtocolVersion::V1_0];
    let response = discover_versions::Response { versions };
    let version = ProtocolVersion::new(1, 9);
    let read = through(
        |writer| response.encode(writer, version),
        |payload| discover_versions::Response::decode(payload, version),
    );
    assert_eq!(read, response);
}

fn everything_query_can_say() -> query::Response {
    let one = |tag, value| vec![vec![Field::new(tag, value)]];
    query::Response {
        operations: vec![
            Operation::Create,
            Operation::DiscoverVersions,
            Operation::Import,
        ],
        object_types: vec![ObjectType::SymmetricKey, ObjectType::PgpKey],
        vendor_identification: Some("Keyledger".to_owned()),
        server_information: Some(Vec::new()),
        application_namespaces: vec!["ssl".to_owned()],
        extension_information: one(Tag::ExtensionName, AttributeValue::Text("e".to_owned())),
        attestation_types: vec![AttestationType::TpmQuote],
        rng_parameters: one(Tag::RngAlgorithm, AttributeValue::Enumeration(1)),
        profile_information: one(Tag::ProfileName, AttributeValue::Enumeration(1)),
        validation_information: one(Tag::ValidationAuthorityType, AttributeValue::Enumeration(1)),
        capability_information: vec![vec![
            Field::new(Tag::StreamingCapability, AttributeValue::Boolean(false)),
            Field::new(Tag::BatchUndoCapability, AttributeValue::Boolean(true)),
        ]],
        client_registration_methods: vec![ClientRegistrationMethod::ServerPreGenerated],
    }
}

#[test]
fn a_query_answer_survives_both_directions() {
    let response = everything_query_can_say();
    let version = ProtocolVersion::V1_4;
    let read = through(
        |writer| response.encode(writer, version),
        |payload| query::Response::decode(payload, version),
    );
    assert_eq!(read, response);
}

#[test]
fn a_query_answer_holds_nothing_newer_than_its_version() {
    let response = everything_query_can_say();
    let read = |version| {
        through(
            |writer| response.encode(writer, version),
            |payload| query::Response::decode(payload, version),
        )
    };
    let oldest = read(ProtocolVersion::V1_0);
    assert_eq!(oldest.operations, [Operation::Create]);
    assert_eq!(oldest.object_types, [ObjectType::SymmetricKey]);
    assert!(oldest.extension_information.is_empty() && oldest.attestation_types.is_empty());
    assert_eq!(read(ProtocolVersion::V1_1).extension_information.len(), 1);
    let third = read(ProtocolVersion::V1_3);
    assert_eq!(
        third.capability_information[0].len(),
        1,
        "Batch Undo Capability came with 1.4"
    );
    assert_eq!(third.client_registration_methods.len(), 1);
    assert!(read(ProtocolVersion::V1_2).rng_parameters.is_empty());
}

#[test]
fn server_information_of_another_vendor_is_read_as_far_as_it_is_plain() {
    let read = through(
        |writer| {
            writer.structure(Tag::ServerInformation, |writer| {
                writer.text(Tag::ServerName, "theirs");
                writer.structure(Tag::ServerInformation, |_| {});
            });
        },
        |payload| query::Response::decode(payload, ProtocolVersion::V1_4),
    );
    let name = Field::new(Tag::ServerName, AttributeValue::Text("theirs".to_owned()));
    assert_eq!(read.server_information, Some(vec![name]));
}
