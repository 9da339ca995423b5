use super::*;
use crate::crypto::SystemRandom;
use crate::providers::file::FileMasterKey;

fn key(folder: &tempfile::TempDir, name: &str) -> Arc<dyn MasterKey> {
    Arc::new(FileMasterKey::create(&folder.path().join(name), &SystemRandom).unwrap())
}

#[test]
fn what_is_wrapped_has_a_copy_that_the_recovery_key_alone_opens() {
    let folder = tempfile::tempdir().unwrap();
    let recovery = RecipientKey::draw(&SystemRandom).unwrap();
    let custody = Custody::new(key(&folder, "a"), Some(recovery.recipient()));
    let plain = Secret::new(vec![7; 32]);
    let wrapped = custody.wrap(&plain, b"place", &SystemRandom).unwrap();
    let opened = custody.unwrap(&wrapped, b"place").unwrap();
    assert!(opened.constant_time_eq(&plain));
    assert!(custody.unwrap(&wrapped, b"other").is_err());
    let recovered = recover(&wrapped, b"place", &recovery).unwrap();
    assert!(recovered.constant_time_eq(&plain));
    assert!(recover(&wrapped, b"other", &recovery).is_err());
    let stranger = RecipientKey::draw(&SystemRandom).unwrap();
    assert!(recover(&wrapped, b"place", &stranger).is_err());
    for length in 0..wrapped.as_bytes().len() {
        let cut = Wrapped::from_bytes(wrapped.as_bytes()[..length].to_vec());
        assert!(recover(&cut, b"place", &recovery).is_err(), "{length}");
    }
}

#[test]
fn what_was_wrapped_without_a_copy_opens_still_and_cannot_be_recovered() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, key) = (Secret::new(vec![7; 32]), key(&folder, "a"));
    let wrapped = key.wrap(&plain, b"place", &SystemRandom).unwrap();
    let custody = Custody::new(key, None);
    assert!(custody.unwrap(&wrapped, b"place").is_ok());
    let again = custody.wrap(&plain, b"place", &SystemRandom).unwrap();
    assert_eq!(again.as_bytes().len(), wrapped.as_bytes().len());
    let recovery = RecipientKey::draw(&SystemRandom).unwrap();
    custody.set_recovery(Some(recovery.recipient()));
    assert!(custody.unwrap(&wrapped, b"place").is_ok());
    let refused = recover(&wrapped, b"place", &recovery);
    assert!(matches!(refused, Err(ProviderError::NoCopy)));
}

#[test]
fn both_keys_open_while_one_takes_the_place_of_the_other_and_one_does_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (key(&folder, "a"), key(&folder, "b"));
    let plain = Secret::new(vec![7; 32]);
    let by = |key: &dyn MasterKey| key.wrap(&plain, b"", &SystemRandom).unwrap();
    let (by_old, by_new) = (by(&*old), by(&*new));
    let custody = Custody::new(Arc::clone(&old), None);
    assert!(custody.unwrap(&by_new, b"").is_err());
    custody.expect(Arc::clone(&new));
    assert!(custody.unwrap(&by_old, b"").is_ok() && custody.unwrap(&by_new, b"").is_ok());
    assert_eq!(custody.check_value(), old.check_value());
    custody.settle(false);
    assert!(custody.unwrap(&by_new, b"").is_err());
    custody.expect(Arc::clone(&new));
    custody.settle(true);
    assert_eq!(custody.check_value(), new.check_value());
    assert!(custody.unwrap(&by_new, b"").is_ok());
    assert!(custody.unwrap(&by_old, b"").is_err(), "the old key is gone");
}
