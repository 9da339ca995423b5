//! How a target took what it was given last: records of the trail, or a test record where that was later.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::message::routing::WriteStatus;
use crate::domain::TargetId;
use crate::domain::clock::rfc3339;
use crate::routing::Standing;

/// What became of a test record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Test {
    /// When, milliseconds since 1970.
    pub(super) at_ms: i64,
    /// Why it was not taken, if it was not.
    pub(super) problem: Option<String>,
}

/// The last test of each target since this process began.
#[derive(Debug, Default)]
pub(super) struct Tests(Mutex<BTreeMap<TargetId, Test>>);

impl Tests {
    pub(super) fn keep(&self, target: TargetId, test: Test) {
        self.all().insert(target, test);
    }

    /// Forgets the test of a target that is gone, or is reached in another way from now on.
    pub(super) fn forget(&self, target: TargetId) {
        self.all().remove(&target);
    }

    pub(super) fn last(&self, target: TargetId) -> Option<Test> {
        self.all().get(&target).cloned()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<TargetId, Test>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The `write_status` of a target that stands so, if a server feeds it, and was last tested so.
pub(super) fn write_status(standing: Option<&Standing>, test: Option<&Test>) -> WriteStatus {
    let unfed = Standing::default();
    let standing = standing.unwrap_or(&unfed);
    let refused = test.and_then(|test| Some((test.at_ms, test.problem.clone()?)));
    let delivered = standing.delivered_ms;
    let is_over = |at_ms: i64| delivered.is_some_and(|delivered| delivered >= at_ms);
    let is_refused = refused.as_ref().is_some_and(|(at_ms, _)| !is_over(*at_ms));
    let status = if !standing.is_well() || is_refused {
        "failed"
    } else if delivered.is_some() || test.is_some() {
        "success"
    } else {
        "unknown"
    };
    let failures = standing.last_failure.clone().into_iter().chain(refused);
    let (at, reason) = failures.max_by_key(|(at_ms, _)| *at_ms).unzip();
    WriteStatus {
        status: status.to_owned(),
        last_failure: at.map(|at| rfc3339(at.div_euclid(1000))),
        reason_for_last_failure: standing.held.clone().or(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(delivered_ms: Option<i64>, failed_ms: Option<i64>, failures: u32) -> Standing {
        Standing {
            delivered_ms,
            last_failure: failed_ms.map(|at_ms| (at_ms, "of a delivery".to_owned())),
            failures,
            ..Standing::default()
        }
    }

    fn test(at_ms: i64, problem: Option<&str>) -> Test {
        let problem = problem.map(str::to_owned);
        Test { at_ms, problem }
    }

    #[test]
    fn what_was_last_tried_decides() {
        let new = || standing(None, None, 0);
        let taken = |at_ms| Some(test(at_ms, None));
        let refused = |at_ms| Some(test(at_ms, Some("of a test")));
        let (of_test, of_delivery) = (Some("of a test"), Some("of a delivery"));
        for (stands, tested, status, reason) in [
            (None, None, "unknown", None),
            (None, taken(5000), "success", None),
            (None, refused(5000), "failed", of_test),
            (Some(new()), None, "unknown", None),
            (Some(new()), taken(5000), "success", None),
            (Some(new()), refused(5000), "failed", of_test),
            // What was delivered since then counts, and what failed stays to be read.
            (
                Some(standing(Some(4000), None, 0)),
                refused(5000),
                "failed",
                of_test,
            ),
            (
                Some(standing(Some(6000), None, 0)),
                refused(5000),
                "success",
                of_test,
            ),
            (
                Some(standing(Some(6000), Some(5500), 0)),
                refused(5000),
                "success",
                of_delivery,
            ),
            // A test that is taken delivers nothing.
            (
                Some(standing(None, Some(4000), 3)),
                taken(5000),
                "failed",
                of_delivery,
            ),
        ] {
            let shown = write_status(stands.as_ref(), tested.as_ref());
            let case = format!("{stands:?} {tested:?}");
            assert_eq!(shown.status, status, "{case}");
            assert_eq!(shown.reason_for_last_failure.as_deref(), reason, "{case}");
            assert_eq!(shown.last_failure.is_some(), reason.is_some(), "{case}");
        }
        let held = Standing {
            held: Some("it is held".to_owned()),
            ..new()
        };
        let shown = write_status(Some(&held), taken(5000).as_ref());
        assert_eq!(shown.status, "failed");
        assert_eq!(shown.reason_for_last_failure.as_deref(), Some("it is held"));
    }

    #[test]
    fn a_test_is_kept_until_the_next_or_until_it_is_forgotten() {
        let (tests, target) = (Tests::default(), TargetId::from_bytes([1; 16]));
        assert_eq!(tests.last(target), None);
        for at_ms in [1, 2] {
            tests.keep(target, test(at_ms, None));
            assert_eq!(tests.last(target), Some(test(at_ms, None)));
        }
        tests.forget(target);
        assert_eq!(tests.last(target), None);
    }
}
