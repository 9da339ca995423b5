//! Which keys are made: algorithms and lengths, in every version, and what their blocks look like.

use sha2::{Digest as _, Sha256};

use super::{Scene, VERSIONS};
use crate::harness::{Content, Node, attribute, create, get, get_attributes, reason, tag};

const TRIPLE_DES: u32 = 2;
const AES: u32 = 3;

fn template(algorithm: u32, length: Option<i32>) -> Vec<Node> {
    let mut template = vec![
        attribute("Cryptographic Algorithm", Content::Enumeration(algorithm)),
        attribute("Cryptographic Usage Mask", Content::Integer(12)),
    ];
    let length = length.map(Content::Integer);
    template.extend(length.map(|length| attribute("Cryptographic Length", length)));
    template
}

#[test]
fn keys_have_the_length_asked_for_or_that_of_the_algorithm() {
    let mut scene = Scene::new();
    let cases = [
        (AES, Some(128), 128, 16),
        (AES, Some(192), 192, 24),
        (AES, Some(256), 256, 32),
        (AES, None, 256, 32),
        (TRIPLE_DES, Some(168), 168, 24),
        (TRIPLE_DES, None, 168, 24),
    ];
    for version in VERSIONS {
        for (algorithm, asked, length, bytes) in cases {
            let mut ask = |item| scene.connection.ask_in(version, item).success();
            let uid = ask(create(template(algorithm, asked))).uid();
            let (found, bits, material) = ask(get(&uid)).key_block();
            assert_eq!((found, bits, material.len()), (algorithm, length, bytes));
            let names = ["Cryptographic Algorithm", "Cryptographic Length", "Digest"];
            let told = ask(get_attributes(&uid, &names));
            assert_eq!(told.value(names[0]), Some(Content::Enumeration(algorithm)));
            assert_eq!(told.value(names[1]), Some(Content::Integer(length)));
            let Some(Content::Structure(digest)) = told.value("Digest") else {
                panic!("no digest: {told:?}")
            };
            let value = digest.iter().find(|field| field.tag == tag::DIGEST_VALUE);
            let expected = Sha256::digest(&material).to_vec();
            assert_eq!(value.and_then(Node::as_bytes), Some(&expected[..]));
        }
    }
}

#[test]
fn a_3des_key_has_three_different_parts_of_odd_parity() {
    let mut scene = Scene::new();
    let asked = create(template(TRIPLE_DES, Some(168)));
    let uid = scene.connection.ask(asked).success().uid();
    let (_, _, material) = scene.connection.ask(get(&uid)).success().key_block();
    assert!(material.iter().all(|byte| byte.count_ones() % 2 == 1));
    let parts: Vec<_> = material.chunks(8).collect();
    assert!(parts[0] != parts[1] && parts[1] != parts[2] && parts[0] != parts[2]);
    let event = scene.server.events();
    let created = event
        .iter()
        .find(|event| event.action() == "kmip-key.create");
    let told = created.and_then(|event| event.data("/requestData/cryptographicAlgorithm"));
    assert_eq!(told, Some(&"3DES".into()));
}

#[test]
fn weak_and_unknown_kinds_are_refused() {
    let mut scene = Scene::new();
    let cases = [
        (TRIPLE_DES, Some(56)),
        (TRIPLE_DES, Some(112)),
        (TRIPLE_DES, Some(128)),
        (TRIPLE_DES, Some(192)),
        (TRIPLE_DES, Some(0)),
        (AES, Some(64)),
        (AES, Some(168)),
        (AES, Some(512)),
        (AES, Some(-128)),
        // DES itself, and RSA, which is no symmetric algorithm.
        (1, Some(56)),
        (1, None),
        (4, Some(2048)),
    ];
    for version in VERSIONS {
        for (algorithm, length) in cases {
            let item = create(template(algorithm, length));
            let answer = scene.connection.ask_in(version, item);
            answer.failure(reason::INVALID_FIELD);
            scene.recorded("kmip-key.create 400", "-");
        }
    }
    scene.check();
}
