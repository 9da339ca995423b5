//! What each criterion finds, on whole objects and on heads alike.

use super::*;
use crate::crypto::Wrapped;
use crate::domain::{Dates, InstanceId, Name};

const NOW: i64 = 1000;
const BYTES_MAX: usize = 512;

fn object() -> Object {
    Object {
        id: ObjectId::from_bytes([0x1a; 16]),
        instance: InstanceId::from_bytes([2; 16]),
        object_type: ObjectType::SymmetricKey,
        state: State::PreActive,
        dates: Dates {
            initial: 500,
            activation: Some(900),
            last_change: 600,
            ..Dates::default()
        },
        algorithm: Some(CryptographicAlgorithm::Aes),
        length: Some(256),
        usage_mask: 0b1100,
        digest: None,
        revocation: None,
        names: vec![name(0, "one"), name(1, "two")],
        attributes: Vec::new(),
        fresh: true,
        last_read: None,
        destroy_due: None,
        state_version: 1,
        attributes_version: 1,
        data_key_epoch: 1,
        material: Some(Wrapped::from_bytes(vec![0; 61])),
    }
}

fn name(index: u32, value: &str) -> Name {
    Name {
        index,
        value: value.to_owned(),
        name_type: NameType::UninterpretedTextString,
    }
}

fn head(object: &Object) -> Head {
    Head {
        id: object.id,
        state: object.state,
        object_type: object.object_type,
        algorithm: object.algorithm,
        length: object.length,
        usage_mask: object.usage_mask,
        initial: object.dates.initial,
        activation: object.dates.activation,
        deactivation: object.dates.deactivation,
    }
}

fn criterion(name: &str, value: AttributeValue) -> Attribute {
    Attribute {
        name: AttributeName::from_text(name),
        index: None,
        value,
    }
}

fn date(name: &str, date: i64) -> Attribute {
    criterion(name, AttributeValue::DateTime(date))
}

fn state(state: State) -> Attribute {
    criterion("State", AttributeValue::Enumeration(state.code()))
}

fn text(name: &str, value: &str) -> Attribute {
    criterion(name, AttributeValue::Text(value.to_owned()))
}

fn structure(name: &str, fields: Vec<(Tag, AttributeValue)>) -> Attribute {
    let fields = fields
        .into_iter()
        .map(|(tag, value)| Field::new(tag, value));
    criterion(name, AttributeValue::Structure(fields.collect()))
}

fn name_value(value: &str) -> (Tag, AttributeValue) {
    (Tag::NameValue, AttributeValue::Text(value.to_owned()))
}

fn search(criteria: &[Attribute]) -> Search {
    Search::new(criteria, None, BYTES_MAX, NOW).unwrap()
}

/// Whether the object is found, as decided on it; its head must agree as far as it tells.
#[track_caller]
fn finds(object: &Object, criteria: &[Attribute]) -> bool {
    let search = search(criteria);
    let found = search.matches(object);
    let may = search.may_match(&head(object));
    assert!(may || !found, "the head rules out what matches");
    let lead_decides = *search.lead() != Lead::All;
    if search.needs_heads_only() && !lead_decides {
        assert_eq!(may, found, "the head decides");
    }
    found
}

#[test]
fn dates_are_exact_or_a_range() {
    let object = object();
    for (dates, expected) in [
        (vec![500], true),
        (vec![501], false),
        (vec![400, 600], true),
        (vec![600, 400], true),
        (vec![500, 600], true),
        (vec![400, 500], true),
        (vec![501, 600], false),
        (vec![400, 499], false),
    ] {
        let criteria: Vec<_> = dates.iter().map(|at| date("Initial Date", *at)).collect();
        assert_eq!(finds(&object, &criteria), expected, "{dates:?}");
    }
    let thrice = [1, 2, 3].map(|at| date("Initial Date", at));
    assert_eq!(
        Search::new(&thrice, None, BYTES_MAX, NOW).unwrap_err(),
        SearchRefused::Dates("Initial Date".to_owned())
    );
    // Two attributes with a date each are two criteria.
    let both = [date("Initial Date", 500), date("Last Change Date", 600)];
    assert!(finds(&object, &both));
}

#[test]
fn a_date_that_is_not_set_is_never() {
    let mut object = object();
    for name in ["Deactivation Date", "Compromise Date", "Destroy Date"] {
        assert!(
            finds(&object, &[date(name, NOW), date(name, i64::MAX)]),
            "{name}"
        );
        assert!(finds(&object, &[date(name, i64::MAX)]), "{name}");
        assert!(
            !finds(&object, &[date(name, 0), date(name, i64::MAX - 1)]),
            "{name}"
        );
    }
    object.dates.deactivation = Some(2000);
    assert!(!finds(&object, &[date("Deactivation Date", i64::MAX)]));
    // Only the standard's dates are there when they are not.
    assert!(!finds(
        &object,
        &[date("x-Rotated", 0), date("x-Rotated", i64::MAX)]
    ));
}

#[test]
fn active_at_a_time_can_be_asked() {
    // The usage guide's way: activated by then, and not deactivated or compromised before.
    let at = |time: i64| {
        [
            date("Activation Date", 0),
            date("Activation Date", time),
            date("Deactivation Date", time + 1),
            date("Deactivation Date", i64::MAX),
            date("Compromise Date", time + 1),
            date("Compromise Date", i64::MAX),
        ]
    };
    let mut object = object();
    assert!(!finds(&object, &at(899)));
    assert!(finds(&object, &at(900)));
    object.dates.deactivation = Some(950);
    assert!(finds(&object, &at(949)));
    assert!(!finds(&object, &at(950)));
}

#[test]
fn the_state_is_the_one_of_now() {
    let mut object = object();
    assert!(finds(&object, &[state(State::Active)]));
    assert!(!finds(&object, &[state(State::PreActive)]));
    object.dates.deactivation = Some(NOW);
    assert!(finds(&object, &[state(State::Deactivated)]));
}

#[test]
fn what_is_destroyed_is_found_by_that_state_alone() {
    let destroyed = Object {
        state: State::Destroyed,
        ..object()
    };
    assert!(finds(&destroyed, &[state(State::Destroyed)]));
    assert!(!finds(&destroyed, &[state(State::DestroyedCompromised)]));
    assert!(!finds(&destroyed, &[]));
    assert!(!finds(
        &destroyed,
        &[text("Unique Identifier", &destroyed.id.to_string())]
    ));
    assert!(!finds(&object(), &[state(State::Destroyed)]));
}

#[test]
fn masks_ask_for_bits_and_numbers_for_values() {
    let object = object();
    let integer = |name: &str, value: i32| criterion(name, AttributeValue::Integer(value));
    for (mask, expected) in [(0b0100, true), (0b1100, true), (0, true), (0b1101, false)] {
        let asked = [integer("Cryptographic Usage Mask", mask)];
        assert_eq!(finds(&object, &asked), expected, "{mask:b}");
    }
    assert!(finds(&object, &[integer("Cryptographic Length", 256)]));
    assert!(!finds(&object, &[integer("Cryptographic Length", 128)]));
    let kind = |code| criterion("Object Type", AttributeValue::Enumeration(code));
    assert!(finds(&object, &[kind(ObjectType::SymmetricKey.code())]));
    assert!(!finds(&object, &[kind(ObjectType::Certificate.code())]));
}

#[test]
fn every_criterion_is_to_be_met() {
    let object = object();
    let named = |value: &str| structure("Name", vec![name_value(value)]);
    assert!(finds(
        &object,
        &[named("one"), named("two"), state(State::Active)]
    ));
    assert!(!finds(&object, &[named("one"), named("three")]));
    assert!(!finds(&object, &[named("one"), state(State::PreActive)]));
}

#[test]
fn structures_may_be_partial() {
    let mut object = object();
    let kind = |code| (Tag::NameType, AttributeValue::Enumeration(code));
    assert!(finds(&object, &[structure("Name", vec![kind(1)])]));
    assert!(finds(
        &object,
        &[structure("Name", vec![kind(1), name_value("two")])]
    ));
    assert!(!finds(
        &object,
        &[structure("Name", vec![kind(2), name_value("two")])]
    ));
    let long = AttributeValue::LongInteger;
    let unit = || (Tag::UsageLimitsUnit, AttributeValue::Enumeration(1));
    let limits = |total: i64| (Tag::UsageLimitsTotal, long(total));
    let count = |count: i64| (Tag::UsageLimitsCount, long(count));
    assert!(!finds(
        &object,
        &[structure("Usage Limits", vec![limits(1)])]
    ));
    object.attributes = vec![structure("Usage Limits", vec![limits(100), unit()])];
    for (fields, expected) in [
        (vec![limits(100)], true),
        (vec![limits(99), unit()], true),
        (vec![limits(101)], false),
        (vec![count(100)], true),
        (
            vec![(Tag::UsageLimitsUnit, AttributeValue::Enumeration(2))],
            false,
        ),
    ] {
        let asked = [structure("Usage Limits", fields.clone())];
        assert_eq!(finds(&object, &asked), expected, "{fields:?}");
    }
    object.attributes = vec![structure(
        "Usage Limits",
        vec![limits(100), count(10), unit()],
    )];
    assert!(!finds(
        &object,
        &[structure("Usage Limits", vec![count(11)])]
    ));
}

#[test]
fn the_lead_is_the_narrowest_criterion_with_an_index() {
    let object = object();
    let id = text("Unique Identifier", &object.id.to_string());
    let named = || structure("Name", vec![name_value("one")]);
    let tag = || text("x-Name", "vm");
    let all = [state(State::Active), tag(), named(), id];
    assert_eq!(*search(&all).lead(), Lead::Id(object.id));
    let name = |live| Lead::Name {
        text: "one".to_owned(),
        name_type: None,
        live,
    };
    assert_eq!(*search(&[tag(), named()]).lead(), name(true));
    assert_eq!(
        *search(&[named(), state(State::Destroyed)]).lead(),
        name(false)
    );
    let values = vec![
        ("x-Name".to_owned(), tag().value),
        (
            "Object Group".to_owned(),
            AttributeValue::Text("g".to_owned()),
        ),
    ];
    let by_values = search(&[tag(), text("Object Group", "g"), date("x-Date", 1)]);
    assert_eq!(*by_values.lead(), Lead::Values(values));
    assert_eq!(*search(&[state(State::Active)]).lead(), Lead::All);
    assert_eq!(*search(&[date("x-Date", 1)]).lead(), Lead::All);
    assert_eq!(
        *search(&[text("Unique Identifier", "44")]).lead(),
        Lead::Nothing
    );
    assert!(!finds(&object, &[text("Unique Identifier", "44")]));
}

#[test]
fn heads_are_enough_where_index_and_head_decide() {
    for (criteria, expected) in [
        (vec![], true),
        (vec![state(State::Active), date("Initial Date", 1)], true),
        (vec![text("x-Name", "vm"), state(State::Active)], true),
        (vec![structure("Name", vec![name_value("one")])], true),
        (vec![text("Contact Information", "me")], false),
        (vec![date("Last Change Date", 1)], false),
        (
            vec![
                structure("Name", vec![name_value("one")]),
                text("x-Name", "vm"),
            ],
            false,
        ),
    ] {
        assert_eq!(
            search(&criteria).needs_heads_only(),
            expected,
            "{criteria:?}"
        );
    }
    // More values than the index is asked for at once are looked for in the objects.
    let many: Vec<_> = (0..=LED_VALUES_MAX)
        .map(|n| text(&format!("x-{n}"), "v"))
        .collect();
    assert!(!search(&many).needs_heads_only());
    let Lead::Values(led) = search(&many).lead().clone() else {
        panic!("values lead");
    };
    assert_eq!(led.len(), LED_VALUES_MAX);
}

#[test]
fn a_group_member_means_something_in_a_group_only() {
    let group = [text("Object Group", "g")];
    let mut object = object();
    object.attributes = group.to_vec();
    let with = |criteria: &[Attribute], member| {
        Search::new(criteria, Some(member), BYTES_MAX, NOW).unwrap()
    };
    let fresh = ObjectGroupMember::GroupMemberFresh;
    let default = ObjectGroupMember::GroupMemberDefault;
    assert!(with(&group, fresh).matches(&object));
    assert!(!with(&group, fresh).needs_heads_only());
    object.fresh = false;
    assert!(!with(&group, fresh).matches(&object));
    assert!(with(&group, default).matches(&object));
    assert!(with(&group, default).wants_last());
    assert!(with(&[], fresh).matches(&object));
    assert!(!with(&[], default).wants_last());
}

#[test]
fn what_is_no_attribute_and_too_many_are_refused() {
    let refused = |criteria: &[Attribute]| Search::new(criteria, None, BYTES_MAX, NOW).unwrap_err();
    assert_eq!(
        refused(&[text("Nonsense", "x")]),
        SearchRefused::Unknown("Nonsense".to_owned())
    );
    let many = vec![text("x-Name", "vm"); CRITERIA_MAX + 1];
    assert_eq!(refused(&many), SearchRefused::TooMany);
    assert!(Search::new(&many[1..], None, BYTES_MAX, NOW).is_ok());
}

#[test]
fn criteria_are_no_longer_than_what_can_be_attached() {
    // A text is encoded with eight bytes before it.
    let longest = "v".repeat(BYTES_MAX - 8);
    let longest = text("x-Name", &longest);
    let mut object = object();
    object.attributes = vec![longest.clone()];
    assert!(finds(&object, &[longest]));
    let repeated = vec![(Tag::NameValue, AttributeValue::Text(String::new())); BYTES_MAX / 8];
    for (criterion, name) in [
        (text("x-Name", &"v".repeat(BYTES_MAX)), "x-Name"),
        (structure("x-Many", repeated), "x-Many"),
        (
            text(&format!("x-{}", "n".repeat(BYTES_MAX)), "v"),
            &format!("x-{}", "n".repeat(62)),
        ),
    ] {
        assert_eq!(
            Search::new(&[criterion], None, BYTES_MAX, NOW).unwrap_err(),
            SearchRefused::TooLong(name.to_owned())
        );
    }
}

#[test]
fn no_criterion_holds_a_nul() {
    for (criterion, name) in [
        (text("x-Name", "a\0b"), "x-Name"),
        (text("x-Na\0me", "a"), "x-Na"),
        (structure("Name", vec![name_value("a\0")]), "Name"),
    ] {
        assert_eq!(
            Search::new(&[criterion], None, BYTES_MAX, NOW).unwrap_err(),
            SearchRefused::Nul(name.to_owned())
        );
    }
}

#[test]
fn fields_asked_for_twice_count_once() {
    let (one, other) = (name_value("one"), name_value("other"));
    let mut object = object();
    object.attributes = vec![structure("x-Fields", vec![one.clone(), other.clone()])];
    for (asked, expected) in [
        (vec![one.clone(), one.clone(), other], true),
        (vec![one.clone(), one.clone()], true),
        (vec![], true),
        (vec![one, name_value("third")], false),
    ] {
        assert_eq!(finds(&object, &[structure("x-Fields", asked)]), expected);
    }
}

#[test]
fn attributes_that_later_versions_dropped_are_found() {
    assert!(finds(
        &object(),
        &[text("Operation Policy Name", "default")]
    ));
}
