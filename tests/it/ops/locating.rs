//! Locate.

use super::Scene;
use crate::harness::{Content, activate, attribute, create, key_template, locate, name, reason};

const LOCATED: &str = "kmip-key.locate 200";

fn text(value: &str) -> Content {
    Content::Text(value.to_owned())
}

impl Scene {
    #[track_caller]
    fn located(&mut self, attributes: Vec<crate::harness::Node>) -> Vec<String> {
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
