//! What kinds of changes there are, as far as the writer tells them apart.

use crate::store::changeset::Write;

/// Whether a write can be refused after another statement of the changeset has written.
pub(super) fn may_fail_halfway(writes: &[Write]) -> bool {
    let (Some(first), rest) = (writes.first(), writes.iter().skip(1)) else {
        return false;
    };
    let first = match first {
        Write::Insert(object) => !object.names.is_empty(),
        // Names are given up before the attributes turn out to be too long.
        Write::Attributes(object) => !object.names.is_empty() || rest.len() > 0,
        Write::Client(_)
        | Write::Certificate(..)
        | Write::CertificateRemoved(..)
        | Write::AnchorRemoved(..)
        | Write::InstanceRemoved(..)
        | Write::Leaf(..)
        | Write::Rewrap(_) => true,
        _ => false,
    };
    first
        || rest
            .into_iter()
            .any(|write| !matches!(write, Write::Read(..)))
}

/// Whether it is kept by whom it was done.
pub(super) const fn keeps_by(write: &Write) -> bool {
    matches!(
        write,
        Write::Insert(_)
            | Write::State(_)
            | Write::Attributes(_)
            | Write::Read(..)
            | Write::Instance(_)
            | Write::Client(_)
            | Write::Certificate(..)
            | Write::Leaf(..)
            | Write::CertificateRemoved(..)
            | Write::AnchorRemoved(..)
            | Write::ClientRemoved(_)
    )
}

pub(super) const fn concerns_routing(write: &Write) -> bool {
    matches!(
        write,
        Write::Target(..)
            | Write::TargetRemoved(_)
            | Write::Route(_)
            | Write::RouteRemoved(_)
            | Write::RoutingSettings(_)
    )
}

pub(super) const fn concerns_administrators(write: &Write) -> bool {
    matches!(
        write,
        Write::ApiKey(_)
            | Write::ApiKeyRemoved(_)
            | Write::Administrator(_)
            | Write::AdministratorRemoved(_)
            | Write::AdministratorWarned(..)
            | Write::InstanceRemoved(..)
    )
}

pub(super) const fn concerns_clients(write: &Write) -> bool {
    match write {
        Write::Insert(_)
        | Write::State(_)
        | Write::Attributes(_)
        | Write::Read(..)
        | Write::Destruction(_)
        | Write::DestructionEnded(_)
        | Write::DataKey(..)
        | Write::Adapter(..)
        | Write::CertificateDer(..)
        | Write::Target(..)
        | Write::TargetRemoved(_)
        | Write::Route(_)
        | Write::RouteRemoved(_)
        | Write::RoutingSettings(_)
        | Write::ApiKey(_)
        | Write::ApiKeyRemoved(_)
        | Write::Administrator(_)
        | Write::AdministratorRemoved(_)
        | Write::AdministratorWarned(..)
        | Write::Cursor(..)
        | Write::ParkedDropped(..)
        | Write::BackupKey(_)
        | Write::OwnCertificates(_)
        | Write::OwnWarned(..)
        | Write::Epoch(..)
        | Write::Removal(..)
        | Write::NodePrepared(..)
        | Write::Rewrap(_) => false,
        Write::Instance(_)
        | Write::Credential(..)
        | Write::CredentialCleared(_)
        | Write::Client(_)
        | Write::Certificate(..)
        | Write::CertificateRemoved(..)
        | Write::CertificateUntil(..)
        | Write::Revocation(_)
        | Write::RevocationRemoved(_)
        | Write::RevocationWarned(..)
        | Write::CertificateWarned(..)
        | Write::Anchor(_)
        | Write::AnchorRemoved(..)
        | Write::AnchorWarned(..)
        | Write::Leaf(..)
        | Write::ClientStatus(..)
        | Write::ClientPermissions(..)
        | Write::InstanceRules(..)
        | Write::InstanceRemoved(..)
        | Write::ClientRemoved(_) => true,
    }
}
