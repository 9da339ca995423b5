use ttlv::Writer;

use super::*;
use crate::kmip::enums::{ObjectType, ResultReason, State};

fn structure(fields: &[(Tag, AttributeValue)]) -> AttributeValue {
    let fields = fields
        .iter()
        .map(|(tag, value)| Field::new(*tag, value.clone()));
    AttributeValue::Structure(fields.collect())
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::Text(text.to_owned())
}

fn name_of(value: &str) -> Attribute {
    let fields = [
        (Tag::NameValue, text(value)),
        (Tag::NameType, AttributeValue::Enumeration(1)),
    ];
    Attribute::standard(StandardAttribute::Name, structure(&fields))
}

fn decode(
    attribute: &Attribute,
    version: ProtocolVersion,
    completeness: Completeness,
) -> Result<Attribute, DecodeError> {
    let mut writer = Writer::default();
    // Every field is written, so that the reader is the one to judge.
    writer.structure(Tag::Attribute, |writer| {
        writer.text(Tag::AttributeName, attribute.name.text());
        if let Some(index) = attribute.index {
            writer.integer(Tag::AttributeIndex, i32::try_from(index).expect("small"));
        }
        attribute.value.encode(writer, Tag::AttributeValue);
    });
    decode_bytes(writer.as_bytes(), version, completeness)
}

fn decode_bytes(
    bytes: &[u8],
    version: ProtocolVersion,
    completeness: Completeness,
) -> Result<Attribute, DecodeError> {
    let item = ttlv::read(bytes).expect("one item");
    Attribute::decode(
        item.structure().expect("a structure"),
        version,
        completeness,
    )
}

fn whole(attribute: &Attribute, version: ProtocolVersion) -> Result<Attribute, DecodeError> {
    decode(attribute, version, Completeness::Whole)
}

#[test]
fn names_sort_themselves() {
    use StandardAttribute as A;
    assert_eq!(AttributeName::from_text("State"), A::State.into());
    assert_eq!(
        AttributeName::from_text("x-Vendor"),
        AttributeName::Custom("x-Vendor".into())
    );
    assert_eq!(
        AttributeName::from_text("state"),
        AttributeName::Unknown("state".into())
    );
    assert!(AttributeName::from_text("y-Mine").is_reserved_for_servers());
    assert!(!AttributeName::from_text("x-Mine").is_reserved_for_servers());
    assert!(!AttributeName::from_text("Sensitive").visible_in(ProtocolVersion::V1_3));
    assert!(AttributeName::from_text("Sensitive").visible_in(ProtocolVersion::V1_4));
}

#[test]
fn values_and_their_stored_form_are_inverse() {
    let values = [
        AttributeValue::Integer(-1),
        AttributeValue::LongInteger(i64::MIN),
        AttributeValue::BigInteger(vec![0xff; 8]),
        AttributeValue::Enumeration(0x8000_0001),
        AttributeValue::Boolean(true),
        text("VMware, Inc."),
        AttributeValue::Bytes(vec![1, 2, 3]),
        AttributeValue::DateTime(-5),
        AttributeValue::Interval(600),
        name_of("a").value,
        AttributeValue::Structure(Vec::new()),
    ];
    for value in values {
        assert_eq!(AttributeValue::from_stored(&value.to_stored()), Ok(value));
    }
}

#[test]
fn the_index_may_stand_between_name_and_value() {
    let mut attribute = name_of("key-1");
    attribute.index = Some(0);
    assert_eq!(whole(&attribute, ProtocolVersion::V1_1), Ok(attribute));
}

#[test]
fn an_index_is_told_where_there_may_be_several_instances() {
    let told = |attribute: Attribute| attribute.told(ObjectType::SymmetricKey).index;
    assert_eq!(told(name_of("key-1")), Some(0));
    let mut second = name_of("key-2");
    second.index = Some(1);
    assert_eq!(told(second), Some(1));
    let custom = Attribute {
        name: AttributeName::from_text("x-Owner"),
        index: None,
        value: text("ops"),
    };
    assert_eq!(told(custom), Some(0));
    let mut single = Attribute::standard(StandardAttribute::State, AttributeValue::Enumeration(1));
    single.index = Some(0);
    assert_eq!(told(single), None);
}

#[test]
fn a_value_of_another_type_is_an_invalid_field() {
    let wrong = Attribute::standard(StandardAttribute::State, AttributeValue::Integer(1));
    let error = whole(&wrong, ProtocolVersion::V1_1).expect_err("an enumeration is wanted");
    assert_eq!(error.reason(), ResultReason::InvalidField);
}

#[test]
fn an_unknown_enumeration_value_is_an_invalid_field() {
    let wrong = Attribute::standard(StandardAttribute::State, AttributeValue::Enumeration(99));
    let error = whole(&wrong, ProtocolVersion::V1_1).expect_err("there is no state 99");
    assert_eq!(error.reason(), ResultReason::InvalidField);
    let error = Attribute::standard(
        StandardAttribute::Name,
        structure(&[
            (Tag::NameValue, text("a")),
            (Tag::NameType, AttributeValue::Enumeration(9)),
        ]),
    );
    let error = whole(&error, ProtocolVersion::V1_1).expect_err("there is no name type 9");
    assert_eq!(error.reason(), ResultReason::InvalidField);
}

#[test]
fn an_attribute_newer_than_the_message_is_an_invalid_field() {
    let sensitive =
        Attribute::standard(StandardAttribute::Sensitive, AttributeValue::Boolean(true));
    assert!(whole(&sensitive, ProtocolVersion::V1_4).is_ok());
    let error = whole(&sensitive, ProtocolVersion::V1_3).expect_err("defined in 1.4");
    assert_eq!(error.reason(), ResultReason::InvalidField);
}

#[test]
fn a_structure_needs_its_fields_unless_it_is_a_criterion() {
    let partial = Attribute::standard(
        StandardAttribute::Name,
        structure(&[(Tag::NameValue, text("a"))]),
    );
    let error = whole(&partial, ProtocolVersion::V1_1).expect_err("no name type");
    assert_eq!(error, DecodeError::Missing(Tag::NameType));
    assert!(decode(&partial, ProtocolVersion::V1_1, Completeness::Partial).is_ok());
}

#[test]
fn application_data_may_be_left_to_the_server() {
    let fields = structure(&[(Tag::ApplicationNamespace, text("ssl"))]);
    let attribute = Attribute::standard(StandardAttribute::ApplicationSpecificInformation, fields);
    assert!(whole(&attribute, ProtocolVersion::V1_0).is_ok());
    assert!(whole(&attribute, ProtocolVersion::V1_4).is_ok());
}

fn link(link_type: u32) -> Attribute {
    let fields = structure(&[
        (Tag::LinkType, AttributeValue::Enumeration(link_type)),
        (Tag::LinkedObjectIdentifier, text("other")),
    ]);
    Attribute::standard(StandardAttribute::Link, fields)
}

#[test]
fn a_value_newer_than_the_message_is_refused_and_not_answered() {
    // Parent Link came with 1.2, PKCS#12 Password Link with 1.4, Wrapping Key Link with 2.0.
    for (link_type, since) in [
        (0x0107, ProtocolVersion::V1_0),
        (0x0108, ProtocolVersion::V1_2),
        (0x010d, ProtocolVersion::V1_4),
        (0x010e, ProtocolVersion::V2_0),
    ] {
        for version in ProtocolVersion::SUPPORTED {
            let known = *version >= since;
            let read = whole(&link(link_type), *version);
            assert_eq!(read.is_ok(), known, "{link_type:x} in {version}");
            if let Err(error) = read {
                assert_eq!(error.reason(), ResultReason::InvalidField);
            }
            assert_eq!(link(link_type).visible_in(*version), known);
        }
    }
}

#[test]
fn an_optional_field_with_a_newer_value_is_left_out_of_an_answer() {
    let mode = |mode| {
        let fields = structure(&[
            (Tag::BlockCipherMode, AttributeValue::Enumeration(mode)),
            (Tag::PaddingMethod, AttributeValue::Enumeration(3)),
        ]);
        Attribute::standard(StandardAttribute::CryptographicParameters, fields)
    };
    // AEAD came with 1.4, GCM with 1.0.
    for (code, version, fields) in [
        (0x12, ProtocolVersion::V1_4, 2),
        (0x12, ProtocolVersion::V1_3, 1),
        (0x09, ProtocolVersion::V1_0, 2),
    ] {
        let attribute = mode(code);
        assert!(attribute.visible_in(version));
        let mut writer = Writer::default();
        attribute.encode(&mut writer, version);
        let read = decode_bytes(writer.as_bytes(), version, Completeness::Whole);
        let read = read.expect("readable in its own version");
        assert_eq!(read.value.fields().len(), fields, "{code:x} in {version}");
    }
}

#[test]
fn a_field_of_another_structure_repeated_or_newer_is_refused() {
    let stranger = [
        (Tag::NameValue, text("a")),
        (Tag::LinkType, AttributeValue::Enumeration(1)),
    ];
    let twice = [(Tag::NameValue, text("a")), (Tag::NameValue, text("b"))];
    for fields in [&stranger, &twice] {
        let attribute = Attribute::standard(StandardAttribute::Name, structure(fields));
        let result = decode(&attribute, ProtocolVersion::V1_4, Completeness::Partial);
        assert!(result.is_err(), "{fields:?}");
    }
    let newer = structure(&[(Tag::SaltLength, AttributeValue::Integer(20))]);
    let attribute = Attribute::standard(StandardAttribute::CryptographicParameters, newer);
    assert!(whole(&attribute, ProtocolVersion::V1_4).is_ok());
    let error = whole(&attribute, ProtocolVersion::V1_3).expect_err("defined in 1.4");
    assert_eq!(error.reason(), ResultReason::InvalidField);
}

#[test]
fn a_custom_attribute_takes_any_type_but_no_nested_structure() {
    let name = || AttributeName::Custom("x-Anything".to_owned());
    for value in [AttributeValue::Integer(1), name_of("a").value] {
        let attribute = Attribute {
            name: name(),
            index: None,
            value,
        };
        assert_eq!(whole(&attribute, ProtocolVersion::V1_0), Ok(attribute));
    }
    let mut writer = Writer::default();
    writer.structure(Tag::Attribute, |writer| {
        writer.text(Tag::AttributeName, "x-Nested");
        writer.structure(Tag::AttributeValue, |writer| {
            writer.structure(Tag::Name, |_| {});
        });
    });
    let error = decode_bytes(
        writer.as_bytes(),
        ProtocolVersion::V1_0,
        Completeness::Whole,
    );
    assert_eq!(
        error.expect_err("nested").reason(),
        ResultReason::InvalidField
    );
}

#[test]
fn an_answer_holds_no_field_newer_than_its_version() {
    let digest = Attribute::standard(
        StandardAttribute::Digest,
        structure(&[
            (Tag::HashingAlgorithm, AttributeValue::Enumeration(6)),
            (Tag::DigestValue, AttributeValue::Bytes(vec![7; 32])),
            (Tag::KeyFormatType, AttributeValue::Enumeration(1)),
        ]),
    );
    let fields_in = |version| {
        let mut writer = Writer::default();
        digest.encode(&mut writer, version);
        let decoded = decode_bytes(writer.as_bytes(), version, Completeness::Whole);
        decoded
            .expect("readable in its own version")
            .value
            .fields()
            .len()
    };
    assert_eq!(fields_in(ProtocolVersion::V1_0), 2);
    assert_eq!(fields_in(ProtocolVersion::V1_1), 3);
}

#[test]
fn visibility_follows_the_value_too() {
    let active = AttributeValue::Enumeration(State::Active.code());
    let state = Attribute::standard(StandardAttribute::State, active);
    assert!(state.visible_in(ProtocolVersion::V1_0));
    let pgp = AttributeValue::Enumeration(ObjectType::PgpKey.code());
    let object_type = Attribute::standard(StandardAttribute::ObjectType, pgp);
    assert!(!object_type.visible_in(ProtocolVersion::V1_1));
    assert!(object_type.visible_in(ProtocolVersion::V1_2));
}

#[test]
fn the_table_knows_what_vcenter_relies_on() {
    let state = StandardAttribute::State.spec();
    assert!(state.is_read_only());
    assert!(state.applies_to.includes(ObjectType::SymmetricKey));
    assert!(!state.applies_to.includes(ObjectType::Template));
    let name = StandardAttribute::Name.spec();
    assert!(name.multi.many(ObjectType::SymmetricKey));
    assert_eq!(name.client_modify, Change::Always);
    let activation = StandardAttribute::ActivationDate.spec();
    assert_eq!(activation.client_modify, Change::WhilePreActive);
    assert_eq!(activation.deletable, Deletable::No);
}
