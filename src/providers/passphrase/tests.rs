use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use tempfile::TempDir;

use super::PassphraseMasterKey;
use crate::crypto::random::BrokenRandom;
use crate::crypto::{Cost, Secret, SystemRandom};
use crate::providers::file::FileMasterKey;
use crate::providers::{MasterKey, ProviderError};

fn words(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn cheap() -> Cost {
    Cost::new(64, 1, 1).unwrap()
}

/// A folder with a master key under `correct horse`.
fn made() -> (TempDir, PathBuf, PassphraseMasterKey) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let passphrase = words("correct horse");
    let made = PassphraseMasterKey::create(&path, &passphrase, cheap(), &SystemRandom).unwrap();
    (folder, path, made)
}

fn refusal(path: &std::path::Path, passphrase: &str) -> String {
    let refused = PassphraseMasterKey::open(path, &words(passphrase));
    refused.unwrap_err().to_string()
}

#[test]
fn the_passphrase_opens_the_same_key_and_no_other_does() {
    let (_folder, path, made) = made();
    let opened = PassphraseMasterKey::open(&path, &words("correct horse")).unwrap();
    assert_eq!(opened.check_value(), made.check_value());
    assert_eq!(opened.name(), "passphrase");
    let plain = words("a data key");
    let wrapped = made.wrap(&plain, b"place", &SystemRandom).unwrap();
    assert!(
        opened
            .unwrap(&wrapped, b"place")
            .unwrap()
            .constant_time_eq(&plain)
    );
    for wrong in ["correct horsf", "Correct horse", "", "correct horse "] {
        let error = refusal(&path, wrong);
        assert!(
            error.contains("passphrase") && !error.contains('\n'),
            "{error}"
        );
        assert!(!error.contains("horse"), "{error}");
    }
}

#[test]
fn the_key_is_random_and_not_the_passphrases() {
    let (_one, _, one) = made();
    let (_two, _, two) = made();
    assert_ne!(one.check_value(), two.check_value());
}

#[test]
fn the_file_is_private_holds_no_key_and_is_not_overwritten() {
    let (_folder, path, _) = made();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with("keyledger-master-key-passphrase-v1:m=64,t=1,p=1:"),
        "{text}"
    );
    assert!(!text.contains("horse"));
    let again = PassphraseMasterKey::create(&path, &words("correct horse"), cheap(), &SystemRandom);
    assert!(matches!(again, Err(ProviderError::Exists { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refusal(&path, "correct horse").contains("chmod 600"));
}

#[test]
fn a_damaged_file_asks_for_no_memory_and_does_not_open() {
    let (_folder, path, _) = made();
    let text = fs::read_to_string(&path).unwrap();
    for (from, to, says) in [
        ("m=64", "m=4294967295", "more time or memory"),
        ("m=64", "m=1048577", "more time or memory"),
        ("t=1", "t=4294967295", "more time or memory"),
        ("p=1", "p=536870912", "more time or memory"),
        ("m=64", "m=99999999999", "cannot be read"),
        ("m=64", "m=x", "cannot be read"),
        ("p=1", "p=1,q=1", "cannot be read"),
        (
            "passphrase-v1",
            "passphrase-v9",
            "is not one of a passphrase",
        ),
        // Sound, but not what the key was sealed with.
        ("m=64", "m=72", "passphrase"),
        ("t=1", "t=2", "passphrase"),
    ] {
        fs::write(&path, text.replace(from, to)).unwrap();
        let error = refusal(&path, "correct horse");
        assert!(error.contains(says), "{to}: {error}");
    }
    for cut in [0, 10, text.len() / 2, text.len() - 3] {
        fs::write(&path, &text[..cut]).unwrap();
        assert!(refusal(&path, "correct horse").contains("master"), "{cut}");
    }
    fs::write(&path, "x".repeat(100_000)).unwrap();
    assert!(refusal(&path, "correct horse").contains("is not one of a passphrase"));
}

#[test]
fn the_files_of_the_providers_are_not_taken_for_each_other() {
    let (folder, path, _) = made();
    let error = FileMasterKey::open(&path).unwrap_err().to_string();
    assert!(error.contains("provider = \"passphrase\""), "{error}");
    let plain = folder.path().join("plain.key");
    FileMasterKey::create(&plain, &SystemRandom).unwrap();
    let error = refusal(&plain, "correct horse");
    assert!(error.contains("provider = \"file\""), "{error}");
}

#[test]
fn a_short_passphrase_and_a_failing_random_source_make_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let make =
        |text: &str| PassphraseMasterKey::create(&path, &words(text), cheap(), &SystemRandom);
    assert!(matches!(
        make("eleven char"),
        Err(ProviderError::ShortPassphrase)
    ));
    assert!(matches!(
        make("ääääää"),
        Err(ProviderError::ShortPassphrase)
    ));
    let broken =
        PassphraseMasterKey::create(&path, &words("correct horse"), cheap(), &BrokenRandom);
    assert!(matches!(broken, Err(ProviderError::Random(_))));
    assert!(!path.exists());
}
