//! Locate.

use super::Scene;
use crate::harness::{
    Answer, BatchItem, Content, Node, Request, activate, add_attribute, attribute, create, destroy,
    get, key_template, locate, name, reason, tag,
};

const LOCATED: &str = "kmip-key.locate 200";

fn text(value: &str) -> Content {
    Content::Text(value.to_owned())
}

impl Scene {
    #[track_caller]
    fn located(&mut self, attributes: Vec<Node>) -> Vec<String> {
        self.done(locate(attributes), LOCATED, "-").uids()
    }
}

fn sorted(mut uids: Vec<String>) -> Vec<String> {
    uids.sort();
    uids
}

#[test]
fn keys_are_found_by_name_by_tag_and_by_state() {
    let mut scene = Scene::new();
    let named = scene.key(vec![attribute("Name", name("one"))]);
    let tagged = scene.key(vec![attribute("x-Component", text("ESXi Server"))]);
    let both = scene.key(vec![
        attribute("Name", name("two")),
        attribute("x-Component", text("ESXi Server")),
    ]);
    assert_eq!(scene.located(vec![attribute("Name", name("one"))]), [named]);
    assert_eq!(
        scene.located(vec![attribute("Name", name("three"))]),
        Vec::<String>::new()
    );
    let component = || attribute("x-Component", text("ESXi Server"));
    let expected = sorted(vec![tagged.clone(), both.clone()]);
    assert_eq!(sorted(scene.located(vec![component()])), expected);
    let together = vec![component(), attribute("Name", name("two"))];
    assert_eq!(scene.located(together), [both], "every criterion is met");
    assert_eq!(scene.located(vec![]).len(), 3, "no criterion: all");
    scene.done(activate(&tagged), "kmip-key.activate 200", &tagged);
    let active = scene.located(vec![attribute("State", Content::Enumeration(2))]);
    assert_eq!(active, [tagged]);
    let aes = scene.located(vec![attribute(
        "Cryptographic Length",
        Content::Integer(256),
    )]);
    assert_eq!(aes.len(), 3);
    scene.check();
}

#[test]
fn a_key_is_found_by_a_connection_that_did_not_make_it() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![attribute("Name", name("shared"))]);
    let by_name = locate(vec![attribute("Name", name("shared"))]);
    assert_eq!(scene.server.connect().ask(by_name).success().uids(), [uid]);
}

#[test]
fn a_search_for_what_is_no_attribute_is_refused() {
    let mut scene = Scene::new();
    let nonsense = locate(vec![attribute("Nonsense", text("x"))]);
    scene.refused(nonsense, reason::INVALID_FIELD, "kmip-key.locate 400", "-");
    scene.check();
}

#[test]
fn many_keys_are_all_found() {
    let mut scene = Scene::new();
    let tag = || attribute("x-Run", text("many"));
    let mut made = Vec::new();
    for _ in 0..30 {
        let item = create([key_template(), vec![tag()]].concat());
        made.push(scene.connection.ask(item).success().uid());
    }
    let found = scene.connection.ask(locate(vec![tag()])).success().uids();
    assert_eq!(sorted(found), sorted(made));
}

/// Locate with these fields before its criteria.
fn locate_with(fields: Vec<Node>, criteria: Vec<Node>) -> BatchItem {
    locate([fields, criteria].concat())
}

fn at_most(items: i32) -> Node {
    Node::integer(tag::MAXIMUM_ITEMS, items)
}

fn from(items: i32) -> Node {
    Node::integer(tag::OFFSET_ITEMS, items)
}

fn total(answer: &Answer) -> Option<i32> {
    let total = answer
        .payload
        .iter()
        .find(|node| node.tag == tag::LOCATED_ITEMS);
    total.and_then(Node::as_integer)
}

fn group(name: &str) -> Node {
    attribute("Object Group", text(name))
}

#[test]
fn a_window_of_the_matches_is_answered() {
    let mut scene = Scene::new();
    let mut made: Vec<String> = (0..5).map(|_| scene.key(vec![group("g")])).collect();
    // Matches come in the order of identifiers, which within a millisecond is not that of making.
    made.sort();
    for (maximum, offset, window) in [
        (None, None, 0..5),
        (Some(2), None, 0..2),
        (Some(2), Some(2), 2..4),
        (Some(2), Some(4), 4..5),
        (Some(2), Some(5), 5..5),
        (None, Some(3), 3..5),
        (Some(0), None, 0..0),
        (Some(100), Some(i32::MAX), 5..5),
    ] {
        let fields = [maximum.map(at_most), offset.map(from)];
        let fields: Vec<Node> = fields.into_iter().flatten().collect();
        for version in super::VERSIONS {
            let item = locate_with(fields.clone(), vec![group("g")]);
            let answer = scene.connection.ask_in(version, item);
            if offset.is_some() && version < (1, 3) {
                answer.failure(reason::INVALID_FIELD);
                continue;
            }
            let answer = answer.success();
            assert_eq!(
                answer.uids(),
                made[window.clone()],
                "{maximum:?} {offset:?} {version:?}"
            );
            let expected = (version >= (1, 3)).then_some(5);
            assert_eq!(total(&answer), expected, "all matches, since 1.3");
        }
    }
    let negative = locate_with(vec![at_most(-1)], vec![]);
    scene
        .connection
        .ask(negative)
        .failure(reason::INVALID_FIELD);
}

#[test]
fn only_on_line_storage_holds_keys() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    for (mask, found) in [(1, true), (3, true), (2, false), (0, false), (-1, true)] {
        let mask = Node::integer(tag::STORAGE_STATUS_MASK, mask);
        let answer = scene.done(locate_with(vec![mask], vec![]), LOCATED, "-");
        let expected = if found { vec![uid.as_str()] } else { vec![] };
        assert_eq!(answer.uids(), expected);
    }
    scene.check();
}

#[test]
fn what_the_batch_itself_does_counts() {
    let mut scene = Scene::new();
    let old = scene.key(vec![group("g"), attribute("Name", name("old"))]);
    let gone = scene.key(vec![group("g")]);
    let template = [
        key_template(),
        vec![group("g"), attribute("Name", name("new"))],
    ]
    .concat();
    let in_group = || locate(vec![group("g")]);
    let active = || locate(vec![attribute("State", Content::Enumeration(2))]);
    let items = [
        create(template),
        destroy(&gone),
        in_group(),
        locate(vec![attribute("Name", name("new"))]),
        activate(&old),
        active(),
        add_attribute(&old, "x-Tag", text("late")),
        locate(vec![attribute("x-Tag", text("late"))]),
        locate(vec![attribute("State", Content::Enumeration(5))]),
        locate_with(vec![at_most(1), from(1)], vec![group("g")]),
    ];
    let items: Vec<BatchItem> = (1_u8..)
        .zip(items)
        .map(|(id, item)| item.with_id(&[id]))
        .collect();
    let answered = scene
        .connection
        .exchange(&Request::new((1, 4), &items))
        .items;
    let new = answered[0].uid();
    let uids = |item: usize| answered[item].clone().success().uids();
    assert_eq!(
        uids(2),
        [old.clone(), new.clone()],
        "with the new key, without the destroyed one"
    );
    assert_eq!(uids(3), [new.as_str()]);
    assert_eq!(uids(5), [old.as_str()]);
    assert_eq!(uids(7), [old.as_str()]);
    assert_eq!(uids(8), [gone]);
    assert_eq!(uids(9), [new.as_str()]);
    assert_eq!(total(&answered[9]), Some(2));
    // And after it, for everybody.
    let mut other = scene.server.connect();
    assert_eq!(other.ask(in_group()).success().uids(), [old.clone(), new]);
    assert_eq!(other.ask(active()).success().uids(), [old]);
}

#[test]
fn one_match_is_the_placeholder_and_several_empty_it() {
    let mut scene = Scene::new();
    let first = scene.key(vec![group("g")]);
    scene.key(vec![group("g")]);
    let mut after = |item: BatchItem| {
        let template = [key_template(), vec![group("other")]].concat();
        let items = [create(template), item, get("")];
        let items: Vec<BatchItem> = (1_u8..)
            .zip(items)
            .map(|(id, item)| item.with_id(&[id]))
            .collect();
        let answered = scene.connection.exchange(&Request::new((1, 2), &items));
        answered.items[2].clone()
    };
    after(locate(vec![group("g")])).failure(reason::ITEM_NOT_FOUND);
    after(locate(vec![group("nobody's")])).failure(reason::ITEM_NOT_FOUND);
    let one = after(locate_with(vec![at_most(1)], vec![group("g")]));
    assert_eq!(one.success().uid(), first, "one of several was asked for");
}

#[test]
fn members_of_a_group_are_fresh_or_the_default_one() {
    let mut scene = Scene::new();
    let first = scene.key(vec![group("g")]);
    let last = scene.key(vec![group("g")]);
    let member = |which| vec![Node::enumeration(tag::OBJECT_GROUP_MEMBER, which)];
    let fresh = || locate_with(member(1), vec![group("g")]);
    let default = || locate_with(member(2), vec![group("g")]);
    assert_eq!(
        scene.connection.ask(fresh()).success().uids(),
        [first.clone(), last.clone()]
    );
    scene.connection.ask(get(&last)).success();
    assert_eq!(
        scene.connection.ask(fresh()).success().uids(),
        [first.as_str()]
    );
    let answer = scene.connection.ask(default()).success();
    assert_eq!(
        (total(&answer), answer.uids()),
        (Some(1), vec![last.clone()])
    );
    scene.connection.ask(destroy(&last)).success();
    assert_eq!(scene.connection.ask(default()).success().uids(), [first]);
    // Without a group the flag means nothing, and 1.0 does not know it.
    let all = locate_with(member(1), vec![]);
    assert_eq!(scene.connection.ask(all.clone()).success().uids().len(), 1);
    scene
        .connection
        .ask_in((1, 0), all)
        .failure(reason::INVALID_FIELD);
}

#[test]
fn dates_are_a_range_of_two_and_never_three() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![attribute("Activation Date", Content::DateTime(1000))]);
    let other = scene.key(vec![]);
    let at = |date: i64| attribute("Activation Date", Content::DateTime(date));
    let mut found = |dates: &[i64]| {
        scene
            .connection
            .ask(locate(dates.iter().map(|date| at(*date)).collect()))
    };
    assert_eq!(found(&[1000]).success().uids(), [uid.as_str()]);
    assert_eq!(found(&[999]).success().uids(), Vec::<String>::new());
    assert_eq!(found(&[0, 1000]).success().uids(), [uid.as_str()]);
    assert_eq!(
        found(&[i64::MAX]).success().uids(),
        [other.as_str()],
        "not set"
    );
    assert_eq!(found(&[1000, i64::MAX]).success().uids(), [uid, other]);
    found(&[1, 2, 3]).failure(reason::INVALID_FIELD);
}

#[test]
fn a_criterion_of_a_later_version_is_refused() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    let fresh = || locate(vec![attribute("Fresh", Content::Boolean(true))]);
    scene
        .connection
        .ask_in((1, 0), fresh())
        .failure(reason::INVALID_FIELD);
    assert_eq!(
        scene.connection.ask_in((1, 1), fresh()).success().uids(),
        [uid]
    );
}

#[test]
fn every_criterion_finds_what_get_attributes_tells() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![
        attribute("Name", name("one")),
        group("g"),
        attribute("Contact Information", text("me")),
        attribute("x-Number", Content::LongInteger(7)),
        attribute("x-Bytes", Content::Bytes(vec![1, 2])),
        attribute("Deactivation Date", Content::DateTime(4_000_000_000)),
    ]);
    // Another key that has none of it.
    let template = vec![
        attribute("Cryptographic Algorithm", Content::Enumeration(3)),
        attribute("Cryptographic Usage Mask", Content::Integer(4)),
        attribute("Cryptographic Length", Content::Integer(128)),
    ];
    scene.connection.ask(create(template)).success();
    let all = scene
        .connection
        .ask(crate::harness::get_attributes(&uid, &[]))
        .success();
    let attributes = all.attributes();
    assert!(attributes.len() > 15, "{attributes:?}");
    for (attribute_name, _, value) in attributes {
        let found = scene.located(vec![attribute(&attribute_name, value.clone())]);
        assert!(found.contains(&uid), "{attribute_name} {value:?}");
    }
}
