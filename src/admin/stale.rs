//! Keys that nobody has read for long: vCenter leaves keys behind for ever, and the last read tells which.
//!
//! A page passes a bounded number of keys in the order of their identifiers, each in a short look at the store; whoever asks sorts.

use super::keys::{KEYS_PER_PAGE_MAX, KEYS_SCANNED_MAX, at_once, parse_id, view};
use super::message::{KeyStale, Keys, Response};
use super::{Admin, AdminError};
use crate::domain::{Object, lifecycle};

const DAY_SECONDS: i64 = 86_400;

/// A page of the keys that are not destroyed and were last read, or made where nobody read them, so many days ago or before.
pub(super) async fn list(admin: &Admin, request: KeyStale) -> Result<Response, AdminError> {
    let instance = admin.instance(request.instance.as_deref())?;
    let mut after = request.after.as_deref().map(parse_id).transpose()?;
    let limit = request.limit.clamp(1, KEYS_PER_PAGE_MAX);
    let age = i64::from(request.older_than_days).saturating_mul(DAY_SECONDS);
    let before = admin.now().saturating_sub(age);
    let (mut found, mut scanned, mut ended) = (Vec::new(), 0, false);
    while found.len() < limit && scanned < KEYS_SCANNED_MAX && !ended {
        let size = at_once(limit);
        let page = admin.store.objects_after(instance.id, after, size).await?;
        ended = page.len() < size;
        scanned += page.len();
        for object in page {
            if found.len() == limit {
                ended = false;
                break;
            }
            after = Some(object.id);
            if is_stale(&object, before, admin.now()) {
                found.push(object);
            }
        }
    }
    let ids = found.iter().map(|object| object.id).collect();
    let readers = admin.store.last_readers(ids).await?;
    let keys = found.iter().zip(readers).map(|(object, reader)| {
        let mut key = view(&instance, object, lifecycle::state_at(object, admin.now()));
        key.last_read_by = reader.map(|(_, name)| name);
        key
    });
    Ok(Response::Keys(Keys {
        keys: keys.collect(),
        next: after.filter(|_| !ended).map(|id| id.to_string()),
    }))
}

fn is_stale(object: &Object, before: i64, now: i64) -> bool {
    let used = object.last_read.unwrap_or(object.dates.initial);
    used <= before && !lifecycle::is_destroyed(lifecycle::state_at(object, now))
}
