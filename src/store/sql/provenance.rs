//! Who made, changed and destroyed what, in columns beside it; certificates as they were enrolled; what Key Protect scripts gave.
//!
//! What a listing tells and nothing is decided by: it is in no snapshot and no cache. Initiators are rows of the table of that name.

use std::collections::HashMap;

use crate::store::engine::{Connection, OptionalExtension as _, params};

use super::codes::Columns;
use crate::crypto::Fingerprint;
use crate::domain::{ClientId, InstanceId, ObjectId};
use crate::store::error::{ApplyError, Thing};
use crate::store::provenance::{AdapterProfile, InstanceProvenance, ObjectProvenance};
use crate::store::{StoreError, Write};

/// By whom something is done, as the number of the initiator, and when, seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Doer {
    pub(in crate::store) initiator: u32,
    pub(in crate::store) at: i64,
}

/// Keeps who adds or removes a certificate with its instance; to be called while the client is there.
pub(in crate::store) fn certificates_change(
    db: &Connection,
    write: &Write,
    doer: Doer,
) -> Result<(), StoreError> {
    let client: &ClientId = match write {
        Write::Certificate(client, _)
        | Write::Leaf(client, ..)
        | Write::CertificateRemoved(client, _)
        | Write::AnchorRemoved(client, _)
        | Write::ClientRemoved(client) => client,
        Write::Client(client) => return instance_changed(db, client.instance, doer),
        _ => return Ok(()),
    };
    let sql = "UPDATE instance SET changed = ?2, changer = ?3 WHERE id = (SELECT instance FROM client WHERE id = ?1)";
    let values = params![client.as_bytes(), doer.at, doer.initiator];
    db.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

fn instance_changed(db: &Connection, id: InstanceId, doer: Doer) -> Result<(), StoreError> {
    let sql = "UPDATE instance SET changed = ?2, changer = ?3 WHERE id = ?1";
    let values = params![id.as_bytes(), doer.at, doer.initiator];
    db.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// Keeps who made an instance or added a certificate, with it.
pub(in crate::store) fn made(db: &Connection, write: &Write, doer: Doer) -> Result<(), ApplyError> {
    let (sql, id): (_, &[u8]) = match write {
        Write::Instance(instance) => (
            "UPDATE instance SET creator = ?2 WHERE id = ?1",
            instance.id.as_bytes(),
        ),
        Write::Client(client) => (
            "UPDATE certificate SET creator = ?2 WHERE client = ?1",
            client.id.as_bytes(),
        ),
        Write::Certificate(_, certificate) | Write::Leaf(_, _, certificate) => (
            "UPDATE certificate SET creator = ?2 WHERE fingerprint = ?1",
            certificate.fingerprint.as_bytes(),
        ),
        _ => return Ok(()),
    };
    let values = params![id, doer.initiator];
    db.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// What a Key Protect script gave the instance that it made.
pub(in crate::store) fn insert_adapter(
    db: &Connection,
    instance: InstanceId,
    profile: &AdapterProfile,
) -> Result<(), ApplyError> {
    let sql = "INSERT INTO adapter (instance, description, crk_id) VALUES (?1, ?2, ?3)";
    let values = params![instance.as_bytes(), profile.description, profile.crk_id];
    let inserted = db.prepare_cached(sql)?.execute(values);
    inserted.map_err(|error| super::taken(error, Thing::Instance, Thing::Instance))?;
    Ok(())
}

/// The DER of a certificate that is enrolled.
pub(in crate::store) fn insert_der(
    db: &Connection,
    fingerprint: &Fingerprint,
    der: &[u8],
) -> Result<(), ApplyError> {
    let sql = "INSERT INTO certificate_der (fingerprint, der) VALUES (?1, ?2)";
    let inserted = db
        .prepare_cached(sql)?
        .execute(params![fingerprint.as_bytes(), der]);
    inserted.map_err(|error| super::taken(error, Thing::Certificate, Thing::Certificate))?;
    Ok(())
}

/// The DER of a certificate; none where it was enrolled before that was kept.
pub(in crate::store) fn der(
    db: &Connection,
    fingerprint: &Fingerprint,
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT der FROM certificate_der WHERE fingerprint = ?1")?;
    let der = statement.query_row([fingerprint.as_bytes()], |row| row.get(0));
    Ok(der.optional()?)
}

/// Of every instance that is there.
pub(in crate::store) fn instances(
    db: &Connection,
) -> Result<HashMap<InstanceId, InstanceProvenance<u32>>, StoreError> {
    let sql = "SELECT id, creator, changed, changer, description, crk_id
        FROM instance LEFT JOIN adapter ON adapter.instance = instance.id WHERE removed IS NULL";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        let profile: (Option<_>, Option<_>) = (row.get(4)?, row.get(5)?);
        let profile = profile.0.zip(profile.1);
        let held = InstanceProvenance {
            creator: row.get(1)?,
            changed: row.get(2)?,
            changer: row.get(3)?,
            profile: profile.map(|(description, crk_id)| AdapterProfile {
                description,
                crk_id,
            }),
        };
        Ok((InstanceId::from_bytes(row.get(0)?), held))
    })?;
    Ok(rows.into_iter().collect())
}

/// Who added each certificate of an instance, where that is known.
pub(in crate::store) fn certificate_creators(
    db: &Connection,
    instance: InstanceId,
) -> Result<Vec<(Fingerprint, u32)>, StoreError> {
    let sql =
        "SELECT fingerprint, creator FROM certificate JOIN client ON client.id = certificate.client
        WHERE client.instance = ?1 AND creator IS NOT NULL";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([instance.as_bytes()], |row| {
        Ok((Fingerprint::from_bytes(row.get(0)?), row.get(1)?))
    })?;
    Ok(rows)
}

/// Of an object.
pub(in crate::store) fn object(
    db: &Connection,
    id: ObjectId,
) -> Result<Option<ObjectProvenance<u32>>, StoreError> {
    let sql = "SELECT last_change, destroy, destroy_due, creator, changer, destroyer FROM object WHERE id = ?1";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([id.as_bytes()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let mut columns = Columns::of(row);
    Ok(Some(ObjectProvenance {
        last_change: columns.get()?,
        destroyed: columns.get()?,
        destroy_due: columns.get()?,
        creator: columns.get()?,
        changer: columns.get()?,
        destroyer: columns.get()?,
    }))
}
