//! Certificate revocation lists of CAs that are trusted for clients: taken, and never taken back by an older one.

use super::clients::{self, change, labelled};
use super::message::{ClientCrl, Response};
use super::{Admin, AdminError};
use crate::audit::{Action, Data, Field};
use crate::crypto::certificate::revocation::RevocationList;
use crate::crypto::{Certificate, Fingerprint};
use crate::domain::clock::rfc3339;
use crate::domain::revocation::REVOCATIONS_MAX;
use crate::domain::{Anchor, Client, Clients, Initiator, Revocation};
use crate::store::changeset::Write;

/// Takes the list of a CA that is trusted for a client. It counts for every client that the CA is trusted for.
pub(super) async fn load(
    admin: &Admin,
    initiator: Initiator,
    request: ClientCrl,
) -> Result<Response, AdminError> {
    let _guard = admin.changes.lock().await;
    let client = labelled(admin, &request.label)?;
    let snapshot = admin.store.clients();
    let anchor = anchor(&snapshot, &client, request.ca.as_deref())?;
    let taken = taken(admin, &snapshot, &anchor.certificate, &request.list)?;
    let data = Data::new().text(Field::Label, &client.label).text(
        Field::Authority,
        anchor.certificate.fingerprint().to_string(),
    );
    let data = taken.described(data);
    let action = Action::RevocationListLoad;
    change(admin, action, initiator, &client, data, taken.writes).await?;
    clients::shown(admin, &request.label)
}

/// A list that may be taken.
pub(super) struct Taken {
    next_update: i64,
    revoked: usize,
    /// The enrolled certificates that it revokes: their connections are cut.
    hit: Vec<Fingerprint>,
    /// What takes it.
    pub(super) writes: Vec<Write>,
}

impl Taken {
    /// What an event says of it.
    pub(super) fn described(&self, data: Data) -> Data {
        let revoked = i64::try_from(self.revoked).unwrap_or(i64::MAX);
        data.text(Field::NextUpdate, rfc3339(self.next_update))
            .number(Field::Revoked, revoked)
            .list(Field::Fingerprint, self.hit.iter().map(ToString::to_string))
    }
}

/// Reads the list of a CA, which must not be older than the one that is held.
pub(super) fn taken(
    admin: &Admin,
    snapshot: &Clients,
    ca: &Certificate,
    text: &str,
) -> Result<Taken, AdminError> {
    let list = RevocationList::read(text.as_bytes(), ca.der(), admin.now())
        .map_err(|error| AdminError::invalid(format!("list: {error}")))?;
    check_follows(snapshot, ca, &list)?;
    let mut writes = unused(snapshot);
    let kept = snapshot.revocations().len().saturating_sub(writes.len());
    if kept >= REVOCATIONS_MAX && snapshot.revocation(ca).is_none() {
        return Err(AdminError::conflict(format!(
            "list: {REVOCATIONS_MAX} are kept already, which is as many as may be"
        )));
    }
    let (next_update, revoked) = (list.next_update, list.len());
    let hit = hit(snapshot, ca, &list);
    writes.push(Write::Revocation(Revocation {
        ca_key: ca.digests().key,
        list,
        warned: None,
    }));
    Ok(Taken {
        next_update,
        revoked,
        hit,
        writes,
    })
}
/// The CA that is meant: the one with this fingerprint, or the only one of the client.
fn anchor<'a>(
    snapshot: &'a Clients,
    client: &Client,
    ca: Option<&str>,
) -> Result<&'a Anchor, AdminError> {
    let of_client: Vec<_> = snapshot
        .anchors()
        .iter()
        .filter(|anchor| anchor.client == client.id)
        .collect();
    let label = &client.label;
    match (ca, of_client.as_slice()) {
        (None, [only]) => Ok(only),
        (None, []) => Err(AdminError::not_found(format!(
            "CA: none is trusted for client `{label}`; see `keyledger client trust-ca`"
        ))),
        (None, _) => Err(AdminError::invalid(format!(
            "CA: several are trusted for client `{label}`; say with --ca which one"
        ))),
        (Some(text), of_client) => {
            let print: Fingerprint = text
                .parse()
                .map_err(|error| AdminError::invalid(format!("CA: {error}")))?;
            let is_it = |anchor: &&&Anchor| anchor.certificate.fingerprint() == print;
            of_client.iter().find(is_it).copied().ok_or_else(|| {
                AdminError::not_found(format!(
                    "CA: client `{label}` trusts none with this fingerprint; see `keyledger client list`"
                ))
            })
        }
    }
}

/// Refuses a list that is older than the one that is held: it would let back in what was revoked since.
fn check_follows(
    snapshot: &Clients,
    ca: &Certificate,
    list: &RevocationList,
) -> Result<(), AdminError> {
    match snapshot.revocation(ca) {
        Some(held) if !list.may_follow(&held.list) => Err(AdminError::conflict(format!(
            "list: it is older than the one of {} that is held; fetch the newest",
            rfc3339(held.list.this_update)
        ))),
        _ => Ok(()),
    }
}

/// The certificates that this CA's key has enrolled and that the list revokes: their connections are cut.
fn hit(snapshot: &Clients, ca: &Certificate, list: &RevocationList) -> Vec<Fingerprint> {
    let key = ca.digests().key;
    let of_key = snapshot
        .anchors()
        .iter()
        .filter(|other| other.certificate.digests().key == key);
    let mut hit = Vec::new();
    for other in of_key {
        let Some(client) = snapshot.client(other.client) else {
            continue;
        };
        let revoked = client.certificates.iter().filter(|held| {
            other.leaves.contains(&held.fingerprint)
                && held.serial.is_some_and(|serial| list.revokes(&serial))
        });
        hit.extend(revoked.map(|held| held.fingerprint));
    }
    hit
}

/// Lists of CAs that are trusted no more go, so that they take nobody's place.
fn unused(snapshot: &Clients) -> Vec<Write> {
    let is_unused = |held: &&Revocation| {
        let mut anchors = snapshot.anchors().iter();
        !anchors.any(|anchor| held.is_of(&anchor.certificate))
    };
    let unused = snapshot.revocations().iter().filter(is_unused);
    unused
        .map(|held| Write::RevocationRemoved(held.ca_key))
        .collect()
}
