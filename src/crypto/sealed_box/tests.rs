use super::*;
use crate::crypto::random::{BrokenRandom, SeededRandom, SystemRandom};

fn key(fill: u8) -> RecipientKey {
    RecipientKey::from_secret(Secret::new(vec![fill; 32])).unwrap()
}

#[test]
fn what_was_sealed_opens_with_the_private_key_for_its_purpose_and_place() {
    let key = RecipientKey::draw(&SystemRandom).unwrap();
    let plain = Secret::new(b"thirty-two bytes of key material".to_vec());
    let sealed = key.recipient().seal(b"info", b"place", &plain).unwrap();
    assert_eq!(sealed.len(), 1 + 32 + 32 + 16);
    let opened = key.open(b"info", b"place", &sealed).unwrap();
    assert!(opened.constant_time_eq(&plain));
    let again = key.recipient().seal(b"info", b"place", &plain).unwrap();
    assert_ne!(again, sealed, "each value has a key of its own");
    for (info, aad) in [(&b"other"[..], &b"place"[..]), (b"info", b"other")] {
        assert_eq!(
            key.open(info, aad, &sealed).err(),
            Some(BoxError::NotAuthentic)
        );
    }
    let stranger = RecipientKey::draw(&SystemRandom).unwrap();
    let refused = stranger.open(b"info", b"place", &sealed).err();
    assert_eq!(refused, Some(BoxError::NotAuthentic));
}

#[test]
fn no_flipped_bit_and_no_cut_is_accepted() {
    let (key, plain) = (key(1), Secret::new(b"material".to_vec()));
    let sealed = key.recipient().seal(b"", b"", &plain).unwrap();
    for bit in 0..sealed.len() * 8 {
        let mut altered = sealed.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(key.open(b"", b"", &altered).is_err(), "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert!(
            key.open(b"", b"", &sealed[..length]).is_err(),
            "{length} bytes"
        );
    }
    assert_eq!(
        key.open(b"", b"", &[9; 80]).err(),
        Some(BoxError::UnknownVersion(9))
    );
}

#[test]
fn messages_of_one_context_open_in_their_order_only() {
    let key = key(2);
    let (encapsulated, mut sealer) = key.recipient().sealer(b"stream").unwrap();
    let sealed: Vec<_> = [&b"one"[..], b"two", b""]
        .into_iter()
        .map(|message| sealer.seal(b"part", message).unwrap())
        .collect();
    let mut opener = key.opener(&encapsulated, b"stream").unwrap();
    assert_eq!(opener.open(b"part", &sealed[0]).unwrap().expose(), b"one");
    assert!(opener.open(b"part", &sealed[2]).is_err());
    assert_eq!(opener.open(b"part", &sealed[1]).unwrap().expose(), b"two");
    assert_eq!(opener.open(b"part", &sealed[2]).unwrap().expose(), b"");
    let mut other = key.opener(&encapsulated, b"other").unwrap();
    assert!(other.open(b"part", &sealed[0]).is_err());
}

#[test]
fn what_another_implementation_sealed_opens() {
    // RFC 9180 in Python over OpenSSL's X25519 and AES-GCM; the sender's key is 32 bytes of 2.
    const SEALED: &str = "01ce8d3ad1ccb633ec7b70c17814a5c76ecd029685050d344745ba05870e587d59\
                          4f03d5c6c4c695fa6225b1cc5a27234d2e2402b6d1";
    let public = "a4e09292b651c278b9772c569f5fa9bb13d906b46ab68c9df9dc2b4409f8a209";
    assert_eq!(hex::encode(key(1).recipient().as_bytes()), public);
    let sealed = hex::decode(SEALED).unwrap();
    let opened = key(1).open(b"info", b"place", &sealed).unwrap();
    assert_eq!(opened.expose(), b"plain");
}

#[test]
fn keys_come_from_the_source_that_is_passed_in() {
    let drawn = |seed| {
        RecipientKey::draw(&SeededRandom::new(seed))
            .unwrap()
            .recipient()
    };
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
    assert_ne!(drawn(1).id(), drawn(2).id());
    let broken = RecipientKey::draw(&BrokenRandom).err();
    assert_eq!(broken, Some(BoxError::Random(RandomError)));
    let short = RecipientKey::from_secret(Secret::new(vec![1; 31])).err();
    assert_eq!(short, Some(BoxError::Key));
    let zero = Recipient::from_bytes([0; 32]).seal(b"", b"", &Secret::new(vec![1]));
    assert!(
        zero.is_err(),
        "a key that shares the same secret with everybody"
    );
}

#[test]
fn debug_prints_no_key() {
    let key = key(3);
    let id = hex::encode(key.recipient().id());
    assert_eq!(
        format!("{key:?}"),
        format!("RecipientKey of Recipient({id})")
    );
}
