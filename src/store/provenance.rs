//! What the store tells of where things come from: who made, changed and destroyed them, and certificates as they were enrolled.

use std::collections::HashMap;
use std::sync::Arc;

use super::engine::Connection;
use super::interned::Interned;
use super::{Store, StoreError, sql};
use crate::audit::record::Resolve as _;
use crate::crypto::Fingerprint;
use crate::domain::{Initiator, InstanceId, ObjectId};

/// What a Key Protect script gives an instance that it makes as an adapter: kept, given back, and used for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterProfile {
    /// Its description.
    pub description: String,
    /// The root key it was to use there.
    pub crk_id: String,
}

/// Where an instance comes from. Who is not there was not kept at the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceProvenance<Who = Arc<Initiator>> {
    /// Who made it.
    pub creator: Option<Who>,
    /// When a certificate of it was last added or removed, seconds since 1970.
    pub changed: Option<i64>,
    /// Who did that.
    pub changer: Option<Who>,
    /// What it was made with, if it was made as an adapter.
    pub profile: Option<AdapterProfile>,
}

/// Where an object comes from. Who is not there was not kept at the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectProvenance<Who = Arc<Initiator>> {
    /// The Last Change Date.
    pub last_change: i64,
    /// The Destroy Date.
    pub destroyed: Option<i64>,
    /// When its destruction is carried out, if that is scheduled.
    pub destroy_due: Option<i64>,
    /// Who made it.
    pub creator: Option<Who>,
    /// Who changed it last; none: nobody has.
    pub changer: Option<Who>,
    /// Who destroyed it.
    pub destroyer: Option<Who>,
}

impl Store {
    /// Where each instance comes from.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn instance_provenance(
        &self,
    ) -> Result<HashMap<InstanceId, InstanceProvenance>, StoreError> {
        let held = self
            .inner
            .readers
            .search(sql::provenance::instances)
            .await?;
        let who = held.values().flat_map(|held| [held.creator, held.changer]);
        let known = self.knowing(who).await?;
        let named = held.into_iter().map(|(id, held)| {
            let named = InstanceProvenance {
                creator: named(known, held.creator),
                changed: held.changed,
                changer: named(known, held.changer),
                profile: held.profile,
            };
            (id, named)
        });
        Ok(named.collect())
    }

    /// The initiators, with those of these numbers that another node has given theirs.
    async fn knowing(
        &self,
        who: impl Iterator<Item = Option<u32>>,
    ) -> Result<&Interned, StoreError> {
        let shared = Arc::clone(&self.inner.shared);
        let is_unknown = |number: u32| !shared.interned.knows_initiator(number);
        if who.flatten().any(is_unknown) {
            let learn = move |db: &Connection| shared.interned.learn(db);
            self.inner.readers.search(learn).await?;
        }
        Ok(&self.inner.shared.interned)
    }

    /// Who added each certificate of an instance, where that is known.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn certificate_creators(
        &self,
        instance: InstanceId,
    ) -> Result<HashMap<Fingerprint, Arc<Initiator>>, StoreError> {
        let creators = move |db: &Connection| sql::provenance::certificate_creators(db, instance);
        let creators = self.inner.readers.search(creators).await?;
        let who = creators.iter().map(|(_, who)| Some(*who));
        let known = self.knowing(who).await?;
        let named = creators
            .into_iter()
            .filter_map(|(fingerprint, who)| Some((fingerprint, known.initiator(who)?)));
        Ok(named.collect())
    }

    /// The DER of a certificate that is enrolled; none where it was enrolled before that was kept.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn certificate_der(
        &self,
        fingerprint: Fingerprint,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let der = move |db: &Connection| sql::provenance::der(db, &fingerprint);
        self.inner.readers.search(der).await
    }

    /// Where each of these objects comes from; none of one that is not there.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn object_provenance(
        &self,
        objects: Vec<ObjectId>,
    ) -> Result<Vec<Option<ObjectProvenance>>, StoreError> {
        let held = move |db: &Connection| {
            let each = objects.into_iter();
            each.map(|object| sql::provenance::object(db, object))
                .collect::<Result<Vec<_>, _>>()
        };
        let held = self.inner.readers.search(held).await?;
        let each = held.iter().flatten();
        let who = each.flat_map(|held| [held.creator, held.changer, held.destroyer]);
        let known = self.knowing(who).await?;
        let named = held.into_iter().map(|held| {
            held.map(|held| ObjectProvenance {
                last_change: held.last_change,
                destroyed: held.destroyed,
                destroy_due: held.destroy_due,
                creator: named(known, held.creator),
                changer: named(known, held.changer),
                destroyer: named(known, held.destroyer),
            })
        });
        Ok(named.collect())
    }
}

fn named(known: &Interned, number: Option<u32>) -> Option<Arc<Initiator>> {
    number.and_then(|number| known.initiator(number))
}
