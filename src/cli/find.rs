//! One event of the trail, by its sequence or its id.
//!
//! There is no index over ids: it would cost every event that is appended, and few are ever looked up. An id begins with its time, and
//! the trail is in the order of time, or almost: where to look is found by halving. Where that is not so, because a clock was set back,
//! the whole trail is read.

use anyhow::bail;

use super::events::{PAGE, head, page};
use super::reach::Reach;
use super::{WrongUse, seal};
use crate::admin::Request;
use crate::admin::message::{Event, EventsFrom};
use crate::audit::EventFilter;
use crate::domain::EventId;

/// How far the time in an event's identifier may lie from its time, and events from the order of their times.
const SLACK_MS: i64 = 60_000;

/// The event of a sequence or an id.
///
/// # Errors
/// There is none, or the text is neither.
pub(super) async fn find(reach: &mut Reach, text: &str) -> anyhow::Result<Event> {
    let event = match (text.parse::<u64>(), text.parse::<EventId>()) {
        (Ok(sequence), _) => {
            let found = first_from(reach, sequence).await?;
            found.filter(|event| event.sequence == sequence)
        }
        (_, Ok(id)) => by_id(reach, id).await?,
        _ => {
            let problem = format!("`{text}` is neither a sequence nor an event's id");
            return Err(WrongUse(problem).into());
        }
    };
    if let Some(event) = event {
        return Ok(event);
    }
    if let Ok(sequence) = text.parse()
        && sequence < seal::seal(reach, Request::Seal).await?.first
    {
        bail!("{}", removed(reach, sequence).await?);
    }
    bail!("there is no event {text}; see `keyledger events list`")
}

/// What there is to say of an event that was removed.
///
/// # Errors
/// The router's.
pub(super) async fn removed(reach: &mut Reach, sequence: u64) -> anyhow::Result<String> {
    let first = seal::seal(reach, Request::Seal).await?.first;
    Ok(format!(
        "event {sequence} was removed by retention; the first event is {first}, and `keyledger events list --action trail.trim` says when"
    ))
}

/// The first event from a sequence on.
async fn first_from(reach: &mut Reach, from: u64) -> anyhow::Result<Option<Event>> {
    let request = EventsFrom {
        from,
        limit: 1,
        ..EventsFrom::default()
    };
    Ok(page(reach, request).await?.events.into_iter().next())
}

/// An event by its id: first where events of its time are, then anywhere.
async fn by_id(reach: &mut Reach, id: EventId) -> anyhow::Result<Option<Event>> {
    let (time_ms, head) = (time_ms(&id), head(reach).await?);
    let (since, until) = (
        time_ms.saturating_sub(SLACK_MS),
        time_ms.saturating_add(SLACK_MS),
    );
    let filter = EventFilter {
        since_ms: Some(since),
        until_ms: Some(until),
        ..EventFilter::default()
    };
    let near = near(reach, (since, until), head).await;
    // An event on the way that cannot be read keeps none from being found elsewhere.
    let near = near.unwrap_or(0..head);
    if let Some(found) = among(reach, id, &filter, near.clone()).await? {
        return Ok(Some(found));
    }
    if near == (0..head) {
        return Ok(None);
    }
    among(reach, id, &filter, 0..head).await
}

/// The sequences of the events of these times, where the trail is in their order.
async fn near(
    reach: &mut Reach,
    (since, until): (i64, i64),
    head: u64,
) -> anyhow::Result<std::ops::Range<u64>> {
    let mut first_after = async |time: i64| {
        halve(head, async |sequence| {
            let event = first_from(reach, sequence).await?;
            anyhow::Ok(event.is_none_or(|event| event_time_ms(&event) >= time))
        })
        .await
    };
    Ok(first_after(since).await?..first_after(until).await?)
}

/// The first number below `end` for which `holds`, or `end`; `holds` for all that come after one for which it does.
async fn halve(
    end: u64,
    mut holds: impl AsyncFnMut(u64) -> anyhow::Result<bool>,
) -> anyhow::Result<u64> {
    let (mut first, mut end) = (0, end);
    while first < end {
        let middle = first + (end - first) / 2;
        if holds(middle).await? {
            end = middle;
        } else {
            first = middle + 1;
        }
    }
    Ok(first)
}

/// The event of this id among those of these sequences that pass a filter.
async fn among(
    reach: &mut Reach,
    id: EventId,
    filter: &EventFilter,
    sequences: std::ops::Range<u64>,
) -> anyhow::Result<Option<Event>> {
    let mut from = sequences.start;
    while from < sequences.end {
        let request = EventsFrom {
            from,
            limit: PAGE,
            filter: filter.clone(),
            wait_ms: 0,
        };
        let page = page(reach, request).await?;
        let found = page
            .events
            .into_iter()
            .find(|event| id_of(event) == Some(id));
        if found.is_some() || page.next >= page.head {
            return Ok(found);
        }
        from = page.next;
    }
    Ok(None)
}

/// The id of an event, which is its first field.
fn id_of(event: &Event) -> Option<EventId> {
    let (id, _) = event.json.strip_prefix("{\"id\":\"")?.split_once('"')?;
    id.parse().ok()
}

/// The time of an event, as its id has it.
fn event_time_ms(event: &Event) -> i64 {
    id_of(event).map_or(0, |id| time_ms(&id))
}

/// The time in an id: its first 48 bits, in milliseconds since 1970.
fn time_ms(id: &EventId) -> i64 {
    let [a, b, c, d, e, f, ..] = *id.as_bytes();
    i64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::admin::message::EventRecord;
    use crate::admin::{Admin, Request, Response};
    use crate::crypto::SystemRandom;
    use crate::domain::{Clock as _, ManualClock, Scope};
    use crate::store::{InitMeta, Store, StoreConfig};

    /// Events at these minutes of a clock, by their ids.
    async fn trail(minutes: &[i64]) -> (tempfile::TempDir, Reach, Vec<String>) {
        let directory = tempfile::tempdir().unwrap();
        let meta = InitMeta {
            origin_name: "n".into(),
            master_key_check: [0; 16],
            created: 0,
        };
        let path = directory.path().join("k.db");
        let store = Store::create(&path, &StoreConfig::default(), &meta).unwrap();
        let clock = Arc::new(ManualClock::new(0));
        let admin = Admin::new(store, clock.clone(), Arc::new(SystemRandom), None, None);
        let scope = Scope {
            crn_prefix: Scope::DEFAULT_CRN_PREFIX.into(),
            account: "acc".into(),
            location: "eu-de".into(),
            instance: String::new(),
        };
        let mut reach = Reach::over(Arc::new(admin.with_global_scope(Ok(scope))));
        let document = r#"{"action":"vcs.create","outcome":"success","target":{"id":"vcs-1"}}"#;
        let record: EventRecord = serde_json::from_str(document).unwrap();
        let mut ids = Vec::new();
        for minute in minutes {
            clock.advance_ms((1_800_000_000 + minute * 60) * 1000 - clock.now_ms());
            let request = Request::EventRecord(Box::new(record.clone()));
            match reach.run(request).await.unwrap() {
                Response::Recorded(recorded) => ids.push(recorded.id),
                other => panic!("not recorded: {other:?}"),
            }
        }
        (directory, reach, ids)
    }

    #[tokio::test]
    async fn an_event_is_found_by_its_id_whatever_the_clock_did() {
        let forward: Vec<i64> = (0..40).map(|number| number * 10).collect();
        // Set back by days, and forth.
        let stepped = [0, 10, 20, -5000, -4990, -4980, 30, 40, 41, 42, 9000, 50];
        for minutes in [&forward[..], &stepped, &[7], &[0, 0, 0]] {
            let (_directory, mut reach, ids) = trail(minutes).await;
            for (sequence, id) in (0..).zip(&ids) {
                let found = find(&mut reach, id).await.unwrap();
                assert_eq!(found.sequence, sequence, "{minutes:?}");
            }
            let error = find(&mut reach, "01900000-0000-7000-8000-000000000000").await;
            assert!(error.unwrap_err().to_string().contains("there is no event"));
            reach.close().await;
        }
    }

    #[tokio::test]
    async fn where_to_look_is_found_by_halving() {
        let (_directory, mut reach, _) = trail(&(0..40).collect::<Vec<_>>()).await;
        let at = |minute: i64| (1_800_000_000 + minute * 60) * 1000;
        let near = near(&mut reach, (at(17), at(19)), 40).await.unwrap();
        assert_eq!(near, 17..19);
        for wanted in [0, 1, 12_345, 999_999, 1_000_000] {
            let mut asked = 0;
            let found = halve(1_000_000, async |number| {
                asked += 1;
                Ok(number >= wanted)
            });
            assert_eq!(found.await.unwrap(), wanted);
            assert!(asked <= 20, "{asked}");
        }
    }
}
