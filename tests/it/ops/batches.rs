//! Several items in one message: order, identifiers, the ID Placeholder, and what a failure does to the rest.

use super::{NOBODY, Scene};
use crate::harness::{
    BatchItem, Content, Request, Response, Server, activate, add_attribute, attribute, create,
    destroy, discover, get, get_attributes, key_template, locate, name, op, reason,
};

/// Batch Error Continuation Options.
const CONTINUE: u32 = 1;
const STOP: u32 = 2;
const UNDO: u32 = 3;

/// The Result Status Operation Undone.
const UNDONE: u32 = 3;

impl Scene {
    #[track_caller]
    fn batch(&mut self, continuation: Option<u32>, items: &[BatchItem]) -> Response {
        let mut request = Request::new((1, 4), items);
        if let Some(option) = continuation {
            request = request.with_continuation(option);
        }
        self.connection.exchange(&request)
    }
}

pub(super) fn numbered(items: Vec<BatchItem>) -> Vec<BatchItem> {
    let number =
        |(index, item): (usize, BatchItem)| item.with_id(&[1, u8::try_from(index).unwrap()]);
    items.into_iter().enumerate().map(number).collect()
}

#[test]
fn items_are_answered_in_order_with_their_ids() {
    let mut scene = Scene::new();
    let items = numbered(vec![discover(&[]), create(key_template()), discover(&[])]);
    let response = scene.batch(None, &items);
    let operations: Vec<_> = response
        .items
        .iter()
        .map(|answer| answer.operation)
        .collect();
    let sent: Vec<_> = items.iter().map(|item| Some(item.operation)).collect();
    assert_eq!(operations, sent);
    for (answer, item) in response.items.iter().zip(&items) {
        assert_eq!(answer.id, item.id);
    }
}

#[test]
fn an_item_without_an_id_is_answered_without_one() {
    let mut scene = Scene::new();
    let answer = scene.connection.ask_in((1, 1), discover(&[]));
    assert_eq!(answer.id, None);
}

#[test]
fn the_placeholder_is_the_key_that_was_just_made() {
    let mut scene = Scene::new();
    let items = numbered(vec![
        create(key_template()),
        activate(""),
        add_attribute("", "x-Product", Content::Text("VMware vSphere".to_owned())),
        get(""),
        get_attributes("", &["State", "x-Product"]),
    ]);
    let response = scene.batch(None, &items);
    let answers: Vec<_> = response
        .items
        .into_iter()
        .map(|answer| answer.success())
        .collect();
    let uid = answers[0].uid();
    assert!(answers.iter().all(|answer| answer.uid() == uid));
    assert_eq!(answers[3].key_material().len(), 32);
    assert_eq!(answers[4].value("State"), Some(Content::Enumeration(2)));
    for line in [
        "kmip-key.create 201",
        "kmip-key.activate 200",
        "kmip-key-attributes.add 200",
        "kmip-key.read 200",
        "kmip-key-attributes.retrieve 200",
    ] {
        scene.recorded(line, &uid);
    }
    let events: Vec<_> = scene
        .server
        .events()
        .into_iter()
        .filter(|e| e.is_of_kmip())
        .collect();
    assert!(
        events
            .iter()
            .all(|event| event.correlation() == events[0].correlation())
    );
    for (index, event) in events.iter().enumerate() {
        let item = event
            .data("/requestData/batchItem")
            .and_then(|item| item.as_u64());
        assert_eq!(item, u64::try_from(index).ok());
    }
    scene.check();
}

#[test]
fn the_placeholder_is_what_locate_found_alone() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![attribute("Name", name("alone"))]);
    let by_name = |text: &str| locate(vec![attribute("Name", name(text))]);
    let found = scene.batch(None, &numbered(vec![by_name("alone"), get("")]));
    assert_eq!(found.items[1].clone().success().uid(), uid);
    let lost = scene.batch(None, &numbered(vec![by_name("nobody"), get("")]));
    lost.items[0].clone().success();
    lost.items[1].failure(reason::ITEM_NOT_FOUND);
}

#[test]
fn the_placeholder_is_empty_after_what_should_have_set_it_fails() {
    let server = Server::start();
    let mut connection = server.connect();
    let newer = || attribute("Sensitive", Content::Boolean(true));
    for (number, (bad, why)) in (1_u8..).zip([
        // Not understood: an attribute of 1.4, then no fields at all.
        (
            create([key_template(), vec![newer()]].concat()),
            reason::INVALID_FIELD,
        ),
        (locate(vec![newer()]), reason::INVALID_FIELD),
        (BatchItem::new(op::CREATE, vec![]), reason::INVALID_MESSAGE),
        // Not carried out here: Register, Import of 1.4, and what is no operation.
        (
            BatchItem::new(0x03, vec![]),
            reason::OPERATION_NOT_SUPPORTED,
        ),
        (
            BatchItem::new(0x2a, vec![]),
            reason::OPERATION_NOT_SUPPORTED,
        ),
        (
            BatchItem::new(0x777, vec![]),
            reason::OPERATION_NOT_SUPPORTED,
        ),
    ]) {
        let items = numbered(vec![create(key_template()), bad, destroy("")]);
        let request = Request::new((1, 1), &items).with_continuation(CONTINUE);
        let answers = connection.exchange(&request).items;
        let uid = answers[0].clone().success().uid();
        answers[1].failure(why);
        answers[2].failure(reason::ITEM_NOT_FOUND);
        let kept = connection.ask(get(&uid)).success();
        assert_eq!(kept.key_material().len(), 32, "case {number}");
    }
    // What sets nothing leaves it alone.
    let items = numbered(vec![create(key_template()), activate(NOBODY), get("")]);
    let request = Request::new((1, 1), &items).with_continuation(CONTINUE);
    connection.exchange(&request).items[2].clone().success();
}

#[test]
fn stop_is_the_default_and_ends_the_batch_at_a_failure() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    for continuation in [None, Some(STOP)] {
        let items = numbered(vec![activate(NOBODY), get(&uid), get(&uid)]);
        let response = scene.batch(continuation, &items);
        assert_eq!(
            response.items.len(),
            1,
            "what was not carried out is not answered"
        );
        response.items[0].failure(reason::ITEM_NOT_FOUND);
        scene.recorded("kmip-key.activate 404", NOBODY);
    }
    scene.check();
}

#[test]
fn stop_keeps_what_was_done_before_the_failure() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    let items = numbered(vec![activate(&uid), get(NOBODY)]);
    let response = scene.batch(Some(STOP), &items);
    response.items[0].clone().success();
    response.items[1].failure(reason::ITEM_NOT_FOUND);
    scene.recorded("kmip-key.activate 200", &uid);
    scene.recorded("kmip-key.read 404", NOBODY);
    let state = scene.done(
        get_attributes(&uid, &["State"]),
        "kmip-key-attributes.retrieve 200",
        &uid,
    );
    assert_eq!(state.value("State"), Some(Content::Enumeration(2)));
    scene.check();
}

#[test]
fn continue_goes_on_after_a_failure() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    let items = numbered(vec![get(NOBODY), activate(&uid), activate(&uid), get(&uid)]);
    let response = scene.batch(Some(CONTINUE), &items);
    assert_eq!(response.items.len(), 4);
    response.items[0].failure(reason::ITEM_NOT_FOUND);
    response.items[1].clone().success();
    response.items[2].failure(reason::PERMISSION_DENIED);
    response.items[3].clone().success().key_material();
    scene.recorded("kmip-key.read 404", NOBODY);
    scene.recorded("kmip-key.activate 200", &uid);
    scene.recorded("kmip-key.activate 409", &uid);
    scene.recorded("kmip-key.read 200", &uid);
    scene.check();
}

#[test]
fn undo_takes_back_what_was_done() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    let made = create([key_template(), vec![attribute("Name", name("undone"))]].concat());
    let items = numbered(vec![activate(&uid), made, get(&uid), get(NOBODY)]);
    let response = scene.batch(Some(UNDO), &items);
    assert_eq!(response.items.len(), 4);
    for answer in &response.items[..3] {
        assert_eq!(answer.status, UNDONE, "{answer:?}");
        assert_eq!(
            answer.payload,
            [],
            "what was undone is not answered: {answer:?}"
        );
    }
    response.items[3].failure(reason::ITEM_NOT_FOUND);
    let state = scene
        .connection
        .ask(get_attributes(&uid, &["State"]))
        .success();
    assert_eq!(
        state.value("State"),
        Some(Content::Enumeration(1)),
        "Pre-Active still"
    );
    let found = locate(vec![attribute("Name", name("undone"))]);
    assert_eq!(
        scene.connection.ask(found).success().uids(),
        Vec::<String>::new()
    );
    let lines: Vec<_> = scene.server.request_lines();
    let short: Vec<_> = lines
        .iter()
        .map(|line| line.rsplit_once(' ').unwrap().0)
        .collect();
    let expected = [
        "kmip-key.create 201",
        "kmip-key.activate 424",
        "kmip-key.create 424",
        "kmip-key.read 424",
        "kmip-key.read 404",
        "kmip-key-attributes.retrieve 200",
        "kmip-key.locate 200",
    ];
    assert_eq!(short, expected);
}

#[test]
fn three_attributes_in_one_batch_are_vcenters_tags() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    let tags = [
        ("x-Identifier", "5021"),
        ("x-Component", "Virtual Machine"),
        ("x-Name", "vm one"),
    ];
    let item = |(name, value): &(&str, &str)| {
        add_attribute(&uid, name, Content::Text((*value).to_owned()))
    };
    let response = scene.batch(None, &numbered(tags.iter().map(item).collect()));
    for (answer, (name, value)) in response.items.into_iter().zip(tags) {
        let answer = answer.success();
        assert_eq!(
            (answer.operation, answer.uid()),
            (Some(op::ADD_ATTRIBUTE), uid.clone())
        );
        assert_eq!(
            answer.value(name),
            Some(Content::Text(value.to_owned())),
            "the attribute"
        );
        scene.recorded("kmip-key-attributes.add 200", &uid);
    }
    scene.check();
}

#[test]
fn what_does_not_fit_into_the_answer_is_not_done() {
    let mut scene = Scene::new();
    let named = || create([key_template(), vec![attribute("Name", name("large"))]].concat());
    let whole = Request::new((1, 4), &[named()]).with_maximum(100);
    let answer = scene.connection.exchange(&whole).only();
    answer.failure(reason::RESPONSE_TOO_LARGE);
    scene.recorded("kmip-key.create 413", "-");
    // The name is still free, and the connection of use.
    let whole = Request::new((1, 4), &[named()]).with_maximum(2048);
    let uid = scene.connection.exchange(&whole).only().success().uid();
    scene.recorded("kmip-key.create 201", &uid);
    let small = Request::new((1, 4), &[get(&uid)]).with_maximum(200);
    let answer = scene.connection.exchange(&small).only();
    answer.failure(reason::RESPONSE_TOO_LARGE);
    scene.recorded("kmip-key.read 413", &uid);
    scene.check();
}

#[test]
fn a_critical_extension_rejects_the_whole_message() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    let critical = || activate(&uid).with_extension(true);
    let items = numbered(vec![get(&uid), critical()]);
    for (continuation, answered) in [(None, 1), (Some(UNDO), 1), (Some(CONTINUE), 2)] {
        let response = scene.batch(continuation, &items);
        assert_eq!(response.items.len(), answered);
        for answer in &response.items {
            answer.failure(reason::FEATURE_NOT_SUPPORTED);
        }
        scene.recorded("kmip-key.read 501", &uid);
    }
    scene.recorded("kmip-key.activate 501", &uid);
    // Alone it fails as the official case does, and one that is not critical is ignored.
    let answer = scene.connection.ask(critical());
    answer.failure(reason::FEATURE_NOT_SUPPORTED);
    assert_eq!(answer.operation, Some(op::ACTIVATE));
    scene.recorded("kmip-key.activate 501", &uid);
    let ignored = activate(&uid).with_extension(false);
    scene.done(ignored, "kmip-key.activate 200", &uid);
    scene.check();
}

#[test]
fn an_operation_that_is_not_supported_fails_its_item_only() {
    let mut scene = Scene::new();
    let uid = scene.key(vec![]);
    // Archive, and a number that no standard defines.
    let items = vec![
        BatchItem::new(0x15, vec![]),
        BatchItem::new(0x8000_0001, vec![]),
        get(&uid),
    ];
    let response = scene.batch(Some(CONTINUE), &numbered(items.clone()));
    let actions = ["kmip-key.archive", "kmip-request.refuse"];
    for ((answer, item), action) in response.items.iter().zip(&items).zip(actions) {
        answer.failure(reason::OPERATION_NOT_SUPPORTED);
        assert_eq!(answer.operation, Some(item.operation));
        scene.recorded(&format!("{action} 501"), "-");
    }
    response.items[2].clone().success().key_material();
    scene.recorded("kmip-key.read 200", &uid);
    scene.check();
}
