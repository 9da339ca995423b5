//! What the arguments of `keyledger kmip` become.

use super::*;

#[test]
fn a_key_is_asked_for_by_names() {
    let texts = |algorithm, length| {
        let attributes = key_attributes(algorithm, length, "encrypt, wrap key").unwrap();
        attributes.iter().map(value::text).collect::<Vec<_>>()
    };
    assert_eq!(texts("aes", Some(128)), ["AES", "128", "Encrypt, Wrap Key"]);
    assert_eq!(texts("AES", None), ["AES", "256", "Encrypt, Wrap Key"]);
    assert_eq!(texts("3des", None), ["3DES", "168", "Encrypt, Wrap Key"]);
    assert_eq!(texts("Camellia", None), ["Camellia", "Encrypt, Wrap Key"]);
    let error = key_attributes("aess", Some(128), "Encrypt")
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("`aess` is none of: DES"), "{error}");
    assert!(key_attributes("AES", Some(128), "Encrypt,Fly").is_err());
}

#[test]
fn attributes_are_read_by_their_type() {
    for (text, shown) in [
        ("State=pre-active", "Pre-Active"),
        ("Cryptographic Length=256", "256"),
        ("x-Name=web=01", "web=01"),
        ("Activation Date=2026-11-23", "2026-11-23T00:00:00Z"),
        (
            "Name=n",
            "Name Value = n, Name Type = Uninterpreted Text String",
        ),
    ] {
        assert_eq!(
            value::text(&value::attribute(text).unwrap()),
            shown,
            "{text}"
        );
    }
    for wrong in [
        "State",
        "State=Gone",
        "Cryptographic Length=long",
        "Colour=red",
        "Digest=00",
    ] {
        let error = value::attribute(wrong).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("attribute {wrong}: ")),
            "{error}"
        );
    }
}

#[test]
fn a_reason_that_does_not_exist_is_wrong_use() {
    let command = |reason: &str| Command::Revoke {
        id: "i".into(),
        reason: reason.into(),
        message: None,
        compromised: None,
    };
    let parsed = Call::parse(command("key compromise")).unwrap();
    let Call::Revoke { reason, .. } = parsed else {
        panic!("not a revocation")
    };
    assert_eq!(reason.code, RevocationReasonCode::KeyCompromise);
    assert!(Call::parse(command("bored")).is_err());
}
