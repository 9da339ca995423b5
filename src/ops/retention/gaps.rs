//! What targets never get because it is removed: the events that say so, and the gaps that are kept.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::decision::next_of;
use super::{Retention, Trouble};
use crate::audit::{Action, Data, Event, Target};
use crate::domain::TargetId;
use crate::domain::retention::missed;
use crate::domain::routing::{self, Routing};
use crate::ops::node;
use crate::store::{Behind, Gap, Sequence};

/// Ranges that one event names at most: there are more events, then.
const RANGES_PER_EVENT: usize = 250;

/// What a target misses.
pub(super) struct Missed {
    target: TargetId,
    pub(super) name: String,
    target_type: String,
    ranges: Vec<RangeInclusive<u64>>,
}

impl Missed {
    /// How many events.
    pub(super) fn count(&self) -> u64 {
        count(&self.ranges)
    }

    /// It as it is kept.
    pub(super) fn gaps(&self) -> impl Iterator<Item = Gap> {
        self.ranges.iter().map(|range| Gap {
            target: self.target,
            first: Sequence(*range.start()),
            last: Sequence(*range.end()),
        })
    }
}

fn count(ranges: &[RangeInclusive<u64>]) -> u64 {
    ranges
        .iter()
        .map(|range| range.end() - range.start() + 1)
        .sum()
}

impl Retention {
    /// What targets miss of the events before `kept_from`. One that no route names passes by what comes next anyway, but for what is parked.
    pub(super) fn missed(
        &self,
        routing: &Routing,
        behind: &[Behind],
        kept_from: u64,
    ) -> Vec<Missed> {
        let (head, epochs) = (self.store().head().0, self.store().epochs());
        let one = |behind: &Behind| {
            let is_it = |target: &&routing::Target| target.id == behind.target;
            // One that is gone misses nothing.
            let target = routing.targets.iter().find(is_it)?;
            let is_named = routing.check_unused(target.id).is_err();
            let next = match is_named {
                true => next_of(behind.cursor, &epochs, head),
                false => kept_from,
            };
            let ranges = missed(next, &behind.parked, kept_from);
            (!ranges.is_empty()).then(|| Missed {
                target: target.id,
                name: target.name.clone(),
                target_type: target.target_type.clone(),
                ranges,
            })
        };
        behind.iter().filter_map(one).collect()
    }

    /// The events that say so.
    pub(super) fn skips(&self, missed: &[Missed]) -> Result<Vec<Event>, Trouble> {
        let mut events = Vec::new();
        for missed in missed {
            for ranges in missed.ranges.chunks(RANGES_PER_EVENT) {
                let data = Data::object(&said(missed, ranges));
                let event = node::event(&self.service, Action::TargetSkip, data);
                events.push(Event {
                    target: Target::Resource(missed.target.to_string()),
                    ..event.map_err(Trouble::Event)?
                });
            }
        }
        Ok(events)
    }
}

fn said(missed: &Missed, ranges: &[RangeInclusive<u64>]) -> Map<String, Value> {
    let text = |range: &RangeInclusive<u64>| match (range.start(), range.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    };
    let sequences: Vec<Value> = ranges.iter().map(|range| text(range).into()).collect();
    Map::from_iter([
        ("id".to_owned(), missed.target.to_string().into()),
        ("name".to_owned(), missed.name.clone().into()),
        ("targetType".to_owned(), missed.target_type.clone().into()),
        ("sequences".to_owned(), sequences.into()),
        ("count".to_owned(), count(ranges).into()),
    ])
}
