//! CAs of others and the leaves they have enrolled, in tables.

use std::collections::HashMap;

use crate::store::engine::{Connection, params};

use super::client::{found, insert_certificate};
use crate::crypto::certificate::subject::Subject;
use crate::crypto::{Certificate, Fingerprint};
use crate::domain::anchor::Removed;
use crate::domain::{Anchor, ClientId, EnrolledCertificate};
use crate::store::StoreError;
use crate::store::error::{ApplyError, Thing};

/// Every anchor with its leaves.
pub(super) fn all(db: &Connection) -> Result<Vec<Anchor>, StoreError> {
    let sql =
        "SELECT client, certificate, subject, added, warned FROM anchor ORDER BY client, added, ca";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut anchors = Vec::new();
    while let Some(row) = rows.next()? {
        let client = ClientId::from_bytes(row.get(0)?);
        let der: Vec<u8> = row.get(1)?;
        let subject: String = row.get(2)?;
        let damaged = |_| StoreError::damaged("a trusted CA");
        let certificate = Certificate::from_der(&der).map_err(damaged)?;
        let subject = Subject::from_text(&subject);
        let ca = certificate.fingerprint();
        anchors.push(Anchor {
            client,
            certificate,
            subject: subject.map_err(|_| StoreError::damaged("the subject of a trusted CA"))?,
            added: row.get(3)?,
            warned: row.get(4)?,
            leaves: leaves(db, client, &ca)?,
        });
    }
    Ok(anchors)
}

fn leaves(
    db: &Connection,
    client: ClientId,
    ca: &Fingerprint,
) -> Result<Vec<Fingerprint>, StoreError> {
    let sql = "SELECT fingerprint FROM certificate WHERE client = ?1 AND ca = ?2";
    let mut statement = db.prepare_cached(sql)?;
    let values = params![client.as_bytes(), ca.as_bytes()];
    let rows = statement.query_map(values, |row| row.get(0).map(Fingerprint::from_bytes))?;
    Ok(rows)
}

/// The certificates that were removed, by client.
pub(super) fn removed(db: &Connection) -> Result<HashMap<ClientId, Vec<Removed>>, StoreError> {
    let sql = "SELECT client, fingerprint, key_digest FROM removed_certificate";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut removed: HashMap<_, Vec<_>> = HashMap::new();
    while let Some(row) = rows.next()? {
        let client = ClientId::from_bytes(row.get(0)?);
        removed.entry(client).or_default().push(Removed {
            fingerprint: Fingerprint::from_bytes(row.get(1)?),
            key: row.get(2)?,
        });
    }
    Ok(removed)
}

/// A CA that is trusted for a client from now on.
pub(in crate::store) fn insert(db: &Connection, anchor: &Anchor) -> Result<(), ApplyError> {
    let sql =
        "INSERT INTO anchor (client, ca, certificate, subject, added) VALUES (?1, ?2, ?3, ?4, ?5)";
    let ca = anchor.certificate.fingerprint();
    let values = params![
        anchor.client.as_bytes(),
        ca.as_bytes(),
        anchor.certificate.der(),
        anchor.subject.to_string(),
        anchor.added,
    ];
    let inserted = db.prepare_cached(sql)?.execute(values);
    inserted.map_err(|error| super::taken(error, Thing::Anchor, Thing::Client))?;
    Ok(())
}

/// A CA that is trusted no more, with what it has enrolled. Nobody decided against those, so that another CA may enrol them.
pub(in crate::store) fn remove(
    db: &Connection,
    client: ClientId,
    ca: &Fingerprint,
) -> Result<(), ApplyError> {
    let values = params![client.as_bytes(), ca.as_bytes()];
    let sql = "DELETE FROM certificate WHERE client = ?1 AND ca = ?2";
    db.prepare_cached(sql)?.execute(values)?;
    let sql = "DELETE FROM anchor WHERE client = ?1 AND ca = ?2";
    found(db.prepare_cached(sql)?.execute(values)?, Thing::Anchor)
}

/// How many days before its end a CA's certificate was warned of.
pub(in crate::store) fn update_warned(
    db: &Connection,
    client: ClientId,
    ca: &Fingerprint,
    days: u32,
) -> Result<(), ApplyError> {
    let sql = "UPDATE anchor SET warned = ?3 WHERE client = ?1 AND ca = ?2";
    let values = params![client.as_bytes(), ca.as_bytes(), days];
    found(db.prepare_cached(sql)?.execute(values)?, Thing::Anchor)
}

/// A leaf that an anchor enrols, if the anchor is still there and neither the leaf nor its key was removed meanwhile.
pub(in crate::store) fn insert_leaf(
    db: &Connection,
    client: ClientId,
    ca: &Fingerprint,
    leaf: &EnrolledCertificate,
) -> Result<(), ApplyError> {
    insert_certificate(db, client, leaf)?;
    let sql = "UPDATE certificate SET ca = ?3 WHERE fingerprint = ?1
        AND EXISTS (SELECT 1 FROM anchor WHERE client = ?2 AND ca = ?3)
        AND NOT EXISTS (SELECT 1 FROM removed_certificate WHERE client = ?2 AND (fingerprint = ?1 OR key_digest = ?4))";
    let values = params![
        leaf.fingerprint.as_bytes(),
        client.as_bytes(),
        ca.as_bytes(),
        leaf.digests.map(|digests| digests.key),
    ];
    found(db.prepare_cached(sql)?.execute(values)?, Thing::Anchor)
}

/// Remembers that somebody removed a certificate.
pub(super) fn remember_removed(
    db: &Connection,
    client: ClientId,
    fingerprint: &Fingerprint,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO removed_certificate (client, fingerprint, key_digest)
        SELECT client, fingerprint, key_digest FROM certificate WHERE fingerprint = ?1 AND client = ?2
        ON CONFLICT (client, fingerprint) DO UPDATE SET key_digest = excluded.key_digest";
    let values = params![fingerprint.as_bytes(), client.as_bytes()];
    db.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// Forgets that a certificate, or another one of its key, was removed.
pub(super) fn forget_removed(
    db: &Connection,
    client: ClientId,
    certificate: &EnrolledCertificate,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM removed_certificate WHERE client = ?1 AND (fingerprint = ?2 OR key_digest = ?3)";
    let values = params![
        client.as_bytes(),
        certificate.fingerprint.as_bytes(),
        certificate.digests.map(|digests| digests.key),
    ];
    db.prepare_cached(sql)?.execute(values)?;
    Ok(())
}
