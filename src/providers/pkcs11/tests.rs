use super::*;
use crate::crypto::SystemRandom;

#[test]
fn a_module_that_is_none_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let config = Config {
        module: "/nowhere/module.so".to_owned(),
        ..Config::default()
    };
    let pin = Secret::new(b"1234".to_vec());
    let error = TokenMasterKey::create(&path, &config, &pin, &SystemRandom).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("/nowhere/module.so cannot be loaded"),
        "{error}"
    );
    assert!(!error.contains('\n') && !error.contains("1234"), "{error}");
    assert!(!path.exists());
}

#[test]
fn a_file_that_names_no_key_is_refused_before_a_token_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let pin = Secret::new(b"1234".to_vec());
    for wrong in [
        "",
        "61:62",
        "61:62:63",
        "zz:00112233445566778899aabbccddeeff:03",
    ] {
        let text = format!("{PREFIX}{wrong}\n");
        drop(std::fs::remove_file(&path));
        write_new(&path, &Secret::new(text.into_bytes()), &SystemRandom).unwrap();
        let error = TokenMasterKey::open(&path, &Config::default(), &pin, false).unwrap_err();
        assert!(error.to_string().contains("does not name a key"), "{error}");
    }
}
