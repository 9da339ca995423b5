use super::*;
use crate::crypto::SystemRandom;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> (Self, KeyPlace, [u8; 16]) {
        let folder = tempfile::tempdir().unwrap();
        let place = KeyPlace::new(
            folder.path().join("master.key"),
            Provider::File,
            ProviderSettings::default(),
        );
        let key = place.create(Provider::File, None, &SystemRandom).unwrap();
        (Self(folder), place, key.check_value())
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn check(place: &KeyPlace) -> [u8; 16] {
    place.open(None).unwrap().check_value()
}

#[test]
fn a_prepared_key_takes_the_place_and_the_old_one_is_kept() {
    let (folder, place, old) = Folder::new();
    let next = place.prepare(Provider::File, None, &SystemRandom).unwrap();
    let new = next.key.check_value();
    assert!(place.is_unsettled().unwrap());
    assert_eq!(check(&place), old, "nothing is replaced yet");
    place.put(&next, old).unwrap();
    assert_eq!(check(&place), new);
    let retired = format!("master.key.{}.retired", hex::encode(old));
    assert_eq!(folder.names(), ["master.key".to_owned(), retired.clone()]);
    let kept = KeyPlace::new(
        folder.0.path().join(retired),
        Provider::File,
        ProviderSettings::default(),
    );
    assert_eq!(check(&kept), old);
    assert!(!place.is_unsettled().unwrap());
}

#[test]
fn what_was_cut_off_is_finished_by_what_the_database_names() {
    // Before the database was changed.
    let (folder, place, old) = Folder::new();
    let next = place.prepare(Provider::File, None, &SystemRandom).unwrap();
    let new = next.key.check_value();
    assert!(!place.settle(old).unwrap());
    assert_eq!(check(&place), old);
    let aside = format!("master.key.{}.retired", hex::encode(new));
    assert_eq!(folder.names(), ["master.key".to_owned(), aside]);
    // After it.
    let (folder, place, old) = Folder::new();
    let next = place.prepare(Provider::File, None, &SystemRandom).unwrap();
    let new = next.key.check_value();
    assert!(place.settle(new).unwrap());
    assert_eq!(check(&place), new);
    let kept = folder.names().remove(1);
    assert_eq!(
        check(&KeyPlace::new(
            folder.0.path().join(kept),
            Provider::File,
            ProviderSettings::default()
        )),
        old
    );
    // In the middle of the last step: the old one is kept already.
    let (folder, place, old) = Folder::new();
    let next = place.prepare(Provider::File, None, &SystemRandom).unwrap();
    let new = next.key.check_value();
    let kept = place.beside(&format!("before-{}.retired", hex::encode(new)));
    fs::hard_link(place.path(), &kept).unwrap();
    assert!(place.settle(new).unwrap());
    assert_eq!(
        (
            check(&place),
            check(&KeyPlace::new(
                kept,
                Provider::File,
                ProviderSettings::default()
            ))
        ),
        (new, old)
    );
    assert_eq!(folder.names().len(), 2);
    assert!(!place.settle(new).unwrap(), "once");
}

#[test]
fn what_was_left_of_a_key_that_was_being_made_is_made_anew() {
    let (folder, place, old) = Folder::new();
    fs::write(place.beside("new"), "half a key").unwrap();
    let next = place.prepare(Provider::File, None, &SystemRandom).unwrap();
    assert_ne!(next.key.check_value(), old);
    assert_eq!(folder.names().len(), 2);
    // A lost key is replaced too.
    fs::remove_file(place.path()).unwrap();
    assert!(!place.is_taken());
    place.put(&next, old).unwrap();
    assert_eq!(check(&place), next.key.check_value());
}

#[test]
fn a_file_tells_whose_key_it_is_and_its_secret_is_asked_for() {
    let (_folder, place, _) = Folder::new();
    assert_eq!(place.provider().unwrap(), Provider::File);
    let word = Secret::new(b"correct horse battery".to_vec());
    let next = place.prepare(Provider::Passphrase, Some(&word), &SystemRandom);
    let next = next.unwrap();
    place.put(&next, [1; 16]).unwrap();
    assert_eq!(place.provider().unwrap(), Provider::Passphrase);
    assert!(matches!(
        place.open(None),
        Err(ProviderError::NoSecret("passphrase"))
    ));
    assert!(place.open(Some(&word)).is_ok());
    let none = place.prepare(Provider::Passphrase, None, &SystemRandom);
    assert!(matches!(none, Err(ProviderError::NoSecret(_))));
}

#[test]
fn each_key_is_found_by_its_check_value_wherever_it_lies() {
    let (_folder, place, old) = Folder::new();
    assert_eq!(place.of(old).path(), place.path());
    let next = place.prepare(Provider::File, None, &SystemRandom).unwrap();
    let new = next.key.check_value();
    for step in ["prepared", "put", "another put"] {
        assert_eq!(check(&place.of(old)), old, "{step}");
        assert_eq!(check(&place.of(new)), new, "{step}");
        match step {
            "prepared" => place.put(&next, old).unwrap(),
            "put" => {
                let third = place.prepare(Provider::File, None, &SystemRandom).unwrap();
                place.put(&third, new).unwrap();
            }
            _ => {}
        }
    }
}
