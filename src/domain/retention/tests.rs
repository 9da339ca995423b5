use super::*;

const NO_LIMIT: Policy = Policy {
    keep_days: 90,
    keep_days_max: 0,
    events_max: 0,
};
const EVERY_LIMIT: Policy = Policy {
    keep_days: 90,
    keep_days_max: 180,
    events_max: 10_000,
};
const ONLY_MANY: Policy = Policy {
    keep_days: 0,
    keep_days_max: 0,
    events_max: 1000,
};
const OFF: Policy = Policy {
    keep_days: 0,
    keep_days_max: 0,
    events_max: 0,
};

const ALL: u64 = u64::MAX;

/// The policy; first, head, sealed; old, too old; had, waits; what may go, and why.
type Row = (
    &'static Policy,
    [u64; 3],
    [u64; 2],
    [u64; 2],
    Option<(u64, &'static str)>,
);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Off by default, however old.
    (&OFF, [0, 9999, 9999], [9000, 9000], [ALL, ALL], None),
    (&NO_LIMIT, [0, 9999, 9999], [0, 0], [ALL, ALL], None),
    (&NO_LIMIT, [0, 9999, 9999], [255, 0], [ALL, ALL], None),
    (&NO_LIMIT, [0, 9999, 9999], [256, 0], [ALL, ALL], Some((256, "keep-days = 90"))),
    (&NO_LIMIT, [0, 9999, 9999], [5000, 0], [ALL, ALL], Some((4864, "keep-days = 90"))),
    // Not beyond what a checkpoint seals.
    (&NO_LIMIT, [0, 9999, 600], [5000, 0], [ALL, ALL], Some((512, "keep-days = 90"))),
    (&NO_LIMIT, [0, 9999, 0], [5000, 0], [ALL, ALL], None),
    (&NO_LIMIT, [0, 500, 9999], [5000, 0], [ALL, ALL], Some((256, "keep-days = 90"))),
    // Not before everybody has it.
    (&NO_LIMIT, [0, 9999, 9999], [5000, 0], [1000, ALL], Some((768, "keep-days = 90"))),
    (&NO_LIMIT, [0, 9999, 9999], [5000, 0], [255, ALL], None),
    (&NO_LIMIT, [0, 9999, 9999], [5000, 9999], [0, ALL], None),
    // What has gone already is nothing new.
    (&NO_LIMIT, [512, 9999, 9999], [700, 0], [ALL, ALL], None),
    (&NO_LIMIT, [512, 9999, 9999], [768, 0], [ALL, ALL], Some((768, "keep-days = 90"))),
    // A limit lets go what was not delivered, and never what is not sealed or waits.
    (&EVERY_LIMIT, [0, 9999, 9999], [5000, 2000], [300, ALL], Some((1792, "keep-days-max = 180"))),
    (&EVERY_LIMIT, [0, 9999, 9999], [5000, 2000], [1792, ALL], Some((1792, "keep-days = 90"))),
    (&EVERY_LIMIT, [0, 9999, 9999], [5000, 2000], [4000, ALL], Some((3840, "keep-days = 90"))),
    (&EVERY_LIMIT, [0, 9999, 700], [5000, 2000], [0, ALL], Some((512, "keep-days-max = 180"))),
    (&EVERY_LIMIT, [0, 9999, 9999], [5000, 2000], [0, 300], Some((256, "keep-days-max = 180"))),
    (&EVERY_LIMIT, [0, 12_000, 12_000], [0, 0], [0, ALL], Some((1792, "events-max = 10000"))),
    (&EVERY_LIMIT, [0, 10_255, 10_255], [0, 0], [0, ALL], None),
    (&EVERY_LIMIT, [0, 10_256, 10_256], [0, 0], [0, ALL], Some((256, "events-max = 10000"))),
    (&ONLY_MANY, [0, 1300, 1300], [1300, 1300], [ALL, ALL], Some((256, "events-max = 1000"))),
];

#[test]
fn only_whole_blocks_go_that_are_old_and_sealed_and_had_by_all() {
    for (policy, [first, head, sealed], [old, too_old], [had, waits], expected) in
        ROWS.iter().copied()
    {
        let trail = Trail {
            first,
            head,
            sealed,
        };
        let found = removable(policy, trail, Old { old, too_old }, had, waits);
        let found = found.map(|found| (found.kept_from, found.why.to_string()));
        let expected = expected.map(|(kept_from, why)| (kept_from, why.to_owned()));
        assert_eq!(
            found, expected,
            "{policy:?} {trail:?} {old} {too_old} {had} {waits}"
        );
    }
}

#[test]
fn a_block_is_old_when_its_newest_event_is() {
    let old_until = |newest: &[Option<i64>]| {
        let mut ageing = Ageing::new(100, 512);
        for (number, newest) in (1..).zip(newest) {
            if !ageing.takes(512 + number * BLOCK, *newest) {
                break;
            }
        }
        ageing.end()
    };
    assert_eq!(old_until(&[]), 512);
    assert_eq!(old_until(&[Some(99), Some(50), Some(100), Some(3)]), 1024);
    // A clock that was wrong for a while: its events go with those after them, not before.
    assert_eq!(old_until(&[Some(99), None, None]), 768);
    assert_eq!(old_until(&[None, None, Some(7)]), 1280);
    assert_eq!(old_until(&[None, Some(100)]), 512);
}

#[test]
fn days_are_counted_back_from_now() {
    let now = 1_790_000_000_000;
    assert_eq!(OFF.old_before(now), None);
    assert_eq!(EVERY_LIMIT.old_before(now), Some(now - 90 * 86_400_000));
    assert_eq!(
        EVERY_LIMIT.too_old_before(now),
        Some(now - 180 * 86_400_000)
    );
    assert!(NO_LIMIT.is_on() && ONLY_MANY.is_on() && !OFF.is_on());
}

#[test]
fn what_a_target_missed_is_what_was_parked_and_all_from_its_cursor_on() {
    for (next, parked, kept_from, expected) in [
        (512, &[][..], 512, vec![]),
        (600, &[], 512, vec![]),
        (600, &[7], 512, vec![7..=7]),
        (
            600,
            &[3, 4, 5, 9, 511, 512, 599],
            512,
            vec![3..=5, 9..=9, 511..=511],
        ),
        (10, &[], 512, vec![10..=511]),
        (10, &[2, 8, 9], 512, vec![2..=2, 8..=511]),
        (0, &[], 256, vec![0..=255]),
    ] {
        assert_eq!(
            missed(next, parked, kept_from),
            expected,
            "{next} {parked:?}"
        );
    }
}
