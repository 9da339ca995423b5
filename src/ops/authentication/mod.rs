//! Whether a request may be carried out for the credential in its header (KMIP 1.4 §6.6).
//!
//! The certificate has decided who asks and whose keys they are. An instance may ask for a user name and a password besides; then a
//! wrong one fails every item of the message, whatever it is, and a missing one fails all but what vCenter sends without. An instance
//! that asks for none ignores what is sent. [`checks`] keeps the slow hash of passwords out of the way of requests.

mod attempts;
pub(crate) mod checks;

use std::sync::Arc;

use crate::domain::{Credential, Identity};
use crate::kmip::attribute::AttributeName;
use crate::kmip::message::{Credential as Offered, RequestItem};
use crate::kmip::payload::RequestPayload;
use crate::ops::error::Cause;

/// What vCenter's own attributes begin with.
const VCENTER_ATTRIBUTES: &str = "x-";

/// Who sent a message and what it was found to be worth, and against which credential.
#[derive(Clone)]
pub(crate) struct Standing {
    /// Who sent it, with what they may do as it was when it was looked at; must still be so when the message is committed.
    pub(crate) identity: Arc<Identity>,
    /// What the instance asked for when it was looked at; must still be so when the message is committed.
    pub(crate) credential: Option<Arc<Credential>>,
    verdict: Verdict,
}

/// What became of the credentials of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The instance asks for none.
    NotAsked,
    /// All that were sent are right.
    Right,
    /// None was sent.
    Missing,
    /// One of them is wrong, or of a kind that the instance does not know.
    Wrong,
    /// The client has sent too many wrong ones of late: this one was not looked at.
    NotChecked,
}

impl Standing {
    pub(crate) fn new(
        identity: &Arc<Identity>,
        credential: Option<Arc<Credential>>,
        verdict: Verdict,
    ) -> Self {
        Self {
            identity: Arc::clone(identity),
            credential,
            verdict,
        }
    }

    /// Why an item of the message is not carried out, if it is not.
    pub(crate) fn bars(&self, item: &RequestItem) -> Option<Cause> {
        match self.verdict {
            Verdict::NotAsked | Verdict::Right => None,
            Verdict::Missing if certificate_suffices(item) => None,
            Verdict::Missing => Some(Cause::CredentialMissing),
            Verdict::Wrong => Some(Cause::CredentialWrong),
            Verdict::NotChecked => Some(Cause::CredentialNotChecked),
        }
    }
}

/// What vCenter sends without its password: discovery and its tagging of keys. It touches neither key nor state.
fn certificate_suffices(item: &RequestItem) -> bool {
    let Ok(payload) = &item.payload else {
        return false;
    };
    match payload {
        RequestPayload::DiscoverVersions(_) | RequestPayload::Query(_) => true,
        RequestPayload::GetAttributes(request) => {
            !request.names.is_empty() && request.names.iter().all(is_vcenters)
        }
        RequestPayload::AddAttribute(request) => is_vcenters(&request.attribute.name),
        RequestPayload::Create(_)
        | RequestPayload::Get(_)
        | RequestPayload::GetAttributeList(_)
        | RequestPayload::ModifyAttribute(_)
        | RequestPayload::DeleteAttribute(_)
        | RequestPayload::Activate(_)
        | RequestPayload::Revoke(_)
        | RequestPayload::Destroy(_)
        | RequestPayload::Locate(_)
        | RequestPayload::Unsupported(..) => false,
    }
}

fn is_vcenters(name: &AttributeName) -> bool {
    name.text().starts_with(VCENTER_ATTRIBUTES)
}

/// The user name and password of an offered credential, if it is of that kind and can be right at all.
fn name_and_password(offered: &Offered) -> Option<(&str, &str)> {
    match offered {
        Offered::UsernameAndPassword {
            username,
            password: Some(password),
        } if Credential::could_be(username, password.expose()) => {
            Some((username, password.expose()))
        }
        Offered::UsernameAndPassword { .. } | Offered::Device(_) | Offered::Other(_) => None,
    }
}
