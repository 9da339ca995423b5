//! Every attribute of KMIP 1.0 to 1.4 against everything a client may try, in every state: the rules of the standard written out
//! (KMIP 1.4 §3), beside the table that the code reads. Then what single attributes have of their own.

use super::*;
use crate::domain::creation::NewKey;
use crate::domain::{InstanceId, ObjectId};
use crate::kmip::attribute::AttributeSpec;
use crate::kmip::enums::State;

const NOW: i64 = 1_000_000;

/// One line for each attribute: since which version it is defined, and what comes of giving it at creation, adding it where the client
/// has set none, adding one more, modifying it where the client has set it and where not, deleting it where the client has set it and
/// where not.
///
/// `+` is done, `R` read-only, `F` frozen, `S` single-valued and set, `-` not applicable, `N` not set. One letter counts in every state;
/// six are the states Pre-Active, Active, Deactivated, Compromised, Destroyed, Destroyed Compromised, of which the last three came
/// from Pre-Active.
const RULES: &str = "
attribute                         | since | create | add    | again  | modify | modify unset | delete | delete unset
Activation Date                   | 1.0   | +      | +SSFFF | S      | +FFFFF | NFFNNN       | R      | R
Alternative Name                  | 1.2   | +      | +      | +      | +      | N            | +      | N
Always Sensitive                  | 1.4   | R      | R      | R      | R      | R            | R      | R
Application Specific Information  | 1.0   | +      | +      | +      | +      | N            | +      | N
Archive Date                      | 1.0   | R      | R      | R      | R      | R            | R      | R
Certificate Identifier            | 1.0   | R      | R      | R      | R      | R            | R      | R
Certificate Issuer                | 1.0   | R      | R      | R      | R      | R            | R      | R
Certificate Length                | 1.1   | R      | R      | R      | R      | R            | R      | R
Certificate Subject               | 1.0   | R      | R      | R      | R      | R            | R      | R
Certificate Type                  | 1.0   | R      | R      | R      | R      | R            | R      | R
Comment                           | 1.4   | +      | +      | S      | +      | N            | +      | N
Compromise Date                   | 1.0   | R      | R      | R      | R      | R            | R      | R
Compromise Occurrence Date        | 1.0   | R      | R      | R      | R      | R            | R      | R
Contact Information               | 1.0   | +      | +      | S      | +      | N            | +      | N
Cryptographic Algorithm           | 1.0   | +      | R      | R      | R      | R            | R      | R
Cryptographic Domain Parameters   | 1.0   | -      | -      | -      | R      | R            | R      | R
Cryptographic Length              | 1.0   | +      | R      | R      | R      | R            | R      | R
Cryptographic Parameters          | 1.0   | +      | +      | +      | +      | N            | +      | N
Cryptographic Usage Mask          | 1.0   | +      | S      | S      | R      | R            | R      | R
Deactivation Date                 | 1.0   | +      | ++SFFF | S      | ++FFFF | NNFNNN       | R      | R
Description                       | 1.4   | +      | +      | S      | +      | N            | +      | N
Destroy Date                      | 1.0   | R      | R      | R      | R      | R            | R      | R
Digest                            | 1.0   | R      | R      | R      | R      | R            | R      | R
Digital Signature Algorithm       | 1.1   | R      | R      | R      | R      | R            | R      | R
Extractable                       | 1.4   | +      | S      | S      | +      | +            | R      | R
Fresh                             | 1.1   | +      | S      | S      | R      | R            | R      | R
Initial Date                      | 1.0   | R      | R      | R      | R      | R            | R      | R
Key Value Location                | 1.2   | -      | -      | -      | N      | N            | N      | N
Key Value Present                 | 1.2   | R      | R      | R      | R      | R            | R      | R
Last Change Date                  | 1.0   | R      | R      | R      | R      | R            | R      | R
Lease Time                        | 1.0   | R      | R      | R      | R      | R            | R      | R
Link                              | 1.0   | +      | +      | +      | +      | N            | +      | N
Name                              | 1.0   | +      | +      | +      | +      | N            | +      | N
Never Extractable                 | 1.4   | R      | R      | R      | R      | R            | R      | R
Object Group                      | 1.0   | +      | +      | +      | +      | N            | +      | N
Object Type                       | 1.0   | R      | R      | R      | R      | R            | R      | R
Operation Policy Name             | 1.0   | +      | +      | S      | R      | R            | R      | R
Original Creation Date            | 1.2   | R      | R      | R      | R      | R            | R      | R
PKCS#12 Friendly Name             | 1.4   | +      | +      | S      | +      | N            | +      | N
Process Start Date                | 1.0   | +      | ++FFFF | S      | ++FFFF | N            | R      | R
Protect Stop Date                 | 1.0   | +      | ++FFFF | S      | ++FFFF | N            | R      | R
Random Number Generator           | 1.3   | R      | R      | R      | R      | R            | R      | R
Revocation Reason                 | 1.0   | R      | R      | R      | R      | R            | R      | R
Sensitive                         | 1.4   | +      | S      | S      | +      | +            | R      | R
State                             | 1.0   | R      | R      | R      | R      | R            | R      | R
Unique Identifier                 | 1.0   | R      | R      | R      | R      | R            | R      | R
Usage Limits                      | 1.0   | +      | +      | S      | +      | N            | +      | N
X.509 Certificate Identifier      | 1.1   | R      | R      | R      | R      | R            | R      | R
X.509 Certificate Issuer          | 1.1   | R      | R      | R      | R      | R            | R      | R
X.509 Certificate Subject         | 1.1   | R      | R      | R      | R      | R            | R      | R
x-Custom                          | 1.0   | +      | +      | +      | +      | N            | +      | N
y-Custom                          | 1.0   | R      | R      | R      | R      | R            | R      | R
";

const STATES: [State; 6] = [
    State::PreActive,
    State::Active,
    State::Deactivated,
    State::Compromised,
    State::Destroyed,
    State::DestroyedCompromised,
];

fn bounds(at_creation: bool) -> Bounds {
    Bounds {
        instances_max: 3,
        attributes_max: 10,
        bytes_max: 256,
        at_creation,
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::Text(text.to_owned())
}

fn structure(fields: &[(Tag, AttributeValue)]) -> AttributeValue {
    let fields = fields
        .iter()
        .map(|(tag, value)| Field::new(*tag, value.clone()));
    AttributeValue::Structure(fields.collect())
}

/// A value of an attribute, different for each number.
fn sample(name: &str, number: u32) -> Attribute {
    use AttributeValue as Value;
    let word = text(&format!("value {number}"));
    let one = Value::Enumeration(1);
    let name = AttributeName::from_text(name);
    let value = match name.text() {
        "Name" => structure(&[(Tag::NameValue, word), (Tag::NameType, one)]),
        "Alternative Name" => structure(&[
            (Tag::AlternativeNameValue, word),
            (Tag::AlternativeNameType, one),
        ]),
        "Application Specific Information" => structure(&[
            (Tag::ApplicationNamespace, text("ssl")),
            (Tag::ApplicationData, word),
        ]),
        "Link" => structure(&[
            (Tag::LinkType, Value::Enumeration(0x0101)),
            (Tag::LinkedObjectIdentifier, word),
        ]),
        "Usage Limits" => limits(i64::from(number) + 1, 7),
        "Cryptographic Algorithm" => Value::Enumeration(3),
        "Cryptographic Length" => Value::Integer(128),
        other => match name.spec().map(|spec| spec.item_type) {
            Some(ttlv::ItemType::DateTime) => Value::DateTime(NOW + 100 + i64::from(number)),
            Some(ttlv::ItemType::Boolean) => Value::Boolean(number.is_multiple_of(2)),
            Some(ttlv::ItemType::Structure) => structure(&[]),
            Some(ttlv::ItemType::Integer) => Value::Integer(12),
            Some(ttlv::ItemType::Enumeration) => one,
            Some(ttlv::ItemType::Interval) => Value::Interval(number),
            Some(ttlv::ItemType::TextString) | None => word,
            Some(kind) => panic!("{other} is {kind:?}"),
        },
    };
    Attribute {
        name,
        index: None,
        value,
    }
}

fn limits(total: i64, count: i64) -> AttributeValue {
    structure(&[
        (Tag::UsageLimitsTotal, AttributeValue::LongInteger(total)),
        (Tag::UsageLimitsCount, AttributeValue::LongInteger(count)),
        (Tag::UsageLimitsUnit, AttributeValue::Enumeration(1)),
    ])
}

/// A key made with these attributes besides what every key needs.
fn make(given: &[Attribute]) -> Result<Object, AttributeRefused> {
    let needed = [
        sample("Cryptographic Algorithm", 0),
        sample("Cryptographic Usage Mask", 0),
    ];
    let is_given = |needed: &Attribute| given.iter().any(|given| given.name == needed.name);
    let needed = needed.into_iter().filter(|needed| !is_given(needed));
    let template: Vec<_> = needed.chain(given.iter().cloned()).collect();
    NewKey {
        id: ObjectId::new(0, [1; 10]),
        instance: InstanceId::new(0, [2; 10]),
        template: &template,
        bounds: bounds(true),
        now: NOW - 1000,
    }
    .object()
}

/// A key in a state, with the dates that led there.
fn in_state(state: State, given: &[Attribute]) -> Object {
    let mut object = make(given).expect("it can be given at creation");
    object.state = state;
    if matches!(state, State::Active | State::Deactivated) {
        object.dates.activation = Some(NOW - 50);
    }
    if state == State::Deactivated {
        object.dates.deactivation = Some(NOW - 10);
    }
    object
}

fn letter(outcome: Result<(), AttributeRefused>) -> char {
    match outcome {
        Ok(()) => '+',
        Err(AttributeRefused::ReadOnly(_)) => 'R',
        Err(AttributeRefused::Frozen(_)) => 'F',
        Err(AttributeRefused::SingleValued(_)) => 'S',
        Err(AttributeRefused::NotApplicable(_)) => '-',
        Err(AttributeRefused::NotSet(_)) => 'N',
        Err(other) => panic!("{other}"),
    }
}

/// What comes of a change in every state, after a look at what it leaves behind.
fn outcomes(
    given: &[Attribute],
    change: impl Fn(&mut Object) -> Result<Attribute, AttributeRefused>,
) -> String {
    let outcome = |state| {
        let before = in_state(state, given);
        let mut object = before.clone();
        let changed = change(&mut object);
        let moved = (
            object.state_version - before.state_version,
            object.attributes_version - before.attributes_version,
        );
        match &changed {
            Err(_) => assert_eq!(format!("{object:?}"), format!("{before:?}")),
            Ok(attribute) => {
                let dated = matches!(attribute.value, AttributeValue::DateTime(_));
                let flag = matches!(attribute.value, AttributeValue::Boolean(_));
                let expected = (u64::from(dated || flag), u64::from(!dated));
                assert_eq!(moved, expected, "{attribute:?}");
                assert_eq!(object.dates.last_change, NOW);
            }
        }
        letter(changed.map(drop))
    };
    STATES.map(outcome).iter().collect()
}

/// A cell of the table: one letter counts for all states.
fn cell(cell: &str) -> String {
    if cell.len() == 1 {
        cell.repeat(STATES.len())
    } else {
        cell.to_owned()
    }
}

fn rules() -> impl Iterator<Item = Vec<&'static str>> {
    let lines = RULES.trim().lines().skip(1);
    lines.map(|line| line.split('|').map(str::trim).collect())
}

#[test]
fn every_attribute_follows_its_rules_in_every_state() {
    let version = ProtocolVersion::V1_4;
    for rule in rules() {
        let [name, _, create, columns @ ..] = &rule[..] else {
            panic!("a short line: {rule:?}");
        };
        let (first, second) = (sample(name, 0), sample(name, 1));
        let created = letter(make(std::slice::from_ref(&first)).map(drop));
        assert_eq!(created.to_string(), *create, "create with {name}");
        let held = if created == '+' {
            vec![first.clone()]
        } else {
            vec![]
        };
        let add = |attribute: &Attribute| {
            let attribute = attribute.clone();
            move |object: &mut Object| attach(object, &attribute, bounds(false), NOW)
        };
        let change = |object: &mut Object| modify(object, &second, bounds(false), NOW);
        let remove = |object: &mut Object| delete(object, &first.name, None, version, NOW);
        let found = [
            outcomes(&[], add(&first)),
            outcomes(&held, add(&second)),
            outcomes(&held, change),
            outcomes(&[], change),
            outcomes(&held, remove),
            outcomes(&[], remove),
        ];
        let expected: Vec<_> = columns.iter().map(|column| cell(column)).collect();
        assert_eq!(found.to_vec(), expected, "{name}");
    }
}

#[test]
fn the_rules_are_about_every_attribute_of_1_0_to_1_4() {
    let spoken = |spec: &&AttributeSpec| spec.since <= ProtocolVersion::V1_4;
    let specs = StandardAttribute::ALL.iter().map(|name| name.spec());
    let expected = specs
        .filter(spoken)
        .map(|spec| (spec.name(), spec.since.to_string()));
    let standard = |rule: &Vec<&str>| !rule[0].ends_with("-Custom");
    let listed = rules().filter(standard);
    let listed: Vec<_> = listed.map(|rule| (rule[0], rule[1].to_owned())).collect();
    let mut expected: Vec<_> = expected.collect();
    expected.sort_unstable();
    let mut sorted = listed.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
}

#[test]
fn a_date_that_was_reached_is_frozen() {
    for name in ["Process Start Date", "Protect Stop Date"] {
        let mut object = in_state(State::Active, &[sample(name, 0)]);
        let later = modify(&mut object, &sample(name, 1), bounds(false), NOW + 99);
        assert!(later.is_ok(), "{name}: it was not reached yet");
        let again = modify(&mut object, &sample(name, 2), bounds(false), NOW + 101);
        assert_eq!(again, Err(AttributeRefused::Frozen(name.to_owned())));
    }
}

fn date(name: &str, date: i64) -> Attribute {
    Attribute {
        value: AttributeValue::DateTime(date),
        ..sample(name, 0)
    }
}

#[test]
fn dates_stay_in_order() {
    let invalid = |name: &str| Err(AttributeRefused::Invalid(name.to_owned()));
    let all = [
        date("Activation Date", NOW + 10),
        date("Process Start Date", NOW + 20),
        date("Protect Stop Date", NOW + 30),
        date("Deactivation Date", NOW + 40),
    ];
    for (name, wrong, right) in [
        ("Activation Date", NOW + 21, NOW + 20),
        ("Process Start Date", NOW + 9, NOW + 10),
        ("Protect Stop Date", NOW + 41, NOW + 40),
        ("Deactivation Date", NOW + 29, NOW + 30),
    ] {
        let mut object = make(&all).expect("they are in order");
        let refused = modify(&mut object, &date(name, wrong), bounds(false), NOW);
        assert_eq!(refused, invalid(name));
        let done = modify(&mut object, &date(name, right), bounds(false), NOW);
        assert_eq!(done, Ok(date(name, right)));
    }
    let mut turned = all.to_vec();
    turned[2] = date("Protect Stop Date", NOW + 50);
    let refused = make(&turned).map(|_| turned[0].clone());
    assert_eq!(refused, invalid("Deactivation Date"));
}

#[test]
fn dates_that_activate_has_put_out_of_order_do_not_stand_in_the_way_of_others() {
    let mut object = make(&[date("Process Start Date", NOW + 10)]).expect("a key");
    lifecycle::activate(&mut object, NOW + 20).expect("Pre-Active");
    let stop = date("Protect Stop Date", NOW + 100);
    let end = date("Deactivation Date", NOW + 200);
    for attribute in [&stop, &end] {
        let added = attach(&mut object, attribute, bounds(false), NOW + 30);
        assert_eq!(added.as_ref(), Ok(attribute));
        let again = modify(&mut object, attribute, bounds(false), NOW + 30);
        assert_eq!(again.as_ref(), Ok(attribute));
    }
    let early = date("Deactivation Date", NOW + 19);
    let refused = modify(&mut object, &early, bounds(false), NOW + 30);
    let invalid = AttributeRefused::Invalid("Deactivation Date".to_owned());
    assert_eq!(refused, Err(invalid), "its own pairs still count");
}

#[test]
fn a_date_moved_to_now_moves_the_state_and_is_recorded() {
    let given = [sample("Activation Date", 0), sample("Deactivation Date", 1)];
    let mut object = make(&given).expect("they are in order");
    let now = date("Activation Date", NOW);
    modify(&mut object, &now, bounds(false), NOW).expect("Pre-Active");
    assert_eq!(object.state, State::Active);
    let end = date("Deactivation Date", NOW);
    modify(&mut object, &end, bounds(false), NOW).expect("Active");
    assert_eq!(object.state, State::Deactivated);
    // A clock that goes back does not bring it to life again.
    assert_eq!(lifecycle::state_at(&object, NOW - 500), State::Deactivated);
    let made = make(&[date("Activation Date", NOW - 2000)]).expect("a past date");
    assert_eq!(made.state, State::Active);
}

fn flags(object: &Object) -> [bool; 4] {
    use StandardAttribute as A;
    let flag = |name| values(object, name, NOW)[0].value == AttributeValue::Boolean(true);
    [
        A::Sensitive,
        A::AlwaysSensitive,
        A::Extractable,
        A::NeverExtractable,
    ]
    .map(flag)
}

#[test]
fn what_once_could_leave_in_the_clear_is_never_always_sensitive_again() {
    let flag = |name, value| Attribute {
        value: AttributeValue::Boolean(value),
        ..sample(name, 0)
    };
    let plain = make(&[]).expect("a key");
    assert_eq!(flags(&plain), [false, false, true, false]);
    let given = [flag("Sensitive", true), flag("Extractable", false)];
    let mut object = make(&given).expect("a key");
    assert_eq!(flags(&object), [true, true, false, true]);
    let steps = [
        ("Sensitive", true, [true, true, false, true]),
        ("Sensitive", false, [false, false, false, true]),
        ("Sensitive", true, [true, false, false, true]),
        ("Extractable", true, [true, false, true, false]),
        ("Extractable", false, [true, false, false, false]),
    ];
    for (name, value, expected) in steps {
        let answer = modify(&mut object, &flag(name, value), bounds(false), NOW);
        assert_eq!(answer, Ok(flag(name, value)));
        assert_eq!(flags(&object), expected, "{name} {value}");
    }
    let mut late = plain;
    let sensitive = flag("Sensitive", true);
    modify(&mut late, &sensitive, bounds(false), NOW).expect("a flag");
    assert_eq!(
        flags(&late),
        [true, false, true, false],
        "it was not always"
    );
}

#[test]
fn the_count_of_usage_limits_is_the_servers() {
    let name = || AttributeName::Standard(StandardAttribute::UsageLimits);
    let asked = |total, count| Attribute {
        name: name(),
        index: None,
        value: limits(total, count),
    };
    let mut object = make(&[]).expect("a key");
    let kept = attach(&mut object, &asked(100, 3), bounds(false), NOW);
    assert_eq!(kept, Ok(asked(100, 100)));
    let kept = modify(&mut object, &asked(50, 0), bounds(false), NOW);
    assert_eq!(kept, Ok(asked(50, 50)));
    let wrong = modify(&mut object, &asked(0, 0), bounds(false), NOW);
    assert_eq!(wrong, Err(AttributeRefused::Invalid("Usage Limits".into())));
    // Once some of it is given away it stays as it is.
    object.attributes = vec![asked(50, 49)];
    let frozen = Err(AttributeRefused::Frozen("Usage Limits".into()));
    let modified = modify(&mut object, &asked(60, 60), bounds(false), NOW);
    assert_eq!(modified, frozen);
    let deleted = delete(&mut object, &name(), None, ProtocolVersion::V1_4, NOW);
    assert_eq!(deleted, frozen);
}

#[test]
fn values_that_the_standard_keeps_for_others_are_refused() {
    let mut object = make(&[sample("Object Group", 0)]).expect("a key");
    let group = Attribute {
        value: text("default"),
        ..sample("Object Group", 0)
    };
    let refused = Err(AttributeRefused::Invalid("Object Group".to_owned()));
    assert_eq!(attach(&mut object, &group, bounds(false), NOW), refused);
    assert_eq!(modify(&mut object, &group, bounds(false), NOW), refused);
    let namespace = Attribute {
        value: structure(&[(Tag::ApplicationNamespace, text("ssl"))]),
        ..sample("Application Specific Information", 0)
    };
    let refused = Err(AttributeRefused::Namespace);
    assert_eq!(attach(&mut object, &namespace, bounds(false), NOW), refused);
    assert_eq!(
        make(std::slice::from_ref(&namespace)).map(drop),
        Err(AttributeRefused::Namespace)
    );
    let held = sample("Application Specific Information", 0);
    attach(&mut object, &held, bounds(false), NOW).expect("with data");
    assert_eq!(modify(&mut object, &namespace, bounds(false), NOW), refused);
}

#[test]
fn an_object_has_one_replacement() {
    let link = |link_type, other: &str| Attribute {
        value: structure(&[
            (Tag::LinkType, AttributeValue::Enumeration(link_type)),
            (Tag::LinkedObjectIdentifier, text(other)),
        ]),
        ..sample("Link", 0)
    };
    let (replacement, parent) = (0x0106, 0x0108);
    let mut object = make(&[link(replacement, "a"), link(parent, "b")]).expect("a key");
    let second = attach(&mut object, &link(replacement, "c"), bounds(false), NOW);
    assert!(matches!(second, Err(AttributeRefused::SingleValued(_))));
    let turned = Attribute {
        index: Some(1),
        ..link(replacement, "c")
    };
    assert!(modify(&mut object, &turned, bounds(false), NOW).is_err());
    modify(&mut object, &link(replacement, "c"), bounds(false), NOW).expect("the one it has");
    attach(&mut object, &link(parent, "d"), bounds(false), NOW).expect("any number of others");
}

#[test]
fn no_name_or_text_holds_a_nul() {
    let nul = text("a\0b");
    let name = structure(&[
        (Tag::NameValue, nul.clone()),
        (Tag::NameType, AttributeValue::Enumeration(1)),
    ]);
    for (attribute, value, told) in [
        ("x-Text", nul.clone(), "x-Text"),
        ("Name", name, "Name"),
        ("Object Group", nul, "Object Group"),
        ("x-\0Name", text("a"), "x-Name"),
    ] {
        let attribute = Attribute {
            name: AttributeName::from_text(attribute),
            index: None,
            value,
        };
        let refused = make(&[attribute]).unwrap_err();
        assert_eq!(refused, AttributeRefused::Invalid(told.to_owned()));
    }
    // What stands where a text has its length or its end is no NUL of it.
    let bytes = AttributeValue::Bytes(vec![0]);
    let bytes = Attribute {
        name: AttributeName::from_text("x-Bytes"),
        index: None,
        value: bytes,
    };
    make(&[bytes]).unwrap();
}

#[test]
fn what_is_modified_keeps_its_bounds_and_its_name_to_itself() {
    let mut object = make(&[sample("Name", 0), sample("Name", 1)]).expect("a key");
    let to_other = sample("Name", 1);
    let refused = modify(&mut object, &to_other, bounds(false), NOW);
    assert_eq!(refused, Err(AttributeRefused::NameTaken));
    let itself = sample("Name", 0);
    assert_eq!(modify(&mut object, &itself, bounds(false), NOW), Ok(itself));
    let long = Attribute {
        value: structure(&[
            (Tag::NameValue, text(&"n".repeat(300))),
            (Tag::NameType, AttributeValue::Enumeration(1)),
        ]),
        ..sample("Name", 0)
    };
    let refused = modify(&mut object, &long, bounds(false), NOW);
    assert_eq!(refused, Err(AttributeRefused::Invalid("Name".to_owned())));
}

#[test]
fn instances_are_bounded_and_indexes_are_stable() {
    let mut object = make(&[]).expect("a key");
    let name = AttributeName::from_text("x-Custom");
    let index = |attribute: Attribute| attribute.index;
    for expected in [None, Some(1), Some(2)] {
        let added = attach(&mut object, &sample("x-Custom", 0), bounds(false), NOW);
        assert_eq!(added.map(index), Ok(expected));
    }
    let more = attach(&mut object, &sample("x-Custom", 0), bounds(false), NOW);
    assert_eq!(more, Err(AttributeRefused::TooMany("x-Custom".to_owned())));
    let version = ProtocolVersion::V1_4;
    delete(&mut object, &name, Some(1), version, NOW).expect("it is there");
    let gone = delete(&mut object, &name, Some(1), version, NOW);
    assert_eq!(
        gone,
        Err(AttributeRefused::NoInstance("x-Custom".to_owned()))
    );
    let added = attach(&mut object, &sample("x-Custom", 0), bounds(false), NOW);
    assert_eq!(added.map(index), Ok(Some(3)));
    for left in [None, Some(2), Some(3)] {
        delete(&mut object, &name, left, version, NOW).expect("it is there");
    }
    let added = attach(&mut object, &sample("x-Custom", 0), bounds(false), NOW);
    assert_eq!(added.map(index), Ok(None), "nobody can hold an old index");
}
