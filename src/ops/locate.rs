//! Locate (KMIP 1.4 §4.9): the identifiers of the objects that meet every criterion.
//!
//! The matches pass by in the order of identifiers, page after page, and only those that are answered are kept. Each page is the state of
//! the store at that moment, and what the message itself has made or changed stands in for what the store has.

use std::iter::Peekable;
use std::sync::Arc;

use crate::audit::Field;
use crate::domain::locate::{Lead, Search, SearchRefused};
use crate::domain::{Object, ObjectId};
use crate::kmip::mask::StorageStatusMask;
use crate::kmip::payload::locate::{Request, Response};
use crate::kmip::version::ProtocolVersion;
use crate::ops::context::Context;
use crate::ops::error::{Cause, OpError};
use crate::ops::report::Report;
use crate::store::query::By;

/// How many whole objects one look into the store passes at most; fewer where they are large.
const OBJECTS_PER_LOAD: usize = 64;

pub(crate) async fn run(
    ctx: &mut Context<'_>,
    request: &Request,
    report: &mut Report,
) -> Result<Response, OpError> {
    let names = request.attributes.iter();
    let names = names.map(|criterion| criterion.name.text());
    report.asked(|data| data.list(Field::AttributeNames, names));
    if !request.template_names.is_empty() {
        return Err(OpError::new(
            Cause::InvalidField,
            "there are no templates here",
        ));
    }
    let bytes_max = ctx.bounds().bytes_max;
    let member = request.object_group_member;
    let search = Search::new(&request.attributes, member, bytes_max, ctx.now())?;
    let search = Arc::new(search);
    let window = Window::of(ctx, request, &search);
    let found = if is_on_line(request) {
        find(ctx, &search, window).await?
    } else {
        window
    };
    if found.is_cut_unseen(ctx.version) {
        return Err(OpError::new(
            Cause::ResponseTooLarge,
            "more matches than one answer holds",
        ));
    }
    place(ctx, &found.kept);
    let located = i64::try_from(found.kept.len()).unwrap_or(i64::MAX);
    report.answered(|data| data.number(Field::LocatedItems, located));
    Ok(Response {
        located_items: u32::try_from(found.total).ok(),
        unique_identifiers: found.kept.iter().map(ObjectId::to_string).collect(),
    })
}

/// Whether on-line storage is asked for: nothing is archived here (KMIP 1.4 §9.1.3.3.2).
fn is_on_line(request: &Request) -> bool {
    let on_line = StorageStatusMask::ON_LINE_STORAGE;
    request
        .storage_status_mask
        .is_none_or(|mask| mask.contains(on_line))
}

/// One object found is the ID Placeholder of what follows; none or several leave it empty.
fn place(ctx: &mut Context<'_>, answered: &[ObjectId]) {
    match answered {
        [only] => ctx.place(Some(*only)),
        _ => ctx.place(None),
    }
}

/// The part of the matches that is answered, and how many have passed by.
struct Window {
    skip: usize,
    most: usize,
    /// The client asked for no more than `most`: it knows that there may be others.
    is_asked: bool,
    /// After how many matches nothing more is to be learned.
    enough: usize,
    /// Only the last match counts.
    only_last: bool,
    total: usize,
    kept: Vec<ObjectId>,
}

impl Window {
    fn of(ctx: &Context<'_>, request: &Request, search: &Search) -> Self {
        let skip = request.offset_items.map_or(0, count);
        let asked = request.maximum_items.map_or(usize::MAX, count);
        let most = asked.min(ctx.service.config().locate_results_max);
        let is_asked = asked == most;
        let end = skip.saturating_add(most);
        let only_last = search.wants_last();
        let enough = if tells_total(ctx.version) || only_last {
            usize::MAX
        } else if is_asked {
            end
        } else {
            // One more tells that not all are answered.
            end.saturating_add(1)
        };
        Self {
            skip,
            most,
            is_asked,
            enough,
            only_last,
            total: 0,
            kept: Vec::new(),
        }
    }

    /// The next match passes by.
    fn pass(&mut self, id: ObjectId) {
        if self.only_last {
            self.kept.clear();
            self.total = 0;
        }
        if self.total >= self.skip && self.kept.len() < self.most {
            self.kept.push(id);
        }
        self.total = self.total.saturating_add(1);
    }

    const fn has_enough(&self) -> bool {
        self.total >= self.enough
    }

    /// Whether the answer would leave out matches and the client, who asked for more, could not see it.
    fn is_cut_unseen(&self, version: ProtocolVersion) -> bool {
        let left_out = self.total > self.skip.saturating_add(self.most);
        left_out && !self.is_asked && !tells_total(version)
    }
}

/// Whether Located Items is in answers of this version.
fn tells_total(version: ProtocolVersion) -> bool {
    version >= ProtocolVersion::V1_3
}

async fn find(
    ctx: &mut Context<'_>,
    search: &Arc<Search>,
    mut window: Window,
) -> Result<Window, OpError> {
    let Some(by) = by(search.lead()) else {
        return Ok(window);
    };
    let mut ours = Ours::of(ctx, search).await;
    let mut after = None;
    while !window.has_enough() {
        let page = ctx.locate(by.clone(), after).await?;
        let heads = page.heads.iter().filter(|head| search.may_match(head));
        let candidates: Vec<ObjectId> = heads.map(|head| head.id).collect();
        if search.needs_heads_only() {
            candidates
                .iter()
                .for_each(|id| ours.pass_before(*id, &mut window));
        } else {
            let mut rest = candidates.as_slice();
            while !rest.is_empty() {
                let ids = rest.iter().take(OBJECTS_PER_LOAD).copied().collect();
                let look = ctx.look_through(ids, search).await?;
                let matching = look.matching.into_iter();
                matching.for_each(|id| ours.pass_before(id, &mut window));
                rest = rest.get(look.passed..).unwrap_or_default();
            }
        }
        after = page.next;
        if after.is_none() {
            ours.pass_rest(&mut window);
            break;
        }
    }
    Ok(window)
}

/// What this message has made or changed: in place of what the store has.
struct Ours {
    /// In order.
    changed: Vec<ObjectId>,
    matching: Peekable<std::vec::IntoIter<ObjectId>>,
}

impl Ours {
    async fn of(ctx: &Context<'_>, search: &Search) -> Self {
        let mut objects: Vec<Arc<Object>> = ctx.changed().cloned().collect();
        objects.sort_unstable_by_key(|object| object.id);
        let mut matching = Vec::new();
        for object in &objects {
            if search.matches(object) {
                matching.push(object.id);
            }
            // There may be many, and large ones: others have their turn in between.
            tokio::task::yield_now().await;
        }
        Self {
            changed: objects.iter().map(|object| object.id).collect(),
            matching: matching.into_iter().peekable(),
        }
    }

    /// A match of the store passes by, and before it those of this message that come before it.
    fn pass_before(&mut self, id: ObjectId, window: &mut Window) {
        while let Some(ours) = self.matching.next_if(|ours| *ours < id) {
            window.pass(ours);
        }
        if self.changed.binary_search(&id).is_err() {
            window.pass(id);
        }
    }

    fn pass_rest(&mut self, window: &mut Window) {
        self.matching.by_ref().for_each(|id| window.pass(id));
    }
}

fn by(lead: &Lead) -> Option<By> {
    Some(match lead {
        Lead::Nothing => return None,
        Lead::Id(id) => By::Id(*id),
        Lead::Name {
            text,
            name_type,
            live,
        } => By::Name {
            text: text.clone(),
            name_type: *name_type,
            live: *live,
        },
        Lead::Values(values) => {
            let stored = values.iter();
            By::Values(
                stored
                    .map(|(name, value)| (name.clone(), value.to_stored()))
                    .collect(),
            )
        }
        Lead::All => By::All,
    })
}

fn count(items: u32) -> usize {
    usize::try_from(items).unwrap_or(usize::MAX)
}

impl From<SearchRefused> for OpError {
    fn from(refused: SearchRefused) -> Self {
        Self::new(Cause::InvalidField, refused.to_string())
    }
}
