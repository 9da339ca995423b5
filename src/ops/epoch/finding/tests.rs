use super::*;
use crate::crypto::{Secret, SigningKey};
use crate::store::Origin;

fn signer(seed: u8) -> SigningKey {
    SigningKey::from_seed(&Secret::new(vec![seed; 32])).unwrap()
}

/// A note of this epoch, size and root, of node `n`, signed by the key of a seed.
fn note(epoch: u32, size: u64, root: u8, seed: u8) -> String {
    let checkpoint = Checkpoint {
        log: log_name("n", epoch),
        size,
        root: [root; 32],
    };
    checkpoint.sign(&signer(seed))
}

/// A trail of epoch 2 with ten events, whose root is 1, sealed whole.
fn sound() -> LastSealed {
    LastSealed {
        origin: Origin {
            name: "n".to_owned(),
            epoch: 2,
        },
        head: 10,
        key: Some(signer(7).public_key()),
        checkpoint: Some(note(2, 10, 1, 7)),
        checkpoint_root: Some([1; 32]),
        beside: Beside::Note(note(2, 10, 1, 7)),
        beside_root: Some([1; 32]),
        is_kept_beside: true,
        was_sealed: true,
    }
}

fn with_beside(text: String) -> LastSealed {
    LastSealed {
        beside: Beside::Note(text),
        ..sound()
    }
}

#[test]
fn a_trail_goes_on_from_the_checkpoint_that_it_holds() {
    assert_eq!(interruption(&sound()), None);
    assert!(agrees_with_itself(&sound()));
    // The epoch has no checkpoint yet: the file is of the one before.
    assert_eq!(interruption(&with_beside(note(1, 10, 9, 7))), None);
    let hole = LastSealed {
        beside_root: None,
        ..sound()
    };
    assert_eq!(interruption(&hole), None);
}

#[test]
fn what_was_sealed_and_is_not_there_is_found() {
    for (epoch, size, root, finding) in [
        (2, 11, 1, Finding::RolledBack),
        (3, 5, 1, Finding::RolledBack),
        (2, 10, 2, Finding::Contradicted),
    ] {
        let state = with_beside(note(epoch, size, root, 7));
        assert_eq!(interruption(&state), Some(finding));
        assert_eq!(next_epoch(&state), epoch + 1);
        let last = last_known(&state).unwrap();
        assert_eq!(last.epoch, epoch);
        assert!(last.note.is_some());
    }
    let damaged = LastSealed {
        checkpoint_root: None,
        ..sound()
    };
    assert!(!agrees_with_itself(&damaged));
}

#[test]
fn a_file_that_says_nothing_is_taken_for_a_loss_where_one_was_written() {
    for (beside, finding) in [
        (Beside::Missing, Finding::CheckpointMissing),
        (
            Beside::Unreadable(String::new()),
            Finding::CheckpointUnusable,
        ),
        (
            Beside::Note("no note".to_owned()),
            Finding::CheckpointUnusable,
        ),
    ] {
        let state = LastSealed { beside, ..sound() };
        assert_eq!(interruption(&state), Some(finding));
    }
    let fresh = |beside| LastSealed {
        beside,
        is_kept_beside: false,
        ..sound()
    };
    for beside in [Beside::Nothing, Beside::Note("no note".to_owned())] {
        assert_eq!(interruption(&fresh(beside)), None);
    }
    // Signed by another key, it says that it is of this epoch or a later one: whose number is not given again.
    let state = fresh(Beside::Note(note(5, 3, 1, 8)));
    assert_eq!(interruption(&state), Some(Finding::CheckpointUnusable));
    assert_eq!(next_epoch(&state), 6);
    let state = fresh(Beside::Note(note(1, 3, 1, 8)));
    assert_eq!(interruption(&state), None);
}

#[test]
fn a_key_that_is_missing_is_no_reason_to_make_another_unseen() {
    let without = |state: LastSealed| LastSealed { key: None, ..state };
    assert_eq!(interruption(&without(sound())), Some(Finding::KeyMissing));
    // A copy of the time before anything was signed, beside what was sealed since.
    let older = LastSealed {
        checkpoint: None,
        is_kept_beside: false,
        was_sealed: false,
        ..without(with_beside(note(4, 90, 1, 7)))
    };
    assert_eq!(interruption(&older), Some(Finding::KeyMissing));
    assert_eq!(next_epoch(&older), 5);
    let last = last_known(&older).unwrap();
    assert_eq!((last.epoch, last.size, last.note), (4, 90, None));
    // Nothing was ever signed.
    let first = LastSealed {
        beside: Beside::Nothing,
        ..older.clone()
    };
    assert_eq!(interruption(&first), None);
    // The epoch began, and the key is about to be made.
    let begun = LastSealed {
        origin: Origin {
            epoch: 5,
            ..older.origin.clone()
        },
        ..older
    };
    assert_eq!(interruption(&begun), None);
}
