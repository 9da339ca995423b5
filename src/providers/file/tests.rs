use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::FileMasterKey;
use crate::crypto::random::BrokenRandom;
use crate::crypto::{Secret, SystemRandom, Wrapped};
use crate::providers::{MasterKey, ProviderError};

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    (folder, path)
}

fn write(path: &Path, content: &str, mode: u32) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn refusal(path: &Path) -> String {
    FileMasterKey::open(path).unwrap_err().to_string()
}

#[test]
fn a_created_key_opens_again_as_the_same_key() {
    let (folder, path) = folder();
    let created = FileMasterKey::create(&path, &SystemRandom).unwrap();
    let opened = FileMasterKey::open(&path).unwrap();
    assert_eq!(created.check_value(), opened.check_value());
    assert_eq!(opened.name(), "file");
    let plain = Secret::new(vec![7; 32]);
    let wrapped = created.wrap(&plain, b"instance 1", &SystemRandom).unwrap();
    assert!(
        opened
            .unwrap(&wrapped, b"instance 1")
            .unwrap()
            .constant_time_eq(&plain)
    );
    assert!(matches!(
        opened.unwrap(&wrapped, b"instance 2"),
        Err(ProviderError::WrongKey)
    ));
    let names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, ["master.key"], "no temporary file is left");
}

#[test]
fn the_file_is_one_line_that_only_its_owner_reads() {
    let (_folder, path) = folder();
    FileMasterKey::create(&path, &SystemRandom).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    let text = fs::read_to_string(&path).unwrap();
    let digits = text
        .strip_prefix("keyledger-master-key-v1:")
        .unwrap()
        .strip_suffix('\n')
        .unwrap();
    assert_eq!(digits.len(), 64);
    assert!(
        digits
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    );
}

#[test]
fn an_existing_file_is_never_overwritten() {
    let (folder, path) = folder();
    write(&path, "precious", 0o600);
    let error = FileMasterKey::create(&path, &SystemRandom).unwrap_err();
    assert!(matches!(error, ProviderError::Exists { .. }));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    let link = folder.path().join("dangling");
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &link).unwrap();
    let error = FileMasterKey::create(&link, &SystemRandom).unwrap_err();
    assert!(matches!(error, ProviderError::Exists { .. }));
}

#[test]
fn a_failed_creation_leaves_nothing_behind() {
    let (folder, path) = folder();
    let error = FileMasterKey::create(&path, &BrokenRandom).unwrap_err();
    assert!(matches!(error, ProviderError::Random(_)));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let nowhere = folder.path().join("no such folder/master.key");
    let error = FileMasterKey::create(&nowhere, &SystemRandom).unwrap_err();
    assert!(matches!(error, ProviderError::Io { step: "write", .. }));
}

#[test]
fn a_file_others_may_read_is_refused_with_the_command_that_helps() {
    let (_folder, path) = folder();
    FileMasterKey::create(&path, &SystemRandom).unwrap();
    for mode in [0o640, 0o604, 0o660, 0o644, 0o610] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let text = refusal(&path);
        let advice = format!("is readable by others; run `chmod 600 {}`", path.display());
        assert!(text.ends_with(&advice), "{mode:o}: {text}");
    }
    for mode in [0o600, 0o400] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert!(FileMasterKey::open(&path).is_ok(), "{mode:o}");
    }
}

#[test]
fn each_wrong_file_says_what_is_wrong_in_one_line() {
    let (folder, path) = folder();
    assert!(refusal(&path).contains("does not exist; restore it"));
    assert!(refusal(folder.path()).contains("is not a regular file"));
    let key = "ab".repeat(32);
    let cases = [
        (String::new(), "is empty"),
        (key.clone(), "does not start with"),
        (
            format!("keyledger-master-key-v2:{key}\n"),
            "does not start with",
        ),
        (
            format!("keyledger-master-key-v1:{}\n", &key[1..]),
            "exactly 64",
        ),
        (format!("keyledger-master-key-v1:{key}00\n"), "exactly 64"),
        (
            format!("keyledger-master-key-v1:{}\n", key.replace('b', "x")),
            "exactly 64",
        ),
        (
            format!("keyledger-master-key-v1:{key}\nmore\n"),
            "exactly 64",
        ),
        (
            format!("keyledger-master-key-v1:{}\n", key.repeat(1000)),
            "exactly 64",
        ),
    ];
    for (content, expected) in cases {
        write(&path, &content, 0o600);
        let text = refusal(&path);
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains('\n') && !text.contains("abab"), "{text}");
    }
}

#[test]
fn another_line_end_is_accepted() {
    let (_folder, path) = folder();
    for end in ["", "\n", "\r\n"] {
        write(
            &path,
            &format!("keyledger-master-key-v1:{}{end}", "0a".repeat(32)),
            0o600,
        );
        assert!(FileMasterKey::open(&path).is_ok(), "{end:?}");
    }
}

#[test]
fn another_master_key_is_named_as_such() {
    let (folder, path) = folder();
    let first = FileMasterKey::create(&path, &SystemRandom).unwrap();
    let second = FileMasterKey::create(&folder.path().join("other"), &SystemRandom).unwrap();
    assert_ne!(first.check_value(), second.check_value());
    let wrapped = first
        .wrap(&Secret::new(vec![1; 32]), b"", &SystemRandom)
        .unwrap();
    assert!(matches!(
        second.unwrap(&wrapped, b""),
        Err(ProviderError::WrongKey)
    ));
    let cut = Wrapped::from_bytes(vec![1, 2]);
    assert!(matches!(
        first.unwrap(&cut, b""),
        Err(ProviderError::Wrap(_))
    ));
}

#[test]
fn debug_prints_no_key() {
    let (_folder, path) = folder();
    let key = FileMasterKey::create(&path, &SystemRandom).unwrap();
    assert_eq!(format!("{key:?}"), "FileMasterKey");
}
