//! Instances in the form of Key Protect's KMIP adapters: what scripts written for that service read.
//!
//! An adapter is an instance, a certificate of it one that a client of the instance has, an object a key. Nothing is changed here: a script
//! that changes something asks for the same as everybody else. A certificate is known by a UUID made of its fingerprint, so that a key
//! tells who made it after the certificate is gone.

use std::collections::HashMap;
use std::sync::Arc;

use super::message::adapter::{
    Adapter, AdapterCertificate, AdapterObject, AdapterObjects, AdapterRequest, AdapterResponse,
    ProfileData,
};
use super::{Admin, AdminError, Response, keys};
use crate::crypto::{Certificate, Fingerprint};
use crate::domain::clock::rfc3339;
use crate::domain::lifecycle::moved_on;
use crate::domain::locate::Head;
use crate::domain::{
    CertificateId, Client, ClientId, Clients, Initiator, Instance, InstanceId, ObjectId,
};
use crate::store::provenance::ObjectProvenance;
use crate::store::query::{By, LocateQuery};

/// The one profile there is.
pub(super) const PROFILE: &str = "native_1.0";
/// How many keys are passed in one look at the store.
const LOOK: usize = 5000;

/// Who added each certificate that is enrolled.
type Creators = HashMap<Fingerprint, Arc<Initiator>>;

/// A certificate of an adapter, and whose it is.
pub(super) struct Held {
    /// Its name in the adapter.
    pub(super) name: String,
    /// The label of its client.
    pub(super) label: String,
    pub(super) fingerprint: Fingerprint,
    added: i64,
    /// Of those added in one second the client that was made first comes first.
    client: ClientId,
}

pub(super) async fn run(admin: &Admin, request: AdapterRequest) -> Result<Response, AdminError> {
    let answer = match request {
        AdapterRequest::List => AdapterResponse::Adapters(list(admin).await?),
        AdapterRequest::Certificates { instance } => {
            AdapterResponse::Certificates(certificates(admin, &instance).await?)
        }
        AdapterRequest::Certificate { instance, id } => {
            let one = certificate(admin, &instance, &id).await?;
            AdapterResponse::Certificates(vec![one])
        }
        AdapterRequest::Objects(which) => {
            let (page, total) = objects(admin, which).await?;
            AdapterResponse::Objects(page, total)
        }
        AdapterRequest::Object { instance, id } => {
            let one = object(admin, &instance, &id).await?;
            AdapterResponse::Objects(vec![one], None)
        }
    };
    Ok(Response::Adapter(answer))
}

async fn list(admin: &Admin) -> Result<Vec<Adapter>, AdminError> {
    let mut provenance = admin.store.instance_provenance().await?;
    let mut instances = admin.store.clients().instances();
    instances.sort_by_key(|held| held.id);
    let adapter = |held: Arc<Instance>| {
        let from = provenance.remove(&held.id);
        let (creator, changed, changer, profile) = match from {
            Some(from) => (from.creator, from.changed, from.changer, from.profile),
            None => (None, None, None, None),
        };
        let created_by = initiator_id(creator.as_ref());
        let (description, crk_id) = match profile {
            Some(profile) => (profile.description, profile.crk_id),
            None => (String::new(), String::new()),
        };
        Adapter {
            id: held.id.to_string(),
            name: held.name.clone(),
            description: (!description.is_empty()).then_some(description),
            profile: PROFILE.to_owned(),
            profile_data: ProfileData { crk_id },
            created_at: rfc3339(held.created),
            updated_at: rfc3339(changed.unwrap_or(held.created)),
            updated_by: match changed {
                Some(_) => initiator_id(changer.as_ref()),
                None => created_by.clone(),
            },
            created_by,
        }
    };
    Ok(instances.into_iter().map(adapter).collect())
}

fn initiator_id(who: Option<&Arc<Initiator>>) -> String {
    who.map(|who| who.id.clone()).unwrap_or_default()
}

/// The certificates of an instance, in the order in which they were added.
pub(super) fn held(snapshot: &Clients, instance: InstanceId) -> Vec<Held> {
    let clients = snapshot.clients();
    let of_it = clients.iter().filter(|client| client.instance == instance);
    let mut held: Vec<_> = of_it.flat_map(|client| of_client(client)).collect();
    held.sort_by_key(|held| (held.added, held.client, held.fingerprint));
    held
}

/// The newest certificate of a client bears its label; a script that enrols one under a name finds it there.
fn of_client(client: &Client) -> impl Iterator<Item = Held> {
    let newest = client
        .certificates
        .iter()
        .max_by_key(|held| (held.added, held.fingerprint));
    let newest = newest.map(|held| held.fingerprint);
    client.certificates.iter().map(move |held| {
        let print = held.fingerprint.to_string();
        let name = match newest {
            Some(newest) if newest != held.fingerprint => {
                format!("{}.{}", client.label, &print[..8])
            }
            _ => client.label.clone(),
        };
        Held {
            name,
            label: client.label.clone(),
            fingerprint: held.fingerprint,
            added: held.added,
            client: client.id,
        }
    })
}

/// The certificate of an instance with this identifier, or this name: no name may stand in for what an identifier means.
pub(super) fn find(snapshot: &Clients, instance: InstanceId, id: &str) -> Option<Held> {
    let mut all = held(snapshot, instance);
    let is_it = |held: &Held| CertificateId::of(&held.fingerprint).to_string() == id;
    let found = all.iter().position(is_it);
    let found = found.or_else(|| all.iter().position(|held| held.name == id));
    found.map(|place| all.swap_remove(place))
}

fn shown(held: Held, creators: &Creators) -> AdapterCertificate {
    AdapterCertificate {
        id: CertificateId::of(&held.fingerprint).to_string(),
        name: held.name,
        created_at: rfc3339(held.added),
        created_by: initiator_id(creators.get(&held.fingerprint)),
        certificate: None,
    }
}

async fn certificates(
    admin: &Admin,
    instance: &str,
) -> Result<Vec<AdapterCertificate>, AdminError> {
    let instance = admin.instance(Some(instance))?;
    let creators = admin.store.certificate_creators(instance.id).await?;
    let all = held(&admin.store.clients(), instance.id);
    let all = all.into_iter().map(|held| shown(held, &creators));
    Ok(all.collect())
}

async fn certificate(
    admin: &Admin,
    instance: &str,
    id: &str,
) -> Result<AdapterCertificate, AdminError> {
    let instance = admin.instance(Some(instance))?;
    let found = find(&admin.store.clients(), instance.id, id);
    let found = found.ok_or_else(|| {
        let id = id.escape_debug();
        AdminError::not_found(format!(
            "certificate: the KMIP adapter `{}` has no certificate `{id}`",
            instance.name
        ))
    })?;
    let creators = admin.store.certificate_creators(instance.id).await?;
    let der = admin.store.certificate_der(found.fingerprint).await?;
    let certificate = der.and_then(|der| Certificate::from_der(&der).ok());
    let text = certificate.map(|certificate| certificate.to_pem());
    Ok(AdapterCertificate {
        certificate: Some(text.unwrap_or_default()),
        ..shown(found, &creators)
    })
}

/// A page of the keys of an instance. Those before it and, to be counted, those after it are passed in looks of a bounded length.
async fn objects(
    admin: &Admin,
    which: AdapterObjects,
) -> Result<(Vec<AdapterObject>, Option<u64>), AdminError> {
    let instance = admin.instance(Some(&which.instance))?;
    let mut after = None;
    let (mut page, mut matching) = (Vec::new(), 0_u64);
    loop {
        let look = LocateQuery {
            instance: instance.id,
            by: By::All,
            after,
            limit: LOOK,
        };
        let look = admin.store.locate(look).await?;
        for head in look.heads {
            if !which.states.contains(&state(admin, &head)) {
                continue;
            }
            if matching >= which.offset && page.len() < which.limit {
                page.push(head);
            }
            matching += 1;
        }
        after = look.next;
        if after.is_none() || (page.len() == which.limit && !which.count) {
            break;
        }
    }
    let page = described(admin, instance.id, page).await?;
    Ok((page, which.count.then_some(matching)))
}

fn state(admin: &Admin, head: &Head) -> u32 {
    moved_on(head.state, head.activation, head.deactivation, admin.now()).code()
}

async fn object(admin: &Admin, instance: &str, id: &str) -> Result<AdapterObject, AdminError> {
    let instance = admin.instance(Some(instance))?;
    let missing = || keys::missing(id);
    let look = LocateQuery {
        instance: instance.id,
        by: By::Id(id.parse().map_err(|_| missing())?),
        after: None,
        limit: 1,
    };
    let heads = admin.store.locate(look).await?.heads;
    let page = described(admin, instance.id, heads).await?;
    page.into_iter().next().ok_or_else(missing)
}

async fn described(
    admin: &Admin,
    instance: InstanceId,
    heads: Vec<Head>,
) -> Result<Vec<AdapterObject>, AdminError> {
    let creators = admin.store.certificate_creators(instance).await?;
    let ids: Vec<ObjectId> = heads.iter().map(|head| head.id).collect();
    let provenance = admin.store.object_provenance(ids).await?;
    let described = heads
        .into_iter()
        .zip(provenance)
        .filter_map(|(head, from)| {
            let state = state(admin, &head);
            from.map(|from| view(&head, state, &from, &creators))
        });
    Ok(described.collect())
}

fn view(head: &Head, state: u32, from: &ObjectProvenance, creators: &Creators) -> AdapterObject {
    let certificate = |who: Option<&Arc<Initiator>>| {
        let print = who.and_then(|who| who.fingerprint());
        print.map(|print| CertificateId::of(&print).to_string())
    };
    let person = |who: Option<&Arc<Initiator>>| match who.and_then(|who| who.fingerprint()) {
        Some(print) => creators.get(&print).map(|creator| creator.id.clone()),
        None => who.map(|who| who.id.clone()),
    };
    let (creator, destroyer) = (from.creator.as_ref(), from.destroyer.as_ref());
    let changer = from.changer.as_ref().or(creator);
    AdapterObject {
        id: head.id.to_string(),
        kmip_object_type: head.object_type.code(),
        state,
        created_at: rfc3339(head.initial),
        created_by_kmip_client_cert_id: certificate(creator).unwrap_or_default(),
        created_by: person(creator),
        updated_at: rfc3339(from.last_change),
        updated_by_kmip_client_cert_id: certificate(changer),
        updated_by: person(changer),
        destroyed_at: from.destroyed.map(rfc3339),
        destroyed_by_kmip_client_cert_id: certificate(destroyer),
        destroyed_by: person(destroyer),
        recoverable: from.destroy_due.is_some(),
    }
}
