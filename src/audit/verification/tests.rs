use super::*;

fn checkpoint(events: &[&str]) -> Checkpoint {
    let mut tree = Tree::default();
    for event in events {
        tree.push(leaf_hash(event.as_bytes()), &mut Vec::new());
    }
    Checkpoint {
        log: "log".to_owned(),
        size: tree.size(),
        root: tree.root(),
    }
}

fn verify(events: &[&str], against: &[&[&str]]) -> Result<u64, Option<u64>> {
    let held = against.iter().enumerate();
    let held = held.map(|(number, events)| (format!("c{number}"), checkpoint(events)));
    let mut verification = Verification::new(held);
    for (sequence, event) in (0..).zip(events) {
        verification
            .event(sequence, event.as_bytes(), None)
            .map_err(|found| found.sequence)?;
    }
    let end = verification.end();
    end.map(|verified| verified.end)
        .map_err(|found| found.sequence)
}

#[test]
fn a_trail_that_grew_agrees_with_all_its_checkpoints() {
    let events = ["a", "b", "c", "d", "e"];
    let all: Vec<_> = (0..=5).rev().map(|size| &events[..size]).collect();
    assert_eq!(verify(&events, &all), Ok(5));
    assert_eq!(verify(&[], &[&[], &[]]), Ok(0));
}

#[test]
fn what_a_checkpoint_does_not_seal_is_found_between_two_of_them() {
    let (two, four) = (["a", "b"], ["a", "b", "c", "d"]);
    let altered = ["a", "b", "x", "d", "e"];
    let swapped = ["a", "b", "d", "c", "e"];
    let dropped = ["a", "b", "d", "e"];
    let inserted = ["a", "b", "x", "c", "d"];
    for events in [&altered[..], &swapped, &dropped, &inserted] {
        assert_eq!(verify(events, &[&four, &two]), Err(Some(2)), "{events:?}");
        assert!(verify(events, &[&two]).is_ok());
    }
    assert_eq!(verify(&["b", "a"], &[&two]), Err(Some(0)));
    assert_eq!(verify(&["a", "b", "c"], &[&two, &four]), Err(Some(3)));
    assert_eq!(verify(&[], &[&two]), Err(Some(0)));
}

#[test]
fn an_event_that_is_not_the_next_or_not_its_hash_is_named() {
    let mut verification = Verification::new([]);
    verification.event(0, b"a", Some(&leaf_hash(b"a"))).unwrap();
    let missing = verification.event(2, b"c", None).unwrap_err();
    assert_eq!(missing.sequence, Some(1));
    let again = verification.event(0, b"a", None).unwrap_err();
    assert_eq!(again.sequence, Some(0));
    let altered = verification.event(1, b"b", Some(&leaf_hash(b"c")));
    assert_eq!(altered.unwrap_err().sequence, Some(1));
}

/// A checkpoint of these events in a log of ours.
fn of_epoch(epoch: u32, events: &[&str]) -> Checkpoint {
    let log = crate::audit::checkpoint::log_name("node", epoch);
    Checkpoint {
        log,
        ..checkpoint(events)
    }
}

/// The event that begins an epoch, as far as it counts here.
fn begins(epoch: u32, first: u64, sealed: u64) -> String {
    format!(
        "{{\"id\":\"i\",\"eventTime\":\"t\",\"action\":\"vmware-solutions.trail.begin-epoch\",\"requestData\":\
         {{\"epoch\":{epoch},\"firstSequence\":{first},\"finding\":\"rolled-back\",\"lastSealed\":{sealed}}}}}"
    )
}

fn linear(events: &[&str], against: &[Checkpoint]) -> Result<Verified, Break> {
    let held = against.iter().map(|one| ("kept".to_owned(), one.clone()));
    let mut verification = Verification::new(held);
    for (sequence, event) in (0..).zip(events) {
        verification.event(sequence, event.as_bytes(), None)?;
    }
    verification.end()
}

/// What a target received: events, and checkpoints where `c` stands before the epoch and what they seal.
fn delivered(
    lines: &[Result<&str, &Checkpoint>],
    against: &[Checkpoint],
) -> Result<Verified, Break> {
    let held = against.iter().map(|one| ("kept".to_owned(), one.clone()));
    let mut verification = Verification::new(held).as_delivered();
    for line in lines {
        match line {
            Ok(event) => verification.line(event.as_bytes())?,
            Err(checkpoint) => verification.checkpoint("met", checkpoint)?,
        }
    }
    verification.end()
}

#[test]
fn epochs_are_named_and_each_checkpoint_is_compared_in_its_own() {
    let two = begins(2, 3, 5);
    let trail = ["a", "b", "c", &two, "e"];
    let checkpoints = [
        of_epoch(1, &trail[..2]),
        of_epoch(2, &trail[..4]),
        of_epoch(2, &trail),
    ];
    let verified = linear(&trail, &checkpoints).unwrap();
    assert_eq!((verified.agreed, verified.sealed), (3, 5));
    let spans: Vec<_> = verified
        .epochs
        .iter()
        .map(|span| (span.epoch, span.first, span.end, span.last_sealed))
        .collect();
    assert_eq!(spans, [(1, 0, 3, Some(5)), (2, 3, 5, None)]);
    // What was sealed of the first epoch and is not there.
    let lost = linear(&trail, &[of_epoch(1, &["a", "b", "c", "x", "y"])]).unwrap_err();
    assert_eq!(lost.sequence, Some(3));
    assert!(
        lost.what
            .contains("event 3 of epoch 1 is missing: epoch 2 begins"),
        "{lost}"
    );
    // An epoch that has not begun.
    let later = linear(&trail[..3], &[of_epoch(2, &trail[..4])]).unwrap_err();
    assert_eq!(later.sequence, Some(3));
    let other = linear(&trail, &[of_epoch(2, &["a", "b", "c", "x"])]).unwrap_err();
    assert_eq!(other.sequence, Some(0));
}

#[test]
fn an_epoch_that_begins_elsewhere_or_again_is_a_break() {
    for (begins, at) in [
        (begins(2, 2, 0), 3),
        (begins(2, 4, 0), 3),
        (begins(1, 3, 0), 3),
    ] {
        let broken = linear(&["a", "b", "c", &begins], &[]).unwrap_err();
        assert_eq!(broken.sequence, Some(at), "{begins}");
    }
}

#[test]
fn what_was_delivered_may_repeat_itself_and_go_back_where_an_epoch_begins() {
    let two = begins(2, 3, 5);
    let first = ["a", "b", "c", "d", "e"];
    let second = ["a", "b", "c", &two, "g"];
    let (early, late) = (of_epoch(1, &first[..2]), of_epoch(1, &first));
    let after = of_epoch(2, &second);
    let lines = [
        Ok("a"),
        Ok("b"),
        Ok("c"),
        // Later than it could have been.
        Err(&early),
        Ok("b"),
        Ok("c"),
        Ok("d"),
        Ok("e"),
        Err(&late),
        Err(&late),
        Ok("c"),
        Ok(&*two),
        Ok("g"),
        Err(&after),
    ];
    let kept = [of_epoch(1, &first[..4]), of_epoch(2, &second[..4])];
    let verified = delivered(&lines, &kept).unwrap();
    assert_eq!(
        (verified.repeated, verified.end, verified.sealed),
        (3, 5, 5)
    );
    assert_eq!(verified.agreed, 6);
    let without_d: Vec<_> = lines
        .iter()
        .copied()
        .filter(|line| *line != Ok("d"))
        .collect();
    let broken = delivered(&without_d, &[]).unwrap_err();
    assert_eq!(broken.sequence, Some(4), "{broken}");
    let mut altered = lines;
    altered[12] = Ok("x");
    assert_eq!(delivered(&altered, &[]).unwrap_err().sequence, Some(3));
    // Nothing seals it yet.
    let verified = delivered(&lines[..8], &[]).unwrap();
    assert_eq!((verified.end, verified.sealed), (5, 2));
    let unknown = of_epoch(3, &second);
    let broken = delivered(&[Ok("a"), Err(&unknown)], &[]).unwrap_err();
    assert!(
        broken.what.contains("no event before it begins that epoch"),
        "{broken}"
    );
}

#[test]
fn a_part_is_verified_by_what_is_around_it() {
    let trail: Vec<String> = (0..20_u32).map(|number| format!("e{number}")).collect();
    let trail: Vec<&str> = trail.iter().map(String::as_str).collect();
    let whole = of_epoch(1, &trail);
    let hash = |node: &crate::audit::proof::Node| {
        let part = usize::try_from(node.start).unwrap()..usize::try_from(node.end).unwrap();
        checkpoint(&trail[part]).root
    };
    let (left, right) = crate::audit::proof::around(&(5..12), 20).unwrap();
    let left: Vec<Hash> = left.iter().map(hash).collect();
    let right: Vec<Hash> = right.iter().map(hash).collect();
    let verify = |events: &[&str], epochs: &[(u32, u64)], against: &[Checkpoint]| {
        let held = against.iter().map(|one| ("kept".to_owned(), one.clone()));
        let mut verification = Verification::of_part(5, &left, epochs, held).unwrap();
        for event in events {
            verification.line(event.as_bytes())?;
        }
        verification.end_of_part("last", &whole, &right)
    };
    let kept = [8, 12, 3, 15].map(|size| of_epoch(1, &trail[..size]));
    let verified = verify(&trail[5..12], &[(1, 0)], &kept).unwrap();
    assert_eq!(
        (verified.first, verified.end, verified.elsewhere),
        (5, 12, 2)
    );
    let mut altered = trail[5..12].to_vec();
    altered[4] = "x";
    assert_eq!(
        verify(&altered, &[(1, 0)], &[]).unwrap_err().sequence,
        Some(5)
    );
    assert_eq!(
        verify(&altered, &[(1, 0)], &kept).unwrap_err().sequence,
        Some(8)
    );
    assert!(verify(&trail[5..11], &[(1, 0)], &[]).is_err());
    // A list of epochs that is wrong lets no checkpoint pass for one that agreed.
    let verified = verify(&trail[5..12], &[(1, 0), (2, 4)], &kept).unwrap();
    assert_eq!((verified.agreed, verified.elsewhere), (1, 4));
    assert!(verify(&trail[5..12], &[(1, 0)], &[of_epoch(2, &trail[..8])]).is_err());
    // One of an epoch that had ended, which says nothing of what is in it.
    let mixed = [of_epoch(1, &trail[..15]), of_epoch(2, &trail[..8])];
    let verified = verify(&trail[5..12], &[(1, 0), (2, 4)], &mixed).unwrap();
    assert_eq!((verified.agreed, verified.elsewhere), (2, 1));
    assert!(Verification::of_part(5, &left[1..], &[(1, 0)], []).is_none());
    assert!(Verification::of_part(5, &left, &[], []).is_none());
    assert!(Verification::of_part(5, &left, &[(2, 0), (1, 3)], []).is_none());
}

/// The event that begins an epoch and names the last checkpoint of the one before.
fn names(epoch: u32, first: u64, last: &Checkpoint) -> String {
    let seed = crate::crypto::Secret::new(vec![7; 32]);
    let note = last.sign(&crate::crypto::SigningKey::from_seed(&seed).unwrap());
    let note = serde_json::to_string(&note).unwrap();
    let begins = begins(epoch, first, last.size);
    begins.replace("}}", &format!(",\"lastCheckpoint\":{note}}}}}"))
}

/// Which events each epoch is known to have sealed.
fn sealed(lines: &[Result<&str, &Checkpoint>]) -> Vec<(u64, u64)> {
    let verified = delivered(lines, &[]).unwrap();
    let epochs = verified.epochs.iter();
    epochs.map(|span| (span.sealed, span.end)).collect()
}

#[test]
fn the_end_of_an_epoch_that_was_lost_is_compared_with_the_checkpoint_that_the_next_names() {
    let first = ["a", "b", "c", "d", "e", "f"];
    let early = of_epoch(1, &first[..2]);
    let two = names(2, 3, &of_epoch(1, &first[..5]));
    let second = of_epoch(2, &["a", "b", "c", &two]);
    let end = [Ok(&*two), Err(&second)];
    let lines = first.map(Ok);
    // The sixth came after what was sealed last.
    let whole = [&lines[..], &end].concat();
    assert_eq!(sealed(&whole), [(5, 6), (4, 4)]);
    let mut altered = whole.clone();
    altered[4] = Ok("x");
    let broken = delivered(&altered, &[]).unwrap_err();
    assert!(broken.what.contains("event 3 of epoch 2 names"), "{broken}");
    altered = whole.clone();
    altered[5] = Ok("x");
    assert_eq!(sealed(&altered), [(5, 6), (4, 4)]);
    // It was not received as far as it was sealed.
    assert_eq!(sealed(&[&lines[..4], &end].concat()), [(3, 4), (4, 4)]);
    // Nothing seals the event that names the checkpoint.
    let unsealed = [&[Ok("a"), Ok("b"), Err(&early)], &lines[2..], &end[..1]].concat();
    assert_eq!(sealed(&unsealed), [(2, 6), (2, 4)]);
    // A third epoch, after one of which nothing was lost, or all but what begins it.
    let three = names(3, 4, &second);
    let third = of_epoch(3, &["a", "b", "c", &two, &three]);
    let more = [&whole[..], &[Ok(&*three), Err(&third)]].concat();
    assert_eq!(sealed(&more), [(5, 6), (4, 4), (5, 5)]);
}

#[test]
fn a_trail_has_no_more_epochs_than_can_be_held() {
    let mut verification = Verification::new([]);
    let mut begin =
        |epoch: u32| verification.line(begins(epoch, u64::from(epoch - 2), 0).as_bytes());
    let most = u32::try_from(EPOCHS_MAX).unwrap();
    (2..=most).try_for_each(&mut begin).unwrap();
    assert!(
        begin(most + 1)
            .unwrap_err()
            .what
            .contains("after 4096 others")
    );
    let marks: Vec<_> = (1..=most + 1).map(|epoch| (epoch, 0)).collect();
    assert!(Verification::of_part(0, &[], &marks[1..], []).is_some());
    assert!(Verification::of_part(0, &[], &marks, []).is_none());
}

/// The event that says what was removed, as far as it counts here.
fn trims(first: u64, last: u64, outcome: &str) -> String {
    format!(
        "{{\"id\":\"i\",\"eventTime\":\"t\",\"action\":\"vmware-solutions.trail.trim\",\"outcome\":\"{outcome}\",\"requestData\":\
         {{\"epoch\":1,\"firstSequence\":{first},\"lastSequence\":{last}}}}}"
    )
}

#[test]
fn what_is_missing_at_the_start_has_to_be_removed_as_a_sealed_event_says() {
    let trim = |first, last| trims(first, last, "success");
    // What events 8 and 9 say, how many of the first are missing, how many events are sealed, and what is found.
    for (says, first, sealed, found) in [
        ([trim(0, 3), trim(4, 7)], 8, 10, Ok(Some(7))),
        ([trim(0, 3), trim(4, 7)], 8, 9, Err(4)),
        ([trim(0, 3), trim(4, 7)], 4, 9, Ok(Some(7))),
        // Announced, and not removed yet.
        ([trim(0, 3), "e".to_owned()], 2, 10, Ok(Some(3))),
        ([trim(0, 3), "e".to_owned()], 6, 10, Err(4)),
        (["d".to_owned(), "e".to_owned()], 1, 10, Err(0)),
        ([trims(0, 3, "failure"), "e".to_owned()], 4, 10, Err(0)),
        // Somebody took out more between the two.
        ([trim(0, 3), trim(6, 7)], 8, 10, Err(4)),
    ] {
        let trail: Vec<String> = (0..8_u32).map(|number| format!("e{number}")).collect();
        let trail: Vec<&str> = trail.iter().chain(&says).map(String::as_str).collect();
        let (left, _) = crate::audit::proof::around(&(first..first + 1), 10).unwrap();
        let hash = |node: &crate::audit::proof::Node| {
            let part = usize::try_from(node.start).unwrap()..usize::try_from(node.end).unwrap();
            checkpoint(&trail[part]).root
        };
        let left: Vec<Hash> = left.iter().map(hash).collect();
        let held = [("kept".to_owned(), of_epoch(1, &trail[..sealed]))];
        let verification = Verification::of_part(first, &left, &[(1, 0)], held);
        let mut verification = verification.unwrap().as_cut();
        let mut verify = || {
            for (sequence, event) in (0..).zip(&trail).filter(|(sequence, _)| *sequence >= first) {
                verification.event(sequence, event.as_bytes(), None)?;
            }
            Ok::<_, Break>(())
        };
        let verified = verify().and_then(|()| verification.end());
        let verified = verified.map(|verified| verified.removed.map(|removed| removed.last));
        let verified = verified.map_err(|broken| broken.sequence.unwrap());
        assert_eq!(verified, found, "{says:?} {first} {sealed}");
    }
}

#[test]
fn checkpoints_of_what_was_removed_are_compared_by_the_hashes_that_are_left() {
    let trail: Vec<String> = (0..20_u32).map(|number| format!("e{number}")).collect();
    let trail: Vec<&str> = trail.iter().map(String::as_str).collect();
    let hash = |node: &crate::audit::proof::Node| {
        let part = usize::try_from(node.start).unwrap()..usize::try_from(node.end).unwrap();
        checkpoint(&trail[part]).root
    };
    let hashes = |nodes: Vec<crate::audit::proof::Node>| nodes.iter().map(hash).collect::<Vec<_>>();
    let left = hashes(crate::audit::proof::around(&(12..13), 20).unwrap().0);
    for size in 0..12 {
        let mut verification = Verification::of_part(12, &left, &[(1, 0)], []).unwrap();
        let proof = hashes(crate::audit::proof::consistency(size, 12).unwrap());
        let size = usize::try_from(size).unwrap();
        let kept = of_epoch(1, &trail[..size]);
        verification.earlier("kept", &kept, &proof).unwrap();
        let mut other = trail[..size].to_vec();
        other.push("x");
        let broken = verification.earlier("kept", &of_epoch(1, &other), &proof);
        assert!(broken.is_err(), "{size}");
        assert_eq!(verification.end().unwrap().agreed, 1);
    }
    let two = [(1, 0), (2, 5)];
    assert_eq!(lost(&two, "kept", &of_epoch(1, &trail[..5])), None);
    let broken = lost(&two, "kept", &of_epoch(1, &trail[..6])).unwrap();
    assert_eq!(broken.sequence, Some(5));
}
