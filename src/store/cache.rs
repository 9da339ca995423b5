//! Objects in memory, so that the usual Get reads nothing from the disk.
//!
//! Bounded in number and, because a large object counts as several, in bytes; shared by all who read. It may lag behind the database for an instant and is never
//! asked about preconditions: the writer keeps versions of its own. A hit takes no lock of ours;
//! whoever changes an entry holds one, so that no older version replaces a newer one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::{Dates, Name, Object, ObjectId};
use crate::kmip::attribute::{Attribute, AttributeValue, Field};

/// What an object may take in memory to count as one, in bytes. A key with eight short custom attributes, as vCenter makes
/// them, takes less.
const NOMINAL_BYTES: usize = 2048;

/// Objects as last committed or read.
#[derive(Debug)]
pub(super) struct Cache {
    objects: quick_cache::sync::Cache<ObjectId, Kept, Weight>,
    changing: Mutex<()>,
}

/// An object, and as how many it counts.
#[derive(Debug, Clone)]
struct Kept {
    object: Arc<Object>,
    weight: u64,
}

impl From<Arc<Object>> for Kept {
    fn from(object: Arc<Object>) -> Self {
        let weight = footprint(&object).div_ceil(NOMINAL_BYTES);
        let weight = u64::try_from(weight).unwrap_or(u64::MAX);
        Self { object, weight }
    }
}

/// Weighs what was weighed when it came in.
#[derive(Debug, Clone)]
struct Weight;

impl quick_cache::Weighter<ObjectId, Kept> for Weight {
    fn weight(&self, _: &ObjectId, kept: &Kept) -> u64 {
        kept.weight
    }
}

impl Cache {
    pub(super) fn new(objects_max: usize) -> Self {
        let objects_max = objects_max.max(1);
        let weight_max = u64::try_from(objects_max).unwrap_or(u64::MAX);
        let objects = quick_cache::sync::Cache::with_weighter(objects_max, weight_max, Weight);
        Self {
            objects,
            changing: Mutex::new(()),
        }
    }

    pub(super) fn object(&self, id: ObjectId) -> Option<Arc<Object>> {
        self.objects.get(&id).map(|kept| kept.object)
    }

    /// Keeps an object that was just made.
    pub(super) fn insert(&self, object: Arc<Object>) {
        let _changing = self.lock();
        self.objects.insert(object.id, object.into());
    }

    /// Keeps what was read from the database, unless something newer came in meanwhile. Gives back
    /// the newer one.
    pub(super) fn offer(&self, read: Arc<Object>) -> Arc<Object> {
        let _changing = self.lock();
        match self.objects.get(&read.id) {
            Some(kept) if is_newer(&kept.object, &read) => kept.object,
            _ => {
                self.objects.insert(read.id, Arc::clone(&read).into());
                read
            }
        }
    }

    /// Changes an entry, if there is one.
    pub(super) fn change(&self, id: ObjectId, change: impl FnOnce(&mut Object)) -> bool {
        let _changing = self.lock();
        let Some(kept) = self.objects.get(&id) else {
            return false;
        };
        let mut object = Object::clone(&kept.object);
        change(&mut object);
        self.objects.insert(id, Arc::new(object).into());
        true
    }

    /// Forgets every object.
    pub(super) fn clear(&self) {
        let _changing = self.lock();
        self.objects.clear();
    }

    pub(super) fn remove(&self, id: ObjectId) {
        let _changing = self.lock();
        self.objects.remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes an object takes in memory, near enough.
pub(super) fn footprint(object: &Object) -> usize {
    let attributes = object.attributes.iter();
    let attributes = attributes
        .map(|held| size_of::<Attribute>() + held.name.text().len() + value_bytes(&held.value));
    let names = object.names.iter();
    let names = names.map(|name| size_of::<Name>() + name.value.len());
    let revocation = object.revocation.as_ref();
    let message = revocation.and_then(|reason| reason.message.as_ref());
    let message = message.map_or(0, String::len);
    size_of::<Object>() + attributes.sum::<usize>() + names.sum::<usize>() + message
}

/// What a value takes beside its place.
fn value_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::Text(text) => text.len(),
        AttributeValue::Bytes(bytes) | AttributeValue::BigInteger(bytes) => bytes.len(),
        AttributeValue::Structure(fields) => {
            let fields = fields.iter();
            let sizes = fields.map(|field| size_of::<Field>() + value_bytes(&field.value));
            sizes.sum()
        }
        _ => 0,
    }
}

const fn is_newer(kept: &Object, read: &Object) -> bool {
    let changed_since = kept.state_version > read.state_version
        || kept.attributes_version > read.attributes_version;
    // A read that was recorded moves neither version.
    let served_since = read.fresh && !kept.fresh;
    changed_since || served_since
}

/// Takes over the part that the state version guards, as `Write::State` does in the database.
pub(super) fn take_state(object: &mut Object, from: &Object) {
    let dates = &from.dates;
    object.dates = Dates {
        initial: object.dates.initial,
        last_change: object.dates.last_change.max(dates.last_change),
        ..dates.clone()
    };
    object.state = from.state;
    object.destroy_due = from.destroy_due;
    object.usage_mask = from.usage_mask;
    object.digest = from.digest;
    object.revocation.clone_from(&from.revocation);
    object.data_key_epoch = from.data_key_epoch;
    object.material.clone_from(&from.material);
    object.state_version = from.state_version;
}

/// Takes over the part that the attributes version guards, as `Write::Attributes` does in the
/// database.
pub(super) fn take_attributes(object: &mut Object, from: &Object) {
    object.names.clone_from(&from.names);
    object.attributes.clone_from(&from.attributes);
    object.dates.last_change = object.dates.last_change.max(from.dates.last_change);
    object.attributes_version = from.attributes_version;
}
