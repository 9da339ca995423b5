//! Locate (KMIP 1.4 §4.9): the identifiers of the objects that meet every criterion.

use crate::audit::Field;
use crate::domain::ObjectId;
use crate::domain::locate::{Lead, lead, matches, unknown};
use crate::kmip::attribute::Attribute;
use crate::kmip::enums::ObjectGroupMember;
use crate::kmip::mask::StorageStatusMask;
use crate::kmip::payload::locate::{Request, Response};
use crate::ops::context::Context;
use crate::ops::error::{Cause, OpError};
use crate::ops::report::Report;
use crate::store::query::{By, LocateQuery};

/// How many objects one look into the store takes: a long read would hold back its log.
const PAGE: usize = 512;

pub(crate) async fn run(
    ctx: &mut Context<'_>,
    request: &Request,
    report: &mut Report,
) -> Result<Response, OpError> {
    let names = request
        .attributes
        .iter()
        .map(|criterion| criterion.name.text());
    report.asked(|data| data.list(Field::AttributeNames, names));
    if let Some(unknown) = unknown(&request.attributes) {
        return Err(OpError::new(Cause::InvalidField, unknown));
    }
    if !request.template_names.is_empty() {
        return Err(OpError::new(
            Cause::InvalidField,
            "there are no templates here",
        ));
    }
    let found = if is_on_line(request) {
        find(ctx, request).await?
    } else {
        Vec::new()
    };
    let total = found.len();
    let offset = request.offset_items.map_or(0, count);
    let most = request.maximum_items.map_or(usize::MAX, count);
    let most = most.min(ctx.service.config().locate_results_max);
    let answered: Vec<ObjectId> = found.into_iter().skip(offset).take(most).collect();
    place(ctx, &answered);
    let located = i64::try_from(answered.len()).unwrap_or(i64::MAX);
    report.answered(|data| data.number(Field::LocatedItems, located));
    Ok(Response {
        located_items: u32::try_from(total).ok(),
        unique_identifiers: answered.iter().map(ObjectId::to_string).collect(),
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

async fn find(ctx: &Context<'_>, request: &Request) -> Result<Vec<ObjectId>, OpError> {
    let criteria = &request.attributes;
    let now = ctx.now();
    let fresh_only = request.object_group_member == Some(ObjectGroupMember::GroupMemberFresh);
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let by = by(criteria);
        let query = LocateQuery {
            instance: ctx.identity.instance,
            by,
            after,
            limit: PAGE,
        };
        let page = ctx.locate(query).await?;
        let wanted = page.iter().filter(|object| !fresh_only || object.fresh);
        let wanted = wanted.filter(|object| matches(object, criteria, now));
        found.extend(wanted.map(|object| object.id));
        after = page.last().map(|object| object.id);
        if page.len() < PAGE {
            break;
        }
    }
    let changed = ctx.changed().filter(|object| !fresh_only || object.fresh);
    let changed = changed.filter(|object| matches(object, criteria, now));
    found.extend(changed.map(|object| object.id));
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn by(criteria: &[Attribute]) -> By {
    match lead(criteria) {
        Lead::Name(name) => By::Name(name.to_owned()),
        Lead::Custom(name, value) => By::Custom {
            name: name.to_owned(),
            value: value.to_stored(),
        },
        Lead::All => By::All,
    }
}

fn count(items: u32) -> usize {
    usize::try_from(items).unwrap_or(usize::MAX)
}
