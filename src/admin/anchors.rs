//! CAs of others that are trusted for one client: adding and removing them.
//!
//! A CA signs for many, so each is bound to one client and to one exact subject; what fits is enrolled at its first use.

use super::clients::{self, change, labelled, new_client};
use super::message::{ClientRemove, ClientTrust, Response};
use super::{Admin, AdminError, revocations};
use crate::audit::{Action, Data, Field};
use crate::crypto::certificate::issued::check_authority;
use crate::crypto::certificate::subject::Subject;
use crate::crypto::{Certificate, Fingerprint};
use crate::domain::anchor::ANCHORS_MAX;
use crate::domain::client::check_label;
use crate::domain::clock::rfc3339;
use crate::domain::{Anchor, Client, Clients, Initiator};
use crate::store::changeset::Write;

/// Trusts a CA for a new client, or for one that exists.
pub(super) async fn trust(
    admin: &Admin,
    initiator: Initiator,
    request: ClientTrust,
) -> Result<Response, AdminError> {
    let label = &request.label;
    check_label(label).map_err(|error| AdminError::invalid(format!("label: {error}")))?;
    let certificate = Certificate::from_pem(&request.certificate)
        .map_err(|error| AdminError::invalid(format!("CA: {error}")))?;
    check_authority(certificate.der(), admin.now())
        .map_err(|error| AdminError::invalid(format!("CA: {error}")))?;
    check_not_ours(admin, &certificate)?;
    let subject = Subject::from_text(&request.subject)
        .map_err(|error| AdminError::invalid(format!("subject: {error}")))?;
    let _guard = admin.changes.lock().await;
    let snapshot = admin.store.clients();
    let (client, is_new) = match (snapshot.labelled(label), request.renew) {
        (Some(client), true) => (Client::clone(client), false),
        (None, false) => {
            let instance = request.instance.as_deref();
            (new_client(admin, label, instance, Vec::new())?, true)
        }
        (Some(holder), false) => return Err(clients::label_taken(holder)),
        (None, true) => return Err(clients::unknown(label)),
    };
    let anchor = Anchor {
        client: client.id,
        certificate,
        subject,
        added: admin.now(),
        warned: None,
        leaves: Vec::new(),
    };
    check_room(&snapshot, &anchor)?;
    let list = request.list.as_deref();
    let list = list.map(|text| revocations::taken(admin, &snapshot, &anchor.certificate, text));
    let list = list.transpose()?;
    let data = described(&client, &anchor);
    let data = match &list {
        Some(list) => list.described(data),
        None => data,
    };
    let made = is_new.then(|| Write::Client(client.clone()));
    let listed = list.into_iter().flat_map(|list| list.writes);
    let writes = made.into_iter().chain([Write::Anchor(anchor)]);
    let writes = writes.chain(listed).collect();
    change(admin, Action::ClientTrust, initiator, &client, data, writes).await?;
    clients::shown(admin, label)
}

fn described(client: &Client, anchor: &Anchor) -> Data {
    let ca = &anchor.certificate;
    Data::new()
        .text(Field::Label, &client.label)
        .text(Field::Authority, ca.fingerprint().to_string())
        .text(Field::Subject, anchor.subject.to_string())
        .text(Field::NotAfter, rfc3339(ca.not_after()))
        .text(Field::Trust, "anchored")
}

/// Refuses this server's own CA: what it signs is enrolled when it is signed, by somebody.
fn check_not_ours(admin: &Admin, certificate: &Certificate) -> Result<(), AdminError> {
    let key = |certificate: &Certificate| certificate.digests().key;
    let own = admin.own.held();
    if own.authorities.iter().any(|ca| key(ca) == key(certificate)) {
        return Err(AdminError::invalid(
            "CA: it is this server's own; enrol what it signs with `keyledger client issue` or `client sign-csr`",
        ));
    }
    Ok(())
}

/// Refuses an anchor that would never decide anything, or one too many. A CA's certificate renewed under its key is another
/// anchor of its client, and the same one for other clients.
fn check_room(snapshot: &Clients, anchor: &Anchor) -> Result<(), AdminError> {
    let mut others = snapshot.anchors().iter();
    let stands_in_the_way = |held: &&Anchor| {
        let (held_ca, ca) = (&held.certificate, &anchor.certificate);
        if held.client == anchor.client {
            held_ca.fingerprint() == ca.fingerprint()
        } else {
            held_ca.digests().key == ca.digests().key && held.subject == anchor.subject
        }
    };
    if let Some(held) = others.find(stands_in_the_way) {
        let whose = snapshot.client(held.client).map(|client| client.instance);
        return Err(clients::in_the_way(
            "CA",
            whose,
            "it is trusted already for this client, or for this subject; remove that first with \
             `keyledger client remove LABEL --ca FINGERPRINT`",
        ));
    }
    if snapshot.anchors().len() >= ANCHORS_MAX {
        let text = format!(
            "{ANCHORS_MAX} are trusted already, which is as many as may be; remove one first"
        );
        return Err(clients::in_the_way("CA", None, &text));
    }
    Ok(())
}

/// Trusts a CA no more; what it enrolled is removed with it.
pub(super) async fn remove(
    admin: &Admin,
    initiator: Initiator,
    request: &ClientRemove,
    ca: &str,
) -> Result<Response, AdminError> {
    let ca: Fingerprint = ca
        .parse()
        .map_err(|error| AdminError::invalid(format!("CA: {error}")))?;
    let _guard = admin.changes.lock().await;
    let client = labelled(admin, &request.label)?;
    clients::check_unrestricted(admin, &initiator, &client).await?;
    let snapshot = admin.store.clients();
    let mut anchors = snapshot.anchors().iter();
    let is_this = |held: &&Anchor| held.client == client.id && held.certificate.fingerprint() == ca;
    let anchor = anchors.find(is_this).ok_or_else(|| {
        AdminError::not_found(format!(
            "CA: client `{}` trusts none with this fingerprint; see `keyledger client list --format json`",
            client.label
        ))
    })?;
    let gone = anchor.leaves.iter().map(ToString::to_string);
    let data = Data::new()
        .text(Field::Label, &client.label)
        .text(Field::Authority, ca.to_string())
        .text(Field::Subject, anchor.subject.to_string())
        .list(Field::Fingerprint, gone);
    let writes = vec![Write::AnchorRemoved(client.id, ca)];
    change(
        admin,
        Action::ClientRemove,
        initiator,
        &client,
        data,
        writes,
    )
    .await?;
    clients::shown(admin, &request.label)
}
