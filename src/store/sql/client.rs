//! Instances, their data keys and credentials, clients and certificates in tables.
//!
//! They are few and change seldom: the whole of them is read into one snapshot after each change.

use std::collections::HashMap;
use std::sync::Arc;

use crate::store::engine::{Connection, Row, params};

use super::{anchor, revocation, withdrawn};
use crate::crypto::{Digests, Fingerprint, PasswordHash, Serial, Wrapped};
use crate::domain::{
    Client, ClientId, ClientStatus, Clients, Credential, EnrolledCertificate, Instance, InstanceId,
    Operations, Permissions, Rules, Scope, Trust, Window,
};
use crate::kmip::enums::State;
use crate::store::StoreError;
use crate::store::error::{ApplyError, Thing};

/// Every instance and client.
pub(in crate::store) fn snapshot(db: &Connection) -> Result<Clients, StoreError> {
    let clients = Clients::new(instances(db)?, clients(db)?);
    Ok(clients
        .with_anchors(anchor::all(db)?)
        .with_removed(anchor::removed(db)?)
        .with_revocations(revocation::all(db)?))
}

fn instances(db: &Connection) -> Result<Vec<Instance>, StoreError> {
    let mut credentials = credentials(db)?;
    let sql = "SELECT id, name, crn_prefix, account, location, crn_instance, created, denied FROM instance
        WHERE removed IS NULL";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        let id = InstanceId::from_bytes(row.get(0)?);
        let scope = Scope {
            crn_prefix: row.get(2)?,
            account: row.get(3)?,
            location: row.get(4)?,
            instance: row.get(5)?,
        };
        Ok(Instance {
            id,
            name: row.get(1)?,
            scope: Arc::new(scope),
            credential: credentials.remove(&id),
            rules: Rules {
                denied: Operations::from_code(row.get(7)?),
            },
            created: row.get(6)?,
        })
    })?;
    Ok(rows)
}

fn credentials(db: &Connection) -> Result<HashMap<InstanceId, Arc<Credential>>, StoreError> {
    let mut statement = db.prepare_cached("SELECT instance, username, password FROM credential")?;
    let mut rows = statement.query([])?;
    let mut credentials = HashMap::new();
    while let Some(row) = rows.next()? {
        let password: String = row.get(2)?;
        let password = PasswordHash::parse(&password).map_err(|error| {
            StoreError::damaged(format!("the password of an instance: {error}"))
        })?;
        let credential = Credential {
            username: row.get(1)?,
            password,
        };
        credentials.insert(InstanceId::from_bytes(row.get(0)?), Arc::new(credential));
    }
    Ok(credentials)
}

fn clients(db: &Connection) -> Result<Vec<Client>, StoreError> {
    let mut certificates = certificates(db)?;
    let mut statement = db.prepare_cached(
        "SELECT id, label, instance, status, created, operations, windows FROM client",
    )?;
    let mut rows = statement.query([])?;
    let mut clients = Vec::new();
    while let Some(row) = rows.next()? {
        let id = ClientId::from_bytes(row.get(0)?);
        let status: String = row.get(3)?;
        let status = ClientStatus::from_text(&status);
        clients.push(Client {
            id,
            label: row.get(1)?,
            instance: InstanceId::from_bytes(row.get(2)?),
            status: status.ok_or_else(|| StoreError::damaged("the status of a client"))?,
            permissions: permissions(row)?,
            certificates: certificates.remove(&id).unwrap_or_default(),
            created: row.get(4)?,
        });
    }
    Ok(clients)
}

fn permissions(row: Row<'_>) -> Result<Permissions, StoreError> {
    let (operations, windows): (Option<i64>, String) = (row.get(5)?, row.get(6)?);
    let windows = windows.lines().map(str::parse).collect::<Result<_, _>>();
    Ok(Permissions {
        operations: operations.map(Operations::from_code),
        windows: windows.map_err(|_| StoreError::damaged("the hours of a client"))?,
    })
}

/// Windows as they are kept: one a line.
fn windows_text(permissions: &Permissions) -> String {
    let windows = permissions.windows.iter().map(Window::to_string);
    windows.collect::<Vec<_>>().join("\n")
}

fn certificates(
    db: &Connection,
) -> Result<HashMap<ClientId, Vec<EnrolledCertificate>>, StoreError> {
    let sql =
        "SELECT client, fingerprint, trust, not_before, not_after, subject, added, warned, key_digest, signed_digest, issuer, serial
        FROM certificate
        ORDER BY client, added, fingerprint";
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut certificates: HashMap<_, Vec<_>> = HashMap::new();
    while let Some(row) = rows.next()? {
        let client = ClientId::from_bytes(row.get(0)?);
        let trust: String = row.get(2)?;
        let trust = Trust::from_text(&trust);
        certificates
            .entry(client)
            .or_default()
            .push(EnrolledCertificate {
                fingerprint: Fingerprint::from_bytes(row.get(1)?),
                trust: trust.ok_or_else(|| StoreError::damaged("the trust of a certificate"))?,
                not_before: row.get(3)?,
                not_after: row.get(4)?,
                subject: row.get(5)?,
                added: row.get(6)?,
                warned: row.get(7)?,
                digests: digests(row)?,
                issuer: row.get::<Option<_>>(10)?.map(Fingerprint::from_bytes),
                serial: row.get::<Option<_>>(11)?.map(Serial::from_bytes),
            });
    }
    Ok(certificates)
}

fn digests(row: Row<'_>) -> Result<Option<Digests>, crate::store::engine::Error> {
    let (key, signed): (Option<_>, Option<_>) = (row.get(8)?, row.get(9)?);
    Ok(key.zip(signed).map(|(key, signed)| Digests { key, signed }))
}

/// Every wrapped data key, by instance and epoch.
pub(in crate::store) fn data_keys(
    db: &Connection,
) -> Result<Vec<(InstanceId, u32, Wrapped)>, StoreError> {
    let sql = "SELECT instance, epoch, wrapped FROM data_key ORDER BY instance, epoch";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        Ok((
            InstanceId::from_bytes(row.get(0)?),
            row.get(1)?,
            Wrapped::from_bytes(row.get(2)?),
        ))
    })?;
    Ok(rows)
}

/// A new instance.
pub(in crate::store) fn insert_instance(
    db: &Connection,
    instance: &Instance,
) -> Result<(), ApplyError> {
    let sql =
        "INSERT INTO instance (id, name, crn_prefix, account, location, crn_instance, created, denied)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let Instance {
        id,
        name,
        scope,
        credential,
        rules,
        created,
    } = instance;
    let Scope {
        crn_prefix,
        account,
        location,
        instance,
    } = &**scope;
    let values = params![
        id.as_bytes(),
        name,
        crn_prefix,
        account,
        location,
        instance,
        created,
        rules.denied.code(),
    ];
    let inserted = db.prepare_cached(sql)?.execute(values);
    inserted.map_err(|error| super::taken(error, Thing::Instance, Thing::Instance))?;
    match credential {
        Some(credential) => set_credential(db, *id, credential),
        None => Ok(()),
    }
}

/// What an instance asks its clients for, in the place of what it asked for before.
pub(in crate::store) fn set_credential(
    db: &Connection,
    instance: InstanceId,
    credential: &Credential,
) -> Result<(), ApplyError> {
    let sql = "INSERT INTO credential (instance, username, password) VALUES (?1, ?2, ?3)
        ON CONFLICT (instance) DO UPDATE SET username = ?2, password = ?3";
    let values = params![
        instance.as_bytes(),
        credential.username,
        credential.password.as_str()
    ];
    let set = db.prepare_cached(sql)?.execute(values);
    set.map_err(|error| super::taken(error, Thing::Instance, Thing::Instance))?;
    Ok(())
}

/// An instance asks its clients for nothing any more.
pub(in crate::store) fn clear_credential(
    db: &Connection,
    instance: InstanceId,
) -> Result<(), ApplyError> {
    let sql = "DELETE FROM credential WHERE instance = ?1";
    let rows = db.prepare_cached(sql)?.execute([instance.as_bytes()])?;
    found(rows, Thing::Credential)
}

/// A wrapped data key.
pub(in crate::store) fn insert_data_key(
    db: &Connection,
    instance: InstanceId,
    epoch: u32,
    wrapped: &Wrapped,
) -> Result<(), ApplyError> {
    let sql = "INSERT INTO data_key (instance, epoch, wrapped) VALUES (?1, ?2, ?3)";
    let values = params![instance.as_bytes(), epoch, wrapped.as_bytes()];
    let inserted = db.prepare_cached(sql)?.execute(values);
    inserted.map_err(|error| super::taken(error, Thing::DataKey, Thing::Instance))?;
    Ok(())
}

/// A new client with its certificates.
pub(in crate::store) fn insert_client(db: &Connection, client: &Client) -> Result<(), ApplyError> {
    let sql = "INSERT INTO client (id, label, instance, status, created, operations, windows)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let instance = client.instance.as_bytes();
    let values = params![
        client.id.as_bytes(),
        client.label,
        instance,
        client.status.as_str(),
        client.created,
        client.permissions.operations.map(Operations::code),
        windows_text(&client.permissions),
    ];
    let inserted = db.prepare_cached(sql)?.execute(values);
    inserted.map_err(|error| super::taken(error, Thing::Client, Thing::Instance))?;
    client
        .certificates
        .iter()
        .try_for_each(|certificate| insert_certificate(db, client.id, certificate))
}

/// One more certificate of a client.
pub(in crate::store) fn insert_certificate(
    db: &Connection,
    client: ClientId,
    certificate: &EnrolledCertificate,
) -> Result<(), ApplyError> {
    withdrawn::forget(db, &certificate.fingerprint)?;
    let sql = "INSERT INTO certificate
        (fingerprint, client, trust, not_before, not_after, subject, added, warned, key_digest, signed_digest, issuer, serial)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let inserted = db.prepare_cached(sql)?.execute(params![
        certificate.fingerprint.as_bytes(),
        client.as_bytes(),
        certificate.trust.as_str(),
        certificate.not_before,
        certificate.not_after,
        certificate.subject,
        certificate.added,
        certificate.warned,
        certificate.digests.map(|digests| digests.key),
        certificate.digests.map(|digests| digests.signed),
        certificate.issuer.as_ref().map(Fingerprint::as_bytes),
        certificate.serial.as_ref().map(Serial::as_bytes),
    ]);
    inserted.map_err(|error| super::taken(error, Thing::Certificate, Thing::Client))?;
    Ok(())
}

/// One more certificate of a client, which somebody decided: that it or its key was removed before is forgotten.
pub(in crate::store) fn enrol_certificate(
    db: &Connection,
    client: ClientId,
    certificate: &EnrolledCertificate,
) -> Result<(), ApplyError> {
    anchor::forget_removed(db, client, certificate)?;
    insert_certificate(db, client, certificate)
}

/// A certificate less, at `now`, seconds since 1970.
pub(in crate::store) fn remove_certificate(
    db: &Connection,
    client: ClientId,
    fingerprint: &Fingerprint,
    now: i64,
) -> Result<(), ApplyError> {
    anchor::remember_removed(db, client, fingerprint)?;
    withdrawn::remember(db, fingerprint, now)?;
    let sql = "DELETE FROM certificate WHERE fingerprint = ?1 AND client = ?2";
    let values = params![fingerprint.as_bytes(), client.as_bytes()];
    found(db.prepare_cached(sql)?.execute(values)?, Thing::Certificate)
}

/// How many days before its end a certificate was warned of.
pub(in crate::store) fn update_warned(
    db: &Connection,
    fingerprint: &Fingerprint,
    days: u32,
) -> Result<(), ApplyError> {
    let sql = "UPDATE certificate SET warned = ?2 WHERE fingerprint = ?1";
    let values = params![fingerprint.as_bytes(), days];
    found(db.prepare_cached(sql)?.execute(values)?, Thing::Certificate)
}

/// A certificate that counts until `end` (seconds since 1970) at most.
pub(in crate::store) fn update_end(
    db: &Connection,
    fingerprint: &Fingerprint,
    end: i64,
) -> Result<(), ApplyError> {
    let sql = "UPDATE certificate SET ends = CASE WHEN ?2 < not_after THEN coalesce(ends, not_after) ELSE ends END,
        not_after = CASE WHEN ?2 < not_after THEN ?2 ELSE not_after END WHERE fingerprint = ?1";
    let values = params![fingerprint.as_bytes(), end];
    found(db.prepare_cached(sql)?.execute(values)?, Thing::Certificate)
}

/// A client enabled or disabled.
pub(in crate::store) fn update_status(
    db: &Connection,
    client: ClientId,
    status: ClientStatus,
) -> Result<(), ApplyError> {
    let sql = "UPDATE client SET status = ?2 WHERE id = ?1";
    let values = params![client.as_bytes(), status.as_str()];
    found(db.prepare_cached(sql)?.execute(values)?, Thing::Client)
}

/// What a client may do.
pub(in crate::store) fn update_permissions(
    db: &Connection,
    client: ClientId,
    permissions: &Permissions,
) -> Result<(), ApplyError> {
    let sql = "UPDATE client SET operations = ?2, windows = ?3 WHERE id = ?1";
    let operations = permissions.operations.map(Operations::code);
    let values = params![client.as_bytes(), operations, windows_text(permissions)];
    found(db.prepare_cached(sql)?.execute(values)?, Thing::Client)
}

/// What an instance forbids.
pub(in crate::store) fn update_rules(
    db: &Connection,
    instance: InstanceId,
    rules: Rules,
) -> Result<(), ApplyError> {
    let sql = "UPDATE instance SET denied = ?2 WHERE id = ?1";
    let values = params![instance.as_bytes(), rules.denied.code()];
    found(db.prepare_cached(sql)?.execute(values)?, Thing::Instance)
}

/// An instance removed with its clients, what it asks them for, who may administer it alone, and the data keys without which its keys are
/// noise. Its row stays, for its keys refer to it; its name is free.
pub(in crate::store) fn remove_instance(
    db: &Connection,
    instance: InstanceId,
    at: i64,
) -> Result<(), ApplyError> {
    withdrawn::remember_of_instance(db, instance, at)?;
    for sql in [
        "DELETE FROM data_key WHERE instance = ?1",
        "DELETE FROM credential WHERE instance = ?1",
        "DELETE FROM client WHERE instance = ?1",
        "DELETE FROM destruction WHERE instance = ?1",
        "DELETE FROM api_key WHERE instance = ?1",
        "DELETE FROM administrator WHERE instance = ?1",
    ] {
        db.prepare_cached(sql)?.execute([instance.as_bytes()])?;
    }
    // No label has a space.
    let sql = "UPDATE instance SET removed = ?2, name = ?3 WHERE id = ?1 AND removed IS NULL";
    let name = format!("removed {}", hex::encode(instance.as_bytes()));
    let values = params![instance.as_bytes(), at, name];
    found(db.prepare_cached(sql)?.execute(values)?, Thing::Instance)
}

/// How many objects of an instance are not destroyed.
pub(in crate::store) fn live_objects(
    db: &Connection,
    instance: InstanceId,
) -> Result<u64, StoreError> {
    let sql = "SELECT count(*) FROM object INDEXED BY object_head WHERE instance = ?1 AND state NOT IN (?2, ?3)";
    let destroyed = [State::Destroyed, State::DestroyedCompromised].map(State::code);
    let values = params![instance.as_bytes(), destroyed[0], destroyed[1]];
    Ok(db
        .prepare_cached(sql)?
        .query_row(values, |row| row.get(0))?)
}

/// A client and its certificates removed at `now`, seconds since 1970.
pub(in crate::store) fn remove_client(
    db: &Connection,
    client: ClientId,
    now: i64,
) -> Result<(), ApplyError> {
    withdrawn::remember_of_client(db, client, now)?;
    let sql = "DELETE FROM client WHERE id = ?1";
    found(
        db.prepare_cached(sql)?.execute([client.as_bytes()])?,
        Thing::Client,
    )
}

pub(super) const fn found(rows: usize, thing: Thing) -> Result<(), ApplyError> {
    if rows == 0 {
        Err(ApplyError::Missing(thing))
    } else {
        Ok(())
    }
}
