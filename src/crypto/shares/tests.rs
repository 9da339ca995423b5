use super::*;
use crate::crypto::random::{BrokenRandom, SeededRandom, SystemRandom};

const KEY: [u8; 8] = [7; 8];

fn secret() -> Secret {
    Secret::new((0..32).collect())
}

fn shares(numbers: (u8, u8)) -> Vec<Share> {
    split(&secret(), KEY, numbers, &SystemRandom).unwrap()
}

fn again(share: &Share) -> Share {
    share.text().parse().unwrap()
}

#[test]
fn any_that_are_enough_give_the_secret_back_and_fewer_do_not() {
    let all = shares((3, 5));
    for a in 0..5 {
        for b in (0..5).filter(|b| *b != a) {
            for c in (0..5).filter(|c| *c != a && *c != b) {
                let given = [again(&all[a]), again(&all[b]), again(&all[c])];
                assert!(combine(&given).unwrap().constant_time_eq(&secret()));
            }
            let given = [again(&all[a]), again(&all[b])];
            let few = ShareError::TooFew {
                threshold: 3,
                given: 2,
            };
            assert_eq!(combine(&given).err(), Some(few));
        }
    }
    assert!(
        combine(&all).unwrap().constant_time_eq(&secret()),
        "more than are needed"
    );
    assert!(combine(&[]).is_err());
}

#[test]
fn fewer_shares_do_not_hold_the_secret() {
    // Two of three, with the first share said to be enough: what they give has nothing to do with the secret.
    let all = shares((3, 3));
    let forged = |share: &Share| Share {
        key: KEY,
        threshold: 2,
        index: share.index,
        value: Secret::new(share.value.expose().to_vec()),
    };
    let wrong = combine(&[forged(&all[0]), forged(&all[1])]).unwrap();
    assert!(!wrong.constant_time_eq(&secret()));
}

#[test]
fn a_share_is_text_that_can_be_typed_in_any_groups() {
    let share = &shares((2, 3))[1];
    assert_eq!((share.index(), share.threshold(), share.key()), (2, 2, KEY));
    let text = share.text();
    assert!(
        text.starts_with("keyledger-share-v1 0707 0707 0707 0707 0202 "),
        "{}",
        *text
    );
    let (prefix, digits) = text.split_at(PREFIX.len());
    let tight = digits.replace(' ', "").to_uppercase();
    let dashed = digits.replace(' ', "-");
    for written in [
        format!("{prefix} {tight}\n"),
        format!("  {prefix}{dashed}  "),
    ] {
        let read: Share = written.parse().unwrap();
        assert_eq!(*read.text(), *text);
    }
}

#[test]
fn slips_are_told_from_what_is_no_share() {
    let text = shares((2, 2))[0].text().to_string();
    for (place, digit) in text.char_indices().skip(PREFIX.len()) {
        if digit == ' ' {
            continue;
        }
        let other = if digit == '0' { "1" } else { "0" };
        let mut slipped = text.clone();
        slipped.replace_range(place..=place, other);
        assert_eq!(
            slipped.parse::<Share>().err(),
            Some(ShareError::Slip),
            "{place}"
        );
    }
    let read = |text: &str| text.parse::<Share>().err();
    assert_eq!(read("AGE-SECRET-KEY"), Some(ShareError::NotAShare));
    assert_eq!(read(&text[..text.len() - 1]), Some(ShareError::Incomplete));
    assert_eq!(read(&format!("{text}0")), Some(ShareError::Incomplete));
    assert_eq!(read(&text.replace('0', "g")), Some(ShareError::Incomplete));
}

#[test]
fn shares_that_do_not_belong_together_are_named() {
    let (one, other) = (
        shares((2, 3)),
        split(&secret(), [8; 8], (2, 3), &SystemRandom).unwrap(),
    );
    let mixed = combine(&[again(&one[0]), again(&other[1])]).err();
    let ids = (hex::encode([7; 8]), hex::encode([8; 8]));
    assert_eq!(mixed, Some(ShareError::Mixed(ids.0, ids.1)));
    let twice = combine(&[again(&one[0]), again(&one[0])]).err();
    assert_eq!(twice, Some(ShareError::Twice(1)));
}

#[test]
fn numbers_that_make_no_sense_are_refused() {
    for numbers in [(0, 3), (1, 3), (3, 2), (2, SHARES_MAX + 1)] {
        let refused = split(&secret(), KEY, numbers, &SystemRandom).err();
        assert!(
            matches!(refused, Some(ShareError::Numbers { .. })),
            "{numbers:?}"
        );
    }
    assert!(split(&Secret::new(vec![1; 31]), KEY, (2, 2), &SystemRandom).is_err());
    let broken = split(&secret(), KEY, (2, 2), &BrokenRandom).err();
    assert_eq!(broken, Some(ShareError::Random(RandomError)));
}

#[test]
fn what_is_on_paper_can_be_read_by_later_releases() {
    let all = split(&secret(), KEY, (2, 2), &SeededRandom::new(1)).unwrap();
    let printed = [
        "keyledger-share-v1 0707 0707 0707 0707 0201 7852 8e3d 80a8 9b41 3f2b \
         0352 d4d4 b61a 9df0 5fe1 8149 d7f5 1d31 1ed2 72cd 8f96 c7cb c01a",
        "keyledger-share-v1 0707 0707 0707 0707 0202 f0a7 017f 1744 278b 664d \
         18b9 a7a4 6525 11c8 88ec 25ad 8fc8 1249 1292 c0a6 2716 2cd4 82dd",
    ];
    for (share, printed) in all.iter().zip(printed) {
        assert_eq!(*share.text(), printed);
    }
    assert_eq!(format!("{:?}", all[0]), "Share 1 of 0707070707070707");
}
