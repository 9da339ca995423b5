//! Permissions, rules and windows, and what they come to together.

use super::*;

/// Monday, 2026-11-23, 00:00 UTC.
const MONDAY: i64 = 1_795_392_000;
const DAY: i64 = 86_400;

fn at(day: i64, hour: i64, minute: i64) -> i64 {
    MONDAY + day * DAY + hour * 3600 + minute * 60
}

fn window(text: &str) -> Window {
    text.parse().unwrap()
}

#[test]
fn a_client_without_permissions_may_do_everything_its_instance_does_not_deny() {
    let all = Access::new(&Permissions::default(), Rules::default());
    let denied = Operations::NONE.with(Operation::Destroy);
    let ruled = Access::new(&Permissions::default(), Rules { denied });
    for operation in Operation::ALL.iter().copied() {
        assert_eq!(all.permits(operation, 0), Ok(()), "{operation}");
        let expected = match operation {
            Operation::Destroy => Err(Denied::Operation),
            _ => Ok(()),
        };
        assert_eq!(ruled.permits(operation, 0), expected, "{operation}");
    }
}

#[test]
fn a_rule_of_the_instance_is_above_what_a_client_is_permitted() {
    let operations = Operations::from_names(["get", "destroy"]).unwrap();
    let permissions = Permissions {
        operations: Some(operations),
        windows: Vec::new(),
    };
    let denied = Operations::NONE.with(Operation::Destroy);
    let access = Access::new(&permissions, Rules { denied });
    let permitted: Vec<_> = Operation::ALL
        .iter()
        .filter(|operation| access.includes(**operation))
        .collect();
    let expected = [
        Operation::Get,
        Operation::Query,
        Operation::DiscoverVersions,
    ];
    assert_eq!(permitted, expected.iter().collect::<Vec<_>>());
}

#[test]
fn every_operation_has_a_bit_of_its_own() {
    let mut seen = Operations::NONE;
    for operation in Operation::ALL.iter().copied() {
        assert!(operation.code() < 64, "{operation} has no bit");
        assert!(!seen.contains(operation), "{operation}");
        seen = seen.with(operation);
        assert!(seen.contains(operation));
    }
}

#[test]
fn names_are_read_back_and_others_are_told() {
    let names = Operations::ALL.names();
    assert!(
        names.contains(&"get-attribute-list".to_owned()),
        "{names:?}"
    );
    assert!(!names.contains(&"query".to_owned()));
    for name in &names {
        let one = Operations::from_names([name]).unwrap();
        assert_eq!(one.names(), [name.as_str()]);
        assert_eq!(Operations::from_code(one.code()), one);
    }
    assert_eq!(
        Operations::from_code(Operations::ALL.code()),
        Operations::ALL
    );
    for (wrong, told) in [
        ("get attributes", "no operation"),
        ("Get", "no operation"),
        ("encrypt", "no operation"),
        ("query", "always permitted"),
        ("", "no operation"),
    ] {
        let error = Operations::from_names([wrong]).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
        assert!(error.contains("create, locate, get,"), "{error}");
    }
}

#[test]
fn a_window_holds_its_hours_and_no_others() {
    let office = window("mon-fri 08:00-18:00");
    for (time, inside) in [
        (at(0, 7, 59), false),
        (at(0, 8, 0), true),
        (at(4, 17, 59) + 59, true),
        (at(4, 18, 0), false),
        (at(5, 12, 0), false),
        (at(7, 12, 0), true),
        (at(-1, 12, 0), false),
    ] {
        assert_eq!(office.contains(time), inside, "{time}");
    }
    // An hour earlier in UTC.
    let berlin = window("mon-fri 08:00-18:00 +01:00");
    assert!(berlin.contains(at(0, 7, 0)) && !berlin.contains(at(0, 17, 0)));
    let before_1970 = window("daily 00:00-24:00");
    assert!(before_1970.contains(-1) && before_1970.contains(i64::MAX));
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_it_begins() {
    let night = window("fri 22:00-06:00");
    for (time, inside) in [
        (at(4, 21, 59), false),
        (at(4, 22, 0), true),
        (at(5, 5, 59), true),
        (at(5, 6, 0), false),
        (at(5, 22, 0), false),
        (at(4, 5, 0), false),
    ] {
        assert_eq!(night.contains(time), inside, "{time}");
    }
    // The offset moves the day, too: Saturday 00:30 there is Friday 14:30 here.
    let kiritimati = window("sat 00:00-01:00 +10:00");
    assert!(kiritimati.contains(at(4, 14, 30)) && !kiritimati.contains(at(5, 0, 30)));
}

#[test]
fn a_window_is_written_in_one_way_and_read_back() {
    for (given, written) in [
        ("mon-fri 08:00-18:00", "mon,tue,wed,thu,fri 08:00-18:00 UTC"),
        ("sat-mon 00:00-24:00 Z", "mon,sat,sun 00:00-24:00 UTC"),
        ("mon-sun 22:00-06:30 -03:30", "daily 22:00-06:30 -03:30"),
        ("  wed   1:00-02:00", ""),
        ("wed,sun 01:00-02:00 +14:00", "wed,sun 01:00-02:00 +14:00"),
    ] {
        match given.parse::<Window>() {
            Ok(window) => {
                assert_eq!(window.to_string(), written);
                assert_eq!(written.parse(), Ok(window));
            }
            Err(_) => assert_eq!(written, "", "{given}"),
        }
    }
    for wrong in [
        "",
        "mon",
        "mon 08:00",
        "mon 08:00-08:00",
        "mon 24:00-08:00",
        "mon 08:60-09:00",
        "mon 08:00-25:00",
        "mon 08:00-18:00 +15:00",
        "mon 08:00-18:00 01:00",
        "mon 08:00-18:00 +01:00 x",
        "Mon 08:00-18:00",
        "mon, 08:00-18:00",
        "mon +8:00-18:00",
    ] {
        let error = wrong.parse::<Window>().unwrap_err();
        assert!(error.to_string().contains("is no window"), "{wrong}");
    }
}

#[test]
fn outside_its_windows_a_client_may_ask_what_the_server_is_and_nothing_else() {
    let permissions = Permissions {
        operations: None,
        windows: vec![window("mon 08:00-10:00"), window("mon 09:00-12:00")],
    };
    let access = Access::new(&permissions, Rules::default());
    for hour in [8, 11] {
        assert_eq!(access.permits(Operation::Get, at(0, hour, 0)), Ok(()));
    }
    let late = at(0, 12, 0);
    assert_eq!(access.permits(Operation::Get, late), Err(Denied::Time));
    assert_eq!(access.permits(Operation::Query, late), Ok(()));
    assert_eq!(access.permits(Operation::DiscoverVersions, late), Ok(()));
    assert!(
        access.includes(Operation::Get),
        "what it may do does not change"
    );
}
