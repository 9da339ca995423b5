//! CAs of others and the leaves they have enrolled, in tables.

use rusqlite::{Connection, params};

use super::client::{found, insert_certificate};
use crate::crypto::certificate::subject::Subject;
use crate::crypto::{Certificate, Fingerprint};
use crate::domain::{Anchor, ClientId, EnrolledCertificate};
use crate::store::StoreError;
use crate::store::error::{ApplyError, Thing};

/// Every anchor with its leaves.
pub(super) fn all(db: &Connection) -> Result<Vec<Anchor>, StoreError> {
    let sql = "SELECT client, certificate, subject, added FROM anchor ORDER BY client, added, ca";
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
            leaves: leaves(db, client, &ca, false)?,
            removed: leaves(db, client, &ca, true)?,
        });
    }
    Ok(anchors)
}

fn leaves(
    db: &Connection,
    client: ClientId,
    ca: &Fingerprint,
    removed: bool,
) -> Result<Vec<Fingerprint>, StoreError> {
    let sql = "SELECT fingerprint FROM anchor_leaf WHERE client = ?1 AND ca = ?2 AND removed = ?3";
    let mut statement = db.prepare_cached(sql)?;
    let values = params![client.as_bytes(), ca.as_bytes(), removed];
    let rows = statement.query_map(values, |row| row.get(0).map(Fingerprint::from_bytes))?;
    Ok(rows.collect::<Result<_, _>>()?)
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
    inserted.map_err(|error| super::taken(&error, Thing::Anchor, Thing::Client))?;
    Ok(())
}

/// A CA that is trusted no more, with what it has enrolled.
pub(in crate::store) fn remove(
    db: &Connection,
    client: ClientId,
    ca: &Fingerprint,
) -> Result<(), ApplyError> {
    let sql = "DELETE FROM certificate WHERE client = ?1 AND trust = 'anchored' AND fingerprint IN
        (SELECT fingerprint FROM anchor_leaf WHERE client = ?1 AND ca = ?2)";
    let values = params![client.as_bytes(), ca.as_bytes()];
    db.prepare_cached(sql)?.execute(values)?;
    let sql = "DELETE FROM anchor WHERE client = ?1 AND ca = ?2";
    found(db.prepare_cached(sql)?.execute(values)?, Thing::Anchor)
}

/// A leaf that an anchor enrols. One that was removed is refused.
pub(in crate::store) fn insert_leaf(
    db: &Connection,
    client: ClientId,
    ca: &Fingerprint,
    leaf: &EnrolledCertificate,
) -> Result<(), ApplyError> {
    let sql = "INSERT INTO anchor_leaf (fingerprint, client, ca, removed) VALUES (?1, ?2, ?3, 0)";
    let values = params![
        leaf.fingerprint.as_bytes(),
        client.as_bytes(),
        ca.as_bytes()
    ];
    let inserted = db.prepare_cached(sql)?.execute(values);
    inserted.map_err(|error| super::taken(&error, Thing::Certificate, Thing::Anchor))?;
    insert_certificate(db, client, leaf)
}

/// Remembers that a leaf was removed, if an anchor had enrolled it.
pub(super) fn mark_removed(
    db: &Connection,
    client: ClientId,
    fingerprint: &Fingerprint,
) -> Result<(), StoreError> {
    let sql = "UPDATE anchor_leaf SET removed = 1 WHERE fingerprint = ?1 AND client = ?2";
    let values = params![fingerprint.as_bytes(), client.as_bytes()];
    db.prepare_cached(sql)?.execute(values)?;
    Ok(())
}
