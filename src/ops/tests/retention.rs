//! Old events go, on a clock that stands still: never before everybody has them, unless a limit says so.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

use super::*;
use crate::domain::TargetId;
use crate::domain::retention::Policy;
use crate::domain::routing::{RoutingSettings, Target as RoutingTarget};
use crate::ops::retention::{Reached, Retention, Said};
use crate::store::{ApplyError, Cursor, Delivered, From, Parked, Seal};

const DAY_MS: i64 = 86_400_000;
const TARGET: TargetId = TargetId::from_bytes([7; 16]);

/// A server with a trail and a target that the settings name.
struct Site {
    fixture: Fixture,
    policy: Policy,
    said: Said,
}

impl Site {
    /// Keeps events for 90 days; has 1000 of today.
    async fn new() -> Self {
        let site = Self {
            fixture: Fixture::new().await,
            policy: Policy {
                keep_days: 90,
                ..Policy::default()
            },
            said: Said::default(),
        };
        let target = RoutingTarget {
            id: TARGET,
            name: "siem".to_owned(),
            target_type: "file".to_owned(),
            region: None,
            rendering: crate::domain::routing::Rendering::Sealed,
            endpoint: "{}".to_owned(),
            created: 0,
            updated: 0,
            version: 1,
        };
        let cursor = Write::Cursor(TARGET, From::Event(Sequence(0)));
        site.apply(vec![Write::Target(Box::new(target), Vec::new()), cursor], 1)
            .await;
        site.name_target(true).await;
        let more = 1000 - site.store().head().0;
        site.apply(vec![], usize::try_from(more).unwrap()).await;
        site.seal().await;
        site
    }

    fn store(&self) -> &Store {
        self.fixture.service.store()
    }

    async fn name_target(&self, is_named: bool) {
        self.apply(vec![naming(is_named)], 1).await;
    }

    /// A hook that has every event, and the second time it says so names the target.
    fn naming_meanwhile(&self) -> Reached {
        let (service, calls) = (Arc::clone(&self.fixture.service), AtomicUsize::new(0));
        let runtime = tokio::runtime::Handle::current();
        Box::new(move || {
            if calls.fetch_add(1, Ordering::Relaxed) == 1 {
                let apply = apply(&service, vec![naming(true)], 1);
                std::thread::scope(|scope| {
                    scope.spawn(|| runtime.block_on(apply));
                });
            }
            Sequence(u64::MAX)
        })
    }

    async fn apply(&self, writes: Vec<Write>, events: usize) {
        apply(&self.fixture.service, writes, events).await;
    }

    async fn seal(&self) {
        let seal = Seal::Checkpoint(self.store().head().0, "a note\n".to_owned());
        self.store().keep(seal).await.unwrap();
    }

    async fn deliver(&self, to: u64, parked: &[u64]) {
        let parked = parked.iter().map(|sequence| Parked {
            sequence: Sequence(*sequence),
            reason: "refused".to_owned(),
            parked_ms: 5,
            is_due: false,
        });
        let advanced = Delivered::Advanced {
            from: self.store().cursor(TARGET).await.unwrap(),
            to: Cursor {
                epoch: 1,
                next: Sequence(to),
                checkpoint: 0,
            },
            parked: parked.collect(),
        };
        self.store().keep_delivered(TARGET, advanced).await.unwrap();
    }

    /// One look at the trail; gives the first event that is kept from then on.
    async fn look(&mut self) -> u64 {
        self.look_with_hook(None).await.unwrap();
        self.store().kept_from().0
    }

    async fn look_with_hook(&mut self, hook: Option<u64>) -> Result<(), String> {
        self.look_while(hook.map(|at| Box::new(move || Sequence(at)) as _))
            .await
    }

    /// One look, with what the hook does while it goes on.
    async fn look_while(&mut self, hook: Option<Reached>) -> Result<(), String> {
        let (_stop, stopping) = watch::channel(false);
        let service = Arc::clone(&self.fixture.service);
        let retention = Retention::new(service, self.policy, hook);
        let looked = retention.look(&mut self.said, &stopping).await;
        match &looked {
            Ok(()) => self.said.goes_well(),
            Err(trouble) => retention.tell(trouble, &mut self.said).await,
        }
        looked.map_err(|trouble| trouble.to_string())
    }

    async fn is_gone_until(&mut self, first: u64) {
        assert_eq!(self.look().await, first);
        assert_eq!(self.store().first().await.unwrap(), Sequence(first));
    }

    /// A hook that has every event, and while it says so moves the target on by one, each time but every `rests`th.
    fn moving(&self, rests: usize) -> Reached {
        let db = self.fixture._folder.path().join("keyledger.db");
        let calls = AtomicUsize::new(0);
        Box::new(move || {
            if !(calls.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(rests) {
                let db = rusqlite::Connection::open(&db).unwrap();
                db.execute("UPDATE delivery SET next = next + 1", [])
                    .unwrap();
            }
            Sequence(u64::MAX)
        })
    }

    /// Somebody else changes the database.
    fn changes(&self, sql: &str) {
        let db = self.fixture._folder.path().join("keyledger.db");
        let db = rusqlite::Connection::open(db).unwrap();
        db.execute_batch(sql).unwrap();
    }

    fn days_pass(&self, days: i64) {
        self.fixture.clock.advance_ms(days * DAY_MS);
    }

    /// The events of an action, as outcome and data.
    async fn said(&self, action: Action) -> Vec<(String, serde_json::Value)> {
        let from = self.store().first().await.unwrap();
        let page = self.store().sealed_events(from, 5000).await.unwrap();
        let mut said = Vec::new();
        for stored in page.events {
            if stored.event.action == action {
                let mut json = Vec::new();
                stored.event.write_json(&mut json);
                let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
                let outcome = json["outcome"].as_str().unwrap().to_owned();
                said.push((outcome, json["requestData"].clone()));
            }
        }
        said
    }
}

fn naming(is_named: bool) -> Write {
    Write::RoutingSettings(RoutingSettings {
        default_targets: if is_named { vec![TARGET] } else { vec![] },
        ..RoutingSettings::default()
    })
}

/// Records as many events, the first with these writes.
async fn apply(service: &Service, writes: Vec<Write>, events: usize) {
    let store = service.store();
    let page = store.sealed_events(Sequence(0), 1).await.unwrap();
    let like = page.events[0].event.as_ref().clone();
    let event = Event {
        time_ms: service.now_ms(),
        ..like
    };
    let mut changeset = Changeset::new(event.clone());
    (1..events).for_each(|_| changeset.record(event.clone()));
    writes.into_iter().for_each(|write| changeset.write(write));
    store.apply(changeset).await.unwrap();
}

#[tokio::test]
async fn events_go_when_they_are_old_and_delivered_and_their_removal_is_sealed() {
    let mut site = Site::new().await;
    site.deliver(900, &[]).await;
    site.days_pass(90);
    assert_eq!(site.look().await, 0, "not older than 90 days");
    site.days_pass(1);
    assert_eq!(site.look().await, 768);
    let trimmed = site.said(Action::TrailTrim).await;
    let data = serde_json::json!({"epoch": 1, "firstSequence": 0, "lastSequence": 767, "reason": "keep-days = 90"});
    assert_eq!(trimmed, [("success".to_owned(), data)]);
    assert_eq!(site.look().await, 768);
    assert_eq!(site.store().first().await.unwrap(), Sequence(0));
    site.seal().await;
    site.is_gone_until(768).await;
    assert!(site.said(Action::TargetSkip).await.is_empty());
    assert_eq!(site.store().gaps(TARGET, 9).await.unwrap(), []);
    // It has nothing more to say.
    let head = site.store().head();
    assert_eq!((site.look().await, site.store().head()), (768, head));
}

#[tokio::test]
async fn what_a_target_that_is_named_has_not_holds_it_and_what_another_has_not_does_not() {
    let mut site = Site::new().await;
    site.days_pass(91);
    site.deliver(300, &[]).await;
    assert_eq!(site.look().await, 256);
    assert_eq!(site.said.held_by, Some(TARGET));
    let mut site = Site::new().await;
    site.days_pass(91);
    site.deliver(900, &[255]).await;
    assert_eq!(site.look().await, 0);
    site.name_target(false).await;
    assert_eq!(site.look().await, 768);
    assert_eq!(site.said.held_by, None);
    // It refused that one, and no one gets it any more.
    let skipped = site.said(Action::TargetSkip).await;
    assert_eq!(skipped[0].1["sequences"], serde_json::json!(["255"]));
    assert_eq!(site.store().parked_count(TARGET).await.unwrap(), 0);
}

#[tokio::test]
async fn an_audit_hook_is_waited_for_whatever_the_limits() {
    let mut site = Site::new().await;
    site.policy.keep_days_max = 90;
    site.days_pass(91);
    site.look_with_hook(Some(200)).await.unwrap();
    assert_eq!(site.store().kept_from(), Sequence(0));
    site.look_with_hook(Some(513)).await.unwrap();
    assert_eq!(site.store().kept_from(), Sequence(512));
}

#[tokio::test]
async fn past_a_limit_a_gap_is_recorded_and_the_target_goes_on_after_it() {
    let mut site = Site::new().await;
    site.deliver(600, &[5, 6, 599]).await;
    site.policy.keep_days_max = 100;
    site.days_pass(99);
    assert_eq!(site.look().await, 0);
    site.days_pass(2);
    assert_eq!(site.look().await, 768);
    let trimmed = site.said(Action::TrailTrim).await;
    assert_eq!(trimmed[0].1["reason"], "keep-days-max = 100");
    let skipped = site.said(Action::TargetSkip).await;
    let data = serde_json::json!({
        "id": TARGET.to_string(), "name": "siem", "targetType": "file", "sequences": ["5-6", "599-767"], "count": 171,
    });
    assert_eq!(skipped, [("success".to_owned(), data)]);
    let gaps = site.store().gaps(TARGET, 9).await.unwrap();
    let gaps: Vec<_> = gaps.iter().map(|gap| (gap.first.0, gap.last.0)).collect();
    assert_eq!(gaps, [(599, 767), (5, 6)]);
    let cursor = site.store().cursor(TARGET).await.unwrap().unwrap();
    assert_eq!(cursor.next, Sequence(768));
    assert_eq!(site.store().parked_count(TARGET).await.unwrap(), 0);
    site.seal().await;
    site.is_gone_until(768).await;
}

#[tokio::test]
async fn of_too_many_events_the_oldest_go_however_young_and_not_more_often_than_each_hour() {
    let mut site = Site::new().await;
    site.policy = Policy {
        events_max: 1000,
        ..Policy::default()
    };
    assert_eq!(site.look().await, 0);
    site.apply(vec![], 600).await;
    site.seal().await;
    assert_eq!(site.look().await, 512);
    let skipped = site.said(Action::TargetSkip).await;
    assert_eq!(skipped[0].1["sequences"], serde_json::json!(["0-511"]));
    site.seal().await;
    site.is_gone_until(512).await;
    site.apply(vec![], 600).await;
    site.seal().await;
    assert_eq!(site.look().await, 512);
    site.fixture.clock.advance_ms(3_600_000);
    assert_eq!(site.look().await, 1024);
}

#[tokio::test]
async fn a_target_that_moves_meanwhile_does_not_keep_a_limit_from_holding() {
    for (rests, reached) in [(2, 601), (3, 602), (8, 607)] {
        let mut site = Site::new().await;
        site.deliver(600, &[]).await;
        site.policy.keep_days_max = 90;
        site.days_pass(91);
        site.look_while(Some(site.moving(rests))).await.unwrap();
        assert_eq!(site.store().kept_from(), Sequence(768));
        let skipped = site.said(Action::TargetSkip).await;
        let missed = serde_json::json!([format!("{reached}-767")]);
        assert_eq!(skipped[0].1["sequences"], missed);
        assert!(!site.said.contended);
    }
}

#[tokio::test]
async fn a_target_that_moves_every_time_is_said_to_and_nothing_goes_that_it_may_have() {
    let mut site = Site::new().await;
    site.deliver(600, &[]).await;
    site.policy.keep_days_max = 90;
    site.days_pass(91);
    for _ in 0..2 {
        let failed = site.look_while(Some(site.moving(usize::MAX))).await;
        assert_eq!(failed, Err(ApplyError::Conflict.to_string()));
        assert!(site.said.contended);
        assert_eq!(site.store().kept_from(), Sequence(0));
    }
    assert!(site.said(Action::TrailTrim).await.is_empty());
    assert_eq!(site.look().await, 768);
    assert!(!site.said.contended);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_parked_for_a_target_that_is_named_meanwhile_stays() {
    let mut site = Site::new().await;
    site.deliver(900, &[255]).await;
    site.name_target(false).await;
    site.days_pass(91);
    let names = site.naming_meanwhile();
    site.look_while(Some(names)).await.unwrap();
    let default_targets = &site.store().routing().settings.default_targets;
    assert_eq!(default_targets[..], [TARGET]);
    assert_eq!(site.store().kept_from(), Sequence(0));
    assert_eq!(site.store().parked_count(TARGET).await.unwrap(), 1);
    assert!(site.said(Action::TrailTrim).await.is_empty());
}

#[tokio::test]
async fn a_gap_of_many_ranges_is_named_whole_in_several_events() {
    let mut site = Site::new().await;
    let parked: Vec<_> = (0..768).step_by(2).collect();
    site.deliver(900, &parked).await;
    site.policy.keep_days_max = 90;
    site.days_pass(91);
    assert_eq!(site.look().await, 768);
    let skipped = site.said(Action::TargetSkip).await;
    let named = skipped
        .iter()
        .flat_map(|(_, data)| data["sequences"].as_array().unwrap());
    let named: Vec<u64> = named
        .map(|one| one.as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!((skipped.len(), named), (2, parked));
}

#[tokio::test]
async fn a_cursor_that_an_epoch_left_behind_holds_from_where_the_trail_went_on() {
    let mut site = Site::new().await;
    // It had events that the database lost when it was put back.
    site.deliver(1100, &[]).await;
    site.apply(vec![Write::Epoch(2, 7)], 500).await;
    site.seal().await;
    site.days_pass(91);
    assert_eq!(site.look().await, 768);
    assert_eq!(site.said.held_by, Some(TARGET));
}

#[tokio::test]
async fn what_somebody_else_took_out_is_not_covered_by_the_next_removal() {
    for change in [
        "DELETE FROM event WHERE sequence < 512",
        "DELETE FROM event WHERE sequence < 512; UPDATE removal SET kept_from = 512",
        "DELETE FROM removal",
        "UPDATE removal SET event = 3",
    ] {
        let mut site = Site::new().await;
        site.deliver(300, &[]).await;
        site.days_pass(91);
        assert_eq!(site.look().await, 256);
        site.seal().await;
        site.is_gone_until(256).await;
        site.deliver(900, &[]).await;
        site.days_pass(1);
        site.changes(change);
        let failed = site.look_with_hook(None).await.unwrap_err();
        assert!(failed.contains("of the trail"), "{change}: {failed}");
        assert_eq!(site.said(Action::TrailTrim).await.len(), 2, "{change}");
    }
}

#[tokio::test]
async fn a_trail_whose_start_is_missing_is_left_alone_and_that_is_recorded_once() {
    let mut site = Site::new().await;
    site.deliver(900, &[]).await;
    site.days_pass(91);
    site.changes("DELETE FROM event WHERE sequence = 0");
    for _ in 0..3 {
        let failed = site.look_with_hook(None).await.unwrap_err();
        assert!(failed.contains("event 0 "), "{failed}");
    }
    assert_eq!(site.store().kept_from(), Sequence(0));
    assert_eq!(site.said(Action::TrailTrim).await, [damaged()]);
}

#[tokio::test]
async fn what_is_sound_goes_and_what_was_changed_stays_with_all_after_it() {
    let mut site = Site::new().await;
    site.deliver(900, &[]).await;
    site.days_pass(91);
    site.changes(
        "CREATE TABLE old AS SELECT leaf FROM event WHERE sequence = 300;
         UPDATE event SET leaf = zeroblob(32) WHERE sequence = 300",
    );
    let failed = site.look_with_hook(None).await.unwrap_err();
    assert!(failed.contains("from 256 to 511"), "{failed}");
    assert_eq!(site.store().kept_from(), Sequence(256));
    let trimmed = site.said(Action::TrailTrim).await;
    let data = serde_json::json!({"epoch": 1, "firstSequence": 0, "lastSequence": 255, "reason": "keep-days = 90"});
    let all = [("success".to_owned(), data), damaged()];
    assert_eq!(trimmed, all);
    site.seal().await;
    site.is_gone_until(256).await;
    // It is said once, whatever went well meanwhile.
    site.fixture.clock.advance_ms(3_600_000);
    for _ in 0..3 {
        let failed = site.look_with_hook(None).await.unwrap_err();
        assert!(failed.contains("from 256 to 511"), "{failed}");
    }
    assert_eq!(site.said(Action::TrailTrim).await, all);
    // It is not read at each look, but now and then.
    site.changes("UPDATE event SET leaf = (SELECT leaf FROM old) WHERE sequence = 300");
    assert!(site.look_with_hook(None).await.is_err());
    site.fixture.clock.advance_ms(3_600_000);
    assert_eq!(site.look().await, 768);
    site.seal().await;
    site.is_gone_until(768).await;
}

#[tokio::test]
async fn what_was_changed_after_it_was_announced_stays() {
    let mut site = Site::new().await;
    site.deliver(900, &[]).await;
    site.days_pass(91);
    assert_eq!(site.look().await, 768);
    site.seal().await;
    // Its leaf hash is left alone.
    site.changes(
        "UPDATE event SET record = (SELECT record FROM event WHERE sequence = 1) WHERE sequence = 600",
    );
    let failed = site.look_with_hook(None).await.unwrap_err();
    assert!(failed.contains("event 600 "), "{failed}");
    assert_eq!(site.store().first().await.unwrap(), Sequence(512));
}

/// That the trail is damaged, as it is recorded.
fn damaged() -> (String, serde_json::Value) {
    let data = serde_json::json!({"reason": "the trail is not what was sealed"});
    ("failure".to_owned(), data)
}
